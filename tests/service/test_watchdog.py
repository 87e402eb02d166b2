"""The watch from another process: what is overdue or silent is told by a way of its own, once, and its end too."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.clock import ManualClock
from core.settings import Settings, WatchdogSettings
from service.pulse import write_heartbeat
from service.watchdog import Watchdog, alarm, due_path, read_due, trouble, write_due
from tests.incidents.test_live import NOW, odd, opened
from tests.peers.hook import Taking, serving


class Hook(ThreadingHTTPServer):
    """Keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeping)
        self.got: list[Any] = []
        self.status = 200

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.server_address[1]}/")


class _Keeping(Taking):
    server: Hook

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.body()))
        self.done(self.server.status)

    def do_GET(self) -> None:
        self.server.got.append("beat")
        self.done(self.server.status)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


def wait(wanted: Callable[[], bool]) -> None:
    for _ in range(1500):
        if wanted():
            return
        threading.Event().wait(0.02)
    raise AssertionError("did not happen within 30 s")


def told(dog: Watchdog, now: float, hook: Hook) -> int:
    dog.look(now)
    return len(hook.got)


def folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("beat", "due", "found"),
    [
        (990.0, 1010.0, None),
        (990.0, None, None),
        (None, None, None),
        (990.0, 905.0, ("overdue", 95.0)),
        (900.0, 950.0, ("silent", 100.0)),
        (900.0, 100.0, ("silent", 100.0)),
    ],
)
def test_what_is_wrong_is_told_apart(beat: float | None, due: float | None, found: tuple[str, float] | None) -> None:
    assert trouble(1000.0, beat, due, 90.0) == found


def test_an_overdue_call_is_alarmed_once_and_so_is_its_end(tmp_path: Path, hook: Hook) -> None:
    settings = Settings(data=folder(tmp_path), watchdog=WatchdogSettings(alarm_url=hook.url))
    said: list[str] = []
    dog = Watchdog(settings, said.append)
    write_heartbeat(tmp_path, 1000.0)
    write_due(tmp_path, 1050.0)
    for now in (1000.0, 1060.0, 1080.0):
        dog.look(now)
    assert hook.got == []
    write_heartbeat(tmp_path, 1150.0)
    dog.look(1150.0)
    wait(lambda: len(hook.got) == 1)
    assert "overdue by 100 s" in hook.got[0]["body"]
    assert "超时 100 秒" in hook.got[0]["body"]
    dog.look(1151.0)
    write_due(tmp_path, 1300.0)
    wait(lambda: told(dog, 1160.0, hook) == 2)
    assert "works again" in hook.got[1]["body"]
    assert said == ["a call or notice of Wanglou is overdue by 100 s", "Wanglou works again"]


def test_a_silent_service_is_alarmed_and_an_alarm_that_nobody_took_is_tried_again(tmp_path: Path, hook: Hook) -> None:
    settings = Settings(data=folder(tmp_path), watchdog=WatchdogSettings(alarm_url=hook.url))
    hook.status = 500
    dog = Watchdog(settings, lambda _text: None)
    dog.look(1000.0)
    dog.look(1095.0)
    wait(lambda: len(hook.got) == 1)
    hook.status = 200
    wait(lambda: told(dog, 1130.0, hook) == 2)
    assert "no sign of life" in hook.got[1]["body"]


def test_somebody_outside_is_asked_every_minute_while_all_is_well(tmp_path: Path, hook: Hook) -> None:
    settings = Settings(data=folder(tmp_path), watchdog=WatchdogSettings(heartbeat_url=hook.url))
    dog = Watchdog(settings, lambda _text: None)
    write_heartbeat(tmp_path, 1000.0)
    for now in (1000.0, 1030.0, 1060.0, 1061.0):
        dog.look(now)
    wait(lambda: len(hook.got) == 2)
    dog.look(1200.0)  # silent by now: nobody outside hears that all is well
    threading.Event().wait(0.1)
    assert hook.got == ["beat", "beat"]


def test_an_alarm_without_a_way_counts_as_told_and_one_that_fails_does_not() -> None:
    assert alarm(WatchdogSettings(), "x / y")
    assert not alarm(WatchdogSettings(alarm_modem="/dev/no-such-line", alarm_to=("10086",)), "x / y")


def test_alerting_says_when_its_next_step_falls_due(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    with opened(tmp_path, clock) as (alerting, _):
        alerting.observe([odd()])
        assert alerting.next_due() == pytest.approx(clock.monotonic() + 30)
        clock.advance(100)
        assert (alerting.next_due() or 0) < clock.monotonic()
        alerting.tick()
        assert (alerting.next_due() or 0) > clock.monotonic()


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert read_due(folder(tmp_path)) is None
    due_path(tmp_path).write_text("{")
    assert read_due(tmp_path) is None
