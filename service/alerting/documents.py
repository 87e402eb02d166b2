"""Alerts, incidents and mutes as the documents that console and API read (docs/incidents.md lists the fields)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from compliance.run import ESTATE, OBJECT_ASSET, ORGANISATION
from incidents import holds, sla
from incidents.engine import Engine
from incidents.state import Alert, Incident, MuteState

Texts = Mapping[str, Mapping[str, Any]]


def incident_id(nth: int) -> str:
    """The id that people see: I000042."""
    return f"I{nth:06d}"


def number_of(incident: str) -> int | None:
    """The number in an id, None for anything else."""
    digits = incident.removeprefix("I")
    return int(digits) if incident.startswith("I") and digits.isdigit() else None


def incident_body(engine: Engine, incident: Incident, texts: Texts) -> dict[str, Any]:
    """One incident with its members, story and clocks."""
    members = [_member(engine, incident, engine.world.alerts[name], texts) for name in incident.members if name in engine.world.alerts]
    return {
        "id": incident_id(incident.nth),
        "title": title_of(engine, incident, texts),
        "root": incident.root,
        "state": incident.state,
        "priority": incident.priority,
        "severity": min((m["severity"] for m in members), key=_rank, default="info"),
        "owner": incident.owner,
        "opened": _iso(engine, incident.opened),
        "updated": engine.wall().isoformat(),
        "acknowledged": {"by": incident.ack.by, "at": _iso(engine, incident.ack.at), "until": _iso(engine, incident.ack.until)} if incident.ack else None,
        "resolved": _iso(engine, incident.resolved_at),
        "snoozed_until": _iso(engine, incident.snooze),
        "pause": incident.pause,
        "pause_why": incident.pause_why,
        "reason": incident.reason,
        "cause": incident.cause,
        "review": incident.review,
        "verdict": incident.verdict,
        "security": incident.security,
        "reopened": incident.reopened,
        "firing": len(incident.firing),
        "held": sum(bool(m["held_by"]) for m in members),
        "members": members,
        "timeline": incident.timeline[-1000:],
        "sla": {name: _clock(engine, incident, name) for name in ("ack", "resolve")},
        "links": [{str(kind): incident_id(int(nth)) if isinstance(nth, int) else nth} for kind, nth in incident.links],
    }


def _clock(engine: Engine, incident: Incident, name: str) -> dict[str, Any]:
    """A promised time: its state, and the seconds used and allowed in the clock of the priority."""
    clock = dict(sla.clocks(incident))[name]
    return {"state": sla.state(engine, incident, name), "used_s": round(sla.used(engine, incident, clock), 1), "limit_s": sla.limit(engine, incident, name)}


def title_of(engine: Engine, incident: Incident, texts: Texts) -> dict[str, str]:
    """In both languages: the root's name and what is wrong with it."""
    asset = engine.assets.get(incident.root)
    zh_name, en_name = (asset.title, asset.title) if asset else own_name(incident.root)
    alert = engine.world.alerts.get(incident.root_alert or incident.opener)
    if incident.manual or alert is None:
        return {"zh": incident.title or zh_name, "en": incident.title or en_name}
    if len(incident.members) > 1 and all(_is_check(engine.world.alerts[name].rule, texts) for name in incident.members):
        return {"zh": f"{zh_name}：{len(incident.members)} 项合规检查不通过", "en": f"{en_name}: {len(incident.members)} compliance checks fail"}
    zh, en = rule_words(alert, texts)
    return {"zh": f"{zh_name}：{zh}", "en": f"{en_name}: {en}"}


def own_name(asset: str) -> tuple[str, str]:
    """What stands for no single asset, in Chinese and English: the organisation, the estate, a protection object; else the id itself."""
    if asset.startswith(OBJECT_ASSET):
        return f"定级对象 {asset.removeprefix(OBJECT_ASSET)}", f"protection object {asset.removeprefix(OBJECT_ASSET)}"
    return {ORGANISATION: ("单位", "the organisation"), ESTATE: ("全部资产", "the whole estate")}.get(asset, (asset, asset))


