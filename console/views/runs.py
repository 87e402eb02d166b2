"""What runs now, and what ran."""

from __future__ import annotations

from console import parts, run_actions
from console.i18n import _
from console.identity.roles import Right
from console.queries import runs

here, me = parts.enter(Right.PLAYBOOK_READ)


@parts.live(10)
def listed() -> None:
    """All of it, the newest first."""
    found = runs.list_runs(here.store)
    text = _("{n} runs are open, {back} of them wait to put something back")
    parts.heading(_("Runs"), text.format(n=sum(row.is_open for row in found), back=sum(row.undo_at is not None for row in found)))
    parts.data_from(here.now())
    if found:
        run_actions.run_table(here, found, "runs")
    else:
        parts.empty(_("Nothing was run yet."), page="playbooks.py", label=_("all playbooks"))


listed()
