"""Blocks of the compliance page: one requirement, one verdict with its evidence, an officer's decision."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from console import parts
from console.asset_tabs import verdict_row
from console.desk import Desk
from console.i18n import _, two
from console.queries import cases, conformity, times, touches
from console.text import plain
from console.words import CONFORMITY, OUTCOME, STATE, look
from core.errors import NotFound
from core.names import EVIDENCE
from store.base import Body


def item_block(here: Desk, view: conformity.Overview, item: str, bodies: list[Body]) -> None:
    """What is asked, how it stands and why, and every verdict that speaks for it."""
    row = view.items[item]
    st.markdown(f"**{plain(item)}** {plain(two(row.zh, row.en))}")
    st.markdown(f"{parts.badge(CONFORMITY, row.conformity)} {plain(two(row.reason_zh, row.reason_en))}")
    if row.proposed:
        st.caption(_("telemetry proposes: {word}; an officer has the last word").format(word=look(CONFORMITY, row.proposed).text))
    incident_links(here, item)
    found = conformity.of_item(item, bodies)
    if not found:
        st.caption(_("No check speaks for this requirement; a person decides."))
        return
    chosen = parts.rows([verdict_row(here, body) for body in found], f"item-{item}", height=min(260, 40 + 32 * len(found)))
    if chosen is not None and chosen < len(found):
        evidence_of(here, found[chosen])


def incident_links(here: Desk, item: str) -> None:
    """The open incidents, and those of the last 30 days, that bear on a requirement."""
    since = here.now() - timedelta(days=30)
    ended = [case for case in cases.list_cases(here.store, ("resolved", "closed"), limit=500).items if case.opened and case.opened > since]
    found = touches.bearing_on(item, [*cases.live_cases(here.store), *ended])
    if found:
        st.caption(_("{n} incidents of the last 30 days bear on it, {live} of them are open").format(n=len(found), live=sum(case.is_live for case in found)))
    for case in found[:5]:
        label = f"{case.id} {look(STATE, case.state).text} {case.title}"
        st.page_link(parts.VIEWS / "incident.py", label=plain(label, 110), query_params={"id": case.id}, icon=":material/notifications:")


def check_block(here: Desk, found: list[Body], asset: str) -> None:
    """One check: what it is about and what to do, then every asset that it looked at; the asset that was asked for is opened."""
    first, fix = found[0], found[0].get("remediation", {})
    st.markdown(f"**{plain(two(first['title'].get('zh', ''), first['title'].get('en', '')) or first['check'])}** · {plain(', '.join(first['items']))}")
    if fix and any(body["outcome"] == "fail" for body in found):
        st.markdown(f"**{_('What to do')}** {plain(two(fix.get('zh', ''), fix.get('en', '')))}")
    chosen = parts.rows([verdict_row(here, body) for body in found], f"check-{first['check']}", height=min(360, 40 + 32 * len(found)))
    place = chosen if chosen is not None and chosen < len(found) else next((n for n, body in enumerate(found) if body["asset"] == asset), 0)
    body = found[place]
    st.markdown(
        f"{parts.badge(OUTCOME, body['outcome'])} **{plain(here.estate.title(body['asset']))}** · {plain(times.ago(times.read(body['since']), here.now()))}"
    )
    evidence_of(here, body, is_remedied=False)


def evidence_of(here: Desk, body: Body, *, is_remedied: bool = True) -> None:
    """Why a verdict is so, what would change it (unless that was said already), and the raw text that it rests on."""
    reason, fix = body.get("reason", {}), body.get("remediation", {})
    st.markdown(plain(two(reason.get("zh", ""), reason.get("en", ""))))
    if body.get("observed"):
        st.code("\n".join(map(str, body["observed"][:50])), language=None, wrap_lines=True)
    if is_remedied and body["outcome"] == "fail" and fix:
        st.markdown(f"**{_('What to do')}** {plain(two(fix.get('zh', ''), fix.get('en', '')))}")
    for read in body.get("read", ()):
        with st.expander(f"{_('Evidence')}: {read['kind']} · {times.clock(times.read(read['time']), here.zone, here.now())} · sha256 {read['sha256'][:16]}…"):
            try:
                entry = here.store.documents.get(EVIDENCE, read["evidence"]).body
            except NotFound:
                st.caption(_("The evidence is no longer kept."))
                continue
            st.caption(plain(f"{entry['command']} · sha256 {entry['sha256']} · {_('hash')} {entry['hash']}"))
            st.code(entry["body"][:100_000], language=None, line_numbers=True, height=300)
