"""What the pages for the auditor compute: dossiers kept for a minute, the register's rows, the trend, how two days differ."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from compliance import evidence
from compliance.check import Text
from compliance.dossier import Dossier, Tell
from compliance.framework import Item
from compliance.history import Cause, Turn, causes, turns
from compliance.objects import Progress, ProtectionObject, Step, horizon
from compliance.office import Office
from compliance.reports.content import Language, Words
from compliance.reports.parts import measures
from compliance.risk import Risk
from compliance.rollup import Conformity
from compliance.scoring import load_schemes
from compliance.whatif import Way, cheapest, load_efforts
from inventory.asset import Asset
from store.base import Documents

KEPT: Final = 8
MOST_TURNS: Final = 200
_kept: OrderedDict[tuple[Any, ...], Dossier] = OrderedDict()
_lock: Final = threading.Lock()


def dossier(office: Office, subject: ProtectionObject, moment: datetime, now: datetime, tell: Tell) -> Dossier:
    """The dossier of an object; for a minute the same one, unless the evidence chain grew."""
    head = evidence.head(office.store.documents)
    when = "now" if moment == now else moment.isoformat()
    key = (id(office.store), subject.model_dump_json(), when, f"{now:%Y%m%d%H%M}" if moment == now else "", head)
    with _lock:
        if found := _kept.get(key):
            _kept.move_to_end(key)
            return found
    made = office.dossier(subject, moment, now, tell)
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """An object in the list: how many assets, the figure of its last noted day, and the step that is due next."""

    subject: ProtectionObject
    assets: int
    figure: float | None
    conclusion: Text | None
    next_step: Step | None


def object_rows(objects: Iterable[ProtectionObject], assets: Sequence[Asset], noted: Mapping[str, Any], today: date) -> list[ObjectRow]:
    """The register as a list, the most urgent first."""
    rows = []
    for one in objects:
        due = [step for _, step in horizon([one], today)]
        said = noted.get(one.id, {})
        rows.append(
            ObjectRow(
                subject=one,
                assets=len(one.members(assets)),
                figure=said.get("figure"),
                conclusion=_concluded(said),
                next_step=due[0] if due else None,
            )
        )
    return sorted(rows, key=lambda row: (row.next_step.due if row.next_step and row.next_step.due else date.max, row.subject.id))


def _concluded(said: Mapping[str, Any]) -> Text | None:
    """The conclusion of a noted day, kept in Chinese, in both languages."""
    kept = str(said.get("conclusion", ""))
    scheme = load_schemes().get(str(said.get("scheme", "")))
    known = next((Text(zh=one.zh, en=one.en) for one in (scheme.conclusions if scheme else ()) if one.zh == kept), None)
    return known or (Text(zh=kept, en=kept) if kept else None)


def overdue(rows: Iterable[ObjectRow]) -> int:
    """How many objects have something overdue."""
    return sum(row.next_step is not None and row.next_step.progress is Progress.OVERDUE for row in rows)


def days(documents: Documents) -> list[tuple[str, Mapping[str, Any]]]:
    """(day, figures by object) of every noted day, oldest first."""
    return [(str(said["day"]), said["objects"]) for _, said in evidence.notes(documents, evidence.DAYS)]


def trend(noted: Iterable[tuple[str, Mapping[str, Any]]], subject: str) -> list[tuple[str, float]]:
    """(day, figure) of an object."""
    return [(day, float(objects[subject]["figure"])) for day, objects in noted if subject in objects]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two times of an object: the newest turns first, at most ``MOST_TURNS`` of ``total``."""

    turns: tuple[Turn, ...]
    total: int
    worse: int
    better: int
    is_dark: bool


def compare(before: Dossier, after: Dossier) -> Compared:
    """What turned on the object's assets between two times."""
    found = turns(before.verdicts, after.verdicts)
    return Compared(
        turns=tuple(found[:MOST_TURNS]),
        total=len(found),
        worse=sum(turn.after == "fail" for turn in found),
        better=sum(turn.before == "fail" and turn.after == "pass" for turn in found),
        is_dark=before.is_dark or after.is_dark,
    )


def otherwise(before: Dossier, after: Dossier) -> list[tuple[Item, Conformity | None, Conformity | None]]:
    """Requirements that came out otherwise; None: not asked for at that time, since the object had another grade or other extensions."""
    items = {item.id: item for item in (*after.items, *before.items)}
    found = [(item, _came_out(before, name), _came_out(after, name)) for name, item in items.items()]
    return [(item, old, new) for item, old, new in found if old is not new]


def _came_out(found: Dossier, item: str) -> Conformity | None:
    return found.results[item].conformity if item in found.results else None


def moved(before: Dossier, after: Dossier) -> tuple[list[str], list[str]]:
    """Ids of the assets that came into the object's scope between two times, and of those that left it."""
    old, new = {asset.id for asset in before.assets}, {asset.id for asset in after.assets}
    return sorted(new - old), sorted(old - new)


def causes_of(office: Office, turn: Turn) -> list[Cause]:
    """What may have caused a turn."""
    return causes(office.store.documents, turn)


def way(found: Dossier) -> Way:
    """The cheapest way to the best conclusion."""
    return cheapest(found.items, found.results, found.risks, found.verdicts, found.scheme, load_efforts())


def risk_of(found: Dossier, item: str) -> Risk | None:
    """The risk of an item."""
    return next((risk for risk in found.risks if risk.item == item), None)


def measure(found: Dossier, risk: Risk, language: Language) -> str:
    """What is to be done about a gap, as the rectification plan says it."""
    bodies = [body for body in found.verdicts if body["outcome"] == "fail" and risk.item in body["items"]]
    item = next(one for one in found.items if one.id == risk.item)
    return measures(Words(language, found.zone), item, bodies)


def rules_of(found: Dossier, risk: Risk) -> set[str]:
    """The sources of findings behind a gap, by which playbooks say what they are for."""
    return {f"compliance.{body['check']}" for body in found.verdicts if body["outcome"] == "fail" and risk.item in body["items"]}
