"""Parts about remedies: handing out the work on a gap, what is being done, what was closed by which evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import streamlit as st

from compliance.dossier import Dossier
from compliance.framework import Item
from compliance.office import Office
from compliance.register import WHOLE
from compliance.remedies import DOERS, Remedy, Stage, due_day, hand_out, offered, remedies, report_done, withdraw
from compliance.risk import Risk
from compliance.run import every
from console import audit_parts, parts
from console.desk import Desk
from console.i18n import _, marked, one, report_language, two
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import audits, runs, times
from console.run_words import RUN
from console.text import plain
from console.words import Look, look
from core.names import VERDICT
from playbooks.form import Playbook
from playbooks.offers import filled
from store.filter import And, Term

STAGE: Final = {
    "open": Look(marked("in work"), "◆", "yellow", "#B7791F"),
    "late": Look(marked("overdue"), "▲", "red", "#C62828"),
    "done": Look(marked("waits for the check"), "■", "blue", "#1565C0"),
    "closed": Look(marked("closed by evidence"), "✓", "green", "#2E7D32"),
    "withdrawn": Look(marked("withdrawn"), "–", "gray", "#616161"),
}


def of_object(here: Desk, subject: str) -> list[Remedy]:
    """The remedies of an object."""
    return [found for found in remedies(here.store) if found.object == subject]


def stage_of(remedy: Remedy, today: date) -> str:
    """How it stands, lateness included."""
    return "late" if remedy.is_late(today) else remedy.stage.value


def mine(here: Desk, me: Account) -> None:
    """The remedies whose owner this person is, with the way to each."""
    today = here.now().astimezone(here.zone).date()
    names = {me.name.lower(), me.title.lower()} - {""}
    found = [one for one in remedies(here.store) if one.stage is Stage.OPEN and one.owner.lower() in names]
    if not found or not me.may(Right.COMPLIANCE_READ):
        return
    st.markdown(f"##### {_('Your remedies: {n}, {late} of them overdue').format(n=len(found), late=sum(one.is_late(today) for one in found))}")
    row = parts.rows(
        [
            {
                _("state"): look(STAGE, stage_of(remedy, today)).text,
                _("requirement"): remedy.item,
                _("due"): str(remedy.due),
                _("what is to be done"): remedy.measure,
            }
            for remedy in found
        ],
        "my-remedies",
        {_("what is to be done"): st.column_config.TextColumn(width="large")},
    )
    if row is not None:
        parts.go("compliance_risks.py", object=found[row].object, tab="work", remedy=found[row].id)


def hand_out_form(here: Desk, me: Account, found: Dossier, risk: Risk) -> None:
    """Make a gap somebody's work."""
    today = here.now().astimezone(here.zone).date()
    people = found.subject.people
    books = {book.name: book for book in runs.offered(here.settings.site_folder, audits.rules_of(found, risk))}
    books |= runs.catalogue(here.settings.site_folder).playbooks
    with st.form(f"remedy-{risk.item}"):
        st.markdown(f"**{_('Hand out the work')}**")
        owner = st.text_input(_("owner"), people.operations or people.owner, key=f"remedy-owner-{risk.item}")
        measure = st.text_area(_("what is to be done"), audits.measure(found, risk, report_language()), height=90, key=f"remedy-measure-{risk.item}")
        due = st.date_input(_("due"), due_day(risk.level, today), key=f"remedy-due-{risk.item}")
        book = st.selectbox(
            _("playbook that does it, if there is one"),
            list(books),
            index=None,
            format_func=lambda name: runs.words(books[name].title),
            placeholder=_("by hand"),
        )
        sent = st.form_submit_button(_("Hand out"), type="primary")
    if sent:
        wanted = Remedy(
            item=risk.item, object=found.subject.id, owner=owner.strip(), due=due, level=risk.level, measure=measure, playbook=book or "", by=me.name,
            created=here.now(),
        )  # fmt: skip
        if parts.done(lambda: hand_out(here.store, wanted, me.roles, today)):
            st.rerun()


def hand_out_all(here: Desk, me: Account, found: Dossier, gaps: Sequence[Risk]) -> None:
    """Every gap that is nobody's work, to one owner, each with the day that its risk asks for."""

    @st.dialog(_("Hand out {n} gaps").format(n=len(gaps)))
    def ask() -> None:
        today = here.now().astimezone(here.zone).date()
        owner = st.text_input(_("owner"), found.subject.people.operations or found.subject.people.owner)
        st.caption(_("High risks are due in 30 days, medium in 90, low in 180; what is to be done is taken from the failing checks."))
        if st.button(_("Hand out"), type="primary", key="remedy-all"):
            for risk in gaps:
                wanted = Remedy(
                    item=risk.item, object=found.subject.id, owner=owner.strip(), due=due_day(risk.level, today), level=risk.level,
                    measure=audits.measure(found, risk, report_language()), by=me.name, created=here.now(),
                )  # fmt: skip
                if not parts.done(lambda wanted=wanted: hand_out(here.store, wanted, me.roles, today)):  # type: ignore[misc]
                    return
            st.rerun()

    ask()


