"""The runner: due polls go to a bounded pool, what comes back goes to the sink.

``sink`` is called in the threads of the pool, by several at once: it makes the records durable, lets the detectors look and
returns. It is called with what one poll of one asset brought, also when that is only "did not answer".
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog

from collectors import COLLECTORS
from collectors.base import Collector, Rereads, make
from core.clock import Clock
from core.errors import ConfigError, Unreachable
from core.records import Finding, Record, Result, Sample
from core.registry import resolve
from core.secrets import Secrets
from inventory.asset import Asset
from service.runner.agenda import Agenda, Due, Key
from service.runner.checked import Checked, check
from service.runner.outcome import Late, Memory, Report, judge
from service.runner.pool import Job, Pool

log: Final = structlog.get_logger()
BASE_S: Final = 60.0  # the interval that collectors' own default intervals relate to
FIRST_SPREAD_S: Final = 0.02  # between the first polls of two targets
PATIENCE_S: Final = 3.0  # a poll that takes longer, or finds nobody, makes its target slow until it does better
SLOW_WORKERS: Final = 2  # threads for slow targets to each worker; they wait for answers and do little else


class Sink(Protocol):
    """Takes what one poll brought."""

    def __call__(self, asset: str, records: Sequence[Record], results: Sequence[Result], findings: Sequence[Finding]) -> None:
        """Return when the records are durable."""
        ...


@dataclass(slots=True)
class Target:
    """One asset read by one collector."""

    asset: Asset
    collector: Collector
    options: Mapping[str, Any]
    interval_s: float
    memory: Memory = field(default_factory=Memory)
    busy: bool = False
    again: bool = False
    anew: bool = False
    is_slow: bool = False


@dataclass(slots=True)
class _Figures:
    lateness: deque[float] = field(default_factory=lambda: deque(maxlen=2000))
    polls: int = 0
    skipped: int = 0
    refused: int = 0


class Runner:
    """Polls all targets. ``tick`` is called about ten times a second by the clockwork; everything else happens in two pools.

    Targets that were slow or silent at their last poll have a pool of their own, so that the healthy never wait for them.
    """

    def __init__(
        self,
        sink: Sink,
        secrets: Secrets,
        clock: Clock,
        *,
        workers: int = 32,
        interval_s: float = BASE_S,
        disable_after: int = 5,
        registry: Mapping[str, str] = COLLECTORS,
    ) -> None:
        self._sink, self._secrets, self._clock = sink, secrets, clock
        self._interval_s, self._disable_after, self._registry = interval_s, disable_after, registry
        self._agenda = Agenda()
        self._targets: dict[Key, Target] = {}
        limit, slow = max(10_000, workers), SLOW_WORKERS * workers
        self._pool = Pool(workers, limit, clock.monotonic, patience_s=PATIENCE_S, aside=slow)
        self._slow_pool = Pool(slow, limit, clock.monotonic)
        self._figures = _Figures()
        self._lock = threading.Lock()

    @property
    def _pools(self) -> tuple[Pool, Pool]:
        return self._pool, self._slow_pool

    def set_assets(self, assets: Iterable[Asset]) -> list[ConfigError]:
        """Watch exactly these; returns what is wrong with single ones (the others are watched)."""
        wrong: list[ConfigError] = []
        wanted: dict[Key, tuple[Asset, Mapping[str, Any]]] = {(asset.id, name): (asset, options) for asset in assets for name, options in asset.collect.items()}
        for key in set(self._targets) - set(wanted):
            self._remove(key)
        for number, (key, (asset, options)) in enumerate(wanted.items()):
            try:
                self._put(key, asset, options, number)
            except ConfigError as err:
                self._remove(key)
                wrong.append(err)
            except Exception as err:
                log.exception("a collector cannot be made", asset=key[0], collector=key[1])
                self._remove(key)
                wrong.append(ConfigError(f"the collector itself failed: {type(err).__name__}: {err}", key=f"assets.{key[0]}.collect.{key[1]}"))
        return wrong

    def tick(self) -> None:
        """Hand every due poll to the pool and give up those over their deadline."""
        for pool in self._pools:
            pool.reap()
        with self._lock:
            due = self._agenda.take(self._clock.monotonic())
        for entry in due:
            self._submit(entry)

    def poll_now(self, asset: str, collector: str | None = None, *, anew: bool = False) -> int:
        """Let the polls of ``asset`` be due at once, one that runs now when it has ended; returns how many. ``anew``: every text is read and sent."""
        with self._lock:
            keys = [key for key in self._targets if key[0] == asset and collector in (None, key[1])]
            for key in keys:
                self._targets[key].again = self._targets[key].busy
                self._targets[key].anew |= anew
            self._agenda.now_due([key for key in keys if not self._targets[key].again], self._clock.monotonic())
        return len(keys)

    def keys(self) -> list[Key]:
        """Every (asset, collector) that is watched."""
        return sorted(self._targets)

    def samples(self, asset: str) -> list[Sample]:
        """The runner's own figures since the last call, as samples of ``asset``."""
        figures, self._figures = self._figures, _Figures()
        late = sorted(figures.lateness)
        values = {
            "wanglou.runner.targets": len(self._targets),
            "wanglou.runner.polls": figures.polls,
            "wanglou.runner.skipped": figures.skipped + figures.refused,
            "wanglou.runner.slow": sum(target.is_slow for target in list(self._targets.values())),
            "wanglou.runner.queue": sum(pool.waiting for pool in self._pools),
            "wanglou.runner.running": sum(pool.running for pool in self._pools),
            "wanglou.runner.stuck": sum(pool.stuck for pool in self._pools),
            "wanglou.runner.lateness": late[min(len(late) - 1, int(len(late) * 0.99))] if late else 0.0,
        }
        now = self._clock.now()
        return [Sample(time=now, asset=asset, metric=name, value=float(value)) for name, value in values.items()]

    def close(self, timeout_s: float = 10.0) -> bool:
        """Let running polls end; True when all did in time."""
        ends = self._clock.monotonic() + timeout_s
        ended = [pool.close(max(0.0, ends - self._clock.monotonic())) for pool in self._pools]  # both, also when the first does not end
        for target in self._targets.values():
            if not target.busy:
                _close(target.collector)
        return all(ended)

    def _put(self, key: Key, asset: Asset, options: Mapping[str, Any], number: int) -> None:
        interval = options.get("interval", asset.interval)
        own = {name: value for name, value in options.items() if name != "interval"}
        old = self._targets.get(key)
        if old is not None and old.options == own and old.asset.address == asset.address and old.asset.credentials == asset.credentials:
            collector = old.collector
        else:
            collector = make(resolve(self._registry, key[1], "collector"), own, self._secrets, where=f"assets.{key[0]}.collect.{key[1]}")
            self._remove(key)
            old = None
        seconds = _interval(interval, collector.default_interval_s * self._interval_s / BASE_S, key)
        now = self._clock.monotonic()
        with self._lock:
            if old is None:
                self._targets[key] = Target(asset, collector, own, seconds)
                self._agenda.put(key, seconds, now, first=now + min(number * FIRST_SPREAD_S, seconds))
            else:
                old.asset = asset
                if old.interval_s != seconds:
                    old.interval_s = seconds
                    self._agenda.put(key, seconds, now)

    def _remove(self, key: Key) -> None:
        with self._lock:
            target = self._targets.pop(key, None)
            self._agenda.remove(key)
            is_free = target is not None and not target.busy
        if target is not None and is_free:
            _close(target.collector)  # else the poll that runs closes it when it ends

    def _submit(self, due: Due) -> None:
        with self._lock:
            target = self._targets.get(due.key)
            if target is None or target.memory.rests(self._clock.now()):
                return
            self._figures.skipped += due.missed + target.busy
            if target.busy:
                return
            target.busy = True
        job = Job(
            name="/".join(due.key),
            work=lambda job: self._poll(due, target, job),
            deadline_s=target.collector.deadline_s,
            on_late=lambda _: self._late(due.key, target),
        )
        if not (self._slow_pool if target.is_slow else self._pool).submit(job):
            target.busy = False
            self._figures.refused += 1

    def _poll(self, due: Due, target: Target, job: Job) -> None:
        begun = self._clock.monotonic()
        self._figures.lateness.append(begun - due.at)
        self._figures.polls += 1
        try:
            if target.anew and isinstance(target.collector, Rereads):
                target.collector.anew()
            target.anew = False
            checked = check(lambda: target.collector.collect(target.asset, self._clock.now()), lambda: job.is_given_up)
            target.is_slow = isinstance(checked.error, Unreachable) or self._clock.monotonic() - begun > PATIENCE_S
            if job.finish():
                self._deliver(due.key, target, checked, self._clock.monotonic() - begun)
        finally:
            with self._lock:
                target.busy = False
                is_watched = self._targets.get(due.key) is target
                if target.again and is_watched:
                    self._agenda.now_due([due.key], self._clock.monotonic())
                target.again = False
            if not is_watched:
                _close(target.collector)

    def _late(self, key: Key, target: Target) -> None:
        """Tell that ``target`` passed its deadline. ``busy`` stays until its thread returns, so it is not polled twice at once."""
        error = Late(target.asset.id, f"no end within {target.collector.deadline_s:g} s")

        def deliver(job: Job) -> None:
            job.finish()
            self._deliver(key, target, Checked(error=error), target.collector.deadline_s)

        if not self._pool.submit(Job(name="/".join(key), work=deliver, deadline_s=BASE_S)):
            self._figures.refused += 1

    def _deliver(self, key: Key, target: Target, checked: Checked, duration_s: float) -> None:
        report, target.memory = judge(key, checked, duration_s, target.memory, self._clock.now(), self._disable_after)
        _tell(key, report, checked)
        if self._targets.get(key) is not target:
            return  # taken off the list while it was polled
        self._sink(key[0], report.records, report.results, report.findings)


def _interval(given: Any, default_s: float, key: Key) -> float:
    if given is None:
        return default_s
    if isinstance(given, bool) or not isinstance(given, int | float) or given <= 0:
        raise ConfigError("interval is a number of seconds above 0", key=f"assets.{key[0]}.collect.{key[1]}.interval")
    return float(given)


def _tell(key: Key, report: Report, checked: Checked) -> None:
    if report.turn == "away":
        unexpected = checked.error if report.text.startswith("the collector itself") else None
        log.warning("asset cannot be read", asset=key[0], collector=key[1], reason=report.text, exc_info=unexpected)
    elif report.turn == "back":
        log.info("asset can be read again", asset=key[0], collector=key[1])
    for finding in report.findings:
        log.error("collector disabled" if finding.firing else "collector works again", asset=key[0], collector=key[1])


def _close(collector: Collector) -> None:
    with suppress(Exception):
        collector.close()
