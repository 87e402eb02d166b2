"""Tables of traffic that the page Flows and the page of an asset share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _, marked
from console.queries import charts, flows
from inventory.asset import Asset
from store.flows import Line

ZONES: Final[Mapping[str, str]] = {"inside": marked("inside"), "outside": marked("outside")}
"""Zones of addresses that lie in no prefix of the site."""


def conversation_rows(lines: Sequence[Line], owners: Mapping[str, Asset], whole: int, ports: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Conversations with names before addresses; ``ports`` (index to name) of the one exporter that they are from, when it is one."""
    return [
        {
            _("source address"): flows.named(line.names[0], owners),
            _("destination address"): flows.named(line.names[1], owners),
            _("application"): line.names[2],
            _("traffic"): charts.number(line.bytes, "B"),
            _("share"): flows.share(line.bytes, whole),
            **({_("comes in by"): _port(line, 3, ports), _("goes out by"): _port(line, 4, ports)} if ports is not None else {}),
            _("packets"): line.packets,
        }
        for line in lines
    ]


def _port(line: Line, place: int, ports: Mapping[str, str]) -> str:
    index = line.names[place] if len(line.names) > place else ""
    return ports.get(index, index)


def fitting(count: int, most: int) -> int:
    """The height of a table of ``count`` rows, at most ``most`` pixels."""
    return min(parts.ROW_HEIGHT * (count + 1) + 3, most)


def ranked(lines: Sequence[Line], whole: int, columns: Mapping[str, Callable[[Line], str]], height: int) -> None:
    """A list with its traffic and share of the whole."""
    import pandas as pd

    data = [
        {
            **{title: value(line) for title, value in columns.items()},
            _("traffic"): charts.number(line.bytes, "B"),
            _("share"): flows.share(line.bytes, whole),
        }
        for line in lines
    ]
    bar = st.column_config.ProgressColumn(format="%.1f%%", min_value=0, max_value=100, width="small")
    st.dataframe(pd.DataFrame(data), hide_index=True, column_config={_("share"): bar}, row_height=parts.ROW_HEIGHT, height=fitting(len(data), height))


def asset_flows(here: Desk, asset: Asset) -> None:
    """The part of an asset's page: its traffic over a range, and with whom."""
    given = parts.asked("range", "1h")
    span = st.segmented_control(_("Range"), list(charts.RANGES), default=given if given in charts.RANGES else "1h", key="asset-flows-range") or "1h"
    parts.remember(range=span if span != "1h" else "")
    until = here.now()
    since = until - charts.RANGES[span]
    view = flows.read_view(here.store, since, until)
    lines = flows.of_asset(view.lists, asset)
    own = flows.read_view(here.store, since, until, asset.id) if any(traffic.exporter == asset.id for traffic in view.exporters) else None
    series = charts.read_series(here.store, asset.id, "flow.asset.io", since, until)
    if not lines and not series and own is None:
        parts.empty(_("No exporter reports traffic of this asset in this range."), _("Flows come from routers, switches and firewalls; see docs/flows.md."))
        return
    parts.data_from(until)
    if series:
        st.caption(charts.title_of("flow.asset.io"))
        st.echarts_chart(charts.line_chart(series, since=since, until=until, zone=here.zone, unit="B/s"), height=190, alt=charts.title_of("flow.asset.io"))
    if lines:
        owners = flows.owners(here.estate.assets().values())
        st.markdown(f"##### {_('Largest conversations')}")
        whole = sum(line.bytes for line in lines)
        parts.table(conversation_rows(lines[:100], owners, whole), {_("share"): st.column_config.NumberColumn(format="%.1f%%")})
    if own is not None:
        st.page_link(parts.VIEWS / "flows.py", label=_("what this asset reports of others' traffic"), query_params={"exporter": asset.id})
