"""Pieces of the pages for the auditor: choosing an object, its dossier with progress, forms of exemptions and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from compliance.compensation import Compensation, proposed
from compliance.dossier import Dossier, Tell
from compliance.exemptions import Exemption, Word, decide, request, withdraw
from compliance.objects import ProtectionObject
from compliance.office import Office
from compliance.register import WHOLE
from compliance.risk import Decision, Level, Risk, save_decision
from compliance.rollup import Conformity
from compliance.scoring import load_schemes
from console import parts
from console.desk import Desk
from console.i18n import _, listed, marked, two
from console.identity.accounts import Account
from console.queries import audits
from console.text import plain
from console.words import Look, look

RISK: Final[Mapping[str, Look]] = {
    "high": Look(marked("high risk"), "●", "red", "#C62828"),
    "medium": Look(marked("medium risk"), "◆", "yellow", "#B7791F"),
    "low": Look(marked("low risk"), "■", "gray", "#616161"),
}
PROGRESS: Final[Mapping[str, Look]] = {
    "overdue": Look(marked("overdue"), "●", "red", "#C62828"),
    "soon": Look(marked("due soon"), "◆", "yellow", "#B7791F"),
    "open": Look(marked("open"), "◆", "orange", "#E65100"),
    "done": Look(marked("done"), "✓", "green", "#2E7D32"),
    "not_needed": Look(marked("not needed"), "■", "gray", "#616161"),
    "in_time": Look(marked("in time"), "✓", "green", "#2E7D32"),
}
EXEMPTION: Final[Mapping[str, Look]] = {
    "requested": Look(marked("waits for a decision"), "◆", "orange", "#E65100"),
    "granted": Look(marked("in force"), "✓", "green", "#2E7D32"),
    "refused": Look(marked("refused"), "■", "gray", "#616161"),
    "withdrawn": Look(marked("withdrawn"), "■", "gray", "#616161"),
    "expired": Look(marked("has ended"), "●", "red", "#C62828"),
}
STAGES: Final[Mapping[str, str]] = {
    "verdicts": marked("reading verdicts"),
    "items": marked("judging requirements"),
    "risks": marked("rating risks"),
    "evidence": marked("collecting evidence"),
    "content": marked("writing the report"),
    "report": marked("writing the report"),
    "chain": marked("reading the evidence chain"),
    "manifest": marked("writing the manifest"),
}


def ahead(progress: str) -> str:
    """How a step stands whose next date is shown: what was done is in time for it."""
    return look(PROGRESS, "in_time" if progress == "done" else progress).text


def choose_object(office: Office, key: str = "object", *, whole_first: bool = False) -> ProtectionObject:
    """Ask which object; kept in the address."""
    objects = office.register().objects
    names = [WHOLE, *objects] if whole_first else [*objects, WHOLE]
    given = parts.asked("object")
    level = int(parts.asked("level", "3")) if parts.asked("level", "3") in ("2", "3", "4") else 3
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            _("Protection object"),
            names,
            index=names.index(given) if given in names else 0,
            format_func=lambda name: f"{objects[name].name} · {objects[name].grade_text}" if name in objects else _("whole estate"),
            key=key,
            width=420,
        )
        if chosen == WHOLE:
            level = st.segmented_control(_("Level"), (2, 3, 4), default=level, key=f"{key}-level", required=True) or 3
        subject = office.subject(chosen, level)
        family = _family(office, subject, f"{key}-framework")
    parts.remember(object=chosen if chosen != names[0] else "", level=str(level) if chosen == WHOLE and level != 3 else "")
    parts.remember(framework=family if family != subject.framework else "")
    if subject.label:
        said = _("Marked {label}. Wanglou is not approved for classified systems; what it may be used for is for the competent department to say.")
        st.caption(said.format(label=plain(subject.label)))
    return subject.model_copy(update={"framework": family})


def _family(office: Office, subject: ProtectionObject, key: str) -> str:
    """By which framework the object is judged here: its own, unless another is chosen; asked only where the site brought one along."""
    frameworks = office.frameworks()
    for problem in frameworks.problems:
        st.error(plain(str(problem)))
    names, asked = frameworks.families, parts.asked("framework", subject.framework)
    if len(names) == 1 and subject.framework in names:
        return subject.framework
    return st.selectbox(
        _("Framework"),
        list(names),
        index=list(names).index(asked) if asked in names else 0,
        format_func=lambda name: two(names[name].zh, names[name].en),
        key=key,
        width=260,
    )


def dossier(office: Office, subject: ProtectionObject, moment: datetime, now: datetime) -> Dossier:
    """The dossier, with a bar while it is gathered."""
    place = st.empty()
    found = audits.dossier(office, subject, moment, now, bar_in(place))
    place.empty()
    return found


def bar_in(place: DeltaGenerator) -> Tell:
    """Something that can be told how far long work is, and shows it as a bar."""

    def tell(share: float, what: str) -> None:
        place.progress(share, _(STAGES[what]) if what in STAGES else what)

    return tell


def conclusion(found: Dossier) -> str:
    """Figure and conclusion in words."""
    return f"{figure_of(found, found.score.figure)} · {two(found.score.conclusion.zh, found.score.conclusion.en)}"


def figure_of(found: Dossier, figure: float, digits: int = 1) -> str:
    """A figure of the dossier's scheme, with its sign when it is a rate."""
    return f"{figure:.{digits}f}" + (" %" if load_schemes()[found.scheme].method == "rate" else "")


