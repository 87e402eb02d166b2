"""The listener and sockets that misbehave."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from collectors.events.listener import Settings, SyslogListener
from collectors.events.sockets import kernel_drops, udp_socket
from core.clock import SystemClock
from core.errors import ConfigError
from core.records import Event
from tests.peers.program import until


class Box:
    """A sink that keeps events; ``broken`` makes it refuse, ``slow_s`` makes it slow."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.broken = False
        self.slow_s = 0.0

    def __call__(self, events: Sequence[Event]) -> None:
        if self.broken:
            raise RuntimeError("store away")
        time.sleep(self.slow_s)
        self.events += events

    def texts(self) -> list[str]:
        return [event.message for event in self.events]


@pytest.fixture
def box() -> Box:
    return Box()


def listening(box: Box, **settings: object) -> SyslogListener:
    listener = SyslogListener(Settings(**{"udp": 0, "tcp": 0, **settings}), lambda address, host: f"asset-{host}" if host else "", box, SystemClock())  # type: ignore[arg-type]
    listener.start()
    return listener


@pytest.fixture
def listener(box: Box) -> Iterator[SyslogListener]:
    found = listening(box)
    yield found
    found.stop()


def send(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(data)


def test_tcp_lines_become_events_of_the_right_asset(listener: SyslogListener, box: Box) -> None:
    send(listener.ports["tcp"], "<38>Jan  1 00:00:00 web1 sshd[7]: Failed password for root from 192.0.2.1 port 22 ssh2\n<14>用户\n".encode())
    until(lambda: len(box.events) == 2)
    first, second = box.events
    assert (first.asset, first.kind, first.fields["source.ip"]) == ("asset-web1", "login_failed", "192.0.2.1")
    assert (second.asset, second.kind, second.message) == ("127.0.0.1", "log", "用户")
    assert second.fields["log.source.address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (
            '%%01SHELL/5/CMDRECORD(s)[1]:Recorded command information. (Ip=192.0.2.9, User=wang, Command="local-user a password irreversible-cipher Hush-1")',
            "local-user a password irreversible-cipher ***",
        ),
        ("%PARSER-5-CFGLOG_LOGGEDCMD: User:wang  logged command:snmp-server community Hush-1 RO", "snmp-server community *** RO"),
        ("%PARSER-5-CFGLOG_LOGGEDCMD: User:wang  logged command:ip http server", "ip http server"),
    ],
)
def test_commands_that_devices_tell_of_are_kept_without_their_secrets(listener: SyslogListener, box: Box, line: str, command: str) -> None:
    send(listener.ports["tcp"], f"<189>Jan  1 00:00:00 sw1 {line}\n".encode())
    until(lambda: len(box.events) == 1)
    (event,) = box.events
    assert (event.kind, event.fields["user.name"], event.fields["process.command_line"]) == ("config_command", "wang", command)
    assert command in event.message
    assert "Hush" not in f"{event}"


def test_the_same_line_twice_is_two_events(listener: SyslogListener, box: Box) -> None:
    send(listener.ports["tcp"], b"<14>same\n" * 50)
    until(lambda: len(box.events) == 50)
    assert len({event.id for event in box.events}) == 50


def test_a_hundred_megabyte_line_is_cut_in_little_memory_and_time(listener: SyslogListener, box: Box) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", listener.ports["tcp"])) as link:
        link.sendall(b"<14>huge ")
        for _ in range(100):
            link.sendall(b"x" * 1_000_000)
        link.sendall(b"\n<14>after\n")
        until(lambda: "after" in box.texts())
    assert len(box.events[0].message) < 17_000
    assert box.events[0].message.endswith("[…]")
    assert box.events[0].fields["log.flags"] == "truncated"
    assert time.monotonic() - begun < 10


def test_broken_framing_ends_that_connection_alone(listener: SyslogListener, box: Box) -> None:
    with socket.create_connection(("127.0.0.1", listener.ports["tcp"])) as link:
        link.sendall(b"99999999999999 <14>x")
        link.settimeout(5)
        with suppress(ConnectionResetError):
            assert link.recv(1) == b""
    send(listener.ports["tcp"], b"<14>fine\n")
    until(lambda: box.texts() == ["fine"])
    assert listener.tally.bad_frames == 1


