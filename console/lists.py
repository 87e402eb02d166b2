"""Lists that several pages show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from console import parts
from console.desk import desk
from console.i18n import _
from console.queries.cases import Case
from console.queries.times import ago
from console.words import PRIORITY, STATE, look


def case_list(cases: Sequence[Case], key: str, now: datetime) -> None:
    """Incidents as a dense table; a click opens one."""
    here = desk()
    data = [
        {
            _("priority"): look(PRIORITY, case.priority).text,
            _("state"): look(STATE, case.state).text,
            _("incident"): case.title,
            _("root"): here.estate.title(case.root) if case.root else "",
            _("firing"): len(case.firing),
            _("since"): ago(case.opened, now),
            _("owner"): case.owner or "–",
        }
        for case in cases
    ]
    columns = {
        _("priority"): st.column_config.TextColumn(width=70),
        _("state"): st.column_config.TextColumn(width=90),
        _("incident"): st.column_config.TextColumn(width=420),
        _("root"): st.column_config.TextColumn(width=220),
        _("firing"): st.column_config.NumberColumn(width=70),
        _("since"): st.column_config.TextColumn(width=130),
        _("owner"): st.column_config.TextColumn(width=90),
    }
    chosen = parts.rows(data, key, columns)
    if chosen is not None and chosen < len(cases):
        parts.go("incident.py", id=cases[chosen].id)
