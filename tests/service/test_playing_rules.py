"""Playbooks in the service without a process: rules that begin one, comments on incidents, freezes of the console, intents that are nonsense."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.errors import ConfigError, Refused
from core.names import ACCOUNT, INCIDENT, INTENT, MUTE, RUN
from core.records import Finding
from core.secrets import NoSecrets
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from playbooks.requests import WHATS, new_run
from service.ordering import ask_run, check_lines, plan_lines, plan_now, read_inputs
from service.playing import Playing
from store.base import Store
from store.embedded import open_embedded

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TELL = """
playbook: tell-owner
version: 1
title: {zh: 告知负责人, en: Tell the owner}
about: {zh: 告知, en: tells}
risk: read
trigger: {rules: ["disk_*"], auto: true}
steps: [{id: tell, notify: {to: incident.owner, text: {zh: "请查看 {{ incident.root }}", en: "look at {{ incident.root }}"}}}]
"""
BLOCK = """
playbook: block
version: 1
title: {zh: 封禁, en: Block}
about: {zh: 封禁, en: blocks}
risk: change
inputs: {source: {type: ip}}
targets: {match: {id: gate}}
steps: [{id: block, run: blocklist.add, with: {address: "{{ source }}", list: /etc/blocklist}}]
"""


class Told:
    """Stands in for alerting: who was told what."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def tell(self, to: str, text: Mapping[str, str], run: str, only: Collection[str], heard: Callable[[str, bool], None]) -> int:
        self.texts.append((to, text["en"]))
        heard("mail", True)
        return 1


class Bench:
    def __init__(self, store: Store, site: Path) -> None:
        self.store, self.site, self.clock, self.told = store, site, ManualClock(START), Told()
        self.alarms: list[Finding] = []
        (site / "playbooks").mkdir(parents=True)
        for name, text in (("tell", TELL), ("block", BLOCK)):
            (site / "playbooks" / f"{name}.yaml").write_text(text)
        self.settings = Settings(data=site.parent, site=site)
        self.subject = Playing(self.settings, store, NoSecrets(), self.clock, self.told, self.alarms.append)  # type: ignore[arg-type]
        self.gate = Asset(id="gate", address="127.0.0.1", level=3)
        Book(store).save("gate", {"address": "127.0.0.1", "level": 3}, source="site", who="test", now=START)
        self.subject.set_assets([self.gate])
        self.subject.round()

    def incident(self, id: str, rule: str) -> None:
        body = {"id": id, "root": "gate", "owner": "li", "opened": self.clock.now().isoformat(), "members": [{"rule": rule, "asset": "gate", "labels": {}}]}
        self.store.documents.put(INCIDENT, id, body)

    def runs(self) -> list[dict[str, Any]]:
        return [document.body for document in self.store.documents.find(RUN).items]

    def asks(self, what: str, **args: Any) -> str:
        intent = {"what": what, "user": "ann", "roles": ["operator"], "args": args, "on": str(args.get("run", ""))}
        return self.subject.carriers[what](intent)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_embedded(tmp_path / "data", "service")
    yield Bench(store, tmp_path / "site")
    store.close()


def test_a_rule_begins_a_playbook_once_and_only_when_the_site_says_so(bench: Bench) -> None:
    bench.incident("I000001", "disk_full")
    bench.subject.round()
    assert bench.runs() == []
    (bench.site / "playbooks.yaml").write_text("automatic: tell-owner\n")
    for _ in range(5):
        bench.subject.round()
    (run,) = bench.runs()
    assert (run["state"], run["requester"], run["incident"]) == ("done", "rule", "I000001")
    assert bench.told.texts == [("person:li", "look at gate")]
    (comment,) = bench.store.documents.find(INTENT).items
    assert (comment.body["what"], comment.body["on"]) == ("comment", "I000001")
    assert "Tell the owner: done" in comment.body["args"]["text"]
    again = Playing(bench.settings, bench.store, NoSecrets(), bench.clock, bench.told, bench.alarms.append)  # type: ignore[arg-type]
    again.set_assets([bench.gate])
    again.round()
    assert len(bench.runs()) == 1, "a restart does not begin it again"


def test_other_incidents_begin_nothing(bench: Bench) -> None:
    (bench.site / "playbooks.yaml").write_text("automatic: [tell-owner, block]\n")
    bench.incident("I000001", "brute_force")
    bench.subject.round()
    assert bench.runs() == []


def plan_hash(bench: Bench) -> str:
    return plan_now(bench.settings, bench.store, "block", {"source": "203.0.113.1"}).hash


def test_a_freeze_of_the_console_holds_for_playbooks(bench: Bench) -> None:
    bench.store.documents.put(MUTE, "m1", {"kind": "freeze", "active": True, "why": "year end"})
    with pytest.raises(Refused, match="frozen"):
        bench.asks("run.begin", run=new_run(START), playbook="block", inputs={"source": "203.0.113.1"}, hash=plan_hash(bench))
    bench.store.documents.put(MUTE, "m1", {"kind": "freeze", "active": False, "ended": True})
    assert bench.asks("run.begin", run=new_run(START), playbook="block", inputs={"source": "203.0.113.1"}, hash=plan_hash(bench))


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("args", [{}, {"inputs": [1], "values": "x", "step": {"a": 1}, "hash": None, "done": "maybe", "to": []}, {"incident": "I999999"}])
def test_nonsense_is_refused_in_words_and_breaks_nothing(bench: Bench, what: str, args: dict[str, Any]) -> None:
    with pytest.raises((Refused, ConfigError)):
        bench.asks(what, run=new_run(START), **args)
    bench.subject.round()


def test_the_command_line_plans_the_same_and_asks_only_for_accounts(bench: Bench) -> None:
    plan = plan_now(bench.settings, bench.store, "block", read_inputs(["source=203.0.113.1"]))
    lines = list(plan_lines(plan))
    assert "  gate > tee -a -- /etc/blocklist <<< 203.0.113.1" in lines
    assert "approval: 1 of duty_leader, security_officer (变更重要资产 gate / it changes the important asset gate)" in lines
    with pytest.raises(Refused, match="no account"):
        ask_run(bench.store, plan, "nobody", START)
    bench.store.documents.put(ACCOUNT, "gone", {"roles": ["operator"], "disabled": True})
    with pytest.raises(Refused, match="disabled"):
        ask_run(bench.store, plan, "gone", START)
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        read_inputs(["source"])


def test_checking_files_tells_what_is_wrong(bench: Bench) -> None:
    assert check_lines([bench.site / "playbooks"]) == (["block: in order", "tell-owner: in order"], True)
    (bench.site / "playbooks" / "bad.yaml").write_text(BLOCK.replace("block", "bad").replace("blocklist.add", "rm"))
    lines, is_well = check_lines([bench.site / "playbooks" / "bad.yaml"])
    assert not is_well
    assert "bad.yaml:9: steps.0.run: no capability is called" in lines[0]
