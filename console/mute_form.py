"""The form of a new mute: what it covers (with what that hides now), once or coming back, and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import streamlit as st

from console import parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, marked
from console.identity.accounts import Account
from console.identity.roles import Role
from console.queries import cases, mutes
from console.text import plain
from console.words import SEVERITY, look, word

KINDS: Final[Mapping[str, str]] = {
    "silence": marked("silence"),
    "maintenance": marked("maintenance"),
    "freeze": marked("freeze"),
    "except": marked("exception"),
}
CLASSES: Final[Mapping[str, str]] = {"operations": marked("operations"), "security": marked("security"), "compliance": marked("compliance")}
PATTERNS: Final[Mapping[str, str]] = {
    "day": marked("days of the week"),
    "nth": marked("nth weekday of the month"),
    "working_day": marked("nth working day of the month"),
    "month_day": marked("nth day of the month"),
    "on": marked("kind of day (calendar)"),
}
PLACES: Final = (1, 2, 3, 4, 5, 10, 15, 20, 25, -1)
LENGTHS: Final = ("30m", "1h", "2h", "4h", "8h", "24h", "7d")
EXCEPTED: Final = ("7d", "30d", "90d", "180d", "365d")
MAY_EXCEPT: Final = frozenset({Role.DUTY_LEADER, Role.SECURITY_OFFICER})
LONGEST: Final = timedelta(days=30)


def form(here: Desk, me: Account, moment: datetime) -> None:
    """Everything of a new mute; one press asks the service."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kinds = [key for key in KINDS if key != "except" or MAY_EXCEPT & set(me.roles)]
        kind = st.segmented_control(_("Kind"), kinds, default="silence", format_func=lambda key: word(KINDS, key), key="mute-kind") or "silence"
        classes = _classes() if kind in ("maintenance", "freeze") else []
        comes_back = kind != "except" and st.toggle(_("comes back"), key="mute-back")
    if kind == "except":
        st.caption(_("An exception ends these alerts and accepts what they say until it runs out; it needs a rule and a place."))
    match = _match(here)
    span, problem = _recurring(here, moment) if comes_back else _once(here, moment, EXCEPTED if kind == "except" else LENGTHS)
    why = st.text_input(_("Reason"), key="mute-why", max_chars=500)
    problem = problem or _preview(here, match, kind, classes)
    if problem:
        st.warning(plain(problem))
    label = _("Mute {what}").format(what=plain(mutes.match_text(match), 60) or "…")
    if st.button(label, type="primary", disabled=bool(problem) or not match or not why.strip(), key="mute-do"):
        about = {"match": match, "why": why.strip()}
        args = {"kind": kind, "by": me.name, **about, **span, **({"classes": classes} if classes else {})}
        asked = do(here, me, "except", {**about, "until": span["until"]}, "") if kind == "except" else do(here, me, "mute", args, "")
        if asked:
            st.rerun()


def _classes() -> list[str]:
    return st.multiselect(_("Alerts of"), list(CLASSES), default=["operations"], format_func=lambda key: word(CLASSES, key), key="mute-classes")


def _match(here: Desk) -> dict[str, Any]:
    assets = here.estate.assets()
    ids, given = sorted(assets), parts.asked("asset")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            _("Assets"), ids, default=[given] if given in ids else [], format_func=here.estate.title, placeholder=_("choose"), key="mute-assets"
        )
        many = st.multiselect(
            _("or everything of"), mutes.groups(assets.values()), format_func=lambda pair: _group(here, pair), placeholder=_("choose"), key="mute-groups"
        )
        rule = st.text_input(_("Rule"), value=parts.asked("rule"), placeholder=_("all rules"), key="mute-rule", help=_("~ before a regular expression"))
        grave = st.multiselect(_("Severity"), list(SEVERITY), format_func=lambda key: look(SEVERITY, key).text, placeholder=_("all"), key="mute-severity")
    return mutes.match_of(chosen, many, rule.strip(), grave)


