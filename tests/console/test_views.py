"""Every page as every role, in both languages, empty, full and with hostile text; run by Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from console import frame, i18n, parts
from console.desk import Desk, install, open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from core.clock import SystemClock
from core.errors import StoreAway
from core.names import ACCOUNT, INTENT
from core.settings import Settings
from inventory.book import Book
from store.base import Store
from store.embedded import open_embedded
from tests.console.conftest import person
from tests.console.seed import fill

PAGES = tuple(sorted(path.name for path in parts.VIEWS.glob("[a-z]*.py")))
QUERY = {"incident.py": {"id": "i00000"}, "asset.py": {"id": "server-000"}, "candidate.py": {"id": "d0"}}
TIMEOUT_S = 60
APP = Path(frame.__file__).with_name("app.py")


@dataclass
class Visitor:
    """Who the pages believe is there."""

    account: Account


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    here = Visitor(Account(name="nobody"))

    def session(*, touch: bool = False) -> Session:
        now = datetime.now(UTC)
        return Session(id="x", account=here.account, created=now, seen=now)

    monkeypatch.setattr(parts, "present_session", session)
    monkeypatch.setattr(parts, "cookie", lambda _name: "")
    return here


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_embedded(tmp_path_factory.mktemp("views"), "service")
    fill(opened, datetime.now(UTC), incidents=3, assets=12, hours=6)
    yield opened
    opened.close()


@pytest.fixture
def live(store: Store, tmp_path: Path) -> Desk:
    desk = open_desk(store, Settings(data=tmp_path / "data"), SystemClock())
    install(desk)
    return desk


@pytest.fixture
def full(seeded: Store, tmp_path: Path) -> Desk:
    desk = open_desk(seeded, Settings(data=tmp_path / "data"), SystemClock())
    install(desk)
    return desk


def opened(page: str, **query: str) -> AppTest:
    """The console with one page open."""
    test = AppTest.from_file(APP, default_timeout=TIMEOUT_S)
    for name, value in (query or QUERY.get(page, {})).items():
        test.query_params[name] = value
    test.run()
    return test.switch_page(f"views/{page}").run()


def everything(*, language: str) -> Account:
    roles = (Role.DUTY_LEADER, Role.SECURITY_OFFICER, Role.SYSTEM_ADMIN)
    return Account(name="li", roles=roles, language=language, is_founder=True, password_set=datetime.now(UTC).isoformat())


def said(test: AppTest) -> str:
    """All text of a page."""
    pieces = [*test.markdown, *test.caption, *test.error, *test.warning, *test.info, *test.success]
    return "\n".join(str(piece.value) for piece in pieces)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_itself_in_both_languages(full: Desk, visitor: Visitor, page: str, language: str) -> None:
    visitor.account = everything(language=language)
    test = opened(page)
    assert not test.exception
    assert not test.error
    assert said(test).strip()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_to_do_when_there_is_nothing(live: Desk, visitor: Visitor, page: str) -> None:
    visitor.account = everything(language="en")
    test = opened(page)
    assert not test.exception
    assert said(test).strip()


@pytest.mark.parametrize("page", sorted({"now.py", "incidents.py", "assets.py", "configuration.py", "discovery.py", "events.py", "health.py", "audit.py"}))
def test_a_store_that_is_away_is_said_in_words(live: Desk, visitor: Visitor, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.account = everything(language="en")

    def away(*_: Any, **__: Any) -> None:
        raise StoreAway("no answer from the store since 09:02")

    test = AppTest.from_file(APP, default_timeout=TIMEOUT_S).run()
    for part, name in (("documents", "find"), ("events", "count"), ("audit", "read"), ("metrics", "latest")):
        monkeypatch.setattr(getattr(live.store, part), name, away)
    live.estate.forget()
    test.switch_page(f"views/{page}").run()
    assert not test.exception
    assert "no answer from the store since 09" in said(test).replace("\\", "")
    assert "Collection and alerting go on" in said(test)


PART = {"tasks.py", "playbooks.py", "runs.py"}
JUDGED = {"compliance.py", "compliance_objects.py", "compliance_risks.py", "compliance_history.py", "compliance_reports.py", "rounds.py", "records.py"}
MENUS = {
    Role.VIEWER: {
        "now.py",
        "incidents.py",
        "mutes.py",
        "duty.py",
        "review.py",
        "assets.py",
        "network.py",
        "map.py",
        "finder.py",
        "configuration.py",
        "discovery.py",
        "events.py",
        "flows.py",
        "quality.py",
        "playbooks.py",
        "runs.py",
        "health.py",
        "audit.py",
        "me.py",
    }
    | JUDGED,
    Role.SYSTEM_ADMIN: {"assets.py", "network.py", "map.py", "finder.py", "configuration.py", "discovery.py", "health.py", "users.py", "settings.py", "me.py"}
    | PART,
    Role.SECURITY_ADMIN: {
        "assets.py",
        "network.py",
        "map.py",
        "finder.py",
        "configuration.py",
        "discovery.py",
        "health.py",
        "users.py",
        "settings.py",
        "me.py",
    }
    | JUDGED
    | PART,
    Role.AUDIT_ADMIN: {"health.py", "audit.py", "me.py"} | JUDGED | PART,
}


@pytest.mark.parametrize("role", list(Role))
def test_the_menu_holds_only_what_a_role_may_open(role: Role) -> None:
    account = Account(name="me", roles=(role,))
    listed = {entry[0] for _group, pages in frame.PLACES for entry in frame.open_to(account, pages)}
    assert listed == MENUS.get(role, MENUS[Role.VIEWER] | PART)


@pytest.mark.parametrize(
    ("page", "role"), [("users.py", Role.OPERATOR), ("settings.py", Role.VIEWER), ("now.py", Role.AUDIT_ADMIN), ("set_up.py", Role.SYSTEM_ADMIN)]
)
def test_a_page_outside_the_menu_does_not_open(full: Desk, visitor: Visitor, page: str, role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.account = Account(name="me", roles=(role,), language="en")
    monkeypatch.setattr(i18n, "_source", [frame.chosen_language])  # what the frame does before any page
    test = AppTest.from_file(str(parts.VIEWS / page), default_timeout=TIMEOUT_S)
    test.session_state["language"] = "en"
    test.run()
    assert [error.value for error in test.error] == ["Your roles do not give access to this page."]
    assert not test.dataframe


def test_an_account_without_a_role_sees_only_that(full: Desk, visitor: Visitor) -> None:
    visitor.account = Account(name="me", language="en")
    test = AppTest.from_file(APP, default_timeout=TIMEOUT_S).run()
    assert "no role yet" in said(test)
    assert not test.dataframe


def test_acknowledging_asks_the_service(live: Desk, visitor: Visitor) -> None:
    fill(live.store, datetime.now(UTC), incidents=1, assets=3, hours=1)
    visitor.account = everything(language="en")
    test = opened("incident.py")
    test.button(key="case-take").click().run()
    (intent,) = live.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["on"], intent.body["args"]) == ("assign", "i00000", {"person": "li"})


def test_a_viewer_sees_an_incident_but_no_button(full: Desk, visitor: Visitor) -> None:
    visitor.account = Account(name="me", roles=(Role.VIEWER,), language="en")
    test = opened("incident.py")
    assert "looking, not acting" in said(test)
    assert not [button for button in test.button if str(button.key).startswith("case-")]


def test_a_forged_press_of_a_button_without_the_right_changes_nothing(live: Desk, visitor: Visitor) -> None:
    person(live, "victim", Role.VIEWER)
    before = live.store.documents.get(ACCOUNT, "victim").body
    visitor.account = Account(name="me", roles=(Role.SECURITY_ADMIN,), language="en")
    test = opened("users.py")
    assert not test.exception
    assert not [button for button in test.button if "one-time" in button.label]
    assert live.store.documents.get(ACCOUNT, "victim").body == before


def test_hostile_names_stay_text(live: Desk, visitor: Visitor) -> None:
    evil = "<img src=x onerror=alert(1)>[x](http://203.0.113.1/)**b**"
    Book(live.store).save("server-000", {"name": evil, "owner": evil, "business": evil, "kind": evil}, source="person", who="li", now=datetime.now(UTC))
    visitor.account = everything(language="en")
    for page in ("now.py", "asset.py", "assets.py"):
        test = opened(page)
        assert not test.exception
        text = said(test)
        assert "<img" not in text.replace("\\<img", "")
        assert "[x](" not in text
        assert "**b**" not in text


def test_the_language_is_the_persons_own(full: Desk, visitor: Visitor) -> None:
    texts = []
    for language in ("zh_CN", "en"):
        visitor.account = everything(language=language)
        texts.append(said(opened("now.py")))
    assert "有 3 个事件需要处理" in texts[0]
    assert "3 incidents need you" in texts[1]


def test_appointing_the_administrators_shows_their_passwords_once(live: Desk, visitor: Visitor) -> None:
    person(live, "admin", Role.DUTY_LEADER, is_founder=True)
    visitor.account = Account(name="admin", roles=(Role.DUTY_LEADER,), is_founder=True, language="en")
    test = opened("set_up.py")
    test.button[-1].click().run()
    shown = [code.value for code in test.code]
    assert [text.split()[0] for text in shown] == ["sysadmin", "secadmin", "auditor"]
    assert not live.identity.accounts.get("admin").is_founder
