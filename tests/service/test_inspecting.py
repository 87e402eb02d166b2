"""What was due for an inspection while the store was away is due still; a clock that is put back or forward brings nothing out of order."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance import evidence
from compliance.exemptions import Exemption, decide, exemptions, expired, request
from compliance.history import as_of
from compliance.prove import NOW
from compliance.run import Inspector, every
from core.clock import ManualClock
from core.errors import StoreAway
from core.names import VERDICT
from core.records import Finding
from core.settings import read_settings
from inventory.asset import Asset
from service.serve import FULL_INSPECTION_S, Service, build
from store.base import Store
from store.open import open_store
from tests.compliance.conftest import CHECKS, OFFICER
from tests.compliance.test_run import fill, weak


class Away:
    """An inspector whose store comes and goes."""

    def __init__(self) -> None:
        self.is_away = True
        self.asked: list[list[str]] = []

    def inspect(self, assets: Collection[str], _now: datetime, read_anew: Collection[str] = ()) -> list[Finding]:
        if self.is_away:
            raise StoreAway("the store does not answer")
        self.asked.append(sorted(assets))
        return []


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    environment = {"WANGLOU_DATA": str(tmp_path), "WANGLOU_LOG_LEVEL": "error", "WANGLOU_COLLECT__TRAP_PORT": "0", "WANGLOU_COLLECT__SYSLOG_UDP": "0"}
    made = build(read_settings(None, environment), ManualClock(NOW))
    yield made
    made.stop()


def test_what_could_not_be_judged_while_the_store_was_away_is_judged_when_it_is_back(service: Service) -> None:
    away: Any = Away()
    service.inspector, service.assets = away, {name: Asset(id=name) for name in ("a", "b")}
    service.dirty, service.inspected_all = {"a"}, time.monotonic()
    with pytest.raises(StoreAway):
        service.check_compliance()
    service.dirty.add("b")
    away.is_away = False
    service.check_compliance()
    service.check_compliance()
    assert away.asked == [["a", "b"]]

    away.is_away, service.inspected_all = True, time.monotonic() - FULL_INSPECTION_S - 1
    with pytest.raises(StoreAway):
        service.check_compliance()
    away.is_away = False
    service.check_compliance()
    assert {"a", "b"} <= set(away.asked[-1]), "the hourly round of everything is due still"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.mark.slow
def test_a_clock_that_jumps_leaves_the_chain_in_order_and_revives_no_exemption(store: Store) -> None:
    hour, inspector = timedelta(hours=1), Inspector(store, CHECKS)
    asked = Exemption(id="", item="G.CES.AC.2", object="", reason="r", compensation="c", requester="li", requested=NOW, expires=NOW + 24 * hour)
    decide(store, request(store, asked, OFFICER).id, "wang", OFFICER, NOW, grant=True, remark="ok")
    fill(store, "web1")
    inspector.inspect(["web1"], NOW)
    fill(store, "web1", kinds={"sshd_config": weak(store)}, at=hour)
    inspector.inspect(["web1"], NOW + 2 * hour)
    for jump in (-48 * hour, 900 * hour, 3 * hour):  # back by two days, forward by five weeks, right again
        inspector.inspect(["web1"], NOW + jump)
        assert evidence.first_break(store.documents) is None
        (now,) = [body.body for body in every(store, VERDICT) if body.body["check"] == "lnx-ssh-root"]
        assert now["outcome"] in ("fail", "unknown"), "a broken setting never looks mended by a wrong clock"
    past = {row["check"]: row["outcome"] for row in as_of(store.documents, NOW + hour / 2).verdicts}
    assert past["lnx-ssh-root"] == "pass"
    seqs = [link.body["seq"] for link in evidence.chain(store.documents)]
    assert seqs == sorted(seqs)
    (one,) = exemptions(store)
    assert [found.id for found in expired([one], NOW + 25 * hour)] == [one.id]
