"""Gaps of a protection object: risks, exemptions, what closing some would give, the cheapest way to conformity."""

from __future__ import annotations

import streamlit as st

from compliance.exemptions import Word, exemptions
from compliance.office import Office
from compliance.risk import Level, counted
from compliance.rollup import Conformity
from compliance.whatif import what_if
from console import audit_parts, guide_parts, parts, remedy_parts
from console.i18n import _, listed, two
from console.identity.roles import Right
from console.queries import audits
from console.text import plain
from console.words import CONFORMITY, look

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
office = Office(here.store, here.settings)
subject = audit_parts.choose_object(office)
found = audit_parts.dossier(office, subject, moment, moment)
may_decide, may_ask = me.may(Right.COMPLIANCE_ANSWER), me.may(Right.COMPLIANCE_ANSWER) or me.may(Right.INCIDENT_ACT)
left = counted(found.risks)
parts.sentence(
    _("{figure}: {high} high, {medium} medium and {low} low risks, {major} of them major; {unknown} of {all} requirements are not verified").format(
        figure=audit_parts.conclusion(found),
        high=left.high,
        medium=left.medium,
        low=len(found.risks) - left.high - left.medium,
        major=left.major,
        unknown=found.conforming(Conformity.UNKNOWN),
        all=len(found.items),
    )
)
parts.data_from(found.made)
all_exemptions = [one for one in exemptions(here.store) if one.object == subject.id]
waiting = sum(one.word(moment) is Word.REQUESTED for one in all_exemptions)
items = {item.id: item for item in found.items}
mine = remedy_parts.of_object(here, subject.id)
live = {one.item: one for one in mine if one.is_live}
TABS = {
    "risks": _("Risks"),
    "cases": _("Cases of the guide ({n})").format(n=len(found.standings)),
    "work": _("Remedies ({n})").format(n=len(live)),
    "exempt": _("Exemptions ({n})").format(n=len(all_exemptions)),
    "if": _("What if"),
    "way": _("Cheapest way"),
}
given = parts.asked("tab", "risks")
tab = st.segmented_control(_("View"), list(TABS), default=given if given in TABS else "risks", format_func=TABS.__getitem__, required=True) or "risks"
parts.remember(tab=tab if tab != "risks" else "")

if tab == "risks":
    if not found.risks:
        parts.empty(_("No gap is known."), _("What is not verified yet is no gap, and does not count as met either."))
    rows = [
        {
            _("risk"): look(audit_parts.RISK, risk.level).text + (f" · {_('major')}" if risk.major else ""),
            _("requirement"): f"{risk.item} {two(items[risk.item].zh, items[risk.item].en)}",
            _("result"): look(CONFORMITY, found.results[risk.item].conformity).text,
            _("on which assets"): listed(here.estate.title(name) for name in risk.assets[:5]) + (" …" if len(risk.assets) > 5 else ""),
            _("case of the guide"): two(risk.why.zh, risk.why.en),
            _("owner"): live[risk.item].owner if risk.item in live else "",
            _("exempt"): risk.exemption.id if risk.exemption else "",
        }
        for risk in found.risks
    ]
    if rows:
        widths = {_("requirement"): 330, _("on which assets"): 160, _("case of the guide"): 220}
        wide = {name: st.column_config.TextColumn(width=pixels) for name, pixels in widths.items()}
        row = parts.rows(rows, "risks", wide, height=min(32 * (len(rows) + 1) + 3, 360))
        asked = parts.asked("item")
        chosen = found.risks[row] if row is not None else audits.risk_of(found, asked)
        if chosen is None:
            st.caption(_("Click a line to hand it out, to ask for an exemption or to decide about the risk."))
        else:
            st.markdown(f"{parts.badge(audit_parts.RISK, chosen.level)} **{plain(chosen.item)}** {plain(two(items[chosen.item].zh, items[chosen.item].en))}")
            st.caption(plain(two(chosen.why.zh, chosen.why.en)))
            for standing in found.standings:
                if chosen.case and standing.case.case == chosen.case.case:
                    guide_parts.signs_of(here, standing)
            if chosen.decision:
                st.markdown(_("{who} decided: {reason}").format(who=plain(chosen.decision.who), reason=plain(chosen.decision.reason)))
            if st.button(_("Verdicts and evidence of this requirement"), icon=":material/verified_user:"):
                parts.go("compliance.py", item=chosen.item)
            left_side, middle, right_side = st.columns(3)
            with left_side:
                if chosen.item in live:
                    remedy_parts.one_remedy(here, me, found, live[chosen.item], moment.astimezone(here.zone).date())
                elif may_decide:
                    remedy_parts.hand_out_form(here, me, found, chosen)
            with middle:
                if may_ask:
                    audit_parts.exemption_form(here, me, found, chosen)
            with right_side:
                if may_decide:
                    audit_parts.risk_form(here, me, found, chosen)
elif tab == "cases":
    guide_parts.case_table(here, found)
elif tab == "work":
    remedy_parts.board(here, me, found, mine, items)
elif tab == "exempt":
    if not all_exemptions:
        parts.empty(_("There are no exemptions."), _("Open a risk and ask for one; another security officer decides, and it always ends."))
    elif waiting:
        st.caption(_("{n} wait for a decision").format(n=waiting))
    for one in all_exemptions:
        audit_parts.exemption_block(here, me, one, may_decide=may_decide)
elif tab == "if":
    gaps = [item.id for item in found.items if found.results[item.id].conformity in ("fails", "partial", "unknown")]
    by_risk = {risk.item: list(Level).index(risk.level) for risk in found.risks}
    gaps.sort(key=lambda name: by_risk.get(name, 9))
    mended = st.multiselect(
        _("If these requirements were met"),
        gaps,
        format_func=lambda name: f"{name} {two(items[name].zh, items[name].en)[:60]}",
        placeholder=_("choose some"),
        key="mended",
    )
    after = what_if(found.items, found.results, found.risks, set(mended), found.scheme)
    now_, then, word = st.columns(3)
    conclusion = two(found.score.conclusion.zh, found.score.conclusion.en)
    now_.metric(_("now"), audit_parts.figure_of(found, found.score.figure, 2), conclusion, delta_color="off", delta_arrow="off")
    more = after.figure - found.score.figure
    then.metric(_("then"), audit_parts.figure_of(found, after.figure, 2), f"{more:+.2f}" if more else None)
    word.metric(_("conclusion then"), two(after.conclusion.zh, after.conclusion.en))
else:
    way = audits.way(found)
    if not way.works:
        parts.empty(_("The conclusion is reached already."))
    else:
        parts.sentence(
            _("{n} pieces of work, about {hours} hours, lead to {figure}: {word}").format(
                n=len(way.works),
                hours=f"{way.hours:g}",
                figure=audit_parts.figure_of(found, way.after.figure, 2),
                word=two(way.after.conclusion.zh, way.after.conclusion.en),
            )
        )
        st.caption(_("Hours are estimates that only order the work; what is to be verified counts only if it turns out to conform."))
        parts.table(
            [
                {
                    _("order"): number,
                    _("requirement"): f"{work.item} {two(items[work.item].zh, items[work.item].en)}",
                    _("how"): _("a risk that must go") if work.must else _("verify") if work.verify else _("mend"),
                    _("checks"): ", ".join(work.checks),
                    _("assets"): len(work.assets),
                    _("hours"): work.hours,
                    _("figure then"): round(work.figure, 2),
                }
                for number, work in enumerate(way.works, 1)
            ],
            {_("requirement"): st.column_config.TextColumn(width="large")},
        )
