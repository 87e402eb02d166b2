"""One device of the discovery inbox: what it said, what it probably is, conflicts and changes; take in or set aside."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.case_actions import do
from console.discovery_parts import FIELDS, MARKS, take_in_form
from console.i18n import _, listed
from console.identity.roles import Right
from console.queries import discovery, times
from console.text import plain
from console.words import DISCOVERY, KINDS, word

here, me = parts.enter(Right.ESTATE_READ)
every = discovery.candidates(here.store)
one = next((each for each in every if each.id == parts.asked("id")), None)
if one is None:
    parts.empty(_("This device is not in the discovery inbox."), page="discovery.py", label=_("Discovery"))
    st.stop()

SHOWN = 5
moment = here.now()
who = one.guess
st.markdown(f"#### {parts.badge(DISCOVERY, one.state)} {plain(one.title, 90)}")
parts.strip(
    [
        (_("address"), plain(", ".join(one.addresses))),
        (_("kind"), f"{plain(word(KINDS, who.kind))} ({who.confidence:.0%})"),
        (_("vendor"), plain(who.vendor)),
        (_("model"), plain(who.model)),
        (_("version"), plain(who.version, 40)),
        (_("serial number"), plain(who.serial)),
        (_("MAC address"), plain(next((sighting.mac for sighting in one.sightings if sighting.mac), ""))),
        (_("first seen"), plain(times.ago(one.first_seen, moment))),
        (_("last seen"), plain(times.ago(one.last_seen, moment))),
        (_("set aside by"), plain(one.ignored_by)),
        (_("why"), plain(one.why, 80)),
    ]
)
with st.container(horizontal=True):
    st.page_link(parts.VIEWS / "discovery.py", label=_("Discovery"), icon=":material/arrow_back:")
    where = {"q": one.addresses[0]}
    st.page_link(parts.VIEWS / "finder.py", label=_("Where it is plugged in"), icon=":material/location_searching:", query_params=where)
    if one.asset:
        st.page_link(parts.VIEWS / "asset.py", label=here.estate.title(one.asset), icon=":material/dns:", query_params={"id": one.asset})

for other, address, why in discovery.shared(one, every)[:SHOWN]:
    label = plain(other.title if other else address)
    reasons = listed(_(MARKS.get(mark, mark)) for mark in why)
    st.warning(
        _("Conflict with {other} ({address}): {why}. They are kept apart; look at both before you take one in.").format(
            other=label, address=plain(address), why=reasons
        )
    )
if len(one.conflicts) > SHOWN:
    st.caption(_("and {n} more of this kind").format(n=len(one.conflicts) - SHOWN))
if one.differences:
    parts.table(
        [
            {
                _("what changed"): _(FIELDS.get(each.field, each.field)),
                _("before"): each.before,
                _("now"): each.after,
                _("found"): times.clock(each.time, here.zone, moment),
            }
            for each in one.differences
        ]
    )

left, right = st.columns([3, 2])
with left:
    st.markdown(f"##### {_('What it answered')}")
    rows = [{_("address"): address, _("answered over"): way, _("said"): said} for address, way, said in discovery.answers(one)]
    parts.table(rows, {_("said"): st.column_config.TextColumn(width="large")})
    told = next((sighting.snmp for sighting in one.sightings if sighting.snmp), None)
    if told:
        marks = {
            _("chassis id"): told.chassis,
            _("engine id"): told.engine,
            _("MAC addresses"): ", ".join(told.macs[:8]) + (" …" if len(told.macs) > 8 else ""),
            _("own addresses"): ", ".join(told.addresses),
            _("profiles"): ", ".join(told.profiles),
            _("credential"): told.credential or "public",
        }
        parts.table([{_("known by"): name, _("value"): value} for name, value in marks.items() if value])
with right:
    if not me.may(Right.ASSET_WRITE):
        st.caption(_("Your roles allow looking, not acting."))
    elif one.state in ("new", "ignored", "gone") and not one.asset:
        st.markdown(f"##### {_('Take in as an asset')}")
        take_in_form(here, me, one)
        if one.state == "new":
            reason = st.text_input(_("Reason"), key="aside-why")
            if st.button(_("Set aside"), icon=":material/visibility_off:", key="aside-do") and do(
                here, me, "set_aside", {"candidate": one.id, "why": reason.strip()}, ""
            ):
                parts.go("discovery.py")
    if me.may(Right.ASSET_WRITE):
        if (
            one.state == "ignored"
            and st.button(_("Show it again"), icon=":material/visibility:", key="back-do")
            and do(here, me, "bring_back", {"candidate": one.id}, "")
        ):
            st.rerun()
        is_right = one.differences and st.button(_("The changes are right"), type="primary", icon=":material/check:", key="accept-do")
        if is_right and do(here, me, "accept_changes", {"candidate": one.id}, ""):
            here.estate.forget()
            st.rerun()
        if (
            one.state == "gone"
            and st.button(_("Forget it"), icon=":material/delete:", key="forget-do")
            and do(here, me, "forget_candidate", {"candidate": one.id}, "")
        ):
            parts.go("discovery.py", state="gone")
