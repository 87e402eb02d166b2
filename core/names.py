"""Names that several packages must agree on: kinds of documents in the store and of intents.

Documents are JSON bodies under (kind, id). The console writes intents; the service claims and carries them out.
"""

from __future__ import annotations

from typing import Final

ASSET: Final = "asset"
ALERT: Final = "alert"
INCIDENT: Final = "incident"
MUTE: Final = "mute"
NOTICE: Final = "notice"
INTAKE: Final = "intake"
ACK_LINK: Final = "ack-link"
TICKET: Final = "ticket"
ROSTER: Final = "roster"
ROSTER_CHANGE: Final = "roster-change"
HANDOVER: Final = "handover"
ROUND: Final = "round"
RECORD: Final = "record"
INTENT: Final = "intent"
SNAPSHOT: Final = "snapshot"
VERDICT: Final = "verdict"
EVIDENCE: Final = "evidence"
ACCOUNT: Final = "account"
SESSION: Final = "session"
LOGIN_STEP: Final = "login-step"
TOKEN: Final = "token"  # noqa: S105 - a kind of document, not a secret
CREDENTIAL: Final = "credential"
CHANGE: Final = "change"
HEALTH: Final = "health"
RUN: Final = "run"
RUN_PLAN: Final = "run-plan"
RUN_ENTRY: Final = "run-entry"
RUN_NOTE: Final = "run-note"
TASK: Final = "task"
CANDIDATE: Final = "candidate"
SEARCH: Final = "search"
ALARM: Final = "alarm"
QUALITY: Final = "quality"
TUNING: Final = "tuning"
BUDGET: Final = "budget"
PREVIEW: Final = "preview"
ROOTS: Final = "roots"
OUTLOOK: Final = "outlook"
CONFIG_CHANGE: Final = "config-change"
CONFIG_STATE: Final = "config-state"
