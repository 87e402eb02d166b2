"""Real programs on loopback: found, started in a session of their own, waited for, and ended by their process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/lib/nut:/usr/lib/frr"


def program(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails where CI=true says that every peer must be there."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PLACES}")
    if path is None:
        message = f"the peer {name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
    """A port that was free a moment ago."""
    with closing(socket.socket(socket.AF_INET, kind)) as link:
        link.bind((host, 0))
        return int(link.getsockname()[1])


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool], what: str = "that", timeout_s: float = 20.0) -> None:
    """Wait for ``condition``; fail when it does not come true."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {timeout_s:g} s"
        time.sleep(0.02)


@contextmanager
def running(
    arguments: Sequence[str], ready: Callable[[], bool], log: Path, *, environment: Mapping[str, str] | None = None, timeout_s: float = 20.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Start ``arguments`` in the foreground, wait until ``ready``, end the whole session afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env={**os.environ, **(environment or {})}
        )
    try:
        end = time.monotonic() + timeout_s
        while not ready():
            assert process.poll() is None, f"{arguments[0]} ended at once: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < end, f"{arguments[0]} was not ready in time: {log.read_text(errors='replace')[-2000:]}"
            time.sleep(0.02)
        yield process
    finally:
        end_session(process)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to ``process``, its session and its descendants (servers start sessions for their clients), SIGKILL to who stays."""
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    for child in family:
        with suppress(psutil.Error):
            child.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in psutil.wait_procs(family, timeout=2)[1]:
        with suppress(psutil.Error):
            child.kill()
