"""The report on detection of one month: what was alarmed, what people said of it, what was proposed and decided, what test faults showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from compliance.reports.content import Block, Cell, Content, Facts, Heading, Language, Para, Table
from console.i18n import _, marked
from console.queries import quality, times
from console.words import word
from store.base import Body

MOST_ROWS: Final = 60
FAULTS: Final[Mapping[str, str]] = {
    "all": marked("all together"),
    "step": marked("step up"),
    "drop": marked("step down"),
    "drift": marked("slow drift"),
    "spike": marked("spike of six minutes"),
    "restless": marked("unrest"),
}


def content(month: str, body: Body, tested: Body | None, decided: Sequence[Body], language: Language, zone: ZoneInfo, now: datetime) -> Content:
    """``body`` holds the figures, ``tested`` the last test faults of the month, ``decided`` the proposals made or decided in it."""
    total = body["total"]
    cover = (
        (_("Span"), month),
        (_("alarms"), str(total["alarms"]) if total else "0"),
        (_("judged"), str(total["judged"]) if total else "0"),
        (_("precision"), quality.share(total["precision"]) if total else "–"),
    )
    return Content(
        title=_("Detection quality"),
        subject=month,
        language=language,
        cover=cover,
        blocks=tuple(_blocks(body, tested, decided, zone)),
        mark=f"{month} · {times.clock(times.read(body['updated']), zone)}",
        made=now,
    )


def _blocks(body: Body, tested: Body | None, decided: Sequence[Body], zone: ZoneInfo) -> Iterator[Block]:
    yield Para(_("Precision is useful among useful and false alarms; known ones count neither way. In brackets the interval that holds it with 90 %."))
    for key, title in (("by_detector", _("By detector")), ("by_rule", _("By rule")), ("by_group", _("By kind of asset"))):
        yield Heading(title)
        yield _figures(body[key][:MOST_ROWS], title, is_detector=key == "by_detector")
    yield Heading(_("Noisy rules"))
    noisy = [row["name"] for row in body["by_rule"] if row["noisy"]]
    yield Para("、".join(noisy) if noisy else _("None."))
    yield Heading(_("Proposals"))
    yield from _proposals(decided, zone)
    yield Heading(_("Test faults"))
    yield from _tested(tested)


def _figures(rows: Sequence[Mapping[str, Any]], sheet: str, *, is_detector: bool) -> Table:
    shown = [quality.row(row, word(quality.DETECTORS, row["name"]) if is_detector else row["name"]) for row in rows]
    columns = tuple(quality.row({**EMPTY}, "")) if not shown else tuple(shown[0])
    noisy = _("noisy")
    lines = tuple(tuple(Cell(str(line[column]), "red" if column == noisy and line[column] else "") for column in columns) for line in shown)
    return Table(columns, lines, (24, 8, 8, 7, 7, 7, 16, 8, 8, 7, 6), sheet)


EMPTY: Final[Mapping[str, Any]] = {
    "alarms": 0, "a_week": 0.0, "useful": 0, "false": 0, "known": 0, "precision": None, "low": 0.0, "high": 1.0, "false_a_week": None, "brief": 0,
    "assets": 0, "noisy": False,
}  # fmt: skip


def _proposals(decided: Sequence[Body], zone: ZoneInfo) -> Iterator[Block]:
    if not decided:
        yield Para(_("None."))
        return
    yield Table(
        (_("rule"), _("change"), _("effect on the past"), _("decision"), _("who"), _("time")),
        tuple(
            (
                str(body["rule"]), quality.changes(body), quality.effect(body), word(quality.DECISIONS, body["state"]), str(body["by"]),
                times.clock(times.read(body["decided"] or body["proposed"]), zone),
            )
            for body in decided
        ),
        (14, 18, 36, 10, 10, 12),
    )  # fmt: skip


def _tested(tested: Body | None) -> Iterator[Block]:
    if tested is None:
        yield Para(_("No test was made in this span."))
        return
    yield Para(
        _("Faults were laid over copies of {n} stored series; nothing was raised. Counted is what would have been told within two hours.").format(
            n=tested["series"]
        )
    )
    yield Facts(tuple((word(FAULTS, kind), found(row)) for kind, row in tested["by_fault"].items()))


def found(row: Mapping[str, Any]) -> str:
    """How many test faults were told, and how soon."""
    if not row["cases"]:
        return "–"
    soon = _(", in the median after {n} min").format(n=row["minutes"]) if row["minutes"] is not None else ""
    return f"{row['found']} / {row['cases']} ({quality.share(row['recall'])})" + soon
