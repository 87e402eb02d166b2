"""Evidence: the raw texts that verdicts rest on, in one hash chain.

Each entry holds the whole text, the command that prints it, the parser's version, asset, time and digest, and the
hash of the entry before. Changing any stored character breaks the chain from there on. What was judged and decided stands
in the same chain (kinds ``wanglou.*``), so the chain is also the history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from compliance.kinds import PARSER_VERSION, form_of
from core.errors import Conflict
from core.names import EVIDENCE
from core.records import Snapshot
from store.base import ABSENT, Body, Document, Documents
from store.filter import And, Filter, Range, Term

FIRST: Final = "0" * 64
TRIES: Final = 20
OWN: Final = "wanglou."
VERDICTS: Final = f"{OWN}verdicts"
ANSWERS: Final = f"{OWN}answer"
EXEMPTIONS: Final = f"{OWN}exemption"
RISKS: Final = f"{OWN}risk"
OBJECTS: Final = f"{OWN}object"
DAYS: Final = f"{OWN}day"
"""Kinds of links that the product itself writes: they make the state of any past day readable from the chain alone."""


def digest(body: Body) -> str:
    """The hash of an entry: SHA-256 over its canonical JSON without ``hash`` itself."""
    text = json.dumps({k: v for k, v in body.items() if k != "hash"}, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def entry(seq: int, previous: str, snapshot: Snapshot, now: datetime) -> Body:
    """One link of the chain."""
    body: dict[str, Any] = {
        "seq": seq,
        "asset": snapshot.asset,
        "kind": snapshot.kind,
        "command": "" if snapshot.kind.startswith(OWN) else form_of(snapshot.kind).command,
        "parser": PARSER_VERSION,
        "taken": snapshot.time.isoformat(),
        "recorded": now.isoformat(),
        "sha256": snapshot.sha256,
        "body": snapshot.body,
        "previous": previous,
    }
    return body | {"hash": digest(body)}


def record(documents: Documents, snapshot: Snapshot, now: datetime) -> str:
    """The id of the evidence entry for this text; a new link unless the newest one of this asset and kind says the same."""
    newest = documents.find(EVIDENCE, And((Term("asset", snapshot.asset), Term("kind", snapshot.kind))), sort="-seq", limit=1).items
    if newest and newest[0].body["sha256"] == snapshot.sha256:
        return newest[0].id
    return _append(documents, snapshot, now)


def note(documents: Documents, kind: str, about: str, value: Any, now: datetime) -> str:
    """A link of the product's own: what was judged (``VERDICTS``), decided or recorded about an asset, an item or an object; returns its id."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _append(documents, Snapshot(time=now, asset=about, kind=kind, body=text), now)


def notes(documents: Documents, kind: str, until: datetime | None = None, about: str = "") -> Iterator[tuple[Body, Any]]:
    """The links of one of the product's own kinds in order, each with what it says."""
    last = 0
    parts: tuple[Filter, ...] = (Term("kind", kind), *([Term("asset", about)] if about else []))
    while True:
        found = documents.find(EVIDENCE, And((*parts, Range("seq", gt=last))), sort="seq", limit=1000).items
        for link in found:
            if until is None or datetime.fromisoformat(link.body["recorded"]) <= until:
                yield link.body, json.loads(link.body["body"])
        if not found:
            return
        last = int(found[-1].body["seq"])


def _append(documents: Documents, snapshot: Snapshot, now: datetime) -> str:
    for _ in range(TRIES):
        head = documents.find(EVIDENCE, sort="-seq", limit=1).items
        seq, previous = (head[0].body["seq"] + 1, head[0].body["hash"]) if head else (1, FIRST)
        try:
            return documents.put(EVIDENCE, f"{seq:012d}", entry(seq, previous, snapshot, now), ABSENT).id
        except Conflict:
            continue
    raise Conflict("the evidence chain is written to by others without a pause; try again")


def chain(documents: Documents, page: int = 500) -> Iterator[Document]:
    """Every entry in order."""
    last = 0
    while True:
        where: Filter = Range("seq", gt=last)
        found = documents.find(EVIDENCE, where, sort="seq", limit=page).items
        if not found:
            return
        yield from found
        last = int(found[-1].body["seq"])


def first_break(documents: Documents) -> int | None:
    """None when the chain is whole, else the number of the first entry that is missing or was changed."""
    previous, expected = FIRST, 1
    for link in chain(documents):
        body = link.body
        text = hashlib.sha256(str(body.get("body", "")).encode("utf-8", "surrogateescape")).hexdigest()
        if body.get("seq") != expected or body.get("previous") != previous or body.get("hash") != digest(body) or body.get("sha256") != text:
            return expected
        previous, expected = body["hash"], expected + 1
    return None


def head(documents: Documents) -> tuple[int, str]:
    """Number and hash of the newest entry, for keeping outside; (0, zeros) when there is none."""
    found = documents.find(EVIDENCE, sort="-seq", limit=1).items
    return (int(found[0].body["seq"]), str(found[0].body["hash"])) if found else (0, FIRST)


def has(documents: Documents, seq: int, digest: str) -> bool:
    """Whether the link ``seq`` is there and has this hash."""
    found = documents.find(EVIDENCE, Term("seq", seq), limit=1).items
    return bool(found) and found[0].body["hash"] == digest
