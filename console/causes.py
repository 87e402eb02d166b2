"""Where an incident probably began: the service's ranking with its evidence, on the incident's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from console import parts
from console.desk import Desk
from console.i18n import _
from console.queries import charts, times
from console.queries.cases import Case
from console.text import plain
from console.words import RELATIONS, word
from core.errors import NotFound
from core.names import ROOTS
from store.base import Body

SHOWN = 3


def ranking(here: Desk, case: Case) -> Body | None:
    """The stored ranking, None when there is none, nothing to choose between, or no number that moved."""
    try:
        body = here.store.documents.get(ROOTS, case.id).body
    except NotFound:
        return None
    return body if body["candidates"] > 1 and any(suspect["shifts"] for suspect in body["suspects"]) else None


def likely(here: Desk, case: Case, *, may_open: bool) -> None:
    """The first three suspects and the figures behind each; nothing when there is no ranking."""
    body = ranking(here, case)
    if body is None:
        return
    st.markdown(f"##### {_('Where it probably began')}")
    for place, suspect in enumerate(body["suspects"][:SHOWN], start=1):
        name = here.estate.title(suspect["asset"])
        mark = f" :orange-badge[{_('deepest abnormal')}]" if suspect["deepest"] and place == 1 else ""
        st.markdown(f"{place}. **{plain(name, 60)}**{mark}")
        for line in lines(here, suspect):
            st.caption(plain(line, 240))
    first = body["suspects"][0]["asset"]
    if may_open and first in here.estate.assets():
        st.page_link(parts.VIEWS / "asset.py", label=here.estate.title(first), query_params={"id": first}, icon=":material/troubleshoot:")
    st.caption(
        _(
            "{candidates} assets and {series} series were compared; an order thrown by chance has the root first in {one:.0%}, among three in {three:.0%}."
        ).format(candidates=body["candidates"], series=body["series"], one=body["chance_1"], three=body["chance_3"])
    )


def lines(here: Desk, suspect: Mapping[str, Any]) -> list[str]:
    """The evidence in words: what moved by how much since when, and what it explains."""
    now, found = here.now(), []
    for shift in suspect["shifts"][:2]:
        unit = charts.unit_of(shift["metric"])
        labels = " ".join(str(value) for value in shift["labels"].values())
        since = times.read(shift["since"])
        moved = f"{charts.title_of(shift['metric'])} {labels}".strip() + f": {charts.number(shift['before'], unit)} → {charts.number(shift['value'], unit)}"
        if unit:  # of a state the spread says nothing
            moved += _(", {size:.0f} times its usual spread").format(size=min(abs(shift["size"]), 999))
        found.append(moved + (f" · {_('since')} {times.clock(since, here.zone, now)}" if since else ""))
    if not suspect["shifts"]:
        found.append(_("an alert, but none of its numbers moved") if suspect["own"] else _("nothing measures it"))
    if suspect["explains"]:
        names = [f"{here.estate.title(asset)} ({word(RELATIONS, relation)})" for asset, relation in suspect["explains"][:4]]
        more = len(suspect["explains"]) - len(names)
        found.append(_("explains: {names}").format(names=", ".join(names)) + (f" +{more}" if more > 0 else ""))
    return found
