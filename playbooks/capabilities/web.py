"""HTTP calls to the target itself, by its collector ``http`` (url) or its address: one that looks, and one that changes."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urljoin, urlsplit

import httpx2
from pydantic import AfterValidator, Field

from core.errors import AuthRefused, BadReply, ConfigError, Unreachable
from inventory.asset import Asset
from playbooks.capabilities.commands import Reading
from playbooks.capabilities.remote import asset_of, fact
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import whole

MOST: Final = 256 * 1024
UrlPath = Annotated[
    str,
    AfterValidator(
        whole(r"/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,1000}(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1000})?", "path of a URL such as /api/v1/pools?name=a")
    ),
]


class GetOptions(Options):
    """Which page of the target; ``credential`` names one with a token, or user and password (else that of the asset for ``act``, ``http``)."""

    path: UrlPath = "/"
    status: int = Field(default=200, ge=100, le=599)
    contains: str = Field(default="", max_length=200)


class CallOptions(GetOptions):
    """What is sent; the body becomes JSON."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: Mapping[str, Any] = Field(default_factory=dict)


def base_of(target: Asset | None) -> str:
    """Scheme and place of the asset; raises ConfigError. Nothing that a playbook is given changes where it goes."""
    asset = asset_of(target)
    place = f"[{asset.address}]" if ":" in asset.address else asset.address
    url = str(asset.collect.get("http", {}).get("url", "")) or (f"https://{place}" if place else "")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{asset.id} has no address and no url of a collector http", key=f"assets.{asset.id}.collect.http.url")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def exchange(method: str, path: str, target: Asset | None, reach: Reach, body: Any = None) -> tuple[int, str]:
    """Send JSON to a path of the target; status and text; raises DeviceError. Redirects are not followed, certificates are checked."""
    asset = asset_of(target)
    name = asset.credentials.get("act") or asset.credentials.get("http", "")
    secret = reach.secrets.get(name) if name else None
    headers = {"Authorization": f"Bearer {secret.token}"} if secret and secret.token else {}
    login = (secret.username, secret.password) if secret and secret.username and not secret.token else None
    ca_file = fact(target, "ca_file") or str(asset.collect.get("http", {}).get("ca_file", ""))
    url = urljoin(base_of(target), path)
    try:
        with (
            httpx2.Client(verify=_trusted(ca_file, _changed(ca_file)), timeout=reach.timeout_s, follow_redirects=False, trust_env=False) as client,
            client.stream(method, url, headers=headers, auth=login, json=body) as answer,
        ):
            text = _text(answer)
    except httpx2.TransportError as err:
        raise Unreachable(asset.id, f"{asset.id}: {err or type(err).__name__}") from err
    except (httpx2.HTTPError, httpx2.InvalidURL, LookupError, OSError) as err:
        raise BadReply(asset.id, f"{asset.id}: {err or type(err).__name__}") from err
    if answer.status_code in (401, 403):
        raise AuthRefused(asset.id, f"{asset.id}: status {answer.status_code}")
    return answer.status_code, text


def _changed(ca_file: str) -> float:
    return Path(ca_file).stat().st_mtime if ca_file else 0.0


@lru_cache(maxsize=16)
def _trusted(ca_file: str, _changed: float) -> ssl.SSLContext:
    """Whom to trust; read anew when the file changed, since reading all authorities takes a while."""
    return ssl.create_default_context(cafile=ca_file or None)


def _text(answer: httpx2.Response) -> str:
    """At most MOST bytes of it."""
    read = bytearray()
    for piece in answer.iter_bytes():
        read += piece
        if len(read) >= MOST:
            break
    return bytes(read[:MOST]).decode(answer.encoding or "utf-8", "replace")


def checked(status: int, text: str, options: GetOptions, target: Asset | None) -> Answer:
    """The answer, when status and words are as wanted; raises BadReply."""
    if status != options.status or (options.contains and options.contains not in text):
        raise BadReply(
            asset_of(target).id, f"status {status}, wanted {options.status}{f' with {options.contains!r}' if options.contains else ''}: {text[:300]}"
        )
    values: dict[str, Any] = {"status": status}
    try:
        found = json.loads(text)
    except ValueError:
        return Answer(said=text, values=values)
    return Answer(said=text, values={**values, "json": found} if isinstance(found, dict) else values)


class HttpGet(Reading):
    """Reads a page; its status and words must be as wanted. JSON objects are in ``values.json``."""

    name: ClassVar[str] = "http.get"
    Options: ClassVar = GetOptions

    def plan(self, options: GetOptions, target: Asset | None) -> Act:
        """The request."""
        return Act(commands=(f"GET {urljoin(base_of(target), options.path)}",))

    def do(self, options: GetOptions, target: Asset | None, reach: Reach) -> Answer:
        """Ask."""
        return checked(*exchange("GET", options.path, target, reach), options, target)


class HttpCall:
    """Sends JSON to the target. What it did nobody can tell from outside: give the step a ``verify`` with ``http.get``."""

    name: ClassVar[str] = "http.call"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = CallOptions

    def plan(self, options: CallOptions, target: Asset | None) -> Act:
        """The request with its body."""
        return Act(
            commands=(f"{options.method} {urljoin(base_of(target), options.path)} {json.dumps(dict(options.body), ensure_ascii=False, sort_keys=True)}",)
        )

    def verify(self, options: CallOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Nobody can tell."""
        return State(holds=None)

    def do(self, options: CallOptions, target: Asset | None, reach: Reach) -> Answer:
        """Send it."""
        return checked(*exchange(options.method, options.path, target, reach, dict(options.body)), options, target)

    def undo(self, options: CallOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Another call may; it is a step of its own."""
        return Answer()
