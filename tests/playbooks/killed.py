"""Kills a runner with SIGKILL at its n-th point, lets another one go on, and tells what became of the device: for every n until a run gets through.

``python -m tests.playbooks.killed FOLDER`` writes ``told.json`` into it. Points are before and after each audit entry, each document and each command.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.clock import ManualClock
from playbooks.fold import RunState
from playbooks.journal import read_run
from store.base import Store
from store.open import open_store
from tests.playbooks.bench import BOB, HEAD, Device, Site, assets

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEXT = (
    HEAD
    + """
targets: {match: {tags: web}}
steps:
  - {id: first, run: bench.set, with: {key: light, value: up}, undo: {after: 5m}}
  - {id: once, run: bench.add, with: {key: line}, undo: {never: a line cannot be told from another}}
  - {id: last, run: bench.set, with: {key: door, value: shut}}
"""
)
RUN = "r20260302-080000-aaaaaa"


class Bomb:
    """Counts points and kills the process at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.passed = at, 0

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self.point()
            result = call(*args, **kwargs)
            self.point()
            return result

        return called


def build(folder: Path, clock: ManualClock, bomb: Bomb) -> tuple[Store, Site]:
    store = open_store("embedded", folder / "data", "service")
    here = Site(store, clock, folder / "devices", (TEXT,), assets(1))
    for owner, name in ((store.audit, "append"), (store.documents, "put"), (here.device, "act")):
        setattr(owner, name, bomb.around(getattr(owner, name)))
    return store, here


def go_through(here: Site, clock: ManualClock, until: Callable[[RunState], bool]) -> RunState:
    """Tick, and answer what a person is asked by looking at the device."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        here.runner.tick()
        state = read_run(here.store, RUN)[2]
        if until(state):
            return state
        for (step, target), act in state.acts.items():
            if act.status == "unknown" and f"{step}@{target}" in state.tasks:
                here.requests.decide(RUN, step, target, BOB, done="line=on" in here.device.sent(), reason="looked")
        if not here.runner._busy:
            clock.advance(1)
        time.sleep(0.001)
    raise AssertionError("the run does not end")


def whole(folder: Path, at: int) -> None:
    """One life of the runner: ask, run, undo."""
    life = folder / "clock"
    clock = ManualClock(datetime.fromisoformat(life.read_text()) if life.exists() else START)
    store, here = build(folder, clock, Bomb(at))
    try:
        plan = here.plan()
        here.requests.begin(RUN, "try-it", {}, BOB, hash=plan.hash)
        if RUN not in here.runner.runs and read_run(store, RUN)[2].asked is None:
            return  # it was cut off before it was asked for: who asked got no answer
        go_through(here, clock, lambda state: bool(state.outcome))
        clock.advance(301)
        go_through(here, clock, lambda state: state.is_over)
    finally:
        life.write_text(clock.now().isoformat())
        store.close()


def in_child(work: Callable[[], None]) -> int:
    """The wait status of a forked process that does the work."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def told(folder: Path, at: int) -> dict[str, Any]:
    device = Device(folder / "devices")
    store = open_store("embedded", folder / "data", "console")
    state = read_run(store, RUN)[2]
    store.close()
    target = assets(1)[0]
    shown = {key: device.read(target, key) for key in ("light", "line", "door")}
    return {"at": at, "outcome": state.outcome, "over": state.is_over, "asked": state.asked is not None, "sent": device.sent(), **shown}


def main(folder: Path) -> list[dict[str, Any]]:
    found = []
    at = 0
    while True:
        at += 1
        place = folder / str(at)
        place.mkdir()
        status = in_child(lambda place=place, at=at: whole(place, at))  # type: ignore[misc]
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if is_killed and (again := in_child(lambda place=place: whole(place, 0))):  # type: ignore[misc]
            raise SystemExit(f"the life after the kill at point {at} ended with {again}")
        if not is_killed and status:
            raise SystemExit(f"point {at}: status {status}")
        found.append(told(place, at))
        if not is_killed:
            return found


if __name__ == "__main__":
    Path(sys.argv[1], "told.json").write_text(json.dumps(main(Path(sys.argv[1]))))
