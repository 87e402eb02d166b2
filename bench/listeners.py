"""Traps and log lines at the promised rates, and what of them was lost.

The senders are a process of their own with real sockets from several addresses on loopback; the sink is the embedded store, so an
event counts when it is durable. One JSON object.
"""

from __future__ import annotations

import multiprocessing
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from collectors.events.listener import Settings as SyslogSettings
from collectors.events.listener import SyslogListener
from collectors.events.traps.ber import packed, packed_number, packed_oid, sequence
from collectors.events.traps.listener import Settings as TrapSettings
from collectors.events.traps.listener import TrapListener
from collectors.events.traps.usm import Engine
from core.clock import SystemClock
from core.records import Event
from store.open import open_store

SECONDS: Final = 10.0
TRAPS_PER_S, LINES_PER_S = 1000, 2000
SOURCES: Final = 50
SETTLE_S: Final = 60.0
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
    with tempfile.TemporaryDirectory() as name:
        store = open_store("embedded", Path(name), "service")

        def keep(events: Sequence[Event]) -> None:
            store.events.write(events)

        traps = TrapListener(TrapSettings(port=0), Engine(b"\x80\0\0\0\1benchmark", 1), lambda address, _: address, lambda *_: "", keep, SystemClock())
        traps.start()
        lines = SyslogListener(SyslogSettings(udp=0), lambda address, _: address, keep, SystemClock())
        lines.start()
        try:
            found = {
                "traps": _measure(trap, traps.port, TRAPS_PER_S, traps.tally, lambda: traps.samples("self")),
                "lines": _measure(line, lines.ports["udp"], LINES_PER_S, lines.tally, lambda: lines.samples("self")),
            }
        finally:
            lines.stop()
            traps.stop()
            store.close()
        return found


def _measure(make: Callable[[int], bytes], port: int, rate: int, tally: Any, samples: Callable[[], Any]) -> dict[str, Any]:
    sender = multiprocessing.get_context("spawn").Process(target=_send, args=(make, port, rate, SECONDS))
    total = int(rate * SECONDS)
    sender.start()
    while tally.received == 0 and sender.is_alive():
        time.sleep(0.01)
    begun, processor = time.monotonic(), time.process_time()
    sender.join()
    sent_s, end = time.monotonic() - begun, time.monotonic() + SETTLE_S
    while tally.delivered < total and time.monotonic() < end:
        samples()
        if tally.received + tally.kernel_dropped >= total and tally.delivered + tally.dropped + tally.kernel_dropped >= total:
            break
        time.sleep(0.01)
    took = time.monotonic() - begun
    samples()
    return {
        "sent": total,
        "sent_per_s": round(total / sent_s),
        "durable": tally.delivered,
        "lost": total - tally.delivered,
        "dropped": tally.dropped,
        "kernel_dropped": tally.kernel_dropped,
        "last_durable_after_s": round(took - sent_s, 2),
        "cores_used": round((time.process_time() - processor) / took, 2),
    }
