"""Who talks with whom: the largest talkers, conversations, applications and pairs of zones that exporters report."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.flow_parts import ZONES, conversation_rows, fitting, ranked
from console.i18n import _
from console.identity.roles import Right
from console.queries import charts, flows, times
from console.text import plain
from console.words import word

here, me = parts.enter(Right.EVENTS_READ)
given = parts.asked("range", "1h")
moment = here.now()

with st.container(horizontal=True, vertical_alignment="bottom"):
    span = st.segmented_control(_("Range"), list(charts.RANGES), default=given if given in charts.RANGES else "1h", key="flows-range") or "1h"
    since = moment - charts.RANGES[span]
    names = [traffic.exporter for traffic in flows.read_view(here.store, since, moment).exporters]
    asked = parts.asked("exporter")
    chosen = st.selectbox(
        _("Exporter"),
        ["", *names],
        index=names.index(asked) + 1 if asked in names else 0,
        format_func=lambda name: here.estate.title(name) if name else _("all"),
        key="flows-exporter",
    )
parts.remember(range=span if span != "1h" else "", exporter=chosen or "")
view = flows.read_view(here.store, since, moment, chosen or "")

if not view.exporters:
    parts.heading(_("Flows"), _("No flow record has come in this range"))
    parts.empty(
        _("Nothing reports its traffic to this machine yet."),
        _("Set collect.flows_udp (NetFlow, IPFIX) or collect.sflow_udp, then let routers and firewalls send there; see docs/flows.md."),
    )
    st.stop()

rate = charts.number(view.bytes / view.seconds, "B/s")
text = _("{amount} in the last {span}, on average {rate}")
parts.heading(_("Flows"), text.format(amount=charts.number(view.bytes, "B"), span=times.span(charts.RANGES[span]), rate=rate))
parts.data_from(
    moment, _("{n} exporters; traffic that several saw counts once").format(n=len(view.exporters)) if len(view.exporters) > 1 and not chosen else ""
)
if not flows.is_whole(view.exporters):
    st.caption(f":orange-badge[▲ {_('incomplete')}] {_('Records were lost or could not be read; the table of exporters below says how many.')}")

for drawn in [chosen] if chosen else [traffic.exporter for traffic in view.exporters[:5]]:
    series = charts.read_series(here.store, drawn, "flow.application.io", since, moment)
    if not series:
        continue
    st.caption(_("Traffic by application, as {exporter} reports it").format(exporter=plain(here.estate.title(drawn), 60)))
    chart = charts.line_chart(series, since=since, until=moment, zone=here.zone, unit="B/s")
    st.echarts_chart(chart, height=210, alt=_("Traffic by application"))
    break

owners = flows.owners(here.estate.assets().values())
left, right = st.columns([3, 2])
with left:
    st.markdown(f"##### {_('Largest talkers')}")
    talkers = view.lists["talkers"][:50]
    row = parts.rows(
        [
            {
                _("address"): flows.named(line.names[0], owners),
                _("traffic"): charts.number(line.bytes, "B"),
                _("sent"): charts.number(line.sent, "B"),
                _("received"): charts.number(line.bytes - line.sent, "B"),
                _("share"): flows.share(line.bytes, view.bytes),
            }
            for line in talkers
        ],
        "flows-talkers",
        {_("share"): st.column_config.ProgressColumn(format="%.1f%%", min_value=0, max_value=100)},
        height=fitting(len(talkers), 340),
    )
    if row is not None and (owner := owners.get(talkers[row].names[0])):
        parts.go("asset.py", id=owner.id, tab="flows")
with right:
    st.markdown(f"##### {_('Applications')}")
    ranked(view.lists["applications"], view.bytes, {_("application"): lambda line: line.names[0]}, 340)

left, right = st.columns([3, 2])
with left:
    st.markdown(f"##### {_('Largest conversations')}")
    conversations = view.lists["conversations"]
    ports: dict[str, str] | None = None
    if chosen:
        names_of_ports = ports = flows.ports_of(here.store, chosen)
        seen = sorted({index for line in conversations for index in line.names[3:5] if index}, key=lambda index: names_of_ports.get(index, index))
        port = st.selectbox(_("Port"), ["", *seen], format_func=lambda index: names_of_ports.get(index, index) if index else _("all"), key="flows-port")
        conversations = flows.through(conversations, port) if port else conversations
    parts.table(conversation_rows(conversations[:100], owners, view.bytes, ports), {_("share"): st.column_config.NumberColumn(format="%.1f%%")})
with right:
    st.markdown(f"##### {_('Between zones')}")
    zones = {_("source zone"): lambda line: word(ZONES, line.names[0]), _("destination zone"): lambda line: word(ZONES, line.names[1])}
    ranked(view.lists["zones"], view.bytes, zones, 340)

st.markdown(f"##### {_('Exporters')}")
parts.table(
    [
        {
            _("exporter"): here.estate.title(traffic.exporter),
            _("address"): traffic.address,
            _("protocol"): traffic.protocol,
            _("sampling"): f"1:{traffic.rate}" if traffic.rate > 1 else _("none"),
            _("traffic"): charts.number(traffic.bytes, "B"),
            _("records"): traffic.counts["records"],
            _("lost"): traffic.counts["lost"],
            _("without template"): traffic.counts["unknown"],
            _("unreadable"): traffic.counts["bad"],
            _("last data"): times.ago(traffic.end, moment),
        }
        for traffic in view.exporters
    ]
)
