"""``python -m bench footprint``: what one installation that monitors its own host costs, at rest.

Starts the real thing (``wanglou up`` in a folder of its own), lets it settle, then reads memory and processor time of the
service and the console over a minute. Bars: service below 250 MB, monitoring one host below 1 % of a core.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

SETTLE_S = 90.0
MEASURE_S = 120.0
LIMITS = {"service_mb": 250.0, "service_cpu_percent": 1.0}


def run() -> dict[str, Any]:
    """Resident memory in MB and processor use in percent of one core."""
    with tempfile.TemporaryDirectory(prefix="wanglou-bench-") as folder:
        environment = {**os.environ, "WANGLOU_DATA": folder + "/data", "WANGLOU_PORT": str(_free_port())}
        log = Path(folder) / "log"
        started = time.monotonic()
        with log.open("wb") as out:
            process = subprocess.Popen([sys.executable, "-m", "service", "up"], env=environment, stdout=out, stderr=out)
        try:
            ready_s = _wait_ready(process, log, started)
            time.sleep(SETTLE_S)
            return {"ready_s": round(ready_s, 1), **_measure(psutil.Process(process.pid)), "settle_s": SETTLE_S, "measured_s": MEASURE_S, "limits": LIMITS}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _measure(supervisor: psutil.Process) -> dict[str, float]:
    parts = {_name(child): child for child in supervisor.children()} | {"supervisor": supervisor}
    before = {name: _spent(part) for name, part in parts.items()}
    time.sleep(MEASURE_S)
    figures: dict[str, float] = {}
    for name, part in parts.items():
        figures[f"{name}_mb"] = round(part.memory_info().rss / 1e6, 1)
        figures[f"{name}_cpu_percent"] = round((_spent(part) - before[name]) / MEASURE_S * 100, 2)
    return figures


def _name(process: psutil.Process) -> str:
    return "console" if "console.server" in process.cmdline() else "service"


def _spent(process: psutil.Process) -> float:
    own = process.cpu_times()
    return float(own.user + own.system + own.children_user + own.children_system)


def _wait_ready(process: subprocess.Popen[bytes], log: Path, started: float) -> float:
    while time.monotonic() - started < 120:
        if b"ready: " in log.read_bytes():
            return time.monotonic() - started
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"not ready: {log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return int(link.getsockname()[1])
