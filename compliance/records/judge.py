"""Judge records: what is late, what comes soon, what is a gap; and the table of it that checks read. Pure.

The table says nothing that changes without cause: a date that comes near does not alter it, only one that has passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from compliance.attachments import Attachment
from compliance.evaluate import holds
from compliance.records.kind import DERIVED, Conditions, Due, Gap, Needs, RecordKind

MONTH: Final = 365 / 12
WIDTH: Final = 200
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as it is kept; ``version`` counts how often it was written, ``files`` are its documents."""

    kind: str
    id: str
    values: Values
    version: int = 1
    who: str = ""
    time: str = ""
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """What records are judged against: all of them by kind, the day, and the accounts that can log in (name -> assets)."""

    records: Mapping[str, Sequence[Record]]
    today: date
    accounts: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A record with what was found: due dates (rule id -> day, None when it was never done), late ones, those that come soon, gaps, and details."""

    record: Record
    state: str
    due: Mapping[str, date | None]
    late: tuple[str, ...] = ()
    soon: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    found: tuple[str, ...] = ()

    @property
    def next_due(self) -> date | None:
        """The nearest date that is known."""
        return min((day for day in self.due.values() if day), default=None)


def judge(kind: RecordKind, world: World) -> list[Judged]:
    """Every record of a kind, in the order of their ids."""
    return [_one(kind, record, world) for record in sorted(world.records.get(kind.id, ()), key=lambda record: record.id)]


def _one(kind: RecordKind, record: Record, world: World) -> Judged:
    has_ended = is_ended(kind, record.values, world.today)
    due = {} if has_ended else {rule.id: due_date(rule, record.values) for rule in kind.dues if _is_asked(kind, rule, record, world)}
    late = tuple(name for name, day in due.items() if day is None or day < world.today)
    ahead = {rule.id: timedelta(days=rule.soon_days) for rule in kind.dues}
    soon = tuple(name for name, day in due.items() if day and world.today <= day <= world.today + ahead[name])
    hits = {gap.id: seen for gap in kind.gaps if gap.ended == has_ended and (seen := _gap(kind, gap, record, world)) is not None}
    state = "gap" if hits else "ended" if has_ended else "late" if late else "soon" if soon else "ok"
    found = tuple(dict.fromkeys(text for seen in hits.values() for text in seen))
    return Judged(record=record, state=state, due=due, late=late, soon=soon, gaps=tuple(hits), found=found)


def is_ended(kind: RecordKind, values: Values, today: date) -> bool:
    """Whether the record is no longer in force (the last day still counts)."""
    ends = day_in(values, kind.ends) if kind.ends else None
    return ends is not None and ends < today


def due_date(rule: Due, values: Values) -> date | None:
    """The day until which it is to be done; None when it was never done."""
    if rule.at:
        return day_in(values, rule.at)
    done = [day for name in rule.after if (day := day_in(values, name))]
    own = values.get(rule.months_field) if rule.months_field else None
    months = own if isinstance(own, int | float) and own > 0 else rule.months
    return max(done) + timedelta(days=round(months * MONTH)) if done else None


def _is_asked(kind: RecordKind, rule: Due, record: Record, world: World) -> bool:
    if not _fits(record.values, rule.when) or (rule.at and day_in(record.values, rule.at) is None):
        return False
    if not rule.newest:
        return True
    others = [other for other in world.records.get(kind.id, ()) if _fits(other.values, rule.when) and not is_ended(kind, other.values, world.today)]
    return record.id == max(others, key=lambda other: (str(due_date(rule, other.values) or ""), other.id)).id


def _gap(kind: RecordKind, gap: Gap, record: Record, world: World) -> tuple[str, ...] | None:
    """What shows the gap (perhaps nothing more than the record itself), None when there is none."""
    if not _fits(record.values, gap.when):
        return None
    if gap.needs and _is_there(gap.needs, record, world):
        return None
    seen: tuple[str, ...] = ()
    if gap.twice:
        others = [
            other
            for other in world.records.get(kind.id, ())
            if other.values.get(gap.twice.field) == record.values.get(gap.twice.field)
            and other.values.get(gap.twice.differ) in gap.twice.among
            and not is_ended(kind, other.values, world.today)
        ]
        posts = sorted({str(other.values[gap.twice.differ]) for other in others})
        if record.values.get(gap.twice.differ) not in gap.twice.among or len(posts) < 2 or (gap.twice.always and gap.twice.always not in posts):
            return None
        seen = (f"{record.values.get(gap.twice.field)}: {' + '.join(posts)}",)
    if gap.accounts:
        open_now = [f"{name}@{asset}" for name in record.values.get(gap.accounts) or () for asset in world.accounts.get(str(name).lower(), ())]
        if not open_now:
            return None
        seen = (*seen, *open_now)
    return seen


def _is_there(needs: Needs, record: Record, world: World) -> bool:
    wanted = set(_words(record.values.get(needs.ours)))
    for other in world.records.get(needs.kind, ()):
        if not wanted & set(_words(other.values.get(needs.theirs))) or not _fits(other.values, needs.when):
            continue
        day = day_in(other.values, needs.date) if needs.date else None
        if not needs.date or (day and timedelta() <= world.today - day and world.today <= day + timedelta(days=round(needs.months * MONTH))):
            return True
    return False


def _words(value: Any) -> list[str]:
    return [str(one).strip().lower() for one in (value if isinstance(value, list | tuple) else [value]) if one not in (None, "")]


def _fits(values: Values, conditions: Conditions) -> bool:
    return all(holds(test, cell(values.get(name))) for name, test in conditions.items())


def day_in(values: Values, name: str) -> date | None:
    """The date in a field; none when it is blank, or was written before the field became a date."""
    try:
        return date.fromisoformat(str(values.get(name) or ""))
    except ValueError:
        return None


def cell(value: Any) -> str:
    """A value as one cell of a table: one line, lists parted by commas, yes or no."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(cell(one) for one in value)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return " ".join(text.split())


def table(kind: RecordKind, judged: Iterable[Judged]) -> str:
    """The table as text: a line with the names of the columns, then a line for each record; empty when there is none."""
    rows = list(judged)
    if not rows:
        return ""
    fields = [one.id for one in kind.fields]
    lines = ["\t".join((*DERIVED, *fields))]
    for one in rows:
        state = "ok" if one.state == "soon" else one.state
        derived = (one.record.id, state, ",".join(one.late), ",".join(one.gaps), ",".join(one.found))
        lines.append("\t".join((*(cell(value)[:WIDTH] for value in derived), *(cell(one.record.values.get(name))[:WIDTH] for name in fields))))
    return "\n".join(lines) + "\n"


def due_of(kind: RecordKind, name: str) -> Due:
    """A rule by its id."""
    return next(rule for rule in kind.dues if rule.id == name)


def gap_of(kind: RecordKind, name: str) -> Gap:
    """A gap by its id."""
    return next(gap for gap in kind.gaps if gap.id == name)
