"""Where records are kept: documents of the store, every version audited and in the evidence chain."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.attachments import MOST_FILES, Attachment, attachments_of
from compliance.host import CONFIGURATION
from compliance.records.access import ACCOUNTS, DATABASES, in_databases, on_devices, working
from compliance.records.judge import Record, is_ended
from compliance.records.kind import MOST, SHIPPED, RecordKind, load_kinds, read_values
from compliance.run import every
from core.errors import ConfigError, Conflict, NotFound, Refused
from core.names import ACCOUNT, RECORD, SNAPSHOT
from store.base import ABSENT, Body, Document, Store
from store.filter import Term

FOLDER: Final = "records"
CONSOLE: Final = "wanglou"
"""The asset that stands for the product itself, and so for accounts of the console."""
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def kinds_of(site_folder: Path) -> tuple[dict[str, RecordKind], list[ConfigError]]:
    """The shipped kinds and those of the site, and what is wrong with the latter."""
    return load_kinds((SHIPPED, site_folder / FOLDER))


def may_write(kind: RecordKind, roles: Collection[str]) -> bool:
    """Whether one of the roles keeps records of this kind; officers keep all of them."""
    return bool((OFFICERS | set(kind.writers)) & set(roles))


def records(store: Store, kind: str = "") -> dict[str, list[Record]]:
    """All records (of a kind) that were not removed, by kind."""
    found: dict[str, list[Record]] = defaultdict(list)
    for document in every(store, RECORD, Term("kind", kind)) if kind else every(store, RECORD):
        if not document.body.get("removed"):
            record = read_record(document.body)
            found[record.kind].append(record)
    return dict(found)


def open_accounts(store: Store, kinds: Mapping[str, RecordKind], found: Mapping[str, Sequence[Record]], now: datetime, today: date) -> dict[str, list[str]]:
    """Where the accounts of people who left, or whose contract ended, still work: on hosts, devices, in databases, in the console (``wanglou``)."""
    gone = {
        str(name).lower()
        for kind in kinds.values()
        for record in (found.get(kind.id, ()) if kind.access else ())
        if is_ended(kind, record.values, today)
        for name in record.values.get(kind.access.accounts if kind.access else "", ())
    }
    if not gone:
        return {}
    where: dict[str, list[str]] = defaultdict(list)
    inside = [in_databases(kind, _texts(store, kind), gone, now) for kind in DATABASES]
    for part in (working(dict(_texts(store, ACCOUNTS)), gone, now), on_devices(_texts(store, CONFIGURATION), gone, today), *inside):
        for name, places in part.items():
            where[name] += places
    for document in every(store, ACCOUNT):
        if document.id.lower() in gone and not document.body.get("disabled"):
            where[document.id.lower()].append(CONSOLE)
    return dict(where)


def _texts(store: Store, kind: str) -> Iterator[tuple[str, str]]:
    """(asset, its newest text) of a kind."""
    return ((str(document.body["asset"]), str(document.body["body"])) for document in every(store, SNAPSHOT, Term("kind", kind)))


def read_record(body: Body) -> Record:
    """A kept record."""
    return Record(
        kind=body["kind"],
        id=body["id"],
        values=body["values"],
        version=body["version"],
        who=body["who"],
        time=body["time"],
        files=attachments_of(body.get("files")),
    )


def save(
    store: Store,
    kind: RecordKind,
    id: str,
    values: Mapping[str, Any],
    who: str,
    roles: Collection[str],
    now: datetime,
    *,
    seen: int = 0,
    files: Sequence[Attachment] | None = None,
) -> Record:
    """Keep a record (a new one when ``id`` is empty): audited, in the chain, then kept. ``seen`` is the version that the writer looked at.

    ``files`` are its documents, kept already; None leaves those that it has, and a document field that is blank gets the name of the first.
    Raises ConfigError that names a wrong field, Refused without the right or when somebody else was faster. What says the same is not written again.
    """
    _check(kind, roles)
    name = id or f"{now:%Y%m%d%H%M%S}-{token_hex(3)}"
    if not _ID.fullmatch(name):
        raise ConfigError("has letters, digits, dot, dash and underscore, 64 at most", key="id")
    there = _there(store, kind.id, name)
    papers = tuple(files) if files is not None else attachments_of(there.body.get("files")) if there else ()
    if len(papers) > MOST_FILES:
        raise Refused(f"a record has at most {MOST_FILES} files")
    told = read_values(kind, {**_named(kind, papers), **{field: value for field, value in values.items() if value not in (None, "")}})
    if there is None and len(records(store, kind.id).get(kind.id, ())) >= MOST:
        raise Refused(f"there are {MOST:,} records of this kind already")
    if there and not there.body.get("removed") and there.body["values"] == told and attachments_of(there.body.get("files")) == papers:
        return read_record(there.body)
    if seen and (there is None or there.body["version"] != seen):
        raise Refused("somebody else changed this record meanwhile; look at it again")
    body = {"values": told, "files": [paper.model_dump() for paper in papers]}
    return _keep(store, kind.id, name, body, "record.save", who, now, there)


def _named(kind: RecordKind, papers: Sequence[Attachment]) -> dict[str, str]:
    """The document fields, called after the first file."""
    return {field.id: papers[0].name for field in kind.fields if field.type == "document"} if papers else {}


def remove(store: Store, kind: RecordKind, id: str, why: str, who: str, roles: Collection[str], now: datetime) -> None:
    """Take a record out, with the reason; its versions stay in the chain. Raises Refused."""
    _check(kind, roles)
    there = _there(store, kind.id, id)
    if there is None or there.body.get("removed"):
        raise Refused("there is no such record")
    if not why.strip():
        raise Refused("removing a record needs a reason")
    _keep(
        store,
        kind.id,
        id,
        {"values": there.body["values"], "files": there.body.get("files", []), "removed": True, "why": why.strip()},
        "record.remove",
        who,
        now,
        there,
    )


def versions(store: Store, kind: str, id: str) -> list[Body]:
    """Every version out of the evidence chain, the newest first."""
    return [said for _, said in evidence.notes(store.documents, evidence.RECORDS, about=f"{kind}/{id}")][::-1]


def _check(kind: RecordKind, roles: Iterable[str]) -> None:
    if not may_write(kind, set(roles)):
        raise Refused(f"records of this kind are kept by {', '.join(sorted(OFFICERS | set(kind.writers)))}")


def _there(store: Store, kind: str, id: str) -> Document | None:
    try:
        return store.documents.get(RECORD, f"{kind}/{id}")
    except NotFound:
        return None


def _keep(store: Store, kind: str, id: str, more: Mapping[str, Any], action: str, who: str, now: datetime, there: Document | None) -> Record:
    version = (there.body["version"] if there else 0) + 1
    body = {"kind": kind, "id": id, "version": version, "who": who, "time": now.isoformat(), **more}
    store.audit.append(time=now, actor=who, action=action, object=f"{kind}/{id}", body=body)
    try:
        store.documents.put(RECORD, f"{kind}/{id}", body, there.version if there else ABSENT)
    except Conflict:
        raise Refused("somebody else changed this record at the same moment; look at it again") from None
    evidence.note(store.documents, evidence.RECORDS, f"{kind}/{id}", body, now)
    return read_record(body)
