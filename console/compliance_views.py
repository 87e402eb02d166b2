"""Other ways to look at the requirements: by the assessment units of GB/T 28448, and by the five technical layers of 2008."""

from __future__ import annotations

import streamlit as st

from compliance import views
from compliance.dossier import Dossier
from console import parts
from console.i18n import _, two
from console.words import CONFORMITY, look


def unit_table(found: Dossier) -> None:
    """Unit by unit, as the assessor's record has them."""
    rows = views.units(found)
    parts.table(
        [
            {
                _("assessment unit"): f"{one.number}*" if one.inferred else one.number,
                _("control point"): two(one.item.control_point, one.item.control_point_en),
                _("requirement"): two(one.item.zh, one.item.en),
                _("looked at"): two(views.examined(one.item).zh, views.examined(one.item).en),
                _("how"): two(views.methods(one.item).zh, views.methods(one.item).en),
                _("result"): look(CONFORMITY, str(one.result.conformity)).text,
            }
            for one in rows
        ],
        {_("requirement"): st.column_config.TextColumn(width="large")},
    )
    if any(one.inferred for one in rows):
        st.caption("\\* " + _("the number was worked out from its neighbours"))


def old_table(found: Dossier) -> None:
    """The five technical layers of 2008."""
    st.caption(_("Seen by the five technical layers of GB/T 22239-2008, for comparison with old reports; it takes no part in the score."))
    parts.table(
        [
            {
                _("layer"): two(one.layer.zh, one.layer.en),
                _("control point"): two(one.point.zh, one.point.en),
                _("result"): look(CONFORMITY, str(one.conformity)).text,
                _("met"): sum(result.conformity == "conforms" for result in one.items),
                _("requirements"): len(one.items),
                _("requirements of 2019"): ", ".join(result.item for result in one.items),
            }
            for one in views.by_old_layers(found)
        ]
    )
