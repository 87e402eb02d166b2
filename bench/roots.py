"""``python -m bench roots``: does the ranking of root causes find what was broken, by class of fault, beside chance and beside the plain largest shift.

The estate is the simulator's (13 network devices, 20 servers, 12 systems, a UPS, two rooms). One thing breaks in each case, and what leans on it
follows a poll or two later, as ``_Case`` says. Series have noise, a daily wave and a busy hour that moves all hosts alike; 3 % of the rows are missing; in a
third of the cases an unrelated host has a burst of its own in the same minutes. The rules of the ranking were
written with these classes of faults in mind: on a real estate it will do worse.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from detectors.roots.rank import Trace, chance, rank
from simulator.estate import Estate, hops, load_estate

BEFORE: Final = 360  # minutes
AFTER: Final = 12
LEAST: Final = {"%": 5.0, "s": 0.05, "Cel": 2.0, "1/s": 1.0, "1": 0.1}
KINDS: Final = {
    "collector.up": (1.0, 0.0, 0.0, "1"), "system.cpu.utilization": (25.0, 12.0, 3.0, "%"), "system.memory.utilization": (55.0, 3.0, 1.0, "%"),
    "system.filesystem.utilization": (48.0, 0.0, 0.2, "%"), "system.network.io": (3e6, 1.5e6, 3e5, "By/s"), "http.client.up": (1.0, 0.0, 0.0, "1"),
    "http.client.duration": (0.25, 0.08, 0.04, "s"), "network.interface.errors": (0.0, 0.0, 0.02, "1/s"), "hw.temperature": (23.5, 0.5, 0.2, "Cel"),
    "hw.processor.utilization": (18.0, 6.0, 2.0, "%"), "hw.ups.charge": (100.0, 0.0, 0.0, "%"), "hw.ups.on_battery": (0.0, 0.0, 0.0, "1"),
}  # fmt: skip


@dataclass
class _Case:
    """One fault: ``truth`` any of which is right; ``moves`` (asset, metric) -> how a value changes, given the minute since the fault."""

    kind: str
    truth: frozenset[str]
    moves: dict[tuple[str, str], Callable[[float, int], float]] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)
    """asset -> the minute from which nothing answers"""


def run() -> dict[str, Any]:
    """Shares of cases whose true root stood first, and among the first three."""
    estate, rng = load_estate(), random.Random(11)
    edges = edges_of(estate)
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    took: list[float] = []
    for number, case in enumerate(_cases(estate, rng)):
        traces, hit = _play(estate, case, random.Random(number))
        if not hit:
            continue
        at = min(hit.values())
        started = time.perf_counter()
        ranked = rank(traces, edges, hit, at, at + AFTER * 60)
        took.append(time.perf_counter() - started)
        place = next((n for n, one in enumerate(ranked) if one.asset in case.truth), len(ranked))
        plain = sorted(ranked, key=lambda one: (-max((abs(shift.size) for shift in one.shifts), default=0.0), one.asset))
        found[case.kind].append((place, next((n for n, one in enumerate(plain) if one.asset in case.truth), len(plain)), len(ranked)))
    every = [one for cases in found.values() for one in cases]
    return {**_shares(every), "by_fault": {kind: _shares(cases) for kind, cases in sorted(found.items())}, "ms_median": round(float(np.median(took)) * 1e3, 1)}


def _shares(cases: list[tuple[int, int, int]]) -> dict[str, Any]:
    size = len(cases)
    return {
        "cases": size,
        "top_1": round(sum(place < 1 for place, _, _ in cases) / size, 3),
        "top_3": round(sum(place < 3 for place, _, _ in cases) / size, 3),
        "largest_shift_top_1": round(sum(plain < 1 for _, plain, _ in cases) / size, 3),
        "chance_top_1": round(sum(chance(count, 1) for _, _, count in cases) / size, 3),
        "chance_top_3": round(sum(chance(count, 3) for _, _, count in cases) / size, 3),
    }


def edges_of(estate: Estate) -> list[tuple[str, str, str]]:
    """What leans on what, as the site folder of the simulator declares it."""
    edges = [(one.id, "reached_by", up) for one in estate.by_id.values() for up in estate.upstream(one.id)]
    edges += [(link.a[0], "connected_to", link.b[0]) for link in estate.links]
    for one in estate.by_id.values():
        room = estate.room_of(one).id
        edges.append((one.id, "located_in", room))
        edges += [(one.id, "powered_by", supply.id) for supply in estate.supplies if supply.room == room and supply.id != one.id and one not in estate.sensors]
    edges += [(post.room, "sensed_by", post.id) for post in estate.sensors]
    for system in estate.systems:
        edges += [(system.id, "runs_on", server) for server in (system.server, *system.also)]
        edges += [(system.id, "depends_on", other) for other in system.depends_on]
    return edges


def _cases(estate: Estate, rng: random.Random) -> Iterator[_Case]:
    for device in estate.devices:
        yield _down(estate, "device loses power", {device.id})
    for server in estate.servers:
        yield _down(estate, "server stops", {server.id})
        yield _load(estate, "processor busy", server.id, "system.cpu.utilization", 98.0, slow=6.0, rng=rng)
        yield _load(estate, "disk full", server.id, "system.filesystem.utilization", 99.0, slow=0.0, rng=rng)
        yield _load(estate, "memory leak", server.id, "system.memory.utilization", 97.0, slow=4.0, rng=rng)
    for link in estate.links:
        yield _cut(estate, (link.a[0], link.b[0]))
        yield _errors(estate, (link.a[0], link.b[0]))
    for system in estate.systems:
        yield _Case("service stops", frozenset({system.id}), {(system.id, "http.client.up"): lambda _value, minute: 0.0 if minute >= 0 else 1.0})
    for post in estate.sensors:
        yield _heat(estate, post.id, post.room, rng)
    for supply in estate.supplies:
        yield _down(
            estate, "power of a room fails", {supply.id, *(one.id for one in estate.by_id.values() if estate.room_of(one).id == supply.room)}, supply.id
        )


def _down(estate: Estate, kind: str, stopped: set[str], root: str = "") -> _Case:
    pairs = [(link.a[0], link.b[0]) for link in estate.cables if link.a[0] not in stopped and link.b[0] not in stopped]
    return _follow(estate, _Case(kind, frozenset({root} if root else stopped)), pairs, stopped, root)


def _cut(estate: Estate, ends: tuple[str, str]) -> _Case:
    pairs = [(link.a[0], link.b[0]) for link in estate.cables if {link.a[0], link.b[0]} != set(ends)]
    case = _Case("link cut", frozenset(ends))
    for end in ends:
        case.moves[end, "network.interface.errors"] = lambda value, minute: value + (8.0 if 0 <= minute < 2 else 0.0)
    return _follow(estate, case, pairs, set())


def _follow(estate: Estate, case: _Case, pairs: list[tuple[str, str]], stopped: set[str], root: str = "") -> _Case:
    """Whatever the collector no longer reaches falls silent; pages on it, and pages that lean on it, fail."""
    alive = set(hops([root for root in estate.roots if root not in stopped], pairs))
    for name in (one for one in estate.by_id if one not in alive):
        case.silent[name] = 0 if name in stopped else 1
    if root:
        case.silent.pop(root, None)
        case.moves[root, "hw.ups.on_battery"] = lambda _value, minute: 1.0 if minute >= -3 else 0.0
        case.moves[root, "hw.ups.charge"] = lambda value, minute: max(0.0, value - 30 * max(0, minute + 3))
    for system in estate.systems:
        if system.server in case.silent or any(other in case.silent for other in system.depends_on):
            case.moves[system.id, "http.client.up"] = lambda value, minute: 0.0 if minute >= 1 else value
    return case


def _load(estate: Estate, kind: str, server: str, metric: str, top: float, *, slow: float, rng: random.Random) -> _Case:
    lag = rng.choice((1, 2))
    case = _Case(kind, frozenset({server}))
    case.moves[server, metric] = lambda value, minute: top - rng.random() if minute >= 0 else value
    for system in estate.systems:
        if server in (system.server, *system.depends_on) and slow:
            case.moves[system.id, "http.client.duration"] = lambda value, minute: value + slow if minute >= lag else value
        elif server in (system.server, *system.depends_on):
            case.moves[system.id, "http.client.up"] = lambda value, minute: 0.0 if minute >= lag else value
    return case


def _errors(estate: Estate, ends: tuple[str, str]) -> _Case:
    case = _Case("errors on a link", frozenset(ends))
    for end in ends:
        case.moves[end, "network.interface.errors"] = lambda value, minute: value + 40 if minute >= 0 else value
    for system in estate.systems:
        switch = next(server.switch for server in estate.servers if server.id == system.server)
        if switch in ends:
            case.moves[system.id, "http.client.duration"] = lambda value, minute: value + 2.5 if minute >= 1 else value
    return case


def _heat(estate: Estate, post: str, room: str, rng: random.Random) -> _Case:
    case = _Case("cooling fails", frozenset({post, room}))
    case.moves[post, "hw.temperature"] = lambda value, minute: value + 1.5 * max(0, minute + 4)
    for one in estate.by_id.values():
        if estate.room_of(one).id == room and one.id != post:
            lag = rng.randint(3, 6)
            case.moves[one.id, "hw.temperature"] = lambda value, minute, lag=lag: value + 1.2 * max(0, minute + 4 - lag)  # type: ignore[misc]
    return case


def _metrics(estate: Estate, asset: str) -> tuple[str, ...]:
    if asset in {system.id for system in estate.systems}:
        return "http.client.up", "http.client.duration"
    if asset in {server.id for server in estate.servers}:
        names = ("system.cpu.utilization", "system.memory.utilization", "system.filesystem.utilization", "system.network.io", "hw.temperature")
        return "collector.up", *names
    if asset in {post.id for post in estate.sensors}:
        return "collector.up", "hw.temperature"
    if asset in {supply.id for supply in estate.supplies}:
        return "collector.up", "hw.ups.charge", "hw.ups.on_battery"
    return "collector.up", "hw.processor.utilization", "network.interface.errors", "hw.temperature"


def _play(estate: Estate, case: _Case, rng: random.Random) -> tuple[list[Trace], dict[str, float]]:
    """The series around the fault (at second 0) and the assets with an alarm."""
    bystander = rng.choice(estate.servers).id if rng.random() < 1 / 3 else ""
    busy = rng.random() < 0.5
    traces: list[Trace] = []
    hit: dict[str, float] = {}
    for asset in [*estate.by_id, *(system.id for system in estate.systems)]:
        for metric in _metrics(estate, asset):
            trace = _trace(case, asset, metric, rng, is_busy=busy, is_bystander=asset == bystander)
            traces.append(trace)
            began = _alarm(trace)
            if began is not None:
                hit[asset] = min(began, hit.get(asset, began))
    return traces, hit


def _trace(case: _Case, asset: str, metric: str, rng: random.Random, *, is_busy: bool, is_bystander: bool) -> Trace:
    level, swing, noise, unit = KINDS[metric]
    phase, offset = rng.random() * 60, rng.random() * 0.2
    times, values = [], []
    for minute in range(-BEFORE, AFTER):
        value = level * (1 + offset if metric not in ("collector.up", "http.client.up", "hw.ups.charge") else 1)
        value += swing * np.sin((minute + phase) / 1440 * 6.28) + rng.gauss(0, noise)
        if is_busy and minute >= -5 and metric in ("system.cpu.utilization", "system.network.io"):
            value += 2 * swing
        if is_bystander and metric == "system.cpu.utilization" and -4 <= minute < 6:
            value = 97.0
        if move := case.moves.get((asset, metric)):
            value = move(value, minute)
        if minute >= case.silent.get(asset, AFTER):
            if metric != "collector.up":
                continue
            value = 0.0
        if metric == "collector.up" or rng.random() > 0.03:
            times.append(minute * 60.0 + phase)
            values.append(float(value))
    return Trace(asset, metric, np.array(times), np.array(values), {}, LEAST.get(unit, 0.0), unit == "1")


LIMITS: Final = {
    "collector.up": (-1, 0.5), "http.client.up": (-1, 0.5), "system.cpu.utilization": (1, 95.0), "system.memory.utilization": (1, 95.0),
    "system.filesystem.utilization": (1, 95.0), "http.client.duration": (1, 2.0), "network.interface.errors": (1, 5.0), "hw.temperature": (1, 31.0),
    "hw.ups.on_battery": (1, 0.5),
}  # fmt: skip


def _alarm(trace: Trace) -> float | None:
    side, limit = LIMITS.get(trace.metric, (1, float("inf")))
    found = np.flatnonzero(side * trace.values > side * limit)
    return float(trace.times[found[0]]) if len(found) else None
