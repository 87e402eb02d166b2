"""The collector of Windows servers. Only the wire is real here: an SSH server on loopback answers our script with texts in the documented forms.

No Windows was at hand; the script itself was read by a grammar of PowerShell, never run.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from collectors.loop import wait
from collectors.servers import windows as subject
from collectors.servers.powershell import COMMAND, answer, script
from collectors.servers.windows import EACH_POLL, TEXTS, Clock, listeners, off, told
from compliance.kinds import kinds
from compliance.prove import host
from core.errors import BadReply, ConfigError
from core.records import ended
from core.secrets import Secret
from inventory.asset import Asset
from tests.collectors.support import collector, poll

ASSET = Asset(id="app1", address="127.0.0.1", credentials={"windows": "ops"})
SOURCE = (Path(subject.__file__).parent / "windows.ps1").read_text(encoding="ascii")
ENGLISH = """type=NTP
servers=10.8.1.1,0x8
running=yes
status=0
line=Leap Indicator: 0(no warning)
line=Stratum: 4 (secondary reference - syncd by (S)NTP)
line=Precision: -23 (119.209ns per tick)
line=Root Delay: 0.0421553s
line=Root Dispersion: 0.0375231s
line=ReferenceId: 0x0A080101 (source IP:  10.8.1.1)
line=Last Successful Sync Time: 9/26/2026 3:10:22 PM
line=Source: 10.8.1.1,0x8
line=Poll Interval: 10 (1024s)
line=Phase Offset: -0.0012345s
line=ClockRate: 0.0156250s
line=State Machine: 2 (Sync)
line=Time since Last Good Sync Time: 312.6154321s
# end
"""
CHINESE = """type=NTP
servers=10.8.1.1,0x8
running=yes
status=0
line=Leap 指示符: 0(无警告)
line=层次: 4 (次引用 - 与(S)NTP 同步)
line=精度: -23 (每刻度 119.209ns)
line=根延迟: 0.0421553s
line=根分散: 0.0375231s
line=引用 ID: 0x0A080101 (源 IP: 10.8.1.1)
line=上次成功同步时间: 2026/9/26 15:10:22
line=源: 10.8.1.1,0x8
line=轮询间隔: 10 (1024s)
line=相位偏移: -0.0012345s
line=时钟速率: 0.0156250s
line=状态机: 2 (同步)
line=距上次良好同步时间: 312.6154321s
# end
"""
FIGURES = """uptime\t86400
memory\t16777216\t4194304
processes\t142
processors\t8
processor\t{idle}\t{stamp}
pagefile\t2048\t512
volume\tC:\\\t\\\\?\\Volume{{11111111-2222-3333-4444-555555555555}}\\\t100000\t25000
volume\t\\\\?\\Volume{{99999999-2222-3333-4444-555555555555}}\\\t\\\\?\\Volume{{99999999}}\\\t500\t10
disk\t0 C:\t{read}\t0\t{idle}\t{stamp}
interface\tIntel[R] Ethernet\t{read}\t0\t0\t0
interface\tisatap.bureau\t5\t5\t0\t0
# end
"""


class Recorded:
    """What the server says: the figures grow from poll to poll."""

    def __init__(self, bodies: Mapping[str, str | None]) -> None:
        self.bodies, self.polls, self.asked = dict(bodies), 0, list[str]()

    def says(self, name: str) -> str | None:
        if name == "figures" and name not in self.bodies:
            self.polls += 1
            step = 10_000_000 * self.polls
            return FIGURES.format(idle=step // 4, stamp=step, read=1000 * self.polls)
        if name == "clock":
            return f"now={datetime.now(UTC).isoformat()}\n# end\n"
        body = self.bodies.get(name)
        return None if body is None else ended(body)


def line(name: str, body: str | None) -> bytes:
    state, raw = ("failed", "Access is denied. 拒绝访问。".encode()) if body is None else ("ok", body.encode())
    return f"wanglou:part {name} {state} {len(raw)} {b64encode(raw).decode()}\r\n".encode()


@contextmanager
def windows(recorded: Recorded) -> Iterator[dict[str, Any]]:
    """Options that reach an SSH server that answers as ``recorded`` says; it runs nothing."""
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def talk(process: Any) -> None:
        sent = (await process.stdin.read()).decode("ascii")
        names = re.findall(r"'([a-z.]+)'", sent.splitlines()[0])
        if process.command == COMMAND and sent.partition("\n")[2] == SOURCE:
            recorded.asked += names
            process.stdout.write(b"".join(line(name, recorded.says(name)) for name in names) + b"wanglou:end\r\n")
        process.exit(0)

    async def serve() -> Any:
        return await asyncssh.create_server(Login, "127.0.0.1", 0, server_host_keys=[key], process_factory=talk, encoding=None)

    server = wait(serve(), 30)
    try:
        yield {"port": server.sockets[0].getsockname()[1], "host_key": key.export_public_key().decode().strip(), "timeout_s": 30}
    finally:
        wait(closed(server), 30)


class Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("wanglou", "hush-hush")


async def closed(server: Any) -> None:
    server.close()


def bodies(clock: str = ENGLISH) -> dict[str, str]:
    return {**host("windows"), "time": clock}


def test_it_reads_the_metrics_of_linux_under_the_same_names_and_the_texts_for_the_checks() -> None:
    recorded = Recorded(bodies())
    with windows(recorded) as options:
        reader = collector("windows", {**options, "services": ["sshd", "Spooler"], "ports": [22, 8443]}, ops=Secret(username="wanglou", password="hush-hush"))
        first, second = poll(reader, ASSET), poll(reader, ASSET)
        reader.close()
    assert (first.error, second.error) == (None, None)
    assert second.value("system.cpu.utilization") == pytest.approx(75)
    assert (second.value("system.memory.utilization"), second.value("system.swap.utilization")) == (75, 25)
    assert second.values("system.filesystem.utilization") == [second.value("system.filesystem.utilization", mountpoint="C:\\")] == [75]
    assert second.value("system.disk.utilization", device="0 C:") == pytest.approx(75)
    assert second.value("system.network.io", interface="Intel[R] Ethernet", direction="receive") > 0
    assert second.values("system.network.io", interface="isatap.bureau") == []
    assert (second.value("system.uptime"), second.value("system.processes.count"), second.value("system.cpu.count")) == (86400, 142, 8)
    assert (second.value("system.service.up", service="sshd"), second.value("system.service.up", service="Spooler")) == (1, 0)
    assert (second.value("system.port.listening", port="22"), second.value("system.port.listening", port="8443")) == (1, 0)
    assert second.value("system.time.offset") == pytest.approx(-0.0012345)
    assert first.kinds() == {kind for kind, _every, _setting in TEXTS} | {"ports"}
    assert all(first.snapshot(kind) == ended(body) for kind, body in host("windows").items() if kind != "ports")
    assert second.kinds() == set(), "texts that did not change are not sent again"
    assert recorded.asked.count("windows.features") == 1, "what is slow to read is read once an hour"


def test_a_text_that_may_not_be_read_is_left_out_and_the_others_come() -> None:
    with windows(Recorded({name: body for name, body in bodies().items() if name not in ("windows.policy", "windows.audit", "ports")})) as options:
        reader = collector("windows", options, ops=Secret(username="wanglou", password="hush-hush"))
        polled = poll(reader, ASSET)
        reader.close()
    assert polled.error is None
    assert "windows.accounts" in polled.kinds()
    assert not {"windows.policy", "windows.audit", "ports"} & polled.kinds()


def test_what_does_not_answer_as_windows_is_a_bad_reply() -> None:
    recorded = Recorded({**bodies(), "figures": None})
    with windows(recorded) as options:
        reader = collector("windows", options, ops=Secret(username="wanglou", password="hush-hush"))
        polled = poll(reader, ASSET)
        reader.close()
    assert isinstance(polled.error, BadReply)
    assert "Access is denied. 拒绝访问。" in str(polled.error)
    assert answer(b"'powershell.exe' is not recognized as an internal or external command").texts == {}


def test_without_a_credential_the_asset_is_named() -> None:
    assert isinstance(poll(collector("windows", {}), Asset(id="app1", address="127.0.0.1")).error, ConfigError)


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_part_that_lost_its_end_is_not_there(cut: int) -> None:
    whole = line("services", host("windows")["services"])
    assert answer(whole).texts == {"services": host("windows")["services"]}
    assert answer(whole[: -cut - 2]).texts == {}
    assert answer(whole.replace(b" ok ", b" ok 1")).texts == {}


def test_texts_in_the_code_page_of_the_console_do_no_harm() -> None:
    noise = "拒绝访问。\r\n".encode("gb18030") + b"#< CLIXML\r\n" + b"wanglou:part ../x ok 1 QQ==\r\n"
    assert answer(noise + line("services", "中文\tenabled\trunning\n# end\n") + noise).texts == {"services": "中文\tenabled\trunning\n# end\n"}


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_the_clock_is_read_in_any_language(text: str) -> None:
    clock = told(text)
    assert clock.phase == -0.0012345
    assert "synchronised=yes" in clock.text
    assert "synchronised=no" in told(text.replace(": 0(", ": 3(")).text
    stopped = told(text[: text.index("line=")].replace("status=0", "status=-2147023838"))
    assert (stopped.phase, "synchronised=unknown" in stopped.text) == (None, True)
    assert told("") == Clock()


def test_a_clock_outside_the_time_of_asking_is_off_by_the_distance() -> None:
    sent = datetime(2026, 9, 26, 8, tzinfo=UTC)
    times = sent.timestamp(), sent.timestamp() + 3
    assert off(Clock(), f"now={(sent + timedelta(seconds=63)).isoformat()}\n", *times) == 60
    assert off(Clock(), f"now={(sent - timedelta(seconds=60)).isoformat()}\n", *times) == -60
    assert off(Clock(phase=0.5), f"now={(sent + timedelta(seconds=1)).isoformat()}\n", *times) == 0.5
    assert off(Clock(), "now=gestern\n", *times) is None


def test_ports_of_clients_and_rows_that_are_cut_are_no_listeners() -> None:
    text = "tcp\tfe80::1%5\t445\tSystem\nudp\t0.0.0.0\t50000\tchrome\nudp\t0.0.0.0\t123\tsvchost\ntcp\t0.0.0.0\n# end\n"
    assert [(item.protocol, item.address, item.port) for item in listeners(text)] == [("tcp", "fe80::1", 445), ("udp", "0.0.0.0", 123)]


def test_every_part_that_is_asked_for_stands_in_the_script_and_every_text_has_a_form() -> None:
    parts = set(re.findall(r"(?m)^part '([a-z.]+)' \{", SOURCE))
    assert parts == ({kind for kind, _every, _setting in TEXTS} - {"windows.time"}) | set(EACH_POLL)
    assert {kind for kind, _every, _setting in TEXTS} <= kinds().keys()


def test_the_script_takes_nothing_but_names_of_parts_and_the_command_line_fits() -> None:
    assert script(["ports", "figures"]).startswith("$wanted = @('figures', 'ports')\n")
    assert len(COMMAND) < 8191, "cmd.exe cuts a longer one"
    assert re.fullmatch(r"[A-Za-z0-9 .+/=-]+", COMMAND), "nothing in it means anything to a shell"
    with pytest.raises(ValueError, match="names no part"):
        script(["x'); Remove-Item C:\\"])
