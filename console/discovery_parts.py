"""Pieces of the discovery pages: starting a search, its progress, the table of candidates, taking in."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from console import parts
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, marked
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import discovery, times
from console.text import plain
from console.words import DISCOVERY, KINDS, look, word
from inventory.discovery import take
from inventory.discovery.candidate import Candidate
from inventory.discovery.plan import PORTS, read_plan

FIELDS = {
    "name": marked("name"),
    "vendor": marked("vendor"),
    "model": marked("model"),
    "version": marked("version"),
    "serial": marked("serial number"),
}
MARKS = {
    "serial": marked("the same serial number"),
    "chassis": marked("the same chassis id"),
    "engine": marked("the same engine id"),
    "macs": marked("the same MAC addresses"),
    "address": marked("claims the other's address"),
    "not serial": marked("but other serial numbers"),
    "not chassis": marked("but other chassis ids"),
    "not engine": marked("but other engine ids"),
    "not macs": marked("but other MAC addresses"),
    "not name": marked("but another name"),
}


def search_dialog(here: Desk, me: Account) -> None:
    """Ask for ranges or seeds and how to ask."""

    @st.dialog(_("Search the network"), width="large")
    def ask() -> None:
        allowed = ", ".join(here.settings.discovery.allowed)
        st.caption(_("Allowed: {ranges}. At most {n} addresses at once.").format(ranges=plain(allowed), n=f"{here.settings.discovery.max_addresses:,}"))
        with st.form("discovery-search", border=False):
            ranges = st.text_input(_("Ranges"), placeholder="10.1.0.0/24, 10.1.1-3.10-20, 2001:db8::/120", key="search-ranges")
            left, right = st.columns([3, 1])
            seeds = left.text_input(_("Seeds: addresses or ids of assets whose neighbours are followed"), key="search-seeds")
            hops = right.number_input(_("Hops"), min_value=0, max_value=10, value=2, key="search-hops")
            names = st.multiselect(
                _("SNMP credentials, tried in this order"),
                discovery.credentials(here.store),
                placeholder=_("none: the community public is tried"),
                key="search-credentials",
            )
            left, right = st.columns([3, 1])
            ports = left.text_input(_("TCP ports"), value=", ".join(map(str, PORTS)), key="search-ports")
            agents = right.text_input(_("SNMP ports"), value="161", key="search-snmp")
            sent = st.form_submit_button(_("Search"), type="primary")
        if sent:
            wanted = {
                "ranges": discovery.words_of(ranges),
                "seeds": discovery.words_of(seeds),
                "hops": int(hops),
                "credentials": names,
                "ports": discovery.numbers_of(ports),
                "snmp_ports": discovery.numbers_of(agents),
            }
            if do(here, me, "discover", wanted, ""):
                st.rerun()

    ask()


def progress(here: Desk, me: Account) -> None:
    """What runs or waits, drawn anew by itself; the page follows when the last one ended."""

    @parts.live(5)
    def draw() -> None:
        under_way = discovery.under_way(here.store)
        if st.session_state.pop("discovery-running", False) and not under_way:
            st.rerun(scope="app")
        st.session_state["discovery-running"] = bool(under_way)
        for one in under_way:
            known, asked = one.figures.get("known", 0), one.figures.get("asked", 0)
            text = _("{what}: {asked} of {known} addresses asked, {found} answered").format(
                what=plain(one.what, 80), asked=f"{asked:,}", known=f"{known:,}", found=one.figures.get("found", 0)
            )
            with st.container(horizontal=True, vertical_alignment="center"):
                st.progress(min(1.0, asked / known) if known else 0.0, text=text if one.state == "running" else f"{plain(one.what, 80)} · {_('waits')}")
                if one.state == "running" and me.may(Right.ASSET_WRITE) and st.button(_("Stop"), icon=":material/stop:", key=f"stop-{one.id}"):
                    do(here, me, "stop_discovery", {}, "")

    draw()


def table(here: Desk, found: Sequence[Candidate], state: str) -> None:
    """Candidates, dense; a click opens one."""
    moment = here.now()
    data = [
        {
            _("name"): one.title,
            _("address"): ", ".join(one.addresses),
            _("kind"): word(KINDS, one.guess.kind),
            _("sure"): one.guess.confidence * 100,
            _("vendor"): one.guess.vendor,
            _("model"): one.guess.model,
            _("serial number"): one.guess.serial,
            _("note"): note(here, one),
            _("answers"): discovery.ways(one),
            _("seen"): times.ago(one.last_seen, moment),
        }
        for one in found
    ]
    columns = {
        _("name"): st.column_config.TextColumn(width=150),
        _("address"): st.column_config.TextColumn(width=120),
        _("kind"): st.column_config.TextColumn(width=90),
        _("sure"): st.column_config.ProgressColumn(format="%d%%", min_value=0, max_value=100, width=80),
        _("note"): st.column_config.TextColumn(width=200),
    }
    chosen = parts.rows(data, f"discovery-{state}", columns)
    if chosen is not None:
        parts.go("candidate.py", id=found[chosen].id)


def note(here: Desk, one: Candidate) -> str:
    """What one should know before anything else."""
    if one.conflicts:
        return f"▲ {_('conflict with {address}').format(address=one.conflicts[0].address)}"
    if one.differences:
        return "; ".join(f"{_(FIELDS.get(each.field, each.field))}: {each.before} → {each.after}" for each in one.differences)
    if one.asset:
        return here.estate.title(one.asset)
    told = next((sighting.snmp.descr for sighting in one.sightings if sighting.snmp), "")
    return one.why or next(iter(discovery.titles(one)), "") or told


def take_in_form(here: Desk, me: Account, one: Candidate) -> None:
    """One click with what was guessed; every field may be changed before."""
    assets = here.estate.assets()
    known = sorted({*KINDS, one.guess.kind})
    names, sites = ["", *discovery.credentials(here.store)], ["", *discovery.sites(assets.values())]
    likely = discovery.likely_site(one, assets.values())
    used = next((sighting.snmp.credential for sighting in one.sightings if sighting.snmp), "")
    with st.form(f"take-in-{one.id}"):
        left, right = st.columns(2)
        id = left.text_input(_("id"), value=take.free_id(one, assets.keys()), help=_("Never changes, whatever the asset is called or where it stands."))  # noqa: A001
        name = right.text_input(_("name"), value=one.title)
        kind = left.selectbox(_("kind"), known, index=known.index(one.guess.kind), format_func=lambda key: word(KINDS, key))
        site = right.selectbox(_("site"), sites, index=sites.index(likely), accept_new_options=True, placeholder=_("choose or type"))
        credential = left.selectbox(_("credential"), names, index=names.index(used) if used in names else 0, format_func=lambda key: key or _("none"))
        same = right.selectbox(_("or it is this asset"), ["", *sorted(assets)], format_func=lambda key: here.estate.title(key) if key else _("a new one"))
        sent = st.form_submit_button(_("Take in"), type="primary", icon=":material/add_task:")
    if sent:
        values = {"name": name.strip(), "kind": kind, "site": (site or "").strip()}
        wanted = same or id.strip()
        if do(here, me, "take_in", {"candidate": one.id, "values": values, "credential": credential, "asset": wanted}, ""):
            here.estate.forget()
            parts.go("asset.py", id=wanted)


def take_all_dialog(here: Desk, me: Account, found: Sequence[Candidate]) -> None:
    """Many at once, each with what was guessed."""

    @st.dialog(_("Take in {n} devices").format(n=len(found)))
    def ask() -> None:
        st.caption(_("Each becomes an asset of the kind that was guessed, with the credential that it took. Conflicts and unsure ones stay here."))
        assets = here.estate.assets().values()
        site = st.selectbox(
            _("site"),
            ["", *discovery.sites(assets)],
            format_func=lambda value: value or _("where their neighbours by address stand"),
            accept_new_options=True,
            key="take-all-site",
        )
        if st.button(_("Take in {n} devices").format(n=len(found)), type="primary", key="take-all-do"):
            bar = st.progress(0.0)
            for number, one in enumerate(found, 1):
                values = {"site": (site or "").strip() or discovery.likely_site(one, assets)}
                if not do(here, me, "take_in", {"candidate": one.id, "values": values}, ""):
                    return
                bar.progress(number / len(found))
            here.estate.forget()
            st.rerun()

    ask()


def planned(here: Desk, me: Account) -> None:
    """The searches of the site's plan, each to be done now."""
    plan = parts.attempt(lambda: read_plan(here.settings.site_folder))
    for number, wanted in enumerate(plan.searches if plan else ()):
        with st.container(horizontal=True, vertical_alignment="center"):
            how_often = _("every {time}").format(time=wanted.every) if wanted.every else _("by hand")
            where = ", ".join((*wanted.ranges, *(f"→ {seed}" for seed in wanted.seeds)))
            st.markdown(f"**{plain(wanted.name, 60)}** · {plain(where, 120)} · {plain(how_often)}", width="content")
            if me.may(Right.ASSET_WRITE) and here.settings.discovery.allowed:
                body = wanted.model_dump(mode="json", exclude_defaults=True)
                if st.button(_("Search now"), icon=":material/play_arrow:", key=f"planned-{number}", type="tertiary") and do(here, me, "discover", body, ""):
                    st.rerun()


def history(here: Desk) -> None:
    """The searches of late."""
    found = discovery.rounds(here.store)
    if not found:
        return
    moment = here.now()
    with st.expander(_("Searches of late")):
        parts.table(
            [
                {
                    _("time"): times.clock(one.created, here.zone, moment),
                    _("by"): one.by,
                    _("what"): one.what,
                    _("state"): look(DISCOVERY, one.state).text,
                    _("asked"): one.figures.get("asked"),
                    _("answered"): one.figures.get("found"),
                    _("new"): one.figures.get("new"),
                    _("changed"): one.figures.get("changed"),
                    _("gone"): one.figures.get("gone"),
                    _("problems"): "; ".join(one.problems),
                }
                for one in found
            ],
            {_("what"): st.column_config.TextColumn(width=220), _("problems"): st.column_config.TextColumn(width=300)},
        )
