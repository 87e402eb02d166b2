"""Traps and informs with net-snmp's own senders, and messages that are none."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.events.traps.ber import packed, packed_number, packed_oid, sequence
from collectors.events.traps.listener import Settings, TrapListener
from collectors.events.traps.usm import Engine, User
from core.clock import SystemClock
from core.errors import ConfigError
from core.records import Event
from tests.collectors.events.test_listener import Box
from tests.peers.program import program, until

LINK_DOWN = ("1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.7", "i", "7", "1.3.6.1.2.1.2.2.1.8.7", "i", "2")
ENGINE = Engine(bytes.fromhex("80007ed905") + b"watchtower", 3)
SHA, AES = "authentic-key", "private-key-1"
USERS = frozenset(
    (
        User("plain"),
        User("half", "sha512", SHA),
        User("whole", "sha256", SHA, "aes128", AES),
        User("old", "md5", SHA, "des", AES),
        User("long", "sha384", SHA, "aes256", AES),
        User("middle", "sha1", SHA, "aes192", AES),
        User("whole", "sha256", "other-auth-key", "aes128", "other-priv-key"),
    )
)


def listening(box: Box, **settings: object) -> TrapListener:
    names = {"127.0.0.2": "core1", "198.51.100.7": "edge7"}
    found = TrapListener(
        Settings(**{"port": 0, **settings}),  # type: ignore[arg-type]
        ENGINE,
        lambda address, host: names.get(address) or names.get(host, ""),
        lambda asset, index: f"GE0/{index}" if asset == "core1" else "",
        box,
        SystemClock(),
    )
    found.set_access(frozenset(), USERS)
    found.start()
    return found


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def listener(box: Box) -> Iterator[TrapListener]:
    found = listening(box)
    yield found
    found.stop()


def send(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run snmptrap or snmpinform with nothing of the machine's own configuration."""
    environment = {"SNMPCONFPATH": str(folder), "SNMP_PERSISTENT_DIR": str(folder), "MIBS": "", "PATH": "/usr/bin:/bin"}
    return subprocess.run([program(name), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False)


def only(box: Box) -> Event:
    until(lambda: len(box.events) == 1, "one event", 30)
    return box.events[0]


def figures(listener: TrapListener) -> dict[str, float]:
    return {item.metric: item.value for item in listener.samples("self")}


@pytest.mark.peer
def test_a_v2c_trap_of_snmptrap_becomes_an_event_of_its_asset_and_port(tmp_path: Path, listener: TrapListener, box: Box) -> None:
    send(tmp_path, "snmptrap", "-v2c", "-c", "public", "--clientaddr=127.0.0.2", f"127.0.0.1:{listener.port}", "4711", *LINK_DOWN)
    event = only(box)
    assert (event.asset, event.kind, event.fields["network.interface"]) == ("core1", "link_down", "GE0/7")
    assert event.message == "linkDown: ifIndex.7=7, ifOperStatus.7=down"
    assert (event.fields["snmp.version"], event.fields["snmp.uptime_s"], event.fields["log.source.address"]) == ("2c", 47.11, "127.0.0.2")


@pytest.mark.peer
def test_a_v1_trap_belongs_to_the_device_that_it_names(tmp_path: Path, listener: TrapListener, box: Box) -> None:
    send(tmp_path, "snmptrap", "-v1", "-c", "x", f"127.0.0.1:{listener.port}", "1.3.6.1.4.1.9.1.1", "198.51.100.7", "0", "0", "55")
    event = only(box)
    assert (event.asset, event.kind, event.fields["snmp.trap.name"], event.fields["snmp.version"]) == ("edge7", "restarted", "coldStart", "1")


@pytest.mark.peer
@pytest.mark.parametrize(
    ("user", "level"),
    [
        ("plain", ["-l", "noAuthNoPriv"]),
        ("half", ["-l", "authNoPriv", "-a", "SHA-512", "-A", SHA]),
        ("whole", ["-l", "authPriv", "-a", "SHA-256", "-A", SHA, "-x", "AES", "-X", AES]),
        ("whole", ["-l", "authPriv", "-a", "SHA-256", "-A", "other-auth-key", "-x", "AES", "-X", "other-priv-key"]),
        ("old", ["-l", "authPriv", "-a", "MD5", "-A", SHA, "-x", "DES", "-X", AES]),
        ("long", ["-l", "authPriv", "-a", "SHA-384", "-A", SHA, "-x", "AES-256", "-X", AES]),
        ("middle", ["-l", "authPriv", "-a", "SHA", "-A", SHA, "-x", "AES-192", "-X", AES]),
        ("middle", ["-l", "authPriv", "-a", "SHA", "-A", SHA, "-x", "AES-192-C", "-X", AES]),
    ],
)
@pytest.mark.parametrize("sender", ["snmptrap", "snmpinform"])
def test_version_3_is_let_in_at_every_level(tmp_path: Path, listener: TrapListener, box: Box, sender: str, user: str, level: list[str]) -> None:
    engine = ["-e", "0x80001f8801020304"] if sender == "snmptrap" else []  # for an inform it asks for ours
    done = send(tmp_path, sender, "-v3", "-u", user, *level, *engine, "-r", "2", "-t", "10", f"127.0.0.1:{listener.port}", "", *LINK_DOWN)
    assert done.returncode == 0, done.stderr  # an inform was answered
    event = only(box)
    assert (event.kind, event.fields["snmp.user"], event.fields["snmp.version"]) == ("link_down", user, "3")
    assert event.fields.get("snmp.inform") == ("true" if sender == "snmpinform" else None)


@pytest.mark.peer
def test_an_inform_is_answered_only_when_it_is_durable(tmp_path: Path, listener: TrapListener, box: Box) -> None:
    box.broken = True
    arguments = ("-v2c", "-c", "public", "-t", "0.3", "-r", "1", f"127.0.0.1:{listener.port}", "", *LINK_DOWN)
    assert send(tmp_path, "snmpinform", *arguments).returncode != 0
    box.broken = False
    until(lambda: len(box.events) == 1, "the event", 30)
    assert send(tmp_path, "snmpinform", *arguments).returncode == 0
    until(lambda: len(box.events) == 2, "the second event", 30)


@pytest.mark.peer
def test_an_inform_that_comes_again_is_one_event_and_answered_each_time(tmp_path: Path, listener: TrapListener, box: Box) -> None:
    message = inform(request=77)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(30)
        for _ in range(3):
            link.sendto(message, ("127.0.0.1", listener.port))
            answer = link.recv(1000)
            assert answer == message.replace(b"\xa6", b"\xa2", 1)
    assert (len(box.events), figures(listener)["traps.repeated"]) == (1, 2)


@pytest.mark.peer
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-u", "stranger", "-l", "noAuthNoPriv"], "user"),
        (["-u", "half", "-l", "noAuthNoPriv"], "level"),
        (["-u", "half", "-l", "authNoPriv", "-a", "SHA-512", "-A", "wrong-secret"], "digest"),
        (["-u", "whole", "-l", "authPriv", "-a", "SHA-256", "-A", SHA, "-x", "AES", "-X", "wrong-secret"], "decryption"),
    ],
)
def test_whoever_has_not_the_keys_is_refused_and_counted(tmp_path: Path, listener: TrapListener, box: Box, arguments: list[str], reason: str) -> None:
    send(tmp_path, "snmptrap", "-v3", *arguments, "-e", "0x80001f8801020304", f"127.0.0.1:{listener.port}", "", *LINK_DOWN)
    until(lambda: sum(listener.tally.refused.values()) == 1, "the refusal", 30)
    assert (dict(listener.tally.refused), box.events) == ({reason: 1}, [])


