"""Forms of playbooks as widgets: the inputs of a run, and the fields that a step asks a person for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import streamlit as st

from console.desk import Desk
from console.i18n import _, two
from playbooks.form import Both, Input


def fields(here: Desk, forms: Mapping[str, Input], key: str, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One widget for each input; what was entered, checked later by the reader of the playbook."""
    return {name: _field(here, name, form, f"{key}-{name}", (given or {}).get(name, form.default)) for name, form in forms.items()}


def _text(both: Both | None, otherwise: str) -> str:
    return two(both.zh, both.en) if both else otherwise


def _field(here: Desk, name: str, form: Input, key: str, value: Any) -> Any:
    label = _text(form.title, name) + ("" if form.required else f" ({_('optional')})")
    help_ = _text(form.help, "") or None
    if form.type in ("asset", "person", "choice"):
        return _choice(here, form, label, help_, key, value)
    if form.type == "bool":
        return st.checkbox(label, value=bool(value), help=help_, key=key)
    if form.type in ("int", "port") and not form.many:
        low, high = (1, 65535) if form.type == "port" else (form.min, form.max)
        number: Any = st.number_input  # its overloads know no limit that may be absent
        limits = [None if limit is None else int(limit) for limit in (low, high)]
        return number(label, min_value=limits[0], max_value=limits[1], value=None if value is None else int(value), step=1, help=help_, key=key)
    if form.type == "date" and not form.many:
        chosen = st.date_input(label, value=date.fromisoformat(str(value)) if value else None, help=help_, key=key)
        return chosen.isoformat() if isinstance(chosen, date) else ""
    if form.type == "text" and not form.many:
        return st.text_area(label, value=str(value or ""), help=help_, key=key)
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value if value is not None else "")
    note = _("several, parted by commas") if form.many else ""
    return st.text_input(label, value=shown, help=help_, placeholder=note, key=key)


def _choice(here: Desk, form: Input, label: str, help_: str | None, key: str, value: Any) -> Any:
    names = {
        "asset": lambda: sorted(here.estate.assets()),
        "person": lambda: sorted(account.name for account in here.identity.accounts.all() if not account.disabled),
        "choice": lambda: list(form.choices),
    }[form.type]()
    show = here.estate.title if form.type == "asset" else str
    if form.many:
        chosen = [one for one in (value if isinstance(value, list) else [value]) if one in names]
        return st.multiselect(label, names, default=chosen, format_func=show, help=help_, placeholder=_("choose"), key=key)
    index = names.index(value) if value in names else None
    return st.selectbox(label, names, index=index, format_func=show, help=help_, placeholder=_("choose"), key=key)
