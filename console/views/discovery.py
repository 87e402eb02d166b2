"""The discovery inbox: what was found on the network and is new, changed, gone, known or set aside."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.discovery_parts import history, planned, progress, search_dialog, table, take_all_dialog
from console.i18n import _
from console.identity.roles import Right
from console.queries import discovery
from console.words import DISCOVERY, look

here, me = parts.enter(Right.ESTATE_READ)
every = discovery.candidates(here.store)
counts = discovery.counts(every)
parts.heading(
    _("Discovery"),
    _("{new} devices are new, {changed} changed, {gone} are gone").format(
        new=counts.get("new", 0), changed=counts.get("changed", 0), gone=counts.get("gone", 0)
    ),
)
parts.data_from(here.now(), _("a click opens one") if every else "")

words = ""
state = "new"
with st.container(horizontal=True, vertical_alignment="bottom"):
    if every:
        state = (
            st.segmented_control(
                _("State"),
                discovery.STATES,
                default=parts.asked("state", "new") if parts.asked("state", "new") in discovery.STATES else "new",
                format_func=lambda key: f"{look(DISCOVERY, key).text} ({counts.get(key, 0)})",
                label_visibility="collapsed",
                key="discovery-state",
            )
            or "new"
        )
        words = st.text_input(
            _("Search"), value=parts.asked("q"), placeholder=_("name, address, vendor …"), label_visibility="collapsed", key="discovery-words"
        )
    if me.may(Right.ASSET_WRITE) and here.settings.discovery.allowed:
        if st.button(_("Search the network"), icon=":material/travel_explore:", type="primary", key="discovery-search-open"):
            search_dialog(here, me)
        sure = discovery.certain(discovery.matching(every, "new", words)) if state == "new" else []
        if sure and st.button(_("Take in the {n} sure ones").format(n=len(sure)), icon=":material/done_all:", key="discovery-take-all"):
            take_all_dialog(here, me, sure)
parts.remember(state=state if state != "new" else "", q=words)
progress(here, me)

found = discovery.matching(every, state, words)
if found:
    table(here, found, state)
elif not here.settings.discovery.allowed:
    parts.empty(
        _("No range may be searched yet."),
        _("Set discovery.allowed in wanglou.toml to your site's ranges, for instance 10.1.0.0/16, and start Wanglou again. Nothing else is ever asked."),
    )
elif every:
    parts.empty(_("Nothing here."), _("Choose another state, or take words away."))
elif not discovery.under_way(here.store):
    parts.empty(
        _("Nothing has been searched yet."),
        _("Search a range, or follow the neighbours of a known device. Regular searches stand in discovery.yaml in the site folder."),
    )
planned(here, me)
history(here)
