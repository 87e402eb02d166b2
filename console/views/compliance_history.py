"""The state of any day, what turned between two days and why, and the chain that it is read from."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from compliance import evidence
from compliance.history import reasons
from compliance.office import Office
from console import audit_parts, parts
from console.i18n import _, marked, two
from console.identity.roles import Right
from console.queries import audits, times
from console.text import plain
from console.words import CONFORMITY, OUTCOME, look
from core.errors import WanglouError

CAUSES = {
    "text": marked("The text changed"),
    "configuration": marked("The configuration changed"),
    "asset": marked("The record of the asset changed"),
    "incident": marked("An incident opened"),
}

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
office = Office(here.store, here.settings)
subject = audit_parts.choose_object(office)
today = moment.astimezone(here.zone).date()
with st.container(horizontal=True):
    first = st.date_input(_("from the end of"), value=today - timedelta(days=7), max_value=today, width=180)
    last = st.date_input(_("to the end of"), value=today, max_value=today, width=180)
before, after = office.moment(first, moment), office.moment(last, moment)
found = audit_parts.dossier(office, subject, after, moment)
was = audit_parts.dossier(office, subject, before, moment)
compared = audits.compare(was, found)
parts.sentence(
    _("{before} then {after}: {worse} verdicts turned to failing, {better} were mended").format(
        before=audit_parts.conclusion(was), after=audit_parts.conclusion(found), worse=compared.worse, better=compared.better
    )
)
parts.data_from(found.made, _("read from the evidence chain"))
if compared.is_dark:
    st.warning(_("For one of the two days nothing was noted in the two days before it: its state is the last one known, or empty."), icon=":material/history:")

noted = audits.trend(audits.days(here.store.documents), subject.id)
if len(noted) > 1:
    spec = {
        "grid": {"left": 44, "right": 16, "top": 12, "bottom": 26},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": [day for day, _figure in noted]},
        "yAxis": {"type": "value", "min": 0, "max": 100},
        "series": [{"type": "line", "name": _("figure"), "data": [round(figure, 2) for _day, figure in noted], "symbolSize": 4}],
    }
    st.echarts_chart(spec, height=170, alt=_("figure by day"))

if was.subject.grade != found.subject.grade:
    st.info(_("The grade of the object was {before} and became {after}.").format(before=was.subject.grade_text, after=found.subject.grade_text))
came, left = audits.moved(was, found)
if came or left:
    names = [", ".join(plain(here.estate.title(one)) for one in some[:20]) or "–" for some in (came, left)]
    st.caption(_("Assets that came into its scope: {came}; that left it: {left}").format(came=names[0], left=names[1]))
changed = audits.otherwise(was, found)
if changed:
    st.markdown(f"##### {_('Requirements that came out otherwise')} ({len(changed)})")
    parts.table(
        [
            {
                _("requirement"): f"{item.id} {two(item.zh, item.en)}",
                _("before"): look(CONFORMITY, old).text if old else _("not asked for"),
                _("after"): look(CONFORMITY, new).text if new else _("not asked for"),
                _("caused by"): "; ".join(two(said.zh, said.en) for said in reasons(item.id, compared.turns, was.answers, found.answers)[:5])
                or _("other assets or checks are judged than before"),
            }
            for item, old, new in changed
        ],
        {_("requirement"): st.column_config.TextColumn(width="medium"), _("caused by"): st.column_config.TextColumn(width="large")},
    )
st.markdown(f"##### {_('Verdicts that turned')} ({compared.total})")
if not compared.turns:
    parts.empty(_("No verdict turned between these two days."))
else:
    row = parts.rows(
        [
            {
                _("time"): times.clock(turn.time, here.zone, moment),
                _("asset"): here.estate.title(turn.asset),
                _("check"): two(turn.title.get("zh", ""), turn.title.get("en", "")),
                _("before"): look(OUTCOME, turn.before).text if turn.before else _("not judged"),
                _("after"): look(OUTCOME, turn.after).text,
                _("requirements"): ", ".join(turn.items),
            }
            for turn in compared.turns
        ],
        "turns",
        {_("check"): st.column_config.TextColumn(width="large")},
        height=300,
    )
    if row is None:
        st.caption(_("Click a line to see what caused it."))
    else:
        turn = compared.turns[row]
        st.markdown(plain(two(turn.new["reason"]["zh"], turn.new["reason"]["en"])))
        known = audits.causes_of(office, turn)
        if not known:
            st.caption(_("Nothing else is known of this asset in the 24 hours before."))
        for cause in known:
            st.markdown(f"**{_(CAUSES[cause.kind])}** · {plain(times.clock(cause.time, here.zone, moment))}")
            if cause.kind == "text":
                st.code(cause.text, language="diff", wrap_lines=True)
            else:
                st.markdown(plain(cause.text))
                if cause.id and st.button(_("Open the incident"), key=f"open-{cause.id}"):
                    parts.go("incident.py", id=cause.id)

st.markdown(f"##### {_('Evidence chain')}")
seq, digest = evidence.head(here.store.documents)
st.caption(
    _("{n} links, the newest has the hash {hash}. Keep this pair outside: only it shows that the whole chain was written anew.").format(n=seq, hash=digest)
)
if st.button(_("Check every link"), icon=":material/link:"):
    with st.spinner(_("checking")):
        try:
            broken = evidence.first_break(here.store.documents)
        except WanglouError as err:
            st.error(plain(str(err)))
        else:
            if broken is None:
                st.success(_("The chain is whole."))
            else:
                st.error(_("The chain is broken at link {n}.").format(n=broken))
