"""What graded protection needs day by day: the state noted in the chain, dates and exemptions that run out, reports by the calendar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from compliance import evidence
from compliance.exemptions import Exemption, ending, exemptions, expired
from compliance.objects import Progress, ProtectionObject, Step, horizon
from compliance.office import Office
from compliance.past import Noted
from compliance.register import whole_estate
from compliance.remedies import Remedy, Stage, checked, remedies, settle
from compliance.reports.content import Content
from compliance.reports.detection import KIND as DETECTION
from compliance.reports.schedule import Scheduled, in_force, read_schedule
from compliance.risk import Level
from core.errors import ConfigError, NotFound, WanglouError
from core.records import Finding, Severity
from service.pulse import SELF
from service.recording import Recording
from service.rounds import Rounds

log: Final = structlog.get_logger("auditing")
TOLD: Final = "compliance-told"
WHO: Final = "wanglou"
AGAIN: Final = timedelta(minutes=5)
FOLLOW: Final = timedelta(hours=1)
"""How often remedies are looked at again at most when something new stands in the chain, and when nothing does."""
HURRY: Final = timedelta(minutes=30)
"""How long after work on a remedy what it changed is waited for, and every round follows."""
SETTLE: Final = timedelta(minutes=10)


@dataclass
class Auditing:
    """One round looks at everything and does what is due; ``round`` may be called as often as one likes."""

    office: Office
    rounds: Rounds | None = None
    recording: Recording | None = None
    on_detection: Callable[[Scheduled, datetime, datetime], Content] | None = None
    """the report on detection for a due time; none: those are left to who has it"""
    settle: timedelta = SETTLE
    problems: tuple[ConfigError, ...] = field(default=())
    began: datetime | None = None
    seen: tuple[int, str] = (-1, "")
    followed: datetime | None = None
    hurried: datetime | None = None
    noted: Noted | None = None

    def hurry(self, now: datetime) -> None:
        """Something was done about a gap just now: follow remedies with every round for a while."""
        self.hurried = now

    def round(self, now: datetime) -> list[Finding]:
        """Note the day once, make the reports that are due; returns what to tell (only what changed)."""
        register = self.office.register()
        schedule, wrong = read_schedule(self.office.settings.site_folder)
        recorded = self.recording.round(list(register.objects.values()), now) if self.recording else []
        problems = (*(self.rounds.templates()[1] if self.rounds else ()), *(self.recording.problems if self.recording else ()))
        self.problems = (*register.problems, *wrong, *problems)
        self.noted = self.noted or Noted(self.office.store.documents)
        self.noted.round(register.objects.values(), self.office.checks(), now)
        self._note_day(list(register.objects.values()), now)
        for scheduled in in_force(schedule, self.office.settings.language):
            self._make(scheduled, now)
        remedied = list(self._remedies(now))
        return self._told([*self._findings(register.objects.values(), now), *recorded, *remedied], now)

    def _note_day(self, objects: list[ProtectionObject], now: datetime) -> None:
        """Figures of each object into the chain, then its head into the audit: once a day of the site's calendar."""
        day = now.astimezone(self.office.zone).date().isoformat()
        documents = self.office.store.documents
        self.began = self.began or now
        if now - self.began < self.settle or self._memory("day").get("day") == day:
            return  # just after a start nothing is judged yet
        figures = {one.id: found for one in objects or [whole_estate(3)] if (found := self._figures(one, now))}
        evidence.note(documents, evidence.DAYS, "", {"day": day, "objects": figures}, now)
        seq, head = evidence.head(documents)
        self.office.store.audit.append(time=now, actor=WHO, action="compliance.head", object=str(seq), body={"seq": seq, "hash": head})
        documents.put(TOLD, "day", {"day": day})

    def _figures(self, one: ProtectionObject, now: datetime) -> dict[str, Any]:
        try:
            dossier = self.office.dossier(one, now, now)
        except WanglouError as err:  # no version of its framework is in force: the other objects are noted all the same
            log.error("an object could not be judged", object=one.id, problem=str(err))
            return {}
        counts = {word.value: count for word, count in dossier.score.counts.items()}
        return {"figure": round(dossier.score.figure, 4), "scheme": dossier.scheme, "conclusion": dossier.score.conclusion.zh, "counts": counts}

    def _make(self, scheduled: Scheduled, now: datetime) -> None:
        """One report for its latest due time; what cannot be made is logged and tried again at the next due time."""
        due = scheduled.due(now, self.office.zone)
        mark = f"report-{scheduled.id}"
        before = self._memory(mark).get("due")
        if before == due.isoformat():
            return
        self.office.store.documents.put(TOLD, mark, {"due": due.isoformat()})
        if before is None:
            return  # new in the file: from its next due time on
        try:
            self._keep(scheduled, due, now)
            for old in [body for body in self.office.kept() if body.get("schedule") == scheduled.id and not body.get("signatures")][scheduled.keep :]:
                self.office.drop(str(old["file"]))
        except (WanglouError, OSError) as err:
            log.error("a report could not be made", report=scheduled.id, problem=str(err))
            self.problems = (*self.problems, ConfigError(f"the report {scheduled.id} could not be made: {err}"))

    def _keep(self, scheduled: Scheduled, due: datetime, now: datetime) -> None:
        about = {"schedule": scheduled.id, "due": due.isoformat()}
        if scheduled.kind == DETECTION:
            if self.on_detection:
                self.office.keep_detection(self.on_detection(scheduled, due, now), scheduled.format, WHO, now, about)
            return
        dossier = self.office.dossier(self.office.subject(scheduled.object), now, now)
        made = self.office.make(scheduled.kind, dossier, scheduled.format, scheduled.language)
        self.office.keep(made, scheduled.kind, WHO, now, about)

    def _findings(self, objects: Iterable[ProtectionObject], now: datetime) -> Iterator[Finding]:
        for one, step in horizon(objects, now.astimezone(self.office.zone).date()):
            if step.progress in (Progress.SOON, Progress.OVERDUE):
                yield of_step(one, step, now)
        found = exemptions(self.office.store)
        yield from (of_exemption(one, now, ended=False) for one in ending(found, now))
        yield from (of_exemption(one, now, ended=True) for one in expired(found, now))
        if self.rounds:
            yield from self.rounds.overdue(now)

    def _remedies(self, now: datetime) -> Iterator[Finding]:
        """Look again at the gaps that are somebody's work, and tell what is late."""
        store = self.office.store
        live = [one for one in remedies(store) if one.is_live]
        head = evidence.head(store.documents)
        waited = now - self.followed if self.followed else FOLLOW
        hurries = self.hurried is not None and now - self.hurried < HURRY
        # verdicts that only say the same of a newer reading are no news for the chain, and send back all the same
        is_awaited = hurries and any(one.stage is Stage.DONE for one in live)
        again = timedelta(0) if hurries else AGAIN
        if live and waited >= (again if is_awaited or head != self.seen else FOLLOW):
            for name in sorted({one.object for one in live}):
                try:
                    subject = self.office.subject(name)
                    settle(store, checked(self.office.dossier(subject, now, now), live, now), WHO, now)
                except WanglouError as err:
                    self.problems = (*self.problems, ConfigError(f"remedies of {name} could not be checked again: {err}"))
            self.seen, self.followed = evidence.head(store.documents), now
            live = [one for one in remedies(store) if one.is_live]
        today = now.astimezone(self.office.zone).date()
        yield from (of_remedy(one, now) for one in live if one.is_late(today))

    def _told(self, firing: list[Finding], now: datetime) -> list[Finding]:
        """What fires anew or with another weight, and the end of what no longer fires; remembered over a restart."""
        before: dict[str, Any] = self._memory("findings").get("open", {})
        open_now = {one.fingerprint: _written(one) for one in firing}
        grave = {name: body["severity"] for name, body in before.items()}
        tell = [one for one in firing if grave.get(one.fingerprint) != one.severity.value]
        gone = [body for name, body in before.items() if name not in open_now]
        if tell or gone:
            self.office.store.documents.put(TOLD, "findings", {"open": open_now})
        return [*tell, *(_cleared(body, now) for body in gone)]

    def _memory(self, name: str) -> dict[str, Any]:
        """What was done before; empty when it is the first time."""
        try:
            return self.office.store.documents.get(TOLD, name).body
        except NotFound:
            return {}


