"""The buttons that make the review of an incident as a document."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import streamlit as st

from compliance.reports.write import TYPES, rendered
from console.desk import Desk
from console.i18n import _, report_language
from console.queries import cases, evidence, notices, runs
from console.reports import incident
from console.run_words import ACT
from console.words import look

FORMS = {"docx": "Word", "pdf": "PDF"}


def buttons(here: Desk, id: str) -> None:
    """One button a format; the document is made when it is pressed."""
    with st.container(horizontal=True):
        for form, name in FORMS.items():
            label = _("Draft of a review ({form})").format(form=name)
            data = partial(_draft, here, id, form)
            st.download_button(label, data, f"wanglou-{id}.{form}", TYPES[form], icon=":material/download:", on_click="ignore", key=f"case-{form}")


def _draft(here: Desk, id: str, form: str) -> bytes:
    case, now = cases.get_case(here.store, id), here.now()
    changes = evidence.changes_before(here.store, case, here.estate.graph())
    sent = notices.of_case(here.store, id)
    made = incident.content(case, changes, here.estate.title, report_language(), here.zone, now, _commands(here, id), sent[::-1])
    return rendered(made, form, here.settings.site_folder)


def _commands(here: Desk, id: str) -> list[incident.Command]:
    """What the runs that began from this incident did, in order."""
    found = [whole for row in runs.list_runs(here.store, incident=id) if (whole := runs.whole(here.store, row.id))]
    return sorted((command for whole in found for command in _of_run(whole)), key=lambda command: str(command.time))


def _of_run(whole: runs.Whole) -> Iterator[incident.Command]:
    for stage, target, act, state in runs.step_rows(whole):
        if act is None or act.began is None:
            continue
        lines = [line for part in stage.parts if part.target == target for line in part.commands]
        yield incident.Command(act.began, whole.state.requester, target, "\n".join(lines) or stage.verb, look(ACT, state).text)
