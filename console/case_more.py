"""What is done to an incident less often: hand it on, quieten it, stop its clock, take it apart, put it together, undo that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import streamlit as st

from console.case_actions import TIMES, do
from console.desk import Desk
from console.i18n import _, marked
from console.identity.accounts import Account
from console.queries import cases
from console.queries.cases import PRIORITIES, Case, Member
from console.words import word

PAUSES: Final[Mapping[str, str]] = {
    "vendor": marked("the vendor"),
    "approval": marked("an approval"),
    "parts": marked("spare parts"),
    "customer": marked("the user"),
    "other": marked("something else"),
}
Form = Callable[[Desk, Account, Case], bool]


def show(here: Desk, me: Account, case: Case) -> None:
    """A dialog: choose what, then its fields."""

    @st.dialog(_("More"))
    def ask_more() -> None:
        chosen = st.selectbox(_("What"), _open_to(case), format_func=lambda key: word(WHAT, key), key="more-what")
        if FORMS[chosen](here, me, case):
            st.rerun()

    ask_more()


def _open_to(case: Case) -> list[str]:
    """What makes sense in the incident's present state."""
    hidden = {"pause" if case.body.get("pause") else "resume", *(() if len(case.members) > 1 else ("split", "reroot"))}
    return [key for key in FORMS if key not in hidden]


def _people(here: Desk) -> list[str]:
    return sorted(account.name for account in here.identity.accounts.all() if not account.disabled)


def _assign(here: Desk, me: Account, case: Case) -> bool:
    people = _people(here)
    person = st.selectbox(_("Assign to"), people, index=people.index(me.name) if me.name in people else 0, key="more-person")
    return st.button(_("Assign"), key="more-assign") and do(here, me, "assign", {"person": person}, case.id)


def _respond(here: Desk, me: Account, case: Case) -> bool:
    person = st.selectbox(_("Call"), _people(here), key="more-respond")
    st.caption(_("The person is told at once by every receiver that is theirs."))
    return st.button(_("Ask for help"), key="more-ask") and do(here, me, "respond", {"person": person}, case.id)


def _snooze(here: Desk, me: Account, case: Case) -> bool:
    lasts = st.segmented_control(_("Snooze for"), TIMES, default="2h", key="more-for")
    st.caption(_("Nobody is told or called until then, unless it gets worse; then it is open again."))
    return st.button(_("Snooze"), key="more-snooze") and do(here, me, "snooze", {"for": lasts or "2h"}, case.id)


def _priority(here: Desk, me: Account, case: Case) -> bool:
    index = PRIORITIES.index(case.priority) if case.priority in PRIORITIES else 0
    priority = st.selectbox(_("Priority"), PRIORITIES, index=index, key="more-priority")
    return st.button(_("Set priority"), key="more-set") and do(here, me, "set_priority", {"priority": priority}, case.id)


def _pause(here: Desk, me: Account, case: Case) -> bool:
    waits = st.selectbox(_("It waits for"), list(PAUSES), format_func=lambda key: word(PAUSES, key), key="more-pause-for")
    why = st.text_input(_("Reason"), key="more-pause-why", max_chars=500)
    st.caption(_("The time until it is resolved stands still; the time until somebody has it does not."))
    return st.button(_("Stop the clock"), key="more-pause") and do(here, me, "pause", {"for": waits, "why": why.strip()}, case.id)


def _resume(here: Desk, me: Account, case: Case) -> bool:
    return st.button(_("Let the clock run"), key="more-resume") and do(here, me, "resume", {}, case.id)


def _split(here: Desk, me: Account, case: Case) -> bool:
    chosen = st.multiselect(
        _("Alerts that become an incident of their own"),
        case.members,
        format_func=lambda member: f"{here.estate.title(member.asset)} · {member.rule}",
        placeholder=_("choose"),
        key="more-members",
    )
    pressed = st.button(_("Split off"), disabled=not chosen or len(chosen) == len(case.members), key="more-split")
    return pressed and split_off(here, me, case, chosen)


def split_off(here: Desk, me: Account, case: Case, members: list[Member]) -> bool:
    """Ask for an incident of their own for these alerts."""
    return do(here, me, "split", {"alerts": [member.fingerprint for member in members]}, case.id)


def _merge(here: Desk, me: Account, case: Case) -> bool:
    others = [other for other in cases.live_cases(here.store) if other.id != case.id]
    into = st.selectbox(
        _("It belongs to"),
        others,
        index=None,
        format_func=lambda other: f"{other.id} {other.priority} {other.title}"[:120],
        placeholder=_("choose"),
        key="more-into",
    )
    st.caption(_("Its alerts move there; within 24 hours this can be undone on the page of the merged incident."))
    return st.button(_("Merge"), disabled=into is None, key="more-merge") and into is not None and do(here, me, "merge", {"into": into.id}, case.id)


def _reroot(here: Desk, me: Account, case: Case) -> bool:
    asset = st.selectbox(_("It began at"), [name for name in case.assets if name], format_func=here.estate.title, key="more-root")
    return st.button(_("Make it the root"), key="more-reroot") and do(here, me, "reroot", {"asset": asset}, case.id)


WHAT: Final[Mapping[str, str]] = {
    "assign": marked("Assign"),
    "respond": marked("Ask for help"),
    "snooze": marked("Snooze"),
    "priority": marked("Priority"),
    "pause": marked("Wait for somebody"),
    "resume": marked("Wait no longer"),
    "split": marked("Split off alerts"),
    "merge": marked("Merge into another incident"),
    "reroot": marked("Another root"),
}
FORMS: Final[Mapping[str, Form]] = {
    "assign": _assign,
    "respond": _respond,
    "snooze": _snooze,
    "priority": _priority,
    "pause": _pause,
    "resume": _resume,
    "split": _split,
    "merge": _merge,
    "reroot": _reroot,
}
