"""Every asset: search, narrow, import, add."""

from __future__ import annotations

from functools import partial

import streamlit as st

from console import parts
from console.forms import add_dialog, import_dialog
from console.i18n import _
from console.identity.roles import Right
from console.queries import assets, cases, times
from console.words import ASSET, KINDS, look, word

here, me = parts.enter(Right.ESTATE_READ)
PAGE = 500
FIELDS = {"kind": _("kind"), "site": _("site"), "owner": _("owner"), "business": _("business system"), "importance": _("importance")}


def titled(field: str, counts: dict[str, int], value: str) -> str:
    """A facet's value with its count."""
    name = look(ASSET, value).text if field == "state" else word(KINDS, value) if field == "kind" else value
    return f"{name} ({counts[value]:,})"


moment = here.now()
every = assets.lines(here.estate.assets().values(), cases.live_cases(here.store), assets.last_seen(here.store, moment))

with st.container(horizontal=True, vertical_alignment="bottom"):
    words = st.text_input(_("Search"), value=parts.asked("q"), placeholder=_("words, or field:value, for instance site:hq"), key="assets-words")
    chosen = {}
    for field in ("state", "kind", "site"):
        values = assets.facets(every, field)
        counts = dict(values)
        chosen[field] = st.multiselect(
            _("State") if field == "state" else FIELDS[field],
            list(counts),
            default=[value for value in parts.asked(field).split(",") if value in counts],
            format_func=partial(titled, field, counts),
            placeholder=_("all"),
            key=f"assets-{field}",
        )
found = assets.narrow(assets.search(every, words), chosen)
parts.remember(q=words, **{field: ",".join(values) for field, values in chosen.items()})

bad = sum(line.state in ("critical", "high", "warning") for line in found)
parts.sentence(_("{n} assets, {bad} of them not well").format(n=f"{len(found):,}", bad=f"{bad:,}"))
with st.container(horizontal=True, vertical_alignment="center"):
    parts.data_from(moment)
    if me.may(Right.ASSET_WRITE):
        if st.button(_("Add an asset"), icon=":material/add:", key="assets-add"):
            add_dialog(here, me)
        if st.button(_("Import a table"), icon=":material/upload_file:", key="assets-import"):
            import_dialog(here, me)
    if found:
        st.download_button(
            _("Export"), lambda: assets.csv_of(found), "assets.csv", "text/csv", icon=":material/download:", on_click="ignore", key="assets-export"
        )

if found:
    pages = -(-len(found) // PAGE)
    number = min(int(st.pagination(pages, key="assets-page")), pages) if pages > 1 else 1
    shown = found[(number - 1) * PAGE : number * PAGE]
    row = parts.rows(
        [
            {
                _("state"): look(ASSET, line.state).text,
                _("name"): line.asset.title,
                _("id"): line.asset.id,
                _("kind"): word(KINDS, line.asset.kind),
                _("address"): line.asset.address,
                _("site"): line.asset.site,
                _("business system"): line.asset.business,
                _("owner"): line.asset.owner,
                _("incidents"): line.incidents or None,
                _("last data"): times.ago(line.seen, moment),
            }
            for line in shown
        ],
        "assets",
        {_("name"): st.column_config.TextColumn(width="medium"), _("incidents"): st.column_config.NumberColumn(width="small")},
    )
    if row is not None:
        parts.go("asset.py", id=shown[row].asset.id)
elif every:
    parts.empty(_("No asset matches."), _("Take words or filters away."))
else:
    parts.empty(_("There is no asset yet."), _("Add one, import a table, or put YAML files into the site folder."))
