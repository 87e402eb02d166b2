"""What an open TCP port says: an SSH server's version, a page's title, the first line of anything else. Everything is cut short in time and size."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, Final

import httpx2
from cryptography import x509
from cryptography.x509.oid import NameOID

from collectors.apps.certificates import blind_context
from collectors.network.discovery.pace import Pace
from inventory.discovery.sighting import Port, short

TLS: Final = frozenset({443, 4443, 8443, 9443})
PLAIN_WEB: Final = frozenset({80, 8000, 8080, 8888, 9090, 9100})
SPEAKS_FIRST: Final = frozenset({21, 22, 23, 25, 110, 143, 830, 2222, 3306})
MAX_BANNER: Final = 4096
MAX_PAGE: Final = 64 * 1024
PAGE_S: Final = 4.0
REDIRECTS: Final = 2
_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,20})", re.IGNORECASE)


async def look_at(address: str, number: int, timeout_s: float, pace: Pace) -> Port | None:
    """The port when it accepts a connection, with what it tells of itself; None when it is closed or silent. Never raises for what a server does."""
    await pace.turn()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(address, number)
    except OSError:  # refused, no route, or no answer in time
        return None
    try:
        banner = "" if number in TLS or number in PLAIN_WEB else await _banner(reader, timeout_s)
    finally:
        writer.transport.abort()
    if banner:
        return Port(number=number, way="ssh" if banner.startswith("SSH-") else "", banner=banner)
    if number in SPEAKS_FIRST:
        return Port(number=number)
    for scheme in ("https",) if number in TLS else ("http",) if number in PLAIN_WEB else ("http", "https"):
        await pace.turn()
        if (page := await _page(address, number, scheme)) is not None:
            return page
    return Port(number=number)


async def _banner(reader: asyncio.StreamReader, timeout_s: float) -> str:
    """The first line, or the line with SSH's version among those that may come before it (RFC 4253, 4.2)."""
    said = b""
    with suppress(OSError):
        async with asyncio.timeout(timeout_s):
            while len(said) < MAX_BANNER and not re.search(rb"(?m)^SSH-[^\n]*\n", said):
                piece = await reader.read(MAX_BANNER)
                if not piece:
                    break
                said += piece
    lines = [short(line) for line in said[:MAX_BANNER].decode("utf-8", "replace").replace("�", " ").splitlines()]
    return next((line for line in lines if line.startswith("SSH-")), next(filter(None, lines), ""))


async def _page(address: str, number: int, scheme: str) -> Port | None:
    """None when this is not how the port speaks; a bare port when it accepts everything and says nothing."""
    try:
        async with asyncio.timeout(PAGE_S):
            host = f"[{address}]" if ":" in address else address
            return Port(number=number, way=scheme, **await _visit(f"{scheme}://{host}:{number}/", address))
    except (TimeoutError, httpx2.TimeoutException):
        return Port(number=number)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
        return None


async def _visit(url: str, address: str) -> dict[str, Any]:
    """Status, title, server and the certificate's names; follows a redirect only to the same address."""
    found: dict[str, Any] = {}
    async with httpx2.AsyncClient(verify=_context(), trust_env=False, headers={"user-agent": "wanglou"}) as client:
        for _ in range(REDIRECTS + 1):
            async with client.stream("GET", url) as answer:
                found = {"status": answer.status_code, "server": short(answer.headers.get("server", "")), "names": _names(answer)}
                found["title"] = _title(await _start(answer), answer.charset_encoding)
                target = answer.next_request.url if answer.next_request else None
            if target is None or target.host != address:
                return found
            url = str(target)
    return found


async def _start(answer: httpx2.Response) -> bytes:
    """The beginning of a page; one that trickles or breaks off gives what came."""
    body = b""
    with suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(PAGE_S / 2):
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) >= MAX_PAGE or b"</title>" in body.lower():
                    break
    return body[:MAX_PAGE]


def _title(body: bytes, charset: str | None) -> str:
    hit = _CHARSET.search(body[:2048])
    for name in (charset, hit[1].decode("ascii") if hit else None, "utf-8", "gb18030"):
        try:
            text = body.decode(name) if name else None
        except (LookupError, UnicodeDecodeError):
            continue
        if text is not None:
            return _read_title(text)
    return _read_title(body.decode("utf-8", "replace"))


class _Title(HTMLParser):
    """Collects the text of the first title and of the first heading."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts = {"title": "", "h1": ""}
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser calls it so
        if not self._inside and not self.texts.get(tag, "-"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] += data


def _read_title(text: str) -> str:
    parser = _Title()
    parser.feed(text)
    return short(parser.texts["title"]) or short(parser.texts["h1"])


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    return blind_context()


def _names(answer: httpx2.Response) -> tuple[str, ...]:
    """The names in the certificate that was shown."""
    stream = answer.extensions.get("network_stream")
    link = stream.get_extra_info("ssl_object") if stream is not None else None
    raw = link.getpeercert(binary_form=True) if link is not None else None
    if not raw:
        return ()
    try:
        shown = x509.load_der_x509_certificate(raw)
        found = [short(str(part.value)) for part in shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        found += shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (ValueError, x509.ExtensionNotFound):
        found = []
    return tuple(dict.fromkeys(map(short, found)))[:5]
