"""How far this machine's clock is off: asked from a time server (SNTP, RFC 4330), else from chrony, else from the kernel."""

from __future__ import annotations

import ctypes
import re
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from typing import Final

from collectors.servers.machine import Machine

NTP_EPOCH: Final = 2_208_988_800  # seconds from 1900 to 1970
SNTP_S: Final = 2.0
STA_UNSYNC: Final = 0x0040  # Linux, timex.h
STA_NANO: Final = 0x2000


def clock_state(machine: Machine, server: str = "") -> Iterator[tuple[str, float]]:
    """system.time.offset (seconds, own clock minus true time) when it can be known; system.time.synchronised when the kernel tells."""
    kernel = adjtime()
    if kernel is not None:
        yield "system.time.synchronised", float(kernel[0])
    offset = sntp_offset(server) if server else chrony_offset(machine.run("chronyc", "-n", "tracking"))
    if offset is None and not server and kernel is not None and kernel[0]:
        offset = kernel[1]
    if offset is not None:
        yield "system.time.offset", offset


def chrony_offset(text: str | None) -> float | None:
    """Seconds that this clock is ahead, out of what ``chronyc tracking`` prints."""
    found = re.search(r"^System time\s*:\s*([\d.]+) seconds (fast|slow)", text or "", re.MULTILINE)
    if found is None or "Not synchronised" in (text or ""):
        return None
    return float(found[1]) * (1 if found[2] == "fast" else -1)


def sntp_offset(server: str, port: int = 123) -> float | None:
    """Seconds that this clock is ahead of ``server`` ("host" or "host:port"); None without a usable answer within 2 s."""
    host, _, given = server.rpartition(":") if server.count(":") == 1 else (server, "", "")
    cookie = secrets.token_bytes(8)
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, int(given) if given else port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, proto) as link:
            link.settimeout(SNTP_S)
            link.connect(address)
            sent = time.time()
            # a random transmit time stands for ours: an answer must repeat it, and our clock is not told
            link.send(struct.pack("!B39x8s", 0x23, cookie))
            answer = link.recv(512)
            received = time.time()
    except (OSError, ValueError):
        return None
    return _offset(answer, cookie, sent, received)


def _offset(answer: bytes, cookie: bytes, sent: float, received: float) -> float | None:
    if len(answer) < 48 or answer[24:32] != cookie:
        return None
    leap, mode, stratum = answer[0] >> 6, answer[0] & 7, answer[1]
    if mode != 4 or leap == 3 or not 1 <= stratum <= 15:
        return None  # not synchronised itself, or a kiss of death
    whole, part, later, rest = struct.unpack("!IIII", answer[32:48])
    at_server, from_server = float(whole - NTP_EPOCH) + part / 2**32, float(later - NTP_EPOCH) + rest / 2**32
    return -float((at_server - sent) + (from_server - received)) / 2


class _Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    ]


def adjtime() -> tuple[bool, float] | None:
    """(the kernel's clock is disciplined, remaining offset in seconds) from adjtimex(2); None where that is refused."""
    buffer = _Timex()
    try:
        code = ctypes.CDLL(None).adjtimex(ctypes.byref(buffer))
    except (OSError, AttributeError):
        return None
    if code < 0:
        return None
    unit = 1e-9 if buffer.status & STA_NANO else 1e-6
    return not buffer.status & STA_UNSYNC, -buffer.offset * unit
