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
from core.errors import Conflict, NotFound, Unreadable
from core.names import EVIDENCE
from core.records import Snapshot
from store.base import ABSENT, Body, Document, Documents

FIRST: Final = "0" * 64
TRIES: Final = 20
PAGE: Final = 5_000
HEAD: Final = "evidence-head"
NEWEST: Final = "evidence-newest"
OWN: Final = "wanglou."
VERDICTS: Final = f"{OWN}verdicts"
ANSWERS: Final = f"{OWN}answer"
EXEMPTIONS: Final = f"{OWN}exemption"
RISKS: Final = f"{OWN}risk"
OBJECTS: Final = f"{OWN}object"
CHECKS: Final = f"{OWN}checks"
DAYS: Final = f"{OWN}day"
ROUNDS: Final = f"{OWN}round"
RECORDS: Final = f"{OWN}record"
SCANS: Final = f"{OWN}scan"
REMEDIES: Final = f"{OWN}remedy"
REPORTS: Final = f"{OWN}report"
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
    name = f"{snapshot.asset}/{snapshot.kind}"
    newest = _there(documents, NEWEST, name)
    if newest and newest.body["sha256"] == snapshot.sha256:
        return str(newest.body["evidence"])
    made = _append(documents, snapshot, now)
    documents.put(NEWEST, name, {"asset": snapshot.asset, "sha256": snapshot.sha256, "evidence": made})
    return made


def note(documents: Documents, kind: str, about: str, value: Any, now: datetime) -> str:
    """A link of the product's own: what was judged (``VERDICTS``), decided or recorded about an asset, an item or an object; returns its id."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _append(documents, Snapshot(time=now, asset=about, kind=kind, body=text), now)


def stand(documents: Documents, kind: str, name: str, body: Body, link: str) -> None:
    """Keep ``body`` as what stands now, unless a later link of the chain stands there already: of two who write at once, the later in the chain counts."""
    for _ in range(TRIES):
        there = _there(documents, kind, name)
        if there and str(there.body.get("link", "")) > link:
            return
        try:
            documents.put(kind, name, {**body, "link": link}, there.version if there else ABSENT)
        except Conflict:
            continue
        return
    raise Conflict(f"{kind} {name!r} is written to by others without a pause; try again")


def notes(documents: Documents, kind: str, until: datetime | None = None, about: str = "") -> Iterator[tuple[Body, Any]]:
    """The links of one of the product's own kinds in order, each with what it says."""
    cursor: str | None = None
    while True:
        page = documents.find(kind, limit=PAGE, cursor=cursor)
        for mark in page.items:
            link = _there(documents, EVIDENCE, mark.id)
            if link is None or link.body["kind"] != kind or about not in ("", link.body["asset"]):
                continue  # a mark whose link was not written, or was taken by another writer
            if until is None or datetime.fromisoformat(link.body["recorded"]) <= until:
                yield link.body, json.loads(link.body["body"])
        if (cursor := page.cursor) is None:
            return


def _append(documents: Documents, snapshot: Snapshot, now: datetime) -> str:
    for _ in range(TRIES):
        seq, previous = head(documents)
        name = _name(seq + 1)
        if snapshot.kind.startswith(OWN):
            documents.put(snapshot.kind, name, {"about": snapshot.asset})  # the mark first: a link without one would not be found again
        try:
            made = documents.put(EVIDENCE, name, entry(seq + 1, previous, snapshot, now), ABSENT)
        except Conflict:
            continue
        documents.put(HEAD, HEAD, {"seq": seq + 1, "hash": made.body["hash"]})
        return made.id
    raise Conflict("the evidence chain is written to by others without a pause; try again")


def _name(seq: int) -> str:
    return f"{seq:012d}"


def _there(documents: Documents, kind: str, id: str) -> Document | None:
    try:
        return documents.get(kind, id)
    except NotFound:
        return None


def chain(documents: Documents) -> Iterator[Document]:
    """Every entry in order; one that was removed is left out."""
    last = head(documents)[0]
    for seq in range(1, last + 1):
        if link := _there(documents, EVIDENCE, _name(seq)):
            yield link


def first_break(documents: Documents) -> int | None:
    """None when the chain is whole, else the number of the first entry that is missing, was changed or cannot be read."""
    previous, expected = FIRST, 1
    try:
        for link in chain(documents):  # damage that hides even where the chain ends is told as a break at its beginning
            if not _follows(link.body, expected, previous):
                return expected
            previous, expected = link.body["hash"], expected + 1
    except Unreadable:
        return expected
    last, newest = head(documents)
    return None if (last, newest) == (expected - 1, previous) else min(expected, last)


def _follows(body: Body, seq: int, previous: str) -> bool:
    """Whether this is the entry ``seq`` as it was written, behind the one whose hash is ``previous``."""
    text = hashlib.sha256(str(body.get("body", "")).encode("utf-8", "surrogateescape")).hexdigest()
    return (body.get("seq"), body.get("previous"), body.get("hash"), body.get("sha256")) == (seq, previous, digest(body), text)


def head(documents: Documents) -> tuple[int, str]:
    """Number and hash of the newest entry, for keeping outside; (0, zeros) when there is none. The kept head may be behind by a crash: from there it walks."""
    try:
        kept = _there(documents, HEAD, HEAD)
    except Unreadable:
        kept = None
    if kept is None:
        found = documents.find(EVIDENCE, sort="-seq", limit=1).items
        return (int(found[0].body["seq"]), str(found[0].body["hash"])) if found else (0, FIRST)
    seq, newest = int(kept.body["seq"]), str(kept.body["hash"])
    while link := _there(documents, EVIDENCE, _name(seq + 1)):
        seq, newest = int(link.body["seq"]), str(link.body["hash"])
    return seq, newest


def has(documents: Documents, seq: int, digest: str) -> bool:
    """Whether the link ``seq`` is there and has this hash."""
    link = _there(documents, EVIDENCE, _name(seq))
    return link is not None and link.body["hash"] == digest
