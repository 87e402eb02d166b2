"""Flow records per second over a real UDP socket: decoded, added up, and what was lost on the way."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from typing import Any, Final

from collectors.network.flows.listener import FlowListener
from collectors.network.flows.listener import Settings as FlowSettings
from collectors.network.flows.minute import Minute
from core.clock import SystemClock

SECONDS: Final = 10.0
PER_DATAGRAM: Final = 24
STEPS: Final = (5_000, 20_000, 60_000, 100_000)  # records per second offered
FIELDS: Final = ((8, 4), (12, 4), (15, 4), (10, 4), (14, 4), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2), (6, 1), (4, 1), (5, 1), (16, 4), (17, 4))


def run() -> dict[str, Any]:
    """NetFlow 9 from another process at rising rates; the first figure is the highest rate without loss."""
    steps = [_step(rate) for rate in STEPS]
    whole = [step["offered_per_s"] for step in steps if step["lost_records"] == 0]
    return {"records_per_s_without_loss": max(whole, default=0), "steps": steps, "records_per_datagram": PER_DATAGRAM, "protocol": "NetFlow 9 over UDP"}


def _step(rate: int) -> dict[str, Any]:
    kept: list[Minute] = []
    listener = FlowListener(FlowSettings(ports=(0,)), kept.extend, SystemClock())
    listener.start()
    before = os.times()
    sender = subprocess.Popen([sys.executable, "-m", "bench.flows", str(listener.ports[0]), str(rate)], stdout=subprocess.PIPE)
    sent = int(sender.communicate(timeout=SECONDS * 6)[0])
    time.sleep(1.0)
    counts = {sample.metric.removeprefix("flows."): sample.value for sample in listener.samples("self")}
    begun = time.perf_counter()
    listener.stop(60)
    closing_s = time.perf_counter() - begun
    after = os.times()
    used = after.user + after.system - before.user - before.system
    return {
        "offered_per_s": rate,
        "sent_records": sent,
        "lost_records": sent - int(counts["records"]),
        "kernel_dropped": int(counts["kernel_dropped"]),
        "core_percent": round(100 * used / SECONDS, 1),
        "lists_made_in_s": round(closing_s, 2),
        "conversations": len(kept[-1].conversations) if kept else 0,
    }


def send(port: int, rate: int) -> int:
    """Send for SECONDS at ``rate`` records per second; returns how many records."""
    template = struct.pack("!HH", 256, len(FIELDS)) + b"".join(struct.pack("!HH", *field) for field in FIELDS)
    template_set = struct.pack("!HH", 0, 4 + len(template)) + template
    record = struct.Struct("!IIIIIIIIIHHBBBII")
    bodies = []
    for number in range(2000):  # 48,000 conversations, more than are kept open
        rows = b"".join(
            record.pack(0x0A010000 + number, 0x0A020000 + row, 0, 1, 2, 9, 9000, 1, 2, 40000 + row, 443, 0, 6, 0, 1, 2) for row in range(PER_DATAGRAM)
        )
        rows += bytes(-len(rows) % 4)
        bodies.append(struct.pack("!HH", 256, 4 + len(rows)) + rows)
    sent, sequence, begun = 0, 0, time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", port))
        while (passed := time.perf_counter() - begun) < SECONDS:
            while sent < rate * passed:
                head = struct.pack("!HHIIII", 9, PER_DATAGRAM, 1, 2, sequence, 1)
                link.send(head + (template_set if sequence % 100 == 0 else b"") + bodies[sequence % len(bodies)])
                sequence, sent = sequence + 1, sent + PER_DATAGRAM
            time.sleep(0.002)
    return sent


if __name__ == "__main__":
    print(send(int(sys.argv[1]), int(sys.argv[2])))
