"""Cut off: alerts of assets whose ways all lead over failed ones wait in the incident of the failed one (the root)."""

from __future__ import annotations

from incidents import holds, lifecycle, place, ticks
from incidents.kernel import Kernel
from incidents.state import Alert, Incident, Takeover


def reach_alert(k: Kernel, asset: str) -> Alert | None:
    """The firing reachability alert of an asset that was confirmed last."""
    found: Alert | None = None
    for name in k.by_asset.get(asset, {}):
        alert = k.world.alerts[name]
        rule = k.rules.get(alert.rule)
        if alert.firing and rule is not None and rule.reachability and (found is None or alert.confirmed > found.confirmed):
            found = alert
    return found


def is_down(k: Kernel, asset: str) -> bool:
    """Whether a reachability alert fires on the asset."""
    return reach_alert(k, asset) is not None


def _confirmed(k: Kernel, asset: str) -> float:
    alert = reach_alert(k, asset)
    return alert.confirmed if alert else -1.0


def find(k: Kernel, alert: Alert) -> tuple[str, str] | None:
    """(via, fingerprint of the root's alert) when the alert's asset is cut off now."""
    rule = k.rule(alert)
    collected = bool(rule and rule.kind == "absence")
    down = lambda asset: is_down(k, asset)  # noqa: E731
    if not alert.asset or not k.topology.cut(alert.asset, down, collected=collected):
        return None
    via = k.topology.via(alert.asset, down, lambda asset: _confirmed(k, asset), collected=collected)
    top, seen = via, {alert.asset}
    while top and top not in seen and k.topology.cut(top, down):
        seen.add(top)
        above = k.topology.via(top, down, lambda asset: _confirmed(k, asset))
        if not above or above in seen:
            break
        top = above
    root = reach_alert(k, top) if top else None
    return (via, root.id) if root and root.id != alert.id else None


def mark(k: Kernel, alert: Alert, found: tuple[str, str] | None) -> None:
    """Note on the alert by what it is cut off, or that it is not."""
    if alert.top:
        k.by_top.get(alert.top, {}).pop(alert.id, None)
    alert.cut = found is not None
    alert.via, alert.top = found or ("", "")
    if found:
        k.by_top.setdefault(alert.top, {})[alert.id] = True
    k.touch_alert(alert)


def _affected(k: Kernel, root: Alert) -> list[Alert]:
    """Firing alerts that are cut off by this root, with their marks brought up to date."""
    hit: list[Alert] = []
    for asset in k.topology.dependants(root.asset):
        for name in list(k.by_asset.get(asset, {})):
            alert = k.world.alerts[name]
            if alert.firing and (found := find(k, alert)):
                if not _has_root(k, alert) and found[1] != alert.top:
                    mark(k, alert, (alert.via or found[0], found[1]) if alert.cut else found)
                hit.append(alert)
    return hit


def _has_root(k: Kernel, alert: Alert) -> bool:
    """Whether what cuts an alert off still fires and is not cut off itself: then the judgement of its time stays."""
    top = k.world.alerts.get(alert.top) if alert.cut else None
    return top is not None and top.firing and not top.cut


def take_over(k: Kernel, root: Alert) -> list[Incident]:
    """A reachability alert fires: mark what it cuts off; returns the incidents that it takes over, oldest first."""
    numbers: dict[int, bool] = {}
    for alert in _affected(k, root):
        if (incident := lifecycle.survivor(k, alert.incident)) and alert.id in incident.members:
            numbers[incident.nth] = True
    return [incident for nth in sorted(numbers) if _may_take(k, incident := k.world.incidents[nth])]


def _may_take(k: Kernel, incident: Incident) -> bool:
    if not incident.live or incident.root_by_person:
        return False
    alerts = [k.world.alerts[name] for name in incident.firing]
    if not alerts or not all(alert.cut for alert in alerts):
        return False
    has_reach = any((rule := k.rules.get(alert.rule)) is not None and rule.reachability for alert in alerts)
    return has_reach or k.now - incident.last_join <= k.settings.correlation_window


