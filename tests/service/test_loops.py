"""A loop survives what its work raises, and beats only for rounds that ended well."""

import threading
import time

from service.loops import Loop


def test_a_round_that_raises_is_followed_by_the_next_and_gives_no_beat() -> None:
    calls: list[int] = []
    beats: list[str] = []
    done = threading.Event()

    def work() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("first")
        done.set()

    loop = Loop("work", 0.01, work, lambda name, _: beats.append(name))
    loop.start()
    assert done.wait(5)
    loop.stop()
    assert len(beats) == len(calls) - 1


def test_a_nudge_ends_the_pause() -> None:
    rounds = threading.Semaphore(0)
    loop = Loop("work", 60, rounds.release, lambda *_: None)
    loop.start()
    assert rounds.acquire(timeout=5)
    time.sleep(0.05)
    loop.nudge()
    assert rounds.acquire(timeout=5)
    loop.stop()
