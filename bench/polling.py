"""``python -m bench polling``: SNMP agents on loopback addresses polled by the real runner at a fixed interval.

``WANGLOU_BENCH_AGENTS`` (500), ``WANGLOU_BENCH_DEAD`` (50: half never answer, half answer after two seconds) and
``WANGLOU_BENCH_INTERVAL_S`` (60) say how many and how often; three intervals are run, the first, which reads every
device whole, is not counted. The agents have a process of their own.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Event as ProcessEvent
from typing import Any

from core.clock import SystemClock
from core.records import Record, Result, Sample
from core.secrets import NoSecrets
from inventory.asset import Asset
from service.runner import Clockwork, Runner
from tests.peers.snmp_agent import Agent, Answer, Bench, Silent, Table, switch

PORT = 16_161
SLOW_S = 2.0
WORKERS = 48
_TICK_S = 0.1


def address(number: int) -> str:
    """The loopback address of one agent."""
    return f"127.{50 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def serve(count: int, dead: int, ready: ProcessEvent, stop: ProcessEvent) -> None:
    """Answer until told to stop (runs in a process of its own)."""
    _more_files(count + 256)
    table = Table.of(switch("bench", ports=24))
    agents: dict[tuple[str, int], Answer] = {}
    delays: dict[tuple[str, int], float] = {}
    for number in range(count):
        place = (address(number), PORT)
        agents[place] = Silent() if number < dead // 2 else Agent(table)
        if dead // 2 <= number < dead:
            delays[place] = SLOW_S
    with Bench(agents, delays):
        ready.set()
        stop.wait(3600)


class Counted:
    """A sink that counts what comes."""

    def __init__(self) -> None:
        self.samples, self.up, self.down = 0, 0, 0
        self._lock = threading.Lock()

    def __call__(self, asset: str, records: Sequence[Record], results: Sequence[Result], findings: Sequence[object]) -> None:  # noqa: ARG002
        """Count samples, and the polls that went well or not."""
        ups = [record.value for record in records if isinstance(record, Sample) and record.metric == "collector.up"]
        with self._lock:
            self.samples += len(records)
            self.up += sum(value == 1 for value in ups)
            self.down += sum(value == 0 for value in ups)


def run() -> dict[str, Any]:
    """Lateness and load of the second and third interval; all times in seconds."""
    count, dead, interval_s = (int(os.environ.get(f"WANGLOU_BENCH_{name}", default)) for name, default in (("AGENTS", 500), ("DEAD", 50), ("INTERVAL_S", 60)))
    _more_files(1024)
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    agents = context.Process(target=serve, args=(count, dead, ready, stop), daemon=True)
    agents.start()
    try:
        if not ready.wait(60):
            raise RuntimeError("the agents did not start")
        return _measure(count, dead, interval_s)
    finally:
        stop.set()
        agents.join(10)
        if agents.is_alive():
            agents.terminate()


def _measure(count: int, dead: int, interval_s: int) -> dict[str, Any]:
    sink = Counted()
    runner = Runner(sink, NoSecrets(), SystemClock(), workers=WORKERS, interval_s=interval_s)
    wrong = runner.set_assets(
        [
            Asset(id=f"switch-{number}", kind="switch", address=address(number), collect={"snmp": {"port": PORT, "interval": interval_s}})
            for number in range(count)
        ]
    )
    assert not wrong, wrong[0]
    clockwork = Clockwork(SystemClock())
    clockwork.every(_TICK_S, "tick", runner.tick)
    clockwork.start()
    try:
        time.sleep(interval_s)
        first = _figures(runner)
        before = (sink.samples, sink.up, sink.down, time.process_time())
        time.sleep(2 * interval_s)
        figures = _figures(runner)
        after = (sink.samples, sink.up, sink.down, time.process_time())
    finally:
        clockwork.stop()
        runner.close(15)
    samples, up, down, cpu = (late - early for late, early in zip(after, before, strict=True))
    return {
        "agents": count,
        "dead_or_slow": dead,
        "interval_s": interval_s,
        "workers": WORKERS,
        "p99_lateness_s": round(figures["lateness"], 3),
        "p99_lateness_first_interval_s": round(first["lateness"], 3),
        "polls": int(figures["polls"]),
        "polls_expected": 2 * count,
        "skipped": int(figures["skipped"]),
        "up": up,
        "down": down,
        "samples_per_s": round(samples / (2 * interval_s), 1),
        "cpu_share_of_one_core": round(cpu / (2 * interval_s), 3),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "limit_s": interval_s,
    }


def _figures(runner: Runner) -> dict[str, float]:
    return {sample.metric.rpartition(".")[2]: sample.value for sample in runner.samples("bench")}


def _more_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
