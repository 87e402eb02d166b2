"""The MySQL collector and the checks of databases against two real MariaDB servers: one as nobody should keep it, one hardened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import AuthRefused, BadReply, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from tests.collectors.databases.judged import judged
from tests.collectors.support import Authority, Polled, collector, poll
from tests.peers.mariadb import Mariadb, mariadb

PASSWORD = "Hush-hush-12"
DOCS = Path(__file__).parents[3] / "docs" / "collectors.md"
GOOD = """bind_address = 127.0.0.1
interactive_timeout = 1800
wait_timeout = 1800
max_password_errors = 5
plugin_load_add = simple_password_check
plugin_load_add = server_audit
plugin_load_add = file_key_management
file_key_management_filename = {folder}/keys
innodb_encrypt_tables = FORCE
server_audit_logging = ON
require_secure_transport = ON
tls_version = TLSv1.2,TLSv1.3
ssl_cert = {folder}/server.pem
ssl_key = {folder}/server.pem
ssl_ca = {folder}/ca.pem
"""
BAD = """bind_address = 127.0.0.1
wait_timeout = 31536000
tls_version = TLSv1.1,TLSv1.2
wsrep_sst_auth = root:Hush-sst
init_connect = SET @x = 'Hush-init'
"""


def read(server: Mariadb, username: str, password: str = PASSWORD, **options: object) -> Polled:
    asset = Asset(id="db", kind="database", address="127.0.0.1", credentials={"mysql": "reader"})
    return poll(collector("mysql", {"port": server.port, **options}, reader=Secret(username=username, password=password)), asset)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mariadb, Path]]:
    """A hardened server, and the authority that its certificate is of."""
    folder = tmp_path_factory.mktemp("good")
    authority = Authority(folder)
    authority.write(folder / "server.pem", "127.0.0.1", "localhost")
    (folder / "keys").write_text("1;" + "0f" * 32 + "\n", encoding="ascii")
    documented = re.search(r"```sql\n(CREATE USER wanglou.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert documented
    with mariadb(folder, GOOD.format(folder=folder)) as server:
        server.run(documented[1].replace("change me", PASSWORD).replace("10.9.0.5", "127.0.0.1"))
        gone = server.run(
            "SELECT concat('DROP USER ', quote(User), '@', quote(Host), ';') FROM mysql.user WHERE User = '' OR User = 'root' AND Host <> 'localhost'"
        )
        server.run(f"{gone} DROP DATABASE IF EXISTS test; CREATE DATABASE app; CREATE TABLE app.t (a int)")
        server.run(f"CREATE ROLE readers; CREATE USER old@localhost IDENTIFIED BY '{PASSWORD}' ACCOUNT LOCK")
        server.run("SET GLOBAL default_password_lifetime = 90; ALTER USER root@localhost IDENTIFIED VIA unix_socket")
        yield server, authority.file


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mariadb]:
    """A server as its script makes it, opened to everybody."""
    with mariadb(tmp_path_factory.mktemp("bad"), BAD) as server:
        server.run("CREATE DATABASE IF NOT EXISTS test; CREATE TABLE test.t (a int)")
        server.run(f"CREATE USER test@'%' IDENTIFIED BY '{PASSWORD}'; GRANT FILE ON *.* TO test@'%' WITH GRANT OPTION; CREATE USER root@'%'")
        yield server


@pytest.mark.peer
def test_a_hardened_server_passes_every_check(good: tuple[Mariadb, Path]) -> None:
    server, ca = good
    polled = read(server, "wanglou", ca_file=str(ca))
    assert polled.error is None
    assert polled.value("database.up", engine="mysql") == 1
    assert 0 < polled.value("database.connections.utilization") < 100
    found = judged(polled, "mysql")
    assert {name: outcome for name, outcome in found.items() if outcome != "pass"} == {}
    assert len(found) == 10
    assert "old\tlocalhost\tno\tset" in polled.snapshot("mysql.accounts")
    assert "readers\t\tno\t" in polled.snapshot("mysql.accounts")


@pytest.mark.peer
def test_a_badly_kept_server_fails_every_check(bad: Mariadb) -> None:
    polled = read(bad, "root", "")
    assert polled.error is None
    found = judged(polled, "mysql")
    assert {name: outcome for name, outcome in found.items() if outcome != "fail"} == {}


@pytest.mark.peer
def test_no_text_holds_a_password_or_a_hash(good: tuple[Mariadb, Path], bad: Mariadb) -> None:
    for polled in (read(good[0], "wanglou"), read(bad, "root", "")):
        texts = "".join(polled.snapshot(kind) for kind in polled.kinds())
        assert not re.search(r"Hush|\*[0-9A-F]{40}", texts)
    assert "init_connect = ***" in read(bad, "root", "").snapshot("mysql.settings")


@pytest.mark.peer
def test_an_account_with_few_rights_reads_what_it_may_and_the_rest_is_unknown(bad: Mariadb) -> None:
    bad.run("DROP USER IF EXISTS few@'127.0.0.1'; CREATE USER few@'127.0.0.1' IDENTIFIED BY 'x'")
    polled = read(bad, "few", "x")
    assert polled.error is None
    assert polled.kinds() == {"mysql.settings", "mysql.plugins", "mysql.storage"}
    assert "tablespaces_plain = unknown" in polled.snapshot("mysql.storage")
    found = judged(polled, "mysql")
    assert (found["my-empty"], found["my-encryption"], found["my-privileges"]) == ("unknown",) * 3
    bad.run("DROP USER few@'127.0.0.1'")


@pytest.mark.peer
def test_what_a_server_refuses_is_told_apart_from_one_that_is_away(good: tuple[Mariadb, Path], bad: Mariadb, tmp_path: Path) -> None:
    server, _ = good
    assert isinstance(read(server, "wanglou", "wrong").error, AuthRefused)
    assert isinstance(read(server, "nobody").error, AuthRefused)
    assert isinstance(read(server, "wanglou", tls="off").error, AuthRefused)  # it asks for secure transport
    assert isinstance(read(bad, "root", "", tls="require").error, BadReply)  # the server has no TLS
    stranger = Authority(tmp_path)
    assert isinstance(read(server, "wanglou", ca_file=str(stranger.file)).error, BadReply)
    away = read(Mariadb(server.socket, 9), "wanglou")
    assert isinstance(away.error, Unreachable)
    assert away.value("database.up") == 0
