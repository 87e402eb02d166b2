"""Reports for the auditor: make one and take it along, or take one from the shelf."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import streamlit as st

from compliance.office import Made, Office
from compliance.reports.content import Language
from compliance.reports.schedule import in_force, read_schedule
from compliance.reports.write import KINDS, TYPES
from console import audit_parts, parts
from console.i18n import _, language, listed, marked
from console.identity.roles import Right
from console.report_parts import signed_by, taken
from console.text import plain

NAMES = {
    "assessment": marked("Self-assessment report"),
    "rectification": marked("Rectification plan"),
    "summary": marked("Summary for the management"),
    "applicability": marked("Statement of applicability"),
    "units": marked("Results by unit"),
    "evidence": marked("Evidence package"),
    "oscal": marked("OSCAL results (JSON)"),
    "detection": marked("Detection quality"),
}
FORMATS = {"docx": "Word", "xlsx": "Excel", "pdf": "PDF"}
LANGUAGES = {"zh_CN": "中文", "en": "English"}

here, me = parts.enter(Right.COMPLIANCE_READ)
moment = here.now()
office = Office(here.store, here.settings)
kept = office.kept()
subject = audit_parts.choose_object(office)
parts.sentence(_("{n} reports are on the shelf").format(n=len(kept)))
may_export = not subject.label or me.may(Right.RESTRICTED_EXPORT)
if not may_export:
    st.warning(_("This object is marked {label}: taking its reports along needs the right to export restricted records.").format(label=plain(subject.label)))
with st.form("report"):
    kind = st.segmented_control(_("Report"), list(KINDS), default="assessment", format_func=lambda name: _(NAMES[name]), required=True) or "assessment"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = st.segmented_control(_("Format"), list(FORMATS), default="docx", format_func=FORMATS.__getitem__, required=True) or "docx"
        spoken = (
            st.segmented_control(_("Language"), list(get_args(Language)), default=language(), format_func=LANGUAGES.__getitem__, key="spoken", required=True)
            or "zh_CN"
        )
        day = st.date_input(_("State at the end of"), value=moment.astimezone(here.zone).date(), max_value=moment.astimezone(here.zone).date(), width=160)
        is_kept = st.checkbox(_("keep on the shelf"))
        sent = st.form_submit_button(_("Make"), type="primary", icon=":material/description:", disabled=not may_export)


def made() -> Made:
    """Gather and write, with a bar."""
    place = st.empty()
    tell = audit_parts.bar_in(place)
    found = office.dossier(subject, office.moment(day, moment), moment, tell)
    report = office.make(kind, found, form, "en" if spoken == "en" else "zh_CN", tell)
    if is_kept:
        office.keep(report, kind, me.name, moment)
    else:
        office.audit(report, kind, me.name, moment)
    place.empty()
    return report


if sent and may_export and (report := parts.attempt(made)):
    st.session_state["report-made"] = (report.name, report.content, report.sha256, report.dossier.is_dark)
if "report-made" in st.session_state:
    name, content, digest, is_dark = st.session_state["report-made"]
    with st.container(border=True):
        st.download_button(
            _("Download {name} ({size} kB)").format(name=name, size=f"{len(content) / 1000:,.0f}"), content, name, TYPES[name.rsplit(".", 1)[1]], type="primary"
        )
        st.caption(f"sha256 {digest}")
        if is_dark:
            st.warning(_("Nothing was noted in the two days before this day: the report shows the last known state."))

st.markdown(f"##### {_('On the shelf')}")
schedule, problems = read_schedule(here.settings.site_folder)
for problem in problems:
    st.error(plain(str(problem)))
scheduled = in_force(schedule, here.settings.language)
due = listed(f"{one.id} ({_(NAMES[one.kind])}, {FORMATS.get(one.format, one.format)})" for one in scheduled)
st.caption(_("made by the calendar: {reports}").format(reports=plain(due)))
if not kept:
    parts.empty(
        _("No report is kept yet."), _("Make one and keep it, or write reports.yaml in the site's folder: then they make themselves, by month for instance.")
    )
else:
    row = parts.rows(
        [
            {
                _("made"): parts.when(datetime.fromisoformat(str(body["made"])), moment),
                _("report"): _(NAMES.get(str(body["kind"]), str(body["kind"]))),
                _("object"): str(body["title"]),
                _("state of"): f"{datetime.fromisoformat(str(body['state'])).astimezone(here.zone):%Y-%m-%d %H:%M}",
                _("figure"): body.get("figure"),
                _("restricted"): str(body.get("label") or ""),
                _("made by"): str(body["who"]),
                _("signed"): signed_by(body),
                _("size"): f"{int(str(body['bytes'])) / 1000:,.0f} kB",
                "SHA-256": str(body["sha256"]),
            }
            for body in kept
        ],
        "kept",
        {_("figure"): st.column_config.NumberColumn(format="%.1f")},
    )
    if row is None:  # a link to one report
        row = next((index for index, body in enumerate(kept) if body["file"] == parts.asked("file")), None)
    parts.remember(file=str(kept[row]["file"]) if row is not None else "")
    if row is None:
        st.caption(_("Click a line to take the report from the shelf, and to sign it."))
    elif kept[row].get("label") and not me.may(Right.RESTRICTED_EXPORT):
        label = plain(str(kept[row]["label"]))
        st.warning(_("This object is marked {label}: taking its reports along needs the right to export restricted records.").format(label=label))
    else:
        taken(here, me, office, kept[row])
