"""The map of the network: how devices hang together, how the cables are, what changed."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import streamlit as st

from console import map_parts, parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import cases, netmap, times
from console.queries.assets import last_seen, state_of
from console.words import ASSET, KINDS, LINKS, look, word

here, me = parts.enter(Right.ESTATE_READ)
LAYERS = {"all": _("everything"), "gear": _("network devices"), "routing": _("routing sessions")}

known = netmap.read_links(here.store)
if not known:
    parts.empty(
        _("No cable has been found yet."),
        _("Cables are found by asking switches over SNMP for their neighbours (LLDP, CDP) and forwarding tables: give them the collector snmp."),
        "assets.py",
        _("all assets"),
    )
    st.stop()

sites = ["", *sorted({asset.site for asset in here.estate.assets().values() if asset.site})]
vlans = ["", *map(str, netmap.vlans_of(known))]


def preset(name: str, options: list[str]) -> int:
    """The option that the address of the page asks for."""
    return options.index(parts.asked(name)) if parts.asked(name) in options else 0


with st.container(horizontal=True, vertical_alignment="bottom"):
    asked_layer = parts.asked("layer") if parts.asked("layer") in LAYERS else "all"
    layer = st.segmented_control(_("Show"), list(LAYERS), default=asked_layer, format_func=LAYERS.__getitem__, key="map-layer") or "all"
    site = st.selectbox(_("Site"), sites, index=preset("site", sites), format_func=lambda value: value or _("all"), key="map-site")
    vlan = st.selectbox(_("VLAN"), vlans, index=preset("vlan", vlans), format_func=lambda value: value or _("all"), key="map-vlan")
    given = times.read(parts.asked("since"))
    today = here.now().astimezone(here.zone).date()
    day = st.date_input(_("Compare with"), value=min(given.date(), today) if given else None, max_value=today, key="map-since")
parts.remember(layer=layer if layer != "all" else "", site=site, vlan=vlan, since=day.isoformat() if day else "")
since = datetime.combine(day, time(12), here.zone) if day else None
wish = netmap.Wish(layer=layer, site=site, vlan=int(vlan or 0), since=since if since is None or since < here.now() else here.now() - timedelta(hours=1))
focus = parts.asked("asset")


def describe(node: netmap.Node) -> str:
    """A node in one line, for its tooltip."""
    kind = word(KINDS, node.asset.kind) if node.asset else _("no asset")
    return " · ".join(part for part in (node.title, look(ASSET, node.state).text, kind, node.asset.address if node.asset else "") if part)


@parts.live(30)
def draw() -> None:
    """The picture, the sentence above it, and what was chosen in it."""
    moment, assets = here.now(), here.estate.assets()
    worst, seen = cases.worst_by_asset(cases.live_cases(here.store)), last_seen(here.store, moment)
    states = {asset.id: state_of(asset, worst, seen) for asset in assets.values()}
    links = netmap.read_links(here.store)
    drawn = netmap.drawing(links, assets, states, map_parts.figures(here, moment), wish, moment)
    drawn = netmap.placed(drawn, netmap.read_pins(here.store))
    bad = netmap.ailing(drawn)
    cut = netmap.behind(drawn, states)
    parts.sentence(
        _("{nodes} nodes, {lines} lines, {bad} of them not as they should be").format(
            nodes=f"{len(drawn.nodes):,}", lines=f"{len(drawn.lines):,}", bad=len(bad)
        )
        + (" · " + _("⊘ {n} cannot be reached behind something else").format(n=cut) if cut else "")
    )
    parts.data_from(map_parts.surveyed(here) or moment, map_parts.legend(is_comparison=wish.since is not None))
    if not drawn.nodes:
        parts.empty(_("Nothing to draw with these filters."), _("Take filters away."))
        return
    chosen = map_parts.picture(drawn, netmap.chart(drawn, describe, wish, focus), is_focused=bool(focus)) or focus
    if wish.since is not None:
        map_parts.differences(here, drawn, wish.since)
    if chosen in drawn.places:
        map_parts.node(here, me, drawn, chosen)
    else:
        st.caption(_("Choose a node in the picture to see its ports. Wheel: zoom; drag: move; dashed and hollow: nothing is known at first hand."))
    map_parts.doubtful(here, netmap.doubtful(links, moment))
    if bad and wish.since is None:
        with st.expander(_("{n} lines that are not as they should be").format(n=len(bad)), expanded=len(bad) <= 8):
            parts.table(
                [
                    {_("state"): look(LINKS, line.state).text, _("from"): here.estate.title(line.a), _("to"): here.estate.title(line.b).removeprefix("?"),
                     _("cables"): "; ".join(netmap.cable_text(cable) for cable in line.cables)}
                    for line in bad[:200]
                ]
            )  # fmt: skip


draw()