def test_a_sink_that_fails_loses_nothing_that_came_by_a_stream(box: Box) -> None:
    box.broken = True
    listener = listening(box, queue=100)
    sent = threading.Thread(target=send, args=(listener.ports["tcp"], b"".join(b"<14>line %d\n" % number for number in range(20_000))))
    sent.start()
    time.sleep(0.5)
    box.broken = False
    until(lambda: len(box.events) == 20_000)
    sent.join()
    listener.stop()
    assert box.texts() == [f"line {number}" for number in range(20_000)]
    assert listener.tally.dropped == 0


def test_datagrams_beyond_the_queue_are_dropped_and_counted(box: Box) -> None:
    box.broken = True
    listener = listening(box, queue=10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for number in range(50):
            link.sendto(b"<14>%d" % number, ("127.0.0.1", listener.ports["udp"]))
    until(lambda: listener.tally.dropped == 40)
    assert {item.metric: item.value for item in listener.samples("self")}["syslog.dropped"] == 40
    box.broken = False
    until(lambda: len(box.events) == 10)
    listener.stop()


def test_a_source_that_runs_wild_is_held_back_where_a_limit_is_set(box: Box) -> None:
    listener = listening(box, rate=1.0)
    for address, count in (("127.0.0.2", 50), ("127.0.0.3", 1)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.bind((address, 0))
            for number in range(count):
                link.sendto(b"<14>%d" % number, ("127.0.0.1", listener.ports["udp"]))
    until(lambda: "127.0.0.3" in listener.tally.sources, "the quiet source", 30)
    listener.stop()
    found = {(item.metric, item.labels.get("source", "")): item.value for item in listener.samples("self")}
    assert 10 <= listener.tally.sources["127.0.0.2"] <= 15
    assert found["syslog.held", ""] == found["syslog.held.source", "127.0.0.2"] == 50 - listener.tally.sources["127.0.0.2"]


def test_too_many_connections_of_one_source_are_refused(box: Box) -> None:
    listener = listening(box, connections_per_source=3)
    links = [socket.create_connection(("127.0.0.1", listener.ports["tcp"])) for _ in range(5)]
    until(lambda: listener.tally.refused == 2)
    for link in links:
        link.close()
    listener.stop()


def test_a_taken_port_is_a_clear_error(box: Box) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            listening(box, tcp=other.getsockname()[1])


def test_tls_without_a_certificate_is_a_clear_error(box: Box) -> None:
    with pytest.raises(ConfigError, match="needs a certificate"):
        listening(box, tls=0)


def test_tls_carries_messages_and_a_peer_that_speaks_no_tls_disturbs_nobody(box: Box, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    listener = listening(box, tls=0, cert=tmp_path / "both.pem", key=tmp_path / "both.pem")
    send(listener.ports["tls"], b"<14>plain text\n")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with socket.create_connection(("127.0.0.1", listener.ports["tls"])) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as link:
        counted = "<14>加密 in counts".encode()
        link.sendall(b"%d %s<14>and lines\n" % (len(counted), counted))
        until(lambda: box.texts() == ["加密 in counts", "and lines"])
    listener.stop()


def test_datagrams_that_the_kernel_drops_are_known() -> None:
    with udp_socket("127.0.0.1", 0) as link, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        inode = os.fstat(link.fileno()).st_ino
        assert kernel_drops(inode) == 0
        for _ in range(200):
            sender.sendto(b"x" * 500, link.getsockname())
        assert 100 < kernel_drops(inode) < 200


@pytest.mark.slow
def test_two_thousand_lines_a_second_pass_without_loss(box: Box) -> None:
    listener = listening(box)
    box.slow_s = 0.01
    lines = 6000
    begun = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        for number in range(lines):
            link.sendto(
                b"<38>Jan  1 00:00:00 web%d sshd[7]: Failed password for root from 192.0.2.1 port %d ssh2" % (number % 50, number),
                ("127.0.0.1", listener.ports["udp"]),
            )
            if ahead := number / 2000 - (time.monotonic() - begun) > 0.01:
                time.sleep(ahead)
    until(lambda: len(box.events) == lines)
    listener.stop()
    samples = {item.metric: item.value for item in listener.samples("self")}
    assert samples["syslog.kernel_dropped"] == samples["syslog.dropped"] == 0
