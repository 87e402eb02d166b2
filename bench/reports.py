"""Reports of an object with 1,000 assets: each kind in each form, how long and how large. Two hosts are judged, their results stand for all others."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args
from zoneinfo import ZoneInfo

from compliance.check import Sample
from compliance.dossier import Dossier, exhibits, gather
from compliance.load import load_checks
from compliance.objects import ProtectionObject, Scope
from compliance.prove import NOW, snapshots
from compliance.reports.kinds import TITLES
from compliance.reports.write import Format, write
from compliance.run import Inspector
from core.records import Snapshot, ended
from inventory.asset import Asset
from store.base import Body
from store.open import open_store
from store.snapshots import save_snapshot

HOSTS: Final = ("good", "weak")
WEAKER: Final = (("permitrootlogin no", "permitrootlogin yes"), ("permitemptypasswords no", "permitemptypasswords yes"))


def run(assets: int = 1000) -> dict[str, Any]:
    """Seconds and kilobytes of each report in Chinese."""
    dossier = _many(_judged(), assets)
    made: dict[str, Any] = {}
    for kind in TITLES:
        for form in get_args(Format):
            started = time.perf_counter()
            size = len(write(kind, dossier, form, "zh_CN"))
            made[f"{kind}.{form}"] = {"seconds": round(time.perf_counter() - started, 1), "kilobytes": size // 1000}
    return {"bench": "reports", "assets": len(dossier.assets), "verdicts": len(dossier.verdicts), "exhibits": len(dossier.exhibits), "reports": made}


def _judged() -> Dossier:
    """The dossier of two hosts, one of them with weak settings of SSH."""
    checks = tuple(load_checks().checks.values())
    with tempfile.TemporaryDirectory() as folder:
        store = open_store("embedded", Path(folder), "service")
        for host in HOSTS:
            for text in snapshots(Sample(platform="debian", verdict="pass")):
                body = text.body
                if host == "weak" and text.kind == "sshd_config":
                    for before, after in WEAKER:
                        body = body.replace(before, after)
                if text.kind != "store.logs":
                    save_snapshot(store, Snapshot(time=NOW, asset=host, kind=text.kind, body=ended(body)))
        Inspector(store, checks).inspect(HOSTS, NOW)
        subject = ProtectionObject(id="bench", name="业务系统", s=3, a=3, scope=Scope(assets=HOSTS))
        dossier = gather(store, checks, subject, [Asset(id=host, name=host) for host in HOSTS], moment=NOW, now=NOW, zone=ZoneInfo("Asia/Shanghai"))
        store.close()
    return dossier


def _many(two: Dossier, assets: int) -> Dossier:
    """The same with ``assets`` hosts, each with the results of one of the two and evidence of its own."""
    model = {f"host-{number:04d}": HOSTS[number % len(HOSTS)] for number in range(assets)}
    verdicts = tuple(_of(body, name) for name, host in model.items() for body in two.verdicts if body["asset"] == host)
    by_asset = {item: {name: replace(results[host], asset=name) for name, host in model.items() if host in results} for item, results in two.by_asset.items()}
    risks = tuple(replace(risk, assets=tuple(name for name, host in model.items() if host in risk.assets)) for risk in two.risks)
    everything = tuple(Asset(id=name, name=f"业务服务器 {name}", address=f"10.0.{number // 250}.{number % 250}") for number, name in enumerate(model))
    return replace(two, assets=everything, verdicts=verdicts, by_asset=by_asset, risks=risks, exhibits=tuple(exhibits(verdicts)))


def _of(body: Body, name: str) -> Body:
    return {**body, "asset": name, "read": [read | {"evidence": f"{read['evidence']}-{name}"} for read in body["read"]]}
