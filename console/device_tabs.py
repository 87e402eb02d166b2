"""The parts of a network device's page: its ports as a panel, its sensors against their limits, who is beside it."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _
from console.queries import charts, device, times
from console.queries.device import Port
from console.text import plain
from console.words import ASSET, LINKS, PORTS, look
from inventory.asset import Asset
from inventory.topology.history import Known


def ports(here: Desk, asset: Asset) -> None:
    """The front with every socket, and the same as a table."""

    @parts.live(30)
    def draw() -> None:
        moment = here.now()
        found = device.ports(here.store, asset.id, moment)
        if not found:
            parts.empty(_("No port is known yet."), _("They are read once an hour by SNMP, and at the first poll."))
            return
        counts = {state: sum(port.state == state for port in found) for state in PORTS}
        st.markdown(" ".join(f"{parts.badge(PORTS, state)} {count}" for state, count in counts.items() if count))
        if any(port.is_socket for port in found):
            spec = device.panel(found, {"load": _("load"), "beside": _("to")})
            st.echarts_chart(spec, height=device.panel_height(found), alt=_("Ports"))
        measured = device.measured_at(here.store, asset.id, moment)
        is_old = measured is None or moment - measured > device.OLD
        parts.data_from(measured or moment, _("▲ it does not answer now; this is what it said last") if is_old else "")
        parts.table([_port_row(port) for port in device.gravest_first(found)], _port_columns())

    draw()


def _port_row(port: Port) -> dict[str, object]:
    return {
        _("state"): look(PORTS, port.state).text,
        _("port"): port.name,
        _("description"): port.alias,
        _("speed"): device.speed(port.speed_bps),
        _("in %"): port.load_in,
        _("out %"): port.load_out,
        _("in"): charts.number(port.bytes_in, "B/s") if port.bytes_in is not None else "",
        _("out"): charts.number(port.bytes_out, "B/s") if port.bytes_out is not None else "",
        _("errors/s"): port.errors,
        _("discards/s"): port.discards,
        _("other end"): port.beside,
        _("MAC address"): port.mac,
    }


def _port_columns() -> dict[str, object]:
    bar = {name: st.column_config.ProgressColumn(format="%.1f", min_value=0, max_value=100, width=90) for name in (_("in %"), _("out %"))}
    rates = {name: st.column_config.NumberColumn(format="%.2f", width=80) for name in (_("errors/s"), _("discards/s"))}
    return {**bar, **rates, _("speed"): st.column_config.TextColumn(width=60), _("other end"): st.column_config.TextColumn(width=180)}


def sensors(here: Desk, asset: Asset) -> None:
    """Every sensor, with the room that is left to the limits that the device itself holds."""

    @parts.live(30)
    def draw() -> None:
        moment = here.now()
        found = device.sensors(here.store, asset.id, moment)
        if not found:
            parts.empty(_("No sensor is known."), _("Devices show temperatures, fans and power supplies by SNMP or Redfish where they have them."))
            return
        outside = sum(one.state == "critical" for one in found)
        parts.sentence(_("{n} sensors, {bad} outside their limits").format(n=len(found), bad=outside))
        parts.data_from(moment)
        rows = [
            {
                _("state"): _sensor_state(one),
                _("sensor"): one.name,
                _("quantity"): charts.title_of(one.metric),
                _("value"): "" if one.metric == "hw.state" else charts.number(one.value, charts.unit_of(one.metric)),
                _("lowest"): one.low,
                _("highest"): one.high,
                _("near its limit"): one.near,
                _("time"): times.ago(one.time, moment),
            }
            for one in found
        ]
        bar = st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100, width=110)
        parts.table(rows, {_("sensor"): st.column_config.TextColumn(width="large"), _("near its limit"): bar})

    draw()


def _sensor_state(one: device.Reading) -> str:
    return _("no limits told") if one.state == "unknown" and one.metric != "hw.state" else look(ASSET, one.state).text


def neighbours(here: Desk, asset: Asset) -> None:
    """The links that are on record, with how they are known and since when."""
    moment = here.now()
    links = device.links_of(here.store, asset.id)
    if device.is_cut(here.store, asset.id):
        st.caption(_("The routing table is longer than what is read of it: next hops may be missing here."))
    if not links:
        parts.empty(
            _("No link is known."), _("Links are found from LLDP, CDP, forwarding tables, spanning tree and routing peers of the devices on both ends.")
        )
        return
    rows = device.link_rows(links, asset.id, moment)
    data = [_link_row(here, port, state, known, asset.id) for port, state, _text, known in rows]
    chosen = parts.rows(data, "device-links", {_("other end"): st.column_config.TextColumn(width="medium")})
    if chosen is not None:
        known = rows[chosen][3]
        other = next((end.asset for end in known.link.ends if end.asset not in ("", asset.id)), "")
        if other:
            parts.go("asset.py", id=other)
        if candidate := device.found_as(here.store, next((end.name for end in known.link.ends if not end.asset), "")):
            parts.go("candidate.py", id=candidate)
        st.caption(_("{name} is no asset yet; the page Discovery may know it.").format(name=plain(rows[chosen][2])))


def _link_row(here: Desk, port: str, state: str, known: Known, asset: str) -> dict[str, object]:
    other = known.link.b if known.link.a.asset == asset else known.link.a
    return {
        _("state"): look(LINKS, "up" if state == "there" else state).text,
        _("port"): port,
        _("other end"): here.estate.title(other.asset) if other.asset else other.name,
        _("its port"): other.port,
        _("known by"): ", ".join(source.upper() for source in known.link.sources),
        _("sure"): f"{known.link.confidence:.0%}",
        _("since"): times.clock(known.first, here.zone, here.now()),
        _("seen last"): times.ago(known.link.seen, here.now()),
        _("against it"): "; ".join(known.link.against),
    }
