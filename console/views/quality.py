"""How honest the detectors are: precision, false alarms a week, what is noisy and what could be done about it."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import quality, times
from console.words import word

here, me = parts.enter(Right.INCIDENT_READ)


def span_title(name: str) -> str:
    """The name of a span in words."""
    return _("last 30 days") if name == quality.ROLLING else name.removeprefix(quality.MONTH)


def figures() -> None:
    """The sentence and the tables of the chosen span."""
    found = quality.spans(here.store)
    if not found or not any(body["total"] for body in found.values()):
        st.caption(_("Detection quality"))
        parts.empty(_("No alarm is on record yet."), _("Each alarm is put down as it opens; judge it on its incident: useful, false or known."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(_("Span"), list(found), format_func=span_title, key="quality-span", width=220)
    body = found[chosen]
    total = body["total"]
    if not total:
        parts.empty(_("No alarm in this span."))
        return
    text = _("{alarms} alarms, {judged} judged; of these {precision} were worth it.") if total["judged"] else _("{alarms} alarms, none of them judged yet.")
    parts.heading(_("Detection quality"), text.format(alarms=total["alarms"], judged=total["judged"], precision=quality.share(total["precision"])))
    moment = times.read(body["updated"])
    if moment:
        parts.data_from(moment, _("precision is useful among useful and false, in brackets the interval that holds it with 90 %"))
    tabs = st.tabs([_("By rule"), _("By detector"), _("By kind of asset"), _("By rule and kind")])
    for tab, key in zip(tabs, ("by_rule", "by_detector", "by_group", "by_rule_and_group"), strict=True):
        with tab:
            names = {row["name"]: word(quality.DETECTORS, row["name"]) if key == "by_detector" else row["name"] for row in body[key]}
            parts.table([quality.row(row, names[row["name"]]) for row in body[key]], {_("name"): st.column_config.TextColumn(width="medium")})


figures()
