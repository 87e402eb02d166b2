"""A small network as the survey leaves it in the store, with names as hostile neighbours tell them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.clock import ManualClock
from core.records import Sample, Snapshot
from inventory.book import Book
from inventory.topology.evidence import KIND
from service.topology import Survey
from store.base import Store
from store.snapshots import save_snapshot
from tests.inventory.topology.makers import mac, told

HOSTILE = '<img src=x onerror=alert(1)> {b} "核心" [link](javascript:alert(1)) \u202e'


def seed_network(store: Store, now: datetime, folder: Path) -> None:
    """Three switches (one cable gone, one port with errors, a neighbour with markup in its name) and some machines."""
    book = Book(store)
    for name, kind in (("core", "switch"), ("acc1", "switch"), ("acc2", "switch"), ("web", "server")):
        values = {"kind": kind, "name": f"网络 {name}", "address": f"10.0.0.{len(name)}{len(kind)}", "site": "hq"}
        book.save(name, values, source="site", who="site files", now=now)

    def says(name: str, number: int, time: datetime, **body: Any) -> None:
        text = json.dumps({"sysname": name, "bridge": mac(number), "macs": [mac(number)], "vlans": {"10": "office"}, **body})
        save_snapshot(store, Snapshot(time=time, asset=name, kind=KIND, body=text))

    survey = Survey(store, folder, ManualClock(now), lambda _asset, _events: None)
    before = now - timedelta(days=2)
    fdb = [[mac(100 + number), str(number), 10] for number in range(1, 6)]
    says("core", 1, before, neighbours=[told("1", "acc1", "24"), told("2", "acc2", "24")])
    says("acc1", 2, before, neighbours=[told("24", "core", "1")], fdb=fdb)
    says("acc2", 3, before, neighbours=[told("24", "core", "2")])
    survey.look(before)
    arp = [["10.0.0.36", mac(101), "v"], ["10.0.0.77", mac(102), "v"], ["10.0.0.77", mac(103), "v"]]
    said = [told("1", "acc1", "24"), told("3", "acc2", "23"), told("9", HOSTILE, HOSTILE)]
    says("core", 1, now, neighbours=said, arp=arp, routes_cut=True)
    says("acc1", 2, now, neighbours=[told("24", "core", "1")], fdb=[*fdb, [mac(200), "7", 10]])
    says("acc2", 3, now, neighbours=[told("23", "core", "3")])
    survey.look(now)
    metrics = {"utilization": 91.0, "errors": 0.0, "oper": 1.0, "admin": 1.0}
    samples = [
        Sample(time=now, asset="core", metric=f"network.interface.{metric}", value=value, labels={"interface": "1"}) for metric, value in metrics.items()
    ]
    store.metrics.write([*samples, Sample(time=now, asset="core", metric="network.interface.oper", value=0.0, labels={"interface": "3"})])
