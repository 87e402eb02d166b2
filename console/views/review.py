"""How well incidents were handled, and what comes again and again."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import review, times
from console.queries.cases import Case
from console.text import plain

here, me = parts.enter(Right.INCIDENT_READ)
DAYS = {7: _("7 days"), 30: _("30 days"), 90: _("90 days"), 365: _("a year")}
asked = parts.asked("days", "30")
given = int(asked) if asked.isdigit() and int(asked) in DAYS else 30
days = st.segmented_control(_("Span"), list(DAYS), default=given, format_func=DAYS.__getitem__, key="review-days") or given
parts.remember(days=str(days))


def took(figure: review.Times) -> str:
    """Median and p90 in words."""
    if not figure.count:
        return "–"
    return f"{times.span(timedelta(seconds=figure.median))} / {times.span(timedelta(seconds=figure.p90))}"


def figures(moment_cases: list[Case]) -> None:
    """The sentence and the table of promises."""
    lines = review.lines(moment_cases)
    late = sum(line.acknowledge.late + line.resolve.late for line in lines)
    kept = sum(line.acknowledge.count + line.resolve.count for line in lines)
    parts.heading(
        _("Review"),
        _("{n} incidents in {span}; of {all} promised times {late} were missed").format(n=len(moment_cases), span=DAYS[days], all=kept, late=late),
    )
    parts.data_from(here.now(), _("median / 90 % in the clock of the priority: pauses are left out, P3 and P4 count working time"))
    st.caption(_("Left out of the figures: false alarms, duplicates and planned work. Merged incidents are not counted."))
    parts.table(
        [
            {
                _("priority"): line.priority,
                _("incidents"): line.incidents,
                _("left out"): line.apart,
                _("until detected"): took(line.detect),
                _("until acknowledged"): took(line.acknowledge),
                _("too late to acknowledge"): line.acknowledge.late,
                _("until resolved"): took(line.resolve),
                _("too late to resolve"): line.resolve.late,
                _("reopened"): line.reopened,
            }
            for line in lines
        ]
    )


def again(moment_cases: list[Case]) -> None:
    """Problems that came more than once."""
    st.markdown(f"##### {_('Comes again')}")
    found = review.problems(moment_cases)
    if not found:
        st.caption(_("Nothing came twice in this span."))
        return
    row = parts.rows(
        [
            {
                _("asset"): here.estate.title(problem.asset),
                _("rule"): problem.rule,
                _("times"): len(problem.incidents),
                _("last"): times.ago(problem.last, here.now()),
                _("causes people wrote"): problem.causes,
            }
            for problem in found[:200]
        ],
        "review-again",
    )
    if row is not None:
        for case in found[row].incidents[:20]:
            label = f"{case.id} · {times.clock(case.opened, here.zone)} · {plain(case.title, 60)}"
            st.page_link(parts.VIEWS / "incident.py", label=label, query_params={"id": case.id})


def body() -> None:
    """Everything of the chosen span."""
    found = review.opened_since(here.store, here.now() - timedelta(days=days))
    if not found:
        st.caption(_("Review"))
        parts.empty(_("No incident began in this span."), _("Choose a longer one."))
        return
    figures(found)
    again(found)


parts.guarded(body)