def _group(here: Desk, pair: tuple[str, str]) -> str:
    names = {"kind": _("kind"), "site": _("site"), "unit": _("unit"), "located_in": _("stands in")}
    return f"{names[pair[0]]}: {here.estate.title(pair[1]) if pair[0] == 'located_in' else pair[1]}"


def _once(here: Desk, moment: datetime, lengths: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        begin = st.datetime_input(_("from"), value=moment.astimezone(here.zone).replace(tzinfo=None), key="mute-from")
        lasts = st.selectbox(_("for"), lengths, index=2, key="mute-for")
    start = begin.replace(tzinfo=here.zone) if isinstance(begin, datetime) else moment
    start = max(start, moment - timedelta(minutes=1))
    return {"from": start.isoformat(), "until": (start + mutes.length(lasts)).isoformat()}, ""


def _recurring(here: Desk, moment: datetime) -> tuple[dict[str, Any], str]:
    """The window, and what is wrong with it."""
    today = moment.astimezone(here.zone).date()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pattern = st.selectbox(_("On"), list(PATTERNS), format_func=lambda key: word(PATTERNS, key), key="mute-pattern")
        days = _days(pattern)
        start = st.time_input(_("from"), value=time(22), key="mute-window-from")
        end = st.time_input(_("to"), value=time(2), key="mute-window-to")
        last = st.date_input(
            _("until"), value=today + LONGEST - timedelta(days=2), min_value=today, max_value=today + LONGEST - timedelta(days=1), key="mute-last"
        )
    if not days:
        return {}, _("Choose the days.")
    if not isinstance(last, date):
        return {}, _("Choose the last day.")
    window = {**days, "from": f"{start:%H:%M}", "to": f"{end:%H:%M}"}
    until = datetime.combine(last, time(23, 59, 59), here.zone)
    st.caption(plain(f"{mutes.window_text(window)} · {_('Windows without an end stand in the site files (alerting/*.yaml, mutes).')}"))
    return {"recurring": window, "until": until.isoformat()}, ""


def _days(pattern: str) -> dict[str, Any]:
    """The key of ``recurring`` that a pattern fills; empty while nothing is chosen."""
    if pattern == "on":
        kind = st.selectbox(_("Days"), list(mutes.ON), format_func=lambda key: word(mutes.ON, key), key="mute-on")
        return {"on": kind}
    if pattern in ("working_day", "month_day"):
        places = st.multiselect(_("Number"), PLACES, default=[1], format_func=_place, key="mute-places")
        return {pattern: places} if places else {}
    days = st.multiselect(_("Days"), list(mutes.DAYS), default=["sat"], format_func=lambda key: word(mutes.DAYS, key), key="mute-days")
    if pattern == "day":
        return {"day": days} if days else {}
    places = st.multiselect(_("Number"), (1, 2, 3, 4, -1), default=[1], format_func=_place, key="mute-nth")
    return {"day": days, "nth": places} if days and places else {}


def _place(number: int) -> str:
    return _("last") if number == -1 else str(number)


def _preview(here: Desk, match: dict[str, Any], kind: str, classes: list[str]) -> str:
    """Show what it would hide now; returns what is wrong with the match."""
    if not match:
        return ""
    try:
        found = mutes.covered(cases.live_cases(here.store), match, here.estate.assets(), kind, classes)
    except ValueError as err:
        return str(err)
    text = _("This hides {n} alerts that fire now, of {cases} incidents: {names}")
    names = ", ".join(f"{here.estate.title(one.member.asset)} {one.member.rule}" for one in found[:8]) + (" …" if len(found) > 8 else "")
    st.caption(text.format(n=len(found), cases=len({one.case.id for one in found}), names=plain(names, 400) or "–"))
    if grave := [one for one in found if one.case.priority in ("P1", "P2")]:
        st.warning(_("{n} of them belong to incidents of priority P1 or P2.").format(n=len(grave)))
    return ""
