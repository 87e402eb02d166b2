"""What people ask of the service: intents. The console reaches no device and decides nothing; it writes what is wanted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from secrets import token_hex
from typing import Any, Final

from console.desk import Desk
from console.i18n import _
from console.identity.accounts import Account
from console.identity.roles import Right
from core.errors import Refused
from core.names import INTENT
from store.base import ABSENT

WAIT_S: Final = 5.0
LOOK_EVERY_S: Final = 0.15
DISCOVERY: Final = ("discover", "stop_discovery", "take_in", "set_aside", "bring_back", "accept_changes", "forget_candidate")
TASKS: Final = ("run.approve", "run.reject", "run.answer", "run.review", "run.hand", "run.decide")
RUNS: Final[Mapping[str, Right]] = {
    **dict.fromkeys(TASKS, Right.TASK_DO),
    **dict.fromkeys(("run.begin", "run.cancel", "run.take_back"), Right.PLAYBOOK_RUN),
}
NEEDS: Final[Mapping[str, Right]] = {"mute": Right.MUTE_WRITE, "unmute": Right.MUTE_WRITE, **dict.fromkeys(DISCOVERY, Right.ASSET_WRITE), **RUNS}


def ask(here: Desk, me: Account, what: str, args: Mapping[str, Any], on: str = "") -> str:
    """Write an intent on an incident (its id) or on none; returns the intent's id. Raises Refused without the right."""
    right = NEEDS.get(what, Right.INCIDENT_ACT)
    if not me.may(right):
        raise Refused(_("your roles do not allow this"))
    now = here.now()
    body = {
        "what": what,
        "user": me.name,
        "roles": list(me.roles),
        "unit": me.unit,
        "args": dict(args),
        "on": on,
        "created": now.isoformat(),
        "state": "new",
    }
    id = f"{now:%Y%m%dT%H%M%S%f}-{token_hex(4)}"  # noqa: A001
    here.store.audit.append(time=now, actor=me.name, action=f"ask.{what}", object=on or "-", body={"args": dict(args), "intent": id})
    here.store.documents.put(INTENT, id, body, ABSENT)
    return id


def outcome(here: Desk, intent: str, wait_s: float = WAIT_S) -> tuple[str, str]:
    """(state, message) of an intent, after waiting a little for the service: done, refused, or new while it still waits."""
    deadline = time.monotonic() + wait_s
    while True:
        body = here.store.documents.get(INTENT, intent).body
        state = str(body.get("state") or "new")
        if state in ("done", "refused") or time.monotonic() >= deadline:
            return state, str(body.get("message") or "")
        time.sleep(LOOK_EVERY_S)
