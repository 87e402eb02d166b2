"""A report on the shelf: taking it along, its signatures, and signing it by the password again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import streamlit as st

from compliance.office import Office
from compliance.reports.write import TYPES
from compliance.signing import Capacity, may_sign, record, sign, signatures, unproven, wanted
from console import parts
from console.desk import Desk
from console.i18n import _, marked
from console.identity.accounts import Account
from console.rounds_parts import code_field
from console.text import plain

CAPACITIES: Final = {Capacity.PREPARED: marked("author"), Capacity.REVIEWED: marked("reviewer"), Capacity.APPROVED: marked("approver")}


def signed_by(body: Mapping[str, Any]) -> str:
    """How many of the signatures are there, for a list; blank when none is."""
    return f"{found}/{len(CAPACITIES)}" if (found := len(signatures(body))) else ""


def taken(here: Desk, me: Account, office: Office, body: Mapping[str, Any]) -> None:
    """One report from the shelf."""
    name = str(body["file"])
    content = parts.attempt(lambda: office.read(name))
    if not content:
        return
    with st.container(horizontal=True):
        label = _("Download {name} ({size} kB)").format(name=name, size=f"{len(content) / 1000:,.0f}")
        st.download_button(label, content, name, TYPES[name.rsplit(".", 1)[1]])
        if signatures(body):
            told = json.dumps(record(here.store.documents, body), ensure_ascii=False, indent=1)
            st.download_button(_("Signatures (JSON)"), told, f"{name}.signatures.json", "application/json", icon=":material/draw:")
    _shown(here, body)
    if may_sign(body, me.name, me.roles):
        _form(here, me, office, body)


def _shown(here: Desk, body: Mapping[str, Any]) -> None:
    found = signatures(body)
    if not found:
        st.caption(_("Nobody has signed this report yet."))
        return
    wrong = unproven(here.store.documents, body)
    if wrong:
        st.error(_("These signatures do not stand so in the evidence chain: {names}").format(names=plain(", ".join(one.who for one in wrong))))
    parts.table(
        [
            {
                _("signed as"): _(CAPACITIES[one.capacity]),
                _("signed by"): one.who,
                _("time"): parts.when(datetime.fromisoformat(one.time), here.now()),
                _("remark"): one.remark,
                _("in the evidence chain"): int(one.link),
            }
            for one in found
        ]
    )


def _form(here: Desk, me: Account, office: Office, body: Mapping[str, Any]) -> None:
    name, capacity = str(body["file"]), wanted(body)
    if capacity is None:
        return
    with st.form(f"sign-{name}"):
        st.markdown(f"**{_('Sign as {capacity}').format(capacity=_(CAPACITIES[capacity]))}**")
        st.caption(_("Your password again signs exactly this file; who prepares, who reviews and who approves are three people."))
        remark = st.text_input(_("Remark"), max_chars=500, key=f"remark-{name}")
        password = st.text_input(_("Password"), type="password", key=f"password-{name}", autocomplete="off")
        code = code_field(me, f"code-{name}")
        sent = st.form_submit_button(_("Sign"), type="primary", icon=":material/draw:")
    if not sent or not parts.done(lambda: here.identity.confirm(me.name, password, parts.present_session().address, here.now(), code)):
        return
    if parts.done(lambda: sign(office, name, capacity, me.name, me.roles, remark, here.now())):
        st.rerun()
