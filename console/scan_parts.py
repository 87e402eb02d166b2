"""The tab of vulnerability scans: what is open where, results brought in, what is handed out or set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import streamlit as st

from compliance.answers import OFFICERS
from compliance.scans.found import LEVELS, MOST_BYTES, Level
from compliance.scans.ledger import DAYS, Entry, Ledger, Ruling
from compliance.scans.read import ENDINGS
from compliance.scans.shelf import WRITERS, Match, hand_out, look, rule, take_in
from console import parts
from console.desk import Desk
from console.i18n import _, marked
from console.identity.accounts import Account
from console.queries import scans as queries
from console.queries import times
from console.text import plain
from console.words import Look
from console.words import look as worded
from inventory.asset import Asset
from inventory.book import Book

LEVEL: Final = {
    "critical": Look(marked("Critical"), "▲", "red", "#8E0000"),
    "high": Look(marked("High"), "▲", "red", "#C62828"),
    "medium": Look(marked("Medium"), "◆", "orange", "#E65100"),
    "low": Look(marked("Low"), "–", "gray", "#616161"),
}
RULING: Final = {Ruling.FALSE_POSITIVE: marked("No vulnerability here (false positive)"), Ruling.ACCEPTED: marked("Borne until a day")}
SHOWN: Final = 500


def tab(here: Desk, me: Account, members: Sequence[Asset]) -> None:
    """The whole tab, for the assets of the chosen object."""
    moment, today = here.now(), here.now().astimezone(here.zone).date()
    found = queries.overview(here.store, members, moment, today)
    st.caption(
        _("{done} of {hosts} hosts and network devices were scanned within 90 days; open: {critical} critical, {high} high, {rest} less bad").format(
            done=found.hosts - len(found.unscanned),
            hosts=found.hosts,
            critical=found.total(Level.CRITICAL),
            high=found.total(Level.HIGH),
            rest=found.total(Level.MEDIUM, Level.LOW),
        )
    )
    if WRITERS & set(me.roles) and st.button(_("Bring in a scan"), icon=":material/upload:", type="primary", key="scan-bring"):
        bring_in(here, me)
    if not found.lines:
        parts.empty(
            _("No scan was brought in yet."),
            _("Bring in a result of Nessus (.nessus), OpenVAS (XML), Trivy (JSON) or SARIF, or a table; hosts are matched by name and address."),
        )
        return
    row = parts.rows([_line(here, line, moment) for line in found.lines], "scanned", height=min(340, 35 + parts.ROW_HEIGHT * len(found.lines)))
    if found.unscanned:
        with st.expander(_("{n} hosts and network devices without a scan in time").format(n=len(found.unscanned))):
            st.markdown(plain(", ".join(here.estate.title(name) for name in found.unscanned[:200])))
    asked = parts.asked("asset")
    chosen = found.lines[row] if row is not None else next((line for line in found.lines if line.ledger.asset == asked), None)
    if chosen:
        parts.remember(asset=chosen.ledger.asset)
        one_asset(here, me, chosen.ledger, today)


def _line(here: Desk, line: queries.Line, moment: datetime) -> dict[str, Any]:
    newest = line.ledger.newest
    return {
        _("asset"): here.estate.title(line.ledger.asset),
        **{worded(LEVEL, level).text: line.open[level] for level in LEVELS},
        _("bad since"): times.ago(times.read(line.oldest), moment) if line.oldest else "",
        _("overdue"): line.late,
        _("set aside"): line.aside,
        _("last scan"): times.ago(line.ended, moment) if line.ended else "",
        _("scanner"): f"{newest.scanner} {newest.version}" if newest else "",
        _("logged in"): newest.has_login if newest else False,
    }


def one_asset(here: Desk, me: Account, ledger: Ledger, today: date) -> None:
    """What is open on an asset, and what is fixed."""
    st.markdown(f"**{plain(here.estate.title(ledger.asset))}**")
    if ledger.open:
        row = parts.rows(
            [_entry(one, today) for one in ledger.open[:SHOWN]], f"open-{ledger.asset}", {_("vulnerability"): st.column_config.TextColumn(width="large")}
        )
        if row is not None:
            one_entry(here, me, ledger, ledger.open[row], today)
    else:
        parts.empty(_("Nothing is open on this asset."))
    if gone := queries.fixed(ledger):
        with st.expander(_("Fixed: {n}").format(n=len(gone))):
            parts.table([{_("fixed"): one.fixed[:10], _("first seen"): one.first[:10], **_named(one)} for one in gone[:SHOWN]])


def _named(one: Entry) -> dict[str, Any]:
    return {
        _("level"): worded(LEVEL, one.level).text,
        _("vulnerability"): one.title,
        _("where"): one.place,
        _("finding id"): one.id,
        "CVE": ", ".join(one.cves[:5]),
    }


def _entry(one: Entry, today: date) -> dict[str, Any]:
    aside = one.is_set_aside(today)
    return {
        **_named(one),
        _("first seen"): one.first[:10],
        _("seen again"): one.again or "",
        _("owner"): _("set aside") if aside else one.owner,
        _("due"): one.until if aside else one.due,
    }


def one_entry(here: Desk, me: Account, ledger: Ledger, one: Entry, today: date) -> None:
    """One vulnerability in full, and what may be said of it."""
    with st.container(border=True):
        st.markdown(f"{parts.badge(LEVEL, one.level)} **{plain(one.title)}** {plain(one.place)}")
        st.caption(plain(f"{one.id} · {', '.join(one.cves) or '-'} · {one.scanner} · {one.first[:16]} – {one.last[:16]}"))
        if one.fix:
            st.markdown(plain(one.fix))
        if one.ruling:
            st.markdown(plain(f"{_(RULING[Ruling(one.ruling)])}: {one.why} ({one.by}, {one.until})"))
        left, right = st.columns(2)
        if WRITERS & set(me.roles):
            with left.form(f"hand-{one.key}", border=False):
                owner = st.text_input(_("Who mends it"), one.owner)
                due = st.date_input(_("Until"), date.fromisoformat(one.due) if one.due else today + timedelta(days=DAYS[one.level]))
                if st.form_submit_button(_("Hand out")) and parts.done(
                    lambda: hand_out(here.store, ledger.asset, (one.key,), owner, due, me.name, me.roles, here.now(), today)
                ):
                    st.rerun()
        if OFFICERS & set(me.roles):
            with right.form(f"rule-{one.key}", border=False):
                kind = st.selectbox(_("It stays"), [None, *Ruling], format_func=lambda ruling: _(RULING[ruling]) if ruling else _("no, it is to be mended"))
                why = st.text_input(_("Reason"), one.why)
                until = st.date_input(_("Last day"), today + timedelta(days=180))
                if st.form_submit_button(_("Decide")) and parts.done(
                    lambda: rule(here.store, ledger.asset, (one.key,), kind, why, until, me.name, me.roles, here.now(), today)
                ):
                    st.rerun()


def bring_in(here: Desk, me: Account) -> None:
    """Choose a file, see which assets it speaks of and what it finds, then keep it."""

    @st.dialog(_("Bring in a scan"), width="large")
    def ask() -> None:
        st.caption(_("Nessus (.nessus), OpenVAS (XML), Trivy (JSON), SARIF 2.1.0, or a table (CSV, Excel). Nothing is kept before you confirm."))
        file = st.file_uploader(
            _("Result"), type=[ending[1:] for ending in ENDINGS], key="scan-file", label_visibility="collapsed", max_upload_size=MOST_BYTES // 2**20
        )
        assets = Book(here.store).all()
        left, right = st.columns(2)
        asset = left.selectbox(
            _("Asset, when the file does not name it"),
            sorted(one.id for one in assets),
            index=None,
            format_func=here.estate.title,
            placeholder=_("choose"),
            key="scan-asset",
        )
        day = right.date_input(_("Day of the scan, when the file does not say"), value=None, key="scan-day")
        if file is None:
            return
        content, chosen = file.getvalue(), day if isinstance(day, date) else None
        found = parts.attempt(lambda: look(here.store, assets, content, file.name, here.zone, here.now(), asset or "", chosen))
        if found is None:
            return
        parts.table([_match(here, one) for one in found[:SHOWN]])
        fresh = [one for one in found if one.asset and one.is_news]
        if fresh and st.button(_("Keep {n} scans").format(n=len(fresh)), type="primary", key="scan-take"):
            kept = parts.attempt(lambda: take_in(here.store, found, content, me.name, me.roles, here.now()))
            if kept is not None:
                st.success(_("{n} assets have a new scan; the checks look at them within the hour.").format(n=len(kept)))

    ask()


def _match(here: Desk, one: Match) -> dict[str, Any]:
    said = here.estate.title(one.asset) if one.asset else one.why
    state = _("left out") if not one.asset else _("new") if one.is_news else _("known already")
    return {
        _("state"): state,
        _("in the file"): one.name,
        _("asset"): said,
        _("scanner"): one.scan.scanner,
        _("scan ended"): times.clock(one.target.ended, here.zone, here.now()),
        _("found"): len(one.target.found),
        _("whole"): one.target.is_whole,
    }
