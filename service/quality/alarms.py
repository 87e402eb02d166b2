"""Every alarm that ever opened, as one document each (kind ``alarm``), read off the audit: what figures and proposals rest on.

The audit says what fired and ended and when a person said something; it is read from where the last round stopped, so nothing is
missed over a restart and nothing is counted twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from core.errors import NotFound
from core.names import ALARM, ALERT, INCIDENT, QUALITY
from service.alerting.documents import incident_id
from store.base import AuditEntry, Body, Store
from store.filter import And, Range, Term

PLACE: Final = "place"  # the document that remembers how far the audit was read
CHUNK: Final = 1_000
CHUNKS: Final = 2  # read in one round; a flood is caught up with in the next ones
MOST_MEMBERS: Final = 1_000  # of a storm's incident; the alarms that already know their incident are judged all the same
BY_REASON: Final[Mapping[str, str]] = {"false_positive": "false", "fixed": "useful", "planned": "known", "accepted_risk": "known"}
"""What the reason of a resolved incident says about its alarms; what a person says outright wins."""


class Alarms:
    """``kind_of`` names the kind of an asset."""

    def __init__(self, store: Store, kind_of: Callable[[str], str]) -> None:
        self._store, self._kind_of = store, kind_of
        self._after: int | None = None
        self._lock = threading.RLock()
        self._does: Final[Mapping[str, Callable[[AuditEntry], None]]] = {
            "alert.fire": self._fired,
            "alert.end": self._ended,
            "alert.judge": self._judged,
            "alert.resolve": self._reason,
            "alert.close": self._reason,
        }

    def catch_up(self) -> int:
        """Read what the audit has that is new; returns how many entries mattered. Raises StoreError."""
        with self._lock:
            return self._read_on()

    def _read_on(self) -> int:
        if self._after is None:
            self._after = self._place()
        count, before = 0, self._after
        for _ in range(CHUNKS):
            entries = self._store.audit.read(after=self._after, limit=CHUNK)
            for entry in entries:
                if does := self._does.get(entry.action):
                    does(entry)
                    count += 1
                self._after = entry.seq
            if len(entries) < CHUNK:
                break
        if self._after != before:
            self._store.documents.put(QUALITY, PLACE, {"after": self._after})
        return count

    def _place(self) -> int:
        try:
            return int(self._store.documents.get(QUALITY, PLACE).body["after"])
        except NotFound:
            return 0

    def _fired(self, entry: AuditEntry) -> None:
        name, at = str(entry.body["alert"]), entry.time
        alert = self._body(ALERT, name)
        evidence = alert.get("evidence") or {}
        body = {
            "fingerprint": name,
            "rule": str(entry.body.get("rule", "")),
            "asset": str(entry.body.get("asset", "")),
            "group": self._kind_of(str(entry.body.get("asset", ""))),
            "labels": alert.get("labels") or {},
            "metric": str(alert.get("metric") or evidence.get("metric") or ""),
            "severity": str(alert.get("severity", "")),
            "title": alert.get("title") or {},
            "since": str(evidence.get("since") or ""),
            "low": evidence.get("low"),
            "high": evidence.get("high"),
            "start": at.isoformat(),
            "end": "",
            "incident": str(alert.get("incident") or ""),
            "verdict": "",
            "by": "",
            "said": "",
        }
        self._store.documents.put(ALARM, alarm_id(name, at), body)

    def _ended(self, entry: AuditEntry) -> None:
        for document in self._store.documents.find(ALARM, Term("fingerprint", str(entry.body["alert"])), sort="-start", limit=1).items:
            if not document.body["end"]:
                self._store.documents.put(ALARM, document.id, {**document.body, "end": entry.time.isoformat()})

    def _judged(self, entry: AuditEntry) -> None:
        self.say(incident_id(int(entry.body["incident"])), str(entry.body["verdict"]), entry.actor, "incident")

    def _reason(self, entry: AuditEntry) -> None:
        verdict = BY_REASON.get(str(entry.body.get("reason", "")))
        if verdict and entry.actor != "system":
            self.say(incident_id(int(entry.body["incident"])), verdict, entry.actor, "reason")

    def say(self, incident: str, verdict: str, who: str, said: str, fingerprint: str = "") -> int:
        """Note a verdict on the alarms of an incident (or on those of one alert); a weaker source never overwrites a stronger. Returns how many.

        Of one alert's openings a person means the newest, and those before that nobody has judged one by one.
        """
        count = 0
        with self._lock:
            found = self._of(incident, fingerprint)
            newest = max((document.body["start"] for document in found), default="")
            for document in found:
                if fingerprint and document.body["said"] == "person" and document.body["start"] != newest:
                    continue
                if RANK.index(said) >= RANK.index(document.body["said"]):
                    self._store.documents.put(ALARM, document.id, {**document.body, "verdict": verdict, "by": who, "said": said, "incident": incident})
                    count += 1
        return count

    def forget_old(self, now: datetime, age: timedelta) -> int:
        """Alarms that opened longer ago than ``age`` go, a thousand at a time; returns how many. Raises StoreError."""
        old = self._store.documents.find(ALARM, Range("start", lt=(now - age).isoformat()), limit=CHUNK).items
        for document in old:
            self._store.documents.delete(ALARM, document.id)
        return len(old)

    def _of(self, incident: str, fingerprint: str) -> list[Any]:
        if not fingerprint:
            self._settle_members(incident)
            return list(self._store.documents.find(ALARM, Term("incident", incident), limit=5000).items)
        chosen = And((Term("incident", incident), Term("fingerprint", fingerprint)))
        found = list(self._store.documents.find(ALARM, chosen, limit=100).items)
        return found or list(self._store.documents.find(ALARM, Term("fingerprint", fingerprint), sort="-start", limit=1).items)

    def _settle_members(self, incident: str) -> None:
        """An alarm that was put down before its alert had found its incident learns of it."""
        for member in self._body(INCIDENT, incident).get("members", ())[:MOST_MEMBERS]:
            for document in self._store.documents.find(ALARM, Term("fingerprint", str(member["fingerprint"])), sort="-start", limit=1).items:
                if not document.body["incident"]:
                    self._store.documents.put(ALARM, document.id, {**document.body, "incident": incident})

    def _body(self, kind: str, name: str) -> Body:
        try:
            return self._store.documents.get(kind, name).body
        except NotFound:
            return {}


RANK: Final = ("", "reason", "incident", "person")
"""Whose word counts more: none, the reason of the resolution, a verdict on the incident, a verdict on this alarm."""


def alarm_id(fingerprint: str, start: datetime) -> str:
    """One document per opening: by alert, then by time."""
    return f"{fingerprint}-{start:%Y%m%dT%H%M%S%f}"