def until(day: date, here: Desk) -> datetime:
    """The end of a day in the site's time."""
    return datetime.combine(day, time(23, 59), here.zone)


def exemption_form(here: Desk, me: Account, found: Dossier, risk: Risk) -> None:
    """Ask for an exemption of a gap."""
    now = here.now()
    with st.form(f"exempt-{risk.item}"):
        st.markdown(f"**{_('Ask for an exemption')}**")
        reason = st.text_area(_("Why the gap cannot be closed now"), height=70)
        compensation = st.text_area(_("Compensating control"), height=70)
        assets = st.multiselect(_("only for these assets (none: for all)"), list(risk.assets), format_func=here.estate.title, placeholder=_("choose some"))
        end = st.date_input(_("until"), value=(now + timedelta(days=90)).astimezone(here.zone).date())
        sent = st.form_submit_button(_("Ask"), type="primary")
    if sent:
        wanted = Exemption(
            id="", item=risk.item, object=found.subject.id, assets=tuple(assets), reason=reason, compensation=compensation, requester=me.name,
            requested=now, expires=until(end, here),
        )  # fmt: skip
        if parts.done(lambda: request(here.store, wanted, me.roles)):
            st.toast(_("Asked. Another security officer decides."))
            st.rerun()


def exemption_block(here: Desk, me: Account, one: Exemption, *, may_decide: bool) -> None:
    """One exemption with what can be done about it."""
    now = here.now()
    word = one.word(now)
    with st.container(border=True):
        st.markdown(f"{parts.badge(EXEMPTION, word.value)} **{plain(one.item)}** {plain(one.id)}")
        st.markdown(f"{_('reason')}: {plain(one.reason)}  \n{_('compensating control')}: {plain(one.compensation)}")
        facts = [(_("asked by"), plain(one.requester)), (_("decided by"), plain(one.approver)), (_("ends"), plain(parts.when(one.expires, now)))]
        parts.strip([*facts, (_("assets"), plain(listed(one.assets))), (_("remark"), plain(one.remark))])
        if may_decide and word is Word.REQUESTED:
            if one.requester == me.name:
                st.caption(_("You asked for it: somebody else decides."))
            else:
                _decision(here, me, one)
        wants_out = may_decide and word is Word.GRANTED and st.button(_("Withdraw"), key=f"withdraw-{one.id}")
        if wants_out and parts.done(lambda: withdraw(here.store, one.id, me.name, me.roles, now)):
            st.rerun()


def _decision(here: Desk, me: Account, one: Exemption) -> None:
    with st.form(f"decide-{one.id}", border=False):
        remark = st.text_input(_("Remark"))
        with st.container(horizontal=True):
            granted = st.form_submit_button(_("Grant"), type="primary")
            refused = st.form_submit_button(_("Refuse"))
    if (granted or refused) and parts.done(lambda: decide(here.store, one.id, me.name, me.roles, here.now(), grant=granted, remark=remark)):
        st.rerun()


def _makes_up(found: Dossier, risk: Risk, proposal: Compensation | None) -> list[str]:
    """Which met requirements make up for the gap; a proposal is filled in."""
    met = [name for name, result in found.results.items() if result.conformity is Conformity.CONFORMS and name != risk.item]
    if proposal:
        st.caption(_("proposal: {reason}").format(reason=two(proposal.zh, proposal.en)))
    if risk.lapsed:
        st.warning(_("The decision does not count: {reason}").format(reason=plain(two(risk.lapsed.zh, risk.lapsed.en))))
    label = _("made up for by these requirements, which are met (overall assessment)")
    return st.multiselect(label, met, default=list(proposal.by) if proposal else [], placeholder=_("choose some"), key=f"risk-by-{risk.item}")


def risk_form(here: Desk, me: Account, found: Dossier, risk: Risk) -> None:
    """An officer's word on a risk."""
    now = here.now()
    with st.form(f"risk-{risk.item}"):
        st.markdown(f"**{_('Decide about the risk')}**")
        chosen = st.segmented_control(_("Risk"), list(Level), default=risk.level, format_func=lambda level: look(RISK, level.value).text, required=True)
        major = st.checkbox(_("a major hidden risk"), value=risk.major)
        proposal = proposed(risk, found.results)
        by = _makes_up(found, risk, proposal)
        reason = st.text_area(_("Reason, and where the evidence is"), height=70, key=f"risk-reason-{risk.item}")
        end = st.date_input(_("valid until"), value=(now + timedelta(days=365)).astimezone(here.zone).date(), key=f"risk-until-{risk.item}")
        sent = st.form_submit_button(_("Save the decision"))
    if sent and chosen:
        word = Decision(object=found.subject.id, item=risk.item, level=chosen, major=major, reason=reason, who=me.name, time=now, expires=until(end, here))
        word = replace(word, by=tuple(by))
        if parts.done(lambda: save_decision(here.store, word, me.roles)):
            st.rerun()
