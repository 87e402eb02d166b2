"""The tab of vulnerability scans as people walk through it: nothing yet, a scan brought in, one handed out, one set aside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from compliance.scans.shelf import ledger_of, look, take_in
from console import frame, parts
from console.desk import install, open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from core.clock import SystemClock
from core.settings import Settings
from inventory.book import Book
from store.base import Store
from store.embedded import open_embedded
from tests.compliance.test_scans import item, nessus

APP = Path(frame.__file__).with_name("app.py")
pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    opened = open_embedded(tmp_path / "store", "service")
    now = datetime.now(UTC)
    me = Account(name="li", roles=(Role.SECURITY_OFFICER,), language="en", password_set=now.isoformat())
    monkeypatch.setattr(parts, "present_session", lambda *, touch=False: Session(id="x", account=me, created=now, seen=now))
    monkeypatch.setattr(parts, "cookie", lambda _name: "")
    install(open_desk(opened, Settings(data=tmp_path / "data"), SystemClock()))
    for name, address in (("web1", "10.0.0.1"), ("db1", "10.0.0.2")):
        Book(opened).save(name, {"kind": "server", "address": address}, source="site", who="site files", now=now)
    yield opened
    opened.close()


def bring(store: Store) -> None:
    now = datetime.now(UTC)
    content = nessus(item(1, 4), item(2, 2).replace("Hole 2", "<b>Hole</b>".replace("<", "&lt;")), ended=now - timedelta(days=1))
    take_in(store, look(store, Book(store).all(), content, "r.nessus", UTC, now), content, "li", ("security_officer",), now)


def page(**query: str) -> AppTest:
    test = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    test.switch_page("views/compliance.py").run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*test.markdown, *test.caption))


def test_without_a_scan_it_says_what_to_bring(store: Store) -> None:
    test = page(tab="scans")
    assert "0 of 2 hosts and network devices were scanned within 90 days" in said(test)
    assert "No scan was brought in yet." in said(test)
    assert any(button.label == "Bring in a scan" for button in test.button)


def test_what_is_open_stands_by_asset_with_the_hosts_that_were_left_out(store: Store) -> None:
    bring(store)
    test = page(tab="scans", asset="web1")
    assert "1 of 2 hosts and network devices were scanned within 90 days; open: 1 critical, 0 high, 1 less bad" in said(test)
    summary, entries = (frame.value for frame in test.dataframe[:2])
    assert list(summary["▲ Critical"]) == [1]
    assert list(entries["vulnerability"]) == ["Hole 1", "<b>Hole</b>"]
    assert "1 hosts and network devices without a scan in time" in [one.label for one in test.expander]


def test_one_is_handed_out_and_set_aside_with_a_reason(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store)
    clicked = parts.rows
    monkeypatch.setattr(parts, "rows", lambda data, key, *more, **named: clicked(data, key, *more, **named) if not key.startswith("open-") else 0)
    test = page(tab="scans", asset="web1")
    next(one for one in test.text_input if one.label == "Who mends it").set_value("wang")
    next(one for one in test.button if one.label == "Hand out").click().run()
    assert not test.exception
    assert ledger_of(store, "web1").open[0].owner == "wang"
    next(one for one in test.selectbox if one.label == "It stays").select_index(1)
    next(one for one in test.button if one.label == "Decide").click().run()
    assert [one.value for one in test.error] == ["a ruling needs a reason"]
    next(one for one in test.text_input if one.label == "Reason").set_value("backported fix")
    next(one for one in test.button if one.label == "Decide").click().run()
    assert not test.exception
    assert ledger_of(store, "web1").open[0].is_set_aside(datetime.now(UTC).date())
