"""Blocks of an incident's page: its alerts and why each is here, what it is linked with, the requirements it bears on, who was told."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from compliance.framework import load_framework
from console import judging, parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, two
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import belonging, notices, times, touches
from console.queries.cases import Case, Member
from console.text import plain
from console.words import HELD, SEVERITY, STATE, look, word

MOST = 500


def members(here: Desk, me: Account, case: Case, moment: datetime) -> None:
    """The alerts; a click on one says why it is here, and lets it be judged, split off or muted."""
    st.markdown(f"##### {_('What belongs to it')}")
    picked = parts.rows(
        [
            {
                _("severity"): look(SEVERITY, member.severity).text,
                _("asset"): here.estate.title(member.asset),
                _("rule"): member.rule,
                _("why here"): belonging.why_here(member, case, here.estate.title),
                _("held by"): word(HELD, member.held_by) if member.held_by else "",
                _("state"): look(STATE, member.state).text,
                _("since"): times.ago(member.start, moment),
                _("text"): member.text,
            }
            for member in case.members[:MOST]
        ],
        "case-members",
        {
            _("severity"): st.column_config.TextColumn(width=64),
            _("asset"): st.column_config.TextColumn(width=120),
            _("rule"): st.column_config.TextColumn(width=90),
            _("why here"): st.column_config.TextColumn(width=170),
            _("held by"): st.column_config.TextColumn(width=60),
        },
    )
    if picked is None or picked >= len(case.members):
        st.caption(_("Click an alert to see why it is here, to judge it, to split it off or to mute it."))
        return
    _one(here, me, case, case.members[picked], moment)


def _one(here: Desk, me: Account, case: Case, member: Member, moment: datetime) -> None:
    why = belonging.why_here(member, case, here.estate.title)
    joined = times.clock(times.read(member.body.get("joined")), here.zone, moment)
    st.markdown(f"**{plain(member.rule)}** {plain(here.estate.title(member.asset))}: {plain(why, 300)} :gray[{plain(joined)}]")
    if member.held_by:
        st.markdown(f"‖ {plain(belonging.why_held(member, here.estate.title), 300)}")
    with st.container(horizontal=True):
        if case.is_live and me.may(Right.INCIDENT_ACT) and len(case.members) > 1:
            pressed = st.button(_("Does not belong here: split off"), icon=":material/call_split:", key="member-split")
            if pressed and do(here, me, "split", {"alerts": [member.fingerprint]}, case.id):
                st.rerun()
        if me.may(Right.MUTE_WRITE) and st.button(_("Mute this rule here"), icon=":material/notifications_paused:", key="member-mute"):
            parts.go("mutes.py", asset=member.asset, rule=member.rule)
    judging.single(here, me, case, member)


def links(here: Desk, case: Case) -> None:
    """Earlier and later incidents of the same fault, what was merged and split."""
    found = belonging.links_of(here.store, case)
    if found:
        st.markdown(f"##### {_('Linked incidents')}")
    for what, id_ in found[:20]:
        st.page_link(parts.VIEWS / "incident.py", label=f"{word(belonging.LINKS, what)} {id_}", query_params={"id": id_}, icon=":material/link:")


def requirements(me: Account, case: Case) -> None:
    """The requirements of graded protection that its alerts bear on."""
    found = touches.items_of(case)
    if not found or not me.may(Right.COMPLIANCE_READ):
        return
    st.markdown(f"##### {_('Requirements of graded protection it bears on')}")
    known = {item.id: item for item in load_framework().items}
    for item in [item for item in found if item in known][:8]:
        label = f"{item} {two(known[item].control_point, known[item].control_point_en)}: {two(known[item].zh, known[item].en)}"
        st.page_link(parts.VIEWS / "compliance.py", label=plain(label, 110), query_params={"item": item}, icon=":material/verified_user:")


def told(here: Desk, case: Case, moment: datetime) -> None:
    """Each notice: to whom, for what reason, what became of it; and who is not told and why."""
    sent = notices.of_case(here.store, case.id)
    quiet = notices.not_told(case, moment)
    with st.expander(_("Notices: {n} sent or tried").format(n=len(sent)), icon=":material/send:"):
        for line in quiet:
            st.caption(f"‖ {plain(line, 300)}")
        if sent:
            parts.table(
                [
                    {
                        _("time"): times.clock(one.time, here.zone, moment),
                        _("receiver"): one.receiver,
                        _("person"): one.person,
                        _("why"): notices.reason_word(one.reason),
                        _("answer"): notices.answer_word(one.answer),
                        _("tries"): one.tries,
                    }
                    for one in sent
                ]
            )
        else:
            st.caption(_("Nobody was told yet."))
