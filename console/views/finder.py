"""Where is it: MAC address, IP address or name to switch port, with its past; new machines, the address plan, VLANs."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from console import finder_parts, map_parts, parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import finder
from inventory.topology import finding

here, me = parts.enter(Right.ESTATE_READ)
TABS = {"machines": _("Machines"), "new": _("New in 24 hours"), "plan": _("Address plan"), "vlans": _("VLANs")}

moment = here.now()
machines = finding.read_machines(here.store)
if not machines:
    parts.empty(
        _("No machine has been found yet."),
        _("Machines are found in the forwarding tables of switches: give the switches the collector snmp."),
        "assets.py",
        _("all assets"),
    )
    st.stop()

fresh = finder.newest(machines, moment, timedelta(days=1))
clashes = finder.living_clashes(here.store)
words = st.text_input(
    _("Where is"), value=parts.asked("q"), placeholder=_("a MAC address in any notation, an IP address, a name, a switch or a port"), key="finder-words"
)
found = finding.search(machines, here.estate.assets(), words)
if words:
    parts.sentence(_("{n} of {all} machines fit").format(n=f"{len(found):,}", all=f"{len(machines):,}"))
else:
    parts.sentence(
        _("{all} machines, {new} of them new in 24 hours, {clashes} addresses used by two").format(
            all=f"{len(machines):,}", new=f"{len(fresh):,}", clashes=len(clashes)
        )
    )
parts.data_from(map_parts.surveyed(here) or moment)
finder_parts.clashes(here, clashes)

asked_tab = parts.asked("tab") if parts.asked("tab") in TABS else "machines"
tab = st.segmented_control(_("Show"), list(TABS), default=asked_tab, format_func=TABS.__getitem__, key="finder-tab", label_visibility="collapsed") or "machines"
parts.remember(q=words, tab=tab if tab != "machines" else "")
if tab == "machines":
    finder_parts.machines(here, found, parts.asked("mac"))
elif tab == "new":
    finder_parts.machines(here, finder.newest(found, moment, timedelta(days=1)), "")
elif tab == "plan":
    finder_parts.plan(here, machines)
else:
    finder_parts.vlans(here)
