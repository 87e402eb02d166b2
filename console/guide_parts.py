"""The cases of the high-risk guide on an object: where each stands, its signs, and what an officer looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from compliance.dossier import Dossier
from compliance.signs import Standing, State
from console import parts
from console.desk import Desk
from console.i18n import _, listed, marked, two
from console.text import plain
from console.words import OUTCOME, Look, look

STATE: Final[Mapping[str, Look]] = {
    "met": Look(marked("case is met"), "●", "red", "#C62828"),
    "open": Look(marked("to be judged"), "◆", "orange", "#E65100"),
    "excluded": Look(marked("excluded"), "✓", "green", "#2E7D32"),
}
SHOWN_ASSETS: Final = 5


def case_table(here: Desk, found: Dossier) -> None:
    """All cases, those that are met or have signs first; a click opens one."""
    if not found.standings:
        parts.empty(_("The high-risk guide has no case for this object."))
        return
    order = list(State)
    shown = sorted(found.standings, key=lambda one: (order.index(one.state), not one.failing))
    count = {state: sum(one.state is state for one in shown) for state in State}
    text = _("{met} cases are met, {open} are to be judged ({signs} with signs), {excluded} are excluded")
    signs = sum(one.state is State.OPEN and bool(one.failing) for one in shown)
    st.caption(text.format(met=count[State.MET], open=count[State.OPEN], excluded=count[State.EXCLUDED], signs=signs))
    rows = [
        {
            _("case of the guide"): f"{one.case.case} {two(one.case.title, one.case.title_en)}",
            _("state"): look(STATE, one.state).text,
            _("checks that fail"): listed(two(title.zh, title.en) for title, _assets in one.failing),
            _("requirement"): ", ".join(one.items),
        }
        for one in shown
    ]
    row = parts.rows(rows, "cases", {_("case of the guide"): st.column_config.TextColumn(width="large")}, height=min(32 * (len(rows) + 1) + 3, 360))
    if row is None:
        st.caption(_("Click a case for its signs and for what to look at."))
        return
    chosen = shown[row]
    st.markdown(f"{parts.badge(STATE, chosen.state)} **{plain(chosen.case.case)}** {plain(two(chosen.case.title, chosen.case.title_en))}")
    signs_of(here, chosen)
    for name in chosen.items:
        if st.button(_("Verdicts and evidence of {item}").format(item=name), icon=":material/verified_user:", key=f"case-{name}"):
            parts.go("compliance.py", item=name)


def signs_of(here: Desk, one: Standing) -> None:
    """Which checks speak for a case and which do not, and what to look at. Nothing of it decides by itself."""
    for title, assets in one.failing:
        names = listed(here.estate.title(name) for name in assets[:SHOWN_ASSETS]) + (" …" if len(assets) > SHOWN_ASSETS else "")
        st.markdown(f"{parts.badge(OUTCOME, 'fail')} {plain(two(title.zh, title.en))} · {plain(names)}")
    if one.quiet:
        st.caption(_("These checks do not fail: {checks}").format(checks=plain(listed(two(title.zh, title.en) for title in one.quiet))))
    if one.look:
        st.markdown(f"{_('What to look at')}: {plain(two(one.look.zh, one.look.en))}")
