"""Work that is too heavy for the service: run in one process that is started when there is work and ends when there is none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Final

import structlog

log = structlog.get_logger("offload")
MOST_WAITING: Final = 64


class Offload:
    """``submit`` named work, ``collect`` what is ready. Failed work is logged and gone; the caller asks again when it is due."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[str, Future[Any]] = {}

    def submit(self, key: str, work: Callable[..., Any], *arguments: Any) -> bool:
        """Begin ``work`` (a function of a module) unless ``key`` is running or too much waits; True when begun."""
        if key in self._running or len(self._running) >= MOST_WAITING:
            return False
        try:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            self._running[key] = self._pool.submit(work, *arguments)
        except (BrokenProcessPool, OSError, RuntimeError) as err:
            log.error("heavy work cannot be started", work=key, reason=str(err))
            self.close()
            return False
        return True

    def is_running(self, key: str) -> bool:
        """Whether the result of ``key`` is still to come."""
        return key in self._running

    def collect(self) -> dict[str, Any]:
        """Results that are ready, by key."""
        ready = {key: future for key, future in self._running.items() if future.done()}
        results = {}
        for key, future in ready.items():
            del self._running[key]
            problem = future.exception()
            if problem is None:
                results[key] = future.result()
            else:
                log.error("heavy work failed", work=key, reason=f"{type(problem).__name__}: {problem}")
        if ready and not self._running:
            self.close()
        return results

    def close(self) -> None:
        """End the process; work that has not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool, self._running = None, {}

    def end(self) -> None:
        """As ``close``, and what runs is cut off: nobody will ask for it."""
        processes = list((getattr(self._pool, "_processes", None) or {}).values())  # the executor offers no way to end its work before Python 3.14
        self.close()
        for process in processes:
            process.terminate()


class Inline(Offload):
    """The same, done at once in this process: for replays and tests."""

    def submit(self, key: str, work: Callable[..., Any], *arguments: Any) -> bool:
        """Do ``work`` now."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except (ValueError, RuntimeError, ArithmeticError, ImportError, LookupError, TypeError) as err:
            future.set_exception(err)
        self._running[key] = future
        return True
