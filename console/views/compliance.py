"""Graded protection: layers, control points, items and verdicts, down to the evidence."""

from __future__ import annotations

import streamlit as st

from compliance.dossier import speaks_for
from compliance.office import Office
from compliance.register import WHOLE
from console import audit_parts, parts, scan_parts
from console.answer_parts import decide, worklist
from console.asset_tabs import verdict_row
from console.compliance_parts import check_block, evidence_of, item_block
from console.compliance_views import old_table, unit_table
from console.i18n import _, two
from console.identity.roles import Right
from console.queries import conformity
from console.words import CONFORMITY, OUTCOME, look
from inventory.book import Book

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
office = Office(here.store, here.settings)
subject = audit_parts.choose_object(office, whole_first=True)
bodies = conformity.verdicts(here.store)
assets = Book(here.store).all()
if subject.id != WHOLE:
    counts = speaks_for(subject, (asset.id for asset in subject.members(assets)))
    bodies = [body for body in bodies if counts(body["asset"])]
framework = office.frameworks().at(subject.framework, moment.astimezone(here.zone).date())
bodies = [{**body, "items": list(framework.own(body["check"], body["items"]))} for body in bodies]
view = conformity.overview(here.store, bodies, subject.grade, here.settings.site_folder, moment, framework, subject.id)
parts.sentence(
    _("{fails} of {all} requirements are not met, {unknown} wait for a person; {checks} checks fail on {assets} assets").format(
        fails=view.counts["fails"] + view.counts["partial"],
        all=view.total,
        unknown=view.counts["unknown"],
        checks=f"{view.failed_checks:,}",
        assets=f"{view.failing_assets:,}",
    )
)
parts.data_from(moment, _("checks run when an asset says something new, and every hour"))
if not view.total:
    parts.empty(_("This framework has no requirement yet."), _("Fill in its file in the folder frameworks of the site."))
elif not bodies:
    parts.empty(_("No check has run yet."), _("Checks run by themselves as soon as a server has sent its settings; this takes a minute after the first start."))

TABS = {"layers": _("Requirements"), "work": _("To decide"), "checks": _("Checks by asset"), "one": _("One check"), "scans": _("Vulnerability scans")}
if framework.is_mlps:
    TABS |= {"units": _("Units of GB/T 28448"), "old": _("Layers of 2008")}
given = parts.asked("tab", "one" if parts.asked("check") else "layers")
tab = st.segmented_control(_("View"), list(TABS), default=given if given in TABS else "layers", format_func=TABS.__getitem__, key="view") or "layers"

if tab == "layers":
    for layer in view.layers:
        done = layer.counts.get("conforms", 0)
        title = f"{look(CONFORMITY, layer.conformity).text}  {two(layer.zh, layer.en)}  {done}/{sum(layer.counts.values())}"
        with st.expander(title, expanded=False, on_change="rerun", key=f"layer-{layer.code}") as block:
            if block.open:
                parts.table(
                    [
                        {
                            _("control point"): two(point.zh, point.en),
                            _("result"): look(CONFORMITY, point.conformity).text,
                            _("met"): point.met,
                            _("requirements"): point.total,
                        }
                        for point in layer.points
                    ]
                )
    ids = list(view.items)
    asked = parts.asked("item")
    chosen = st.selectbox(
        _("Requirement"),
        ids,
        index=ids.index(asked) if asked in ids else None,
        format_func=lambda i: f"{i}  {two(view.items[i].zh, view.items[i].en)[:90]}",
        placeholder=_("choose one to see its verdicts and evidence"),
        key="item",
    )
    parts.remember(item=chosen or "")
    if chosen:
        item_block(here, view, chosen, bodies)
        decide(here, me, next(item for item in framework.applicable(subject.grade) if item.id == chosen), subject)
elif tab == "work":
    worklist(here, me, view, framework.applicable(subject.grade), subject, bodies)
elif tab == "checks":
    outcomes = st.pills(
        _("Verdict"),
        ("fail", "unknown", "pass", "not_applicable"),
        selection_mode="multi",
        default=["fail"],
        format_func=lambda o: look(OUTCOME, o).text,
        key="outcomes",
    )
    shown = conformity.sorted_verdicts(body for body in bodies if not outcomes or body["outcome"] in outcomes)
    if shown:
        row = parts.rows([verdict_row(here, body) for body in shown], "verdicts", {_("check"): st.column_config.TextColumn(width="large")})
        if row is not None:
            evidence_of(here, shown[row])
    else:
        parts.empty(_("No verdict matches."))
elif tab == "scans":
    parts.guarded(lambda: scan_parts.tab(here, me, subject.members(assets) if subject.id != WHOLE else assets))
elif tab in ("units", "old"):
    found = audit_parts.dossier(office, subject, moment, moment)
    (unit_table if tab == "units" else old_table)(found)
else:
    checks = sorted({body["check"] for body in bodies})
    asked = parts.asked("check")
    titles = {body["check"]: body.get("title", {}) for body in bodies}
    check = st.selectbox(
        _("Check"),
        checks,
        index=checks.index(asked) if asked in checks else None,
        format_func=lambda name: f"{name}  {two(titles[name].get('zh', ''), titles[name].get('en', ''))}",
        placeholder=_("choose"),
        key="check",
    )
    parts.remember(check=check or "", asset=parts.asked("asset") if check else "")
    if found_here := conformity.sorted_verdicts(body for body in bodies if body["check"] == check):
        check_block(here, found_here, parts.asked("asset"))
