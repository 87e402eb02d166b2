"""Bad playbooks are refused with the line of what is wrong; the good ones beside them are there."""

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.files import parse_yaml, read_yaml, to_yaml
from inventory.asset import Asset
from inventory.graph import build_graph
from playbooks.capabilities import capability
from playbooks.form import Input, read_form
from playbooks.kinds import read_value
from playbooks.lint import lint
from playbooks.load import LIBRARY, Shelf, load_catalogue
from playbooks.plan import Surroundings, make_plan
from playbooks.templates import check_text, holds, render
from tests.playbooks.bench import HEAD, SIMPLE, Device, book, lookup
from tests.playbooks.tampering import tampered

TARGETS = "targets: {match: {tags: web}}\n"


def steps(*lines: str) -> str:
    return HEAD + TARGETS + "steps:\n" + "".join(f"  - {line}\n" for line in lines)


SET = "{id: set, run: bench.set, with: {key: light}}"
WRONG = [
    (steps(SET, SET), "stands twice", 10),
    (steps("{id: set, run: bench.st, with: {key: light}}"), "no capability", 9),
    (steps("{id: set, run: bench.set, with: {keys: light}}"), "no option 'keys'", 9),
    (steps("{id: set, run: bench.set, with: {key: '$(reboot)'}}"), "plain word", 9),
    (steps("{id: set, run: bench.set, with: {key: '{{ nobody }}'}}"), "nothing called 'nobody'", 9),
    (steps("{id: set, run: bench.set, with: {key: '{{ incident.id.strip() }}'}}"), "calls", 9),
    (steps("{id: set, run: bench.set, with: {key: '{% for x in y %}a{% endfor %}'}}"), "no blocks", 9),
    (steps("{id: set, run: bench.set, with: {key: light}, wait: 5m}"), "exactly one of", 9),
    (steps("{id: set, run: bench.set, with: {key: light}, then: []}"), "does not belong to run", 9),
    (steps("{id: set, run: bench.set, with: {key: light}, verfy: {}}"), "unknown key", 9),
    (steps("{id: add, run: bench.add, with: {key: light}}"), "neither verified nor undone", 9),
    (steps("{id: add, run: bench.add, with: {key: light}, undo: {after: 5m}}"), "neither verified nor undone|cannot be undone", 9),
    (steps("{id: out, run: bench.halt, with: {key: light}}"), "says change, but a step is danger", 6),
    (steps("{id: if_, if: steps.later.ok, then: [" + SET + "]}"), "no step before", 9),
    (steps("{id: if_, if: steps.later.ok}"), "without steps", 9),
    (steps("{id: par, parallel: []}"), "without steps", 9),
    (steps("{id: all, each: nobody, steps: [" + SET + "]}"), "no input 'nobody'", 9),
    (steps("{id: approval, wait: 5m}"), "engine's own", 9),
    (steps("{id: nap, wait: 400d}"), "31 days", 9),
    (steps("{id: set, run: bench.set, with: {key: light}, timeout: }"), "a duration is", 9),
    (steps("{id: set, run: bench.set, with: {key: '{{ steps.see.values.key }}'}}"), "run a second playbook", 9),
    (steps("{id: set, run: bench.set, with: {key: light}, retry: {times: 99}}"), "less than or equal to 5", 9),
    (steps("{id: set, run: bench.set, with: {key: light}, unless: 'here.x.y = 1'}"), "no template", 9),
    (steps("{id: ask, ask: {to: 'role:boss', text: {zh: 问, en: ask}}}"), "no role 'boss'", 9),
    (steps("{id: ask, ask: {to: 'person:*', text: {zh: 问, en: ask}}}"), "pattern", 9),
    (steps("{id: ask, ask: {text: {zh: 问}}}"), "[Ff]ield required", 9),
    (steps("{id: set, run: bench.set, with: {key: light, value: 'https://admin:pa55word@host/'}}"), "secret in plain text", 9),
    (steps("{id: ask, ask: {text: {zh: 问, en: 'use password: hunter2secret'}}}"), "secret in plain text", 9),
    (HEAD + "steps:\n  - " + SET + "\n", "needs targets", 8),
    (HEAD + "targets: {match: {tags: '*'}}\nsteps: [" + SET + "]\n", "wildcard", 7),
    (HEAD + "targets: {match: {site: ''}}\nsteps: [" + SET + "]\n", "wildcard", 7),
    (HEAD + "targets: {max: 5}\nsteps: [" + SET + "]\n", "open scope", 7),
    (HEAD + "targets: {input: host}\nsteps: [" + SET + "]\n", "no input of type asset", 7),
    (HEAD + TARGETS + "inputs: {n: {type: int, min: 5, default: 1}}\nsteps: [" + SET + "]\n", "below 5", 8),
    (HEAD + TARGETS + "inputs: {n: {type: integer}}\nsteps: [" + SET + "]\n", "Input should be", 8),
    (HEAD + TARGETS + "inputs: {target: {type: asset}}\nsteps: [" + SET + "]\n", "engine's own", 8),
    (HEAD + TARGETS + "trigger: {rules: [disk_full], auto: true}\nsteps: [" + SET + "]\n", "risk read", 8),
    (HEAD + TARGETS + "limits: {once_per: nobody}\nsteps: [" + SET + "]\n", "no input 'nobody'", 8),
]


