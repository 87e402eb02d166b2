"""Was this alarm worth it? Three buttons on an incident, and on each alert of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from console import parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, marked
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries.cases import Case, Member
from console.queries.quality import Said, said_of
from console.text import plain
from console.words import Look

VERDICT: Final[Mapping[str, Look]] = {
    "useful": Look(marked("useful"), "✓", "green", "#2E7D32"),
    "false": Look(marked("false alarm"), "●", "red", "#C62828"),
    "known": Look(marked("known"), "■", "gray", "#616161"),
}


def whole(here: Desk, me: Account, case: Case) -> None:
    """The verdict on the incident: one press."""
    found = said_of(here.store, case.id)
    shown = {said.verdict for said in found.values()} - {""}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":gray[{_('Was it worth it?')}]", width="content")
        if len(shown) == 1 and all(said.verdict for said in found.values()):
            first = next(iter(found.values()))
            st.markdown(f"{parts.badge(VERDICT, first.verdict)} :gray[{plain(first.by)}]", width="content")
        _buttons(here, me, case.id, "", "judge")


def single(here: Desk, me: Account, case: Case, member: Member) -> None:
    """The verdict on one alert of it."""
    said = said_of(here.store, case.id).get(member.fingerprint, Said())
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(f"**{plain(here.estate.title(member.asset), 40)}** {plain(member.rule, 60)}", width="content")
        if said.verdict:
            st.markdown(f"{parts.badge(VERDICT, said.verdict)} :gray[{plain(said.by)}]", width="content")
        _buttons(here, me, case.id, member.fingerprint, "judge-one")


def _buttons(here: Desk, me: Account, incident: str, alert: str, key: str) -> None:
    if not me.may(Right.INCIDENT_ACT):
        return
    for verdict, look in VERDICT.items():
        pressed = st.button(look.text, key=f"{key}-{verdict}", type="tertiary")
        if pressed and do(here, me, "judge_alarm", {"verdict": verdict, **({"alert": alert} if alert else {})}, incident):
            st.rerun()
