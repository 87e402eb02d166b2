"""The parts of the page of detection quality: proposals, budgets with their preview, forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import streamlit as st

from compliance.office import Office
from compliance.reports import detection
from compliance.reports.content import Words
from compliance.reports.schedule import in_force, read_schedule
from compliance.reports.write import TYPES, rendered
from console import parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, listed, marked, report_language, two
from console.identity.accounts import Account
from console.identity.roles import Right, Role
from console.queries import charts, quality, times
from console.text import plain
from console.words import KINDS, Look, word
from store.base import Body

MAY: Final = {Role.DUTY_LEADER, Role.SECURITY_OFFICER}
PROPOSAL: Final[Mapping[str, Look]] = {
    "proposed": Look(marked("proposed"), "◆", "yellow", "#B7791F"),
    "accepted": Look(marked("in force"), "✓", "green", "#2E7D32"),
    "declined": Look(marked("declined"), "■", "gray", "#616161"),
    "withdrawn": Look(marked("taken back"), "■", "gray", "#616161"),
}
BUDGET: Final[Mapping[str, str]] = {
    "watchful": marked("every record"),
    "shipped": marked("what two signals see, and far ones (default)"),
    "calm": marked("only what two signals see"),
    "both": marked("only what both methods see"),
    "weekly": marked("at most one a week per series"),
    "monthly": marked("at most one a month per series"),
    "silent": marked("nobody is called, only colours"),
}
CLASS: Final[Mapping[str, str]] = {
    "*": marked("all metrics"),
    "processor": marked("processor"),
    "memory": marked("memory"),
    "disk": marked("disk"),
    "network": marked("network"),
    "response": marked("response times"),
    "room": marked("room and power"),
    "together": marked("whole hosts (many metrics together)"),
    "events": marked("events and kinds of log lines"),
}

DATES: Final[Mapping[str, str]] = {
    "certificate": marked("certificates"),
    "warranty": marked("warranties"),
    "contract": marked("contracts"),
    "licence": marked("licences"),
    "end_of_life": marked("ends of support"),
    "mlps": marked("graded protection assessments"),
}


def may_tune(me: Account) -> bool:
    """Whether this account decides about settings of detection."""
    return bool(MAY & set(me.roles))


def _words(here: Desk) -> Words:
    return Words(report_language(), here.zone)


# proposals


def proposed(here: Desk, me: Account) -> None:
    """Every proposal with its evidence; a duty leader decides."""
    found = quality.proposals(here.store)
    if not found:
        parts.empty(
            _("Nothing is proposed."),
            _("A rule with five or more alarms in 30 days gets a milder setting proposed when most were judged false, or most are over at once unjudged."),
        )
        return
    for body in found:
        with st.container(border=True):
            st.markdown(f"{parts.badge(PROPOSAL, body['state'])} **{plain(body['rule'])}** {plain(detection.changes(body, _words(here)))}")
            st.markdown(plain(detection.effect(body, _words(here)), 400))
            if body["decided"]:
                st.caption(plain(f"{body['by']} · {times.clock(times.read(body['decided']), here.zone, here.now())} {body['why']}", 300))
            if may_tune(me):
                _decide(here, me, body)


def _decide(here: Desk, me: Account, body: Body) -> None:
    name = body["rule"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if body["state"] == "proposed":
            why = st.text_input(_("Why"), key=f"why-{name}", width=320)
            if st.button(_("Accept"), key=f"accept-{name}", type="primary") and do(here, me, "tuning_accept", {"rule": name, "why": why}, ""):
                st.rerun()
            if st.button(_("Decline"), key=f"decline-{name}") and do(here, me, "tuning_decline", {"rule": name, "why": why}, ""):
                st.rerun()
        if body["state"] == "accepted" and st.button(_("Take back"), key=f"undo-{name}") and do(here, me, "tuning_undo", {"rule": name}, ""):
            st.rerun()


# budgets


def chosen(here: Desk, me: Account) -> None:
    """Which budgets hold; a preview first, then the switch."""
    st.markdown(_("How often what learns may call people, beside the rules with limits. What is not named here goes by the default."))
    found = quality.budgets(here.store)
    if found:
        row = parts.rows(
            [
                {
                    _("kind of asset"): _kind(body["kind"]),
                    _("metrics"): word(CLASS, body["metrics"]),
                    _("budget"): word(BUDGET, body["budget"]),
                    _("chosen by"): body["by"],
                    _("since"): times.clock(times.read(body["at"]), here.zone, here.now()),
                }
                for body in found
            ],
            "budget-rows",
        )
        if row is not None and may_tune(me):
            taken = found[row]
            args = {"kind": taken["kind"], "metrics": taken["metrics"], "budget": ""}
            if st.button(_("Take this choice away"), key="budget-away") and do(here, me, "budget_set", args, ""):
                st.rerun()
    if not may_tune(me):
        st.caption(_("Duty leaders and security officers choose budgets."))
    else:
        _ask(here, me)
    _previews(here, me)


def _kind(kind: str) -> str:
    return _("all kinds") if kind == "*" else word(KINDS, kind) if kind in KINDS else kind


def _ask(here: Desk, me: Account) -> None:
    kinds = ["*", *sorted({asset.kind for asset in here.estate.assets().values()})]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox(_("Kind of asset"), kinds, format_func=_kind, key="budget-kind", width=200)
        metrics = st.selectbox(_("Metrics"), list(CLASS), format_func=lambda key: word(CLASS, key), key="budget-metrics", width=200)
        budget = st.selectbox(_("Budget"), list(BUDGET), index=3, format_func=lambda key: word(BUDGET, key), key="budget-name", width=320)
        if st.button(_("Look at the last 30 days"), key="budget-look", type="primary"):
            do(here, me, "budget_preview", {"kind": kind, "metrics": metrics, "budget": budget}, "")


def _previews(here: Desk, me: Account) -> None:
    @parts.live(5)
    def draw() -> None:
        for number, (name, body) in enumerate(quality.previews(here.store)[:3]):
            with st.expander(_title(here, body), expanded=number == 0):
                _preview(here, me, name, body)

    draw()


def _title(here: Desk, body: Body) -> str:
    when = times.clock(times.read(body["begun"]), here.zone, here.now())
    return plain(f"{when} · {_kind(body['kind'])} · {word(CLASS, body['metrics'])} · {word(BUDGET, body['budget'])}", 200)


def _preview(here: Desk, me: Account, name: str, body: Body) -> None:
    if body["state"] == "running":
        st.info(_("The past is being played; this takes up to ten minutes."), icon=":material/hourglass_top:")
        if body.get("all_series"):
            st.progress(body["series"] / body["all_series"], _("{n} of {all} are played").format(n=body["series"], all=body["all_series"]))
        return
    if body["state"] == "failed":
        st.warning(_("It was cut off; ask again."))
        return
    if not body["series"]:
        st.caption(_("No series of this kind is watched."))
        return
    now, then = (body["budgets"][body[key]] for key in ("present", "budget"))
    st.markdown(
        _("**{then}** alarms instead of **{now}** ({present}) on {series} of {all} series in {days:.0f} days; about {month:.0f} a month on all.").format(
            then=then["alarms"], now=now["alarms"], present=word(BUDGET, body["present"]), series=body["series"], all=body["all_series"], days=body["days"],
            month=then["a_month_all"],
        )
    )  # fmt: skip
    if body["series"] < body["all_series"]:
        st.caption(_("The time for a preview was up; those that were played are a sample by chance."))
    if body.get("cut"):
        st.caption(_("Of {n} sources only the newest 50,000 events were played.").format(n=body["cut"]))
    if then["list"]:
        row = parts.rows(
            [
                {
                    _("time"): times.clock(times.read(alarm["time"]), here.zone, here.now()),
                    _("asset"): here.estate.title(alarm["asset"]),
                    _("what"): two(str(alarm["zh"] or ""), str(alarm["en"] or "")),
                }
                for alarm in then["list"]
            ],
            f"preview-{name}",
            {_("what"): st.column_config.TextColumn(width="large")},
            height=min(240, 35 + 32 * len(then["list"])),
        )
        _chart(here, then["list"][row or 0])
    args = {key: body[key] for key in ("kind", "metrics", "budget")}
    if may_tune(me) and st.button(_("Switch this budget on"), key=f"budget-on-{name}", type="primary") and do(here, me, "budget_set", args, ""):
        st.rerun()


def _chart(here: Desk, alarm: Mapping[str, Any]) -> None:
    at = times.read(alarm["time"])
    if at is None or not alarm["metric"]:
        return
    since, until = at - timedelta(hours=12), min(here.now(), at + timedelta(hours=6))
    series = charts.read_series(here.store, alarm["asset"], alarm["metric"], since, until, alarm["labels"])
    if series:
        st.caption(plain(f"{here.estate.title(alarm['asset'])} · {charts.title_of(alarm['metric'])}", 160))
        band = charts.Band(low=alarm["low"], high=alarm["high"], at=at)
        spec = charts.line_chart(series, since=since, until=until, zone=here.zone, unit=charts.unit_of(alarm["metric"]), band=band)
        st.echarts_chart(spec, height=220, alt=charts.title_of(alarm["metric"]))


# forecasts


def foreseen(here: Desk, me: Account) -> None:
    """What will be used up within a year, with interval, and how far the earlier forecasts were off; dates that come near."""
    body = quality.outlooks(here.store)
    if body and body.get("dates"):
        _dates(body["dates"])
    if body is None or not body["series"]:
        parts.empty(_("Nothing is foreseen yet."), _("A forecast needs a day of a file system's, memory's or battery's figures."))
        return
    st.markdown(_("**{n}** of {all} series will be used up within a year.").format(n=len(body["rows"]), all=body["series"]))
    moment = times.read(body["updated"])
    if moment:
        hit = _("{scored} forecasts a day ahead were set against what came: {hit:.0%} within their interval (90 % are meant to be), median miss {error}.")
        parts.data_from(moment, hit.format(scored=body["scored"], hit=body["hit"], error=charts.number(body["error"])) if body["scored"] else "")
    if not body["rows"]:
        return
    row = parts.rows(
        [_foreseen(here, one) for one in body["rows"]],
        "outlook-rows",
        {_("series"): st.column_config.TextColumn(width="medium")},
        height=min(330, 35 + 32 * len(body["rows"])),
    )
    if row is not None and me.may(Right.ESTATE_READ):
        chosen = body["rows"][row]
        _growth(here, chosen)
        st.page_link(parts.VIEWS / "asset.py", label=here.estate.title(chosen["asset"]), query_params={"id": chosen["asset"]}, icon=":material/dns:")


def _dates(rows: Sequence[Mapping[str, Any]]) -> None:
    st.markdown(f"##### {_('Dates ahead')}")
    spans = {"30": _("in 30 days"), "60": _("in 60 days"), "90": _("in 90 days"), "365": _("in a year")}
    parts.table(
        [
            {_("kind"): word(DATES, row["kind"]), _("all"): row["all"], _("overdue"): row["over"], **{spans[key]: row["within"][key] for key in spans}}
            for row in rows
        ],
        {},
    )
    st.markdown(f"##### {_('Used up')}")


def _foreseen(here: Desk, one: Mapping[str, Any]) -> dict[str, Any]:
    unit = charts.unit_of(one["metric"])
    return {
        _("asset"): here.estate.title(one["asset"]),
        _("series"): f"{charts.title_of(one['metric'])} {' '.join(map(str, one['labels'].values()))}".strip(),
        _("now"): charts.number(one["value"], unit),
        _("a day"): f"{one['per_day']:+.2g}",
        _("used up in days"): one["days"],
        _("earliest"): one["earliest"],
        _("latest"): _("never") if one["latest"] is None else str(one["latest"]),
        _("tomorrow"): charts.number(one["tomorrow"], unit) + ("" if one["width"] is None else f" ± {charts.number(one['width'])}"),
        _("median miss"): "–" if one["error"] is None else charts.number(one["error"], unit),
        _("within interval"): "–" if one["hit"] is None else f"{one['hit']:.0%} ({one['scored']})",
    }


def _growth(here: Desk, one: Mapping[str, Any]) -> None:
    until = here.now()
    since = until - timedelta(days=30)
    series = charts.read_series(here.store, one["asset"], one["metric"], since, until, one["labels"])
    if series:
        spec = charts.line_chart(series, since=since, until=until, zone=here.zone, unit=charts.unit_of(one["metric"]))
        st.echarts_chart(spec, height=200, alt=charts.title_of(one["metric"]))


# the month as a document, and what test faults showed


def tested(here: Desk) -> None:
    """How many test faults would have been told."""
    body = quality.recall(here.store)
    if body is None:
        return
    st.markdown(f"##### {_('Test faults')}")
    moment = times.read(body["updated"])
    if moment:
        parts.data_from(moment, _("laid over copies of {n} stored series once a week, nothing is raised").format(n=body["series"]))
    parts.strip([(detection.named(detection.FAULTS, kind, _words(here)), plain(detection.found(row, _words(here)))) for kind, row in body["by_fault"].items()])


def documents(here: Desk, name: str, body: Body) -> None:
    """The span as Word and PDF."""
    month = name.removeprefix(quality.MONTH)

    def made(form: str) -> bytes:
        last = quality.recall(here.store, month) if name != quality.ROLLING else quality.recall(here.store)
        within = [one for one in quality.proposals(here.store) if (one["decided"] or one["proposed"])[:7] == month or name == quality.ROLLING]
        return rendered(detection.content(month, body, last, within, _words(here), here.now()), form, here.settings.site_folder)

    with st.container(horizontal=True):
        for form, label in (("docx", _("Report (Word)")), ("pdf", _("Report (PDF)"))):
            file = f"wanglou-detection-{month}.{form}"
            st.download_button(label, partial(made, form), file, TYPES[form], icon=":material/download:", on_click="ignore", key=f"quality-{form}")


def shelf(here: Desk) -> None:
    """Reports that the calendar made."""
    office = Office(here.store, here.settings)
    titles = {str(body["file"]): _kept_title(here, body) for body in office.kept() if body["kind"] == detection.KIND}
    schedule = [one for one in in_force(read_schedule(here.settings.site_folder)[0], here.settings.language) if one.kind == detection.KIND]
    st.markdown(f"##### {_('On the shelf')}")
    nexts = listed(times.clock(one.next_due(here.now(), here.zone), here.zone, here.now()) for one in schedule)
    st.caption(_("A report makes itself by the calendar, next {time}; reports.yaml in the site's folder says when.").format(time=nexts))
    if not titles:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = str(st.selectbox(_("Report"), list(titles), format_func=titles.__getitem__, key="quality-shelf", width=420))
        content = parts.attempt(lambda: office.read(name))
        if content:
            st.download_button(_("Download"), content, name, TYPES[name.rsplit(".", 1)[1]], icon=":material/download:", on_click="ignore", key="quality-kept")


def _kept_title(here: Desk, body: Mapping[str, Any]) -> str:
    form = str(body["file"]).rsplit(".", 1)[1]
    return f"{body['title']} · {form} · {times.clock(times.read(body['made']), here.zone, here.now())}"
