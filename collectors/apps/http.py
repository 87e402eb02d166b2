"""Web pages: status, words, time by phase, redirects, certificate. One deadline over everything, one limit on the size."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

import httpx2
from pydantic import Field, field_validator

from collectors.apps.certificates import Shown, blind_context, look, records, trusting_context
from collectors.apps.probe import Turns, reason, unreachable
from collectors.base import Options, credential
from collectors.loop import wait
from core.errors import BadReply, DeviceError
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset

AGENT: Final = "wanglou"
SECRET_HEADERS: Final = ("authorization", "cookie", "proxy-authorization")
# events of the transport -> the phase that they bound
PHASES: Final = {
    "connection.connect_tcp": "connect",
    "connection.start_tls": "tls",
    "send_request_headers": "send",
    "send_request_body": "send",
    "receive_response_headers": "wait",
    "receive_response_body": "receive",
}


def is_web(url: str) -> str:
    """``url`` when it is one of the web; raises ValueError."""
    if not re.match(r"https?://[^/?#\s@]+(?=[/?#]|$)", url):
        raise ValueError("a URL begins with http:// or https:// and carries no password")
    return url


class HttpOptions(Options):
    """One page and what it must look like. ``status`` holds numbers and ranges."""

    url: str
    method: Literal["GET", "HEAD", "POST"] = "GET"
    status: tuple[str, ...] = ("200-399",)
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    headers: Mapping[str, str] = Field(default_factory=dict)
    body: str = ""
    credential: str = ""
    redirects: int = Field(default=5, ge=0, le=20)
    ca_file: str = ""
    max_bytes: int = Field(default=1024 * 1024, ge=1, le=64 * 1024 * 1024)
    timeout_s: float = Field(default=10, gt=0, le=60)

    _is_web = field_validator("url")(is_web)

    @field_validator("status", mode="before")
    @classmethod
    def _as_texts(cls, given: Any) -> Any:
        return tuple(str(item) for item in given) if isinstance(given, list | tuple) else (str(given),)

    @field_validator("status")
    @classmethod
    def _are_codes(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[1-5]\d\d(-[1-5]\d\d)?", item) for item in given):
            raise ValueError("a status is a number such as 200, or a range such as 200-399")
        return given

    @field_validator("contains", "lacks", mode="before")
    @classmethod
    def _as_list(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given


@dataclass(slots=True)
class Page:
    """What came back. ``seconds`` by phase, summed over redirects; ``is_cut`` when it was larger than the limit."""

    url: str = ""
    status: int = 0
    redirects: int = 0
    body: bytes = b""
    charset: str | None = None
    is_cut: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


class HttpCollector:
    """One page of an asset."""

    Options: ClassVar = HttpOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: HttpOptions, secrets: Secrets) -> None:
        self._options, self._secrets, self._turns = options, secrets, Turns()
        self.deadline_s = options.timeout_s * 2 + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """The state of the page; raises Unreachable when nothing answers and BadReply for what is not HTTP."""
        url = httpx2.URL(self._options.url)
        shown: Shown | None = None
        page = Page()
        try:
            if url.scheme == "https":
                shown = wait(look(url.host, url.port or 443, url.host, self._options.ca_file), self._options.timeout_s)
                yield from records(shown, asset.id, f"{url.host}:{url.port or 443}", now)
            wait(self._fetch(page, self._client(shown), self._proof(asset, shown)), self._options.timeout_s)
        except (OSError, ssl.SSLError, httpx2.TransportError) as err:
            yield from self._samples(asset.id, page, now, is_up=False)
            yield from self._turns.events(asset.id, self._options.url, _reason(err), now)
            raise translated(asset.id, self._options.url, err) from err
        fault = self._fault(page)
        yield from self._samples(asset.id, page, now, is_up=not fault)
        yield from self._turns.events(asset.id, self._options.url, fault, now)

    def close(self) -> None:
        """Nothing is held open."""

    def _client(self, shown: Shown | None) -> httpx2.AsyncClient:
        is_trusted = shown is None or not shown.fault
        given = {name: value for name, value in self._options.headers.items() if is_trusted or name.lower() not in SECRET_HEADERS}
        return httpx2.AsyncClient(
            verify=trusting_context(self._options.ca_file) if is_trusted else blind_context(),
            headers={"User-Agent": AGENT, **given},
            timeout=self._options.timeout_s,
            trust_env=False,
        )

    def _proof(self, asset: Asset, shown: Shown | None) -> httpx2.Auth | None:
        """Who we are; nothing for a server that cannot prove who it is."""
        if shown is not None and shown.fault:
            return None
        secret = credential(asset, "http", self._options.credential, self._secrets)
        if secret.token:
            return _Bearer(secret.token)
        return httpx2.BasicAuth(secret.username, secret.password) if secret.password else None

    async def _fetch(self, page: Page, client: httpx2.AsyncClient, proof: httpx2.Auth | None) -> None:
        async with client:
            request: httpx2.Request | None = client.build_request(self._options.method, self._options.url, content=self._options.body or None)
            home = _origin(httpx2.URL(self._options.url))
            while request is not None:
                page.url = str(request.url)
                await _resolve(page, request.url)
                async with _sent(client, request, page.seconds, proof if _origin(request.url) == home else None) as response:
                    page.status, page.charset = response.status_code, response.charset_encoding
                    request = response.next_request if page.redirects < self._options.redirects else None
                    if request is None:
                        await self._read(page, response)
                    else:
                        page.redirects += 1

    async def _read(self, page: Page, response: httpx2.Response) -> None:
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > self._options.max_bytes:
                page.is_cut = True
                break
        page.body = b"".join(pieces)[: self._options.max_bytes]

    def _fault(self, page: Page) -> str:
        if not any(_covers(item, page.status) for item in self._options.status):
            return f"status {page.status}, expected {', '.join(self._options.status)}"
        if not self._options.contains and not self._options.lacks:
            return ""
        text = decoded(page.body, page.charset)
        for word in self._options.contains:
            if word not in text:
                return f"{word!r} is not on the page" + (f" (its first {self._options.max_bytes:,} bytes)" if page.is_cut else "")
        return next((f"{word!r} is on the page" for word in self._options.lacks if word in text), "")

    def _samples(self, asset: str, page: Page, now: datetime, *, is_up: bool) -> Iterator[Sample]:
        def sample(metric: str, value: float, **labels: str) -> Sample:
            return Sample(time=now, asset=asset, metric=metric, value=value, labels=labels)

        yield sample("http.client.up", float(is_up))
        if page.status:
            yield sample("http.client.status", float(page.status))
            yield sample("http.client.redirects", float(page.redirects))
            yield sample("http.client.size", float(len(page.body)))
            yield sample("http.client.duration", sum(page.seconds.values()), phase="total")
            for phase, seconds in page.seconds.items():
                yield sample("http.client.duration", seconds, phase=phase)


class _Bearer(httpx2.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """RFC 6750."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


