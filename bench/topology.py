"""``python -m bench topology``: 500 network devices with 9,500 machines folded into links, and the map of them."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

from console.queries import netmap
from core.clock import ManualClock
from core.records import Sample, Snapshot
from inventory.book import Book
from inventory.topology import finding
from inventory.topology.evidence import KIND
from service.topology import Survey
from store.base import Store
from store.open import open_store
from store.snapshots import save_snapshot

CORES: Final = 2
DISTRIBUTION: Final = 23
ACCESS: Final = 475
MACHINES: Final = 20
PORTS: Final = 26
NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)


def mac(number: int) -> str:
    """A locally administered address."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0, *number.to_bytes(4, "big")))


def devices() -> Iterator[tuple[str, dict[str, Any]]]:
    """Two cores, distribution switches on both, access switches below with machines; the cores have learned every machine."""
    everything = range(10_000, 10_000 + ACCESS * MACHINES)
    for core in range(CORES):
        named = [_told(f"d{number}", f"u{core}", f"p{number}") for number in range(DISTRIBUTION)]
        learned = [[mac(machine), f"p{(machine - 10_000) // MACHINES % DISTRIBUTION}", 10] for machine in everything] if core == 0 else []
        arp = [[f"10.{machine >> 16}.{machine >> 8 & 255}.{machine & 255}", mac(machine), "v10"] for machine in everything]
        yield f"c{core}", _body(core, named, learned, arp)
    for number in range(DISTRIBUTION):
        below = [access for access in range(ACCESS) if access % DISTRIBUTION == number]
        named = [_told(f"c{core}", f"p{number}", f"u{core}") for core in range(CORES)] + [_told(f"a{access}", "u", f"p{access}") for access in below]
        learned = [[mac(10_000 + access * MACHINES + each), f"p{access}", 10] for access in below for each in range(MACHINES)]
        yield f"d{number}", _body(100 + number, named, learned, [])
    for access in range(ACCESS):
        learned = [[mac(10_000 + access * MACHINES + each), f"p{each}", 10] for each in range(MACHINES)]
        yield f"a{access}", _body(1000 + access, [_told(f"d{access % DISTRIBUTION}", f"p{access}", "u")], learned, [])


def _told(name: str, far: str, near: str) -> dict[str, Any]:
    return {"protocol": "lldp", "local": near, "remote_name": name, "remote_port": far, "remote_chassis": "", "remote_descr": None}


def _body(number: int, neighbours: list[Any], fdb: list[Any], arp: list[Any]) -> dict[str, Any]:
    return {"bridge": mac(number), "macs": [mac(number)], "neighbours": neighbours, "fdb": fdb, "arp": arp}


def fill(store: Store) -> int:
    """Assets, snapshots and the newest figures of every port; returns how many series."""
    book, samples = Book(store), []
    for name, body in devices():
        book.save(name, {"kind": "switch", "site": f"s{len(name)}"}, source="site", who="bench", now=NOW)
        save_snapshot(store, Snapshot(time=NOW, asset=name, kind=KIND, body=json.dumps(body)))
        for port in [said["local"] for said in body["neighbours"]] + [f"p{number}" for number in range(PORTS - 2)]:
            labels = {"interface": port}
            samples += [Sample(time=NOW, asset=name, metric=f"network.interface.{metric}", value=1.0, labels=labels) for metric in ("oper", "admin")]
            for direction in ("receive", "transmit"):
                both = {**labels, "direction": direction}
                figures = {"utilization": 3.0, "errors": 0.0}
                samples += [Sample(time=NOW, asset=name, metric=f"network.interface.{metric}", value=value, labels=both) for metric, value in figures.items()]
    store.metrics.write(samples)
    return len({sample.series for sample in samples})


def run() -> dict[str, Any]:
    """Seconds: the first look with all its writing, a later one, and each step of drawing the map (medians of five)."""
    with tempfile.TemporaryDirectory() as folder:
        store = open_store("embedded", Path(folder) / "data", "service")
        try:
            return _measured(store, Path(folder))
        finally:
            store.close()


def _measured(store: Store, folder: Path) -> dict[str, Any]:
    series = fill(store)
    survey = Survey(store, folder, ManualClock(NOW), lambda _asset, _events: None)
    first = _once(lambda: survey.look(NOW))
    again = _once(lambda: survey.look(NOW + timedelta(minutes=5)))
    assets = {asset.id: asset for asset in Book(store).all()}
    links, figures = netmap.read_links(store), netmap.read_figures(store, NOW)
    wish = netmap.Wish()

    def draw() -> netmap.Drawing:
        return netmap.placed(netmap.drawing(links, assets, {}, figures, wish, NOW), {})

    spec = netmap.chart(draw(), lambda node: node.title, wish)
    machines = finding.read_machines(store)
    steps = {
        "read_links_s": _median(lambda: netmap.read_links(store)),
        "read_figures_s": _median(lambda: netmap.read_figures(store, NOW)),
        "draw_s": _median(draw),
        "chart_s": _median(lambda: netmap.chart(draw(), lambda node: node.title, wish)),
    }
    return {
        "devices": len(assets),
        "machines": len(machines),
        "links": len(links),
        "series": series,
        "first_look_s": first,
        "later_look_s": again,
        **steps,
        "map_query_s": round(steps["read_links_s"] + steps["read_figures_s"] + steps["chart_s"], 3),
        "spec_kib": len(json.dumps(spec, ensure_ascii=False).encode()) // 1024,
        "find_machine_s": _median(lambda: finding.search(finding.read_machines(store), assets, mac(12_345))),
        "limit_s": 2.0,
    }


def _once(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def _median(work: Callable[[], object]) -> float:
    return round(median(_once(work) for _ in range(5)), 3)
