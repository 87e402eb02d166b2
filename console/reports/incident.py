"""The review of one incident as a document: what happened from its own log, and rooms for what people must add."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from compliance.reports.content import Block, Content, Facts, Heading, Language, Para, Table
from console.i18n import _
from console.queries import evidence, times
from console.queries.cases import Case
from console.queries.notices import Notice, answer_word, reason_word
from console.words import PRIORITY, STATE, look
from inventory.book import Change

EMPTY_ROWS: Final = 3


@dataclass(frozen=True, slots=True)
class Command:
    """What a run of a playbook did on a target."""

    time: datetime | None
    who: str
    target: str
    text: str
    state: str


def content(
    case: Case,
    changes: Iterable[Change],
    title: Callable[[str], str],
    language: Language,
    zone: ZoneInfo,
    now: datetime,
    commands: Sequence[Command] = (),
    told: Sequence[Notice] = (),
) -> Content:
    """The draft; ``changes`` are those shortly before it, ``title`` names an asset, ``told`` are its notices."""
    ended = times.read(case.body.get("resolved"))
    facts = (
        (_("Number"), case.id),
        (_("Priority"), look(PRIORITY, case.priority).text),
        (_("State"), look(STATE, case.state).text),
        (_("Root"), title(case.root) if case.root else ""),
        (_("Began"), times.clock(case.opened, zone)),
        (_("Ended"), times.clock(ended, zone)),
        (_("Lasted"), times.span((ended or now) - case.opened) if case.opened else ""),
        (_("Owner"), case.owner or _("nobody")),
    )
    return Content(
        title=_("Review of an incident"),
        subject=case.title,
        language=language,
        cover=facts,
        blocks=tuple(_blocks(case, list(changes), title, zone, commands, told)),
        mark=f"{case.id} · {times.clock(now, zone)}",
        made=now,
        kind="review",
    )


def _blocks(
    case: Case, changes: list[Change], title: Callable[[str], str], zone: ZoneInfo, commands: Sequence[Command], told: Sequence[Notice]
) -> Iterable[Block]:
    people = dict.fromkeys(step.who for step in case.timeline if step.who)
    yield Heading(_("What happened"))
    yield Table(
        (_("time"), _("who"), _("what"), _("more")),
        tuple((times.clock(step.time, zone), step.who, evidence.step_word(step.what), step.text) for step in case.timeline),
        (18, 12, 18, 52),
    )
    yield Heading(_("Alerts"))
    yield Table(
        (_("asset"), _("rule"), _("since"), _("until"), _("text")),
        tuple(
            (title(member.asset), member.rule, times.clock(member.start, zone), times.clock(times.read(member.body.get("end")), zone), member.text)
            for member in case.members
        ),
        (20, 16, 16, 16, 32),
    )
    yield Heading(_("Changes shortly before"))
    rows = tuple((times.clock(change.time, zone), change.who, title(change.asset), ", ".join(change.after)) for change in changes)
    yield Table((_("time"), _("who"), _("asset"), _("fields")), rows, (20, 15, 30, 35)) if rows else Para(_("None is known."))
    yield Heading(_("Commands"))
    ran = tuple((times.clock(one.time, zone), one.who, title(one.target), one.text, one.state) for one in commands)
    yield Table((_("time"), _("who"), _("asset"), _("command"), _("result")), ran, (18, 12, 20, 38, 12)) if ran else Para(_("No playbook was run."))
    yield Heading(_("People"))
    yield Para("、".join(people) or _("nobody"))
    if told:
        sent = tuple((times.clock(one.time, zone), one.receiver, one.person, reason_word(one.reason), answer_word(one.answer)) for one in told)
        yield Table((_("time"), _("receiver"), _("person"), _("why"), _("answer")), sent, (20, 18, 14, 18, 30))
    yield Heading(_("Promised times"))
    yield Facts(tuple((_("acknowledge") if name == "ack" else _("resolve"), _promise(clock)) for name, clock in case.sla.items()))
    yield Heading(_("Cause, review and lessons"))
    yield Facts(
        (
            (_("Reason"), str(case.body.get("reason") or "")),
            (_("Cause"), str(case.body.get("cause") or "")),
            (_("Review"), str(case.body.get("review") or "")),
            (_("What helped, what hindered"), ""),
        )
    )
    yield Heading(_("Measures"))
    yield Table((_("measure"), _("owner"), _("due"), _("done")), (("", "", "", ""),) * EMPTY_ROWS, (55, 15, 15, 15))


def _promise(clock: object) -> str:
    if not isinstance(clock, dict):
        return ""
    used, limit, text = clock.get("used_s"), clock.get("limit_s"), evidence.promise_word(str(clock.get("state") or ""))
    if isinstance(used, int | float) and isinstance(limit, int | float):
        return _("{state}: {used} of {limit}").format(state=text, used=times.span(timedelta(seconds=used)), limit=times.span(timedelta(seconds=limit)))
    return text
