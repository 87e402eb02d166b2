"""One's own account: language, password, tokens for programs."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from console import parts
from console.i18n import LANGUAGES, _, listed
from console.identity.roles import Right
from console.queries import times
from console.text import plain
from console.words import ROLES, word

here, me = parts.enter(Right.HEALTH_READ)
moment = here.now()
parts.sentence(plain(me.title or me.name))
parts.strip([(_("account"), plain(me.name)), (_("roles"), plain(listed(word(ROLES, role) for role in me.roles))), (_("unit"), plain(me.unit))])

codes = list(LANGUAGES)
chosen = st.segmented_control(_("Language"), codes, default=st.session_state["language"], format_func=LANGUAGES.__getitem__, key="me-language")
if chosen and chosen != st.session_state["language"]:
    here.identity.accounts.set_language(me.name, chosen)
    here.identity.sessions.forget()
    st.rerun()
with st.container(horizontal=True):
    st.link_button(_("Change password"), "/password", icon=":material/key:")
    st.link_button(_("Second factor") if me.has_second else _("Set up a second factor"), "/second", icon=":material/phonelink_lock:")
st.caption(
    _("A second factor is in use; {n} recovery codes are left.").format(n=len(me.recovery)) if me.has_second else _("Logins ask for the password alone.")
)

st.markdown(f"##### {_('Tokens for programs')}")
st.caption(_("A program sends it with every call of the API. It can do no more than its account."))
tokens = here.tokens.of(me.name)
if tokens:
    row = parts.rows(
        [{_("token"): t.title, _("rights"): ", ".join(sorted(t.scopes)), _("ends"): times.clock(t.expires, here.zone, moment)} for t in tokens], "tokens"
    )
    if row is not None:
        label = _("Revoke {name}").format(name=plain(tokens[row].title, 40))
        doomed = tokens[row].id
        if st.button(label) and parts.done(lambda: here.tokens.revoke(me, doomed, here.now())):
            st.rerun()
with st.form("token-new"), st.container(horizontal=True, vertical_alignment="bottom"):
    title = st.text_input(_("What uses it"))
    scopes = st.multiselect(_("Rights"), sorted(right for right in me.rights if right != Right.SET_UP), placeholder=_("choose"))
    days = st.number_input(_("Days"), 1, 366, 90)
    is_sent = st.form_submit_button(_("Make a token"))
if is_sent:
    token = parts.attempt(lambda: here.tokens.make(me, title, scopes, timedelta(days=days), here.now()))
    if token:
        st.success(_("It is shown only now:"))
        st.code(token, language=None)
st.link_button(_("Description of the API"), "/api/v1/docs", icon=":material/api:")