@pytest.mark.parametrize(("text", "message", "line"), WRONG)
def test_a_bad_playbook_is_refused_with_its_line(text: str, message: str, line: int) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        book(text)
    assert refused.value.line == line


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_tampered_playbook_is_refused_in_words_or_plans(seed: int) -> None:
    random = Random(seed)
    name = random.choice(("cooling-failure", "certificate-renewal", "service-restart", "report-to-vendor"))
    given_ = {"hosts": ["host"], "path": "/etc/a.pem", "service": "demo", "server": "host", "to": "a@example.org", "subject": "s", "text": "t"}
    with suppress(ConfigError):
        document = next(iter(parse_yaml(to_yaml(tampered(random, read_yaml(LIBRARY / f"{name}.yaml").data)), "tampered.yaml")))
        playbook = read_form(document)
        lint(playbook, document, capability)
        around = Surroundings(build_graph([Asset(id="host", address="127.0.0.1")]), capability, {})
        assert make_plan(playbook, {key: value for key, value in given_.items() if key in playbook.inputs}, around).hash


def test_circles_of_calls_and_calls_of_nobody_are_refused_and_the_others_stay(tmp_path: Path) -> None:
    def calling(name: str, other: str) -> str:
        return HEAD.replace("try-it", name) + "steps:\n  - {id: go, call: " + other + "}\n"

    for name, other in (("one", "two"), ("two", "three"), ("three", "one"), ("four", "nobody"), ("five", "good")):
        (tmp_path / f"{name}.yaml").write_text(calling(name, other))
    (tmp_path / "good.yaml").write_text(SIMPLE.replace("try-it", "good"))
    (tmp_path / "broken.yaml").write_text("playbook: [")
    found = load_catalogue([tmp_path], lookup(Device(tmp_path)))
    assert sorted(found.playbooks) == ["five", "good"]
    told = "\n".join(map(str, found.problems))
    assert "one.yaml:8: steps.0.call: two calls one again: a circle" in told
    assert "there is no playbook 'nobody'" in told
    assert "broken.yaml" in told


def test_every_shipped_playbook_is_in_order() -> None:
    found = load_catalogue([LIBRARY])
    assert [str(problem) for problem in found.problems] == []
    assert found.playbooks


def test_a_file_that_changes_is_read_again_and_a_bad_policy_leaves_the_old_one(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.look()[1].protected.tags == ("protected",)
    (tmp_path / "playbooks.yaml").write_text("protected: {assets: core}\n")
    assert shelf.look()[1].protected.assets == ("core",)
    (tmp_path / "playbooks.yaml").write_text("protected: {asets: core, x: yes}\n")
    catalogue, policy = shelf.look()
    assert policy.protected.assets == ("core",)
    assert any("playbooks.yaml:1" in str(problem) for problem in catalogue.problems)


HOSTILE = [
    "; reboot",
    "$(id)",
    "`id`",
    "a\nb",
    "-rf",
    "a b",
    "../x",
    "a|b",
    "a&b",
    "a>b",
    "'",
    '"',
    "\\",
    "a\x00",
    "*",
    "%0a",
    "{{ 7*7 }}",
    "中文;x",
    "",
    "a\r",
    "a\u2028b",
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("kind", ["word", "host", "ip", "network", "interface", "path", "mac", "int", "port", "date", "duration", "number", "bool"])
def test_hostile_texts_are_no_values(kind: str, value: str) -> None:
    with pytest.raises(ConfigError):
        read_value("x", Input.model_validate({"type": kind}), value)


@pytest.mark.parametrize("path", ["/etc/../shadow", "relative", "/", "/a//b", "/a b", "~/x", "/a/./b"])
def test_a_path_has_plain_names_only(path: str) -> None:
    with pytest.raises(ConfigError):
        read_value("x", Input.model_validate({"type": "path"}), path)


def test_plain_values_keep_their_type() -> None:
    assert render({"a": "{{ n }}", "b": "x{{ n }}", "c": ["{{ names }}"]}, {"n": 5, "names": ["a"]}) == {"a": 5, "b": "x5", "c": [["a"]]}
    assert holds("n > 4 and 'a' in names", {"n": 5, "names": ["a"]})
    assert not holds("missing.deeper", {})


@pytest.mark.parametrize("text", ["{{ ''.__class__ }}", "{{ x.__init__ }}"])
def test_templates_reach_no_insides(text: str) -> None:
    check_text(text)
    with pytest.raises(ConfigError):
        render(text + " ", {"x": "a"})
