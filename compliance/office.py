"""Office: what the service, the console and the command line share of an audit: the register, dossiers, and reports on the shelf."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from compliance import attachments
from compliance.check import Check
from compliance.dossier import NOW_ENOUGH, Dossier, Tell, gather
from compliance.exchange.oscal_results import oscal
from compliance.framework import Speaking
from compliance.load import SHIPPED, load_checks
from compliance.objects import ProtectionObject
from compliance.past import assets_at, checks_at, object_at
from compliance.register import WHOLE, Register, read_register, whole_estate
from compliance.reports.content import Content, Language
from compliance.reports.detection import KIND as DETECTION
from compliance.reports.package import package
from compliance.reports.write import KINDS, file_name, rendered, write
from compliance.run import every
from compliance.site_frameworks import Frameworks, read_frameworks
from core.errors import ConfigError, NotFound
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from store.base import ABSENT, Store

REPORT: Final = "report"
FOLDER: Final = "reports"


def _quiet(_share: float, _what: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A report that was made: its name, bytes and digest, and what it is about."""

    name: str
    content: bytes
    sha256: str
    dossier: Dossier


@dataclass(frozen=True, slots=True)
class Office:
    """See the module."""

    store: Store
    settings: Settings

    @property
    def zone(self) -> ZoneInfo:
        """The site's clock."""
        return self.settings.zone

    @property
    def shelf(self) -> Path:
        """Where reports are kept."""
        return self.settings.data / FOLDER

    def register(self) -> Register:
        """Protection objects and what is wrong in the site's file; one whose framework is not there is left out and told."""
        found = read_register(self.store, self.settings.site_folder)
        frameworks = self.frameworks()
        lost = [one for one in found.objects.values() if one.framework not in frameworks.families]
        told = [ConfigError(f"there is no framework {one.framework!r}; there are {', '.join(frameworks.families)}", key=f"{one.id}.framework") for one in lost]
        kept = {name: one for name, one in found.objects.items() if one not in lost}
        return Register(kept, (*found.problems, *frameworks.problems, *told))

    def checks(self) -> tuple[Check, ...]:
        """Shipped checks and those of the site; files that changed are read when the process starts anew."""
        return _checks(self.settings.site_folder / "checks")

    def subject(self, name: str, level: int = 3) -> ProtectionObject:
        """An object by id; "" or ``whole-estate`` is everything at ``level``, with every marking. Raises NotFound that names those there are."""
        objects = self.register().objects
        if name in ("", WHOLE):
            every_one = read_register(self.store, self.settings.site_folder).objects.values()
            labels = sorted({one.label for one in every_one if one.label})
            return whole_estate(level).model_copy(update={"label": "、".join(labels)})
        if name not in objects:
            raise NotFound(f"there is no protection object {name!r}; there are {', '.join(objects) or 'none'}")
        return objects[name]

    def frameworks(self) -> Frameworks:
        """The shipped framework and those of the site."""
        return read_frameworks(self.settings.site_folder)

    def moment(self, day: date | None, now: datetime) -> datetime:
        """The end of a day in the site's time, or now for today; raises ConfigError for a day to come."""
        if day is None or day == now.astimezone(self.zone).date():
            return now
        end = datetime.combine(day, time(23, 59, 59), self.zone)
        if end > now:
            raise ConfigError(f"{day} has not come yet: a report tells what was")
        return end

    def dossier(self, subject: ProtectionObject, moment: datetime, now: datetime, tell: Tell = _quiet) -> Dossier:
        """Everything about an object at a time. Raises NotFound when its framework is not there or was not in force.

        Of a past time the record of the object, the checks and the assets are those of then.
        """
        assets: Sequence[Asset] = Book(self.store).all()
        checks: Sequence[Speaking] = self.checks()
        if now - moment > NOW_ENOUGH:
            documents = self.store.documents
            subject, checks, assets = object_at(documents, subject, moment), checks_at(documents, checks, moment), assets_at(documents, assets, moment)
        framework = self.frameworks().at(subject.framework, moment.astimezone(self.zone).date())
        return gather(self.store, checks, subject, assets, moment=moment, now=now, zone=self.zone, tell=tell, framework=framework)

    def make(self, kind: str, dossier: Dossier, form: str, language: Language, tell: Tell = _quiet) -> Made:
        """A report as a file; ``evidence`` is always a zip, ``oscal`` always JSON. Raises ConfigError for a kind or a format that there is not."""
        if kind not in KINDS:
            raise ConfigError(f"there is no report {kind!r}; there are {', '.join(KINDS)}")
        if kind == "evidence":
            form, content = "zip", package(self.store.documents, dossier, language, tell, lambda digest: attachments.read(self.settings.data, digest))
        elif kind == "oscal":
            form, content = "json", oscal(dossier)
        else:
            content = write(kind, dossier, form, language, tell, self.settings.site_folder)
        return Made(name=file_name(kind, dossier, form), content=content, sha256=hashlib.sha256(content).hexdigest(), dossier=dossier)

    def audit(self, made: Made, kind: str, who: str, now: datetime) -> None:
        """Who made which report, with its digest and the head of the chain in it: the audit then holds heads of the chain."""
        seq, head = made.dossier.head
        body = {"file": made.name, "sha256": made.sha256, "head": f"{seq}:{head}", "state": made.dossier.moment.isoformat()}
        body |= {"label": made.dossier.subject.label} if made.dossier.subject.label else {}
        self.store.audit.append(time=now, actor=who, action=f"compliance.report.{kind}", object=made.dossier.subject.id, body=body)

    def keep(self, made: Made, kind: str, who: str, now: datetime, extra: Mapping[str, Any] | None = None) -> str:
        """Put a report on the shelf: the file, then its document; returns the document's id."""
        self.audit(made, kind, who, now)
        one = made.dossier.subject
        body = {
            "kind": kind, "object": one.id, "title": one.name, "sha256": made.sha256, "state": made.dossier.moment.isoformat(), "who": who,
            "figure": round(made.dossier.score.figure, 2), "label": one.label, **(extra or {}),
        }  # fmt: skip
        return self._shelve(made.name, made.content, body, now)

    def keep_detection(self, content: Content, form: str, who: str, now: datetime, extra: Mapping[str, Any] | None = None) -> str:
        """Write a report on detection, put it on the shelf and say so in the audit; returns the document's id. Raises ConfigError."""
        made = rendered(content, form, self.settings.site_folder)
        digest, file = hashlib.sha256(made).hexdigest(), f"wanglou-{DETECTION}-{content.subject.replace(' – ', '_')}.{form}"
        self.store.audit.append(time=now, actor=who, action="quality.report", object=content.subject, body={"file": file, "sha256": digest})
        body = {
            "kind": DETECTION, "object": "", "title": f"{content.title} {content.subject}", "sha256": digest, "state": now.isoformat(), "who": who,
            "figure": None, "label": "", **(extra or {}),
        }  # fmt: skip
        return self._shelve(file, made, body, now)

    def _shelve(self, file: str, content: bytes, body: Mapping[str, Any], now: datetime) -> str:
        self.shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{now:%Y%m%dT%H%M%S%f}-{file}"
        path, fresh = self.shelf / name, self.shelf / f".{name}"
        fresh.write_bytes(content)
        fresh.replace(path)
        return self.store.documents.put(REPORT, name, {**body, "file": name, "bytes": len(content), "made": now.isoformat()}, ABSENT).id

    def kept(self) -> list[Mapping[str, Any]]:
        """Reports on the shelf, the newest first."""
        return sorted((document.body for document in every(self.store, REPORT)), key=lambda body: str(body["made"]), reverse=True)

    def read(self, name: str) -> bytes:
        """A kept report; raises NotFound when it is not on this machine, ConfigError when it was changed on disk."""
        body = self.store.documents.get(REPORT, name).body
        path = self.shelf / Path(str(body["file"])).name
        try:
            content = path.read_bytes()
        except OSError:
            raise NotFound(f"the report {name} is not on this machine") from None
        if hashlib.sha256(content).hexdigest() != body["sha256"]:
            raise ConfigError("the file was changed since the report was made", path=path)
        return content

    def drop(self, name: str) -> None:
        """Take a report off the shelf; the audit keeps that it was made."""
        body = self.store.documents.get(REPORT, name).body
        self.store.documents.delete(REPORT, name)
        (self.shelf / Path(str(body["file"])).name).unlink(missing_ok=True)


@lru_cache(maxsize=4)
def _checks(folder: Path) -> tuple[Check, ...]:
    return tuple(load_checks((SHIPPED, folder)).checks.values())
