"""The page on configurations: what it computes, and what it shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compliance.effect import effects
from console.desk import Desk, install, open_desk
from console.queries import configuration
from core.clock import SystemClock
from core.names import CONFIG_CHANGE, CONFIG_STATE, INTENT, VERDICT
from core.records import Sample, Snapshot
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from inventory.configuration.authors import Author
from inventory.configuration.changes import Change
from inventory.configuration.difference import compare
from store.base import Store
from store.snapshots import save_snapshot
from tests.console.test_views import Visitor, everything, opened, said, visitor
from tests.inventory.configuration.devices import device

pytestmark = pytest.mark.slow

__all__ = ["visitor"]  # a fixture
OLD = device("ios")
NEW = OLD.replace(" transport input ssh\nline vty 5", " transport input ssh telnet\nline vty 5").replace("no ip http server", "ip http server")
TEMPLATE = "name: web\ntitle: {zh: 网页, en: Web}\nmust_not:\n  - {line: ip http server, why: {zh: 明文, en: clear text}}\n"


def seed(store: Store, now: datetime) -> None:
    """A switch with two versions, an author, an unsaved change and a failing check."""
    values = {"name": "接入交换机 <b>1</b>", "kind": "switch", "collect": {"cli": {"platform": "cisco_ios"}}}
    Book(store).save("sw1", values, source="person", who="li", now=now - timedelta(days=1))
    before = now - timedelta(hours=2)
    save_snapshot(store, Snapshot(time=before, asset="sw1", kind="running-config", body=OLD))
    save_snapshot(store, Snapshot(time=now, asset="sw1", kind="running-config", body=NEW))
    save_snapshot(store, Snapshot(time=now, asset="sw1", kind="startup-config", body=OLD))
    who = Author(user="wang", source="10.1.1.9", time=now - timedelta(minutes=9), how="said")
    change = Change(asset="sw1", time=now, before=before, author=who, difference=compare(OLD, NEW), allowed=False)
    store.documents.put(CONFIG_CHANGE, change.id, change.to_dict())
    unsaved = {"since": now.isoformat(), "added": 2, "removed": 2, "difference": ""}
    store.documents.put(CONFIG_STATE, "sw1", {"asset": "sw1", "dialect": "ios", "unsaved": unsaved, "templates": {"web": ["+ ip http server"]}})
    verdict = {
        "check": "net-telnet",
        "asset": "sw1",
        "outcome": "fail",
        "title": {"zh": "无 Telnet", "en": "No Telnet"},
        "reason": {"zh": "有", "en": "there is"},
    }
    store.documents.put(VERDICT, "sw1/net-telnet", verdict | {"since": now.isoformat(), "time": now.isoformat(), "read": [], "observed": []})
    store.metrics.write([Sample(time=now, asset="sw1", metric="collector.up", value=1.0, labels={"collector": "cli"})])


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Desk:
    seed(store, datetime.now(UTC))
    (tmp_path / "data" / "site" / "templates").mkdir(parents=True, exist_ok=True)
    (tmp_path / "data" / "site" / "templates" / "web.yaml").write_text(TEMPLATE, encoding="utf-8")
    desk = open_desk(store, Settings(data=tmp_path / "data"), SystemClock())
    install(desk)
    return desk


def codes(test: AppTest) -> list[str]:
    return [str(block.value) for block in test.code]


def test_a_device_says_how_it_stands(full: Desk) -> None:
    (line,) = configuration.devices(full.store, full.estate.assets(), full.now())
    assert (line.asset.id, line.reads, line.lately, line.fails, line.deviations, line.outside) == ("sw1", True, 1, 1, 1, True)
    assert line.unsaved["added"] == 2
    assert line.change["user"] == "wang"


def test_an_asset_without_a_command_line_is_no_device(full: Desk) -> None:
    assert configuration.devices(full.store, {"web1": Asset(id="web1")}, full.now()) == []


def test_versions_carry_the_change_that_led_to_them(full: Desk) -> None:
    newest, first = configuration.versions(full.store, "sw1")
    assert (newest.text, newest.change["how"]) == (NEW, "said")
    assert (first.text, first.change) == (OLD, {})


def test_two_sides_have_as_many_lines_and_leave_out_what_is_the_same() -> None:
    left, right = (text.split("\n") for text in configuration.sides(compare(OLD, NEW), whole=False))
    assert len(left) == len(right) < 30
    at = left.index("-  transport input ssh")
    assert right[at] == "+  transport input ssh telnet"
    assert "  line vty 0 4" in left
    assert "  …" in left
    everything_there = configuration.sides(compare(OLD, NEW), whole=True)[0].split("\n")
    assert len(everything_there) > 60
    assert "  …" not in everything_there


def test_a_change_says_what_it_means_for_the_checks(full: Desk, visitor: Visitor) -> None:
    checks = configuration.checks_of(full.settings.site_folder)
    found = effects("running-config", OLD, NEW, (), checks, full.now())
    assert [(one.check.id, one.before, one.after) for one in found] == [("net-services", "pass", "fail"), ("net-telnet", "pass", "fail")]
    assert effects("running-config", OLD, OLD, (), checks, full.now()) == []
    visitor.account = everything(language="en")
    assert "Network devices offer no Telnet" in said(opened("configuration.py", asset="sw1"))


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("tab", ["versions", "startup", "templates", "checks", "back", "text"])
def test_every_part_shows_itself_in_both_languages(full: Desk, visitor: Visitor, tab: str, language: str) -> None:
    visitor.account = everything(language=language)
    test = opened("configuration.py", asset="sw1", tab=tab)
    assert not test.exception
    assert not test.error
    assert "<b>" not in said(test).replace("\\<b", "")


def test_the_list_counts_what_needs_a_look(full: Desk, visitor: Visitor) -> None:
    visitor.account = everything(language="en")
    test = opened("configuration.py")
    assert "1 of 1 devices changed in the last 7 days, 1 are not saved, 1 were changed outside their windows" in said(test)
    assert len(test.dataframe[0].value) == 1


def test_the_difference_stands_side_by_side(full: Desk, visitor: Visitor) -> None:
    visitor.account = everything(language="en")
    left, right = codes(opened("configuration.py", asset="sw1"))
    assert "- no ip http server" in left
    assert "+ ip http server" in right


def test_the_way_back_is_a_plan_and_says_that_it_is_never_sent(full: Desk, visitor: Visitor) -> None:
    visitor.account = everything(language="en")
    test = opened("configuration.py", asset="sw1", tab="back")
    assert "never sends this" in said(test)
    assert " transport input ssh\n" in codes(test)[0]
    assert "no ip http server" in codes(test)[0]


def test_deviations_name_the_line_and_why(full: Desk, visitor: Visitor) -> None:
    visitor.account = everything(language="en")
    frame = opened("configuration.py", asset="sw1", tab="templates").dataframe[0].value
    assert frame.iloc[0].tolist() == ["must not be there", "ip http server", "", "clear text"]


def test_reading_it_now_asks_the_service(full: Desk, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.actions.WAIT_S", 0.0)
    visitor.account = everything(language="en")
    opened("configuration.py", asset="sw1").button(key="configuration-fetch").click().run()
    (intent,) = full.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["args"]) == ("fetch_config", {"asset": "sw1"})
