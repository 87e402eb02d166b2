"""Child processes of the supervisor: started apart, ended together, started again when they die."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1  # Linux, prctl(2)
PAUSES_S = (0.5, 1.0, 2.0, 5.0)  # before a child that died is started again
CALM_S = 60.0  # a child that lived this long starts with the shortest pause again


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One program that must run: ``arguments`` for this Python interpreter."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only the supervisor."""
        self.process = subprocess.Popen(
            [sys.executable, "-u", *self.arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
        )
        self.started = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status, None while it runs."""
        return None if self.process is None else self.process.poll()

    def revive(self, now: float) -> bool:
        """Start it again when it died and its pause is over; True when it did."""
        if self.alive:
            return False
        if self.started and now - self.started > CALM_S:
            self.failures = 0
        pause = PAUSES_S[min(self.failures, len(PAUSES_S) - 1)]
        if self.died_at is None:
            self.died_at = now
        if now - self.died_at < pause:
            return False
        self.died_at = None
        self.failures += 1
        self.start()
        return True

    died_at: float | None = None

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self.process is not None and self.alive:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until ``deadline`` (monotonic), then SIGKILL."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
