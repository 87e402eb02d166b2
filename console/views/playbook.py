"""One playbook: its inputs, and the plan of a run: exact commands, targets, the way back, who else is hit. Touches nothing."""

from __future__ import annotations

import streamlit as st

from console import parts, remedy_parts, run_actions
from console.i18n import _
from console.identity.roles import Right
from console.queries import runs
from console.run_forms import fields
from console.run_words import ON_FAIL, RISK, VERBS
from console.text import plain
from console.words import word
from core.errors import ConfigError
from playbooks.cacao import export_text
from playbooks.capabilities import capability
from playbooks.form import walk
from playbooks.scope import taken_from

here, me = parts.enter(Right.PLAYBOOK_READ)
site, name, about = here.settings.site_folder, parts.asked("name"), parts.asked("incident")
work, check = parts.asked("remedy"), parts.asked("check")
book = runs.catalogue(site).playbooks.get(name)
if book is None:
    parts.empty(_("There is no such playbook."), page="playbooks.py", label=_("all playbooks"))
    st.stop()
incident = runs.incident_facts(here.store, about)
known = taken_from(book, incident) | remedy_parts.inputs_for(here, me, book, work, check)

st.markdown(f"#### {parts.badge(RISK, book.risk.value)} {plain(runs.words(book.title))}")
st.caption(plain(runs.words(book.about)))
parts.strip([(_("name"), plain(f"{book.name} v{book.version}")), (_("incident"), plain(about)), (_("remedy"), plain(work)), (_("steps"), str(len(book.steps)))])

with st.expander(_("Steps")):
    parts.table(
        [
            {
                _("step"): step.id,
                _("what"): step.run or step.call or word(VERBS, step.verb),
                _("when it fails"): word(ON_FAIL, step.on_fail),
                _("under"): ".".join(map(str, where[1:-1])),
            }
            for step, where in walk(book.steps)
        ]
    )
    document, notes = export_text(runs.catalogue(site), name, capability)
    st.download_button(_("Export (CACAO 2.0)"), document, f"{name}.cacao.json", "application/json", icon=":material/download:", on_click="ignore", key="cacao")
    if notes:
        st.caption(plain(_("{n} things have no place in this format and go along in an extension.").format(n=len(notes))))
with st.form("run-inputs", border=bool(book.inputs)):
    given = fields(here, book.inputs, "-".join(part for part in ("input", name, work, check) if part), known)
    is_asked = st.form_submit_button(_("Show the plan"), type="primary", icon=":material/visibility:")
st.caption(_("The plan touches nothing."))
if is_asked:
    st.session_state["plan-of"] = (name, about, work, check)
if st.session_state.get("plan-of") == (name, about, work, check):
    try:
        plan, reasons = runs.plan_of(site, name, given, here.estate.graph(), incident, here.now())
    except ConfigError as err:
        st.error(plain(str(err)))
    else:
        run_actions.show_plan(here, plan)
        for reason in reasons:
            st.error(plain(runs.half(reason)), icon=":material/block:")
        if me.may(Right.PLAYBOOK_RUN) and not reasons:
            run_actions.request_button(here, me, plan, given, work)
recent = runs.list_runs(here.store, playbook=name)[:10]
if recent:
    st.markdown(f"##### {_('Latest runs')}")
    run_actions.run_table(here, recent, "playbook-runs")
