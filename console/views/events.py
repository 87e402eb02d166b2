"""Search of events: words, phrases, fields; facets and a histogram."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import charts, times
from console.queries.search import quoted, read_query
from console.text import plain

here, me = parts.enter(Right.EVENTS_READ)
FACETS = {"event.kind": _("kind"), "asset.id": _("asset"), "source.ip": _("source address"), "user.name": _("user"), "process.name": _("program")}
RANGES = ("15m", "1h", "6h", "24h", "7d", "30d")
PAGE = 200


def narrow(part: str) -> None:
    """Add one exact value to the search text."""
    st.session_state["events-words"] = f"{st.session_state.get('events-words', '')} {part}".strip()


if "events-words" not in st.session_state:
    st.session_state["events-words"] = parts.asked("q")
given = parts.asked("range", "24h")
with st.container(horizontal=True, vertical_alignment="bottom"):
    words = st.text_input(_("Search"), key="events-words", placeholder=_('words, "a phrase", field:value, -without, a OR b'))
    span = st.segmented_control(_("Range"), RANGES, default=given if given in RANGES else "24h", key="events-range") or "24h"
    if st.button(_("Search"), icon=":material/refresh:", key="events-go"):
        st.session_state.pop("events-cursor", None)
parts.remember(q=words, range=span if span != "24h" else "")

moment = here.now()
since = moment - charts.RANGES[span]
where = read_query(words)
count = here.store.events.count(where, since, moment)
parts.sentence(_("{n} events in the last {span}").format(n=f"{count:,}", span=times.span(charts.RANGES[span])))
parts.data_from(moment)
if not count:
    parts.empty(_("No event matches."), _("Take words away or choose a longer range. Devices send events by syslog to this machine."))
    st.stop()

width = charts.step_for(charts.RANGES[span], 80)
buckets = here.store.events.histogram(where, since, moment, width, by="event.kind", size=6)
rows = [(bucket.start, dict(bucket.by) or {"": bucket.count}) for bucket in buckets]
st.echarts_chart(charts.bar_chart(rows, here.zone, {}), height=150, alt=_("events over time"))

side, main = st.columns([1, 4])
with side:
    for field, title in FACETS.items():
        found = here.store.events.top(where, since, moment, field, size=6)
        if not found:
            continue
        with st.container(gap=None):
            st.caption(title)
            for value, number in found:
                shown = here.estate.title(value) if field == "asset.id" else value
                st.button(
                    f"{plain(shown, 22)} · {number:,}",
                    key=f"facet-{field}-{value}",
                    type="tertiary",
                    on_click=narrow,
                    args=(quoted(field, value),),
                    help=plain(shown) if len(shown) > 22 else None,
                )
with main:
    cursors: list[str | None] = st.session_state.setdefault("events-pages", [None])
    if st.session_state.get("events-of") != (words, span):
        cursors[:] = [None]
        st.session_state["events-of"] = (words, span)
        st.session_state["events-until"] = moment
    until = st.session_state["events-until"]
    page = here.store.events.search(where, since=since, until=max(until, since + timedelta(seconds=1)), limit=PAGE, cursor=cursors[-1])
    row = parts.rows(
        [
            {_("time"): times.clock(e.time, here.zone, moment), _("asset"): here.estate.title(e.asset), _("kind"): e.kind, _("message"): e.message}
            for e in page.items
        ],
        f"events-{len(cursors)}",
        {_("message"): st.column_config.TextColumn(width="large")},
        height=460,
    )
    with st.container(horizontal=True):
        if len(cursors) > 1 and st.button(_("newer"), icon=":material/chevron_left:", key="events-newer"):
            cursors.pop()
            st.rerun()
        if page.cursor and st.button(_("older"), icon=":material/chevron_right:", key="events-older"):
            cursors.append(page.cursor)
            st.rerun()
    if row is not None and row < len(page.items):
        event = page.items[row]
        st.code(event.message, language=None, wrap_lines=True)
        fields = {"event.id": event.id, "asset.id": event.asset, **event.fields}
        parts.table([{_("field"): name, _("value"): str(value)} for name, value in fields.items()])
