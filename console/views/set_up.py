"""First steps: the first account appoints the three administrators and gives up what it held in trust."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.bootstrap import THREE, appoint
from console.identity.roles import Right
from console.text import plain
from console.words import ROLES, word

here, me = parts.enter(Right.SET_UP)
parts.sentence(_("Appoint three different persons"))
st.write(
    _(
        "Graded protection asks for separate administrators: one makes accounts, one grants roles, one reads the audit. "
        "Until they are appointed this account may look into the audit; afterwards it remains duty leader."
    )
)
DUTIES = {
    "system_admin": _("makes, closes and resets accounts; sees the settings"),
    "security_admin": _("grants and takes roles; decides about requirements"),
    "audit_admin": _("reads, verifies and exports the audit"),
}
DEFAULTS = {"system_admin": "sysadmin", "security_admin": "secadmin", "audit_admin": "auditor"}
with st.form("set-up"):
    names = {str(role): st.text_input(f"{word(ROLES, role)}: {DUTIES[role]}", value=DEFAULTS[role]) for role in THREE}
    is_sent = st.form_submit_button(_("Appoint these three"), type="primary")
if is_sent:
    passwords = parts.attempt(lambda: appoint(here.identity.accounts, me, names, here.now()))
    if passwords:
        here.identity.sessions.forget()
        st.success(_("Done. Hand each of them their one-time password; it is shown only now:"))
        for name, password in passwords.items():
            st.code(f"{name}  {password}", language=None)
        st.caption(
            plain(_("They change it at their first login. More accounts: the system administrator makes them, the security administrator grants roles."))
        )