async def _resolve(page: Page, url: httpx2.URL) -> None:
    begun = time.monotonic()
    await asyncio.get_running_loop().getaddrinfo(url.host, url.port or 0, type=socket.SOCK_STREAM)
    page.seconds["dns"] = page.seconds.get("dns", 0.0) + time.monotonic() - begun


@asynccontextmanager
async def _sent(client: httpx2.AsyncClient, request: httpx2.Request, seconds: dict[str, float], proof: httpx2.Auth | None) -> AsyncIterator[httpx2.Response]:
    begun: dict[str, float] = {}

    async def trace(event: str, _info: Mapping[str, Any]) -> None:
        name, _, end = event.rpartition(".")
        phase = PHASES.get(name) or PHASES.get(name.rpartition(".")[2])
        if phase and end == "started":
            begun[name] = time.monotonic()
        elif phase and name in begun:
            seconds[phase] = seconds.get(phase, 0.0) + time.monotonic() - begun.pop(name)

    request.extensions = {**request.extensions, "trace": trace}
    response = await client.send(request, stream=True, follow_redirects=False, auth=proof)
    try:
        yield response
    finally:
        await response.aclose()


def _covers(item: str, status: int) -> bool:
    low, _, high = item.partition("-")
    return int(low) <= status <= int(high or low)


def decoded(body: bytes, charset: str | None) -> str:
    """The text of a page: the charset of its header or of its first 2,048 bytes, else UTF-8, else GB 18030."""
    found = re.search(rb"charset=[\"']?([\w-]+)", body[:2048], re.IGNORECASE)
    for name in (charset, found[1].decode() if found else None, "utf-8", "gb18030"):
        try:
            # GBK in name, GB 18030 in truth: it contains the others
            return body.decode("gb18030" if name and name.lower() in ("gbk", "gb2312") else name or "utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("utf-8", "replace")


def _reason(err: BaseException) -> str:
    """In the words of the innermost system error: the transport wraps it several times."""
    if isinstance(err, httpx2.TimeoutException):
        return "no answer in time"
    cause: BaseException | None = err
    found: BaseException = err
    while cause is not None:
        found = cause if isinstance(cause, OSError) else found
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return reason(found)


def translated(asset: str, url: str, err: Exception) -> DeviceError:
    """An error of the transport as one of ours."""
    if isinstance(err, httpx2.RemoteProtocolError | httpx2.DecodingError | httpx2.UnsupportedProtocol):
        return BadReply(asset, f"{url}: the answer is not HTTP: {err}")
    return unreachable(asset, url, OSError(_reason(err)))
