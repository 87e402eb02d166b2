"""What ``wanglou transfer`` does: records of an object leave for, or come from, an installation on the other side of an air gap."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from compliance import answers
from compliance.exchange import transfer
from compliance.exchange.transfer import Parcel
from compliance.framework import SHIPPED
from compliance.objects import ProtectionObject
from compliance.office import REPORT, Office
from compliance.register import read_object, save_object
from compliance.rollup import Answer
from compliance.run import every
from compliance.site_frameworks import FOLDER, read_framework, read_frameworks
from core.errors import ConfigError, Conflict, NotFound, Refused
from inventory.credentials import Vault
from service.disk import read_bytes
from store.base import ABSENT, Store

KEYS: Final = "transfer-keys"
CREDENTIAL: Final = "transfer-key"
SENT: Final = "transfer-sent"
TAKEN: Final = "transfer-taken"
WHO: Final = "command line"


@dataclass(frozen=True, slots=True)
class Post:
    """See the module."""

    office: Office
    vault: Vault

    @property
    def store(self) -> Store:
        """Where records are."""
        return self.office.store

    @property
    def site(self) -> Path:
        """The site's folder."""
        return self.office.settings.site_folder

    def key(self, now: datetime) -> Iterator[str]:
        """The public key of this installation; made, and its private half sealed, when there is none."""
        if CREDENTIAL not in self.vault.names():
            self.vault.put(CREDENTIAL, {"key": transfer.fresh_key()}, who=WHO, now=now)
        public = transfer.public_key(self._private())
        yield public.strip()
        yield f"fingerprint {transfer.fingerprint(public)}; the other side keeps the lines above as {KEYS}/NAME.pem in its site folder"

    def _private(self) -> str:
        try:
            return self.vault.get(CREDENTIAL).key
        except NotFound:
            raise Refused("there is no key to sign with; make one with wanglou transfer key") from None

    def make(self, name: str, out: Path, now: datetime) -> Iterator[str]:
        """Write a signed file about an object: its record, framework, answers and evidence package."""
        subject = self.office.subject(name)
        dossier = self.office.dossier(subject, now, now)
        package = self.office.make("evidence", dossier, "zip", "zh_CN")
        asked = {item.id for item in dossier.items}
        given = [dict(document.body) for document in every(self.store, answers.ANSWER) if document.body["item"] in asked]
        parts = {"object.json": subject.model_dump_json().encode(), "answers.json": _json(given), "evidence.zip": package.content}
        if not dossier.framework.is_mlps:
            parts["framework.yaml"] = self._file_of(dossier.framework.id).read_bytes()
        number = self._next(now)
        about = {"number": number, "made": now, "object": subject.id, "label": subject.label, "catalogue": catalogue(), "framework": dossier.framework.id}
        content = transfer.pack(parts, self._private(), **about)
        digest = hashlib.sha256(content).hexdigest()
        body = {"number": number, "label": subject.label, "sha256": digest}
        self.store.audit.append(time=now, actor=WHO, action="compliance.transfer.make", object=subject.id, body=body)
        try:
            with out.open("xb") as into:
                into.write(content)
        except OSError as err:
            raise ConfigError(f"cannot be written: {err.strerror}", path=out) from None
        yield f"{out}: number {number}, {len(given)} answers, {len(content):,} bytes, sha256 {digest}"

    def _file_of(self, framework: str) -> Path:
        for path in sorted((self.site / FOLDER).glob("*.yaml")):
            if framework in path.read_text(encoding="utf-8", errors="replace") and read_framework(path).id == framework:
                return path
        raise NotFound(f"the file of the framework {framework} is not in {self.site / FOLDER}")

    def _next(self, now: datetime) -> int:
        """The number of this file; kept before the file is made, so that none is used twice."""
        try:
            there = self.store.documents.get(SENT, SENT)
            number, expect = int(there.body["number"]) + 1, there.version
        except NotFound:
            number, expect = 1, ABSENT
        self.store.documents.put(SENT, SENT, {"number": number, "time": now.isoformat()}, expect)
        return number

    def take(self, path: Path, now: datetime, *, do: bool) -> Iterator[str]:
        """Check a file and, with ``do``, keep what is in it. Raises Refused or ConfigError before anything is kept."""
        parcel = transfer.unpack(read_bytes(path), self._trusted(), now)
        subject = self._fits(parcel)
        last, expect = self._last(parcel)
        if parcel.head.number <= last:
            raise Refused(f"number {parcel.head.number} of {parcel.sender} was taken already, or a later one was (the last is {last})")
        given = _given(parcel)
        label = f", marked {parcel.head.label}" if parcel.head.label else ""
        about = f"number {parcel.head.number}, made {parcel.head.made.isoformat()}"
        yield f"{path}: from {parcel.sender}, {about}: {subject.name} ({subject.id}{label}), {len(given)} answers"
        if not do:
            yield "nothing was kept; say --do to keep it"
            return
        self._remember(parcel, expect, now)
        if content := parcel.parts.get("framework.yaml"):
            yield from self._keep_framework(parcel.head.framework, content)
        save_object(self.store, subject, f"{WHO}@{parcel.sender}", answers.OFFICERS, now)
        here = {answers.answer_id(one): one.time for one in answers.answers(self.store)}
        for one in given:
            if here.get(answers.answer_id(one), one.time) > one.time:
                continue  # somebody here decided later
            answers.save_answer(self.store, replace(one, who=f"{one.who}@{parcel.sender}"), answers.OFFICERS, recorded=now)
        yield self._shelve(parcel, subject, now)

    def _trusted(self) -> dict[str, str]:
        found = {path.stem: path.read_text(encoding="ascii", errors="replace") for path in sorted((self.site / KEYS).glob("*.pem"))}
        for name, pem in found.items():
            try:
                transfer.fingerprint(pem)
            except ConfigError as err:
                raise ConfigError(err.message, path=self.site / KEYS / f"{name}.pem") from None
        return found

    def _fits(self, parcel: Parcel) -> ProtectionObject:
        """Whether this installation has the same requirements; returns the object's record."""
        if parcel.head.catalogue != catalogue():
            raise Refused("the other side has another version of GB/T 22239 in its product; bring both to one version")
        mine = read_frameworks(self.site).by_id.get(parcel.head.framework)
        if mine is None and "framework.yaml" not in parcel.parts:
            raise Refused(f"there is no framework {parcel.head.framework} here")
        if mine is not None and not mine.is_mlps and self._file_of(mine.id).read_bytes() != parcel.parts.get("framework.yaml"):
            raise Refused(f"the framework {mine.id} here says something else than that of {parcel.sender}; give the new version an id of its own")
        values = json.loads(parcel.parts.get("object.json", b"{}"))
        return read_object(values if isinstance(values, dict) else {})

    def _last(self, parcel: Parcel) -> tuple[int, Any]:
        try:
            there = self.store.documents.get(TAKEN, parcel.fingerprint)
        except NotFound:
            return 0, ABSENT
        return int(there.body["number"]), there.version

    def _remember(self, parcel: Parcel, expect: Any, now: datetime) -> None:
        """First of all: should what follows fail, the sender makes a new file."""
        body = {"number": parcel.head.number, "sender": parcel.sender, "time": now.isoformat()}
        try:
            self.store.documents.put(TAKEN, parcel.fingerprint, body, expect)
        except Conflict:
            raise Refused("another file of this sender is being taken just now") from None
        about = {**body, "label": parcel.head.label, "fingerprint": parcel.fingerprint}
        self.store.audit.append(time=now, actor=WHO, action="compliance.transfer.take", object=parcel.head.object, body=about)

    def _keep_framework(self, name: str, content: bytes) -> Iterator[str]:
        if name in read_frameworks(self.site).by_id:
            return
        path = self.site / FOLDER / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if read_framework(path).id != name:
            path.unlink()
            raise ConfigError(f"the framework in the file is not {name}")
        yield f"{path}: the framework {name}"

    def _shelve(self, parcel: Parcel, subject: ProtectionObject, now: datetime) -> str:
        """The evidence package of the other side, beside the reports."""
        content = parcel.parts.get("evidence.zip", b"")
        digest = hashlib.sha256(content).hexdigest()
        name = f"{now:%Y%m%dT%H%M%S%f}-transfer-{hashlib.sha256(parcel.sender.encode()).hexdigest()[:8]}-{parcel.head.number}.zip"
        self.office.shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.office.shelf / name).write_bytes(content)
        body: dict[str, Any] = {
            "kind": "evidence", "object": subject.id, "title": f"{subject.name} @ {parcel.sender}", "file": name, "sha256": digest, "bytes": len(content),
            "made": now.isoformat(), "state": parcel.head.made.isoformat(), "who": f"{WHO}@{parcel.sender}", "label": parcel.head.label,
        }  # fmt: skip
        self.store.documents.put(REPORT, name, body, ABSENT)
        return f"kept; the evidence package is {name} on the shelf of reports"


def _given(parcel: Parcel) -> list[Answer]:
    """The decisions in a file; raises ConfigError for one that is none."""
    try:
        return [answers.read_answer(row) for row in parcel.records("answers.json")]
    except (KeyError, TypeError, ValueError) as err:
        raise ConfigError(f"answers.json holds what is no decision: {type(err).__name__} {err}") from None


def catalogue() -> str:
    """The digest of the shipped requirements."""
    return hashlib.sha256(SHIPPED.read_bytes()).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
