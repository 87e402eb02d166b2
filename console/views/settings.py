"""The settings in force; they are changed in the settings file or the environment, never here."""

from __future__ import annotations

import streamlit as st
from pydantic import SecretStr

from console import parts
from console.i18n import _
from console.identity.roles import Right
from core.settings import describe

here, me = parts.enter(Right.SETTINGS_READ)
parts.sentence(_("The settings in force"))
st.caption(_("They are read from wanglou.toml in the data folder and from the environment; a change takes effect at the next start."))


def value_of(key: str) -> str:
    """The value of a dotted key; secrets are not shown."""
    value: object = here.settings
    for step in key.split("."):
        value = getattr(value, step)
    if isinstance(value, SecretStr):
        return _("set") if value.get_secret_value() else ""
    return "" if value is None else str(value)


rows = [{_("setting"): key, _("value"): value_of(key), _("default"): default if "Secret" not in kind else ""} for key, kind, default in describe()]
parts.table(rows)
