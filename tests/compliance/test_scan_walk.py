"""A vulnerability from the scanner's file to its end: found, a gap, somebody's work, sent back while it stays, closed by the scan that no longer shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from compliance import evidence
from compliance.answers import save_answer
from compliance.dossier import Dossier, gather
from compliance.load import load_checks
from compliance.measured.take import Measurer
from compliance.objects import ProtectionObject, Scope
from compliance.prove import NOW
from compliance.remedies import Remedy, Stage, checked, hand_out, remedies, report_done, settle
from compliance.risk import Level
from compliance.rollup import Answer, Conformity
from compliance.run import Inspector
from compliance.scans.shelf import ledger_of
from core.records import Finding
from inventory.asset import Asset
from store.base import Store
from store.open import open_store
from tests.compliance.test_scans import DAY, OFFICER, ZONE, brought, item, nessus

ITEM: Final = "G.MMS.VUL.1"
CHECKS: Final = tuple(load_checks().checks.values())
WEB: Final = Asset(id="web1", name="web1.example", kind="server", address="10.0.0.1")
SUBJECT: Final = ProtectionObject(id="oa", name="办公", s=3, a=3, scope=Scope(assets=("web1",)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


class Walk:
    """The parts of the service that look at a ledger, with a clock in hand."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, NOW
        self.measurer, self.inspector = Measurer(store, lambda: (SUBJECT,), tuple), Inspector(store, CHECKS)

    def look(self, days: int = 0) -> list[Finding]:
        """Some days later everything is worked out, judged and followed once more; returns what scn-open told."""
        self.now += timedelta(days=days, minutes=5)
        told = self.inspector.inspect(sorted(self.measurer.take((WEB,), self.now)), self.now)
        settle(self.store, checked(self.dossier(), remedies(self.store), self.now), "wanglou", self.now)
        return [one for one in told if one.source == "compliance.scn-open"]

    def dossier(self) -> Dossier:
        return gather(self.store, CHECKS, SUBJECT, (WEB,), moment=self.now, now=self.now, zone=ZONE)

    def remedy(self) -> Remedy:
        (one,) = remedies(self.store)
        return one


def test_a_vulnerability_is_a_gap_somebodys_work_and_closed_by_the_scan_that_no_longer_shows_it(store: Store) -> None:
    walk = Walk(store)
    decided = Answer(item=ITEM, object="oa", conformity=Conformity.CONFORMS, who="li", time=NOW, comment="有扫描和修补制度", expires=NOW + 300 * DAY)
    save_answer(store, decided, OFFICER)
    brought(store, nessus(item(1, severity=4), item(2, severity=1), ended=NOW - 40 * DAY))
    (finding,) = walk.look()
    assert (finding.asset, finding.firing) == ("web1", True)
    assert walk.dossier().results[ITEM].conformity in (Conformity.FAILS, Conformity.PARTIAL)

    wanted = Remedy(
        item=ITEM,
        object="oa",
        owner="wang",
        due=walk.now.date() + 30 * DAY,
        level=Level.HIGH,
        measure="升级",
        by="li",
        created=walk.now,
    )
    hand_out(store, wanted, OFFICER, walk.now.date())
    report_done(store, walk.remedy().id, "wang", ("operator",), "已升级", walk.now)
    brought(store, nessus(item(1, severity=4), ended=walk.now), now=walk.now + timedelta(minutes=1))
    walk.look(days=1)
    back = walk.remedy()
    assert (back.stage, back.sent_back) == (Stage.OPEN, 1), "the next scan still shows it"
    assert "scn-open web1" in back.why

    report_done(store, back.id, "wang", ("operator",), "已升级并重启", walk.now)
    brought(store, nessus(item(2, severity=1), ended=walk.now), now=walk.now + timedelta(minutes=1))
    (cleared,) = walk.look(days=1)
    assert (cleared.fingerprint, cleared.firing) == (finding.fingerprint, False)
    closed = walk.remedy()
    assert closed.stage is Stage.CLOSED
    proof = [store.documents.get("evidence", name).body for name in closed.proof]
    (text,) = [body["body"] for body in proof if body["kind"] == "scan.record"]
    assert "critical" not in text, "closed by the ledger after the last scan"
    assert [one.id for one in ledger_of(store, "web1").open] == ["nessus:2"]
    assert evidence.first_break(store.documents) is None
