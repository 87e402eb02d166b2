"""What the collectors of databases share: options, texts without secrets, what is sent when, a few samples."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import methodcaller
from typing import Any, Final, Literal

from pydantic import Field

from collectors.apps.certificates import trusting_context
from collectors.base import Options, credential
from collectors.servers.changes import Changes
from collectors.servers.facts import Fact, Readings
from core.errors import ConfigError
from core.records import END, Record, Sample, ended
from core.secrets import Secret, Secrets
from inventory.asset import Asset

HIDDEN: Final = "***"
MOST_ROWS: Final = 2000
WIDTH: Final = 500
HOUR_S: Final = 3600.0
Texts = Mapping[str, str]
"""Kind -> text, of one reading."""
_SECRET: Final = re.compile(
    r"(?i)conninfo|passphrase|(?:archive|restore|recovery_end|archive_cleanup)_command$|secret|access_key|(?:^|_)pwd$|[-_]pass$|sst_auth|provider_options"
    r"|^(?:report|master|init)_(?:password|connect)$|^init_(?:slave|replica)$|bind_password|requirepass|masterauth|primaryauth"
)
_OPTION: Final = re.compile(r"(?i)(ldapbindpasswd|radiussecrets?|password)=[^,]*(?:,(?![a-z_]+=)[^,]*)*")


class DatabaseOptions(Options):
    """Where the server is and how it is spoken to. ``host`` may be the folder of a socket; the credential has ``username`` and ``password``."""

    host: str = ""
    credential: str = ""
    tls: Literal["prefer", "require", "off"] = "prefer"
    ca_file: str = ""
    timeout_s: float = Field(default=10, gt=0, le=60)


class Sender:
    """Which kinds are due, and which texts are news; ``kinds`` are the kinds with the seconds between two readings."""

    def __init__(self, kinds: Mapping[str, float]) -> None:
        self._readings: Readings[Texts] = Readings(Fact(kind, methodcaller("get", kind), every) for kind, every in kinds.items())

    def due(self) -> frozenset[str]:
        """The kinds to read now."""
        return frozenset(fact.kind for fact in self._readings.due(time.monotonic()))

    def anew(self) -> None:
        """Read and send every kind with the next poll."""
        self._readings.anew()

    def records(self, asset: str, now: datetime, texts: Texts) -> Iterator[Record]:
        """Snapshots that are news, and an event for each text that changed."""
        yield from Changes.facts(asset, now, time.monotonic(), self._readings, texts)


def proof(asset: Asset, use: str, named: str, secrets: Secrets) -> Secret:
    """The credential; raises ConfigError when it names no account."""
    secret = credential(asset, use, named, secrets)
    if not secret.username:
        raise ConfigError(f"the collector {use} needs a credential with username and password", key="credential")
    return secret


def tls_context(options: DatabaseOptions) -> ssl.SSLContext:
    """With a file of authorities certificate and name are checked, without it neither; raises ConfigError when it cannot be read."""
    if options.ca_file:
        try:
            return trusting_context(options.ca_file)
        except OSError as err:
            raise ConfigError(f"the file of authorities cannot be read: {err}", key="ca_file") from err
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def samples(asset: str, engine: str, figures: Mapping[str, float], now: datetime) -> Iterator[Sample]:
    """The figures of a database; ``engine`` tells several on one asset apart."""
    for metric, value in figures.items():
        yield Sample(time=now, asset=asset, metric=metric, value=value, labels={"engine": engine})


def connections(used: float, limit: float) -> dict[str, float]:
    """How many connections are used, and of how many."""
    share = {"database.connections.utilization": 100 * used / limit} if limit > 0 else {}
    return {"database.connections.count": used, **share}


def settings(pairs: Iterable[tuple[str, Any]]) -> str:
    """``name = value`` lines, sorted; what may hold a secret is written ``***``."""
    return ended("".join(f"{_cell(name)} = {blanked(name, value)}\n" for name, value in sorted(pairs)))


def blanked(name: str, value: Any) -> str:
    """The value of a setting, or ``***`` for one that may hold a secret and is not empty."""
    text = _cell(value)
    return HIDDEN if text and _SECRET.search(name) else text


def without_passwords(options: str) -> str:
    """Options of a rule of access (``name=value,...``) with their passwords blanked."""
    return _OPTION.sub(rf"\1={HIDDEN}", options)


def table(rows: Iterable[Iterable[Any]]) -> str:
    """One row a line, tab separated, in the order given, at most MOST_ROWS of them: a longer table has no end, so that nothing is judged by half of it."""
    lines = ["\t".join(_cell(cell) for cell in row) for row in rows]
    whole = "".join(f"\\{line}\n" if line.startswith("#") else f"{line}\n" for line in lines[:MOST_ROWS])
    return whole + (f"{END}\n" if len(lines) <= MOST_ROWS else "[truncated]\n")


def word(value: Any) -> str:
    """yes, no, or unknown for what was not told."""
    return "unknown" if value is None else "yes" if value else "no"


def _cell(value: Any) -> str:
    text = "" if value is None else word(value) if isinstance(value, bool) else str(value)
    return " ".join(text.split())[:WIDTH]
