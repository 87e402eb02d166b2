"""``python -m bench alerting``: alerts through the live alerting, with its journal and an embedded store on disk.

*Steady*: 100 alerts a second for 20 seconds in batches of 10, on 500 assets in 50 racks with two classes of fault each; per alert the time from
handing it over until the store has a document of the incident it belongs to. *Storm*: 27,000 alerts, as fast as they are taken (they must be through
within a minute); every one must be a member of an incident, before and after a restart from the journal.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from core.clock import SystemClock
from core.names import ALERT, INCIDENT
from core.records import Finding, Severity
from core.settings import Settings
from incidents.config import Configuration
from inventory.credentials import Vault
from service.alerting import open_alerting
from service.alerting.live import LiveAlerting
from service.alerting.loading import Loaded
from store.base import Store
from store.embedded import open_embedded

RATE, SECONDS, BATCH = 100, 20, 10
STORM, STORM_BATCH = 27_000, 500
ASSETS, RACKS = 500, 50
LIMITS = {"p95_s": 1.0, "storm_s": 60.0, "lost": 0}


def configuration() -> Configuration:
    """500 servers in 50 racks; a rack's alerts of one class make one incident."""
    return Configuration.model_validate(
        {
            "assets": [{"id": f"srv{n}", "kind": "server", "located_in": f"rack{n % RACKS}"} for n in range(ASSETS)]
            + [{"id": f"rack{n}", "kind": "rack"} for n in range(RACKS)],
            "rules": [{"id": f"rule{n}", "class": f"class{n % 2}", "severity": "high"} for n in range(54)],
            "correlate": [{"by": ["located_in", "class"]}],
        }
    )


def alert(n: int) -> Finding:
    """The n-th of 27,000 different alerts (rule and asset)."""
    return Finding(
        time=datetime.now(UTC),
        source=f"rule{n // ASSETS % 54}",
        asset=f"srv{n % ASSETS}",
        title=f"alert {n}",
        severity=Severity.HIGH,
        firing=True,
    )


@contextmanager
def opened(folder: Path) -> Iterator[tuple[LiveAlerting, Store]]:
    """Alerting over the data of a folder."""
    store = open_embedded(folder, "service")
    settings = Settings(data=folder)
    alerting = open_alerting(settings, store, Vault(store, b"k" * 32), SystemClock(), Loaded(configuration(), {}))
    try:
        yield alerting, store
    finally:
        alerting.close()
        store.close()


def members(store: Store) -> set[tuple[str, str]]:
    """(rule, asset) of every member in the incident documents."""
    return {(one["rule"], one["asset"]) for document in store.documents.find(INCIDENT, limit=10_000).items for one in document.body["members"]}


def is_there(store: Store, one: Finding) -> bool:
    """Whether the document of an incident has this alert."""
    known = store.documents.get(ALERT, one.fingerprint)
    incident = store.documents.get(INCIDENT, known.body["incident"]) if known and known.body["incident"] else None
    return incident is not None and any(member["fingerprint"] == one.fingerprint for member in incident.body["members"])


def steady() -> dict[str, Any]:
    """Latency at 100 alerts a second."""
    waits: list[float] = []
    waiting: list[tuple[float, Finding]] = []
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as (alerting, store):
        begin = time.perf_counter()
        for number in range(RATE * SECONDS // BATCH):
            time.sleep(max(0.0, begin + number * BATCH / RATE - time.perf_counter()))
            given = time.perf_counter()
            batch = [alert(n) for n in range(number * BATCH, (number + 1) * BATCH)]
            alerting.observe(batch)
            if number % (RATE // BATCH) == 0:
                alerting.tick()
            waiting = [*waiting, *((given, one) for one in batch)]
            there = [one for one in waiting if is_there(store, one[1])]
            waits += [time.perf_counter() - since for since, _ in there]
            waiting = [one for one in waiting if one not in there]
        taken = time.perf_counter() - begin
        found = len(members(store))
        incidents = len(store.documents.find(INCIDENT, limit=10_000).items)
    return {
        "alerts": found,
        "late": len(waiting),
        "incidents": incidents,
        "per_s": round(found / taken, 1),
        "median_s": round(median(waits), 4),
        "p95_s": round(quantiles(waits, n=20)[-1], 4),
    }


def storm() -> dict[str, Any]:
    """27,000 alerts at once, and what is left of them after a restart."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with opened(folder) as (alerting, store):
            begin = ticked = time.perf_counter()
            busy = time.process_time()
            for first in range(0, STORM, STORM_BATCH):
                alerting.observe([alert(n) for n in range(first, first + STORM_BATCH)])
                if time.perf_counter() - ticked > 1:
                    alerting.tick()
                    ticked = time.perf_counter()
            while len(members(store)) < STORM and time.perf_counter() - begin < 300:
                alerting.tick()
                time.sleep(0.5)
            taken, busy = time.perf_counter() - begin, time.process_time() - busy
            lost = STORM - len(members(store))
        begin = time.perf_counter()
        with opened(folder) as (_, store):
            return {
                "alerts": STORM,
                "storm_s": round(taken, 1),
                "storm_cpu_s": round(busy, 1),
                "lost": lost,
                "lost_after_restart": STORM - len(members(store)),
                "restart_s": round(time.perf_counter() - begin, 1),
            }


def run() -> dict[str, Any]:
    """Both, with the limits of the design."""
    figures = {**steady(), "storm": storm()}
    return {**figures, "limits": LIMITS, "met": figures["p95_s"] < 1 and figures["storm"]["storm_s"] < 60 and figures["storm"]["lost"] == 0}
