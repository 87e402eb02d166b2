"""Protection objects: the grading record, what belongs to each, the steps of the yearly work and what is due."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from compliance.objects import Progress, horizon, steps
from compliance.office import Office
from console import audit_parts, object_form, parts, zone_parts
from console.i18n import _, listed, two
from console.identity.roles import Right
from console.queries import audits
from console.text import plain
from console.words import look
from inventory.book import Book

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
today = moment.astimezone(here.zone).date()
office = Office(here.store, here.settings)
register = office.register()
assets = Book(here.store).all()
noted = audits.days(here.store.documents)
rows = audits.object_rows(register.objects.values(), assets, noted[-1][1] if noted else {}, today)
may_write = me.may(Right.COMPLIANCE_ANSWER)
parts.sentence(_("{n} protection objects, {late} with something overdue").format(n=len(rows), late=audits.overdue(rows)))
parts.data_from(moment, _("figures are those noted once a day") if noted else "")
for problem in register.problems:
    st.error(plain(str(problem)))


if may_write and st.button(_("New protection object"), icon=":material/add:"):
    object_form.edit(here, me, assets, object_form.BLANK, is_new=True)
if not rows:
    parts.empty(
        _("No protection object is recorded yet."),
        _("Record one here or in objects.yaml of the site's folder; until then the whole estate is judged at level 3."),
    )
else:
    row = parts.rows(
        [
            {
                _("object"): one.subject.name,
                _("grade"): one.subject.grade_text,
                _("filing number"): one.subject.filing_number,
                _("assets"): one.assets,
                _("figure"): one.figure,
                _("conclusion"): two(one.conclusion.zh, one.conclusion.en) if one.conclusion else "",
                _("due next"): two(one.next_step.title.zh, one.next_step.title.en) if one.next_step else "",
                _("due"): str(one.next_step.due) if one.next_step else "",
                _("state"): audit_parts.ahead(one.next_step.progress) if one.next_step else "",
            }
            for one in rows
        ],
        "objects",
        {_("figure"): st.column_config.NumberColumn(format="%.1f")},
    )
    by_id = {one.subject.id: one.subject for one in rows}
    asked = parts.asked("object")
    subject = rows[row].subject if row is not None else by_id.get(asked, rows[0].subject)
    parts.remember(object=subject.id)
    st.markdown(f"##### {plain(subject.name)} · {subject.grade_text}")
    members = subject.members(assets)
    people = listed(plain(name) for name in (subject.people.owner, subject.people.security, subject.people.operations) if name)
    facts = [(_("business"), plain(subject.business)), (_("assessor"), plain(subject.assessor)), (_("people"), people), (_("assets"), str(len(members)))]
    facts.append((_("extensions"), listed(_(object_form.EXTENSIONS[name]) for name in subject.extensions)))
    parts.strip([*facts, (_("boundary devices"), listed(plain(here.estate.title(name)) for name in subject.boundary))])
    with st.container(horizontal=True):
        if st.button(_("Gaps and risks"), icon=":material/warning:"):
            parts.go("compliance_risks.py", object=subject.id)
        if st.button(_("Reports"), icon=":material/description:"):
            parts.go("compliance_reports.py", object=subject.id)
        if may_write and st.button(_("Edit"), icon=":material/edit:"):
            object_form.edit(here, me, assets, subject, is_new=False)
        if may_write and st.button(_("Remove"), icon=":material/delete:"):
            object_form.remove(here, me, subject)
    parts.table(
        [
            {
                _("step"): two(step.title.zh, step.title.en),
                _("state"): look(audit_parts.PROGRESS, step.progress).text,
                _("done"): str(step.done or ""),
                _("due"): str(step.due or ""),
                _("basis"): two(step.why.zh, step.why.en),
            }
            for step in steps(subject, today)
        ],
        {_("basis"): st.column_config.TextColumn(width="large")},
    )
    with st.expander(_("{n} assets").format(n=len(members))):
        parts.table(
            [{_("id"): asset.id, _("name"): asset.name, _("kind"): asset.kind, _("address"): asset.address, _("owner"): asset.owner} for asset in members]
        )
    zone_parts.zones(here, members, tuple(by_id.values()))

    st.markdown(f"##### {_('Due in the coming year')}")
    coming = horizon(by_id.values(), today, timedelta(days=365))
    parts.table(
        [
            {
                _("due"): str(step.due),
                _("object"): one.name,
                _("step"): two(step.title.zh, step.title.en),
                _("state"): audit_parts.ahead(step.progress),
                _("basis"): two(step.why.zh, step.why.en),
            }
            for one, step in coming
            if step.progress is not Progress.NOT_NEEDED
        ]
    )
