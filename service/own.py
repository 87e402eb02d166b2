"""The product's own figures as samples."""

from __future__ import annotations

from datetime import datetime

import psutil

from core.records import Sample
from service.pipeline import Counts
from service.pulse import SELF
from store.base import Store

_process = psutil.Process()


def own_samples(store: Store, counts: Counts, now: datetime) -> list[Sample]:
    """Memory, processor, what went through and how the store is."""
    health = store.health()
    values = {
        "wanglou.process.memory": float(_process.memory_info().rss),
        "wanglou.process.cpu": _process.cpu_percent(),
        "wanglou.pipeline.samples": float(counts.samples),
        "wanglou.pipeline.events": float(counts.events),
        "wanglou.pipeline.rejected": float(counts.rejected),
        "wanglou.pipeline.unstored": float(counts.unstored),
        "wanglou.store.size": sum(value for name, value in health.figures.items() if name.endswith("_bytes") and name != "free_bytes"),
        "wanglou.store.free": health.figures.get("free_bytes", 0.0),
        "wanglou.store.queue": health.figures.get("spool_records", 0.0),
        "wanglou.store.dead_letters": health.figures.get("dead_letters", 0.0),
    }
    alive = Sample(time=now, asset=SELF, metric="collector.up", value=1.0, labels={"collector": "self"})
    return [alive, *(Sample(time=now, asset=SELF, metric=metric, value=value) for metric, value in values.items())]
