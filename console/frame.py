"""The frame around every page: who is here, in which language, and the places that their roles open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from console import parts
from console.desk import desk
from console.door import LANGUAGE_COOKIE
from console.i18n import LANGUAGES, _, ask_for_language, marked, speak
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import runs
from console.text import plain
from console.words import ROLES, word
from core.errors import StoreError
from playbooks.requests import Who

VIEWS: Final = Path(__file__).with_name("views")
ICON: Final = Path(__file__).parent / "templates" / "icon.svg"
STYLE: Final = """<style>
[data-testid="stMainBlockContainer"] { padding: 2.2rem 1.6rem 2rem; max-width: none; }
[data-testid="stVerticalBlock"] { gap: 0.65rem; }
[data-testid="stSidebar"] { min-width: 190px; max-width: 230px; }
[data-testid="stSidebarUserContent"] { padding-bottom: 0.5rem; }
[data-testid="stSidebarHeader"] { height: 1.4rem; min-height: 1.4rem; margin-bottom: 0; }
[data-testid="stSidebarNavItems"] { padding-top: 0; }
[data-testid="stSidebarNavItems"] > div { margin-bottom: 0.25rem; }
[data-testid="stSidebarNavLink"] { padding-top: 0; padding-bottom: 0; margin-top: 0; margin-bottom: 0; min-height: 1.5rem; height: 1.5rem; }
[data-testid="stNavSectionHeader"] { padding-top: 0.1rem; padding-bottom: 0; margin-top: 0; margin-bottom: 0; }
[data-testid="stMarkdownContainer"] h4 { padding: 0.1rem 0 0.3rem; }
[data-testid="stHeader"] { background: transparent; height: 2.2rem; min-height: 2.2rem; }
[data-testid="stBaseButton-tertiary"] { min-height: 1.5rem; padding: 0 0.2rem; text-align: left; }
[data-testid="stAppDeployButton"] { display: none; }
@media (max-width: 640px) { [data-testid="stMainBlockContainer"] { padding: 2.8rem 0.7rem 1rem; } }
</style>"""  # our own constant; collected text never becomes markup

Entry = tuple[str, str, str, Right]
PLACES: Final[tuple[tuple[str, tuple[Entry, ...]], ...]] = (
    (
        marked("On duty"),
        (
            ("now.py", marked("Now"), ":material/visibility:", Right.INCIDENT_READ),
            ("incidents.py", marked("Incidents"), ":material/notifications:", Right.INCIDENT_READ),
            ("mutes.py", marked("Mutes"), ":material/notifications_paused:", Right.INCIDENT_READ),
            ("duty.py", marked("Duty"), ":material/event_available:", Right.INCIDENT_READ),
            ("review.py", marked("Review"), ":material/insights:", Right.INCIDENT_READ),
        ),
    ),
    (
        marked("Estate"),
        (
            ("assets.py", marked("Assets"), ":material/dns:", Right.ESTATE_READ),
            ("map.py", marked("Map"), ":material/hub:", Right.ESTATE_READ),
            ("finder.py", marked("Machine finder"), ":material/location_searching:", Right.ESTATE_READ),
            ("network.py", marked("Network"), ":material/lan:", Right.ESTATE_READ),
            ("configuration.py", marked("Configurations"), ":material/difference:", Right.ESTATE_READ),
            ("discovery.py", marked("Discovery"), ":material/travel_explore:", Right.ESTATE_READ),
        ),
    ),
    (
        marked("Observe"),
        (
            ("events.py", marked("Events"), ":material/article:", Right.EVENTS_READ),
            ("flows.py", marked("Flows"), ":material/swap_horiz:", Right.EVENTS_READ),
            ("quality.py", marked("Detection quality"), ":material/fact_check:", Right.INCIDENT_READ),
        ),
    ),
    (
        marked("Compliance"),
        (
            ("compliance.py", marked("Graded protection"), ":material/verified_user:", Right.COMPLIANCE_READ),
            ("compliance_objects.py", marked("Protection objects"), ":material/shield:", Right.COMPLIANCE_READ),
            ("compliance_risks.py", marked("Gaps and risks"), ":material/warning:", Right.COMPLIANCE_READ),
            ("compliance_history.py", marked("State by day"), ":material/history:", Right.COMPLIANCE_READ),
            ("rounds.py", marked("Inspection rounds"), ":material/checklist:", Right.COMPLIANCE_READ),
            ("records.py", marked("Management records"), ":material/folder_shared:", Right.COMPLIANCE_READ),
            ("compliance_reports.py", marked("Reports"), ":material/description:", Right.COMPLIANCE_READ),
        ),
    ),
    (
        marked("Act"),
        (
            ("tasks.py", marked("Tasks"), ":material/task_alt:", Right.TASK_DO),
            ("playbooks.py", marked("Playbooks"), ":material/menu_book:", Right.PLAYBOOK_READ),
            ("runs.py", marked("Runs"), ":material/play_circle:", Right.PLAYBOOK_READ),
        ),
    ),
    (
        marked("System"),
        (
            ("health.py", marked("Collection and health"), ":material/monitor_heart:", Right.HEALTH_READ),
            ("users.py", marked("Users"), ":material/group:", Right.ACCOUNT_READ),
            ("audit.py", marked("Audit"), ":material/receipt_long:", Right.INCIDENT_READ),
            ("settings.py", marked("Settings"), ":material/settings:", Right.SETTINGS_READ),
            ("me.py", marked("My account"), ":material/person:", Right.HEALTH_READ),
        ),
    ),
)
DETAILS: Final = (
    ("incident.py", marked("Incident"), Right.INCIDENT_READ),
    ("asset.py", marked("Asset"), Right.ESTATE_READ),
    ("candidate.py", marked("Found device"), Right.ESTATE_READ),
    ("playbook.py", marked("Playbook"), Right.PLAYBOOK_READ),
    ("run.py", marked("Run"), Right.PLAYBOOK_READ),
    ("set_up.py", marked("First steps"), Right.SET_UP),
)


def chosen_language() -> str:
    """The language of this browser's person."""
    return str(st.session_state.get("language", ""))


