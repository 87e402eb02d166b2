"""The shipped rules are played through the real alerting: their first test series fires, their second never does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.catalogue import catalogue
from core.clock import seconds
from core.errors import ConfigError
from detectors.library import Case, Library, library, load_library
from incidents.state import Delivery
from inventory.asset import Asset
from service.alerting.alerting import Alerting, Answer, NoJournal
from service.alerting.loading import load_configuration

EPOCH = 1_772_438_400.0  # 2026-03-02, a Monday, in the middle of a working morning
STATES = {"C": "critical", "O": "ok", "W": "warning", "U": "unknown"}
SITE = "tests/detectors/no-such-folder"
Step = tuple[float, str, dict[str, Any]]
RULES: Mapping[str, Mapping[str, Any]] = {str(rule["id"]): rule for rule in library().rules}


def accepted(_delivery: Delivery) -> Answer:
    return "ok", None


def fresh(kind: str = "server") -> Alerting:
    loaded = load_configuration(Path(SITE), [Asset(id="one", kind=kind)], [], [], "Asia/Shanghai")
    assert loaded.problems == ()
    return Alerting.fresh(loaded.config, EPOCH, NoJournal(), accepted)


def steps(rule: str, case: Case) -> Iterator[Step]:
    """What happens when, in seconds from the beginning."""
    every = seconds(case.every)
    for number, value in enumerate(case.values):
        yield number * every, "sample", {"metric": RULES[rule]["metric"], "asset": "one", "value": value, "labels": {}}
    for number, letter in enumerate(case.states.split()):
        yield number * every, "result", {"rule": rule, "asset": "one", "state": STATES[letter]}
    at = 0.0
    for entry in case.events:
        at += seconds(entry.get("after", 0))
        for number in range(int(entry.get("times", 1))):
            facts = {key: str(value).replace("{n}", str(number)) for key, value in entry.items() if key not in ("times", "every", "after")}
            yield at, "event", {"asset": "one", "facts": {**facts, "asset": "one"}, "id": f"{at}{facts}"}
            at += seconds(entry.get("every", 1))


def fired(rule: str, case: Case, kind: str = "server") -> bool:
    """Whether an alert of the rule (or of its variant for this kind) fired at any moment of the case."""
    alerting = fresh(kind)
    last = 0.0
    for last, what, payload in steps(rule, case):
        alerting.advance(last, inclusive=True)
        alerting.take(what, payload)
        alerting.advance(last, inclusive=True)
    alerting.advance(last + seconds(case.silent_for or 1), inclusive=True)
    return any(alert.rule.split(".")[0] == rule and alert.state != "quiet" for alert in alerting.engine.world.alerts.values())


@pytest.mark.parametrize("rule", sorted(RULES))
def test_it_fires_on_the_series_that_trips_it(rule: str) -> None:
    assert fired(rule, library().tests[rule].trips)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_it_never_fires_on_the_quiet_series(rule: str) -> None:
    assert not fired(rule, library().tests[rule].quiet)


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("which", ["trips", "quiet"])
def test_each_test_series_reaches_its_rule(rule: str, which: str) -> None:
    assert list(steps(rule, getattr(library().tests[rule], which)))


@pytest.mark.parametrize(
    ("rule", "kind", "value", "expected"),
    [("hot", "sensor", 28, True), ("hot", "server", 28, False), ("very_hot", "sensor", 33, True), ("cold", "room", 9, True), ("cold", "server", 9, False)],
)
def test_room_sensors_have_limits_of_their_own(rule: str, kind: str, value: float, expected: bool) -> None:
    assert fired(rule, Case(values=(value,) * 5, every="5m"), kind) is expected


@pytest.mark.parametrize("kind", sorted({kind for one in library().overrides for kind in one.match.kind}))
def test_an_asset_is_judged_by_one_variant_of_a_rule_only(kind: str) -> None:
    alerting = fresh(kind)
    for rule in RULES.values():
        if rule["kind"] == "threshold":
            value = 1e9 if "above" in rule else -1e9
            for number in range(1, 5):
                alerting.advance(alerting.engine.now + 3600, inclusive=True)
                alerting.take("sample", {"metric": rule["metric"], "asset": "one", "value": value + number, "labels": {}})
    firing = [alert.rule.split(".")[0] for alert in alerting.engine.world.alerts.values() if alert.state == "firing"]
    assert sorted(set(firing)) == sorted(firing)
    assert firing


def test_every_metric_of_a_rule_is_in_the_catalogue() -> None:
    assert [rule["metric"] for rule in RULES.values() if "metric" in rule and rule["metric"] not in catalogue()] == []


RULE = "rules:\n  - {id: full, kind: threshold, metric: m, above: 1}\n"
REST = "texts:\n  full: {zh: 满, en: Full, about: {zh: 满, en: full}}\ntests:\n  full: {trips: {values: [2]}, quiet: {values: [1]}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules:\n  - {kind: threshold}\ntexts: {}\ntests: {}\n", r"one\.yaml:2: .*needs an id"),
        (RULE + "texts: {}\ntests: {}\n", r"one\.yaml:2: .*no entry under texts"),
        (RULE + RULE.split("\n", 1)[1] + REST, r"one\.yaml:3: .*already"),
        (RULE + REST + "overrides:\n  - {rule: fall, match: {kind: [ups]}, set: {above: 2}}\n", r"one\.yaml:8: .*no threshold rule 'fall'"),
        (RULE + REST.replace("values: [2]", "values: [two]"), r"one\.yaml:6: .*"),
        (RULE + REST + "extra: 1\n", r"one\.yaml:7: .*extra"),
    ],
)
def test_a_broken_file_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "one.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_library(tmp_path)


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no rules"):
        load_library(tmp_path)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(RULE + REST, encoding="utf-8")
    found = load_library(tmp_path)
    assert isinstance(found, Library)
    assert [rule["id"] for rule in found.rules] == ["full"]
    assert found.texts["full"].about.en == "full"
