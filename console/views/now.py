"""What needs me now."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.lists import case_list
from console.queries import cases, now, times
from console.text import plain

here, me = parts.enter(Right.INCIDENT_READ)


@parts.live(10)
def body() -> None:
    """Sentence, what waits, what happened, how the systems are."""
    moment = here.now()
    living = cases.live_cases(here.store)
    waiting = cases.needing(living, me.name)
    parts.sentence(now.sentence(living, waiting, len(here.estate.assets()), here.estate.title, moment))
    parts.data_from(moment)
    troubles = now.troubles(here.store, moment)
    if troubles:
        st.warning("  \n".join(map(plain, troubles)), icon=":material/warning:")
    if waiting:
        case_list(waiting[:20], "now-waiting", moment)
        if len(waiting) > 20:
            st.page_link(parts.VIEWS / "incidents.py", label=_("all {n} incidents").format(n=len(waiting)))
    else:
        parts.empty(_("Nothing waits for anybody."), _("This page refreshes by itself; new incidents appear here within seconds."))
    left, right = st.columns([3, 2])
    with left:
        st.markdown(f"##### {_('Changes of the last {n} hours').format(n=24)}")
        lines = now.recent(here.store, here.estate.changes(), moment - timedelta(hours=24), here.estate.title)
        if lines:
            parts.table([{_("time"): times.ago(line.time, moment), _("what"): line.text, _("who"): line.who} for line in lines[:12]])
        else:
            st.caption(_("No asset was changed, no incident began or ended."))
    with right:
        st.markdown(f"##### {_('Systems')}")
        systems = now.systems(here.estate.assets().values(), now.states(here.store, here.estate.assets().values(), living, moment))
        for system in systems[:10]:
            st.markdown(f"{parts.badge(now.LOOKS, system.state)} {plain(system.name, 40)} · {_('{n} assets').format(n=system.assets)}")


body()
