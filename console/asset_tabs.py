"""The parts of an asset's page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import streamlit as st

from compliance.effect import effects
from compliance.history import difference
from compliance.run import snapshots_of
from console import parts
from console.desk import Desk
from console.i18n import _, two
from console.queries import cases, charts, graphs, times
from console.queries.assets import last_seen, state_of
from console.queries.configuration import checks_of
from console.queries.quality import band_now, bands_then, level_changes
from console.text import plain
from console.words import OUTCOME, RELATIONS, look, word
from core.names import SNAPSHOT, VERDICT
from inventory.asset import Asset
from inventory.book import Book
from inventory.configuration.changes import RUNNING
from store.base import Selector
from store.filter import Term, of_asset
from store.snapshots import snapshot_history

FIRST: Final = (
    "system.cpu.utilization", "system.memory.utilization", "system.filesystem.utilization", "system.disk.io", "system.network.io", "network.interface.io",
    "system.cpu.load_average.5m", "http.client.duration", "http.client.up", "icmp.rtt", "hw.temperature", "hw.ups.charge", "hw.ups.load", "probe.duration",
)  # fmt: skip
CHARTS: Final = 8
NOTHING: Final = re.compile(r"(\S+): (?:-|0)")
"""What a check saw where it looked for lines or rows and there was none."""


def numbers(here: Desk, asset: Asset) -> None:
    """Charts over one range, with the same days a week earlier when asked."""
    known = sorted({sample.metric for sample in here.store.metrics.series(Selector(asset=asset.id))})
    if not known:
        parts.empty(_("No number has come from this asset yet."), _("Give it a collector and an address; the page Collection and health says what fails."))
        return
    titles = {metric: charts.title_of(metric) for metric in known}
    usual = [metric for metric in FIRST if metric in titles] or known
    with st.container(horizontal=True, vertical_alignment="bottom"):
        span = st.segmented_control(_("Range"), list(charts.RANGES), default=_given_range(), key="numbers-range") or "1h"
        chosen = st.multiselect(
            _("Metrics"), known, default=usual[:6], format_func=lambda metric: titles[metric], max_selections=CHARTS, key=f"numbers-{asset.id}"
        )
        is_compared = st.toggle(_("compare with a week earlier"), value=parts.asked("compare") == "1", key="numbers-compare")
    parts.remember(range=span if span != "1h" else "", compare="1" if is_compared else "")

    @parts.live(30)
    def draw() -> None:
        until = here.now()
        since = until - charts.RANGES[span]
        parts.data_from(until)
        for start in range(0, len(chosen), 2):
            for column, metric in zip(st.columns(2), chosen[start : start + 2], strict=False):
                with column:
                    _chart(here, asset.id, metric, since, until, is_compared=is_compared)

    draw()


def _given_range() -> str:
    return parts.asked("range", "1h") if parts.asked("range", "1h") in charts.RANGES else "1h"


def _chart(here: Desk, asset: str, metric: str, since: Any, until: Any, *, is_compared: bool) -> None:
    series = charts.read_series(here.store, asset, metric, since, until)
    before = charts.read_series(here.store, asset, metric, since - charts.WEEK, until - charts.WEEK) if is_compared else []
    unit = charts.unit_of(metric)
    last = charts.number(series[0].points[-1][1], unit) if len(series) == 1 and series[0].points else ""
    st.markdown(plain(charts.title_of(metric)) + (f" **{plain(last)}**" if last else ""))
    if not any(each.points for each in (*series, *before)):
        st.caption(_("nothing in this range"))
        return
    steps = level_changes(here.store, asset, metric, since, until)
    band = band_now(here.store, asset, metric) if len(series) == 1 else None
    past = bands_then(here.store, asset, metric, since, until) if len(series) == 1 else []
    spec = charts.line_chart(series, since=since, until=until, zone=here.zone, unit=unit, compared=before, steps=steps, band=band, past=past)
    st.echarts_chart(spec, height=190 if len(spec["series"]) > 1 else 165, alt=charts.title_of(metric))


def facts(here: Desk, asset: Asset) -> None:
    """What is written about it, and the texts that were read from it."""
    pairs = {**{name: str(value) for name, value in asset.facts.items()}, **{name: str(value) for name, value in asset.dates.items()}}
    extra = {_("version"): asset.version, _("addresses"): ", ".join(asset.addresses), _("tags"): ", ".join(asset.tags), _("note"): asset.note}
    rows = [{_("fact"): name, _("value"): value} for name, value in {**extra, **pairs}.items() if value]
    if rows:
        parts.table(rows)
    documents = here.store.documents.find(SNAPSHOT, of_asset(asset.id)).items
    if not documents:
        st.caption(_("No text was read from this asset yet."))
        return
    kinds = sorted(document.body["kind"] for document in documents)
    kind = st.selectbox(_("Text read from the asset"), kinds, key=f"facts-{asset.id}")
    history = snapshot_history(here.store, asset.id, kind, limit=20)
    index = st.selectbox(_("Version"), range(len(history)), format_func=lambda i: times.clock(history[i].time, here.zone, here.now()), key="facts-version")
    if kind == RUNNING:
        st.page_link(parts.VIEWS / "configuration.py", label=_("Versions, author and difference of this configuration"), query_params={"asset": asset.id})
    shown = history[index]
    if index + 1 < len(history):
        before = history[index + 1]
        st.markdown(f"##### {_('What changed since the version of {time}').format(time=times.clock(before.time, here.zone, here.now()))}")
        meaning(here, asset, kind, before.body, shown.body)
        if kind != RUNNING:
            st.code("\n".join(difference(before.body, shown.body)), language="diff")
    st.code(shown.body[:100_000], language=None, line_numbers=True, height=360)


def meaning(here: Desk, asset: Asset, kind: str, old: str, new: str) -> None:
    """What a change of a text means for graded protection, a line for each check that it makes come out otherwise."""
    others = [text.snapshot for text in snapshots_of(here.store, asset.id)]
    for effect in effects(kind, old, new, others, checks_of(here.settings.site_folder), here.now()):
        ways = f"{look(OUTCOME, effect.before).text} → {look(OUTCOME, effect.after).text}  {' '.join(effect.check.items)}"
        st.markdown(f"{parts.badge(OUTCOME, effect.after)} {plain(two(effect.check.title.zh, effect.check.title.en))} :gray[{plain(ways)}]")


def relations(here: Desk, asset: Asset) -> None:
    """One hop drawn, and what breaks if it stops."""
    graph = here.estate.graph()
    edges = graph.neighbours(asset.id)
    if not edges:
        parts.empty(_("No relation is known."), _("Relations come from site files, imports and discovery; they say what depends on what."))
        return
    living, moment = cases.live_cases(here.store), here.now()
    worst, seen = cases.worst_by_asset(living), last_seen(here.store, moment)
    states = {end: state_of(found, worst, seen) for end in graphs.around(edges, asset.id) if (found := graph.assets.get(end))}
    left, right = st.columns([3, 2])
    with left:
        spec = graphs.drawing(asset.id, edges, here.estate.title, states, lambda relation: word(RELATIONS, relation))
        st.echarts_chart(spec, height=380, alt=_("Relations"))
    with right:
        hits = graph.impact([asset.id])
        lost = [hit for hit in hits if hit.lost]
        st.markdown(_("If it stops, **{lost}** assets stop with it and **{weak}** lose a spare way.").format(lost=len(lost), weak=len(hits) - len(lost)))
        if hits:
            parts.table(
                [
                    {
                        _("asset"): here.estate.title(hit.asset),
                        _("because it is"): word(RELATIONS, hit.relation),
                        _("via"): here.estate.title(hit.via),
                        _("effect"): _("stops") if hit.lost else _("loses a spare way"),
                    }
                    for hit in hits[:200]
                ]
            )


def events(here: Desk, asset: Asset) -> None:
    """The newest events."""
    moment = here.now()
    page = here.store.events.search(Term("asset.id", asset.id), since=moment - timedelta(days=7), until=moment, limit=100)
    if page.items:
        parts.table([{_("time"): times.clock(e.time, here.zone, moment), _("kind"): e.kind, _("message"): e.message} for e in page.items], _wide(_("message")))
    else:
        parts.empty(_("No event of this asset in the last seven days."))
    st.page_link(parts.VIEWS / "events.py", label=_("search all events of this asset"), query_params={"q": f"asset:{asset.id}"})


def checks(here: Desk, asset: Asset) -> None:
    """Verdicts, the failures first."""
    bodies = [document.body for document in here.store.documents.find(VERDICT, of_asset(asset.id)).items]
    order = {"fail": 0, "unknown": 1, "pass": 2, "not_applicable": 3}
    bodies.sort(key=lambda body: (order.get(body["outcome"], 9), body["check"]))
    if not bodies:
        parts.empty(_("No check has looked at this asset yet."))
        return
    row = parts.rows([verdict_row(here, body) for body in bodies], "asset-checks", _wide(_("check")))
    if row is not None:
        parts.go("compliance.py", asset=asset.id, check=bodies[row]["check"])


def verdict_row(here: Desk, body: Mapping[str, Any]) -> dict[str, Any]:
    """One verdict as a line of a table."""
    title = body.get("title", {})
    return {
        _("verdict"): look(OUTCOME, body["outcome"]).text,
        _("check"): two(title.get("zh", ""), title.get("en", "")) or body["check"],
        _("asset"): here.estate.title(body["asset"]),
        _("reason"): _reason(body),
        _("since"): times.ago(times.read(body.get("since")), here.now()),
    }


def _reason(body: Mapping[str, Any]) -> str:
    """What was seen on the asset where the reason would only say the title of the check once more."""
    reason, seen = body.get("reason", {}), body.get("observed") or ()
    if not seen or body["outcome"] not in ("pass", "fail"):
        return two(reason.get("zh", ""), reason.get("en", ""))
    return "; ".join(_("{text}: nothing found").format(text=found[1]) if (found := NOTHING.fullmatch(str(line))) else str(line) for line in seen[:3])


def changes(here: Desk, asset: Asset) -> None:
    """The change log with before and after."""
    moment = here.now()
    found = Book(here.store).changes(asset.id)
    if not found:
        parts.empty(_("No change is on record."))
        return
    rows = []
    for change in found:
        fields = [f"{key}: {change.before.get(key)} → {change.after.get(key)}" for key in change.after] if change.what == "change" else [change.what]
        rows.append(
            {
                _("time"): times.clock(change.time, here.zone, moment),
                _("who"): change.who,
                _("source"): change.source,
                _("change"): "; ".join(fields),
                _("why"): change.why,
            }
        )
    parts.table(rows, _wide(_("change")))


def _wide(column: str) -> dict[str, Any]:
    return {column: st.column_config.TextColumn(width="large")}
