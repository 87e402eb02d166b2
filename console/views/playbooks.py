"""The catalogue: what can be run, how grave it is, and files that cannot be used."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import runs
from console.run_words import DOMAINS, RISK
from console.text import plain
from console.words import look, word

here, me = parts.enter(Right.PLAYBOOK_READ)
about = parts.asked("incident")
found = runs.catalogue(here.settings.site_folder)
books = sorted(found.playbooks.values(), key=lambda book: (book.domain, book.name))
parts.heading(_("Playbooks"), _("{n} playbooks; every one shows its plan before anything is touched").format(n=len(books)))
parts.data_from(here.now())
if books:
    wanted = st.text_input(_("Search"), placeholder=_("name or words"), label_visibility="collapsed", key="playbooks-search").lower()
    shown = [book for book in books if wanted in f"{book.name} {book.title.zh} {book.title.en} {book.about.zh} {book.about.en}".lower()]
    row = parts.rows(
        [
            {
                _("playbook"): runs.words(book.title),
                _("risk"): look(RISK, book.risk.value).text,
                _("area"): word(DOMAINS, book.domain),
                _("what it does"): runs.words(book.about),
                _("steps"): len(book.steps),
                _("name"): book.name,
            }
            for book in shown
        ],
        "playbooks",
        {_("what it does"): st.column_config.TextColumn(width=520), _("playbook"): st.column_config.TextColumn(width=220)},
    )
    if row is not None:
        parts.go("playbook.py", name=shown[row].name, **({"incident": about} if about else {}))
else:
    parts.empty(_("There is no playbook yet."), _("Put YAML files into the folder playbooks of the site; docs/playbooks.md tells their form."))
for problem in found.problems:
    st.warning(plain(str(problem)), icon=":material/warning:")
