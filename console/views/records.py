"""Records of security management: what is kept, what is due, and which requirements it feeds."""

from __future__ import annotations

import streamlit as st

from compliance.office import Office
from compliance.records.judge import due_of
from compliance.records.shelf import may_write
from console import parts, record_parts
from console.i18n import _, two
from console.identity.roles import Right
from console.queries import records as queries
from console.text import plain
from console.words import look

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
today = moment.astimezone(here.zone).date()


def summary(found: queries.Shelf) -> str | None:
    """All kinds with their counts; returns the kind that was clicked."""
    names = list(found.kinds)
    row = parts.rows(
        [
            {
                _("records of"): two(kind.title.zh, kind.title.en),
                _("how many"): len(found.judged[name]),
                _("gap"): found.count(name, "gap"),
                _("overdue"): found.count(name, "late"),
                _("due soon"): found.count(name, "soon"),
                _("what they are about"): two(kind.about.zh, kind.about.en),
            }
            for name, kind in found.kinds.items()
        ],
        "kinds",
        {_("what they are about"): st.column_config.TextColumn(width="large")},
    )
    return names[row] if row is not None else None


def due(found: queries.Shelf) -> None:
    """What is late and what comes in the next three months."""
    rows = queries.coming(found, today)
    if not rows:
        parts.empty(_("Nothing is due in the next 90 days."))
        return
    parts.table(
        [
            {
                _("due"): str(row.day or _("never done")),
                _("state"): look(record_parts.STATE, "late" if row.is_late else "soon" if row.rule in row.judged.soon else "ok").text,
                _("records of"): two(row.kind.title.zh, row.kind.title.en),
                _("record"): queries.title(row.kind, row.judged.record),
                _("what is due"): two(due_of(row.kind, row.rule).zh, due_of(row.kind, row.rule).en),
            }
            for row in rows
        ]
    )


def one_kind(found: queries.Shelf, name: str) -> None:
    """The records of a kind, one of them in full."""
    kind, judged = found.kinds[name], found.judged[name]
    writes = may_write(kind, me.roles)
    st.caption(plain(two(kind.about.zh, kind.about.en)))
    with st.container(horizontal=True):
        if writes and st.button(_("New record"), icon=":material/add:", type="primary"):
            record_parts.edit(here, me, kind, None)
    record_parts.tables(here, me, kind, judged, may_write=writes)
    if not judged:
        parts.empty(_("No record of this kind is kept yet."), _("Until then the requirements that it feeds wait for a person."))
    else:
        row = record_parts.overview(kind, judged)
        asked = parts.asked("id")
        chosen = judged[row] if row is not None else next((one for one in judged if one.record.id == asked), judged[0])
        parts.remember(id=chosen.record.id)
        record_parts.one_record(here, me, kind, chosen, may_write=writes)
    with st.expander(_("Which requirements these records feed")):
        checks = {check.id: check for check in Office(here.store, here.settings).checks()}
        parts.table(
            [
                {_("check"): two(checks[check].title.zh, checks[check].title.en), _("requirements"): ", ".join(items), _("decides"): checks[check].decides}
                for check, items in queries.feeds(kind, tuple(checks.values())).items()
            ]
        )


def body() -> None:
    """The page."""
    found = queries.shelf(here.store, here.settings.site_folder, moment, today)
    kept = sum(len(judged) for judged in found.judged.values())
    parts.sentence(
        _("{n} records are kept: {gap} with a gap, {late} overdue, {soon} due soon").format(
            n=kept, gap=found.total("gap"), late=found.total("late"), soon=found.total("soon")
        )
    )
    parts.data_from(moment)
    for problem in found.problems:
        st.error(plain(str(problem)))
    options = {"": _("Overview"), "due": _("Due"), **{name: two(kind.title.zh, kind.title.en) for name, kind in found.kinds.items()}}
    asked = parts.asked("kind")
    chosen = st.selectbox(_("Records of"), list(options), index=list(options).index(asked) if asked in options else 0, format_func=options.__getitem__)
    if chosen != asked:
        parts.remember(kind=chosen, id="")
    if chosen == "due":
        due(found)
    elif chosen:
        one_kind(found, chosen)
    elif name := summary(found):
        parts.go("records.py", kind=name)


parts.guarded(body)
