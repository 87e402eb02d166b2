"""Pieces of the page that finds machines: lists, one machine's past, address plan, VLANs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _
from console.queries import finder, times
from console.text import plain
from console.words import PLAN, look
from inventory.networks import NETWORK, VLAN, Network, taken
from inventory.topology.machines import Machine
from store.base import Body


def clashes(here: Desk, found: Sequence[Body]) -> None:
    """IP addresses with two machines, said first."""
    for body in found[:5]:
        where = body.get("places", {})
        each = "; ".join(f"{mac} ({here.estate.title(place[0])} {place[1]})" if (place := where.get(mac)) else mac for mac in body["macs"])
        text = _("{address} is used by {n} machines since {time}: {machines}").format(
            address=body["address"], n=len(body["macs"]), time=times.clock(times.read(body["since"]), here.zone, here.now()), machines=each
        )
        st.warning(plain(text), icon=":material/warning:")
    if len(found) > 5:
        st.caption(_("and {n} more").format(n=len(found) - 5))


def machines(here: Desk, found: Sequence[Machine], chosen: str) -> None:
    """A list, and the past of the one that was clicked (or is alone)."""
    if not found:
        parts.empty(_("No machine fits."), _("A machine shows once it has sent something through a switch that is read; take words away."))
        return
    shown = found[: finder.MOST]
    row = parts.rows(
        [machine_row(here, machine) for machine in shown], "finder-machines", {_("asset"): st.column_config.TextColumn(width="medium")}, height=None
    )
    if len(found) > len(shown):
        st.caption(_("the first {n} are shown").format(n=len(shown)))
    one = shown[row] if row is not None else shown[0] if len(shown) == 1 else next((machine for machine in shown if machine.mac == chosen), None)
    if one is not None:
        past(here, one)
    else:
        st.caption(_("Click a line to see where it was before."))


def machine_row(here: Desk, machine: Machine) -> dict[str, Any]:
    """One line."""
    place, moment = machine.place, here.now()
    return {
        "MAC": machine.mac,
        _("address"): ", ".join(machine.addresses),
        _("asset"): here.estate.title(machine.asset) if machine.asset else "",
        _("switch"): here.estate.title(place.switch),
        _("port"): place.port,
        "VLAN": str(place.vlan or ""),
        _("how sure"): f"{machine.confidence:.0%}",
        _("there since"): times.clock(place.since, here.zone, moment),
        _("last sight"): times.ago(machine.seen, moment),
    }


def past(here: Desk, machine: Machine) -> None:
    """Where a machine is and was, and which addresses it had."""
    moment, place = here.now(), machine.place
    st.markdown(f"##### {plain(machine.mac)} · {plain(here.estate.title(place.switch), 40)} {plain(place.port)}")
    with st.container(horizontal=True):
        if machine.asset:
            st.page_link(parts.VIEWS / "asset.py", label=here.estate.title(machine.asset), query_params={"id": machine.asset})
        st.page_link(parts.VIEWS / "map.py", label=_("show the switch on the map"), query_params={"asset": place.switch})
        st.page_link(parts.VIEWS / "events.py", label=_("events about it"), query_params={"q": f'"{machine.mac}"'})
    if machine.others:
        also = "; ".join(f"{here.estate.title(switch)} {port}" for switch, port in machine.others[:5])
        st.caption(plain(_("Also seen at: {places}").format(places=also)))
    parts.table(
        [
            {
                _("switch"): here.estate.title(stay.switch),
                _("port"): stay.port,
                "VLAN": str(stay.vlan or ""),
                _("from"): times.clock(stay.since, here.zone, moment),
                _("until"): times.clock(stay.until, here.zone, moment) or _("still"),
            }
            for stay in reversed(machine.stays)
        ]
    )
    if machine.formerly:
        old = ", ".join(f"{address} ({times.clock(until, here.zone, moment)})" for address, until in reversed(machine.formerly))
        st.caption(plain(_("Former addresses, with the time of the change: {addresses}").format(addresses=old)))


def plan(here: Desk, found: Sequence[Machine]) -> None:
    """Prefixes with their use; a click shows every address."""
    bodies = finder.read_bodies(here.store, NETWORK)
    if not any(body["planned"] for body in bodies):
        st.info(_("There is no address plan yet: write networks.yaml into the site folder, see docs/topology.md. What is in use is listed all the same."))
    bodies.sort(key=lambda body: (not body["planned"], -finder.share(body)))
    if not bodies:
        parts.empty(_("No address is known."))
        return
    rows = [network_row(body) for body in bodies]
    use = st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100)
    row = parts.rows(rows, "finder-plan", {_("in use"): use})
    if row is not None and bodies[row]["planned"]:
        addresses(here, bodies[row], found)
    else:
        st.caption(_("Click a planned prefix to see its addresses."))


def network_row(body: Mapping[str, Any]) -> dict[str, Any]:
    """One prefix."""
    verdicts = ", ".join(f"{look(PLAN, verdict).text} {count}" for verdict, count in sorted(body["verdicts"].items()))
    return {
        _("prefix"): body["prefix"],
        _("name"): body.get("name", "") if body["planned"] else _("outside the plan"),
        _("zone"): body.get("zone", ""),
        "VLAN": str(body.get("vlan") or ""),
        _("site"): body.get("site", ""),
        _("used of all"): f"{body['used']:,} / {body['size']:,}",
        _("in use"): finder.share(body),
        _("of these"): verdicts,
    }


def addresses(here: Desk, body: Mapping[str, Any], found: Sequence[Machine]) -> None:
    """Every address of a prefix that is in use."""
    spans = {name: [f"{begin}-{end}" for begin, end in body[name]] for name in ("dynamic", "reserved")}
    network = Network.model_validate({name: body[name] for name in ("prefix", "name", "vlan", "site", "gateway")} | spans)
    st.markdown(f"##### {plain(body['prefix'])} {plain(body['name'])}")
    parts.table(
        [
            {
                _("address"): one.address,
                _("verdict"): look(PLAN, one.verdict).text,
                _("asset"): here.estate.title(one.asset) if one.asset else "",
                "MAC": ", ".join(one.macs),
                _("last sight"): times.ago(one.seen, here.now()),
            }
            for one in taken(network, here.estate.assets().values(), found, here.now())
        ]
    )


def vlans(here: Desk) -> None:
    """VLANs on switches against the plan."""
    bodies = sorted(finder.read_bodies(here.store, VLAN), key=lambda body: int(body["vlan"]))
    if not bodies:
        parts.empty(_("No switch has told of a VLAN."))
        return
    parts.table(
        [
            {
                "VLAN": str(body["vlan"]),
                _("verdict"): look(PLAN, body["verdict"]).text,
                _("planned name"): body["name"],
                _("names on switches"): ", ".join(body["names"]),
                _("switches"): len(body["switches"]),
                _("machines"): body["machines"],
            }
            for body in bodies
        ]
    )
