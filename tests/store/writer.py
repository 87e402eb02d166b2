"""A service that writes batches of every kind without end and says after each what was acknowledged; to be killed."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.records import Event, Sample
from store.embedded import open_embedded

START = datetime(2026, 10, 31, 23, 50, tzinfo=UTC)
SAMPLES, EVENTS = 200, 20


def samples(batch: int) -> list[Sample]:
    """200 series at one moment; every value names its batch."""
    at = START + timedelta(seconds=batch)
    return [Sample(time=at, asset=f"a{n}", metric="system.cpu.utilization", value=float(batch), labels={"n": str(n)}) for n in range(SAMPLES)]


def events(batch: int) -> list[Event]:
    """20 events of one moment."""
    return [
        Event(id=f"{batch}-{n}", time=START + timedelta(seconds=batch), asset=f"a{n}", kind="log", message=f"第 {batch} 批 number{n}", fields={"batch": batch})
        for n in range(EVENTS)
    ]


def tell(line: str) -> None:
    """One line to whoever started us."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path, first: int) -> None:
    """Write batches from ``first`` on; a line of output acknowledges one."""
    store = open_embedded(folder, spool=True)
    tell("ready")
    for batch in range(first, first + 100_000):
        store.metrics.write(samples(batch))
        store.events.write(events(batch))
        store.documents.put("batch", f"{batch}", {"n": batch})
        store.documents.put("counter", "c", {"n": batch})
        store.audit.append(time=START, actor="writer", action="batch", object=f"{batch}", body={"n": batch})
        tell(f"{batch}")
        if batch % 5 == 0:
            store.compact()
        time.sleep(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
