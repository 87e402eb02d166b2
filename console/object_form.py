"""Dialogs that change the register of protection objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import streamlit as st

from compliance.check import Text
from compliance.objects import TITLES, Dates, Extension, ProtectionObject
from compliance.office import Office
from compliance.register import read_object, remove_object, save_object
from console import parts
from console.desk import Desk
from console.i18n import _, marked, two
from console.identity.accounts import Account
from console.queries import registers
from inventory.asset import Asset

EXTENSIONS: Final = {"cloud": marked("cloud"), "mobile": marked("mobile"), "iot": marked("internet of things"), "ics": marked("industrial control")}
EXTRA_DATES: Final = {"in_use": marked("In use since"), "changed": marked("Last change that may touch the grade")}
BLANK: Final = ProtectionObject(id="new", name="-", s=3, a=3)


def edit(here: Desk, me: Account, assets: Sequence[Asset], subject: ProtectionObject, *, is_new: bool) -> None:
    """The grading record as a form."""

    @st.dialog(_("New protection object") if is_new else _("Edit {name}").format(name=subject.name), width="large")
    def ask() -> None:
        with st.form("object", border=False):
            families = Office(here.store, here.settings).frameworks().families
            values = _fields(assets, subject, families, is_new=is_new)
            sent = st.form_submit_button(_("Save"), type="primary")
        if sent and parts.done(lambda: save_object(here.store, read_object(_merged(subject, values)), me.name, me.roles, here.now())):
            st.rerun()

    ask()


def _fields(assets: Sequence[Asset], subject: ProtectionObject, families: Mapping[str, Text], *, is_new: bool) -> dict[str, Any]:
    """Widgets for every field; returns what was typed."""
    found: dict[str, Any] = {"id": subject.id}
    one, two_ = st.columns(2)
    if is_new:
        found["id"] = one.text_input(_("id"), help=_("letters, digits, dot, dash; never changes")).strip()
    found["name"] = two_.text_input(_("name"), "" if is_new else subject.name).strip()
    found["business"] = one.text_input(_("business"), subject.business)
    found["description"] = two_.text_input(_("description"), subject.description)
    found["s"] = one.segmented_control(_("grade of business information (S)"), (1, 2, 3, 4), default=subject.s, required=True)
    found["a"] = two_.segmented_control(_("grade of system service (A)"), (1, 2, 3, 4), default=subject.a, required=True)
    found["extensions"] = one.pills(
        _("extensions"), get_args(Extension), selection_mode="multi", default=list(subject.extensions), format_func=lambda name: _(EXTENSIONS[name])
    )
    found["label"] = two_.text_input(_("label (a marking makes it restricted)"), subject.label, max_chars=40).strip()
    names = list(dict.fromkeys([*families, subject.framework]))
    found["framework"] = one.selectbox(
        _("judged by the framework"),
        names,
        index=names.index(subject.framework),
        format_func=lambda name: two(families[name].zh, families[name].en) if name in families else name,
    )
    found["high_continuity"] = two_.checkbox(_("needs high continuity"), subject.high_continuity)
    found["key_industry"] = two_.checkbox(_("key industry"), subject.key_industry)
    found["filing_number"] = one.text_input(_("filing number"), subject.filing_number)
    found["assessor"] = two_.text_input(_("assessor"), subject.assessor)
    names = sorted({asset.id for asset in assets} | set(subject.scope.assets) | set(subject.boundary) | set(subject.scope.excluded))
    found["assets"] = st.multiselect(_("assets by hand"), names, default=list(subject.scope.assets), placeholder=_("choose some"))
    found["rules"] = st.text_area(_("assets by rule, one a line"), registers.rules_text(subject), height=70, placeholder="business=OA; kind=server, database")
    found["excluded"] = st.multiselect(_("not these"), names, default=list(subject.scope.excluded), placeholder=_("choose some"))
    told = _("Only for assets whose address stands in no prefix of the address plan; the others lie in the zone of their prefix.")
    found["zones"] = st.text_area(_("zones by hand, one a line"), registers.zones_text(subject), height=70, placeholder="DMZ: web1, web2", help=told)
    found["boundary"] = st.multiselect(_("boundary devices"), names, default=list(subject.boundary), placeholder=_("choose some"))
    people, labels = subject.people.model_dump(), (_("owner"), _("security officer"), _("operations"), _("contact"))
    found["people"] = {key: column.text_input(label, people[key]) for key, label, column in zip(people, labels, st.columns(4), strict=True)}
    columns = st.columns(4)
    found["dates"] = {
        name: columns[number % 4].date_input(_title(name), value=getattr(subject.dates, name), key=f"date-{name}")
        for number, name in enumerate(Dates.model_fields)
    }
    return found


def _title(name: str) -> str:
    """The name of a date."""
    return _(EXTRA_DATES[name]) if name in EXTRA_DATES else two(TITLES[name].zh, TITLES[name].en)


def _merged(subject: ProtectionObject, values: dict[str, Any]) -> dict[str, Any]:
    """What was typed, as the record; raises ConfigError."""
    scope = {"assets": values.pop("assets"), "rules": registers.read_rules(values.pop("rules")), "excluded": values.pop("excluded")}
    zones = registers.read_zones(values.pop("zones"), [zone.model_dump() for zone in subject.zones])
    return {**values, "extensions": values["extensions"] or [], "scope": scope, "zones": zones}


def remove(here: Desk, me: Account, subject: ProtectionObject) -> None:
    """Ask once before an object leaves the register."""

    @st.dialog(_("Remove {name}?").format(name=subject.name))
    def ask() -> None:
        st.markdown(_("Its history stays in the evidence chain."))
        if st.button(_("Remove"), type="primary") and parts.done(lambda: remove_object(here.store, subject.id, me.name, me.roles, here.now())):
            st.rerun()

    ask()
