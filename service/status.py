"""How the running service is, read from outside: its heartbeat and the health it wrote into the store."""

from __future__ import annotations

import time
from typing import Any

from core.errors import StoreError
from core.names import HEALTH
from core.settings import Settings
from service.supervisor import STALE_S, read_heartbeat
from store.open import open_for


def read_status(settings: Settings) -> dict[str, Any]:
    """State (running, stands still, stopped), process id, age of the heartbeat in s, and each part's health."""
    beat = read_heartbeat(settings.data)
    age = time.monotonic() - float(beat["monotonic"]) if beat else None
    state = "stopped" if age is None or not _alive(int(beat["pid"]) if beat else 0) else "stands still" if age > STALE_S else "running"
    found: dict[str, Any] = {"state": state, "pid": beat["pid"] if beat else None, "heartbeat_age_s": round(age, 1) if age is not None else None}
    try:
        store = open_for(settings, "console")
    except StoreError as err:
        return found | {"store": str(err)}
    try:
        health = store.health()
        found["store"] = f"{health.backend}: {health.message}"
        for document in store.documents.find(HEALTH).items:
            found[document.id] = document.body.get("message", "")
    finally:
        store.close()
    return found


def _alive(pid: int) -> bool:
    import psutil

    return pid > 0 and psutil.pid_exists(pid)
