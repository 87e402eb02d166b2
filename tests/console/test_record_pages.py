"""The page of records as people walk through it: what stands there, the form, removing with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from compliance.records.judge import Judged, Record
from compliance.records.shelf import records, versions
from console import frame, parts
from console.desk import install, open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from console.queries.records import Shelf
from core.clock import SystemClock
from core.settings import Settings
from store.base import Store
from store.embedded import open_embedded
from tests.console.seed import seed_records

APP = Path(frame.__file__).with_name("app.py")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    opened = open_embedded(tmp_path / "store", "service")
    now = datetime.now(UTC)
    me = Account(name="li", roles=(Role.SECURITY_OFFICER,), language="en", password_set=now.isoformat())
    monkeypatch.setattr(parts, "present_session", lambda *, touch=False: Session(id="x", account=me, created=now, seen=now))
    monkeypatch.setattr(parts, "cookie", lambda _name: "")
    install(open_desk(opened, Settings(data=tmp_path / "data"), SystemClock()))
    seed_records(opened, now)
    yield opened
    opened.close()


def page(**query: str) -> AppTest:
    test = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    test.switch_page("views/records.py").run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    return "\n".join(one.value for one in (*test.markdown, *test.caption, *test.error))


def press(test: AppTest, label: str, number: int = 0) -> Button:
    """A button with this label; one inside a dialog is pressed together with the one that opens it, since every run draws the page anew."""
    return [one for one in test.button if one.label == label][number].click()


def test_a_record_with_a_gap_that_is_overdue_too_counts_as_both() -> None:
    one = Judged(record=Record(kind="plan", id="p", values={}), state="gap", due={}, late=("review",), gaps=("not_drilled",))
    found = Shelf({}, {"plan": [one]}, ())
    assert [found.count("plan", state) for state in ("gap", "late", "soon", "ok")] == [1, 1, 0, 0]
    assert found.total("gap", "late") == 1


@pytest.mark.slow
def test_an_officer_sees_what_is_wrong_changes_a_record_and_takes_it_out_with_a_reason(store: Store) -> None:
    assert "5 records are kept: 2 with a gap, 1 overdue" in said(page())
    test = page(kind="policy")
    assert "Review overdue" in said(test)
    press(test, "Edit").run()
    next(one for one in test.date_input if one.key == "record-reviewed").set_value(datetime.now(UTC).date())
    press(test, "Save")
    press(test, "Edit").run()
    (policy,) = records(store)["policy"]
    assert policy.version == 2
    assert policy.values["reviewed"] == datetime.now(UTC).date().isoformat()
    test = page(kind="policy")
    press(test, "Remove").run()
    press(test, "Remove", 1)
    press(test, "Remove").run()
    assert "needs a reason" in said(test)
    next(one for one in test.text_input if one.label == "Reason").set_value("replaced")
    press(test, "Remove", 1)
    press(test, "Remove").run()
    assert "policy" not in records(store)
    assert [body["version"] for body in versions(store, "policy", policy.id)] == [3, 2, 1]


@pytest.mark.slow
def test_what_is_due_stands_in_one_list(store: Store) -> None:
    test = page(kind="due")
    (table,) = [one.value for one in test.dataframe if "what is due" in one.value.columns]
    assert table["what is due"].tolist()[0] == "Review"