def _is_check(rule: str, texts: Texts) -> bool:
    """Whether a rule is a compliance check; other findings of compliance, such as due dates, are none."""
    return bool(texts.get(rule, {}).get("is_check"))


def rule_words(alert: Alert, texts: Texts) -> tuple[str, str]:
    """What the alert's rule says, in Chinese and English; a finding's own title may hold both ("中文 / English")."""
    known = texts.get(alert.rule)
    if known:
        return str(known["zh"]), str(known["en"])
    title = alert.title or alert.text or alert.rule
    zh, parted, en = title.partition(" / ")
    return (zh, en) if parted else (title, title)


def alert_body(engine: Engine, alert: Alert, texts: Texts) -> dict[str, Any]:
    """One alert."""
    zh, en = rule_words(alert, texts)
    rule = engine.rules.get(alert.rule)
    evidence = dict(alert.evidence)
    if rule and rule.metric:
        evidence |= {"metric": rule.metric, "above": rule.above, "below": rule.below}
    return {
        "fingerprint": alert.id,
        "rule": alert.rule,
        "asset": alert.asset,
        "labels": dict(alert.labels),
        "title": {"zh": zh, "en": en},
        "state": "pending" if alert.pending and not alert.firing else alert.state,
        "severity": alert.severity,
        "start": _iso(engine, alert.start) if alert.state != "quiet" else _iso(engine, alert.pending.start if alert.pending else None),
        "confirmed": _iso(engine, alert.confirmed) if alert.state != "quiet" else None,
        "last_seen": _iso(engine, alert.last_seen) if alert.last_seen else None,
        "end": _iso(engine, alert.end),
        "reason": alert.reason,
        "count": alert.count,
        "occurrence": alert.occurrence,
        "text": alert.text or {"zh": zh, "en": en},
        "value": alert.value,
        "held_by": alert.held_by,
        "holder": holds.holder(engine, alert),
        "via": alert.via,
        "class": engine.fault_class(alert),
        "domain": engine.domain(alert),
        "flapping": alert.flapping,
        "marks": list(alert.marks),
        "sources": list(alert.sources),
        "metric": rule.metric if rule else "",
        "evidence": evidence,
        "incident": incident_id(alert.incident) if alert.incident else "",
    }


def mute_body(engine: Engine, mute: MuteState) -> dict[str, Any]:
    """One mute."""
    return {
        "id": mute.id,
        "kind": mute.kind,
        "match": {key: values[0] if len(values) == 1 else values for key, values in mute.match.items()},
        "classes": list(mute.classes),
        "from": _iso(engine, mute.start),
        "until": _iso(engine, mute.end),
        "weekly": mute.weekly,
        "recurring": mute.recurring,
        "by": mute.by,
        "why": mute.why,
        "active": mute.active,
        "changes": _iso(engine, engine.world.timers.get(f"mute:{mute.id}")),
        "ended": mute.stopped,
    }


def ended(mute: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The document of a mute that is no more: it holds until now at the latest."""
    until = mute.get("until")
    end = min(now, datetime.fromisoformat(until)) if until else now
    return {**mute, "active": False, "changes": None, "ended": True, "until": end.isoformat()}


def _member(engine: Engine, incident: Incident, alert: Alert, texts: Texts) -> dict[str, Any]:
    """An alert as it was in this incident; when it fires anew in a later one, it has ended here."""
    member = incident.members[alert.id]
    body = {
        **alert_body(engine, alert, texts),
        "joined": _iso(engine, member.joined),
        "why": member.why,
        "brought_by": incident_id(member.brought_by) if member.brought_by else "",
    }
    if alert.firing and not alert.excepted and alert.id not in incident.firing:
        ended = incident.resolved_at or incident.merged_at or alert.start
        body |= {"state": "ended", "start": _iso(engine, member.start), "end": _iso(engine, ended), "held_by": "", "holder": "", "via": ""}
    return body


def _iso(engine: Engine, at: float | datetime | None) -> str | None:
    if at is None:
        return None
    return at.isoformat() if isinstance(at, datetime) else engine.wall(at).isoformat()


def _rank(severity: str) -> int:
    return ("critical", "high", "warning", "info").index(severity)
