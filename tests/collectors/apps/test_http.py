"""Web pages that are well, wrong, slow, endless, or behind a bad certificate."""

import socket
import time
from pathlib import Path

import pytest

from core.errors import BadReply, ConfigError, Unreachable
from core.secrets import Secret
from tests.collectors.support import Authority, collector, poll, serving, silent, trickle

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=gb2312\r\nConnection: close\r\n\r\n"


def answering(raw: bytes, seen: list[bytes] | None = None):  # type: ignore[no-untyped-def]
    def answer(link: socket.socket) -> None:
        request = link.recv(65536)
        if seen is not None:
            seen.append(request)
        link.sendall(raw)

    return answer


def test_words_are_found_in_a_page_in_gbk() -> None:
    with serving(answering(OK + "<p>环境质量公报</p>".encode("gbk"))) as port:
        polled = poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "contains": "公报", "lacks": ["Error"]}))
    assert polled.error is None
    assert (polled.value("http.client.up"), polled.value("http.client.status")) == (1.0, 200.0)
    assert polled.value("http.client.duration", phase="total") > 0
    assert polled.values("http.client.duration", phase="connect") != []
    assert polled.values("http.client.duration", phase="wait") != []


def test_a_missing_word_and_a_wrong_status_make_the_page_unwell_and_tell_once() -> None:
    with serving(answering(OK + b"hello")) as port:
        subject = collector("http", {"url": f"http://127.0.0.1:{port}/", "contains": ["公报"]})
        first, second = poll(subject), poll(subject)
        wrong = poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "status": [204, "300-399"]}))
    assert first.error is None
    assert first.value("http.client.up") == 0.0
    assert ["公报" in event.message for event in first.events()] == [True]
    assert second.events() == []
    assert wrong.events()[0].fields["error.message"] == "status 200, expected 204, 300-399"


def test_redirects_are_followed_up_to_the_limit() -> None:
    with (
        serving(answering(OK)) as target,
        serving(answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % target)) as port,
    ):
        followed = poll(collector("http", {"url": f"http://127.0.0.1:{port}/"}))
        stopped = poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "redirects": 0}))
    assert (followed.value("http.client.status"), followed.value("http.client.redirects")) == (200.0, 1.0)
    assert stopped.value("http.client.status") == 302.0


def test_secrets_do_not_follow_a_redirect_to_another_server() -> None:
    home, away = list[bytes](), list[bytes]()
    with (
        serving(answering(OK, away)) as target,
        serving(answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % target, home)) as port,
    ):
        for secret in (Secret(token="hush"), Secret(username="u", password="p")):
            poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "credential": "c"}, c=secret))
    assert [b"Authorization" in request for request in home] == [True, True]
    assert [b"Authorization" in request for request in away] == [False, False]


def test_a_redirect_loop_ends() -> None:
    with serving(answering(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")) as port:
        polled = poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "redirects": 3}))
    assert polled.value("http.client.redirects") == 3.0


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"], ids=["status line", "headers", "body"]
)
def test_a_page_that_trickles_ends_at_the_deadline(head: bytes) -> None:
    with serving(trickle(head)) as port:
        begun = time.monotonic()
        polled = poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "timeout_s": 0.5}))
    assert time.monotonic() - begun < 2.0
    assert isinstance(polled.error, Unreachable)
    assert polled.value("http.client.up") == 0.0


def test_an_endless_body_is_cut_at_the_limit() -> None:
    def endless(link: socket.socket) -> None:
        link.recv(65536)
        link.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            link.sendall(b"y" * 65536)

    with serving(endless) as port:
        polled = poll(collector("http", {"url": f"http://127.0.0.1:{port}/", "max_bytes": 100_000, "contains": "x"}))
    assert polled.value("http.client.size") == 100_000.0
    assert "first 100,000 bytes" in polled.events()[0].message


def test_nothing_there_and_nonsense_are_told_apart() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = poll(collector("http", {"url": f"http://127.0.0.1:{closed.getsockname()[1]}/"}))
    with serving(answering(b"220 mail ESMTP\r\n")) as port:
        nonsense = poll(collector("http", {"url": f"http://127.0.0.1:{port}/"}))
    assert isinstance(refused.error, Unreachable)
    assert "connection refused" in str(refused.error)
    assert isinstance(nonsense.error, BadReply)
    assert "not HTTP" in str(nonsense.error)


def test_an_expired_certificate_is_seen_with_its_days_and_the_page_still_looked_at(tmp_path: Path) -> None:
    authority, seen = Authority(tmp_path), list[bytes]()
    with serving(answering(OK, seen), authority.context("127.0.0.1", days=-3)) as port:
        polled = poll(collector("http", {"url": f"https://127.0.0.1:{port}/", "ca_file": str(authority.file), "credential": "c"}, c=Secret(token="hush")))
    assert polled.error is None
    assert polled.value("tls.certificate.valid") == 0.0
    assert polled.value("tls.certificate.days_left") == pytest.approx(-3, abs=0.1)
    assert polled.value("http.client.up") == 1.0
    assert all(b"hush" not in request for request in seen), "a secret went to a server that could not prove who it is"


def test_a_good_certificate_is_valid_and_secrets_are_sent(tmp_path: Path) -> None:
    authority, seen = Authority(tmp_path), list[bytes]()
    with serving(answering(OK, seen), authority.context("127.0.0.1", days=10)) as port:
        polled = poll(
            collector("http", {"url": f"https://127.0.0.1:{port}/", "ca_file": str(authority.file), "credential": "c"}, c=Secret(username="u", password="p"))
        )
    assert polled.value("tls.certificate.valid") == 1.0
    assert polled.value("tls.certificate.days_left") == pytest.approx(10, abs=0.1)
    assert any(b"Authorization: Basic dTpw" in request for request in seen)
    assert "trusted=yes" in polled.snapshot(f"certificate.127.0.0.1:{port}")


def test_a_server_that_stalls_in_the_handshake_ends_at_the_deadline() -> None:
    with serving(silent) as port:
        begun = time.monotonic()
        polled = poll(collector("http", {"url": f"https://127.0.0.1:{port}/", "timeout_s": 0.5}))
    assert isinstance(polled.error, Unreachable)
    assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize(
    "options", [{"url": "ftp://x/"}, {"url": "http://user:pw@x/"}, {"url": "http://x/", "status": ["2xx"]}, {"url": "http://x/", "tiemout_s": 1}]
)
def test_wrong_options_name_their_key(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"url|status|tiemout_s"):
        collector("http", options)
