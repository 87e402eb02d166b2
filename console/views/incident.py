"""One incident: what it is, why, what else, what was done, and what can be done."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import streamlit as st

from console import case_actions, case_more, case_parts, causes, drafting, judging, parts, run_actions
from console.i18n import _
from console.identity.roles import Right
from console.queries import cases, charts, evidence, times
from console.text import plain
from console.words import PRIORITY, SEVERITY, STATE, word

here, me = parts.enter(Right.INCIDENT_READ)
id_ = parts.asked("id")
first = cases.find_case(here.store, id_) if id_ else None
if first is None:
    parts.empty(_("There is no such incident."), page="incidents.py", label=_("all incidents"))
    st.stop()


@parts.live(5)
def head() -> None:
    """Title, state, facts."""
    moment, case = here.now(), cases.get_case(here.store, id_)
    age = times.span(moment - case.opened) if case.opened else ""
    st.markdown(f"#### {parts.badge(PRIORITY, case.priority)} {plain(case.title, 120)}")
    sla = " · ".join(f"{_('acknowledge') if name == 'ack' else _('resolve')}: {plain(text)}" for name, text in evidence.clocks(case, moment))
    parts.strip(
        [
            (_("state"), parts.badge(STATE, case.state)),
            (_("since"), f"{plain(times.clock(case.opened, here.zone, moment))} ({plain(age)})"),
            (_("root"), plain(here.estate.title(case.root), 48) if case.root else ""),
            (_("owner"), plain(case.owner) or _("nobody")),
            (_("alerts"), _("{firing} firing of {all}").format(firing=len(case.firing), all=len(case.members))),
            (_("promise"), sla),
            (_("acknowledged until"), plain(times.clock(times.read((case.body.get("acknowledged") or {}).get("until")), here.zone, moment))),
            (_("quiet until"), plain(times.clock(times.read(case.body.get("snoozed_until")), here.zone, moment))),
            (_("waits for"), plain(word(case_more.PAUSES, str(case.body.get("pause") or "")))),
        ]
    )


head()
case_actions.buttons(here, me, first, partial(case_more.show, here, me, first))
judging.whole(here, me, first)

chart_side, story_side = st.columns([3, 2])
with chart_side:
    st.markdown(f"##### {_('Why')}")
    moment = here.now()
    shown = evidence.subject(first)
    if shown is not None:
        st.markdown(f"{parts.badge(SEVERITY, shown.severity)} **{plain(shown.rule)}** {plain(shown.text, 240)}")
        metric, labels = evidence.metric_of(shown)
        since = (shown.start or moment) - timedelta(hours=3)
        until = min(moment, (shown.start or moment) + timedelta(hours=3))
        series = charts.read_series(here.store, shown.asset, metric, since, until, labels) if metric else []
        if series:
            st.caption(charts.title_of(metric))
            spec = charts.line_chart(series, since=since, until=until, zone=here.zone, unit=charts.unit_of(metric), band=evidence.band_of(shown))
            st.echarts_chart(spec, height=240, alt=charts.title_of(metric))
        for line in evidence.facts(shown):
            st.caption(plain(line))
    causes.likely(here, first, may_open=me.may(Right.ESTATE_READ))
    case_parts.members(here, me, first, moment)
    with st.container(horizontal=True):
        for asset in first.assets[:6]:
            if me.may(Right.ESTATE_READ) and asset in here.estate.assets():
                st.page_link(parts.VIEWS / "asset.py", label=here.estate.title(asset), query_params={"id": asset}, icon=":material/dns:")
    case_parts.links(here, first)
    case_parts.requirements(me, first)


@parts.live(5)
def story() -> None:
    """Everything that happened, the newest first."""
    moment, case = here.now(), cases.get_case(here.store, id_)
    st.markdown(f"##### {_('What happened')}")
    for step in reversed(case.timeline[-200:]):
        who = f" **{plain(step.who)}**" if step.who else ""
        st.markdown(f":gray[{plain(times.clock(step.time, here.zone, moment))}]{who} {plain(evidence.step_word(step.what))} {plain(step.text, 300)}")
    changes = evidence.changes_before(here.store, case)
    if changes:
        st.markdown(f"##### {_('What changed before')}")
        for change in changes:
            st.caption(plain(f"{times.clock(change.time, here.zone, moment)} {change.who}: {here.estate.title(change.asset)} {', '.join(change.after)}"))


with story_side:
    run_actions.offers(here, me, first)
    story()
    parts.guarded(partial(case_parts.told, here, first, here.now()))
    drafting.buttons(here, id_)
