"""Configurations of network devices: who changed what, what was not saved, what deviates, and the way back."""

from __future__ import annotations

import streamlit as st

from console import configuration_parts as pieces
from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import configuration, times
from console.text import plain

here, me = parts.enter(Right.ESTATE_READ)
moment = here.now()
lines = configuration.devices(here.store, here.estate.assets(), moment)
line = next((one for one in lines if one.asset.id == parts.asked("asset")), None)

if line is None:
    text = _("{changed} of {all} devices changed in the last 7 days, {unsaved} are not saved, {outside} were changed outside their windows")
    counts = {
        "all": len(lines),
        "changed": sum(bool(one.lately) for one in lines),
        "unsaved": sum(bool(one.unsaved) for one in lines),
        "outside": sum(one.outside for one in lines),
    }
    parts.heading(_("Configurations"), text.format(**counts))
    parts.data_from(moment, _("read every hour, when a device says that it was changed, and when asked"))
    if lines:
        row = pieces.overview(here, lines, moment)
        if row is not None:
            parts.go("configuration.py", asset=lines[row].asset.id)
    else:
        parts.empty(
            _("No device is read over its command line yet."),
            _("Give a switch, router or firewall the collector cli with its platform, and a credential; see docs/configuration.md."),
            page="assets.py",
            label=_("all assets"),
        )
    st.stop()

asset = line.asset
known = configuration.versions(here.store, asset.id)
parts.heading(_("Configurations"), plain(asset.title, 90))
parts.strip(
    [
        (_("kind of text"), plain(str(line.state.get("dialect", "")))),
        (_("last read"), plain(times.ago(line.seen, moment)) or _("none yet")),
        (_("last change"), plain(parts.when(times.read(line.change.get("made")), moment))),
        (_("changed by"), plain(pieces.who(line.change))),
        (_("from address"), plain(str(line.change.get("source") or ""))),
        (_("window"), pieces.window(line.change)),
    ]
)
with st.container(horizontal=True, vertical_alignment="center"):
    pieces.fetch_button(here, me, asset)
    st.page_link(parts.VIEWS / "asset.py", label=_("the asset"), query_params={"id": asset.id})
    st.page_link(parts.VIEWS / "configuration.py", label=_("all devices"))
if not known:
    parts.empty(_("No configuration was read yet."), _("The page Collection and health says what fails."), page="health.py", label=_("Collection and health"))
    st.stop()

TABS = {
    "versions": _("Versions"),
    "startup": _("Running and startup"),
    "templates": _("Templates"),
    "checks": _("Checks"),
    "back": _("Way back"),
    "text": _("Text"),
}
open_tabs = [key for key in TABS if key != "checks" or me.may(Right.COMPLIANCE_READ)]
given = parts.asked("tab", "versions")
tab = st.segmented_control(
    _("Part"),
    open_tabs,
    default=given if given in open_tabs else "versions",
    format_func=TABS.__getitem__,
    label_visibility="collapsed",
    key="configuration-tab",
)
chosen = tab or "versions"
parts.remember(tab=chosen if chosen != "versions" else "")
if chosen == "versions":
    pieces.history(here, asset, known, moment)
elif chosen == "startup":
    pieces.startup(here, asset, line, known, moment)
elif chosen == "templates":
    pieces.templates(here, asset, known[0].text)
elif chosen == "checks":
    pieces.checks(here, asset)
elif chosen == "back":
    pieces.way_back(here, asset, known, moment)
else:
    pieces.whole_text(asset, known)