def open_to(account: Account, pages: Sequence[Entry]) -> list[Entry]:
    """The pages that an account may open; the audit shows everybody their own steps."""
    return [entry for entry in pages if account.may(entry[3]) or (entry[0] == "audit.py" and account.may(Right.AUDIT_READ))]


def places(account: Account) -> dict[str, list[st.Page]]:
    """The menu of an account; pages of one object are reachable but not listed."""
    menu: dict[str, list[st.Page]] = {}
    for group, pages in PLACES:
        listed = open_to(account, pages)
        if listed:
            menu[_(group)] = [
                st.Page(VIEWS / file, title=_(title), icon=icon, default=not menu and file == listed[0][0]) for file, title, icon, _right in listed
            ]
    if menu:
        last = next(reversed(menu))
        menu[last] += [st.Page(VIEWS / file, title=_(title), visibility="hidden") for file, title, right in DETAILS if account.may(right)]
    return menu


def settle_language(account: Account) -> None:
    """The account's own choice, else what the login page used."""
    used = account.language or parts.cookie(LANGUAGE_COOKIE) or desk().settings.language
    st.session_state["language"] = used if used in LANGUAGES else desk().settings.language
    speak(st.session_state["language"])


def _tasks(account: Account) -> int:
    """How many tasks wait for somebody; none while the store is away, which the page itself says."""
    try:
        return runs.waiting(desk().store, Who(account.name, account.roles)) if account.may(Right.TASK_DO) else 0
    except StoreError:
        return 0


def side(account: Account) -> None:
    """Below the menu: who is here, and the way out."""
    with st.sidebar:
        if account.may(Right.SET_UP):
            st.caption(f":orange-badge[▲ {_('to do')}] {_('Duties are not separated yet: appoint the three administrators.')}")
            st.page_link(VIEWS / "set_up.py", label=_("First steps"), icon=":material/arrow_forward:")
        if count := _tasks(account):
            st.page_link(VIEWS / "tasks.py", label=_("{n} tasks wait for you").format(n=count), icon=":material/task_alt:")
        st.caption(f"{plain(account.title or account.name, 24)} · {'、'.join(word(ROLES, role) for role in account.roles) or _('no role yet')}")
        st.link_button(_("Log out"), "/logout", icon=":material/logout:", type="tertiary")


def show() -> None:
    """Run once for every view of a page."""
    ask_for_language(chosen_language)
    st.set_page_config(page_title="望楼 Wanglou", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    account = parts.present_session(touch=True).account
    settle_language(account)
    menu = places(account)
    if not menu:
        st.info(_("Your account has no role yet. A security administrator grants roles on the page Users."))
        st.link_button(_("Log out"), "/logout")
        st.stop()
    page = st.navigation(menu, expanded=True)
    side(account)
    parts.guarded(page.run)
