"""A bounded pool of threads whose jobs have a hard deadline.

A thread of Python cannot be stopped from outside. A job over its deadline is given up: its outcome will be ignored, its
thread ends when the job returns, and another thread takes its place (up to a bound, then the pool shrinks and says so).
A job that is merely slow keeps its thread, but no longer one of the ``workers``: after ``patience_s`` another takes its place.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

log: Final = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Job:
    """``work`` runs in a thread; it asks ``finish`` before it uses what it made."""

    name: str
    work: Callable[[Job], None]
    deadline_s: float
    on_late: Callable[[Job], None] | None = None
    started: float | None = None
    _state: str = "open"
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def finish(self) -> bool:
        """True when the outcome still counts; from now on the deadline has no effect."""
        return self._settle("finished")

    def give_up(self) -> bool:
        """True when the job had not finished; from now on its outcome is ignored."""
        return self._settle("given up")

    @property
    def is_given_up(self) -> bool:
        """Whether the deadline passed before it finished."""
        return self._state == "given up"

    def _settle(self, state: str) -> bool:
        with self._lock:
            if self._state != "open":
                return False
            self._state = state
            return True


class Pool:
    """At most ``workers`` threads at work and ``limit`` jobs waiting; ``clock`` gives monotonic seconds.

    Up to ``aside`` jobs that have run for ``patience_s`` do not count among the ``workers``.
    """

    def __init__(self, workers: int, limit: int, clock: Callable[[], float], *, patience_s: float = math.inf, aside: int = 0) -> None:
        self._workers, self._limit, self._clock = workers, limit, clock
        self._patience_s, self._most_aside = patience_s, aside
        self._aside: set[Job] = set()
        self._waiting: deque[Job] = deque()
        self._running: set[Job] = set()
        self._stuck: set[Job] = set()
        self._threads = 0
        self._idle = 0
        self._closed = False
        self._change = threading.Condition()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs at work now, without those given up."""
        return len(self._running)

    @property
    def stuck(self) -> int:
        """Jobs given up whose thread has not come back."""
        return len(self._stuck)

    def submit(self, job: Job) -> bool:
        """Queue ``job``; False when the queue is full or the pool is closed."""
        with self._change:
            if self._closed or len(self._waiting) >= self._limit:
                return False
            self._waiting.append(job)
            if self._idle < len(self._waiting) and self._threads < self._workers:
                self._start_thread()
            self._change.notify()
            return True

    def reap(self) -> list[Job]:
        """Give up every job over its deadline and tell each (``on_late``); returns them."""
        now = self._clock()
        with self._change:
            late = [job for job in self._running if job.started is not None and now - job.started > job.deadline_s]
            late = [job for job in late if job.give_up()]
            for job in late:
                self._running.discard(job)
                self._stuck.add(job)
                is_replaced = job in self._aside
                self._aside.discard(job)
                if not is_replaced:
                    self._threads -= 1
                    if len(self._stuck) <= self._workers:
                        self._start_thread()
            self._set_aside(now)
            if late and len(self._stuck) > self._workers:
                log.error("too many polls hang; the pool has fewer threads now", stuck=len(self._stuck), threads=self._threads)
        for job in late:
            if job.on_late is not None:
                job.on_late(job)
        return late

    def _set_aside(self, now: float) -> None:
        slow = [job for job in self._running - self._aside if job.started is not None and now - job.started > self._patience_s]
        for job in slow[: max(0, self._most_aside - len(self._aside))]:
            self._aside.add(job)
            self._threads -= 1
            if len(self._waiting) > self._idle:
                self._start_thread()

    def close(self, timeout_s: float) -> bool:
        """Drop what waits, let what runs end; True when all ended in time."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            self._change.notify_all()
            return self._change.wait_for(lambda: self._threads == 0 and not self._aside, timeout_s)

    def _start_thread(self) -> None:
        self._threads += 1
        threading.Thread(target=self._serve, name="poll", daemon=True).start()

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.work(job)
            except Exception:
                log.exception("a job failed", job=job.name)
            if not self._done(job):
                return
        with self._change:
            self._threads -= 1
            self._change.notify_all()

    def _next(self) -> Job | None:
        with self._change:
            self._idle += 1
            self._change.wait_for(lambda: self._waiting or self._closed)
            self._idle -= 1
            if not self._waiting:
                return None
            job = self._waiting.popleft()
            job.started = self._clock()
            self._running.add(job)
            return job

    def _done(self, job: Job) -> bool:
        """False when the job was given up or set aside meanwhile and this thread was replaced."""
        with self._change:
            self._running.discard(job)
            if job in self._stuck or job in self._aside:
                self._stuck.discard(job)
                self._aside.discard(job)
                if self._threads < self._workers and not self._closed and self._waiting:
                    self._start_thread()
                self._change.notify_all()
                return False
            return True
