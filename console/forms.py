"""Dialogs that change things: assets by hand and by table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries.assets import EDITABLE
from console.text import plain, shorten
from core.errors import Refused
from inventory.asset import Asset
from inventory.book import Book
from inventory.imports import Preview, apply, preview


def add_dialog(here: Desk, me: Account) -> None:
    """Ask for a new asset."""

    @st.dialog(_("Add an asset"))
    def ask() -> None:
        with st.form("asset-new", border=False):
            id = st.text_input(_("id"), help=_("Never changes, whatever the asset is called or where it stands."))  # noqa: A001
            values = _fields(Asset(id="new"), ("name", "kind", "address", "site", "owner", "business", "importance"))
            done = st.form_submit_button(_("Add"), type="primary")
        if done and parts.done(lambda: save_asset(here, me, id.strip(), values, is_new=True)):
            parts.go("asset.py", id=id.strip())

    ask()


def edit_dialog(here: Desk, me: Account, asset: Asset) -> None:
    """Ask for new values of an asset's fields."""

    @st.dialog(_("Edit {name}").format(name=shorten(asset.title, 40)), width="large")
    def ask() -> None:
        with st.form("asset-edit", border=False):
            values = _fields(asset, EDITABLE)
            why = st.text_input(_("Reason for the change"))
            done = st.form_submit_button(_("Save"), type="primary")
        changed = {field: value for field, value in values.items() if value != (getattr(asset, field) or "")}
        if done and parts.done(lambda: save_asset(here, me, asset.id, changed, why=why)):
            st.rerun()

    ask()


def remove_dialog(here: Desk, me: Account, asset: Asset) -> None:
    """Ask once before an asset leaves the book."""

    @st.dialog(_("Remove {name}?").format(name=shorten(asset.title, 40)))
    def ask() -> None:
        hits = here.estate.graph().impact([asset.id])
        st.write(_("It is no longer watched. Its records stay."))
        if hits:
            st.write(_("{n} assets depend on it.").format(n=len(hits)))
        if st.button(_("Remove {name}").format(name=plain(asset.title, 40)), type="primary") and parts.done(lambda: remove_asset(here, me, asset.id)):
            parts.go("assets.py")

    ask()


def save_asset(here: Desk, me: Account, id: str, values: dict[str, Any], *, is_new: bool = False, why: str = "") -> None:
    """Write through the book, which audits it; raises Refused or ConfigError."""
    _may_write(me)
    if is_new and id in here.estate.assets():
        raise Refused(_("there is an asset {id} already").format(id=id))
    Book(here.store).save(id, values, source="person", who=me.name, now=here.now(), why=why)
    here.estate.forget()


def remove_asset(here: Desk, me: Account, id: str) -> None:
    """Take an asset out of the book."""
    _may_write(me)
    Book(here.store).remove(id, source="person", who=me.name, now=here.now())
    here.estate.forget()


def import_dialog(here: Desk, me: Account) -> None:
    """Choose a table, see what it would change, then do it."""

    @st.dialog(_("Import a table"), width="large")
    def ask() -> None:
        st.caption(_("CSV (UTF-8 or GBK) or Excel. The first row names the columns, one of them id (编号). Nothing is changed before you confirm."))
        file = st.file_uploader(_("Table"), type=["csv", "xlsx", "txt"], key="import-file", label_visibility="collapsed")
        if file is None:
            return
        data = file.getvalue()
        plan = parts.attempt(lambda: preview(data, Book(here.store)))
        if plan is not None:
            _show_plan(plan)
            counted = sum(row.what != "same" for row in plan.planned)
            label = _("Import {n} rows").format(n=counted)
            if counted and st.button(label, type="primary", key="import-do"):
                _import(here, me, data)

    ask()


def import_table(here: Desk, me: Account, data: bytes) -> tuple[int, list[str]]:
    """Import after an audit entry; returns how many assets changed and what was left out."""
    _may_write(me)
    now = here.now()
    digest = hashlib.sha256(data).hexdigest()
    here.store.audit.append(time=now, actor=me.name, action="asset.import", object="table", body={"bytes": len(data), "sha256": digest})
    changes, problems = apply(data, Book(here.store), who=me.name, now=now)
    here.estate.forget()
    return len(changes), [f"{problem.row}: {problem.column} {problem.message}" for problem in problems]


def _import(here: Desk, me: Account, data: bytes) -> None:
    done = parts.attempt(lambda: import_table(here, me, data))
    if done is not None:
        count, problems = done
        st.success(_("{n} assets were added or changed.").format(n=count))
        for problem in problems[:20]:
            st.caption(plain(problem))


def _show_plan(plan: Preview) -> None:
    counts = {what: sum(row.what == what for row in plan.planned) for what in ("add", "change", "same")}
    st.markdown(_("**{add}** new, **{change}** changed, **{same}** as they are; **{problems}** problems").format(**counts, problems=len(plan.problems)))
    if plan.problems:
        parts.table([{_("row"): problem.row, _("column"): problem.column, _("problem"): problem.message} for problem in plan.problems[:200]])
    shown = [row for row in plan.planned if row.what != "same"][:200]
    if shown:
        words = {"add": _("new"), "change": _("changed")}
        parts.table(
            [
                {_("row"): row.row, _("asset"): row.asset, _("what"): words[row.what], _("before"): _flat(row.before), _("after"): _flat(row.after)}
                for row in shown
            ]
        )


def _flat(values: Any) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items() if value not in (None, "", [], {}))


def _fields(asset: Asset, names: tuple[str, ...]) -> dict[str, str]:
    """One input per field, two in a row."""
    left, right = st.columns(2)
    values: dict[str, str] = {}
    for index, name in enumerate(names):
        with left if index % 2 == 0 else right:
            values[name] = _field(name, str(getattr(asset, name) or ""))
    return values


def _field(name: str, value: str) -> str:
    label = LABELS[name]()
    if name == "importance":
        chosen = st.selectbox(label, ("critical", "high", "normal", "low"), index=("critical", "high", "normal", "low").index(value), format_func=importance)
        return str(chosen)
    return str(st.text_input(label, value=value))


def importance(value: str) -> str:
    """The word for an importance."""
    return {"critical": _("vital"), "high": _("high"), "normal": _("normal"), "low": _("low")}.get(value, value)


LABELS: dict[str, Callable[[], str]] = {
    "name": lambda: _("name"),
    "kind": lambda: _("kind"),
    "address": lambda: _("address"),
    "site": lambda: _("site"),
    "room": lambda: _("room"),
    "rack": lambda: _("rack"),
    "unit": lambda: _("unit"),
    "owner": lambda: _("owner"),
    "business": lambda: _("business system"),
    "vendor": lambda: _("vendor"),
    "model": lambda: _("model"),
    "version": lambda: _("version"),
    "serial": lambda: _("serial number"),
    "importance": lambda: _("importance"),
    "grading": lambda: _("grading"),
    "object": lambda: _("protection object"),
    "note": lambda: _("note"),
}


def _may_write(me: Account) -> None:
    if not me.may(Right.ASSET_WRITE):
        raise Refused(_("your roles do not allow changing assets"))
