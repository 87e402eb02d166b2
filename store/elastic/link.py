"""The wire to Elasticsearch: one client, its errors in our words, and since when the servers are away."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from elastic_transport import ApiResponse, ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, ElasticsearchWarning, UnsupportedProductError

from core.clock import Clock, SystemClock
from core.errors import ConfigError, StoreAway, StoreError

OLDEST = (8, 14)
MAJORS = (8, 9)
RETRY_AFTER_S = 2.0
_LOOK_S = 3.0
LENIENT: Mapping[str, str] = MappingProxyType({"ignore_unavailable": "true", "allow_no_indices": "true"})
_JSON = "application/json"
_NOT_READY = frozenset({"search_phase_execution_exception", "no_shard_available_action_exception", "unavailable_shards_exception"})
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_AWAY = frozenset({401, 403, 408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the servers are and how to get in. ``url``: one or several, parted by commas."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca_file: Path | None = None

    @property
    def hosts(self) -> list[str]:
        """The single addresses; raises ConfigError for one that cannot be used."""
        hosts = [part.strip().rstrip("/") for part in self.url.split(",") if part.strip()]
        if not hosts:
            raise ConfigError("store.url is empty; write for instance https://es.example.org:9200")
        return [_host(host) for host in hosts]


def _host(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port or (443 if parts.scheme == "https" else 9200)
    except ValueError:
        raise ConfigError(f"store.url: {text.rpartition('@')[2]!r} is no address; write for instance https://es.example.org:9200") from None
    if parts.username or parts.password:
        raise ConfigError("store.url must not hold a name or password; set store.username and store.password, or store.api_key")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"store.url: {text!r} is no address; write for instance https://es.example.org:9200")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}{parts.path}"


class Rejected(StoreError):
    """Elasticsearch answered and refused: ``status``, its ``kind`` of error and the reason."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        self.status, self.kind = status, kind
        super().__init__(f"Elasticsearch refused ({status} {kind}): {reason}")


class Busy(StoreAway):
    """Elasticsearch is there and asks to send less (429)."""


class NotReady(StoreAway):
    """A shard is not there yet, as in the first moments of an index; the servers themselves are well."""


class Link:
    """One client for all threads. ``away_since`` is None while the servers answer.

    ``prepare`` (put templates) runs before the first call and again after every absence: the servers that come back may be empty ones,
    which would make a stream of whatever shape on the first write.
    """

    def __init__(self, address: Address, clock: Clock | None = None, prepare: Callable[[Link], None] | None = None) -> None:
        self._address, self._clock, self._prepare = address, clock or SystemClock(), prepare
        self._client = _client(address)
        self._far = not all(urlsplit(host).hostname in _HERE for host in address.hosts)  # compressing for a server on this machine costs more than it saves
        self._lock = threading.Lock()
        self._tried = float("-inf")
        self._prepared, self._preparing, self._preparing_thread = prepare is None, threading.Lock(), 0
        self.away_since: datetime | None = None
        self.reason = ""

    def __repr__(self) -> str:
        return f"Link({self._address.url!r}, away_since={self.away_since})"

    @property
    def up(self) -> bool:
        """Worth asking now: the last answer was good, or the last failure is some seconds ago."""
        return self.away_since is None or self._clock.monotonic() - self._tried >= RETRY_AFTER_S

    def identify(self) -> tuple[int, ...]:
        """The server's version; ConfigError for what can never work, StoreAway for what may pass."""
        try:
            answer = self._client.perform_request("GET", "/", headers={"accept": _JSON})
        except ConnectionTimeout as err:
            raise self._failed("it did not answer in time") from err
        except TlsError as err:
            self._failed(_plain(err))
            raise ConfigError(_tls_advice(self._address, err)) from err
        except TransportError as err:
            raise self._failed(_plain(err)) from err
        except ApiError as err:
            self._failed(f"it answered {err.meta.status}")
            raise self._misconfigured(err) from err
        self._answered()
        return _version(answer, self._address.url)

    def call(self, method: str, path: str, body: Any = None, *, params: Mapping[str, str] = MappingProxyType({}), timeout_s: float = 20) -> Any:
        """The parsed answer. Raises Rejected (4xx), Busy (429) and StoreAway (no answer, 5xx, no right)."""
        if not self.up:
            raise StoreAway(f"Elasticsearch has been away since {self.away_since:%Y-%m-%d %H:%M:%SZ}: {self.reason}")
        if not self._prepared and self._preparing_thread != threading.get_ident():
            try:
                self.prepare()
            except ConfigError as err:
                raise self._failed(str(err)) from err
        headers = {"accept": _JSON}
        if body is not None:
            headers["content-type"] = _JSON
            if isinstance(body, bytes) and self._far:
                body, headers["content-encoding"] = gzip.compress(body, 1), "gzip"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ElasticsearchWarning)
                answer = self._client.options(request_timeout=timeout_s).perform_request(method, path, params=params or None, headers=headers, body=body)
        except ApiError as err:
            raise self._refused(err) from err
        except TransportError as err:
            raise self._failed(_plain(err)) from err
        self._answered()
        return answer.body

    def prepare(self) -> None:
        """Identify the servers and prepare them, unless that is done; raises as ``identify`` does."""
        if not self._preparing.acquire(timeout=RETRY_AFTER_S):
            raise StoreAway("Elasticsearch is being asked by somebody else")
        try:
            if not self._prepared and self._prepare is not None:
                self._preparing_thread = threading.get_ident()
                self.identify()
                self._prepare(self)
                self._prepared = True
        finally:
            self._preparing_thread = 0
            self._preparing.release()

    def look(self) -> None:
        """Ask the servers for a sign of life: a process that reads its own copies alone would not notice that they went or came back."""
        if self.up:
            with suppress(StoreError):
                self.call("GET", "/", timeout_s=_LOOK_S)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answered(self) -> None:
        if self.away_since is not None:
            with self._lock:
                self.away_since, self.reason = None, ""

    def _failed(self, reason: str) -> StoreAway:
        with self._lock:
            self.away_since = self.away_since or self._clock.now()
            self._tried, self.reason = self._clock.monotonic(), reason
            self._prepared = self._prepare is None
        return StoreAway(f"Elasticsearch at {self._address.url} cannot be used now: {reason}")

    def _refused(self, err: ApiError) -> StoreError:
        status = err.meta.status
        kind, reason = _error(err)
        if status == 429:
            self._answered()
            return Busy(f"Elasticsearch asks to send less: {reason}")
        if status == 503 and kind in _NOT_READY:
            self._answered()
            return NotReady(f"Elasticsearch is not ready: {reason}")
        if status in _AWAY or isinstance(err, UnsupportedProductError):
            return self._failed(f"it answered {status} {kind} {reason}"[:300])
        self._answered()
        return Rejected(status, kind, reason)

    def _misconfigured(self, err: ApiError) -> ConfigError | StoreAway:
        status, url = err.meta.status, self._address.url
        kind, reason = _error(err)
        if "opensearch" in json.dumps(err.body, default=str).lower():
            return ConfigError(f"store.url: {url} is OpenSearch; Wanglou needs Elasticsearch {OLDEST[0]}.{OLDEST[1]} or newer")
        if status == 401:
            return ConfigError(
                f"store: Elasticsearch at {url} refused the name and password or the API key; check store.username, store.password, store.api_key"
            )
        if status == 403:
            return ConfigError(f"store: the account lacks rights on Elasticsearch at {url} ({reason}); docs/elasticsearch.md lists the rights it needs")
        if status in _AWAY and status != 500:
            return self._failed(f"it answered {status} {kind} {reason}"[:300])
        return ConfigError(f"store.url: {url} answered ({status}), but it is not Elasticsearch; check host and port")


