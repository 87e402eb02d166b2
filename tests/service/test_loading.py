"""The alerting configuration of a site: shipped rules, the site's files over them, and every mistake with its place."""

from datetime import date
from pathlib import Path

import pytest

from compliance.load import load_checks
from inventory.asset import Asset
from inventory.people import Person
from service.alerting.loading import Loaded, load_configuration

CHECKS = tuple(load_checks().checks.values())
ASSETS = (Asset(id="a", kind="server"), Asset(id="r", kind="sensor"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "alerting"
    made.mkdir()
    return made


def load(folder: Path) -> Loaded:
    return load_configuration(folder, ASSETS, (Person(id="li", roles=("operator",)),), CHECKS, "Asia/Shanghai")


def test_a_new_site_has_the_shipped_rules_and_tells_nobody(folder: Path) -> None:
    loaded = load(folder)
    rules = {rule.id: rule for rule in loaded.config.rules}
    assert {"reach", "disk_full", "brute_force", "compliance.lnx-ssh-root", "self.standstill"} <= rules.keys()
    assert rules["compliance.lnx-ssh-root"].fault_class == "compliance"
    assert loaded.config.receivers == ()
    assert loaded.problems == ()
    assert {rule.id for rule in loaded.config.rules} <= loaded.texts.keys()


def test_an_override_for_a_kind_of_assets_is_a_rule_of_its_own_and_leaves_the_others(folder: Path) -> None:
    rules = {rule.id: rule for rule in load(folder).config.rules}
    assert (rules["hot"].above, rules["hot.sensor"].above) == (80, 27)
    assert rules["hot.sensor"].match["kind"] == ("sensor", "room", "air-conditioner")


def test_a_site_replaces_a_rule_by_its_id_and_adds_receivers(folder: Path) -> None:
    (folder / "x.yaml").write_text(
        "rules:\n  - {id: disk_full, kind: threshold, metric: system.filesystem.utilization, above: 99, severity: high}\n"
        "receivers: [{id: m, kind: mail, target: x@example.org, default: true}]\n"
    )
    config = load(folder).config
    assert next(rule for rule in config.rules if rule.id == "disk_full").above == 99
    assert [receiver.id for receiver in config.receivers] == ["m"]


def test_one_broken_entry_is_named_with_its_line_and_the_others_hold(folder: Path) -> None:
    (folder / "a.yaml").write_text("receivers:\n  - {id: good, kind: mail}\n  - {id: bad, kind: mail, colour: red}\nrouts: []\n")
    (folder / "b.yaml").write_text("rules: [\n")
    loaded = load(folder)
    assert [receiver.id for receiver in loaded.config.receivers] == ["good"]
    places = sorted((Path(str(problem.path)).name, problem.line) for problem in loaded.problems)
    assert places == [("a.yaml", 3), ("a.yaml", 4), ("b.yaml", 2)]


def test_receivers_that_people_read_have_a_limit_unless_their_file_speaks_of_one(folder: Path) -> None:
    (folder / "a.yaml").write_text(
        "receivers:\n  - {id: mail, target: x@example.org}\n  - {id: chat, kind: chat}\n  - {id: free, limit: null}\n"
        "  - {id: own, limit: {notices: 3, within: 1m}}\n  - {id: hook, kind: webhook}\n"
    )
    limits = {one.id: one.limit and (one.limit.notices, one.limit.within) for one in load(folder).config.receivers}
    assert limits == {"mail": (20, 600), "chat": (20, 600), "free": None, "own": (3, 60), "hook": None}


def test_a_web_hook_to_nowhere_is_refused(folder: Path) -> None:
    (folder / "a.yaml").write_text("receivers: [{id: h, kind: webhook, target: 'ftp://x'}]\n")
    (problem,) = load(folder).problems
    assert "begins with http:// or https://" in str(problem)


def test_the_calendar_of_the_site_counts_for_duty(folder: Path) -> None:
    (folder.parent / "calendar.yaml").write_text("holidays: [2027-01-04]\n")
    calendar = load(folder).config.calendar
    assert (calendar.holidays, calendar.national) == ((date(2027, 1, 4),), True)


def test_a_way_to_an_asset_that_was_removed_is_left_out_and_said(folder: Path) -> None:
    assets = (Asset(id="a", reached_by=["gone", "r"]), Asset(id="b", depends_on=["gone"]), Asset(id="r"))  # type: ignore[arg-type]
    loaded = load_configuration(folder, assets, (), CHECKS, "Asia/Shanghai")
    assert [str(problem) for problem in loaded.problems] == [
        "assets.a: reached_by names 'gone', which is no asset; it is left out",
        "assets.b: depends_on names 'gone', which is no asset; it is left out",
    ]
    by_id = {asset.id: asset for asset in loaded.config.assets}
    assert (by_id["a"].reached_by.ids, by_id["b"].depends_on.ids) == (("r",), ())
