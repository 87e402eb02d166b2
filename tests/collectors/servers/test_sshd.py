"""The agentless collector against a real OpenSSH server on loopback."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.base import Collector
from core.errors import AuthRefused, ConfigError, HostKeyChanged, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from tests.collectors.support import collector, poll, serving, silent
from tests.peers.sshd import Sshd, sshd

pytestmark = pytest.mark.peer
ASSET = Asset(id="server", address="127.0.0.1", credentials={"ssh": "ops"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(Path(tmp_path_factory.mktemp("sshd"))) as found:
        yield found


def subject(server: Sshd, **options: object) -> Collector:
    return collector("ssh", {"port": server.port, "host_key": server.host_key, **options}, ops=server.secret)


def test_it_reads_metrics_and_snapshots_over_one_connection_and_later_polls_are_quick(server: Sshd) -> None:
    reader = subject(server, services=["sshd", "no-such-daemon"], ports=[server.port])
    first = poll(reader, ASSET)
    assert first.error is None
    assert {"os-release", "packages", "accounts", "sshd_config", "login.defs", "pam", "mounts", "ports", "permissions", "uname", "sysctl"} <= first.kinds()
    assert "PRETTY_NAME=" in first.snapshot("os-release")
    assert "root:0:0:" in first.snapshot("accounts")
    time.sleep(1)
    begun = time.monotonic()
    second = poll(reader, ASSET)
    elapsed = time.monotonic() - begun
    reader.close()
    assert second.error is None
    assert 0 <= second.value("system.cpu.utilization") <= 100
    assert 0 < second.value("system.memory.utilization") < 100
    assert second.value("system.filesystem.utilization", mountpoint="/") > 0
    assert second.value("system.processes.count") > 1
    assert (second.value("system.service.up", service="sshd"), second.value("system.service.up", service="no-such-daemon")) == (1.0, 0.0)
    assert second.value("system.port.listening", port=str(server.port)) == 1.0
    assert abs(second.value("system.time.offset")) < 0.5
    assert second.kinds() <= {"ports", "users"}, "settings that did not change are not sent again"
    assert elapsed < 5


def test_no_password_hash_leaves_the_machine(server: Sshd) -> None:
    reader = subject(server)
    polled = poll(reader, ASSET)
    reader.close()
    assert "$y$" not in polled.snapshot("accounts")
    assert "$6$" not in polled.snapshot("accounts")


def test_a_host_that_nobody_approved_is_not_talked_to_and_its_key_is_told(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "known").write_text("", encoding="ascii")
    polled = poll(collector("ssh", {"port": server.port, "known_hosts": str(tmp_path / "known")}, ops=server.secret), ASSET)
    assert type(polled.error) is AuthRefused
    assert server.host_key.split()[1] in str(polled.error)


def test_a_host_in_the_known_hosts_file_is_accepted(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n", encoding="ascii")
    reader = collector("ssh", {"port": server.port, "known_hosts": str(tmp_path / "known"), "snapshots": False}, ops=server.secret)
    assert poll(reader, ASSET).error is None
    reader.close()


def test_another_host_key_than_the_approved_one_is_a_security_matter(server: Sshd, tmp_path: Path) -> None:
    with sshd(tmp_path, key="other_key") as impostor:
        polled = poll(collector("ssh", {"port": impostor.port, "host_key": server.host_key}, ops=impostor.secret), ASSET)
    assert isinstance(polled.error, HostKeyChanged)
    assert polled.records == []


def test_a_refused_login_is_told_without_the_secret(server: Sshd) -> None:
    polled = poll(collector("ssh", {"port": server.port, "host_key": server.host_key}, ops=Secret(username="root", password="hush-hush")), ASSET)
    assert isinstance(polled.error, AuthRefused)
    assert "hush-hush" not in str(polled.error)


def test_a_connection_that_broke_is_made_anew(tmp_path: Path) -> None:
    with sshd(tmp_path) as first:
        reader = subject(first, snapshots=False)
        assert poll(reader, ASSET).error is None
    for _ in range(2):
        assert isinstance(poll(reader, ASSET).error, Unreachable)
    with sshd(tmp_path, port=first.port):
        assert poll(reader, ASSET).error is None
        reader.close()


def test_a_server_that_never_greets_is_unreachable_in_time(server: Sshd) -> None:
    with serving(silent) as port:
        begun = time.monotonic()
        polled = poll(collector("ssh", {"port": port, "host_key": server.host_key, "timeout_s": 0.5}, ops=server.secret), ASSET)
    assert isinstance(polled.error, Unreachable)
    assert time.monotonic() - begun < 3


def test_without_a_user_name_the_reader_is_told_what_to_write() -> None:
    polled = poll(collector("ssh", {}), Asset(id="server", address="127.0.0.1"))
    assert isinstance(polled.error, ConfigError)
    assert "credentials: {ssh: NAME}" in str(polled.error)