def _client(address: Address) -> Elasticsearch:
    options: dict[str, Any] = {}
    if address.api_key:
        options["api_key"] = address.api_key
    elif address.username:
        options["basic_auth"] = base64.b64encode(f"{address.username}:{address.password}".encode()).decode()  # the client itself takes ASCII alone
    hosts = address.hosts
    if address.ca_file is not None and any(host.startswith("https") for host in hosts):
        options["ca_certs"] = str(_readable(address.ca_file))
    try:
        return Elasticsearch(hosts, request_timeout=10, max_retries=len(hosts) - 1, retry_on_status=(), connections_per_node=10, **options)
    except (ValueError, OSError) as err:
        raise ConfigError(f"store: the settings for Elasticsearch cannot be used: {_plain(err)}") from err


def _readable(path: Path) -> Path:
    try:
        if "BEGIN CERTIFICATE" not in path.read_text("latin-1"):
            raise ConfigError("store.ca_file holds no certificate; it must be a PEM file of the authority that signed the server's certificate", path=path)
    except OSError as err:
        raise ConfigError(f"store.ca_file cannot be read: {err.strerror}", path=path) from err
    return path


def _version(answer: ApiResponse[Any], url: str) -> tuple[int, ...]:
    body = answer.body if isinstance(answer.body, Mapping) else {}
    text = str(body.get("version", {}).get("number", ""))
    try:
        version = tuple(int(part) for part in text.partition("-")[0].split("."))
    except ValueError:
        raise ConfigError(f"store.url: {url} answered, but tells no version; check host and port") from None
    if version[0] not in MAJORS or version < OLDEST:
        raise ConfigError(f"store.url: {url} is Elasticsearch {text}; Wanglou works with {OLDEST[0]}.{OLDEST[1]} and newer 8 and with 9")
    return version


def _tls_advice(address: Address, err: Exception) -> str:
    text = _plain(err)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            f"store: the certificate of {address.url} is not trusted ({text}); set store.ca_file to the PEM file of the authority that signed it, "
            "and use the host name that stands in the certificate"
        )
    return f"store: no TLS connection to {address.url} ({text}); is the port one that speaks https?"


def _plain(err: Exception) -> str:
    """The innermost words of a library error, without object addresses."""
    text = str(getattr(err, "message", "") or err)
    return text.rpartition(">: ")[2].split(")) caused by")[0][:200]


def _error(err: ApiError) -> tuple[str, str]:
    body = err.body if isinstance(err.body, Mapping) else {}
    error = body.get("error")
    if isinstance(error, Mapping):
        causes = error.get("root_cause") or [{}]
        return str(error.get("type", "")), str(error.get("reason") or causes[0].get("reason", ""))[:500]
    return "", str(error or err.message)[:200]
