"""Seals: every hour number and hash of the newest audit entry and evidence link go to a second place, which the product itself does not change.

Whoever rewrites a whole chain, hashes and all, cannot rewrite what lies elsewhere: a seal that does not fit shows it. A seal is one line of JSON,
``{"time": ..., "audit": [seq, hash], "evidence": [seq, hash]}``, added to a file (another mount, write-once storage) or sent by syslog (RFC 5424 over UDP).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from compliance import evidence
from core.errors import ConfigError, NotFound
from core.names import SEAL
from core.records import Finding, Severity
from core.settings import Settings
from service.pulse import SELF
from store.base import Store

EVERY: Final = timedelta(hours=1)
AGAIN: Final = timedelta(minutes=5)
LAST: Final = "last"
PRIORITY: Final = 13 * 8 + 5  # RFC 5424: log audit, notice
TIMEOUT_S: Final = 5.0
Link = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Seal:
    """The ends of both chains at a moment; number 0: there was nothing yet."""

    time: datetime
    audit: Link
    evidence: Link

    @property
    def line(self) -> str:
        """One line of JSON."""
        return json.dumps({"time": self.time.isoformat(), "audit": self.audit, "evidence": self.evidence}, separators=(",", ":"))


def take_seal(store: Store, now: datetime) -> Seal:
    """What both chains end with."""
    newest = store.audit.read(limit=1, newest=True)
    return Seal(now, (newest[0].seq, newest[0].hash) if newest else (0, ""), evidence.head(store.documents))


def read_seal(line: str) -> Seal | None:
    """The seal in a line, also behind the head of a syslog message; None when there is none."""
    try:
        told = json.loads(line[line.index("{") :])
        (number, digest), (link, end) = told["audit"], told["evidence"]
        return Seal(datetime.fromisoformat(told["time"]), (int(number), str(digest)), (int(link), str(end)))
    except (ValueError, KeyError, TypeError):
        return None


def broken_by(store: Store, seal: Seal) -> str:
    """What does not fit a seal: "audit 17", "evidence 3", or nothing."""
    if seal.audit[0]:
        entry = store.audit.read(after=seal.audit[0] - 1, limit=1)
        if not entry or (entry[0].seq, entry[0].hash) != seal.audit:
            return f"audit {seal.audit[0]}"
    if seal.evidence[0] and not evidence.has(store.documents, *seal.evidence):
        return f"evidence {seal.evidence[0]}"
    return ""


@dataclass(frozen=True, slots=True)
class Examined:
    """How many seals were held against the chains, how many lines are no seal, and what the first one that does not fit says."""

    count: int = 0
    unreadable: int = 0
    broken: str = ""


def examine(store: Store, lines: Iterable[str]) -> Examined:
    """Hold every seal against the chains, up to the first that does not fit."""
    count = unreadable = 0
    for line in filter(str.strip, lines):
        seal = read_seal(line)
        if seal is None:
            unreadable += 1
            continue
        count += 1
        if wrong := broken_by(store, seal):
            return Examined(count, unreadable, f"{wrong} (sealed {seal.time.isoformat(timespec='seconds')})")
    return Examined(count, unreadable)


def kept_seals(settings: Settings, store: Store) -> str:
    """``hold``, ``sent`` (by syslog alone, nothing to compare with), ``none`` (no second place), or what is wrong. Reads the whole file."""
    if settings.seal.file is None:
        return "sent" if settings.seal.syslog else "none"
    try:
        with settings.seal.file.open(encoding="utf-8", errors="replace") as lines:
            found = examine(store, lines)
    except OSError:
        return "unreadable"
    return f"broken at {found.broken}" if found.broken else "hold" if found.count else "unreadable"


def last_seal(store: Store) -> datetime | None:
    """When the chains were last sealed in every place; None when never."""
    try:
        return datetime.fromisoformat(store.documents.get(SEAL, LAST).body["time"])
    except NotFound:
        return None


Place = Callable[[str], None]


def places_of(settings: Settings, now: Callable[[], datetime]) -> Mapping[str, Place]:
    """Where seals go, by name; raises ConfigError when the file lies in the data folder, which is no second place."""
    found: dict[str, Place] = {}
    file = settings.seal.file
    if file is not None:
        if file.resolve().is_relative_to(settings.data.resolve()):
            raise ConfigError("a seal in the data folder is no second copy; name a file on another disc or machine", key="seal.file")
        found["file"] = lambda line: add_line(file, line)
    if settings.seal.syslog:
        host, _, port = settings.seal.syslog.rpartition(":")
        found["syslog"] = lambda line: send_line(host.strip("[]"), int(port), line, now())
    return found


def add_line(file: Path, line: str) -> None:
    """Append one line and have it on the disc; raises OSError."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    with contextlib.closing(os.fdopen(handle, "a", encoding="utf-8")) as out:
        out.write(line + "\n")
        out.flush()
        os.fsync(out.fileno())


