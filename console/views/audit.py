"""The audit: everything for its administrator, one's own steps for everybody else."""

from __future__ import annotations

import json

import streamlit as st

from console import parts
from console.i18n import _
from console.identity.roles import Right
from console.queries import times
from console.text import plain

session = parts.present_session()
right = Right.AUDIT_READ if session.account.may(Right.AUDIT_READ) else Right.INCIDENT_READ
here, me = parts.enter(right)
sees_all = me.may(Right.AUDIT_READ)
with st.container(horizontal=True, vertical_alignment="bottom"):
    actor = st.text_input(_("Who"), value=parts.asked("who"), key="audit-who") if sees_all else me.name
    action = st.text_input(_("Action"), value=parts.asked("action"), key="audit-action")
    thing = st.text_input(_("Object"), value=parts.asked("object"), key="audit-object")
    limit = st.selectbox(_("Entries"), (100, 500, 2000), key="audit-limit")
parts.remember(who=actor if sees_all else "", action=action, object=thing)
moment = here.now()
found = here.store.audit.read(limit=limit, actor=actor.strip() or None, action=action.strip() or None, object=thing.strip() or None, newest=True)
if sees_all:
    parts.sentence(_("The newest {n} entries of the audit").format(n=f"{len(found):,}"))
else:
    parts.sentence(_("Your newest {n} steps; the whole audit belongs to the audit administrator").format(n=f"{len(found):,}"))
with st.container(horizontal=True, vertical_alignment="center"):
    parts.data_from(moment)
    if sees_all and st.button(_("Verify the chain"), icon=":material/link:", key="audit-verify"):
        broken = here.store.audit.verify()
        if broken is None:
            st.success(_("The chain is whole."))
        else:
            st.error(_("The chain is broken at entry {n}.").format(n=broken))
    if sees_all and found:
        lines = "\n".join(
            json.dumps({name: str(getattr(e, name)) if name == "time" else getattr(e, name) for name in e.__slots__}, ensure_ascii=False) for e in found
        )
        st.download_button(_("Export"), lines.encode(), "audit.jsonl", "application/jsonl", icon=":material/download:", on_click="ignore", key="audit-export")
if found:
    row = parts.rows(
        [
            {
                _("number"): entry.seq,
                _("time"): times.clock(entry.time, here.zone, moment),
                _("who"): entry.actor,
                _("action"): entry.action,
                _("object"): entry.object,
                _("details"): json.dumps(entry.body, ensure_ascii=False)[:300],
            }
            for entry in found
        ],
        "audit",
        {_("details"): st.column_config.TextColumn(width="large"), _("number"): st.column_config.NumberColumn(width="small")},
    )
    if row is not None and row < len(found):
        entry = found[row]
        st.code(json.dumps(entry.body, ensure_ascii=False, indent=2), language="json")
        st.caption(f"{_('hash')} {plain(entry.hash)} · {_('before')} {plain(entry.previous)}")
else:
    parts.empty(_("No entry matches."), _("Take words away; who, action and object are matched whole."))
