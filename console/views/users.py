"""Accounts: system administrators make and close them, security administrators grant roles."""

from __future__ import annotations

import streamlit as st

from console import parts
from console.i18n import _, listed
from console.identity.accounts import Account
from console.identity.roles import Right, Role
from console.queries import times
from console.text import plain
from console.words import GOOD, ROLES, word

here, me = parts.enter(Right.ACCOUNT_READ)
moment = here.now()
accounts = here.identity.accounts
every = accounts.all()


def show_password(name: str, password: str) -> None:
    """Shown once, stored nowhere."""
    st.success(_("One-time password of {name}; it is shown only now:").format(name=plain(name)))
    st.code(password, language=None)


def state_of(account: Account) -> str:
    """Why nobody can log in with it, or that all is well."""
    if account.disabled:
        return _("closed")
    if account.is_unused(moment, here.settings.console):
        return _("held: not used for {days} days").format(days=here.settings.console.unused_days)
    return _("locked") if account.is_locked(moment) else GOOD.text


shut = sum(state_of(account) != GOOD.text for account in every)
parts.sentence(_("{n} accounts, {closed} of them closed or locked").format(n=len(every), closed=shut))
parts.data_from(moment)

row = parts.rows(
    [
        {
            _("account"): account.name,
            _("name"): account.title,
            _("roles"): listed(word(ROLES, role) for role in account.roles) or _("no role yet"),
            _("unit"): account.unit,
            _("state"): state_of(account),
            _("second factor"): _("yes") if account.has_second else _("to be set up") if account.needs_second(here.settings.console) else _("none"),
            _("last login"): times.ago(times.read(account.last_login), moment) or _("never"),
            _("password changed"): _("must change") if account.must_change else times.ago(times.read(account.password_set), moment),
        }
        for account in every
    ],
    "users",
)
if row is not None:
    account = every[row]
    st.markdown(f"##### {plain(account.title or account.name)}")
    if account.name == me.name:
        st.caption(_("This is your own account; others change its roles and state."))
    elif me.may(Right.ROLE_GRANT):
        roles = st.multiselect(
            _("Roles"), list(Role), default=[Role(r) for r in account.roles], format_func=lambda r: word(ROLES, r), key=f"roles-{account.name}"
        )
        label = _("Set the roles of {name}").format(name=account.name)
        if st.button(label, type="primary") and parts.done(lambda: accounts.grant(me, account.name, roles, here.now())):
            st.rerun()
    if account.name != me.name and me.may(Right.ACCOUNT_WRITE):
        with st.container(horizontal=True):
            is_shut = account.disabled or account.is_unused(moment, here.settings.console)
            label = (_("Open {name} again") if is_shut else _("Close {name}")).format(name=account.name)
            if st.button(label) and parts.done(lambda: accounts.disable(me, account.name, here.now(), disabled=not is_shut)):
                here.identity.sessions.end_all(account.name)
                st.rerun()
            if st.button(_("New one-time password for {name}").format(name=account.name)):
                password = parts.attempt(lambda: accounts.reset(me, account.name, here.now()))
                if password:
                    here.identity.sessions.end_all(account.name)
                    show_password(account.name, password)
            if account.has_second:
                label = _("Reset the second factor of {name}").format(name=account.name)
                if st.button(label) and parts.done(lambda: accounts.reset_second(me, account.name, here.now())):
                    here.identity.sessions.end_all(account.name)
                    st.rerun()
if me.may(Right.ACCOUNT_WRITE):
    st.markdown(f"##### {_('New account')}")
    with st.form("user-new"), st.container(horizontal=True, vertical_alignment="bottom"):
        name, title, unit = st.text_input(_("account")), st.text_input(_("name")), st.text_input(_("unit"))
        is_sent = st.form_submit_button(_("Create"), type="primary")
    if is_sent:
        password = parts.attempt(lambda: accounts.create(me, name, title, unit, here.now()))
        if password:
            show_password(name, password)
            st.caption(_("A security administrator now grants its roles."))
