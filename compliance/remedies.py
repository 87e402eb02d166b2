"""Remedies: a gap as owned work. Handed out with owner and day, reported done, checked again, closed by evidence or sent back.

Nobody closes a remedy by hand: the item's own result does. ``follow`` is pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from secrets import token_hex
from typing import Any, Final

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.check import Offer
from compliance.dossier import Dossier
from compliance.risk import Level
from compliance.rollup import Conformity, ItemResult
from compliance.run import every
from compliance.verdict import Outcome
from core.errors import Conflict, NotFound, Refused
from core.names import RUN, VERDICT
from store.base import ABSENT, Body, Document, Store
from store.filter import And, Term

REMEDY: Final = "compliance-remedy"
ENGINE: Final = "wanglou"
DAYS: Final[Mapping[Level, int]] = {Level.HIGH: 30, Level.MEDIUM: 90, Level.LOW: 180}
"""The days that a gap may stand from the day on which it is handed out, by its risk."""
LONGEST: Final = timedelta(days=366)
DOERS: Final = frozenset({"operator", "duty_leader", *OFFICERS})


class Stage(StrEnum):
    """How far a remedy is."""

    OPEN = "open"
    DONE = "done"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """Work on the gap of an item of an object. ``sent_back`` counts re-checks that still failed; ``proof`` are the links that closed it.

    ``runs`` are the runs of playbooks that were asked for from it, ``running`` the one whose end is waited for. ``acted`` is when the last run that did
    something ended, ``acted_on`` the assets it was about: what was read of them before proves nothing any more.
    """

    id: str = ""
    item: str
    object: str
    owner: str
    due: date
    level: Level
    measure: str
    playbook: str = ""
    stage: Stage = Stage.OPEN
    by: str
    created: datetime
    done: datetime | None = None
    done_by: str = ""
    remark: str = ""
    sent_back: int = 0
    ended: datetime | None = None
    why: str = ""
    proof: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    running: str = ""
    acted: datetime | None = None
    acted_on: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether there is still something to do or to check."""
        return self.stage in (Stage.OPEN, Stage.DONE)

    def is_late(self, today: date) -> bool:
        """Whether its day has passed while the work is not reported done."""
        return self.stage is Stage.OPEN and self.due < today


def due_day(level: Level, today: date) -> date:
    """Until when a gap of this risk is to be closed."""
    return today + timedelta(days=DAYS[level])


def follow(one: Remedy, result: ItemResult, bodies: Sequence[Body], now: datetime) -> Remedy | None:
    """What a fresh look at the item makes of a remedy; None when nothing changes.

    ``bodies`` are the verdicts that speak for the item on the object's assets. Only verdicts on texts that were read after the work was reported send it back.
    While a run goes on nothing is decided, and after it only by what was read since: half of its work may look like the whole.
    """
    if not one.is_live or one.running or any(_is_stale(one, body) for body in bodies):
        return None
    if result.conformity in (Conformity.CONFORMS, Conformity.NOT_APPLICABLE):
        proof = tuple(dict.fromkeys(str(read["evidence"]) for body in bodies for read in body["read"]))
        return replace(one, stage=Stage.CLOSED, ended=now, why=f"{result.reason.zh} / {result.reason.en}", proof=proof)
    if one.stage is not Stage.DONE or one.done is None or result.conformity is Conformity.UNKNOWN:
        return None
    failed = [body for body in bodies if body["outcome"] == Outcome.FAIL and _read_since(body, one.done)]
    if not failed:
        return None
    where = ", ".join(sorted({f"{body['check']} {body['asset']}" for body in failed})[:5])
    return replace(one, stage=Stage.OPEN, done=None, sent_back=one.sent_back + 1, why=f"复查仍不符合：{where} / still fails: {where}")


def _is_stale(one: Remedy, body: Body) -> bool:
    """Whether a verdict that a run may have changed rests on what was read before the run ended."""
    return one.acted is not None and body["asset"] in one.acted_on and bool(body.get("playbook")) and not _read_since(body, one.acted)


