"""The inbox: what waits for me, what waits for others, what was done."""

from __future__ import annotations

import streamlit as st

from console import parts, remedy_parts, run_actions
from console.i18n import _
from console.identity.roles import Right
from console.queries import runs, times
from console.run_words import VERBS
from console.words import word
from playbooks.requests import Who

here, me = parts.enter(Right.TASK_DO)
who = Who(me.name, me.roles)
moment, site = here.now(), here.settings.site_folder
mine = runs.inbox(here.store, site, who)
parts.heading(
    _("Tasks"),
    _("{n} tasks wait for you, {late} are overdue").format(n=len(mine), late=sum(task.late or bool(task.due and task.due < moment) for task in mine)),
)
parts.data_from(moment)
remedy_parts.mine(here, me)
KINDS = {"mine": _("mine"), "open": _("all open"), "done": _("all")}
kind = st.segmented_control(_("which"), list(KINDS), default="mine", format_func=KINDS.__getitem__, label_visibility="collapsed", key="tasks-which") or "mine"
shown = mine if kind == "mine" else runs.inbox(here.store, site, who, only_mine=False, only_open=kind == "open")
if not shown:
    parts.empty(_("No task waits.") if kind != "done" else _("There was no task yet."))
    st.stop()
row = parts.rows(
    [
        {
            _("task"): word(VERBS, task.kind),
            _("playbook"): task.title,
            _("what"): task.text or task.step,
            _("for whom"): runs.person_word(task.to),
            _("asked for by"): task.requester,
            _("due"): (f"{_('overdue')} · " if task.is_open and task.due and task.due < moment else "") + times.ago(task.due, moment),
            _("done by"): task.by if not task.is_open else "",
        }
        for task in shown
    ],
    f"tasks-{kind}",
    {_("what"): st.column_config.TextColumn(width=420)},
)
if row is not None:
    task = shown[row]
    found = runs.whole(here.store, task.run)
    if found is not None:
        with st.container(border=True):
            run_actions.task_panel(here, me, found, task.step)
        st.page_link(parts.VIEWS / "run.py", label=_("the whole run"), query_params={"id": task.run}, icon=":material/arrow_forward:")