@pytest.mark.peer
def test_a_version_3_trap_that_is_played_again_makes_no_second_event(tmp_path: Path, listener: TrapListener, box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as spy:
        spy.bind(("127.0.0.1", 0))
        spy.settimeout(30)
        level = ("-l", "authPriv", "-a", "SHA-256", "-A", SHA, "-x", "AES", "-X", AES)
        send(tmp_path, "snmptrap", "-v3", "-u", "whole", *level, "-e", "0x80001f8801020304", f"127.0.0.1:{spy.getsockname()[1]}", "", *LINK_DOWN)
        heard = spy.recv(2000)
        for _ in range(3):
            spy.sendto(heard, ("127.0.0.1", listener.port))
    only(box)
    until(lambda: listener.tally.repeated == 2, "copies are known", 30)


def inform(request: int = 1, community: bytes = b"public") -> bytes:
    bindings = sequence(
        sequence(packed_oid("1.3.6.1.2.1.1.3.0"), packed_number(100, 0x43)),
        sequence(packed_oid("1.3.6.1.6.3.1.1.4.1.0"), packed_oid("1.3.6.1.6.3.1.1.5.3")),
        sequence(packed_oid("1.3.6.1.2.1.2.2.1.1.7"), packed_number(7)),
    )
    pdu = sequence(packed_number(request), packed_number(0), packed_number(0), bindings, tag=0xA6)
    return sequence(packed_number(1), packed(4, community), pdu)


def trap(community: bytes = b"public") -> bytes:
    return inform(community=community).replace(b"\xa6", b"\xa7", 1)


def push(port: int, *messages: bytes, source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind((source, 0))
        for message in messages:
            link.sendto(message, ("127.0.0.1", port))


def test_a_socket_for_both_families_shows_ipv4_senders_as_they_are(box: Box) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no sockets for both families here")
    listener = listening(box, host="::")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(30)
        link.bind(("127.0.0.2", 0))
        link.sendto(inform(), ("127.0.0.1", listener.port))
        assert link.recv(1000)
    listener.stop()
    assert (only(box).asset, only(box).fields["log.source.address"]) == ("core1", "127.0.0.2")


def test_only_given_communities_are_let_in(listener: TrapListener, box: Box) -> None:
    listener.set_access(frozenset(("secret",)), USERS)
    push(listener.port, trap(b"public"), trap(b"secret"))
    only(box)
    assert dict(listener.tally.refused) == {"community": 1}


def test_a_source_that_runs_wild_is_held_back_and_the_others_are_heard(box: Box) -> None:
    listener = listening(box, rate=1.0, burst=5.0)
    push(listener.port, *[trap()] * 100, source="127.0.0.2")
    push(listener.port, trap(), source="127.0.0.3")
    until(lambda: any(event.asset == "127.0.0.3" for event in box.events), "the quiet source", 30)
    until(lambda: listener.tally.received == 101, "all came", 30)
    listener.stop()
    kinds = [event.kind for event in box.events if event.asset == "core1"]
    passed = kinds.count("link_down")
    assert 5 <= passed <= 10
    assert kinds.count("trap_storm") == 1
    found = {(item.metric, item.labels.get("source", "")): item.value for item in listener.samples("self")}
    assert found["traps.held", ""] == found["traps.held.source", "127.0.0.2"] == 100 - passed


def test_a_taken_port_is_a_clear_error(box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(ConfigError, match=r"collect.trap_port: the trap listener cannot listen on 127\.0\.0\.1 port \d+"):
            listening(box, port=other.getsockname()[1])


def test_nonsense_is_counted_and_harms_nothing(listener: TrapListener, box: Box) -> None:
    push(listener.port, b"", b"\x30", b"GET / HTTP/1.0\r\n", b"\x30\x84\xff\xff\xff\xff", packed(0x30, b"\x02\x01\x07" * 3), trap())
    only(box)
    assert listener.tally.bad == 5
