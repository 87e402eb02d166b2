"""The buttons of an incident: each asks the service, waits a moment for its answer and says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from console import parts
from console.actions import ask, outcome
from console.desk import Desk
from console.i18n import _, marked, one
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries.cases import Case
from console.text import plain
from console.words import SEVERITY, look, word

CAUSES: Final[Mapping[str, str]] = {
    "fixed": marked("fixed"),
    "self_recovered": marked("recovered by itself"),
    "false_positive": marked("false alarm"),
    "duplicate": marked("duplicate"),
    "planned": marked("planned work"),
    "accepted_risk": marked("accepted risk"),
}
TIMES: Final = ("30m", "2h", "8h", "24h")


def buttons(here: Desk, me: Account, case: Case, more: Callable[[], None]) -> None:
    """What this account may do to an incident in its present state; ``more`` opens the rest."""
    if not me.may(Right.INCIDENT_ACT):
        st.caption(_("Your roles allow looking, not acting."))
        return
    with st.container(horizontal=True):
        if case.state == "open":
            _button("acknowledge", _("Acknowledge"), ":material/check:", lambda: acknowledge_dialog(here, me, case), is_first=True)
            if not case.owner:
                _button("take", _("Take it"), ":material/person:", lambda: do(here, me, "assign", {"person": me.name}, case.id))
        if case.state == "candidate":
            _button("confirm", _("Confirm"), ":material/check:", lambda: do(here, me, "confirm", {}, case.id), is_first=True)
        if case.state == "acknowledged":
            _button("still", _("Still working"), ":material/schedule:", lambda: do(here, me, "still_working", {}, case.id))
            _button("unacknowledge", _("Give back"), ":material/undo:", lambda: do(here, me, "unacknowledge", {}, case.id))
        if case.is_live:
            _button("resolve", _("Resolve"), ":material/task_alt:", lambda: end_dialog(here, me, case, "resolve"))
            _button("more", _("More"), ":material/more_horiz:", more)
        if case.state == "resolved":
            _button("close", _("Close"), ":material/archive:", lambda: end_dialog(here, me, case, "close"))
            _button("reopen", _("Reopen"), ":material/replay:", lambda: do(here, me, "reopen", {}, case.id))
        if case.state == "merged":
            _button("unmerge", _("Undo the merge"), ":material/undo:", lambda: do(here, me, "unmerge", {}, case.id))
        if case.is_live and me.may(Right.MUTE_WRITE):
            _button("mute", _("Silence"), ":material/notifications_paused:", lambda: parts.go("mutes.py", asset=case.root))
    _comment(here, me, case)


def do(here: Desk, me: Account, what: str, args: Mapping[str, Any], on: str) -> bool:
    """Ask, wait, say; True when it was done or is on its way."""
    intent = parts.attempt(lambda: ask(here, me, what, args, on))
    if intent is None:
        return False
    with st.spinner(_("asking the service …")):
        state, message = outcome(here, intent)
    if state == "refused":
        st.error(_("Refused: {reason}").format(reason=plain(one(message))))
        return False
    st.toast(_("done") if state == "done" else _("noted; the service carries it out as soon as it can"), icon=":material/check:")
    return True


def acknowledge_dialog(here: Desk, me: Account, case: Case) -> None:
    """For how long, and a word to the others."""

    @st.dialog(_("Acknowledge"))
    def ask_more() -> None:
        st.markdown(plain(case.title, 120))
        lasts = st.segmented_control(_("for"), TIMES, default="8h", key="ack-for")
        text = st.text_input(_("Comment"), key="ack-text")
        sticky = st.checkbox(_("Keep it even when the priority rises"), key="ack-sticky")
        if st.button(_("Acknowledge"), type="primary", key="ack-do"):
            is_done = do(here, me, "acknowledge", {"expires": lasts or "8h", **({"sticky": True} if sticky else {})}, case.id)
            if is_done and text.strip():
                do(here, me, "comment", {"text": text.strip()}, case.id)
            if is_done:
                st.rerun()

    ask_more()


def open_dialog(here: Desk, me: Account) -> None:
    """A trouble that no alert tells: its title, where, how grave."""

    @st.dialog(_("New incident"))
    def ask_more() -> None:
        title = st.text_input(_("What is wrong"), key="open-title", max_chars=200)
        asset = st.selectbox(_("Asset"), sorted(here.estate.assets()), index=None, format_func=here.estate.title, placeholder=_("choose"), key="open-asset")
        grave = st.segmented_control(_("Severity"), list(SEVERITY), default="warning", format_func=lambda key: look(SEVERITY, key).text, key="open-severity")
        args = {"title": title.strip(), "severity": grave or "warning", **({"asset": asset} if asset else {})}
        if st.button(_("Open"), type="primary", disabled=not title.strip(), key="open-do") and do(here, me, "open", args, ""):
            st.rerun()

    ask_more()


def end_dialog(here: Desk, me: Account, case: Case, what: str) -> None:
    """Resolve or close, with reason and cause."""
    title = _("Resolve") if what == "resolve" else _("Close")

    @st.dialog(title)
    def ask_more() -> None:
        st.markdown(plain(case.title, 120))
        if what == "resolve" and case.firing:
            st.caption(_("{n} alerts still fire; if they go on the incident opens again.").format(n=len(case.firing)))
        reason = st.selectbox(_("Reason"), list(CAUSES), format_func=lambda key: word(CAUSES, key), key="end-reason")
        cause = st.text_input(_("Cause"), key="end-cause")
        args = {"reason": reason, "cause": cause.strip()}
        if what == "close" and case.priority in ("P1", "P2"):
            args["review"] = st.text_area(_("Review: what happened, what is changed so that it does not return"), key="end-review").strip()
        if st.button(title, type="primary", key="end-do") and do(here, me, what, args, case.id):
            st.rerun()

    ask_more()


def _button(key: str, label: str, icon: str, press: Callable[[], object], *, is_first: bool = False) -> None:
    if st.button(label, icon=icon, type="primary" if is_first else "secondary", key=f"case-{key}"):
        press()


def _comment(here: Desk, me: Account, case: Case) -> None:
    with st.form("case-comment", clear_on_submit=True, border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(_("Comment"), placeholder=_("what you see, what you do"), label_visibility="collapsed")
        if st.form_submit_button(_("Send")) and text.strip() and do(here, me, "comment", {"text": text.strip()}, case.id):
            st.rerun()
