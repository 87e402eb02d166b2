"""TCP, TLS and ICMP probes against sockets on loopback."""

import socket
import time
from pathlib import Path

import icmplib
import pytest

from core.errors import ConfigError, Unreachable
from tests.collectors.support import Authority, collector, poll, serving, silent, trickle


def greeting(link: socket.socket) -> None:
    link.sendall(b"220 ready\r\n")
    link.recv(100)


def test_open_closed_and_silent_ports_are_told_apart() -> None:
    with serving(greeting) as port, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        other = closed.getsockname()[1]
        polled = poll(collector("tcp", {"ports": [port, other]}))
        none = poll(collector("tcp", {"ports": [other]}))
    assert polled.error is None
    assert polled.value("probe.up", endpoint=f"127.0.0.1:{port}") == 1.0
    assert polled.value("probe.up", endpoint=f"127.0.0.1:{other}") == 0.0
    assert isinstance(none.error, Unreachable)
    assert "connection refused" in str(none.error)


def test_a_port_must_say_what_is_expected_within_the_time() -> None:
    with serving(greeting) as port:
        assert poll(collector("tcp", {"ports": [port], "expect": "220 "})).value("probe.up") == 1.0
        wrong = poll(collector("tcp", {"ports": [port], "send": "QUIT\r\n", "expect": "250"}))
    assert wrong.error is None
    assert wrong.events()[0].fields["error.message"] == "answered without '250'"
    with serving(trickle()) as port:
        begun = time.monotonic()
        late = poll(collector("tcp", {"ports": [port], "expect": "never", "timeout_s": 0.5}))
    assert late.value("probe.up") == 0.0
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("names", "days", "asked", "fault"),
    [(("127.0.0.1",), 40, "", ""), (("127.0.0.1",), -1, "", "expired"), (("other.example",), 40, "", "mismatch"), (("web.example",), 40, "web.example", "")],
    ids=["good", "expired", "wrong name", "by name"],
)
def test_a_certificate_is_judged_and_its_days_are_always_seen(tmp_path: Path, names: tuple[str, ...], days: float, asked: str, fault: str) -> None:
    authority = Authority(tmp_path)
    with serving(silent, authority.context(*names, days=days)) as port:
        polled = poll(collector("tls", {"port": port, "name": asked, "ca_file": str(authority.file)}))
    assert polled.error is None
    assert polled.value("tls.certificate.days_left") == pytest.approx(days, abs=0.1)
    assert polled.value("tls.certificate.valid") == (0.0 if fault else 1.0)
    assert polled.value("tls.protocol.version") >= 1.2
    assert f"names={names[0]}" in polled.snapshot(f"certificate.{asked or '127.0.0.1'}:{port}")
    assert [fault in event.message for event in polled.events()] == ([True] if fault else [])


def test_a_self_signed_certificate_is_not_valid(tmp_path: Path) -> None:
    with serving(silent, Authority(tmp_path).context("127.0.0.1")) as port:
        assert poll(collector("tls", {"port": port})).value("tls.certificate.valid") == 0.0


def test_a_mail_server_is_asked_for_tls_in_its_own_way(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.context("127.0.0.1", days=5)

    def mail(link: socket.socket) -> None:
        link.sendall(b"220-hello\r\n220 mail ESMTP\r\n")
        assert link.recv(100).startswith(b"EHLO")
        link.sendall(b"250-mail\r\n250 STARTTLS\r\n")
        assert link.recv(100) == b"STARTTLS\r\n"
        link.sendall(b"220 go\r\n")
        with context.wrap_socket(link, server_side=True) as secured:
            silent(secured)

    with serving(mail) as port:
        polled = poll(collector("tls", {"port": port, "starttls": "smtp", "ca_file": str(authority.file)}))
    assert polled.error is None
    assert polled.value("tls.certificate.days_left") == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("peer", [silent, trickle()], ids=["silent", "trickle"])
def test_a_peer_that_does_not_speak_tls_is_no_answer(peer: object) -> None:
    with serving(peer) as port:  # type: ignore[arg-type]
        begun = time.monotonic()
        polled = poll(collector("tls", {"port": port, "timeout_s": 0.5}))
    assert isinstance(polled.error, Unreachable)
    assert time.monotonic() - begun < 10


def test_echo_comes_back_from_loopback() -> None:
    polled = poll(collector("icmp", {"count": 2, "pause_s": 0.01}))
    if isinstance(polled.error, ConfigError):
        assert "CAP_NET_RAW" in str(polled.error)
        pytest.skip("this user may not send ICMP here")
    assert polled.value("icmp.loss") == 0.0
    assert 0 < polled.value("probe.duration") < 1


def test_without_the_right_to_send_icmp_the_reader_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise icmplib.SocketPermissionError(privileged=True)

    monkeypatch.setattr(icmplib, "async_ping", refuse)
    polled = poll(collector("icmp", {}))
    assert isinstance(polled.error, ConfigError)
    assert "CAP_NET_RAW" in str(polled.error)
