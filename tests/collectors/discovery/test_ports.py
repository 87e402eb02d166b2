"""What open ports say, against servers that lie, trickle and never end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collectors.network.discovery.pace import Pace
from collectors.network.discovery.ports import look_at
from inventory.discovery.sighting import Port
from tests.collectors.support import Authority, serving, silent, trickle
from tests.peers.program import free_port

pytestmark = pytest.mark.slow

Answer = Callable[[socket.socket], None]


def looked(port: int, timeout_s: float = 0.5) -> Port | None:
    return asyncio.run(look_at("127.0.0.1", port, timeout_s, Pace(1000)))


def says(head: bytes) -> Answer:
    """A server that speaks first."""

    def answer(link: socket.socket) -> None:
        link.sendall(head)
        link.settimeout(5)
        link.recv(100)

    return answer


def web(body: bytes, head: str = "HTTP/1.1 200 OK", headers: str = "") -> Answer:
    """A server that waits for a request."""

    def answer(link: socket.socket) -> None:
        link.settimeout(5)
        if link.recv(4096):
            link.sendall(f"{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body)

    return answer


def test_a_closed_port_is_none() -> None:
    assert looked(free_port()) is None


@pytest.mark.parametrize(
    ("head", "way", "banner"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "ssh", "SSH-2.0-OpenSSH_9.2p1 Debian-2"),
        (b"Authorised use only!\r\nAll is logged.\r\nSSH-2.0-HUAWEI-1.5\r\n", "ssh", "SSH-2.0-HUAWEI-1.5"),
        (b"220 ftp.example ready\r\n", "", "220 ftp.example ready"),
        (b"\xff\xfb\x01\xff\xfb\x03\r\nLogin: ", "", "Login:"),
        (b"\x1b[31mred\x07\x00 text\r\n", "", "[31mred text"),
    ],
)
def test_who_speaks_first_is_heard(head: bytes, way: str, banner: str) -> None:
    with serving(says(head)) as port:
        found = looked(port)
    assert found == Port(number=port, way=way, banner=banner)


def test_a_banner_that_never_ends_is_cut_off() -> None:
    begun = time.monotonic()
    with serving(trickle(b"welcome")) as port:
        found = looked(port)
    assert found is not None
    assert found.banner.startswith("welcomex")
    assert time.monotonic() - begun < 10


def test_a_flood_is_cut_off_by_its_size() -> None:
    def flood(link: socket.socket) -> None:
        for _ in range(10_000):
            link.sendall(b"A" * 65_536)

    with serving(flood) as port:
        found = looked(port)
    assert found is not None
    assert len(found.banner) <= 300


def test_a_title_with_markup_is_text_and_bounded() -> None:
    page = b"<html><head><title>\n <b>Login</b> &lt;script&gt;alert(1)&lt;/script&gt; " + b"x" * 5000 + b"</title></head>"
    with serving(web(page, headers="Server: nginx\r\n")) as port:
        found = looked(port)
    assert found is not None
    assert (found.way, found.status, found.server) == ("http", 200, "nginx")
    assert found.title.startswith("Login <script>alert(1)</script> xxx")
    assert len(found.title) == 300


@pytest.mark.parametrize(
    ("body", "headers", "title"),
    [
        ("<title>网络管理</title>".encode("gb18030"), "Content-Type: text/html; charset=gb2312\r\n", "网络管理"),
        ('<meta charset="gbk"><title>网络管理</title>'.encode("gb18030"), "", "网络管理"),
        ("<title>网络管理</title>".encode(), "", "网络管理"),
        ("<title>网络管理</title>".encode("gb18030"), "", "网络管理"),
        (b"<h1>Node Exporter</h1>", "", "Node Exporter"),
        (b"<title></title><h1>a &amp; b</h1>", "", "a & b"),
        (b"\xff\xfe\x00 nothing", "", ""),
        (b"", "", ""),
    ],
)
def test_titles_in_every_dress(body: bytes, headers: str, title: str) -> None:
    with serving(web(body, headers=headers)) as port:
        found = looked(port)
    assert found is not None
    assert (found.way, found.title) == ("http", title)


def test_a_page_that_trickles_gives_what_came_and_holds_up_nobody() -> None:
    def answer(link: socket.socket) -> None:
        link.settimeout(5)
        link.recv(4096)
        trickle(b"HTTP/1.1 200 OK\r\nServer: slow\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n<title>half a ti")(link)

    begun = time.monotonic()
    with serving(answer) as port:
        found = looked(port)
    assert found is not None
    assert found.server == "slow"
    assert time.monotonic() - begun < 12


def test_a_server_that_is_silent_is_an_open_port_and_no_more() -> None:
    begun = time.monotonic()
    with serving(silent) as port:
        assert looked(port) == Port(number=port)
    assert time.monotonic() - begun < 20


def test_a_redirect_to_the_same_address_is_followed_and_one_elsewhere_is_not() -> None:
    with serving(web(b"<title>inside</title>")) as inner:
        with serving(web(b"", "HTTP/1.1 302 Found", f"Location: http://127.0.0.1:{inner}/login\r\n")) as port:
            found = looked(port)
        assert found is not None
        assert (found.status, found.title) == (200, "inside")
        with serving(web(b"<title>moved</title>", "HTTP/1.1 302 Found", f"Location: http://127.0.0.2:{inner}/\r\n")) as port:
            found = looked(port)
    assert found is not None
    assert (found.status, found.title) == (302, "moved")


def test_redirects_in_a_circle_end() -> None:
    ports: list[int] = []

    def answer(link: socket.socket) -> None:
        web(b"", "HTTP/1.1 302 Found", f"Location: http://127.0.0.1:{ports[0]}/\r\n")(link)

    with serving(answer) as port:
        ports.append(port)
        found = looked(port)
    assert found is not None
    assert found.status == 302


def test_a_page_over_tls_tells_its_names(tmp_path: Path) -> None:
    with serving(web(b"<title>FortiGate</title>"), Authority(tmp_path).context("fw1.bureau.example")) as port:
        found = looked(port)
    assert found is not None
    assert (found.way, found.title) == ("https", "FortiGate")
    assert "fw1.bureau.example" in found.names


def test_the_pace_is_kept() -> None:
    async def many() -> float:
        pace, begun = Pace(50), time.monotonic()
        await asyncio.gather(*(pace.turn() for _ in range(26)))
        return time.monotonic() - begun

    assert asyncio.run(many()) >= 0.49
