"""What ``wanglou report`` and ``wanglou evidence`` do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from compliance import evidence
from compliance.dossier import Tell
from compliance.office import Office
from compliance.reports.content import Language
from core.errors import ConfigError
from store.base import Audit, AuditEntry

WHO = "command line"


def day_of(text: str) -> date | None:
    """2026-03-02 as a date, None for nothing; raises ConfigError."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"{text!r} is no day; write for instance 2026-03-02") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asked for; ``out`` is a file, or a folder that is there."""

    kind: str
    name: str = ""
    level: int = 3
    form: str = "docx"
    language: Language = "zh_CN"
    day: str = ""
    framework: str = ""
    out: Path = Path()


def make_report(office: Office, asked: Asked, now: datetime, tell: Tell) -> list[str]:
    """Make a report, audit it, write it; returns what to say. Raises ConfigError or NotFound."""
    moment = office.moment(day_of(asked.day), now)
    subject = office.subject(asked.name, asked.level)
    subject = subject.model_copy(update={"framework": asked.framework or subject.framework})
    dossier = office.dossier(subject, moment, now, tell)
    made = office.make(asked.kind, dossier, asked.form, asked.language, tell)
    target = asked.out / made.name if asked.out.is_dir() else asked.out
    office.audit(made, asked.kind, WHO, now)
    try:
        target.write_bytes(made.content)
    except OSError as err:
        raise ConfigError(f"cannot be written: {err.strerror}", path=target) from None
    score, counted = dossier.score, f"{len(dossier.items)} items, {len(dossier.assets)} assets"
    lines = [
        f"{target} ({len(made.content)} bytes, sha256 {made.sha256})",
        f"{dossier.subject.grade_text}: {counted}, {score.figure:.2f} ({score.conclusion.zh} / {score.conclusion.en})",
        "evidence chain: {}:{}".format(*dossier.head),
    ]
    return [*lines, *(["nothing was noted in the two days before this day: this is the last known state"] if dossier.is_dark else [])]


def verify_evidence(office: Office, say: Callable[[str], None], heads: list[str]) -> bool:
    """Every link of the chain in the store, and heads noted earlier; whether it is whole."""
    documents = office.store.documents
    broken = evidence.first_break(documents)
    if broken is not None:
        say(f"the evidence chain is broken at link {broken}")
        return False
    noted = dict(_head(text) for text in heads)
    for entry in _noted(office.store.audit):
        noted.setdefault(int(entry.body["seq"]), str(entry.body["hash"]))
    wrong = [seq for seq, digest in sorted(noted.items()) if not evidence.has(documents, seq, digest)]
    for seq in wrong:
        say(f"link {seq} is another one than was noted: the chain was written anew")
    if not wrong:
        say(f"the evidence chain is whole: {':'.join(map(str, evidence.head(documents)))}, {len(noted)} noted heads agree")
    return not wrong


def _noted(audit: Audit) -> Iterator[AuditEntry]:
    last = 0
    while page := audit.read(after=last, action="compliance.head", limit=1000):
        yield from page
        last = page[-1].seq


def _head(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest.strip()) != hashlib.sha256().digest_size * 2:
        raise ConfigError(f"{text!r} is no head of a chain; write NUMBER:HASH as a report prints it")
    return int(number), digest.strip().lower()
