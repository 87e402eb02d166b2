"""What the estate says over syslog: everyday lines, and the traces of faults and attacks (RFC 5424 and RFC 3164 over UDP).

Every line leaves from the address of the asset that says it.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from simulator.estate import Fault, link_of
from simulator.mib import port_name
from simulator.places import Places
from simulator.running import ENTERED
from simulator.world import World

ATTACKER: Final = "203.0.113.66"
SITE: Final = ZoneInfo("Asia/Shanghai")
DESK: Final = "10.8.3.21"
USERS: Final = ("zhangwei", "lina", "wangfang", "liuyang")
GUESSES: Final = ("root", "admin", "oracle", "test", "postgres", "www")
AUTH, DAEMON, LOCAL7 = 4, 3, 23
ERROR, WARNING, INFORMATIONAL = 3, 4, 6


@dataclass(frozen=True, slots=True)
class Line:
    """One message: who says it and what."""

    asset: str
    facility: int
    severity: int
    program: str
    text: str

    def wire(self, now: datetime) -> bytes:
        """As devices (RFC 3164, no program) and servers (RFC 5424) send it."""
        priority = self.facility * 8 + self.severity
        if not self.program:
            now = now.astimezone(SITE)  # RFC 3164 states no zone: devices speak the time of their place
            return f"<{priority}>{now:%b} {now.day:2d} {now:%H:%M:%S} {self.asset} {self.text}".encode()
        return f"<{priority}>1 {now.isoformat(timespec='milliseconds')} {self.asset} {self.program} {random.randrange(300, 30000)} - - {self.text}".encode()


@dataclass
class Chatter:
    """``lines`` are due each second; ``send`` puts them on the wire. ``random`` is seeded, so that two runs say the same."""

    world: World
    random: random.Random = field(default_factory=lambda: random.Random(1))
    owed: float = 0.0

    def lines(self, reachable: frozenset[str]) -> Iterator[Line]:
        """What is said in this second by those that can be heard."""
        for line in (*self._everyday(), *self._attack()):
            if line.asset in reachable:
                yield line

    def _everyday(self) -> Iterator[Line]:
        if self.random.random() > 0.15 + 0.3 * self.world.busy():
            return
        server, user = self.random.choice(self.world.estate.servers).id, self.random.choice(USERS)
        port = self.random.randrange(40000, 60000)
        yield self.random.choice(
            (
                Line(server, AUTH, INFORMATIONAL, "sshd", f"Accepted publickey for {user} from 127.0.0.1 port {port} ssh2"),
                Line(server, 9, INFORMATIONAL, "CROND", "(root) CMD (run-parts /etc/cron.hourly)"),
                Line(server, DAEMON, INFORMATIONAL, "systemd", "Started Session of user root."),
                Line(server, DAEMON, INFORMATIONAL, "chronyd", "Selected source 127.0.0.1"),
            )
        )

    def _attack(self) -> Iterator[Line]:
        fault = self.world.active("brute_force")
        self.owed = min(50.0, self.owed + fault.value) if fault else 0.0
        while fault and self.owed >= 1:
            self.owed -= 1
            user, port = self.random.choice(GUESSES), self.random.randrange(40000, 60000)
            known = "" if user == "root" else "invalid user "
            yield Line(fault.target, AUTH, INFORMATIONAL, "sshd", f"Failed password for {known}{user} from {ATTACKER} port {port} ssh2")

    def told(self, fault: Fault, is_on: bool) -> Iterator[Line]:
        """What is said at the moment a fault begins or ends."""
        if fault.kind in ("link_cut", "port_errors"):
            link = link_of(fault.target)
            devices = {device.id: device for device in self.world.estate.devices}
            for name, port in (link.a, link.b):
                state, severity = ("DOWN", ERROR) if is_on else ("UP", INFORMATIONAL)
                interface = port_name(devices[name], port)
                if fault.kind == "link_cut":
                    yield Line(name, LOCAL7, severity, "", f"%%01IFNET/4/IF_STATE(l): Interface {interface} has turned into {state} state.")
        elif fault.kind == "config_change" and is_on:
            for command in (line.strip() for line in ENTERED):
                said = f'(Task=VTY, Ip={DESK}, VpnName=, User={USERS[2]}, AuthenticationMethod="Local-user", Command="{command}")'
                yield Line(fault.target, LOCAL7, INFORMATIONAL, "", f"%%01SHELL/5/CMDRECORD(s)[7]:Recorded command information. {said}")
        elif fault.kind == "on_battery":
            text = "utility power lost, running on battery" if is_on else "utility power restored"
            yield Line(fault.target, DAEMON, ERROR if is_on else INFORMATIONAL, "ups", text)
        elif fault.kind in ("service_stop", "page_broken"):
            server = next(system.server for system in self.world.estate.systems if system.id == fault.target)
            text = f"{fault.target}.service: " + ("Main process exited, code=exited, status=1/FAILURE" if is_on else "Started.")
            yield Line(server, DAEMON, ERROR if is_on else INFORMATIONAL, "systemd", text)
        elif fault.kind == "disk_filling" and is_on:
            yield Line(fault.target, 0, WARNING, "kernel", "XFS (vdb1): available space is running low")


class Speaker:
    """One UDP socket per asset that speaks, bound to its address."""

    def __init__(self, places: Places, host: str, port: int) -> None:
        self._places, self._to = places, (host, port)
        self._sockets: dict[str, socket.socket] = {}

    def send(self, line: Line) -> None:
        """Send and forget, as syslog over UDP does; nobody listening is no error."""
        if line.asset not in self._sockets:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            opened.bind((self._places.address_of(line.asset), 0))
            self._sockets[line.asset] = opened
        try:
            self._sockets[line.asset].sendto(line.wire(datetime.now(UTC)), self._to)
        except OSError:
            return

    def close(self) -> None:
        """Release the sockets."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()
