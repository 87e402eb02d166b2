"""The parts of the page on configurations."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from console import parts
from console.asset_tabs import meaning, verdict_row
from console.case_actions import do
from console.desk import Desk
from console.i18n import _, two
from console.identity.accounts import Account
from console.identity.roles import Right
from console.queries import configuration, times
from console.queries.configuration import Known, Line
from console.text import plain
from core.names import VERDICT
from inventory.asset import Asset
from inventory.configuration.changes import RUNNING, STARTUP, platform_of
from inventory.configuration.dialects import dialect_of
from inventory.configuration.difference import Difference, compare
from inventory.configuration.restore import plan
from inventory.configuration.template import deviations, load_templates
from store.base import Body
from store.filter import of_asset
from store.snapshots import latest_snapshot

HEIGHT = 420


def who(change: Body) -> str:
    """Who made a change, and how that is known."""
    user = str(change.get("user") or "")
    if not user:
        return _("nobody known") if change else ""
    return user if change.get("how") == "said" else _("{user} (was logged in)").format(user=user)


def window(change: Body) -> str:
    """Whether a change was made in a window, or announced by a run."""
    return {True: f"✓ {_('in a window')}", False: f"▲ {_('outside the windows')}"}.get(change.get("allowed"), "")  # type: ignore[arg-type]


def overview(here: Desk, lines: list[Line], moment: datetime) -> int | None:
    """All devices; the index of the one that was chosen."""
    return parts.rows(
        [
            {
                _("device"): line.asset.title,
                _("kind of text"): str(line.state.get("dialect", "")),
                _("last read"): (times.ago(line.seen, moment) if line.reads else f"▲ {_('cannot be read')}") if line.seen else _("none yet"),
                _("last change"): times.clock(times.read(line.change.get("made")), here.zone, moment),
                _("changed by"): who(line.change),
                _("window"): window(line.change),
                _("not saved"): f"◆ +{line.unsaved['added']} -{line.unsaved['removed']}" if line.unsaved else "",
                _("deviations"): line.deviations or None,
                _("checks that fail"): line.fails or None,
            }
            for line in lines
        ],
        "configurations",
    )


def fetch_button(here: Desk, me: Account, asset: Asset) -> None:
    """Ask the service to read the device now."""
    if not (me.may(Right.INCIDENT_ACT) and "cli" in asset.collect):
        return
    if st.button(_("Read it now"), icon=":material/sync:", key="configuration-fetch") and do(here, me, "fetch_config", {"asset": asset.id}, ""):
        st.success(_("The device is being read; a new version shows here within a minute."))


def history(here: Desk, asset: Asset, known: list[Known], moment: datetime) -> None:
    """Versions, and any two of them side by side."""
    rows = [
        {
            _("seen first"): times.clock(one.time, here.zone, moment),
            _("changed at"): times.clock(times.read(one.change.get("made")), here.zone, moment),
            _("changed by"): who(one.change),
            _("from address"): str(one.change.get("source") or ""),
            _("window"): window(one.change),
            _("lines"): f"+{one.change['added']} -{one.change['removed']}" if one.change else _("first version"),
        }
        for one in known
    ]
    chosen = parts.rows(rows, "configuration-versions")
    if len(known) < 2:
        st.caption(_("There is one version so far; the text stands under Text."))
        return
    newer = min(chosen or 0, len(known) - 2)
    names = range(len(known))

    def title(index: int) -> str:
        return times.clock(known[index].time, here.zone, moment)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        old = st.selectbox(_("older version"), names, index=newer + 1, format_func=title, key=f"configuration-old-{newer}")
        new = st.selectbox(_("newer version"), names, index=newer, format_func=title, key=f"configuration-new-{newer}")
        whole = st.toggle(_("whole text"), key="configuration-whole")
    meaning(here, asset, RUNNING, known[old].text, known[new].text)
    beside(compare(known[old].text, known[new].text, platform_of(asset)), title(old), title(new), whole=whole)


def beside(difference: Difference, left_title: str, right_title: str, *, whole: bool = False) -> None:
    """Two texts side by side."""
    if not difference.changed:
        st.caption(_("Both say the same; lines may stand in another order where the device reads them in any."))
        if not whole:
            return
    st.caption(_("{added} lines new, {removed} lines gone").format(added=difference.added, removed=difference.removed))
    texts = configuration.sides(difference, whole=whole)
    for column, title, text in zip(st.columns(2), (left_title, right_title), texts, strict=True):
        with column:
            st.caption(plain(title))
            st.code(text, language="diff", height=HEIGHT)


def startup(here: Desk, asset: Asset, line: Line, known: list[Known], moment: datetime) -> None:
    """What a restart would lose."""
    saved = latest_snapshot(here.store, asset.id, STARTUP)
    if saved is None:
        parts.empty(_("What this device starts with is not known."), _("Its platform keeps no second configuration, or the account may not read it."))
        return
    since = times.read(line.unsaved.get("since"))
    if line.unsaved and since:
        st.markdown(
            f":yellow-badge[◆ {_('not saved')}] {_('A restart would lose these changes; they stand since {time}.').format(time=parts.when(since, moment))}"
        )
    else:
        st.markdown(f":green-badge[✓ {_('saved')}] {_('The device starts with what it runs.')}")
    beside(compare(saved.body, known[0].text, platform_of(asset)), _("starts with"), _("runs"))


def templates(here: Desk, asset: Asset, text: str) -> None:
    """Deviations from the golden templates that are for this device."""
    found, problems = load_templates(here.settings.site_folder / "templates")
    for problem in problems:
        st.error(plain(str(problem)))
    platform = platform_of(asset)
    own = [template for template in found if template.is_for(asset, dialect_of(text, platform).name)]
    if not own:
        parts.empty(_("No template is for this device."), _("Templates are YAML files in the folder templates of the site; docs/configuration.md shows one."))
    for template in own:
        missed = deviations(text, template, platform)
        badge = f":orange-badge[▲ {len(missed)}]" if missed else f":green-badge[✓ {_('as it should be')}]"
        st.markdown(f"{badge} **{plain(two(template.title.zh, template.title.en))}** · {plain(template.name)}")
        if missed:
            parts.table(
                [
                    {
                        _("what"): _("missing") if one.is_missing else _("must not be there"),
                        _("line"): one.line,
                        _("below"): one.block,
                        _("why"): two(one.why.zh, one.why.en) if one.why else "",
                    }
                    for one in missed
                ]
            )


def checks(here: Desk, asset: Asset) -> None:
    """Verdicts of the checks over the configuration."""
    bodies = configuration.outcome_first(document.body for document in here.store.documents.find(VERDICT, of_asset(asset.id)).items)
    shown = [body for body in bodies if body["outcome"] != "not_applicable"]
    if not shown:
        parts.empty(_("No check has looked at this configuration yet."), _("Checks run by themselves within a minute after a configuration was read."))
        return
    row = parts.rows([verdict_row(here, body) for body in shown], "configuration-checks", {_("check"): st.column_config.TextColumn(width="large")})
    if row is not None:
        parts.go("compliance.py", asset=asset.id, check=shown[row]["check"])


def way_back(here: Desk, asset: Asset, known: list[Known], moment: datetime) -> None:
    """What a person would enter to go back to an earlier version."""
    if len(known) < 2:
        parts.empty(_("There is no earlier version to go back to."))
        return

    def title(index: int) -> str:
        return f"{times.clock(known[index].time, here.zone, moment)}  {who(known[index].change)}"

    index = st.selectbox(_("go back to the version of"), range(1, len(known)), format_func=title, key="configuration-back")
    st.info(
        _("The system never sends this. Check every line, keep a second way to the device open, and enter it by hand in a window."),
        icon=":material/front_hand:",
    )
    text = plan(known[0].text, known[index].text, platform_of(asset))
    if text:
        st.code(text, language=None, line_numbers=True, height=HEIGHT)
        st.download_button(_("Download"), text.encode(), file_name=f"{asset.id}-plan.txt", mime="text/plain", key="configuration-plan")
    else:
        st.caption(_("Nothing differs from that version."))


def whole_text(asset: Asset, known: list[Known]) -> None:
    """The newest text."""
    st.code(known[0].text[:200_000], language=None, line_numbers=True, height=HEIGHT)
    st.download_button(_("Download"), known[0].text.encode(), file_name=f"{asset.id}.txt", mime="text/plain", key="configuration-text")
