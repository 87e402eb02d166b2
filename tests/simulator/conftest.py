from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from simulator.estate import load_estate
from simulator.places import Places

ROOT = Path(__file__).parents[2]
NET = 100 + os.getpid() % 120


@dataclass(frozen=True)
class Running:
    """A simulator in a process of its own."""

    process: subprocess.Popen[bytes]
    places: Places
    site: Path
    syslog: socket.socket

    def fault(self, name: str, on: bool) -> httpx2.Response:
        return httpx2.post(f"http://127.0.0.1:{self.places.control}/faults/{name}", json={"on": on})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(site: Path, control: int, net: int, syslog: int) -> subprocess.Popen[bytes]:
    arguments = ["--site", str(site), "--syslog", f"127.0.0.1:{syslog}", "--net", str(net), "--control", str(control), "--speed", "0"]
    process = subprocess.Popen([sys.executable, "-m", "simulator", *arguments], cwd=ROOT)
    for _ in range(200):
        if process.poll() is not None:
            raise AssertionError(f"the simulator ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", control)) == 0:
                return process
        time.sleep(0.1)
    process.kill()
    raise AssertionError("the simulator did not start within 20 s")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    site = tmp_path_factory.mktemp("site")
    syslog = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    syslog.bind(("127.0.0.1", 0))
    syslog.settimeout(10)
    control = free_port()
    process = start(site, control, NET, syslog.getsockname()[1])
    yield Running(process, Places(load_estate(), net=NET, control=control), site, syslog)
    process.terminate()
    status = process.wait(15)
    syslog.close()
    assert status == 0
