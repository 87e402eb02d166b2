"""``python -m bench graph``: building the graph of 10,000 assets and asking what breaks if something stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from inventory.asset import Asset
from inventory.graph import build_graph

SIZE = 10_000
LIMIT_S = 1.0


def estate(size: int) -> list[Asset]:
    """Two cores, access switches on both, hypervisors with two feeds, machines on them, systems over machines."""
    assets = [Asset(id=name, kind="switch") for name in ("core1", "core2")] + [Asset(id=name, kind="ups") for name in ("ups-a", "ups-b")]
    for number in range(size - len(assets)):
        kind = number % 20
        block = number // 20
        fields: dict[str, Any] = {"id": f"n{number}"}
        if kind == 0:
            fields |= {"kind": "switch", "reached_by": ["core1", "core2"]}
        elif kind < 4:
            fields |= {"kind": "hypervisor", "reached_by": [f"n{block * 20}"], "powered_by": ["ups-a", "ups-b"]}
        elif kind < 18:
            fields |= {"kind": "vm", "runs_on": [f"n{block * 20 + 1 + kind % 3}"]}
        else:
            fields |= {"kind": "system", "depends_on": [f"n{block * 20 + 4}", f"n{block * 20 + 5}"]}
        assets.append(Asset.model_validate(fields))
    return assets


def run() -> dict[str, Any]:
    """Medians of five in seconds, and what the gravest stop takes along."""
    assets = estate(SIZE)
    graph = build_graph(assets)
    return {
        "assets": SIZE,
        "build_s": _median(lambda: build_graph(assets)),
        "impact_of_both_cores_s": _median(lambda: graph.impact(["core1", "core2"])),
        "impact_of_one_core_s": _median(lambda: graph.impact(["core1"])),
        "path_s": _median(lambda: graph.path("n9000", "n19")),
        "lost_with_both_cores": sum(hit.lost for hit in graph.impact(["core1", "core2"])),
        "lost_with_one_core": sum(hit.lost for hit in graph.impact(["core1"])),
        "limit_s": LIMIT_S,
    }


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(median(times), 4)
