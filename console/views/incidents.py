"""All incidents, filtered."""

from __future__ import annotations

import streamlit as st

from console import case_actions, parts
from console.i18n import _
from console.identity.roles import Right
from console.lists import case_list
from console.queries import cases
from console.words import STATE, look

here, me = parts.enter(Right.INCIDENT_READ)

with st.container(horizontal=True, vertical_alignment="bottom"):
    words = st.text_input(_("Search"), value=parts.asked("q"), placeholder=_("words in title, asset, owner"), key="cases-words")
    states = st.pills(
        _("State"),
        cases.STATES,
        selection_mode="multi",
        default=[state for state in parts.asked("state", "open,acknowledged").split(",") if state in cases.STATES],
        format_func=lambda state: look(STATE, state).text,
        key="cases-states",
    )
    priorities = st.pills(
        _("Priority"),
        cases.PRIORITIES,
        selection_mode="multi",
        default=[priority for priority in parts.asked("priority").split(",") if priority in cases.PRIORITIES],
        key="cases-priorities",
    )
    if me.may(Right.INCIDENT_ACT) and st.button(_("New incident"), icon=":material/add:", key="cases-new"):
        case_actions.open_dialog(here, me)
parts.remember(q=words, state=",".join(states), priority=",".join(priorities))


@parts.live(10)
def body() -> None:
    """The list."""
    moment = here.now()
    page = cases.list_cases(here.store, states, priorities, limit=2000)
    found = sorted((case for case in page.items if cases.matches(case, words)), key=lambda case: case.order)
    live = sum(case.is_live for case in found)
    parts.sentence(_("{n} incidents, {live} of them open or acknowledged").format(n=f"{len(found):,}", live=f"{live:,}"))
    parts.data_from(moment, _("only the newest {n} were read").format(n=2000) if page.cursor else "")
    if found:
        case_list(found, "cases", moment)
    else:
        parts.empty(_("No incident matches."), _("Choose more states or take words away."))


body()
