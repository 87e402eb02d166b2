"""Alerting over a real store and journal that takes one finding a line from its input and says when it is sure of it; to be killed."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from core.clock import SystemClock
from core.records import Finding, Severity
from core.settings import Settings
from incidents.config import Configuration
from inventory.credentials import Vault
from service.alerting import open_alerting
from service.alerting.live import LiveAlerting
from service.alerting.loading import Loaded
from store.embedded import open_embedded

MOST = 5000


def configuration(url: str) -> Configuration:
    """Assets without relations: each alert is an incident; told almost at once."""
    return Configuration.model_validate(
        {
            "settings": {"group_wait": 0.1, "group_interval": 1},
            "assets": [{"id": f"a{n}"} for n in range(MOST)],
            "rules": [{"id": "odd", "severity": "high"}],
            "receivers": [{"id": "hook", "kind": "webhook", "default": True, "resolved": True, "target": url}],
        }
    )


def tell(line: str) -> None:
    """One line to whoever started us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tick(alerting: LiveAlerting) -> None:
    """As the service does it, only more often."""
    while True:
        alerting.tick()
        threading.Event().wait(0.05)


def main(folder: Path, url: str) -> None:
    """Lines ``NUMBER ASSET fires|ends``; the number comes back once the finding is durable."""
    store = open_embedded(folder, "service")
    alerting = open_alerting(Settings(data=folder), store, Vault(store, b"k" * 32), SystemClock(), Loaded(configuration(url), {}))
    threading.Thread(target=tick, args=(alerting,), daemon=True).start()
    tell("ready")
    for line in sys.stdin:
        number, asset, what = line.split()
        firing = what == "fires"
        alerting.observe([Finding(time=datetime.now(UTC), source="odd", asset=asset, title="x", severity=Severity.HIGH, firing=firing)])
        tell(number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
