"""What detectors learned, kept in files: a damaged or newer file is set aside and that detector learns anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import structlog

from core.errors import ConfigError

log = structlog.get_logger("memory")


class Learner(Protocol):
    """A detector, as far as its memory is concerned."""

    name: str

    def state(self) -> bytes:
        """Everything learned."""
        ...

    def restore(self, state: bytes) -> None:
        """Take over a state; raises ConfigError."""
        ...


class Memory:
    """One file per detector in ``folder``; within ``pause()`` no detector observes, so that a state is whole."""

    def __init__(self, folder: Path, learners: Sequence[Learner], pause: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self._folder, self._learners, self._pause = folder, learners, pause

    def load(self) -> None:
        """Give every detector what it knew before."""
        for learner in self._learners:
            path = self._path(learner)
            if not path.exists():
                continue
            try:
                learner.restore(path.read_bytes())
            except (ConfigError, OSError) as err:
                aside = path.with_suffix(".damaged")
                path.replace(aside)
                log.error("a detector's memory cannot be used and was set aside; it learns anew", detector=learner.name, file=str(aside), reason=str(err))

    def save(self) -> None:
        """Write every detector's state, each in one step."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for learner in self._learners:
            path = self._path(learner)
            new = path.with_suffix(".new")
            with self._pause():
                state = learner.state()
            try:
                new.write_bytes(state)
                new.replace(path)
            except OSError as err:
                log.error("a detector's memory cannot be written", detector=learner.name, reason=str(err))

    def _path(self, learner: Learner) -> Path:
        return self._folder / f"{learner.name}.state"
