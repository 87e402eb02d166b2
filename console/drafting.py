"""The buttons that make the review of an incident as a document."""

from __future__ import annotations

from functools import partial

import streamlit as st

from compliance.reports.write import TYPES, rendered
from console.desk import Desk
from console.i18n import _, report_language
from console.queries import cases, evidence
from console.reports import incident

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
    made = incident.content(case, evidence.changes_before(here.store, case), here.estate.title, report_language(), here.zone, now)
    return rendered(made, form)
