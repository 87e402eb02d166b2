"""The main job, on real input: break something real, an incident comes and is told, mend it, it resolves by itself.

The service runs as a process of its own with short intervals; what is broken is a real file system, process, SNMP agent,
certificate and sshd configuration; what is told is a real HTTP request to a web hook.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.names import INCIDENT
from store.base import Store
from store.open import open_store
from tests.peers.program import end_session, free_port, program, running, until
from tests.service.servers import TlsServer

INTERVAL_S = 2
WITHIN_S = 30.0

pytestmark = [pytest.mark.peer, pytest.mark.timeout(240)]


@dataclass
class Hook:
    """A web hook that remembers what it was told."""

    port: int
    told: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    found = Hook(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Bench:
    """The running service and the things that can be broken."""

    folder: Path
    store: Store
    tls: TlsServer
    sshd_config: Path
    agent_port: int
    agent: subprocess.Popen[bytes] | None = None
    watched: subprocess.Popen[bytes] | None = None

    def incidents(self, asset: str, rule: str) -> list[dict[str, Any]]:
        found = self.store.documents.find(INCIDENT, limit=1000).items
        return [one.body for one in found if any(member["asset"] == asset and member["rule"] == rule for member in one.body["members"])]

    def open(self, asset: str, rule: str) -> bool:
        return any(
            body["state"] in ("open", "acknowledged") and any(m["rule"] == rule and m["asset"] == asset and m["state"] == "firing" for m in body["members"])
            for body in self.incidents(asset, rule)
        )

    def start_agent(self) -> None:
        config = self.folder / "snmpd.conf"
        config.write_text(f"rocommunity public 127.0.0.1\nagentaddress udp:127.0.0.1:{self.agent_port}\n")
        self.agent = subprocess.Popen(
            [program("snmpd"), "-f", "-C", "-c", str(config), "-Lf", str(self.folder / "snmpd.log"), "-p", str(self.folder / "snmpd.pid")],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "SNMP_PERSISTENT_DIR": str(self.folder / "snmp")},
        )

    def start_watched(self) -> None:
        self.watched = subprocess.Popen(["sleep", "600"], start_new_session=True)
        (self.folder / "watched.pid").write_text(str(self.watched.pid))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system to fill")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "wanglou-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def site(bench: Bench, disk: Path, hook: Hook) -> None:
    """The site's files: four assets and one receiver."""
    folder = bench.folder / "data" / "site"
    (folder / "alerting").mkdir(parents=True)
    host = {
        "services": [{"name": "watched", "pidfile": str(bench.folder / "watched.pid")}],
        "mountpoints": [str(disk)],
        "interval": INTERVAL_S,
    }
    old = {"root": str(bench.folder / "root"), "interval": INTERVAL_S}
    assets = [
        {"id": "box", "importance": "high", "collect": {"host": host}},
        {"id": "config", "importance": "high", "collect": {"host": old}},
        {"id": "web", "collect": {"tls": {"host": "127.0.0.1", "port": bench.tls.port, "interval": INTERVAL_S}}},
        {
            "id": "switch",
            "kind": "switch",
            "address": "127.0.0.1",
            "collect": {"snmp": {"port": bench.agent_port, "version": "2c", "credential": "public", "interval": INTERVAL_S}},
        },
    ]
    (folder / "assets.yaml").write_text(json.dumps({"assets": assets}))
    alerting = {
        "settings": {"group_wait": "1s", "group_interval": "2s", "check_interval": f"{INTERVAL_S}s"},
        "receivers": [{"id": "hook", "kind": "webhook", "target": f"http://127.0.0.1:{hook.port}/", "resolved": True, "default": True}],
    }
    (folder / "alerting" / "main.yaml").write_text(json.dumps(alerting))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("job")
    root = folder / "root"
    for name in ("etc/ssh", "proc"):
        (root / name).mkdir(parents=True)
    for name in ("passwd", "group", "login.defs", "os-release"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    config = root / "etc/ssh/sshd_config"
    config.write_text("PermitRootLogin no\nMaxAuthTries 3\n")
    ca = trustme.CA()
    with TlsServer(ca.issue_cert("127.0.0.1")) as tls, small_disk(folder / "disk") as disk:
        made = Bench(folder, None, tls, config, free_port())  # type: ignore[arg-type]
        site(made, disk, hook)
        made.start_watched()
        made.start_agent()
        environment = {"WANGLOU_DATA": str(folder / "data"), "WANGLOU_COLLECT__INTERVAL_S": str(INTERVAL_S)}
        subprocess.run([sys.executable, "-m", "service", "credential", "put", "public", "community=public"], env={**os.environ, **environment}, check=True)
        ready = (folder / "data" / "run" / "heartbeat.json").exists
        with running([sys.executable, "-m", "service", "serve"], ready, folder / "service.log", environment=environment, timeout_s=60):
            made.store = open_store("embedded", folder / "data", "console")
            yield made
            made.store.close()
        for process in (made.agent, made.watched):
            if process is not None:
                end_session(process)


def breaks_and_mends(bench: Bench, hook: Hook, asset: str, rule: str, break_it: Callable[[], object], mend_it: Callable[[], object]) -> None:
    """The incident comes after ``break_it``, is told, and resolves after ``mend_it``, told again."""
    assert not bench.open(asset, rule)
    before = len(hook.told)
    break_it()
    until(lambda: bench.open(asset, rule), f"an incident of {rule} on {asset}", WITHIN_S)
    until(lambda: any(asset in json.dumps(note) for note in hook.told[before:]), "a notice", WITHIN_S)
    mend_it()
    until(lambda: not bench.open(asset, rule), f"the end of {rule} on {asset}", WITHIN_S)


def test_a_full_disk(bench: Bench, hook: Hook) -> None:
    file = bench.folder / "disk" / "big"
    breaks_and_mends(bench, hook, "box", "disk_full", lambda: file.write_bytes(b"x" * 8_200_000), file.unlink)


def test_a_stopped_service(bench: Bench, hook: Hook) -> None:
    def stop() -> None:
        assert bench.watched is not None
        end_session(bench.watched)

    breaks_and_mends(bench, hook, "box", "service_down", stop, bench.start_watched)


def test_a_stopped_snmp_agent(bench: Bench, hook: Hook) -> None:
    def stop() -> None:
        assert bench.agent is not None
        end_session(bench.agent)

    breaks_and_mends(bench, hook, "switch", "reach", stop, bench.start_agent)


def test_a_broken_certificate(bench: Bench, hook: Hook) -> None:
    good = bench.tls.certificate
    expired = trustme.CA().issue_cert("127.0.0.1", not_after=trustme_past())
    breaks_and_mends(bench, hook, "web", "certificate_7_days", lambda: bench.tls.show(expired), lambda: bench.tls.show(good))


def test_a_weakened_sshd(bench: Bench, hook: Hook) -> None:
    text = bench.sshd_config.read_text()
    weak = text.replace("PermitRootLogin no", "PermitRootLogin yes")
    breaks_and_mends(bench, hook, "config", "compliance.lnx-ssh-root", lambda: bench.sshd_config.write_text(weak), lambda: bench.sshd_config.write_text(text))


def trustme_past() -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime.now(UTC) - timedelta(days=1)
