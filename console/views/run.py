"""One run: its plan, how far it is, what every target said, who decided what, and what can be done."""

from __future__ import annotations

import streamlit as st

from console import parts, run_actions
from console.i18n import _
from console.identity.roles import Right
from console.queries import runs, times
from console.run_words import ENTRIES, RISK, RUN
from console.text import plain
from console.words import word
from playbooks.journal import ENGINE, summary

here, me = parts.enter(Right.PLAYBOOK_READ)
id_ = parts.asked("id")
first = runs.whole(here.store, id_) if id_ else None
if first is None:
    parts.empty(_("There is no such run."), page="runs.py", label=_("all runs"))
    st.stop()


@parts.live(5)
def story() -> None:
    """State, steps and journal, drawn anew as it goes on."""
    found = runs.whole(here.store, id_)
    if found is None:
        return
    moment, state = here.now(), found.state
    about = summary(found.plan, found.playbook, state)
    st.markdown(f"#### {parts.badge(RISK, found.plan.risk.value)} {plain(runs.words(found.playbook.title))} {parts.badge(RUN, about['state'])}")
    undo = times.read(about["undo_at"])
    parts.strip(
        [
            (_("asked for by"), plain(state.requester)),
            (_("asked at"), plain(times.clock(state.asked, here.zone, moment))),
            (_("began at"), plain(times.clock(state.started, here.zone, moment))),
            (_("ended at"), plain(times.clock(state.ended, here.zone, moment))),
            (_("put back at"), plain(times.clock(undo, here.zone, moment))),
            (_("incident"), plain(about["incident"])),
            (_("remedy"), plain(about["remedy"])),
            (_("plan"), plain(found.plan.hash[:12])),
        ]
    )
    if about["reason"]:
        st.warning(plain(runs.half(about["reason"])))
    run_actions.buttons(here, me, found)
    run_actions.step_table(here, found)
    run_actions.change_table(here, found)
    st.markdown(f"##### {_('What happened')}")
    for entry in reversed(found.entries[-200:]):
        place = " · ".join(part for part in (entry.step, here.estate.title(entry.target) if entry.target else "") if part)
        what = f"{plain(word(ENTRIES, entry.kind))} {plain(place)} {plain(run_actions.told(entry), 300)}"
        who = _("the engine") if entry.who == ENGINE else entry.who
        st.markdown(f":gray[{plain(times.clock(entry.time, here.zone, moment))}] **{plain(who)}** {what}")


story()
with st.expander(_("The plan in full"), expanded=first.state.started is None and not first.state.outcome):
    run_actions.show_plan(here, first.plan)
