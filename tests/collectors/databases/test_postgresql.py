"""The PostgreSQL collector and the checks of databases against two real servers: one as nobody should keep it, one hardened."""

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
from tests.peers.postgres import Postgres, postgres

PASSWORD = "Hush-hush-12"
DOCS = Path(__file__).parents[3] / "docs" / "collectors.md"
GOOD = """listen_addresses = '127.0.0.1'
ssl = on
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.pem'
log_connections = on
log_disconnections = on
log_statement = 'ddl'
log_line_prefix = '%m [%p] %u@%d %h '
idle_session_timeout = '30min'
idle_in_transaction_session_timeout = '10min'
shared_preload_libraries = 'passwordcheck'
primary_conninfo = 'host=a password=Hush-conninfo'
archive_command = 'curl -u me:Hush-archive ftp://x/%f'
"""
RULES = """local all postgres peer map=owner
hostssl all wanglou,old 127.0.0.1/32 scram-sha-256
hostssl app app 10.1.10.0/24 scram-sha-256
hostssl ldapdb all 10.1.10.0/24 ldap ldapserver=x ldapbasedn="dc=x" ldapbinddn="cn=x" ldapbindpasswd="Hush-bind"
"""


def asset(server: Postgres) -> Asset:
    return Asset(id="db", kind="database", address="127.0.0.1", credentials={"postgresql": "reader"}, collect={"postgresql": {"port": server.port}})


def read(server: Postgres, username: str, password: str = PASSWORD, **options: object) -> Polled:
    subject = collector("postgresql", {"port": server.port, **options}, reader=Secret(username=username, password=password))
    return poll(subject, asset(server))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Path]]:
    """A hardened server, and the authority that its certificate is of."""
    folder = tmp_path_factory.mktemp("good")
    authority = Authority(folder)
    authority.write(folder / "server.pem", "127.0.0.1", "localhost")
    key = (folder / "server.pem").read_text(encoding="ascii")
    documented = re.search(r"```sql\n(CREATE ROLE wanglou.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert documented
    with postgres(folder, init=["-k"], settings=GOOD, rules=RULES, key=key) as server:
        server.run(documented[1].replace("change me", PASSWORD))
        server.run("ALTER ROLE wanglou VALID UNTIL '2026-12-01Z'; ALTER ROLE app NOLOGIN")
        yield server, authority.file


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server as initdb makes it, opened to everybody."""
    settings = "listen_addresses = '127.0.0.1'\npassword_encryption = md5\nauthentication_timeout = 5min\n"
    rules = "local all all trust\nhost all locked 0.0.0.0/0 md5\nhost all all 0.0.0.0/0 trust\n"
    with postgres(tmp_path_factory.mktemp("bad"), settings=settings, rules=rules) as server:
        server.run(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE helper LOGIN SUPERUSER; GRANT CREATE ON SCHEMA public TO PUBLIC")
        server.run("CREATE ROLE gone LOGIN VALID UNTIL '2020-01-01Z'; CREATE ROLE \"#hid\tden\" LOGIN; CREATE TABLE t (a int); GRANT ALL ON t TO PUBLIC")
        yield server


@pytest.mark.peer
def test_a_hardened_server_passes_but_for_the_lock_that_it_cannot_have(good: tuple[Postgres, Path]) -> None:
    server, ca = good
    polled = read(server, "wanglou", ca_file=str(ca))
    assert polled.error is None
    assert polled.value("database.up", engine="postgresql") == 1
    assert 0 < polled.value("database.connections.utilization") < 100
    found = judged(polled, "postgresql")
    assert {name: outcome for name, outcome in found.items() if outcome != "pass"} == {"pg-lock": "unknown"}


@pytest.mark.peer
def test_a_badly_kept_server_fails_every_check(bad: Postgres) -> None:
    polled = read(bad, "postgres", "")
    assert polled.error is None
    found = judged(polled, "postgresql")
    assert found
    assert set(found.values()) == {"fail"}
    assert "\\#hid den\tyes" in polled.snapshot("postgresql.accounts")
    assert "postgres\tpostgres\tyes\tyes\t1" in polled.snapshot("postgresql.databases")


@pytest.mark.peer
def test_no_text_holds_a_password_or_a_hash(good: tuple[Postgres, Path], bad: Postgres) -> None:
    for polled in (read(good[0], "wanglou"), read(bad, "postgres", "")):
        texts = "".join(polled.snapshot(kind) for kind in polled.kinds())
        assert not re.search(r"Hush|SCRAM-SHA-256\$|md5[0-9a-f]{32}", texts)
    text = read(good[0], "wanglou").snapshot("postgresql.settings")
    assert "primary_conninfo = ***" in text
    assert "archive_command = ***" in text


@pytest.mark.peer
def test_an_account_with_few_rights_reads_what_it_may_and_the_rest_is_unknown(bad: Postgres) -> None:
    polled = read(bad, "app", "")
    assert polled.error is None
    assert polled.kinds() == {"postgresql.settings", "postgresql.accounts", "postgresql.databases"}
    assert "locked\tyes\tno\tno\tno\tno\tno\tunknown\t\t" in polled.snapshot("postgresql.accounts")
    assert judged(polled, "postgresql")["pg-access"] == "unknown"


@pytest.mark.peer
def test_what_a_server_refuses_is_told_apart_from_one_that_is_away(good: tuple[Postgres, Path], bad: Postgres, tmp_path: Path) -> None:
    server, _ = good
    assert isinstance(read(server, "wanglou", "wrong").error, AuthRefused)
    assert isinstance(read(server, "nobody").error, AuthRefused)
    assert isinstance(read(server, "wanglou", tls="off").error, AuthRefused)  # hostssl alone lets it in
    assert isinstance(read(bad, "postgres", "", tls="require").error, BadReply)  # the server has no TLS
    stranger = Authority(tmp_path)
    assert isinstance(read(server, "wanglou", ca_file=str(stranger.file)).error, BadReply)
    away = read(Postgres(server.socket, 9), "wanglou")
    assert isinstance(away.error, Unreachable)
    assert away.value("database.up") == 0
