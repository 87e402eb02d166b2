"""Silences, maintenance, freezes and exceptions: what is quiet now and what that hides, and a new one with a preview of what it would hide."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from console import mute_form, parts
from console.case_actions import do
from console.i18n import _
from console.identity.roles import Right
from console.queries import cases, mutes, times
from console.text import plain
from console.words import HELD, SEVERITY, look, word

here, me = parts.enter(Right.INCIDENT_READ)
moment = here.now()
STATES = {"active": f"‖ {_('in force')}", "planned": _("planned"), "past": _("past")}


def listed(found: list[mutes.Mute], hidden: list[mutes.Held]) -> None:
    """Every mute, how many alerts it holds, and what to do with the one that was clicked."""
    counts = mutes.held_by_mute(hidden)
    row = parts.rows(
        [
            {
                _("state"): STATES[mute.state],
                _("kind"): word(mute_form.KINDS, mute.kind),
                _("covers"): mutes.match_text(mute.match),
                _("holds"): counts[mute.id],
                _("when"): mutes.window_text(mute.window) or times.clock(mute.begin, here.zone, moment),
                _("next change"): times.ago(mute.change, moment) if mute.state != "past" else "",
                _("until"): times.clock(mute.end, here.zone, moment),
                _("by"): mute.by,
                _("why"): mute.why,
            }
            for mute in found
        ],
        "mutes",
    )
    if row is None or row >= len(found):
        return
    mute = found[row]
    mine = [one for one in hidden if one.holder == mute.id]
    for one in mine[:50]:
        _line(one)
    if mute.state != "past" and _may_end(mute):
        text = _("End the present window of {mute}") if mute.window else _("End {mute} now")
        if st.button(text.format(mute=plain(mutes.match_text(mute.match), 40)), key="mute-end") and do(here, me, _ending(mute), {"id": mute.id}, ""):
            st.rerun()


def _may_end(mute: mutes.Mute) -> bool:
    """Exceptions are ended by those who may make them."""
    return me.may(Right.MUTE_WRITE) and (mute.kind != "except" or bool(mute_form.MAY_EXCEPT & set(me.roles)))


def _ending(mute: mutes.Mute) -> str:
    return "unexcept" if mute.kind == "except" else "unmute"


def _line(one: mutes.Held) -> None:
    label = f"{here.estate.title(one.member.asset)} · {one.member.rule} · {one.case.id} {one.case.title}"
    st.page_link(parts.VIEWS / "incident.py", label=plain(label, 120), query_params={"id": one.case.id}, icon=":material/notifications_paused:")


def quiet(hidden: list[mutes.Held]) -> None:
    """What fires and is told to nobody, counted by reason."""
    st.markdown(f"##### {_('Held back now')}")
    counts = Counter(one.why for one in hidden)
    st.caption(" · ".join(f"{word(HELD, why)}: {count}" for why, count in counts.most_common()))
    row = parts.rows(
        [
            {
                _("why"): word(HELD, one.why),
                _("holder"): one.holder or str(one.member.body.get("via") or ""),
                _("severity"): look(SEVERITY, one.member.severity).text,
                _("asset"): here.estate.title(one.member.asset),
                _("rule"): one.member.rule,
                _("since"): times.ago(one.member.start, moment),
                _("incident"): one.case.id,
            }
            for one in hidden[:1000]
        ],
        "held",
        height=260 if len(hidden) > 7 else None,
    )
    if row is not None and row < len(hidden):
        parts.go("incident.py", id=hidden[row].case.id)


def body() -> None:
    """The whole page."""
    found, hidden = mutes.read_mutes(here.store, moment), mutes.held(cases.live_cases(here.store))
    active, later = (sum(mute.state == state for mute in found) for state in ("active", "planned"))
    parts.sentence(_("{n} mutes are in force, {later} are planned; {held} firing alerts are told to nobody").format(n=active, later=later, held=len(hidden)))
    parts.data_from(moment)
    if found:
        listed(found, hidden)
    else:
        parts.empty(_("Nothing is muted."), _("Mute an asset or a rule below while somebody works on it."))
    if hidden:
        quiet(hidden)
    if me.may(Right.MUTE_WRITE):
        st.markdown(f"##### {_('New mute')}")
        mute_form.form(here, me, moment)


parts.guarded(body)
