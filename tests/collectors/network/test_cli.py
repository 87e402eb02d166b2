"""The command line collector against devices that answer as the vendors do, and against some that do not behave."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncssh
import pytest

from core.errors import BadReply, DeviceError, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from simulator.shell import PASSWORD, USER, Family, Shell, serve_shell
from tests.collectors.support import Polled, collector, poll
from tests.inventory.configuration.devices import device

pytestmark = pytest.mark.slow

ASSET = Asset(id="sw1", kind="switch", address="127.0.0.1", credentials={"cli": "ops"})
OPS = Secret(username=USER, password=PASSWORD)
NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)


@contextmanager
def listening(talk: Callable[[Any], Any], encoding: str | None = "utf-8") -> Iterator[dict[str, Any]]:
    """An SSH server whose sessions are given to ``talk``; yields the options that lead to it."""
    links: list[Any] = []

    async def remembered(process: Any) -> None:
        links.append(process.get_extra_info("connection"))
        await talk(process)

    loop, key = asyncio.new_event_loop(), asyncssh.generate_private_key("ssh-ed25519")
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve_shell("127.0.0.1", 0, key, remembered, encoding), loop).result(30)
    try:
        yield {"port": server.get_port(), "host_key": key.export_public_key().decode().strip()}
    finally:

        async def end() -> None:
            server.close()
            for link in links:
                link.abort()
            await asyncio.gather(*(link.wait_closed() for link in links))
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def read(shell: Shell, platform: str, **options: Any) -> Polled:
    with listening(shell.talk) as way:
        return poll(collector("cli", {"platform": platform, **way, **options}, ops=OPS), ASSET, NOW)


@pytest.mark.parametrize(
    ("family", "platform", "dialect"),
    [
        ("huawei", "huawei", "vrp"),
        ("huawei", "huawei", "usg"),
        ("h3c", "hp_comware", "comware"),
        ("cisco", "cisco_ios", "ios"),
        ("cisco", "ruijie_os", "ruijie"),
    ],
)
def test_both_configurations_come_whole(family: Family, platform: str, dialect: str) -> None:
    polled = read(Shell("hq-core-01", family, lambda _which: device(dialect)), platform)
    assert polled.error is None
    assert polled.snapshot("running-config").rstrip("\n").endswith(device(dialect).rstrip("\n").rsplit("\n", 1)[-1])
    assert polled.snapshot("running-config").count("\n") > 40
    assert polled.snapshot("startup-config") == polled.snapshot("running-config")


def test_a_device_without_a_startup_command_gives_the_running_one() -> None:
    shell = Shell("a", "cisco", lambda which: device("ios") if which == "running" else "% Invalid input detected at '^' marker.\n")
    polled = read(shell, "cisco_ios")
    assert polled.error is None
    assert polled.kinds() == {"running-config"}


def test_a_refused_command_is_no_configuration() -> None:
    polled = read(Shell("a", "huawei", lambda _which: "Error: You do not have permission to run the command.\n"), "huawei", startup=False)
    assert isinstance(polled.error, BadReply)
    assert "permission" in str(polled.error)


def test_a_configuration_that_was_cut_off_is_not_kept() -> None:
    polled = read(Shell("a", "huawei", lambda _which: device("vrp")[:1500]), "huawei", startup=False)
    assert isinstance(polled.error, BadReply)
    assert "cut off" in str(polled.error)
    assert not polled.kinds()


@pytest.mark.parametrize("line", ["description uplink to hq-core-01#5", "banner motd hq-core-01# is watched"])
def test_the_name_of_the_device_in_a_line_is_not_taken_for_its_prompt(line: str) -> None:
    text = device("nxos").rstrip("\n").replace("\n", f"\n{line}\n", 3)
    polled = read(Shell("hq-core-01", "cisco", lambda _which: text + "\n"), "cisco_nxos", startup=False)
    assert polled.error is None
    body = polled.snapshot("running-config")
    assert body.count(line) == 3
    assert body.endswith(text.rsplit("\n", 1)[-1] + "\n! end of the text\n")


STAMPED = "!\n! Last configuration change at 08:50:00 UTC Tue Mar 3 2026 by wang\n! NVRAM config last updated at 07:00:00 UTC Tue Mar 3 2026 by li\n!\n"


def test_who_changed_it_is_an_event_and_no_part_of_the_text() -> None:
    polled = read(Shell("a", "cisco", lambda _which: STAMPED + device("ios")), "cisco_ios", startup=False)
    (event,) = polled.events()
    assert (event.kind, event.fields["user.name"], event.time) == ("config_stamp", "wang", NOW - timedelta(minutes=10))
    assert "wang" not in polled.snapshot("running-config")


def test_the_same_stamp_is_told_once_and_an_old_one_never() -> None:
    with listening(Shell("a", "cisco", lambda _which: STAMPED + device("ios")).talk) as way:
        subject = collector("cli", {"platform": "cisco_ios", "startup": False, **way}, ops=OPS)
        assert [len(poll(subject, ASSET, NOW).events()) for _ in range(2)] == [1, 0]
        late = collector("cli", {"platform": "cisco_ios", "startup": False, **way}, ops=OPS)
        assert not poll(late, ASSET, NOW + timedelta(days=3)).events()


@pytest.mark.parametrize(
    ("line", "user", "minutes"),
    [
        ("!Last configuration was updated at 2026-03-03 16:40:00+08:00 by zhao", "zhao", 20),
        ("! Last configuration change at 16:40:00 CST Tue Mar 3 2026 by zhao", "zhao", 0),  # CST may mean two zones
        ("## Last commit: 2026-03-03 08:30:00 UTC by zhao", "zhao", 30),
    ],
)
def test_stamps_of_other_vendors_are_read(line: str, user: str, minutes: int) -> None:
    polled = read(Shell("a", "cisco", lambda _which: f"{line}\n{device('ios')}"), "cisco_ios", startup=False)
    (event,) = polled.events()
    assert event.fields["user.name"] == user
    assert NOW - event.time == timedelta(minutes=minutes)


def test_descriptions_in_utf8_and_gb18030_are_both_read() -> None:
    text = device("vrp").replace(" description office\n", " description 办公楼三层弱电间\n").encode()
    text = text.replace(b" description hq-acc-01\n", b" description " + "一层接入交换机".encode("gb18030") + b"\n")

    async def talk(process: Any) -> None:
        process.stdout.write(b"\r\n<a>")
        async for line in process.stdin:
            body = text if line.strip().startswith(b"display") else b""
            process.stdout.write(line.strip() + b"\r\n" + body.replace(b"\n", b"\r\n") + b"\r\n<a>")

    with listening(talk, encoding=None) as way:
        polled = poll(collector("cli", {"platform": "huawei", "startup": False, **way}, ops=OPS), ASSET, NOW)
    assert polled.error is None
    assert " description 一层接入交换机\n" in polled.snapshot("running-config")
    assert " description 办公楼三层弱电间\n" in polled.snapshot("running-config")


async def endless_banner(process: Any) -> None:
    while True:
        process.stdout.write("Welcome to this device. " * 40 + "\r\n")
        await process.stdout.drain()
        await asyncio.sleep(0.001)


async def trickling(process: Any) -> None:
    while True:
        process.stdout.write(".")
        await asyncio.sleep(0.2)


async def mute(process: Any) -> None:
    await process.stdin.read()


async def hanging_up(process: Any) -> None:
    process.exit(1)


@pytest.mark.parametrize("talk", [endless_banner, trickling, mute, hanging_up])
def test_a_login_that_does_not_behave_ends_in_time(talk: Callable[[Any], Any]) -> None:
    with listening(talk) as way:
        subject = collector("cli", {"platform": "cisco_ios", "timeout_s": 1, **way}, ops=OPS)
        started = time.monotonic()
        polled = poll(subject, ASSET, NOW)
    assert isinstance(polled.error, DeviceError)
    assert time.monotonic() - started < subject.deadline_s + 30
    assert not polled.records


def test_a_configuration_that_never_ends_is_given_up() -> None:
    async def endless(process: Any) -> None:
        process.stdout.write("a#")
        async for line in process.stdin:
            if not line.startswith("show"):
                process.stdout.write("a#")
                continue
            while True:
                process.stdout.write("interface x\r\n description y\r\n" * 500)
                await process.stdout.drain()
                await asyncio.sleep(0.001)

    with listening(endless) as way:
        subject = collector("cli", {"platform": "cisco_ios", "timeout_s": 1, **way}, ops=OPS)
        started = time.monotonic()
        polled = poll(subject, ASSET, NOW)
    assert isinstance(polled.error, BadReply | Unreachable)
    assert time.monotonic() - started < subject.deadline_s + 30
    assert not polled.kinds()
