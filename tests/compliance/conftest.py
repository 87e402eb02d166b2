"""A store with two hosts that were judged, one of them weak, and the dossier of an object over them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from compliance.dossier import Dossier, gather
from compliance.load import load_checks
from compliance.objects import ProtectionObject, Scope
from compliance.prove import NOW
from compliance.run import Inspector
from inventory.asset import Asset
from store.base import Store
from store.open import open_store
from tests.compliance.test_run import fill, log_days, weak

CHECKS = tuple(load_checks().checks.values())
OFFICER = ("security_officer",)
ZONE = ZoneInfo("Asia/Shanghai")
SUBJECT = ProtectionObject(id="oa", name="办公自动化系统 <OA>", s=3, a=3, filing_number="330100-26-00001", scope=Scope(assets=("web1", "web2")))
ASSETS = (Asset(id="web1", name="网站一号", address="10.0.0.1", owner="li"), Asset(id="web2", name="web & two", owner="wang"), Asset(id="other"))


@dataclass(frozen=True)
class Judged:
    """The store and what it is asked with."""

    store: Store

    def dossier(self, moment: datetime = NOW, now: datetime | None = None, subject: ProtectionObject = SUBJECT) -> Dossier:
        return gather(self.store, CHECKS, subject, ASSETS, moment=moment, now=now or moment, zone=ZONE)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    opened = open_store("embedded", tmp_path_factory.mktemp("judged"), "service")
    yield judge(opened)
    opened.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Judged]:
    """The same, for a test that writes."""
    opened = open_store("embedded", tmp_path / "data", "service")
    yield judge(opened)
    opened.close()


def judge(store: Store) -> Judged:
    log_days(store, "web1", 3)
    log_days(store, "web2", 3)
    fill(store, at=-timedelta(hours=1))
    fill(store, "web2", kinds={"sshd_config": weak(store) + "banner =cmd|' /C calc'!A0 <b>\x1b[31m\n"}, at=-timedelta(hours=1))
    Inspector(store, CHECKS).inspect(["web1", "web2"], NOW)
    return Judged(store)
