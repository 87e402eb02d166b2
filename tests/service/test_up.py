"""``wanglou up``: one command starts everything, what dies comes back, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from service.supervisor import answers, read_heartbeat
from tests.peers.program import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def start(data: Path, port: int, log: Path, **more: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "WANGLOU_DATA": str(data), "WANGLOU_PORT": str(port), **more}
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, "-m", "service", "up"], stdout=out, stderr=out, env=environment, start_new_session=True)


def is_ready(process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return b"ready: " in log.read_bytes()


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, int, Path]:
    return tmp_path / "data", free_port(), tmp_path / "log"


def test_it_comes_back_after_kill_9_and_ends_with_all_its_children(place: tuple[Path, int, Path]) -> None:
    data, port, log = place
    process = start(data, port, log)
    try:
        until(lambda: is_ready(process, log), "ready", 120)
        family = psutil.Process(process.pid).children()
        assert len(family) == 2
        beat = read_heartbeat(data)
        assert beat is not None
        os.kill(int(beat["pid"]), signal.SIGKILL)
        until(lambda: (now := read_heartbeat(data)) is not None and now["pid"] != beat["pid"], "the service comes back", 60)
        assert "was started again" in log.read_text()
        family = psutil.Process(process.pid).children()
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(30)
    assert status == 0
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert not answers(f"http://127.0.0.1:{port}/healthz")


def test_its_children_end_when_it_is_killed_itself(place: tuple[Path, int, Path]) -> None:
    data, port, log = place
    process = start(data, port, log)
    until(lambda: is_ready(process, log), "ready", 120)
    family = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    assert psutil.wait_procs(family, timeout=20)[1] == []


def test_a_second_one_on_the_same_folder_names_the_first_and_ends(place: tuple[Path, int, Path]) -> None:
    data, port, log = place
    first = start(data, port, log)
    try:
        until(lambda: is_ready(first, log), "ready", 120)
        beat = read_heartbeat(data)
        assert beat is not None
        second = subprocess.run(
            [sys.executable, "-m", "service", "serve"], env={**os.environ, "WANGLOU_DATA": str(data)}, capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 78
        assert str(int(beat["pid"])) in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0


def said(data: Path, **environment: str) -> tuple[int, str]:
    result = subprocess.run(
        [sys.executable, "-m", "service", "up"],
        env={**os.environ, "WANGLOU_DATA": str(data), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stderr
    return result.returncode, result.stderr


def test_a_taken_port_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, message = said(tmp_path / "data", WANGLOU_PORT=str(port))
    assert status == 78
    assert f"port {port}" in message
    assert f"WANGLOU_PORT={port + 1}" in message


def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wanglou.toml").write_text("\ncolour = 1\n")
    status, message = said(tmp_path / "data")
    assert status == 78
    assert "wanglou.toml:2: colour: unknown key" in message


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    status, message = said(tmp_path / "file" / "data")
    assert status == 78
    assert "WANGLOU_DATA" in message
