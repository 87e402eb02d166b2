"""Child processes are ended together and started again when they die."""

import os
import signal
import time

from service.children import Child

SLEEP = ["-c", "import time; time.sleep(60)"]


def wait_until(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_child_is_started_again_after_a_pause() -> None:
    child = Child("sleeper", SLEEP)
    child.start()
    assert child.process is not None
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not child.alive)
    assert child.status == -signal.SIGKILL
    now = time.monotonic()
    assert not child.revive(now)
    assert child.revive(now + 0.6)
    assert child.process.pid != first
    child.ask_to_end()
    child.end(time.monotonic() + 5)
    assert not child.alive


def test_a_child_that_ignores_the_request_is_killed_at_the_deadline() -> None:
    child = Child("stubborn", ["-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"])
    child.start()
    time.sleep(0.5)
    child.ask_to_end()
    child.end(time.monotonic() + 0.3)
    assert child.status == -signal.SIGKILL


def test_a_child_that_keeps_dying_waits_longer_each_time() -> None:
    child = Child("broken", ["-c", "raise SystemExit(3)"])
    child.start()
    wait_until(lambda: not child.alive)
    now = time.monotonic()
    child.revive(now)
    assert child.revive(now + 0.6)
    wait_until(lambda: not child.alive)
    child.revive(now + 1)
    assert not child.revive(now + 1.6)
    assert child.revive(now + 2.1)
    child.end(time.monotonic() + 5)
