"""How states of playbooks, runs, steps and tasks look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from console.i18n import marked
from console.words import Look

RISK: Final[Mapping[str, Look]] = {
    "read": Look(marked("reads only"), "✓", "green", "#2E7D32"),
    "change": Look(marked("changes"), "◆", "yellow", "#B7791F"),
    "danger": Look(marked("dangerous"), "▲", "red", "#C62828"),
}
RUN: Final[Mapping[str, Look]] = {
    "waiting": Look(marked("waits for approval"), "◆", "yellow", "#B7791F"),
    "queued": Look(marked("waits for the device"), "◆", "gray", "#616161"),
    "running": Look(marked("under way"), "▶", "blue", "#1565C0"),
    "stopping": Look(marked("putting back"), "↺", "orange", "#E65100"),
    "done": Look(marked("finished"), "✓", "green", "#2E7D32"),
    "failed": Look(marked("failed"), "●", "red", "#C62828"),
    "undone": Look(marked("failed and put back"), "↺", "orange", "#E65100"),
    "refused": Look(marked("refused"), "⊘", "red", "#C62828"),
    "cancelled": Look(marked("cancelled"), "⊘", "gray", "#616161"),
}
ACT: Final[Mapping[str, Look]] = {
    "waiting": Look(marked("to come"), "○", "gray", "#616161"),
    "open": Look(marked("under way"), "▶", "blue", "#1565C0"),
    "running": Look(marked("under way"), "▶", "blue", "#1565C0"),
    "done": Look(marked("finished"), "✓", "green", "#2E7D32"),
    "nothing": Look(marked("nothing to do"), "✓", "gray", "#616161"),
    "failed": Look(marked("failed"), "●", "red", "#C62828"),
    "unknown": Look(marked("outcome unknown"), "?", "orange", "#E65100"),
    "dropped": Look(marked("not done"), "–", "gray", "#616161"),
    "skipped": Look(marked("skipped"), "–", "gray", "#616161"),
    "undoing": Look(marked("putting back"), "↺", "blue", "#1565C0"),
    "undone": Look(marked("put back"), "↺", "green", "#2E7D32"),
    "undo_failed": Look(marked("could not be put back"), "●", "red", "#C62828"),
}
VERBS: Final[Mapping[str, str]] = {
    "run": marked("do"),
    "ask": marked("form"),
    "approve": marked("approval"),
    "assign": marked("task"),
    "decide": marked("decision"),
    "review": marked("review of an emergency"),
    "notify": marked("message"),
    "wait": marked("wait"),
    "if": marked("condition"),
    "each": marked("for each"),
    "parallel": marked("at the same time"),
    "steps": marked("in this order"),
    "call": marked("another playbook"),
}
ON_FAIL: Final[Mapping[str, str]] = {"undo": marked("put everything back"), "stop": marked("stop"), "continue": marked("go on")}
DOMAINS: Final[Mapping[str, str]] = {"operations": marked("operations"), "security": marked("security"), "workflow": marked("workflow")}
ENTRIES: Final[Mapping[str, str]] = {
    "asked": marked("asked for it"),
    "queued": marked("waits for a device"),
    "started": marked("began"),
    "begin": marked("begins an act"),
    "doing": marked("changes the target"),
    "end": marked("ended an act"),
    "undo_due": marked("is to be put back"),
    "undo_begin": marked("begins to put back"),
    "undo_end": marked("ended putting back"),
    "open": marked("opened a step"),
    "close": marked("closed a step"),
    "task": marked("gave a task"),
    "answered": marked("answered"),
    "approved": marked("approved"),
    "rejected": marked("said no"),
    "handed": marked("handed the task over"),
    "late": marked("task is overdue"),
    "decided": marked("decided"),
    "failing": marked("stops"),
    "ended": marked("the run ended"),
}