def of_step(one: ProtectionObject, step: Step, now: datetime) -> Finding:
    """A step that is due soon or overdue."""
    late = step.progress is Progress.OVERDUE
    zh = f"{one.name}：{step.title.zh}{'已逾期' if late else '即将到期'}（{step.due}），{step.why.zh}"
    en = f"{one.name}: {step.title.en} {'is overdue' if late else 'is due soon'} ({step.due}); {step.why.en}"
    return Finding(
        time=now,
        source="compliance.object",
        asset=SELF,
        title=f"等保工作{'逾期' if late else '将到期'} / Graded protection work {'overdue' if late else 'due soon'}",
        severity=Severity.HIGH if late else Severity.WARNING,
        firing=True,
        labels={"object": one.id, "step": step.name},
        evidence={"zh": zh, "en": en, "due": str(step.due)},
    )


def of_exemption(one: Exemption, now: datetime, *, ended: bool) -> Finding:
    """An exemption that ends soon, or has ended so that its gap counts in full again."""
    zh = f"例外 {one.id}（{one.item}）{'已到期，问题重新计入' if ended else '将于 ' + one.expires.date().isoformat() + ' 到期'}：{one.reason}"
    en = f"exemption {one.id} ({one.item}) {'has ended, its gap counts again' if ended else 'ends on ' + one.expires.date().isoformat()}: {one.reason}"
    return Finding(
        time=now,
        source="compliance.exemption",
        asset=SELF,
        title=f"例外{'已到期' if ended else '将到期'} / An exemption {'has ended' if ended else 'ends soon'}",
        severity=Severity.HIGH if ended else Severity.WARNING,
        firing=True,
        labels={"exemption": one.id},
        evidence={"zh": zh, "en": en, "item": one.item, "object": one.object},
    )


def of_remedy(one: Remedy, now: datetime) -> Finding:
    """A remedy whose day has passed."""
    zh = f"整改任务 {one.id}（{one.item}，责任人 {one.owner}）应于 {one.due} 完成：{one.measure}"
    en = f"the remedy {one.id} ({one.item}, {one.owner}) was due on {one.due}: {one.measure}"
    return Finding(
        time=now,
        source="compliance.remedy",
        asset=SELF,
        title="整改任务逾期 / A remedy is overdue",
        severity=Severity.HIGH if one.level is Level.HIGH else Severity.WARNING,
        firing=True,
        labels={"remedy": one.id},
        evidence={"zh": zh, "en": en, "item": one.item, "object": one.object, "owner": one.owner},
    )


def _written(one: Finding) -> dict[str, Any]:
    """What is needed to tell the end of a finding later."""
    values = {"source": one.source, "asset": one.asset, "title": one.title, "severity": one.severity.value}
    return values | {"labels": dict(one.labels), "evidence": dict(one.evidence)}


def _cleared(body: dict[str, Any], now: datetime) -> Finding:
    return Finding(
        time=now,
        source=body["source"],
        asset=body["asset"],
        title=body["title"],
        severity=Severity(body["severity"]),
        firing=False,
        labels=body["labels"],
        evidence=body["evidence"],
    )
