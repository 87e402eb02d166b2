"""The clock: actions that fail, a wall clock that jumps."""

import time
from datetime import UTC, datetime, timedelta

from core.clock import ManualClock, SystemClock
from service.runner import Clockwork


def test_an_action_that_fails_runs_again_and_stops_no_other() -> None:
    calls: list[str] = []

    def fail() -> None:
        calls.append("bad")
        raise RuntimeError("meant")

    works = Clockwork(SystemClock())
    works.every(0.1, "bad", fail)
    works.every(0.1, "good", lambda: calls.append("good"))
    works.start()
    end = time.monotonic() + 5
    while min(calls.count("bad"), calls.count("good")) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    works.stop()
    assert calls.count("bad") >= 3
    assert calls.count("good") >= 3
    stopped = len(calls)
    time.sleep(0.3)
    assert len(calls) == stopped


def test_a_wall_clock_set_back_does_not_stop_the_service() -> None:
    clock = ManualClock(datetime.now(UTC))
    works = Clockwork(clock)
    works.every(5.0, "polls", lambda: None)
    [job] = works._scheduler.jobs
    job.next_run = datetime.now() + timedelta(hours=1)  # noqa: DTZ005 - what a jump of one hour back amounts to for the library
    clock.jump(-3600)
    works.turn()
    [anew] = works._scheduler.jobs
    assert anew.next_run is not None
    assert anew.next_run < datetime.now() + timedelta(seconds=6)  # noqa: DTZ005
