"""What ended long ago leaves the memory of alerting; its documents and audit entries stay in the store."""

from __future__ import annotations

from collections.abc import Iterator

from incidents import holds, lifecycle
from incidents.kernel import Kernel
from incidents.state import Alert, Incident


def forgettable(k: Kernel, before: float) -> set[int]:
    """The numbers of incidents that are over since before ``before`` (engine seconds) and that nothing points at."""
    used = set(_used(k))
    return {nth for nth, incident in k.world.incidents.items() if _is_over(incident, before) and nth not in used}


def forget(k: Kernel, before: float) -> None:
    """Drop these incidents, and the alerts that only they knew."""
    gone = forgettable(k, before)
    for nth in gone:
        del k.world.incidents[nth]
        k.dirty_incidents.pop(nth, None)
    kept = {name for incident in k.world.incidents.values() for name in (*incident.members, incident.opener, incident.root_alert)}
    timed = {key.partition(":")[2] for key in k.world.timers} | set(k.world.takeovers)
    for name, alert in list(k.world.alerts.items()):
        if name not in kept and name not in timed and _is_quiet(alert, before):
            k.lose(alert)
    lifecycle.reindex(k)
    holds.rebuild_inhibition(k)


def _is_over(incident: Incident, before: float) -> bool:
    ended = max(incident.opened, incident.resolved_at or 0.0, incident.merged_at or 0.0)
    return incident.state in ("closed", "merged") and not incident.firing and ended < before


def _is_quiet(alert: Alert, before: float) -> bool:
    busy = alert.firing or alert.pending or alert.waiting or alert.cut or alert.flapping or alert.bad or alert.excepted
    return not busy and max(alert.last_at, alert.last_seen or 0.0, alert.end or 0.0) < before


def _used(k: Kernel) -> Iterator[int]:
    """Numbers of incidents that something still points at."""
    for key in k.world.timers:
        kind, _, rest = key.partition(":")
        if kind in ("ack", "remind", "snooze", "grace", "close", "sla", "step", "tick"):
            yield int(rest.partition(":")[0])
    for delivery in k.world.deliveries.values():
        yield from (delivery.incident, *delivery.names)
    for shelf in k.world.shelves.values():
        yield from (int(nth) for held in (shelf.quiet, shelf.limit, shelf.digest) for nth in held)
    yield from (call.incident for call in k.world.calls.values())
    yield from (takeover.incident for takeover in k.world.takeovers.values())
    yield from (alert.incident for alert in k.world.alerts.values() if alert.firing or alert.pending or alert.waiting)
    for incident in k.world.incidents.values():
        if incident.state not in ("closed", "merged"):
            yield from (int(other) for _what, other in incident.links if isinstance(other, int))
