"""The Redis collector and its checks against two real servers: one as nobody should keep it, one with TLS and an account for each purpose."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collectors.databases.redis import DANGEROUS, account, may
from core.errors import AuthRefused, BadReply, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from tests.collectors.databases.judged import judged
from tests.collectors.support import Authority, Polled, collector, poll
from tests.peers.redis import RedisServer, redis_server

PASSWORD = "Hush-hush-12"
DOCS = Path(__file__).parents[3] / "docs" / "collectors.md"
GOOD = """bind 127.0.0.1
port 0
tls-port {port}
tls-cert-file {folder}/server.pem
tls-key-file {folder}/server.pem
tls-ca-cert-file {folder}/ca.pem
tls-auth-clients no
tls-protocols "TLSv1.2 TLSv1.3"
maxmemory 64mb
user admin on >Hush-admin ~* &* +@all
user app on >Hush-app ~app:* -@all +@read +@write -@dangerous
user default off
"""
BAD = """bind * -::*
port {port}
protected-mode no
masterauth Hush-master
"""


def read(port: int, username: str = "", password: str = "", **options: object) -> Polled:
    asset = Asset(id="cache", kind="database", address="127.0.0.1", credentials={"redis": "reader"})
    return poll(collector("redis", {"port": port, **options}, reader=Secret(username=username, password=password)), asset)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, Path]]:
    """A server with TLS and ACL, read by the account that the documentation gives, and the authority of its certificate."""
    folder = tmp_path_factory.mktemp("good")
    authority = Authority(folder)
    authority.write(folder / "server.pem", "127.0.0.1", "localhost")
    documented = re.search(r"```\nACL SETUSER (wanglou .*?)\n```", DOCS.read_text(encoding="utf-8"))
    assert documented
    with redis_server(folder, GOOD) as server:
        server.run("ACL", "SETUSER", *documented[1].replace("CHANGE-ME", PASSWORD).split(), user="admin", password="Hush-admin")
        yield server, authority.file


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("bad"), BAD) as server:
        server.run("ACL", "SETUSER", "test", "on", ">Hush-test", "~*", "+@all", "-@admin", "(+config|set ~x)")
        yield server


@pytest.mark.peer
def test_a_server_kept_well_passes_every_check(good: tuple[RedisServer, Path]) -> None:
    server, ca = good
    polled = read(server.port, "wanglou", PASSWORD, ca_file=str(ca))
    assert polled.error is None
    assert polled.value("database.up", engine="redis") == 1
    assert polled.value("database.connections.count") >= 1
    assert 0 < polled.value("database.memory.utilization") < 100
    assert polled.value("database.persistence.up") == 1
    found = judged(polled, "redis")
    assert {name: outcome for name, outcome in found.items() if outcome != "pass"} == {"rds-accounts": "unknown"}, "nobody registered app"
    assert len(found) == 6
    assert polled.snapshot("redis.accounts").split("\n")[:4] == [
        "admin\tyes\tset\tconfig debug flushall module shutdown\tall",
        "app\tyes\tset\t\tsome",
        "default\tno\tmissing\t\tno",
        "wanglou\tyes\tset\t\tno",
    ]


@pytest.mark.peer
def test_a_badly_kept_server_fails_every_check(bad: RedisServer) -> None:
    polled = read(bad.port, tls="off")
    assert polled.error is None
    found = judged(polled, "redis")
    assert {name: outcome for name, outcome in found.items() if outcome != "fail"} == {}
    assert "test\tyes\tset\tconfig flushall module\tall" not in polled.snapshot("redis.accounts")
    assert "test\tyes\tset\tconfig flushall\tall" in polled.snapshot("redis.accounts")
    assert read(1, host=str(bad.socket)).error is None, "by its socket too, without TLS"


@pytest.mark.peer
def test_no_text_holds_a_password_or_a_hash(good: tuple[RedisServer, Path], bad: RedisServer) -> None:
    for polled in (read(good[0].port, "wanglou", PASSWORD), read(bad.port, tls="off")):
        texts = "".join(polled.snapshot(kind) for kind in polled.kinds())
        assert not re.search(r"Hush|[0-9a-f]{64}", texts)
    settings = read(bad.port, tls="off").snapshot("redis.settings")
    assert "masterauth = ***" in settings
    assert "requirepass = \n" in settings


@pytest.mark.peer
@pytest.mark.parametrize("command", sorted(DANGEROUS))
@pytest.mark.parametrize(
    "rules",
    [
        "+@all",
        "+@all -@dangerous",
        "-@all +@admin",
        "+@write",
        "+@all -config -debug -flushall -module -shutdown",
        "+@slow -@admin",
        "+config|set",
        "+config|get",
    ],
)
def test_what_an_account_may_do_is_what_the_server_says(bad: RedisServer, command: str, rules: str) -> None:
    asked = {"config": ("SET", "maxclients", "100"), "debug": ("SLEEP", "0"), "flushall": (), "module": ("LIST",), "shutdown": ("NOSAVE",)}[command]
    bad.run("ACL", "SETUSER", "tried", "reset", "on", *rules.split())
    said = bad.run("ACL", "DRYRUN", "tried", command, *asked)
    assert may(command, rules.split()) is (said == "OK")
    bad.run("ACL", "DELUSER", "tried")


@pytest.mark.peer
def test_an_account_that_may_not_ask_leaves_the_rest_unknown(bad: RedisServer) -> None:
    bad.run("ACL", "SETUSER", "few", "on", ">x", "-@all", "+info")
    polled = read(bad.port, "few", "x", tls="off")
    assert polled.error is None
    assert polled.value("database.up") == 1
    assert polled.kinds() == set()
    bad.run("ACL", "DELUSER", "few")


@pytest.mark.peer
def test_what_a_server_refuses_is_told_apart_from_one_that_is_away(good: tuple[RedisServer, Path], bad: RedisServer, tmp_path: Path) -> None:
    server, _ = good
    for username, password in (("wanglou", "wrong"), ("nobody", PASSWORD), ("", "")):
        refused = read(server.port, username, password).error
        assert isinstance(refused, AuthRefused)
        assert PASSWORD not in str(refused)
    bad.run("ACL", "SETUSER", "none", "on", ">x", "-@all")
    assert isinstance(read(bad.port, "none", "x", tls="off").error, AuthRefused)
    bad.run("ACL", "DELUSER", "none")
    stranger = Authority(tmp_path)
    assert isinstance(read(server.port, "wanglou", PASSWORD, ca_file=str(stranger.file)).error, BadReply)
    away = read(9, "wanglou", PASSWORD, tls="off")
    assert isinstance(away.error, Unreachable)
    assert away.value("database.up") == 0


@contextmanager
def speaking(answer: bytes) -> Iterator[int]:
    """Something that is no Redis: it says ``answer`` to whatever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    link, _ = server.accept()
                except OSError:
                    return
                with link:
                    link.recv(4096)
                    link.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n" * 20,
        b"$7\r\nnothing\r\n" * 20,
        b"*2\r\n$1\r\nx\r\n:5\r\n" * 20,
        b"$99\r\nredis_version:7",
        b"\xff" * 200,
    ],
)
def test_what_speaks_otherwise_is_an_error_and_never_a_text(answer: bytes) -> None:
    with speaking(answer) as port:
        polled = read(port, "wanglou", PASSWORD, tls="off", timeout_s=2)
    assert isinstance(polled.error, BadReply | Unreachable | AuthRefused)
    assert polled.kinds() == set()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("user default on nopass ~* &* +@all", ["default", "yes", "none", "config flushall", "all"]),
        ("user default off resetchannels -@all", ["default", "no", "missing", "", "no"]),
        ("user a on #0123 ~x:* -@all +get", ["a", "yes", "set", "", "some"]),
        ("user a on #0123 -@all (~* +@all) (~y +get)", ["a", "yes", "set", "config flushall", "all"]),
        ("user a on #0123 allkeys allcommands -@dangerous", ["a", "yes", "set", "", "all"]),
    ],
)
def test_a_line_of_the_list_of_accounts(line: str, said: list[str]) -> None:
    assert account(line, {"config", "flushall"}) == said


@pytest.mark.parametrize("line", ["", "user x", "nonsense on nopass"])
def test_a_line_in_another_form_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="another form"):
        account(line, DANGEROUS)
