"""The network at a glance: devices by state, busiest and worst ports, links that are not well, what changed."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import assets, cases, charts, netmap, network, times
from console.queries.network import Ranked
from console.words import ASSET, KINDS, LINKS, look, word
from inventory.topology.links import End

here, me = parts.enter(Right.ESTATE_READ)
TITLES = {
    "network.interface.utilization": _("Busiest ports"),
    "network.interface.errors": _("Ports with errors"),
    "network.interface.discards": _("Ports that discard"),
}


def devices_table(lines: list[assets.Line]) -> None:
    """Kinds down, states across; only states that occur."""
    kinds = network.by_kind(lines)
    states = [state for state in network.STATES if any(counts[state] for counts in kinds.values())]
    total = {_("kind"): _("all"), **{look(ASSET, state).text: sum(counts[state] for counts in kinds.values()) for state in states}}
    rows = [{_("kind"): word(KINDS, kind), **{look(ASSET, state).text: counts[state] or None for state in states}} for kind, counts in kinds.items()]
    parts.table([*rows, total] if len(rows) > 1 else rows)


def ranked_table(found: list[Ranked], metric: str) -> None:
    """Ports by one figure; a click opens the device."""
    st.markdown(f"##### {TITLES[metric]}")
    if not found:
        st.caption(_("none"))
        return
    directions = {"receive": _("in"), "transmit": _("out")}
    data = [
        {
            _("device"): here.estate.title(one.asset),
            _("port"): one.port,
            _("value"): f"{charts.number(one.value)}{'%' if metric == network.METRICS[0] else '/s'}",
            _("direction"): directions.get(one.direction, one.direction),
        }
        for one in found
    ]
    row = parts.rows(data, f"network-{metric}", {_("value"): st.column_config.TextColumn(width=80), _("direction"): st.column_config.TextColumn(width=60)})
    if row is not None:
        parts.go("asset.py", id=found[row].asset, tab="ports")


def end_text(end: End) -> str:
    """One end of a cable as people know it."""
    return f"{here.estate.title(end.asset) if end.asset else end.name} {end.port}".strip()


@parts.live(30)
def body() -> None:
    """Everything, drawn anew by itself."""
    moment, estate = here.now(), here.estate.assets()
    living, seen = cases.live_cases(here.store), assets.last_seen(here.store, moment)
    lines = network.gear(assets.lines(estate.values(), living, seen))
    if not lines:
        parts.empty(
            _("There is no network device yet."), _("Search the network, or add switches and routers with the collector snmp."), "discovery.py", _("Discovery")
        )
        return
    samples = [sample for sample in network.read_ports(here.store, moment) if sample.asset in estate]
    worst = cases.worst_by_asset(living)
    states = {asset.id: assets.state_of(asset, worst, seen) for asset in estate.values()}
    drawn = netmap.drawing(netmap.read_links(here.store), estate, states, netmap.read_figures(here.store, moment), netmap.Wish(), moment)
    cables = network.not_well(drawn.lines)
    bad = sum(line.state not in ("good", "unknown", "muted") for line in lines)
    down = sum(cable.state in ("down", "gone") for _state, cable in cables)
    parts.heading(_("Network"), _("{n} devices, {bad} of them not well, {down} cables down").format(n=f"{len(lines):,}", bad=bad, down=down))
    parts.data_from(moment)
    left, right = st.columns([2, 3])
    with left:
        st.markdown(f"##### {_('Devices')}")
        devices_table(lines)
    with right:
        st.markdown(f"##### {_('Cables that are not well')}")
        if cables:
            data = [
                {
                    _("state"): look(LINKS, cable.state).text,
                    _("cable"): " — ".join(end_text(end) for end in cable.known.link.ends),
                    _("spare way"): _("yes") if state == "half" else "",
                    _("load"): f"{cable.load:.0f}%" if cable.load is not None else "",
                    _("errors/s"): charts.number(cable.errors) if cable.errors else "",
                    _("gone since"): times.ago(cable.known.gone, moment),
                }
                for state, cable in cables[:20]
            ]
            row = parts.rows(data, "network-cables", {_("cable"): st.column_config.TextColumn(width=330)})
            if row is not None:
                parts.go("asset.py", id=cables[row][1].known.link.a.asset, tab="neighbours")
        else:
            st.caption(_("All {n} known cables are up, without errors and with room left.").format(n=sum(len(line.cables) for line in drawn.lines)))
    left, right = st.columns([3, 2])
    with left:
        ranked_table(network.top(samples, network.METRICS[0]), network.METRICS[0])
    with right:
        for metric in network.METRICS[1:]:
            ranked_table(network.top(samples, metric, 5), metric)
    left, right = st.columns(2)
    with left:
        st.markdown(f"##### {_('What the network told in the last day')}")
        events = network.happened(here.store, moment, [line.asset.id for line in lines])
        if events:
            parts.table(
                [{_("time"): times.ago(event.time, moment), _("device"): here.estate.title(event.asset), _("message"): event.message} for event in events]
            )
        else:
            st.caption(_("nothing"))
    with right:
        st.markdown(f"##### {_('Devices that were changed in the last day')}")
        changes = network.changed(here.estate.changes(), {line.asset.id: line for line in lines}, moment)
        if changes:
            rows = [
                {
                    _("time"): times.ago(change.time, moment),
                    _("device"): here.estate.title(change.asset),
                    _("change"): ", ".join(change.after) if change.what == "change" else change.what,
                    _("who"): change.who,
                }
                for change in changes[:20]
            ]
            parts.table(rows)
        else:
            st.caption(_("nothing"))


body()
