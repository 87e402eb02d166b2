"""How honest the detectors are: precision, false alarms a week, what is noisy and what could be done about it."""

from __future__ import annotations

import streamlit as st

from compliance.reports import detection
from compliance.reports.content import Words
from console import parts, quality_parts
from console.i18n import _, report_language
from console.identity.roles import Right
from console.queries import quality, times

here, me = parts.enter(Right.INCIDENT_READ)
found = quality.spans(here.store)
is_counted = any(body["total"] for body in found.values())


def span_title(name: str) -> str:
    """The name of a span in words."""
    return _("last 30 days") if name == quality.ROLLING else name.removeprefix(quality.MONTH)


def head() -> None:
    """The sentence of the last 30 days."""
    total = found[quality.ROLLING]["total"] if quality.ROLLING in found else None
    if not total:
        parts.heading(_("Detection quality"), _("No alarm in the last 30 days."))
        return
    text = _("{alarms} alarms, {judged} judged; of these {precision} were worth it.") if total["judged"] else _("{alarms} alarms, none of them judged yet.")
    parts.heading(_("Detection quality"), text.format(alarms=total["alarms"], judged=total["judged"], precision=detection.share(total["precision"])))


def figures() -> None:
    """The tables of the chosen span."""
    if not is_counted:
        parts.empty(_("No alarm is on record yet."), _("Each alarm is put down as it opens; judge it on its incident: useful, false or known."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(_("Span"), list(found), format_func=span_title, key="quality-span", width=200)
        ways = {"by_rule": _("rule"), "by_detector": _("detector"), "by_group": _("kind of asset"), "by_rule_and_group": _("rule and kind")}
        way = st.segmented_control(_("By"), list(ways), format_func=lambda key: ways[key], default="by_rule", key="quality-by") or "by_rule"
    body = found[chosen]
    moment = times.read(body["updated"])
    if moment:
        parts.data_from(moment, _("precision is useful among useful and false, in brackets the interval that holds it with 90 %"))
    if not body["total"]:
        st.caption(_("No alarm in this span."))
        return
    words = Words(report_language(), here.zone)
    names = detection.DETECTORS if way == "by_detector" else {}
    rows = [detection.row(row, detection.named(names, row["name"], words), words) for row in body[way]]
    parts.table(rows, {_("name"): st.column_config.TextColumn(width="medium"), _("precision"): st.column_config.TextColumn(width=140)})
    quality_parts.documents(here, chosen, body)


head()
tabs = st.tabs([_("Figures"), _("Proposals"), _("Budgets"), _("Forecasts")])
with tabs[0]:
    figures()
    quality_parts.tested(here)
    quality_parts.shelf(here)
with tabs[1]:
    quality_parts.proposed(here, me)
with tabs[2]:
    quality_parts.chosen(here, me)
with tabs[3]:
    quality_parts.foreseen(here, me)
