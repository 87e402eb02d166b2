"""Judges two hosts without end, with a setting that turns at each round, and says which round is acknowledged; to be killed."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from compliance.load import load_checks
from compliance.prove import NOW
from compliance.run import Inspector
from store.open import open_store
from tests.compliance.test_run import fill, weak

HOSTS = ("web1", "web2")


def main(folder: Path, first: int) -> None:
    """Rounds from ``first`` on; a line of output acknowledges one."""
    store = open_store("embedded", folder, "service")
    inspector = Inspector(store, tuple(load_checks().checks.values()))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for number in range(first, first + 10_000):
        at = timedelta(minutes=number)
        for host in HOSTS:
            fill(store, host, kinds={"sshd_config": weak(store)} if number % 2 else {}, at=at)
        inspector.inspect(HOSTS, NOW + at)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
