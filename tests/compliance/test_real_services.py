"""Checks of nginx and PostgreSQL on what the real programs ship and accept; secrets of service files never leave the machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collectors.servers.facts import FACTS
from collectors.servers.machine import LocalMachine
from compliance.check import load_checks
from compliance.evaluate import evaluate
from compliance.prove import NOW, host
from compliance.verdict import Outcome
from core.records import Snapshot
from tests.peers.postgres import postgres
from tests.peers.program import program

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
    found = [Snapshot(time=NOW, asset="a", kind=kind, body=body) for kind, body in texts.items()]
    return {name: evaluate(check, "a", found, NOW).outcome.value for name, check in CHECKS.items() if name.startswith(beginning)}


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


def test_a_host_without_the_services_is_not_asked_and_one_whose_files_are_closed_is_unknown() -> None:
    bare = {kind: host("debian")[kind] for kind in ("os-release", "accounts")} | {"packages": "base-files\t12.4\tamd64\tii\n"}
    closed = {kind: host("debian")[kind] for kind in ("os-release", "accounts", "packages")}
    for beginning in ("ngx-", "pg-", "my-", "rds-"):
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
    assert text.splitlines()[1:] == ["first", kept, "last"]
