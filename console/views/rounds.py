"""Inspection rounds: what is due, what was walked, and one round with its items."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from compliance.reports.content import Words
from compliance.rounds import report, walk
from compliance.rounds.shelf import due, rounds
from compliance.rounds.template import SHIPPED, SPAN, load_templates
from console import parts, rounds_parts
from console.case_actions import do
from console.i18n import _, marked, two
from console.identity.roles import Right
from console.text import plain
from store.base import Document

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
EVERY = {"day": marked("daily"), "week": marked("weekly"), "month": marked("monthly"), "quarter": marked("quarterly"), "year": marked("yearly")}


def signed(document: Document) -> datetime | None:
    """When a round was signed."""
    return datetime.fromisoformat(document.body["signed"]) if document.body["state"] == "signed" else None


def templates(found: list[Document]) -> None:
    """Every template with its last round, and the button that begins one."""
    known, problems = load_templates((SHIPPED, here.settings.site_folder / "rounds"))
    for problem in problems:
        st.error(plain(str(problem)))
    last = {name: max((time for one in found if one.body["template"] == name and (time := signed(one))), default=None) for name in known}
    running = {one.body["template"] for one in found if one.body["state"] == "open"}
    late = sum(time is not None and moment > due(time, known[name].every) for name, time in last.items())
    parts.sentence(_("{open} rounds are being walked, {late} are overdue").format(open=len(running), late=late))
    parts.data_from(moment)
    parts.table(
        [
            {
                _("round"): two(one.title.zh, one.title.en),
                _("how often"): _(EVERY[one.every.value]),
                _("items"): len(one.items),
                _("from telemetry"): sum(item.read is not None for item in one.items),
                _("last signed"): parts.when(last[name], moment) or _("never"),
                _("due"): parts.when(time + SPAN[one.every], moment) if (time := last[name]) else "",
            }
            for name, one in known.items()
        ]
    )
    free = [name for name in known if name not in running]
    if free and me.may(Right.INCIDENT_ACT):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox(_("Round"), free, format_func=lambda key: two(known[key].title.zh, known[key].title.en), key="round-template", width=320)
            if st.button(_("Begin"), type="primary", icon=":material/checklist:", key="round-begin") and do(here, me, "round.begin", {"template": name}, ""):
                st.rerun()


def walked(found: list[Document]) -> None:
    """Rounds, the newest first; a click opens one."""
    st.markdown(f"##### {_('Rounds walked')}")
    if not found:
        parts.empty(_("No round was begun yet."), _("Choose one above: what telemetry knows is filled in at once."))
        return
    shown = found[:300]
    spoken: Words = rounds_parts.words(here)
    row = parts.rows(
        [
            {
                _("begun"): parts.when(datetime.fromisoformat(one.body["begun"]), moment),
                _("round"): two(one.body["title"]["zh"], one.body["title"]["en"]),
                _("state"): _("signed") if signed(one) else _("being walked"),
                _("result"): report.result(one.body, spoken),
                _("not in order"): walk.counts(one.body)["deviates"],
                _("who"): str(one.body.get("signer") or one.body["by"]),
            }
            for one in shown
        ],
        "rounds",
    )
    if row is not None:
        parts.go("rounds.py", id=shown[row].id)


def body() -> None:
    """The list, or one round."""
    found = rounds(here.store)
    asked = parts.asked("id")
    chosen = next((one for one in found if one.id == asked), None)
    if chosen is None:
        templates(found)
        walked(found)
        return
    if st.button(_("All rounds"), icon=":material/arrow_back:", type="tertiary"):
        parts.go("rounds.py")
    rounds_parts.one_round(here, me, chosen)


parts.guarded(body)
