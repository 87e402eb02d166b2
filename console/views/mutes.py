"""Silences and maintenance: what is quiet now, and a new one with a preview of what it would cover."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from console import parts
from console.case_actions import do
from console.i18n import _
from console.identity.roles import Right
from console.queries import mutes, times
from console.text import plain

here, me = parts.enter(Right.INCIDENT_READ)
moment = here.now()
found = mutes.read_mutes(here.store, moment)
active = [mute for mute in found if mute.state == "active"]
parts.sentence(_("{n} mutes are in force, {later} are planned").format(n=len(active), later=sum(mute.state == "planned" for mute in found)))
parts.data_from(moment)

KINDS = {"silence": _("silence"), "maintenance": _("maintenance"), "freeze": _("freeze")}
STATES = {"active": f"‖ {_('in force')}", "planned": _("planned"), "past": _("past")}
if found:
    row = parts.rows(
        [
            {
                _("state"): STATES[mute.state],
                _("kind"): KINDS.get(mute.kind, mute.kind),
                _("covers"): mutes.match_text(mute.match),
                _("from"): times.clock(mute.begin, here.zone, moment) or mute.repeats,
                _("until"): times.clock(mute.end, here.zone, moment),
                _("by"): mute.by,
                _("why"): mute.why,
            }
            for mute in found
        ],
        "mutes",
    )
    if row is not None and found[row].state != "past" and me.may(Right.MUTE_WRITE):
        label = _("End {mute} now").format(mute=plain(mutes.match_text(found[row].match), 40))
        if st.button(label, key="mute-end") and do(here, me, "unmute", {"id": found[row].id}, ""):
            st.rerun()
else:
    parts.empty(_("Nothing is muted."), _("Mute an asset or a rule below while somebody works on it."))

if me.may(Right.MUTE_WRITE):
    st.markdown(f"##### {_('New mute')}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(_("Kind"), ("silence", "maintenance"), default="silence", format_func=KINDS.__getitem__, key="mute-kind")
        ids = sorted(here.estate.assets())
        given = parts.asked("asset")
        chosen = st.multiselect(
            _("Assets"), ids, default=[given] if given in ids else [], format_func=here.estate.title, placeholder=_("choose"), key="mute-assets"
        )
        rule = st.text_input(_("Rule"), placeholder=_("all rules"), key="mute-rule")
        lasts = st.selectbox(_("for"), ("30m", "1h", "2h", "4h", "8h", "24h", "7d"), index=2, key="mute-for")
        begin = st.datetime_input(_("from"), value=moment.astimezone(here.zone).replace(tzinfo=None), key="mute-from")
    why = st.text_input(_("Reason"), key="mute-why")
    match = {key: value for key, value in (("asset", chosen), ("rule", rule.strip())) if value}
    covered = mutes.covered(here.store, match)
    if match:
        st.caption(_("This covers {n} alerts that fire now: {names}").format(n=len(covered), names=plain(", ".join(f"{a} {r}" for a, r in covered[:8])) or "–"))
    label = _("Mute {what} for {time}").format(what=plain(mutes.match_text(match), 40) or "…", time=lasts)
    if st.button(label, type="primary", disabled=not match or not why.strip(), key="mute-do"):
        start = begin.replace(tzinfo=here.zone) if isinstance(begin, datetime) else moment
        start = max(start, moment - timedelta(minutes=1))
        end = start + mutes.length(lasts)
        args = {"kind": kind or "silence", "match": match, "from": start.isoformat(), "until": end.isoformat(), "by": me.name, "why": why.strip()}
        if do(here, me, "mute", args, ""):
            st.rerun()
