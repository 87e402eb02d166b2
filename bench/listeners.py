"""Traps and log lines at the promised rates, and what of them was lost.

The sender is a process of its own with real sockets from fifty addresses on loopback; the receiver is the whole service: an event counts
when it is durable and was judged by detectors and alerting. One JSON object.
"""

from __future__ import annotations

import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from collectors.events.traps.ber import packed, packed_number, packed_oid, sequence
from core.clock import SystemClock
from core.settings import read_settings
from service.logs import configure_logs
from service.serve import Service, build

SECONDS: Final = 10.0
TRAPS_PER_S, LINES_PER_S = 1000, 2000
SOURCES: Final = 50
SETTLE_S: Final = 60.0
AHEAD: Final = 1.1  # the sender goes a tenth faster, so that the promised rate is reached with its start and end
LINE: Final = "<187>{n}: Mar  1 10:00:00.123: %LINK-3-UPDOWN: Interface GigabitEthernet0/{port}, changed state to {state}"


def trap(number: int) -> bytes:
    """A linkDown of v2c as a switch sends it."""
    port, state = number % 48 + 1, number % 2 + 1
    variables: tuple[tuple[str, bytes], ...] = (
        ("1.3.6.1.2.1.1.3.0", packed_number(number, 0x43)),
        ("1.3.6.1.6.3.1.1.4.1.0", packed_oid(f"1.3.6.1.6.3.1.1.5.{4 - number % 2}")),
        (f"1.3.6.1.2.1.2.2.1.1.{port}", packed_number(port)),
        (f"1.3.6.1.2.1.2.2.1.2.{port}", packed(4, f"GigabitEthernet0/{port}".encode())),
        (f"1.3.6.1.2.1.2.2.1.8.{port}", packed_number(state)),
    )
    bindings = sequence(*(sequence(packed_oid(oid), value) for oid, value in variables))
    pdu = sequence(packed_number(number), packed_number(0), packed_number(0), bindings, tag=0xA7)
    return sequence(packed_number(1), packed(4, b"public"), pdu)


def line(number: int) -> bytes:
    """A log line of a switch."""
    return LINE.format(n=number, port=number % 48 + 1, state=("up", "down")[number % 2]).encode()


def _send(make: Callable[[int], bytes], port: int, rate: int, seconds: float) -> None:
    messages = [make(number) for number in range(1000)]
    links = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOURCES)]
    for number, link in enumerate(links):
        link.bind((f"127.0.1.{number + 1}", 0))
        link.connect(("127.0.0.1", port))
    begun, total = time.monotonic(), int(rate * seconds)
    for number in range(total):
        if number % 20 == 0 and (ahead := number / rate - (time.monotonic() - begun)) > 0:
            time.sleep(ahead)
        links[number % SOURCES].send(messages[number % 1000])
    for link in links:
        link.close()


def run() -> dict[str, Any]:
    """Send at the promised rate for ten seconds each, and say what was lost, what it cost and how late the last was durable."""
    configure_logs("error")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "site").mkdir()
        rows = (f"  - {{id: sw{number}, kind: switch, address: 127.0.1.{number}}}\n" for number in range(1, SOURCES + 1))
        (folder / "site" / "assets.yaml").write_text(f"assets:\n{''.join(rows)}", encoding="utf-8")
        ports = {"TRAP_PORT": "0", "TRAP_RATE": "0", "SYSLOG_UDP": "0"}
        environment = {"WANGLOU_DATA": name, "WANGLOU_LOG_LEVEL": "error"} | {f"WANGLOU_COLLECT__{key}": value for key, value in ports.items()}
        service = build(read_settings(None, environment), SystemClock())
        service.start()
        try:
            return {
                "traps": _measure(trap, service.listeners.ports["traps"], TRAPS_PER_S, lambda: _counts(service, "traps")),
                "lines": _measure(line, service.listeners.ports["udp"], LINES_PER_S, lambda: _counts(service, "syslog")),
            }
        finally:
            service.stop()


def _counts(service: Service, what: str) -> dict[str, int]:
    found = {sample.metric: int(sample.value) for sample in service.listeners.samples("self") if not sample.labels}
    return {name: found[f"{what}.{name}"] for name in ("received", "delivered", "dropped", "kernel_dropped")}


def _measure(make: Callable[[int], bytes], port: int, rate: int, counts: Callable[[], dict[str, int]]) -> dict[str, Any]:
    sender = multiprocessing.get_context("spawn").Process(target=_send, args=(make, port, int(rate * AHEAD), SECONDS))
    total = int(int(rate * AHEAD) * SECONDS)
    sender.start()
    while counts()["received"] == 0 and sender.is_alive():
        time.sleep(0.01)
    begun, processor = time.monotonic(), time.process_time()
    sender.join()
    sent_s, end = time.monotonic() - begun, time.monotonic() + SETTLE_S
    while (found := counts())["delivered"] + found["dropped"] + found["kernel_dropped"] < total and time.monotonic() < end:
        time.sleep(0.02)
    took = time.monotonic() - begun
    return {
        "sent": total,
        "sent_per_s": round(total / sent_s),
        "durable": found["delivered"],
        "lost": total - found["delivered"],
        "dropped": found["dropped"],
        "kernel_dropped": found["kernel_dropped"],
        "last_durable_after_s": round(took - sent_s, 2),
        "cores_used": round((time.process_time() - processor) / took, 2),
    }
