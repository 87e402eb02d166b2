"""Who is on duty, what one shift leaves to the next, stand-ins and swaps."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from console import parts
from console.case_actions import do
from console.i18n import _, language
from console.identity.roles import Right, Role
from console.lists import case_list
from console.queries import cases, duty, times
from console.text import plain
from core.calendar import Calendar, load_calendar
from core.errors import ConfigError

here, me = parts.enter(Right.INCIDENT_READ)
moment = here.now()
found = duty.rosters(here.store)
KINDS = {"override": _("stand-in"), "swap": _("swap")}


def clock(time: datetime) -> str:
    """Day and time of day at the site; shifts know no seconds."""
    return f"{time.astimezone(here.zone):%m-%d %H:%M}"


def on_duty() -> None:
    """The first line: who is there, and until when."""
    present = [(roster.name, roster.at(moment)) for roster in found]
    form = _("{rota}: {person} until {time}")
    told = [form.format(rota=plain(name, 30), person=plain(shift.text, 40), time=clock(shift.end)) for name, shift in present if shift]
    parts.sentence(_("On duty now: {names}").format(names="；".join(told) if language() == "zh_CN" else "; ".join(told)))
    gaps = [(roster.name, gap) for roster in found for gap in roster.gaps(moment)]
    if gaps:
        name, first = min(gaps, key=lambda each: each[1].start)
        text = _("Nobody is on duty in {n} shifts of the next five weeks; the first: {rota}, {time}")
        st.warning(plain(text.format(n=len(gaps), rota=name, time=clock(max(first.start, moment)))), icon=":material/person_off:")


def site_calendar() -> Calendar:
    """The site's calendar, the plain one when its file is wrong (the health page says so)."""
    try:
        return load_calendar(here.settings.site_folder / "calendar.yaml", here.zone)
    except ConfigError:
        return Calendar(zone=here.zone)


def plan() -> None:
    """Four weeks, a row a day."""
    today = moment.astimezone(here.zone).date()
    parts.table(duty.calendar_rows(found, today - timedelta(days=1), 29, site_calendar(), here.zone))
    st.caption(_("✎ stand-in, ⇄ swap, ✕ nobody. The turns stand in the site's files (alerting/*.yaml, rotas)."))


def hand_over() -> None:
    """What happened in the present shift, what is open, and notes."""
    running = [shift for roster in found if (shift := roster.at(moment))]
    since = max((shift.start for shift in running), default=moment - timedelta(hours=12))
    told = duty.handed_over([*cases.live_cases(here.store), *cases.list_cases(here.store, ("resolved", "closed"), limit=500).items], since)
    text = _("Since {time}: {opened} incidents began, {ended} ended, {open} are open.")
    st.markdown(f"**{text.format(time=clock(since), opened=len(told['opened']), ended=len(told['ended']), open=len(told['open']))}**")
    if told["open"]:
        case_list(told["open"][:20], "duty-open", moment)
    if me.may(Right.INCIDENT_ACT):
        with st.form("duty-note", clear_on_submit=True):
            rota = st.selectbox(_("Rota"), [roster.name for roster in found], key="duty-note-rota")
            written = st.text_area(_("Note for the next shift"), max_chars=4000, key="duty-note-text")
            if st.form_submit_button(_("Hand over"), type="primary") and written.strip() and do(here, me, "hand_over", {"rota": rota, "text": written}, ""):
                st.rerun()
    for note in duty.notes(here.store, moment):
        st.markdown(f":gray[{times.clock(note.time, here.zone, moment)} · {plain(note.rota, 30)}] **{plain(note.by, 30)}** {plain(note.text, 4000)}")


def changed() -> None:
    """What was changed, and new changes."""
    listed = duty.changes(here.store, moment)
    if listed:
        row = parts.rows(
            [
                {
                    _("rota"): change.rota,
                    _("kind"): KINDS.get(change.kind, change.kind),
                    _("who"): change.who,
                    _("from"): clock(change.start),
                    _("until"): clock(change.end),
                    _("why"): change.why,
                    _("by"): change.by,
                }
                for change in listed
            ],
            "duty-changes",
        )
        if row is not None and (me.name == listed[row].by or Role.DUTY_LEADER in me.roles):
            label = _("Take back: {who}").format(who=plain(listed[row].who, 40))
            if st.button(label, key="duty-cancel") and do(here, me, "duty_cancel", {"id": listed[row].id}, ""):
                st.rerun()
    else:
        st.caption(_("Nothing was changed: everybody takes their turn."))
    if me.may(Right.INCIDENT_ACT):
        new_change()


def new_change() -> None:
    """Ask for a swap, or (leaders) a stand-in."""
    names = sorted({shift.person for roster in found for shift in roster.shifts if shift.person} | {one.name for one in here.identity.accounts.all()})
    kinds = ["swap", *(["override"] if Role.DUTY_LEADER in me.roles else [])]
    with st.form("duty-change", border=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            kind = st.segmented_control(_("Kind"), kinds, default="swap", format_func=KINDS.__getitem__, key="duty-kind")
            rota = st.selectbox(_("Rota"), [roster.name for roster in found], key="duty-rota")
            gives = st.selectbox(_("Gives (of a swap)"), names, index=names.index(me.name) if me.name in names else 0, key="duty-gives")
            takes = st.selectbox(_("Takes over"), names, key="duty-takes")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            local = moment.astimezone(here.zone).replace(tzinfo=None, second=0, microsecond=0)
            start = st.datetime_input(_("from"), value=local, key="duty-from")
            end = st.datetime_input(_("until"), value=local + timedelta(days=1), key="duty-until")
            why = st.text_input(_("Reason"), key="duty-why")
        sent = st.form_submit_button(_("Record the change"), type="primary")
    if sent and isinstance(start, datetime) and isinstance(end, datetime):
        span = {"from": start.replace(tzinfo=here.zone).isoformat(), "until": end.replace(tzinfo=here.zone).isoformat(), "why": why}
        args = {"rota": rota, "gives": gives, "takes": takes, **span} if kind == "swap" else {"rota": rota, "person": takes, **span}
        if do(here, me, f"duty_{kind or 'swap'}", args, ""):
            st.rerun()


if found:
    on_duty()
    parts.data_from(moment)
    for tab, draw in zip(st.tabs([_("Calendar"), _("Hand-over"), _("Stand-ins and swaps")]), (plan, hand_over, changed), strict=True):
        with tab:
            draw()
else:
    st.caption(_("Duty"))
    parts.empty(
        _("No rota is set up: nobody is called by turns."),
        _("Write rotas and chains into alerting/duty.yaml of the site folder; the page on incidents shows an example. They count a few seconds later."),
    )
