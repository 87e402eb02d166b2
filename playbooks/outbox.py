"""Messages of runs to people, kept until every receiver has taken them: at least once, over kills and receivers that are away.

A message is a document before anything is sent; its id follows from run, addressee and text, so that a step that is done again after a kill adds none.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core.clock import Clock
from core.errors import Conflict
from core.names import RUN_NOTE
from core.records import Finding, Severity
from playbooks.form import Both
from store.base import ABSENT, Document, Store
from store.filter import Term

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)
TRIES: Final = 12  # with the waits above: for about seven hours
AT_ONCE: Final = 200
HANGS: Final = timedelta(minutes=2)
Heard = Callable[[str, bool], None]
Send = Callable[[str, Both, str, Collection[str], Heard], int]
"""Send to "person:x" or "role:y" about a run (only to these receivers, when some are named): how many there are. Each one's answer is heard later."""


@dataclass
class Sent:
    """A message that is out: who has not answered yet, who did not take it."""

    document: Document
    since: datetime
    waits_for: int
    failed: list[str]


class Outbox:
    """See the module. ``put`` is called under the runner's lock, ``round`` every second or so."""

    def __init__(self, store: Store, clock: Clock, send: Send, alarm: Callable[[Finding], None]) -> None:
        self._store, self._clock, self._send, self._alarm = store, clock, send, alarm
        self._out: dict[str, Sent] = {}
        self._heard: deque[tuple[str, str, bool]] = deque()
        self._lock = threading.Lock()
        self._is_empty = False

    def put(self, to: str, text: Both, run: str) -> None:
        """Keep a message to be sent; one that is there already is not sent anew. Raises StoreError."""
        now = self._clock.now().isoformat()
        name = hashlib.sha256(f"{run}\x1f{to}\x1f{text.zh}\x1f{text.en}".encode()).hexdigest()[:16]
        body = {"run": run, "to": to, "text": text.model_dump(), "created": now, "due": now, "tries": 0, "only": [], "state": "open"}
        self._is_empty = False
        with suppress(Conflict):
            self._store.documents.put(RUN_NOTE, f"{run}.{name}", body, ABSENT)

    def round(self) -> None:
        """Write down what was heard, send what is due. Raises StoreError; nothing is lost then."""
        with self._lock:
            if self._is_empty:
                return
            self._take_answers()
            self._is_empty = True  # until something is found, or put meanwhile
            now = self._clock.now()
            for document in self._store.documents.find(RUN_NOTE, Term("state", "open"), sort="due", limit=AT_ONCE).items:
                self._is_empty = False
                if document.id not in self._out and datetime.fromisoformat(document.body["due"]) <= now:
                    self._go(document, now)

    def _go(self, document: Document, now: datetime) -> None:
        """The next try is on record before anything is sent."""
        body = document.body
        tries = int(body["tries"]) + 1
        due = now + min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
        kept = self._store.documents.put(RUN_NOTE, document.id, {**body, "tries": tries, "due": due.isoformat()}, document.version)
        sent = self._out[document.id] = Sent(kept, now, 0, [])
        sent.waits_for = self._send(
            str(body["to"]),
            Both.model_validate(body["text"]),
            str(body["run"]),
            tuple(body["only"]),
            lambda receiver, is_taken: self._heard.append((document.id, receiver, is_taken)),
        )
        if not sent.waits_for:
            self._close(document.id, "nobody")

    def _take_answers(self) -> None:
        while self._heard:
            name, receiver, is_taken = self._heard.popleft()
            if sent := self._out.get(name):
                sent.waits_for -= 1
                if not is_taken:
                    sent.failed.append(receiver)
        for name, sent in list(self._out.items()):
            if sent.waits_for <= 0:
                self._answered(name, sent)
            elif self._clock.now() - sent.since > HANGS:
                del self._out[name]  # the sender lost it: the document says when it is tried again

    def _answered(self, name: str, sent: Sent) -> None:
        if not sent.failed:
            self._close(name, "sent")
        elif int(sent.document.body["tries"]) >= TRIES:
            self._close(name, "given up")
            self._alarm(_unsent(sent.document.body, sent.failed, self._clock.now()))
        else:
            self._store.documents.put(RUN_NOTE, name, {**sent.document.body, "only": sent.failed}, sent.document.version)
            del self._out[name]

    def _close(self, name: str, state: str) -> None:
        sent = self._out[name]
        self._store.documents.put(RUN_NOTE, name, {**sent.document.body, "state": state, "only": sent.failed}, sent.document.version)
        del self._out[name]


def _unsent(body: dict[str, Any], failed: list[str], now: datetime) -> Finding:
    title = f"剧本消息未送达 {body['to']} / a message of a playbook did not reach {body['to']}"
    return Finding(
        time=now,
        source="playbook.unsent",
        asset="wanglou",
        title=title,
        severity=Severity.HIGH,
        firing=True,
        labels={"run": str(body["run"])},
        evidence={"receivers": failed, "text": body["text"]["zh"]},
    )