def send_line(host: str, port: int, line: str, now: datetime) -> None:
    """One syslog message over UDP; raises OSError."""
    message = f"<{PRIORITY}>1 {now.isoformat(timespec='milliseconds')} {socket.gethostname()} wanglou {os.getpid()} SEAL - {line}"
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as out:
        out.settimeout(TIMEOUT_S)
        out.sendto(message.encode(), address)


class Seals:
    """``round`` may be called as often as one likes; it seals once an hour, and again after five minutes when a place refused."""

    def __init__(self, settings: Settings, store: Store, now: Callable[[], datetime]) -> None:
        self._file, self._store = settings.seal.file, store
        self._places = places_of(settings, now)
        self._due: datetime | None = None

    def round(self, now: datetime) -> list[Finding]:
        """Hold the newest seal against the chains, then seal anew; returns what to tell. A chain that does not fit is not sealed: the last good seal stays."""
        if not self._places or (self._due is not None and now < self._due):
            return []
        broken = self._last_broken()
        line = take_seal(self._store, now).line
        refused = {} if broken else {name: problem for name, place in self._places.items() if (problem := _try(place, line))}
        self._due = now + (AGAIN if refused else EVERY)
        if not refused and not broken:
            self._store.documents.put(SEAL, LAST, {"time": now.isoformat(), "places": sorted(self._places)})
        return [_of_break(broken, now), _of_refusal(refused, now)]

    def _last_broken(self) -> str:
        """What does not fit the newest seal of the file; before another one is added, so that no break is passed over."""
        if self._file is None or not self._file.exists():
            return ""
        try:
            lines = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""  # writing says why
        seal = next((found for line in reversed(lines) if (found := read_seal(line))), None)
        return broken_by(self._store, seal) if seal else ""


def _try(place: Place, line: str) -> str:
    try:
        place(line)
    except OSError as err:
        return err.strerror or str(err)
    return ""


def _of_break(broken: str, now: datetime) -> Finding:
    zh, en = f"链首与另存的封记不符：{broken}", f"the chain does not fit the seal that is kept elsewhere: {broken}"
    title = "审计链或证据链与封记不符 / The audit or evidence chain does not fit its seal"
    return _finding("broken", title, Severity.CRITICAL, now, bool(broken), {"zh": zh, "en": en})


def _of_refusal(refused: Mapping[str, str], now: datetime) -> Finding:
    told = ", ".join(f"seal.{name}: {problem}" for name, problem in refused.items())
    title = "审计封记写不到第二处 / The audit cannot be sealed in its second place"
    return _finding("refused", title, Severity.HIGH, now, bool(refused), {"zh": f"五分钟后重试：{told}", "en": f"tried again in five minutes: {told}"})


def _finding(part: str, title: str, severity: Severity, now: datetime, firing: bool, told: Mapping[str, Any]) -> Finding:
    return Finding(time=now, source="self.seal", asset=SELF, title=title, severity=severity, firing=firing, labels={"part": part}, evidence=dict(told))