def _read_since(body: Body, moment: datetime) -> bool:
    return all(datetime.fromisoformat(time) > moment for time in (body["time"], *(read["time"] for read in body["read"] if "time" in read)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A playbook that a failing check names, with the assets on which it fails."""

    check: str
    title: Mapping[str, str]
    offer: Offer
    assets: tuple[str, ...]


def offered(item: str, bodies: Iterable[Body]) -> list[Offered]:
    """The playbooks of the checks that fail for an item, by check."""
    found: dict[str, list[Body]] = {}
    for body in bodies:
        if body["outcome"] == "fail" and item in body["items"] and body.get("playbook"):
            found.setdefault(body["check"], []).append(body)
    return [
        Offered(check=name, title=rows[0]["title"], offer=Offer.model_validate(rows[0]["playbook"]), assets=tuple(sorted(str(row["asset"]) for row in rows)))
        for name, rows in sorted(found.items())
    ]


def checked(found: Dossier, remedies: Iterable[Remedy], now: datetime) -> list[Remedy]:
    """Those of an object's remedies that the dossier changes."""
    changed = []
    for one in remedies:
        if one.object == found.subject.id and one.item in found.results:
            bodies = [body for body in found.verdicts if one.item in body["items"]]
            if after := follow(one, found.results[one.item], bodies, now):
                changed.append(after)
    return changed


def hand_out(store: Store, wanted: Remedy, roles: Collection[str], today: date) -> Remedy:
    """Make a gap somebody's work; raises Refused without right, owner, measure or a near enough day, or when it is somebody's already."""
    if not OFFICERS & set(roles):
        raise Refused("a security officer hands out remedies")
    if not wanted.owner.strip() or not wanted.measure.strip():
        raise Refused("a remedy has an owner and says what is to be done")
    if not today <= wanted.due <= today + LONGEST:
        raise Refused("a remedy is due on a day to come, at most a year ahead")
    if any((other.item, other.object) == (wanted.item, wanted.object) and other.is_live for other in remedies(store)):
        raise Refused("this gap is somebody's work already")
    fresh = replace(wanted, id=f"r-{wanted.created:%Y%m%d}-{token_hex(3)}", stage=Stage.OPEN)
    _keep(store, fresh, "hand_out", fresh.by, fresh.created, None)
    return fresh


def report_done(store: Store, name: str, who: str, roles: Collection[str], remark: str, now: datetime) -> Remedy:
    """Say that the work is done; the next check of the item closes it or sends it back."""
    if not DOERS & set(roles):
        raise Refused("operators, duty leaders and security officers do remedies")
    if not remark.strip():
        raise Refused("say what was done, and where it can be seen")
    document, one = _read(store, name)
    if one.stage is not Stage.OPEN:
        raise Refused(f"this remedy is {one.stage} already")
    return _keep(store, replace(one, stage=Stage.DONE, done=now, done_by=who, remark=remark.strip()), "done", who, now, document)


def withdraw(store: Store, name: str, who: str, roles: Collection[str], why: str, now: datetime) -> Remedy:
    """Give a remedy up, with the reason; the gap stays."""
    if not OFFICERS & set(roles):
        raise Refused("a security officer withdraws remedies")
    if not why.strip():
        raise Refused("withdrawing a remedy needs a reason")
    document, one = _read(store, name)
    if not one.is_live:
        raise Refused(f"this remedy is {one.stage} already")
    return _keep(store, replace(one, stage=Stage.WITHDRAWN, ended=now, why=why.strip()), "withdraw", who, now, document)


def run_asked(store: Store, name: str, run: str, who: str, roles: Collection[str], now: datetime) -> Remedy:
    """Note that a run of a playbook was asked for from a remedy; the same again is a no-op. Raises Refused when there is no work to do or one is under way."""
    if not DOERS & set(roles):
        raise Refused("operators, duty leaders and security officers do remedies")
    document, one = _read(store, name)
    if one.running == run:
        return one
    if one.stage is not Stage.OPEN:
        raise Refused(f"this remedy is {one.stage} already")
    if one.running and _is_open(store, one.running):
        raise Refused(f"the run {one.running} of this remedy is still under way")
    return _keep(store, replace(one, running=run, runs=(*one.runs, run)), "run", who, now, document)


def run_refused(store: Store, name: str, run: str, now: datetime) -> None:
    """Take a run out again that could not begin."""
    document, one = _read(store, name)
    if one.running == run:
        _keep(store, replace(one, running="", runs=tuple(other for other in one.runs if other != run)), "run_refused", ENGINE, now, document)


def run_ended(store: Store, name: str, run: Body, now: datetime) -> Remedy:
    """What the end of its run makes of a remedy: done by who asked when it ended well, else still to do with the reason. ``run``: its summary, with ``id``."""
    document, one = _read(store, name)
    if one.stage is not Stage.OPEN or one.running != run["id"]:
        return one
    if run["started"]:
        one = replace(one, acted=now, acted_on=targets_of(run))
    if run["state"] == "done":
        remark = f"剧本运行 {run['id']} 已完成 / the run {run['id']} ended well"
        return _keep(store, replace(one, running="", stage=Stage.DONE, done=now, done_by=str(run["requester"]), remark=remark), "done", ENGINE, now, document)
    why_zh, _, why_en = str(run["reason"]).partition(" / ")
    why = f"剧本运行 {run['id']} 未成功：{why_zh} / the run {run['id']} did not end well: {why_en or why_zh}"
    return _keep(store, replace(one, running="", why=why), "run_failed", ENGINE, now, document)


def targets_of(run: Body) -> tuple[str, ...]:
    """The assets that a run is about, by its summary."""
    return tuple(run.get("assets") or run.get("targets") or ())


def with_runs(store: Store) -> list[Remedy]:
    """The remedies whose run is waited for."""
    return [one for document in every(store, REMEDY, Term("stage", Stage.OPEN.value)) if (one := read_remedy(document.body)).running]


def reported(store: Store) -> list[Remedy]:
    """The remedies that are reported done and wait for the look that closes them or sends them back."""
    return [read_remedy(document.body) for document in every(store, REMEDY, Term("stage", Stage.DONE.value))]


def failing(store: Store, item: str) -> tuple[str, ...]:
    """The assets on which a check fails for an item."""
    where = And((Term("items", item), Term("outcome", Outcome.FAIL.value)))
    return tuple(sorted({str(document.body["asset"]) for document in every(store, VERDICT, where)}))


def _is_open(store: Store, run: str) -> bool:
    try:
        return bool(store.documents.get(RUN, run).body["open"])
    except NotFound:
        return False


def settle(store: Store, changed: Iterable[Remedy], who: str, now: datetime) -> list[Remedy]:
    """Keep what re-checks brought; one that somebody changed meanwhile is left for the next time."""
    kept = []
    for one in changed:
        document, before = _read(store, one.id)
        if before.is_live:
            kept.append(_keep(store, one, "close" if one.stage is Stage.CLOSED else "send_back", who, now, document))
    return kept


def remedies(store: Store) -> list[Remedy]:
    """All of them, those that are live first, then by their day."""
    found = (read_remedy(document.body) for document in every(store, REMEDY))
    return sorted(found, key=lambda one: (not one.is_live, one.due, one.id))


def read_remedy(body: Body) -> Remedy:
    """A kept remedy."""
    times = {name: datetime.fromisoformat(body[name]) if body.get(name) else None for name in ("created", "done", "ended", "acted")}
    more: dict[str, Any] = {
        "acted_on": tuple(body.get("acted_on", ())),
        "runs": tuple(body.get("runs", ())),
        "due": date.fromisoformat(body["due"]),
        "level": Level(body["level"]),
        "stage": Stage(body["stage"]),
        "proof": tuple(body["proof"]),
    }
    return Remedy(**{**body, **times, **more})


def _read(store: Store, name: str) -> tuple[Document, Remedy]:
    try:
        document = store.documents.get(REMEDY, name)
    except NotFound:
        raise Refused(f"there is no remedy {name}") from None
    return document, read_remedy(document.body)


def _keep(store: Store, one: Remedy, action: str, who: str, now: datetime, before: Document | None) -> Remedy:
    body = {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(one).items()} | {
        "proof": list(one.proof),
        "runs": list(one.runs),
        "acted_on": list(one.acted_on),
    }
    store.audit.append(time=now, actor=who, action=f"compliance.remedy.{action}", object=one.id, body=body)
    try:
        store.documents.put(REMEDY, one.id, body, before.version if before else ABSENT)
    except Conflict:
        raise Refused("somebody else has just changed this remedy") from None
    evidence.note(store.documents, evidence.REMEDIES, one.id, body | {"action": action, "who": who}, now)
    return one
