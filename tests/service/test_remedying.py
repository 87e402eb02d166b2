"""Checks name playbooks that exist; a run that is asked for from a remedy is linked both ways and its end is told to the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance.check import Offer
from compliance.load import load_checks
from compliance.remedies import Remedy, Stage, hand_out, offered, remedies, report_done, run_asked
from compliance.risk import Level
from core.clock import ManualClock
from core.errors import ConfigError, Refused
from core.names import RUN, VERDICT
from playbooks.load import LIBRARY, load_catalogue
from playbooks.offers import fault, filled
from service.remedying import Remedying, wrong_offers
from store.base import Store
from store.open import open_store

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
BOOKS = load_catalogue((LIBRARY,)).playbooks
CHECKS = load_checks().checks
FIRST, SECOND = "r20260302-010000-aaaaaa", "r20260302-020000-bbbbbb"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.fixture
def remedy(store: Store) -> str:
    wanted = Remedy(item="G.CES.IA.2", object="oa", owner="ann", due=NOW.date(), level=Level.HIGH, measure="m", by="li", created=NOW)
    return hand_out(store, wanted, ("security_officer",), NOW.date()).id


class Bench:
    """The part under test, and what it had read again."""

    def __init__(self, store: Store) -> None:
        self.again: list[str] = []
        self.begun: list[str] = []
        self.refuse = False
        self.part = Remedying(store, ManualClock(NOW), self.again.extend)

    def begin(self, intent: Mapping[str, Any]) -> str:
        if self.refuse:
            raise Refused("no")
        self.begun.append(intent["args"]["run"])
        return str(intent["args"]["run"])

    def ask(self, remedy: str, run: str = FIRST, roles: tuple[str, ...] = ("operator",)) -> str:
        return self.part.linked(self.begin)({"user": "ann", "roles": roles, "args": {"run": run, "remedy": remedy}})


def put_run(store: Store, run: str, state: str, reason: str = "") -> None:
    body = {"state": state, "reason": reason, "requester": "ann", "assets": ["host"], "open": state == "running", "asked": NOW.isoformat()}
    body["started"] = "" if state == "refused" else NOW.isoformat()
    store.documents.put(RUN, run, body)


def test_every_playbook_that_a_check_names_is_there_with_its_inputs() -> None:
    assert wrong_offers(CHECKS.values(), BOOKS) == []
    assert sum(check.playbook is not None for check in CHECKS.values()) >= 20


def test_what_is_wrong_with_a_named_playbook_is_said_by_check_and_input() -> None:
    check = CHECKS["lnx-ssh-tries"]
    for offer, said in (
        (Offer(name="nonsense"), "no playbook 'nonsense'"),
        (Offer(name="remedy-linux-check", assets="machines"), "no input 'machines'"),
        (Offer(name="remedy-linux-check", assets="check"), "takes no assets"),
        (Offer(name="remedy-linux-check", assets="hosts", inputs={"check": "lnx-nonsense"}), "the input 'check'"),
        (Offer(name="lock-account", assets="hosts", inputs={"account": "a b; reboot"}), "the input 'account'"),
    ):
        (wrong,) = wrong_offers([check.model_copy(update={"playbook": offer})], BOOKS)
        assert "lnx-ssh-tries" in str(wrong)
        assert said in str(wrong)


def test_inputs_come_from_the_check_and_the_assets_that_fail() -> None:
    offer = CHECKS["lnx-ssh-tries"].playbook
    assert offer is not None
    given = {"check": "lnx-ssh-tries"}
    assert filled(BOOKS[offer.name], offer.assets, offer.inputs, ["web1", "web2"]) == {**given, "hosts": ["web1", "web2"]}
    assert filled(BOOKS["restore-drill-database"], "database", {}, ["db1", "db2"]) == {"database": "db1"}
    assert filled(BOOKS["config-backup"], "", {}, ["estate"]) == {}
    assert fault(BOOKS, offer.name, offer.assets, offer.inputs) == ""


def test_a_failing_check_offers_its_playbook_for_the_assets_on_which_it_fails() -> None:
    offer = {"name": "remedy-linux-check", "assets": "hosts", "inputs": {"check": "lnx-ssh-tries"}}
    row: dict[str, Any] = {"check": "lnx-ssh-tries", "outcome": "fail", "items": ["G.CES.IA.2"], "title": {"zh": "a", "en": "b"}, "playbook": offer}
    bodies = [row | {"asset": "web2"}, row | {"asset": "web1"}, row | {"asset": "web3", "outcome": "pass"}, row | {"check": "other", "playbook": None}]
    (found,) = offered("G.CES.IA.2", bodies)
    assert (found.check, found.assets, found.offer.inputs) == ("lnx-ssh-tries", ("web1", "web2"), {"check": "lnx-ssh-tries"})
    assert offered("G.CES.IA.1", bodies) == []


def test_a_run_is_noted_on_its_remedy_once_and_a_second_waits_for_its_end(store: Store, remedy: str) -> None:
    bench = Bench(store)
    assert bench.ask(remedy) == FIRST
    assert bench.ask(remedy) == FIRST, "an intent that is tried again"
    put_run(store, FIRST, "running")
    with pytest.raises(Refused, match="under way"):
        bench.ask(remedy, SECOND)
    with pytest.raises(Refused, match="operators"):
        bench.ask(remedy, SECOND, ("viewer",))
    with pytest.raises(Refused, match="no remedy"):
        bench.ask("r-nonsense", SECOND)
    (one,) = remedies(store)
    assert (one.running, one.runs) == (FIRST, (FIRST,))
    bench.part.round()
    assert remedies(store) == [one], "it goes on"


def test_a_run_that_cannot_begin_leaves_the_remedy_as_it_was(store: Store, remedy: str) -> None:
    (before,) = remedies(store)
    bench = Bench(store)
    bench.refuse = True
    with pytest.raises(Refused, match="no"):
        bench.ask(remedy)
    assert remedies(store) == [before]


def test_a_run_that_ends_well_reports_the_remedy_done_and_has_its_assets_read_again(store: Store, remedy: str) -> None:
    bench = Bench(store)
    bench.ask(remedy)
    bench.part.round()
    put_run(store, FIRST, "done")
    bench.part.round()
    bench.part.round()
    (one,) = remedies(store)
    assert (one.stage, one.done_by, one.done, one.running, one.runs) == (Stage.DONE, "ann", NOW, "", (FIRST,))
    assert (one.acted, one.acted_on) == (NOW, ("host",))
    assert FIRST in one.remark
    assert bench.again == ["host"]
    with pytest.raises(Refused, match="done already"):
        bench.ask(remedy, SECOND)


@pytest.mark.parametrize("state", ["failed", "undone", "refused", "cancelled"])
def test_a_run_that_does_not_end_well_leaves_the_work_open_with_the_reason(store: Store, remedy: str, state: str) -> None:
    bench = Bench(store)
    bench.ask(remedy)
    put_run(store, FIRST, state, "没有连上 / could not connect")
    bench.part.round()
    (one,) = remedies(store)
    began = state != "refused"
    assert (one.stage, one.running, bench.again) == (Stage.OPEN, "", ["host"] if began else [])
    assert (one.acted, one.acted_on) == ((NOW, ("host",)) if began else (None, ()))
    assert "could not connect" in one.why
    assert bench.ask(remedy, SECOND) == SECOND
    assert remedies(store)[0].runs == (FIRST, SECOND)


def test_what_people_say_they_did_is_looked_at_once_on_the_assets_that_fail(store: Store, remedy: str) -> None:
    for asset, outcome in (("web1", "fail"), ("web2", "pass"), ("web3", "fail")):
        body = {"check": "lnx-ssh-tries", "asset": asset, "outcome": outcome, "items": ["G.CES.IA.2"]}
        store.documents.put(VERDICT, f"{asset}/lnx-ssh-tries", body)
    bench = Bench(store)
    bench.part.round()
    assert bench.again == []
    report_done(store, remedy, "ann", ("operator",), "改好了", NOW)
    bench.part.round()
    bench.part.round()
    assert bench.again == ["web1", "web3"]


def test_a_remedy_kept_before_runs_were_linked_is_still_read(store: Store, remedy: str) -> None:
    document = store.documents.get("compliance-remedy", remedy)
    old = {name: value for name, value in document.body.items() if name not in ("runs", "running", "acted", "acted_on")}
    store.documents.put("compliance-remedy", remedy, old, document.version)
    assert (remedies(store)[0].runs, remedies(store)[0].acted_on) == ((), ())
    assert run_asked(store, remedy, FIRST, "ann", ("operator",), NOW + timedelta(hours=1)).running == FIRST


def test_a_check_with_a_misspelt_key_of_its_playbook_is_refused_with_its_line(tmp_path: Path) -> None:
    text = (Path("compliance/checks/linux/ssh-tries.yaml")).read_text(encoding="utf-8").replace("assets: hosts", "asset: hosts")
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    (error,) = load_checks((tmp_path,)).errors
    assert isinstance(error, ConfigError)
    assert "wrong.yaml" in str(error)
    assert "playbook" in str(error)


def test_work_that_is_under_way_is_late_like_any_other() -> None:
    one = Remedy(item="i", object="o", owner="a", due=NOW.date(), level=Level.HIGH, measure="m", by="li", created=NOW, running=FIRST)
    assert replace(one).is_late(NOW.date() + timedelta(days=1))
