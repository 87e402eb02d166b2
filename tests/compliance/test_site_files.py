"""Every file of compliance that a site writes, broken in each field: an error that names the file, nothing else is lost, nothing breaks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from compliance.load import load_checks
from compliance.measured.take import read_connections
from compliance.records.kind import load_kinds
from compliance.register import read_file
from compliance.reports.schedule import read_schedule
from compliance.rounds.template import load_templates
from compliance.site_frameworks import read_frameworks
from core.errors import ConfigError

Read = Callable[[Path], tuple[int, Sequence[ConfigError]]]
BAD: Final[tuple[object, ...]] = (
    None,
    [],
    {},
    {"x": {"y": ["z"]}},
    [[[[[]]]]],
    True,
    -1,
    1e308,
    float("nan"),
    "",
    " ",
    "\u202eevil\u2066",
    "x" * 20_000,
    "(a+)+$",
    "2026-13-45",
    "../../etc/passwd",
)
TEXT: Final = {"zh": "名", "en": "name"}
GOOD: Final[dict[str, dict[str, Any]]] = {
    "objects.yaml": {
        "objects": [
            {
                "id": "oa",
                "name": "办公",
                "s": 3,
                "a": 2,
                "extensions": ["cloud"],
                "label": "内部",
                "boundary": ["防火墙"],
                "scope": {"assets": ["web1"], "rules": [{"business": ["oa"], "tag": ["x"], "level": [3]}], "excluded": ["web9"]},
                "zones": [{"name": "dmz", "assets": ["web1"], "note": "n"}],
                "people": {"owner": "li", "security": "wang"},
                "dates": {"in_use": "2024-01-01", "graded": "2024-01-01", "certificate_until": "2027-01-01"},
            }
        ]
    },
    "reports.yaml": {"reports": [{"id": "monthly", "kind": "assessment", "format": "docx", "language": "zh_CN", "every": "month", "hour": 6, "keep": 3}]},
    "connections.yaml": {"connections": [{"from": "a", "to": "b", "why": "x", "until": "2027-01-01"}]},
    "checks/own.yaml": {
        "id": "own-check",
        "title": TEXT,
        "severity": "high",
        "platforms": ["linux"],
        "reads": "sshd_config",
        "parameters": {"port": "22"},
        "applies": [{"setting": "port", "matches": "."}],
        "expect": [{"setting": "port", "equals": "$port"}, {"lines": "^port 22$", "at_least": 1}],
        "items": ["G.CES.AC.2"],
        "remediation": TEXT,
        "references": ["x"],
        "playbook": {"name": "remedy-linux-check", "assets": "hosts", "inputs": {"check": "lnx-ssh-root"}},
        "samples": [{"platform": "debian", "verdict": "fail", "change": [{"kind": "sshd_config", "replace": "port 22", "by": "port 23"}]}],
    },
    "records/pass.yaml": {
        "id": "pass",
        "order": 200,
        "title": TEXT,
        "about": TEXT,
        "name": "owner",
        "ends": "until",
        "writers": ["operator"],
        "fields": [
            {"id": "owner", **TEXT, "required": True},
            {"id": "issued", **TEXT, "type": "date"},
            {"id": "until", **TEXT, "type": "date"},
            {"id": "zone", **TEXT, "type": "choice", "choices": {"room": TEXT}},
        ],
        "dues": [{"id": "renewal", **TEXT, "at": "until", "soon_days": 30}, {"id": "review", **TEXT, "after": ["issued"], "months": 12}],
        "gaps": [{"id": "no_zone", **TEXT, "when": {"zone": {"blank": True}}}],
    },
    "frameworks/own.yaml": {
        "id": "own-2026",
        "family": "own",
        "name": TEXT,
        "valid_from": "2026-01-01",
        "layers": [{"code": "A", **TEXT}],
        "items": [{"id": "A.1", "layer": "A", "point": TEXT, **TEXT, "checks": ["lnx-ssh-root"]}],
    },
}


def frameworks(site: Path) -> tuple[int, Sequence[ConfigError]]:
    found = read_frameworks(site)
    return len(found.by_id), found.problems


def checks(site: Path) -> tuple[int, Sequence[ConfigError]]:
    loaded = load_checks((site / "checks",))
    return len(loaded.checks), loaded.errors


READERS: Final[dict[str, Read]] = {
    "objects.yaml": lambda site: (len((found := read_file(site))[0]), found[1]),
    "reports.yaml": lambda site: (len((found := read_schedule(site))[0]), found[1]),
    "connections.yaml": lambda site: (len((found := read_connections(site))[0]), found[1]),
    "checks/own.yaml": checks,
    "records/pass.yaml": lambda site: (len((found := load_kinds((site / "records",)))[0]), found[1]),
    "frameworks/own.yaml": frameworks,
    "rounds/own.yaml": lambda site: (len((found := load_templates((site / "rounds",)))[0]), found[1]),
}
SHIPPED_ROUND: Final = Path("compliance/rounds/templates")


def good(name: str) -> dict[str, Any]:
    if name == "rounds/own.yaml":
        (first, *_) = sorted(next(path for path in (SHIPPED_ROUND,) if path.is_dir()).glob("*.yaml"))
        data: dict[str, Any] = yaml.safe_load(first.read_text(encoding="utf-8"))
        return data
    return GOOD[name]


def places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document but its root."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*at, key)
        yield from places(inner, (*at, key))


def broken(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one place missing, misspelt or holding something else, each in turn."""
    for place in places(data):
        for number in range(-2, len(BAD)):
            made = copy.deepcopy(data)
            holder: Any = made
            for key in place[:-1]:
                holder = holder[key]
            if number == -2:
                del holder[place[-1]]
            elif number == -1:
                if not isinstance(holder, dict):
                    continue
                holder[f"{place[-1]}x"] = holder.pop(place[-1])
            else:
                holder[place[-1]] = BAD[number]
            yield f"{'.'.join(map(str, place))}/{number}", made


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for folder in ("checks", "records", "frameworks", "rounds"):
        (tmp_path / folder).mkdir()
    return tmp_path


