"""One asset: who it is, how it is, its numbers, facts, relations, events, checks and changes."""

from __future__ import annotations

import streamlit as st

from console import asset_tabs, device_tabs, parts
from console.discovery_parts import note
from console.flow_parts import asset_flows
from console.forms import edit_dialog, importance, remove_dialog
from console.i18n import _
from console.identity.roles import Right
from console.lists import case_list
from console.queries import assets, cases, device, discovery, times, wireless
from console.text import plain
from console.wireless_parts import air
from console.words import ASSET, KINDS, word

here, me = parts.enter(Right.ESTATE_READ)
asset = here.estate.assets().get(parts.asked("id"))
if asset is None:
    parts.empty(_("There is no such asset."), page="assets.py", label=_("all assets"))
    st.stop()

moment = here.now()
living = cases.live_cases(here.store)
line = assets.lines([asset], living, assets.last_seen(here.store, moment))[0]
own = [case for case in living if asset.id in case.assets]

st.markdown(f"#### {parts.badge(ASSET, line.state)} {plain(asset.title, 90)}")
parts.strip(
    [
        (_("id"), f"`{asset.id}`"),
        (_("kind"), plain(word(KINDS, asset.kind))),
        (_("address"), plain(asset.address)),
        (_("place"), plain(" / ".join(part for part in (asset.site, asset.room, asset.rack) if part))),
        (_("business system"), plain(asset.business)),
        (_("owner"), plain(asset.owner)),
        (_("importance"), plain(importance(asset.importance))),
        (_("grading"), plain(asset.grading or (str(asset.level) if asset.level else ""))),
        (_("model"), plain(f"{asset.vendor} {asset.model}".strip())),
        (_("serial number"), plain(asset.serial)),
        (_("last data"), plain(times.ago(line.seen, moment)) or _("none yet")),
    ]
)
if me.may(Right.ASSET_WRITE):
    with st.container(horizontal=True):
        if st.button(_("Edit"), icon=":material/edit:", key="asset-edit"):
            edit_dialog(here, me, asset)
        if st.button(_("Remove"), icon=":material/delete:", key="asset-remove"):
            remove_dialog(here, me, asset)

if (found := discovery.changed_as(here.store, asset.id)) is not None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":orange-badge[◆ {_('not as registered')}] {plain(note(here, found), 120)}", width="content")
        st.page_link(parts.VIEWS / "candidate.py", label=_("Look at what was found"), icon=":material/travel_explore:", query_params={"id": found.id})
if own and me.may(Right.INCIDENT_READ):
    case_list(own, "asset-cases", moment)

DEVICE = {
    "ports": (_("Ports"), Right.ESTATE_READ, device_tabs.ports),
    "sensors": (_("Sensors"), Right.ESTATE_READ, device_tabs.sensors),
    "neighbours": (_("Neighbours"), Right.ESTATE_READ, device_tabs.neighbours),
}
TABS = {
    "charts": (_("Numbers"), Right.ESTATE_READ, asset_tabs.numbers),
    **(DEVICE if device.is_device(here.store, asset.id) else {}),
    **({"wireless": (_("Wireless"), Right.ESTATE_READ, air)} if wireless.is_wireless(here.store, asset.id) else {}),
    "facts": (_("Facts"), Right.ESTATE_READ, asset_tabs.facts),
    "relations": (_("Relations"), Right.ESTATE_READ, asset_tabs.relations),
    "flows": (_("Flows"), Right.EVENTS_READ, asset_flows),
    "events": (_("Events"), Right.EVENTS_READ, asset_tabs.events),
    "checks": (_("Checks"), Right.COMPLIANCE_READ, asset_tabs.checks),
    "changes": (_("Changes"), Right.ESTATE_READ, asset_tabs.changes),
}
open_tabs = [key for key, (_title, right, _draw) in TABS.items() if me.may(right)]
tab = st.segmented_control(
    _("Part"),
    open_tabs,
    default=parts.asked("tab", "charts") if parts.asked("tab", "charts") in open_tabs else open_tabs[0],
    format_func=lambda key: TABS[key][0],
    label_visibility="collapsed",
    key="asset-tab",
)
chosen = tab or open_tabs[0]
parts.remember(tab=chosen if chosen != "charts" else "")
TABS[chosen][2](here, asset)
