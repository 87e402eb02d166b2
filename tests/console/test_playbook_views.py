"""Pages of playbooks, runs and tasks over real runs: what they show, and what their buttons ask of the service."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from console import i18n
from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.queries import runs
from core.clock import ManualClock
from core.names import CONFIG_CHANGE, INTENT
from inventory.book import Book
from tests.console.test_views import Visitor, live, opened, said, visitor
from tests.playbooks.bench import ANN, HEAD, Site, assets

pytestmark = pytest.mark.slow

__all__ = ["live", "visitor"]
FORM = (
    HEAD
    + """
targets: {match: {tags: web}, max: 9}
approve: {by: duty_leader}
steps:
  - {id: set, run: bench.set, with: {key: light, value: up}, undo: {after: 5m}}
  - {id: form, ask: {to: role:duty_leader, text: {zh: 为何, en: Why is that}, form: {why: {type: line}, hours: {type: int, default: 2}}}}
"""
)


@pytest.fixture
def run(live: Desk, tmp_path: Path) -> tuple[Site, str]:
    here = Site(live.store, ManualClock(datetime.now(UTC)), tmp_path / "devices", (FORM,), assets(2))
    return here, here.begin(who=ANN)


def account(name: str, *roles: Role) -> Account:
    return Account(name=name, roles=roles, language="en", password_set=datetime.now(UTC).isoformat())


def newest(here: Desk) -> dict[str, Any]:
    return here.store.documents.find(INTENT, sort="-created", limit=1).items[0].body


def unasked(test: AppTest) -> list[str]:
    return [button.label for button in test.button]


def test_the_inbox_shows_an_approval_to_whom_it_is_for_and_not_to_who_asked(live: Desk, visitor: Visitor, run: tuple[Site, str]) -> None:
    run[0].quiet()
    visitor.account = account("bob", Role.DUTY_LEADER)
    assert "1 tasks wait for you" in said(opened("tasks.py"))
    visitor.account = account("ann", Role.OPERATOR, Role.DUTY_LEADER)
    assert "0 tasks wait for you" in said(opened("tasks.py"))


def test_every_page_tells_how_many_tasks_wait(live: Desk, visitor: Visitor, run: tuple[Site, str]) -> None:
    run[0].quiet()
    visitor.account = account("bob", Role.DUTY_LEADER)
    assert "1 tasks wait for you" in [link.proto.label for link in opened("assets.py").sidebar.get("page_link")]
    visitor.account = account("ann", Role.OPERATOR, Role.DUTY_LEADER)
    assert not [link for link in opened("assets.py").sidebar.get("page_link") if "wait" in link.proto.label]


def test_approving_on_the_page_of_the_run_names_the_plan(live: Desk, visitor: Visitor, run: tuple[Site, str]) -> None:
    site, id_ = run
    site.quiet()
    visitor.account = account("bob", Role.DUTY_LEADER)
    test = opened("run.py", id=id_)
    assert not test.exception
    test.button(key="yes-approval").click().run()
    body = newest(live)
    assert (body["what"], body["on"], body["args"]) == ("run.approve", id_, {"step": "approval", "hash": site.plan().hash})


def test_changes_that_were_seen_stand_on_the_run_that_they_belong_to(live: Desk, visitor: Visitor, run: tuple[Site, str]) -> None:
    run[0].quiet()
    visitor.account = account("eve", Role.VIEWER)
    assert "Configuration changes seen" not in said(opened("run.py", id=run[1]))
    seen = {"asset": "web-1", "made": datetime.now(UTC).isoformat(), "user": "zhang", "run": run[1], "added": 2, "removed": 1, "difference": "+ vlan 7"}
    live.store.documents.put(CONFIG_CHANGE, "web-1/now", seen)
    live.store.documents.put(CONFIG_CHANGE, "web-2/now", {**seen, "user": "li", "run": ""})
    test = opened("run.py", id=run[1])
    assert "Configuration changes seen" in said(test)
    tables = [frame.value.to_string() for frame in test.dataframe]
    assert any("zhang" in table for table in tables)
    assert not any("+ vlan 7" in table and "li" in table.split() for table in tables)


def test_who_asked_gets_no_button_to_approve(live: Desk, visitor: Visitor, run: tuple[Site, str]) -> None:
    run[0].quiet()
    visitor.account = account("ann", Role.OPERATOR, Role.DUTY_LEADER)
    test = opened("run.py", id=run[1])
    assert "Who asked for a run does not approve it" in said(test)
    assert not [label for label in unasked(test) if "Approve" in label]


def test_a_form_is_filled_in_and_sent(live: Desk, visitor: Visitor, run: tuple[Site, str]) -> None:
    site, id_ = run
    site.quiet()
    from tests.playbooks.bench import BOB

    site.requests.approve(id_, "approval", BOB, site.plan().hash)
    site.quiet()
    site.quiet()
    visitor.account = account("bob", Role.DUTY_LEADER)
    test = opened("run.py", id=id_)
    assert "Why is that" in said(test).replace("\\", "")
    test.text_input(key="answer-form-why").set_value("a test")
    next(button for button in test.button if button.label == "Send").click().run()
    body = newest(live)
    assert (body["what"], body["args"]["values"]) == ("run.answer", {"why": "a test", "hours": 2})


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("审批超时 / nobody approved it in time", "审批超时", "nobody approved it in time"),
        ("ann 取消 按错了 / cancelled by ann 按错了", "ann 取消 按错了", "cancelled by ann 按错了"),
        ("no route to host / 10.0.0.1", "no route to host / 10.0.0.1", "no route to host / 10.0.0.1"),
        ("plain", "plain", "plain"),
    ],
)
def test_a_reason_is_read_in_one_language(text: str, zh: str, en: str) -> None:
    i18n.speak("zh_CN")
    assert runs.half(text) == zh
    i18n.speak("en")
    assert runs.half(text) == en


def test_what_an_ended_run_did_not_come_to_is_said_so(run: tuple[Site, str], live: Desk) -> None:
    site, id_ = run
    site.quiet()
    site.requests.cancel(id_, ANN, "")
    site.quiet()
    found = runs.whole(live.store, id_)
    assert found is not None
    assert {state for _stage, _target, _act, state in runs.step_rows(found)} == {"dropped"}


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_runs_and_their_journal_are_shown(live: Desk, visitor: Visitor, run: tuple[Site, str], language: str) -> None:
    run[0].quiet()
    visitor.account = Account(name="eve", roles=(Role.VIEWER,), language=language)
    for page, query in (("runs.py", {}), ("run.py", {"id": run[1]}), ("playbooks.py", {})):
        test = opened(page, **query)
        assert not test.exception
        assert not test.error
        assert not [label for label in unasked(test) if "Approve" in label or "同意" in label]
    assert "ann" in said(opened("run.py", id=run[1]))


def test_a_plan_is_shown_before_anything_can_be_asked_for(live: Desk, visitor: Visitor) -> None:
    Book(live.store).save("gate", {"address": "127.0.0.1", "level": 3}, source="person", who="test", now=datetime.now(UTC))
    visitor.account = account("ann", Role.OPERATOR)
    test = opened("playbook.py", name="block-source")
    assert "Ask for this run" not in unasked(test)
    test.text_input(key="input-block-source-source").set_value("203.0.113.9")
    test.multiselect(key="input-block-source-keepers").set_value(["gate"])
    next(button for button in test.button if button.label == "Show the plan").click().run()
    assert not test.exception
    assert "tee -a -- /etc/wanglou/blocklist <<< 203.0.113.9" in "\n".join(code.value for code in test.code)
    test.button(key="run-begin").click().run()
    body = newest(live)
    assert (body["what"], body["args"]["playbook"], len(body["args"]["hash"])) == ("run.begin", "block-source", 64)


def test_a_wrong_input_is_told_and_nothing_can_be_asked_for(live: Desk, visitor: Visitor) -> None:
    visitor.account = account("ann", Role.OPERATOR)
    test = opened("playbook.py", name="block-source")
    test.text_input(key="input-block-source-source").set_value("203.0.113.9; reboot")
    next(button for button in test.button if button.label == "Show the plan").click().run()
    assert "is no IP address" in "\n".join(error.value for error in test.error)
    assert "Ask for this run" not in unasked(test)
