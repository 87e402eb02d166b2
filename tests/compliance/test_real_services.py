"""Checks of nginx, PostgreSQL, MariaDB and Redis on what the real programs ship and accept; secrets of service files never leave the machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collectors.servers.facts import FACTS
from collectors.servers.machine import LocalMachine
from compliance.evaluate import evaluate
from compliance.load import load_checks
from compliance.prove import NOW, host
from compliance.verdict import Outcome
from core.records import Snapshot, ended
from tests.peers.postgres import postgres
from tests.peers.program import free_port, program, running

CHECKS = load_checks().checks
NGINX = """events {{}}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
http {{
  server_tokens off;
  access_log {folder}/access.log;
  ssl_protocols {protocols};
  server {{ listen 127.0.0.1:{port}; location / {{ autoindex {listing}; }} }}
}}
"""


def facts(root: Path) -> dict[str, str]:
    """What the collector reads in a tree of files, with the packages of the conforming host."""
    machine = LocalMachine(str(root))
    read = {
        fact.kind: text for fact in FACTS if fact.kind in ("nginx", "postgresql.conf", "pg_hba.conf", "mariadb", "redis.conf") and (text := fact.read(machine))
    }
    return read | {kind: host("debian")[kind] for kind in ("os-release", "packages", "accounts")}


def verdicts(texts: dict[str, str], beginning: str) -> dict[str, str]:
    found = [Snapshot(time=NOW, asset="a", kind=kind, body=ended(body)) for kind, body in texts.items()]
    return {name: evaluate(check, "a", found, NOW).outcome.value for name, check in CHECKS.items() if name.startswith(beginning) and "linux" in check.platforms}


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


@pytest.mark.peer
@pytest.mark.parametrize(
    ("protocols", "listing", "wanted"),
    [
        ("TLSv1 TLSv1.2", "on", {"ngx-log": "pass", "ngx-surface": "fail", "ngx-tls": "fail"}),
        ("TLSv1.2 TLSv1.3", "off", dict.fromkeys(("ngx-log", "ngx-surface", "ngx-tls"), "pass")),
    ],
)
def test_a_good_and_a_bad_nginx_are_told_apart_and_nginx_itself_takes_both(tmp_path: Path, protocols: str, listing: str, wanted: dict[str, str]) -> None:
    put(tmp_path, "etc/nginx/nginx.conf", NGINX.format(folder=tmp_path, port=1, protocols=protocols, listing=listing))
    subprocess.run([program("nginx"), "-t", "-q", "-c", str(tmp_path / "etc/nginx/nginx.conf"), "-p", str(tmp_path)], check=True, capture_output=True)
    assert verdicts(facts(tmp_path), "ngx-") == wanted


GOOD_HBA = "local all postgres peer\nlocal all all peer\nhostssl app app 10.1.10.0/24 scram-sha-256\n"


@pytest.mark.peer
def test_a_fresh_postgresql_fails_and_a_hardened_one_passes_with_files_that_the_server_understands(tmp_path: Path) -> None:
    with postgres(tmp_path) as server:
        data = Path(server.socket) / "data"
        settings, rules = ((data / name).read_text(encoding="utf-8") for name in ("postgresql.conf", "pg_hba.conf"))
        put(tmp_path / "old", "etc/postgresql/15/main/postgresql.conf", settings)
        put(tmp_path / "old", "etc/postgresql/15/main/pg_hba.conf", rules)
        before = verdicts(facts(tmp_path / "old"), "pg-")
        assert before == {"pg-access": "fail", "pg-source": "fail", "pg-password": "pass", "pg-log": "fail"}
        (data / "pg_hba.conf").write_text(GOOD_HBA, encoding="utf-8")
        good = settings + "\nssl = on\nlog_connections = on\nlog_disconnections = on\nlog_statement = 'ddl'\n"
        (data / "postgresql.conf").write_text(good, encoding="utf-8")
        asked = "SELECT error FROM pg_hba_file_rules WHERE error IS NOT NULL"
        command = [program("psql"), "-X", "-q", "-A", "-t", "-h", server.socket, "-p", str(server.port), "-U", "postgres", "-d", "postgres", "-c", asked]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        assert said == ["hostssl record cannot match because SSL is disabled"]  # it runs without a certificate; nothing else is wrong
        put(tmp_path / "new", "etc/postgresql/15/main/postgresql.conf", good)
        put(tmp_path / "new", "etc/postgresql/15/main/pg_hba.conf", GOOD_HBA)
        assert set(verdicts(facts(tmp_path / "new"), "pg-").values()) == {"pass"}


MARIADB = """[mariadbd]
bind-address = 127.0.0.1
plugin_load_add = simple_password_check
plugin_load_add = server_audit
server_audit_logging = ON
require_secure_transport = ON
"""


@pytest.mark.peer
def test_mariadb_as_shipped_fails_and_a_hardened_one_passes_and_does_what_its_file_says(tmp_path: Path) -> None:
    shipped = Path("/etc/mysql/mariadb.conf.d/50-server.cnf").read_text(encoding="utf-8")
    put(tmp_path / "old", "etc/mysql/my.cnf", "[client-server]\n")
    put(tmp_path / "old", "etc/mysql/mariadb.conf.d/50-server.cnf", shipped)
    assert verdicts(facts(tmp_path / "old"), "my-") == {"my-audit": "fail", "my-password": "fail", "my-source": "pass", "my-tls": "fail"}
    put(tmp_path / "new", "etc/mysql/my.cnf", MARIADB)
    assert set(verdicts(facts(tmp_path / "new"), "my-").values()) == {"pass"}

    data, socket, port = tmp_path / "data", tmp_path / "s", free_port()
    subprocess.run(
        [program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--user=root", "--skip-test-db"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = [program("mariadbd"), f"--defaults-file={tmp_path / 'new/etc/mysql/my.cnf'}", f"--datadir={data}", f"--socket={socket}", f"--port={port}"]
    client = [program("mariadb"), "--no-defaults", "--batch", "--skip-column-names", "--user=root"]

    def said(*words: str) -> str:
        found = subprocess.run([*client, *words], check=False, capture_output=True, text=True, timeout=60)
        return found.stdout + found.stderr

    with running([*server, "--user=root"], lambda: said(f"--socket={socket}", "-e", "SELECT 1") == "1\n", tmp_path / "mariadb.log", timeout_s=60):
        assert "does not satisfy" in said(f"--socket={socket}", "-e", "CREATE USER app IDENTIFIED BY 'short'")
        assert said(f"--socket={socket}", "-e", "SELECT @@server_audit_logging") == "1\n"
        assert said(f"--socket={socket}", "-e", "CREATE USER app@localhost IDENTIFIED BY 'Hush-Hush-12'") == ""
        plain = ("--user=app", "--password=Hush-Hush-12", "--host=127.0.0.1", f"--port={port}", "--protocol=TCP", "--skip-ssl")
        assert "denied" in said(*plain, "-e", "SELECT 1")
        said(f"--socket={socket}", "-e", "SET GLOBAL require_secure_transport = OFF")
        assert said(*plain, "-e", "SELECT 1") == "1\n"


REDIS = 'bind 127.0.0.1\nprotected-mode yes\nrequirepass Hush-Hush-1\nrename-command CONFIG ""\n'


@pytest.mark.peer
def test_redis_as_shipped_fails_and_a_hardened_one_passes_and_does_what_its_file_says(tmp_path: Path) -> None:
    put(tmp_path / "old", "etc/redis/redis.conf", Path("/etc/redis/redis.conf").read_text(encoding="utf-8"))
    assert verdicts(facts(tmp_path / "old"), "rds-") == {"rds-commands": "fail", "rds-password": "fail", "rds-source": "pass", "rds-tls": "pass"}
    put(tmp_path / "new", "etc/redis/redis.conf", REDIS)
    texts = facts(tmp_path / "new")
    assert "Hush" not in texts["redis.conf"]
    assert set(verdicts(texts, "rds-").values()) == {"pass"}

    port = free_port()
    server = [program("redis-server"), str(tmp_path / "new/etc/redis/redis.conf"), "--port", str(port), "--dir", str(tmp_path), "--save", ""]

    def said(*words: str) -> str:
        return subprocess.run([program("redis-cli"), "-p", str(port), *words], check=False, capture_output=True, text=True, timeout=60).stdout

    with running(server, lambda: "NOAUTH" in said("PING"), tmp_path / "redis.log"):
        assert "PONG" in said("--no-auth-warning", "-a", "Hush-Hush-1", "PING")
        assert "unknown command" in said("--no-auth-warning", "-a", "Hush-Hush-1", "CONFIG", "GET", "*")


def test_a_host_without_the_services_is_not_asked_and_one_whose_files_are_closed_is_unknown() -> None:
    bare = {kind: host("debian")[kind] for kind in ("os-release", "accounts")} | {"packages": "base-files\t12.4\tamd64\tii\n"}
    closed = {kind: host("debian")[kind] for kind in ("os-release", "accounts", "packages")}
    for beginning in ("ngx-", "pg-", "my-", "rds-", "tmc-"):
        assert set(verdicts(bare, beginning).values()) == {Outcome.NOT_APPLICABLE.value}
        assert set(verdicts(closed, beginning).values()) == {Outcome.UNKNOWN.value}


@pytest.mark.parametrize(
    ("path", "line", "kept"),
    [
        ("etc/redis/redis.conf", "requirepass Hush-1", "requirepass ***"),
        ("etc/redis/redis.conf", "masterauth Hush-1", "masterauth ***"),
        ("etc/redis/redis.conf", "user app on >Hush-1 ~app:* +get", "user app on >*** ~app:* +get"),
        ("etc/mysql/my.cnf", "password = Hush-1 and more", "password = ***"),
        ("etc/mysql/my.cnf", "wsrep_sst_auth=root:Hush-1", "wsrep_sst_auth=***"),
        ("etc/postgresql/15/main/postgresql.conf", "primary_conninfo = 'host=a user=b password=Hush-1'", "primary_conninfo = 'host=a user=b password=***'"),
        ("etc/postgresql/15/main/pg_hba.conf", 'host all all 10.0.0.0/8 ldap ldapbindpasswd="Hush-1"', "host all all 10.0.0.0/8 ldap ldapbindpasswd=***"),
        ("etc/nginx/nginx.conf", 'proxy_set_header Authorization "Basic Hush-1";', "proxy_set_header Authorization ***;"),
        ("etc/postgresql/15/main/postgresql.conf", "password_encryption = 'scram-sha-256'", "password_encryption = 'scram-sha-256'"),
        ("etc/postgresql/15/main/pg_hba.conf", "host all all 10.0.0.0/8 password", "host all all 10.0.0.0/8 password"),
    ],
)
def test_passwords_in_service_files_are_blanked(tmp_path: Path, path: str, line: str, kept: str) -> None:
    put(tmp_path, path, f"first\n{line}\nlast\n")
    text = next(text for kind, text in facts(tmp_path).items() if kind not in ("os-release", "packages", "accounts"))
    assert text.splitlines()[1:] == ["first", kept, "last", "# end"]