def board(here: Desk, me: Account, found: Dossier, mine: Sequence[Remedy], items: Mapping[str, Item]) -> None:
    """All remedies of an object, one of them in full."""
    today = here.now().astimezone(here.zone).date()
    busy = {remedy.item for remedy in mine if remedy.is_live}
    free = [risk for risk in found.risks if risk.item not in busy]
    if (
        free
        and me.may(Right.COMPLIANCE_ANSWER)
        and st.button(_("Hand out {n} gaps that nobody works on").format(n=len(free)), icon=":material/assignment_ind:")
    ):
        hand_out_all(here, me, found, free)
    if not mine:
        parts.empty(_("No gap was handed out yet."), _("Open a risk and hand it out: an owner, a day, what is to be done. The next check closes it."))
        return
    row = parts.rows(
        [
            {
                _("state"): look(STAGE, stage_of(remedy, today)).text,
                _("requirement"): f"{remedy.item} {two(items[remedy.item].zh, items[remedy.item].en) if remedy.item in items else ''}",
                _("risk"): look(audit_parts.RISK, remedy.level).text,
                _("owner"): remedy.owner,
                _("due"): str(remedy.due),
                _("sent back"): remedy.sent_back or "",
                _("what is to be done"): remedy.measure,
            }
            for remedy in mine
        ],
        "remedies",
        {_("requirement"): st.column_config.TextColumn(width="large"), _("what is to be done"): st.column_config.TextColumn(width="large")},
    )
    asked = parts.asked("remedy")
    chosen = mine[row] if row is not None else next((remedy for remedy in mine if remedy.id == asked), mine[0])
    one_remedy(here, me, found, chosen, today)


def playbook_links(here: Desk, found: Dossier, remedy: Remedy) -> None:
    """The playbooks that mend what fails, each with the assets on which it does; the page of the playbook shows the plan and asks for the run."""
    books = runs.catalogue(here.settings.site_folder).playbooks
    named = [one for one in offered(remedy.item, found.verdicts) if one.offer.name in books]
    for offer in named:
        label = _("{check}: plan “{playbook}” for {assets}").format(
            check=two(offer.title["zh"], offer.title["en"]),
            playbook=runs.words(books[offer.offer.name].title),
            assets=", ".join(here.estate.title(asset) for asset in offer.assets[:3]) + (" …" if len(offer.assets) > 3 else ""),
        )
        asked = {"name": offer.offer.name, "remedy": remedy.id, "check": offer.check}
        st.page_link(parts.VIEWS / "playbook.py", label=plain(label), query_params=asked, icon=":material/build:")
    if remedy.playbook in books and remedy.playbook not in {one.offer.name for one in named}:
        asked = {"name": remedy.playbook, "remedy": remedy.id}
        st.page_link(parts.VIEWS / "playbook.py", label=_("Open the playbook"), query_params=asked, icon=":material/menu_book:")


def inputs_for(here: Desk, me: Account, book: Playbook, work: str, check: str) -> dict[str, Any]:
    """The inputs of a playbook as far as the failing check of a remedy tells them."""
    if not work or not me.may(Right.COMPLIANCE_READ):
        return {}
    remedy = next((found for found in remedies(here.store) if found.id == work), None)
    if remedy is None:
        return {}
    subject = Office(here.store, here.settings).subject(remedy.object)
    mine = here.estate.assets()
    members = set(mine) if subject.id == WHOLE else {asset.id for asset in subject.members(mine.values())}
    where = And((Term("check", check), Term("outcome", "fail")))
    bodies = [body for found in every(here.store, VERDICT, where) if (body := found.body)["asset"] in members]
    return next((filled(book, one.offer.assets, one.offer.inputs, one.assets) for one in offered(remedy.item, bodies) if one.offer.name == book.name), {})


def run_links(here: Desk, me: Account, remedy: Remedy) -> None:
    """The runs that were asked for from it, the newest first."""
    if not me.may(Right.PLAYBOOK_READ):
        return
    for run in runs.list_runs(here.store, remedy=remedy.id)[:5]:
        label = f"{look(RUN, run.state).text} {run.title} · {run.requester} · {times.clock(run.asked, here.zone, here.now())}"
        st.page_link(parts.VIEWS / "run.py", label=plain(label), query_params={"id": run.id}, icon=":material/play_circle:")


def one_remedy(here: Desk, me: Account, found: Dossier, remedy: Remedy, today: date) -> None:
    """Everything about a remedy, and what this person may do with it."""
    now = here.now()
    with st.container(border=True):
        st.markdown(f"{parts.badge(STAGE, stage_of(remedy, today))} **{plain(remedy.item)}** {plain(remedy.id)}")
        st.markdown(plain(remedy.measure))
        facts = [(_("owner"), plain(remedy.owner)), (_("handed out by"), plain(remedy.by)), (_("due"), str(remedy.due))]
        facts += [(_("done by"), f"{plain(remedy.done_by)} {parts.when(remedy.done, now)}" if remedy.done else ""), (_("remark"), plain(remedy.remark))]
        parts.strip([*facts, (_("closed"), parts.when(remedy.ended, now) if remedy.ended else "")])
        if remedy.why:
            st.markdown(f"**{_('last check')}** {plain(one(remedy.why))}")
        if remedy.proof:
            st.caption(f"{_('evidence')}: {plain(', '.join(remedy.proof[:12]))}")
        run_links(here, me, remedy)
        if remedy.stage is Stage.OPEN and not remedy.running and me.may(Right.PLAYBOOK_READ):
            playbook_links(here, found, remedy)
        if remedy.stage is Stage.OPEN and DOERS & set(me.roles):
            with st.form(f"done-{remedy.id}", border=False):
                remark = st.text_input(_("What was done, and where it can be seen"))
                sent = st.form_submit_button(_("Report as done"), type="primary")
            if sent and parts.done(lambda: report_done(here.store, remedy.id, me.name, me.roles, remark, now)):
                st.rerun()
        if remedy.is_live and me.may(Right.COMPLIANCE_ANSWER):
            with st.popover(_("Withdraw")):
                why = st.text_input(_("Reason"), key=f"why-{remedy.id}")
                if st.button(_("Withdraw"), key=f"withdraw-{remedy.id}") and parts.done(lambda: withdraw(here.store, remedy.id, me.name, me.roles, why, now)):
                    st.rerun()
