"""The zones of a protection object: the address plan, and what of the object lies where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from compliance.objects import ProtectionObject
from console import parts
from console.desk import Desk
from console.i18n import _, listed, marked
from console.queries import registers
from console.text import plain
from inventory.asset import Asset
from inventory.networks import read_plan

ROLES: Final[Mapping[str, str]] = {
    "ordinary": marked("ordinary zone"),
    "important": marked("important business"),
    "management": marked("device management"),
    "wireless": marked("wireless clients"),
    "sensing": marked("sensors and gateways"),
    "control": marked("industrial control"),
    "outside": marked("networks of others"),
}
HOW: Final = marked(
    "Zones stand in zones.yaml of the site folder, each prefix of networks.yaml names its own. An asset without an address there is put into a zone "
    "by hand in the form of its protection object."
)


def zones(here: Desk, members: Sequence[Asset], objects: Sequence[ProtectionObject]) -> None:
    """Which zones there are and which assets of the object lie in each; what lies in none or in several stands out."""
    plan = read_plan(here.settings.site_folder)
    rows = registers.placed(members, plan, objects)
    with st.expander(_("{n} zones").format(n=sum(row.zone is not None for row in rows))):
        for problem in plan.problems:
            st.warning(plain(str(problem)))
        if not rows:
            st.markdown(_("No zones are declared yet, so nothing is judged by them."))
        else:
            parts.table([_row(here, row) for row in rows])
        st.caption(_(HOW))


def _row(here: Desk, row: registers.Placed) -> dict[str, str | int]:
    names = (_("in several zones") if row.doubled else _("in no zone")) if row.zone is None else row.zone.name
    return {
        _("zone"): f"▲ {names}" if row.zone is None else names,
        _("role"): _(ROLES[row.zone.role]) if row.zone else "",
        _("prefixes"): ", ".join(row.prefixes),
        _("assets"): len(row.assets),
        _("of these"): listed(here.estate.title(name) for name in row.assets[:20]),
    }