def write(site: Path, name: str, data: object) -> Path:
    path = site / name
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(READERS))
def test_a_file_broken_in_each_field_is_told_with_its_place_and_stops_nothing(site: Path, name: str) -> None:
    write(site, name, good(name))
    whole, problems = READERS[name](site)
    assert problems in ((), [])
    refused = 0
    for what, made in broken(good(name)):
        path = write(site, name, made)
        found, problems = READERS[name](site)
        assert found <= whole, what
        for problem in problems:
            assert isinstance(problem, ConfigError), what
            assert path.name in str(problem), what
            assert len(str(problem)) < 2_000, f"{what}: an error that nobody reads"
        is_empty = any(value == [] for value in made.values()) and len(made) == 1
        assert problems or found == whole or is_empty, f"{what}: lost without a word"
        refused += bool(problems)
    assert refused > 50, "a test of what is never refused says nothing"


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02",
        b"\xff\xfe\xd0\xcf",
        b"a: [1, 2\n",
        b"a: 1\na: 2\n",
        b"- just\n- a list\n",
        b"&a [*a]\n",
        b"a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n" * 3,
        b"[" * 2000,
        b"!!python/object/apply:os.system [id]\n",
        "主机：全角冒号\n".encode("gbk"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_document_is_an_error_of_the_file(site: Path, name: str, content: bytes) -> None:
    before, _ = READERS[name](site)
    (site / name).write_bytes(content)
    found, problems = READERS[name](site)
    assert found == before
    assert len(problems) == 1
    assert (site / name).name in str(problems[0])


@pytest.mark.parametrize("name", ["checks/own.yaml", "records/pass.yaml", "frameworks/own.yaml", "rounds/own.yaml"])
def test_a_bad_file_leaves_the_others(site: Path, name: str) -> None:
    write(site, name, good(name))
    alone, _ = READERS[name](site)
    (site / name).with_name("zzz.yaml").write_text("id: [", encoding="utf-8")
    found, problems = READERS[name](site)
    assert (found, len(problems)) == (alone, 1)
