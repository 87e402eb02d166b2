"""Pieces of the map's page: the picture, one node with its ports, differences, and pins."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import netmap, times
from console.text import plain
from console.words import ASSET, KINDS, LINKS, look, word
from core.errors import NotFound, Refused
from inventory.topology.history import SURVEY, Known
from inventory.topology.layout import STEP_X, STEP_Y
from store.base import ANY

HEIGHTS: Final = {False: 600, True: 440}
FIGURES_S: Final = 15.0
MOVES: Final[Mapping[str, tuple[float, float]]] = {"←": (-STEP_X, 0), "→": (STEP_X, 0), "↑": (0, -STEP_Y), "↓": (0, STEP_Y)}


def surveyed(here: Desk) -> datetime | None:
    """When the service last folded what devices say."""
    try:
        return times.read(here.store.documents.get(SURVEY, "newest").body.get("time"))
    except NotFound:
        return None


def figures(here: Desk, now: datetime) -> Mapping[netmap.Port, netmap.Figures]:
    """What interfaces measured last, read once for all who look at the map."""
    return _figures(str(here.settings.data.resolve()), here, now)


@st.cache_resource(ttl=FIGURES_S, max_entries=2, show_spinner=False)
def _figures(folder: str, _here: Desk, _now: datetime) -> Mapping[netmap.Port, netmap.Figures]:  # noqa: ARG001 - the key of the cache
    return netmap.read_figures(_here.store, _now)


def legend(*, is_comparison: bool) -> str:
    """The states of lines in a row, as Markdown."""
    states = ("up", "busy", "errors", "down", "stale", *(("added", "removed", "moved") if is_comparison else ("gone",)))
    return " ".join(parts.badge(LINKS, state) for state in states)


def picture(drawn: netmap.Drawing, spec: Mapping[str, Any], *, is_focused: bool) -> str:
    """Draw; the id of the chosen node, empty when none is. With a node chosen there is room for its ports below."""
    key = f"map-picture-{_mark(drawn)}"
    chosen = st.session_state.get(key, {}).get("selection", {}).get("selected")
    event = st.echarts_chart(dict(spec), height=HEIGHTS[bool(chosen) or is_focused], key=key, on_select="rerun", alt=_("Map of the network"))
    for group in event["selection"]["selected"]:
        index = int(group["data_indices"][0])
        if group["data_type"] == "node" and index < len(drawn.nodes):
            return drawn.nodes[index].id
        if group["data_type"] == "edge" and index < len(drawn.lines):
            return drawn.lines[index].a
    return ""


def _mark(drawn: netmap.Drawing) -> str:
    """Differs when other nodes are drawn: a selection is kept by number and would then mean another node."""
    return hashlib.sha256("\n".join(node.id for node in drawn.nodes).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def node(here: Desk, me: Account, drawn: netmap.Drawing, id_: str) -> None:
    """Ports of one node with their cables, and where it stands in the picture."""
    chosen = next(one for one in drawn.nodes if one.id == id_)
    asset = chosen.asset
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"##### {parts.badge(ASSET, chosen.state)} {plain(chosen.title, 60)}", width="content")
        if asset:
            st.caption(f"{word(KINDS, asset.kind)} · {plain(asset.address)}", width="content")
            st.page_link(parts.VIEWS / "asset.py", label=_("open the asset"), query_params={"id": id_})
            st.page_link(parts.VIEWS / "finder.py", label=_("machines on its ports"), query_params={"q": id_})
        else:
            st.caption(_("What a device calls its neighbour; no asset has this name."), width="content")
        if asset and me.may(Right.ASSET_WRITE):
            pins(here, me, drawn, id_)
    rows = [port_row(here, cable, id_) for line in drawn.lines_of(id_) for cable in line.cables]
    if rows:
        parts.table(sorted(rows, key=lambda row: str(row[_("port")])))
    else:
        st.caption(_("No cable of it is drawn."))


def port_row(here: Desk, cable: netmap.Cable, id_: str) -> dict[str, Any]:
    """One cable as seen from a node."""
    link, moment = cable.known.link, here.now()
    mine, other = netmap.other_end(link.ends, id_)
    return {
        _("port"): mine.port or "?",
        _("state"): look(LINKS, cable.state).text,
        _("other end"): here.estate.title(other.asset) if other.asset else other.name,
        _("its port"): other.port or "?",
        _("load"): f"{cable.load:.0f} %" if cable.load is not None else "",
        _("errors per second"): f"{cable.errors:.1f}" if cable.errors is not None else "",
        "VLAN": ", ".join(map(str, link.vlans[:8])),
        _("source"): ", ".join(link.sources).upper(),
        _("how sure"): f"{link.confidence:.0%}",
        _("last sight"): times.ago(link.seen, moment),
        _("since"): times.clock(cable.known.spans[-1][0], here.zone, moment),
    }


def pins(here: Desk, me: Account, drawn: netmap.Drawing, id_: str) -> None:
    """Move a node, keep the whole picture, or give both up."""
    x, y = drawn.places[id_]
    for arrow, (dx, dy) in MOVES.items():
        if st.button(arrow, key=f"map-move-{arrow}", help=_("move it in the picture; it stays there for everybody")):
            pin(here, me, {id_: (x + dx, y + dy)})
            st.rerun()
    if st.button(_("Keep the picture"), key="map-keep", help=_("every node stays where it is now, whatever is found later")):
        pin(here, me, {one.id: drawn.places[one.id] for one in drawn.nodes if one.asset})
        st.rerun()
    if drawn.pinned and st.button(_("Free {n} pinned").format(n=len(drawn.pinned)), key="map-free"):
        free(here, me, drawn.pinned)
        st.rerun()


def pin(here: Desk, me: Account, places: Mapping[str, tuple[float, float]]) -> None:
    """Keep places of nodes, as documents that all readers of the map share; in the audit."""
    _audit(here, me, "map.pin", places)
    for id_, (x, y) in places.items():
        here.store.documents.put(netmap.PIN, id_, {"x": round(x, 1), "y": round(y, 1), "by": me.name, "time": here.now().isoformat()}, ANY)


def free(here: Desk, me: Account, ids: frozenset[str]) -> None:
    """Leave the places of these nodes to the layout again."""
    _audit(here, me, "map.free", ids)
    for id_ in ids:
        try:
            here.store.documents.delete(netmap.PIN, id_)
        except NotFound:
            continue


def _audit(here: Desk, me: Account, action: str, ids: Mapping[str, object] | frozenset[str]) -> None:
    if not me.may(Right.ASSET_WRITE):
        raise Refused(_("your roles do not allow this"))
    named = sorted(ids)
    here.store.audit.append(time=here.now(), actor=me.name, action=action, object=named[0] if len(named) == 1 else "-", body={"nodes": named[:200]})


def differences(here: Desk, drawn: netmap.Drawing, since: datetime) -> None:
    """What is there now and was not, and the other way round."""
    found = netmap.differences(drawn)
    title = _("{n} differences since {time}").format(n=len(found), time=times.clock(since, here.zone))
    st.markdown(f"##### {title}")
    if found:
        parts.table([difference_row(here, cable) for cable in found[:200]])
    else:
        st.caption(_("The same cables as then."))


def difference_row(here: Desk, cable: netmap.Cable) -> dict[str, Any]:
    """One cable that came or went."""
    link, moment = cable.known.link, here.now()
    return {
        _("difference"): look(LINKS, cable.state).text,
        _("from"): f"{here.estate.title(link.a.asset)} {link.a.port}",
        _("to"): f"{here.estate.title(link.b.asset) if link.b.asset else link.b.name} {link.b.port}",
        _("when"): times.clock(cable.known.gone or cable.known.spans[-1][0], here.zone, moment),
        _("source"): ", ".join(link.sources).upper(),
    }


def doubtful(here: Desk, found: Sequence[Known]) -> None:
    """Links that something speaks against."""
    if not found:
        return
    with st.expander(_("{n} claims about cables that something speaks against: they are not drawn").format(n=len(found))):
        parts.table(
            [
                {
                    _("from"): f"{here.estate.title(known.link.a.asset)} {known.link.a.port}",
                    _("to"): f"{here.estate.title(known.link.b.asset) if known.link.b.asset else known.link.b.name} {known.link.b.port}",
                    _("source"): ", ".join(known.link.sources).upper(),
                    _("how sure"): f"{known.link.confidence:.0%}",
                    _("against it"): "; ".join(known.link.against),
                    _("last sight"): times.ago(known.link.seen, here.now()),
                }
                for known in found[:100]
            ]
        )
