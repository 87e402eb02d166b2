"""The loop of a remedy on a real machine: a gap found, handed out, mended by an approved playbook, read again and closed by what was read since.

The machine is an OpenSSH server with files of its own (tests/peers/machine.py), the service is the whole one, in this process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from compliance import evidence
from compliance.answers import save_answer
from compliance.objects import ProtectionObject, Scope
from compliance.register import save_object
from compliance.remedies import Remedy, Stage, hand_out, remedies, report_done
from compliance.risk import Level
from compliance.rollup import Answer, Conformity
from compliance.run import verdict_id
from core.clock import SystemClock
from core.errors import NotFound, Refused
from core.names import RUN, VERDICT
from core.settings import read_settings
from inventory.credentials import Vault, master_key
from playbooks.plan import APPROVAL, make_plan
from service.serve import Service, build
from store.embedded import open_embedded
from tests.peers.machine import Machine, machine
from tests.peers.program import until

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(300)]
CHECK: Final = "lnx-umask"
ITEM: Final = "G.CES.AC.5"
OTHER: Final = "lnx-core-dumps"
OFFICER: Final = ("security_officer",)
RUNS: Final = ("r20260302-010000-aaaaaa", "r20260302-020000-bbbbbb")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "peer").mkdir()
    with machine(tmp_path / "peer") as found:
        yield found


@pytest.fixture
def service(tmp_path: Path, host: Machine) -> Iterator[Service]:
    data = tmp_path / "data"
    (data / "site").mkdir(parents=True)
    asset = host.asset().model_dump(mode="json", exclude_defaults=True) | {"kind": "linux", "interval": 3600, "credentials": {"ssh": "host", "act": "host"}}
    (data / "site" / "assets.yaml").write_text(json.dumps({"assets": [asset]}), encoding="utf-8")
    store = open_embedded(data, "service")
    secret = {"username": host.secret.username, "key": host.secret.key}
    Vault(store, master_key(data)).put("host", secret, who="test", now=datetime.now(UTC))
    store.close()
    environment = {"WANGLOU_DATA": str(data), "WANGLOU_COLLECT__TRAP_PORT": "0", "WANGLOU_COLLECT__SYSLOG_UDP": "0", "WANGLOU_LOG_LEVEL": "error"}
    made = build(read_settings(None, environment), SystemClock())
    made.start()
    yield made
    made.stop()


def verdict(service: Service) -> dict[str, Any]:
    try:
        return dict(service.store.documents.get(VERDICT, verdict_id("host", CHECK)).body)
    except NotFound:
        return {"outcome": "", "read": []}


def owned(service: Service) -> Remedy:
    """The gap, as a security officer hands it out: the object, a decision that the rest of the item is in order, the remedy."""
    now = datetime.now(UTC)
    save_object(service.store, ProtectionObject(id="oa", name="办公", s=3, a=3, scope=Scope(assets=("host",))), "li", OFFICER, now)
    decided = Answer(item=ITEM, object="oa", conformity=Conformity.CONFORMS, who="li", time=now, comment="已核对", expires=now + timedelta(days=300))
    save_answer(service.store, decided, OFFICER)
    wanted = Remedy(item=ITEM, object="oa", owner="ann", due=now.date() + timedelta(days=30), level=Level.MEDIUM, measure="umask 027", by="li", created=now)
    return hand_out(service.store, wanted, OFFICER, now.date())


def run(service: Service, remedy: str, name: str, check: str) -> str:
    """Ask for the playbook from the remedy, approve as somebody else, wait for its end; its state."""
    until(lambda: "remedy-linux-check" in service.playing.books, "the playbooks", 60)
    inputs = {"check": check, "hosts": ["host"]}
    plan = make_plan(service.playing.books["remedy-linux-check"], inputs, service.playing.surroundings())
    args = {"run": name, "playbook": "remedy-linux-check", "inputs": inputs, "hash": plan.hash, "remedy": remedy}
    service.alerting.carriers["run.begin"]({"what": "run.begin", "user": "ann", "roles": ["operator"], "args": args})
    yes = {"what": "run.approve", "user": "li", "roles": list(OFFICER), "on": name, "args": {"step": APPROVAL, "hash": plan.hash}}

    def approved() -> bool:
        try:
            service.alerting.carriers["run.approve"](yes)
        except Refused:  # the run is not at its approval yet
            return False
        return True

    until(approved, "the approval", 60)
    until(lambda: not service.store.documents.get(RUN, name).body["open"], "the end of the run", 90)
    return str(service.store.documents.get(RUN, name).body["state"])


def now_of(service: Service) -> Remedy:
    (one,) = remedies(service.store)
    return one


def test_a_run_that_mends_nothing_is_sent_back_and_one_that_mends_is_closed_by_what_was_read_after_it(service: Service, host: Machine) -> None:
    until(lambda: verdict(service)["outcome"] == "fail", "the gap", 90)
    before = verdict(service)
    remedy = owned(service)

    assert run(service, remedy.id, RUNS[0], OTHER) == "done", "a playbook that does something else"
    until(lambda: now_of(service).sent_back == 1, "the remedy sent back", 90)
    back = now_of(service)
    assert (back.stage, back.acted_on, back.running) == (Stage.OPEN, ("host",), "")
    assert f"{CHECK} host" in back.why
    again = verdict(service)
    assert back.acted is not None
    assert again["outcome"] == "fail"
    assert all(read["evidence"] == old["evidence"] for read, old in zip(again["read"], before["read"], strict=True)), "the same text is the same evidence"
    assert datetime.fromisoformat(again["read"][0]["time"]) > back.acted, "and was read after the run"

    assert run(service, remedy.id, RUNS[1], CHECK) == "done"
    until(lambda: now_of(service).stage is Stage.CLOSED, "the remedy closed", 90)
    closed = now_of(service)
    mended = verdict(service)
    assert mended["outcome"] == "pass"
    assert {read["evidence"] for read in mended["read"]} <= set(closed.proof)
    assert closed.acted is not None
    assert datetime.fromisoformat(mended["read"][0]["time"]) > closed.acted
    assert closed.runs == RUNS
    assert "UMASK 027" in host.inside("cat", "/etc/login.defs")
    assert [said["action"] for _, said in evidence.notes(service.store.documents, evidence.REMEDIES)] == [
        *("hand_out", "run", "done", "send_back"),
        *("run", "done", "close"),
    ]
    assert evidence.first_break(service.store.documents) is None
    assert service.store.documents.get(RUN, RUNS[1]).body["remedy"] == remedy.id


def test_work_by_hand_is_looked_at_at_once_when_it_is_reported(service: Service, host: Machine) -> None:
    until(lambda: verdict(service)["outcome"] == "fail", "the gap", 90)
    remedy = owned(service)
    report_done(service.store, remedy.id, "ann", ("operator",), "改好了", datetime.now(UTC))
    until(lambda: now_of(service).sent_back == 1, "the remedy sent back: nothing was done", 90)
    (host.root / "etc" / "profile.d" / "umask.sh").write_text("umask 027\n", encoding="utf-8")
    edit = (host.root / "etc" / "login.defs").read_text(encoding="utf-8")
    (host.root / "etc" / "login.defs").write_text(edit.replace("UMASK\t\t022", "UMASK\t\t027"), encoding="utf-8")
    report_done(service.store, remedy.id, "ann", ("operator",), "已设置 umask 027", datetime.now(UTC))
    until(lambda: now_of(service).stage is Stage.CLOSED, "the remedy closed", 90)
    assert verdict(service)["outcome"] == "pass"
    assert now_of(service).runs == ()