def reroot(k: Kernel, incident: Incident, alert: Alert, who: str = "system") -> None:
    """The incident is about another asset from now on."""
    before = incident.root
    incident.root, incident.root_alert = alert.asset, alert.id
    lifecycle.retitle(k, incident)
    k.audit("reroot", who, incident=incident, before=before)


def settle_dependants(k: Kernel, root: Alert, taken: list[Incident]) -> None:
    """Put the root's incident and those of its dependants together and hold what is cut off."""
    home = lifecycle.survivor(k, root.incident)
    for incident in taken:
        if home and home.live and incident.nth != home.nth and incident.live:
            lifecycle.merge(k, incident, home, "system")
    holds.judge_all(k, list(k.by_top.get(root.id, {})))
    for name in list(k.by_top.get(root.top, {})) if root.top else []:
        holds.judge(k, k.world.alerts[name])
    if home and taken:
        ticks.force(home, "changed")
        lifecycle.settle(k, home)


def root_ended(k: Kernel, alert: Alert) -> None:
    """After one check interval what is still behind this root is judged again."""
    if k.by_top.get(alert.id):
        due = k.now + k.interval(alert)
        k.world.takeovers[alert.id] = Takeover(alert.id, alert.asset, alert.incident, due)
        k.set_timer(f"leftover:{alert.id}", due)


def judge_again(k: Kernel, top: str) -> None:
    """Alerts behind a recovered root: those that still fire become incidents of their own, one per asset."""
    takeover = k.world.takeovers.pop(top, None)
    if takeover is None or k.world.alerts[top].firing:
        return
    waiting = sorted((k.world.alerts[name] for name in list(k.by_top.pop(top, {}))), key=lambda one: (one.start, one.confirmed))
    firing = [alert for alert in waiting if alert.firing]
    for alert in waiting:
        if not alert.firing:
            alert.cut, alert.via, alert.top = False, "", ""
    found = {alert.id: find(k, alert) for alert in firing}
    for alert in firing:
        mark(k, alert, found[alert.id])
    old = lifecycle.survivor(k, takeover.incident)
    freed = [alert for alert in firing if not alert.cut]
    for asset in sorted(dict.fromkeys(alert.asset for alert in freed), key=lambda one: _tells_links(k, freed, one)):
        left = [alert for alert in freed if alert.asset == asset]
        if not (_tells_links(k, freed, asset) and _at_other_end(k, old, left)):
            _own_incident(k, old, left)
    for alert in firing:
        if alert.cut:
            _follow(k, old, alert)
    for alert in [k.world.alerts[name] for name in old.firing] if old else []:
        if not alert.cut and place.is_link(k, alert):
            _at_other_end(k, old, [alert])
    holds.judge_all(k, [alert.id for alert in firing])
    if old:
        lifecycle.settle(k, old)


def _tells_links(k: Kernel, alerts: list[Alert], asset: str) -> bool:
    return all(place.is_link(k, alert) for alert in alerts if alert.asset == asset)


def _at_other_end(k: Kernel, old: Incident | None, alerts: list[Alert]) -> bool:
    """Links that lead to a device that is silent by itself belong to its incident; whether they went there."""
    end = next((found for alert in alerts if (found := place.other_end(k, alert)) and found[0] is not old), None)
    if end is None or old is None:
        return False
    for alert in alerts:
        if alert.id in old.members:
            lifecycle.remove(k, old, alert)
            lifecycle.join(k, end[0], alert, end[1])
    return True


def _own_incident(k: Kernel, old: Incident | None, alerts: list[Alert]) -> None:
    leaving = [alert for alert in alerts if old and alert.id in old.members]
    if not leaving or old is None:
        return
    for alert in leaving:
        lifecycle.remove(k, old, alert)
        alert.held_by = holds.reason(k, alert)
    lifecycle.open_for(k, leaving, link=("left_over_from", old.nth), why="left over when the root recovered")


def _follow(k: Kernel, old: Incident | None, alert: Alert) -> None:
    root = k.world.alerts.get(alert.top)
    target = lifecycle.survivor(k, root.incident) if root else None
    if old and target and target.live and target.nth != old.nth and alert.id in old.members:
        lifecycle.remove(k, old, alert)
        lifecycle.join(k, target, alert, f"unreachable via {alert.via}")
