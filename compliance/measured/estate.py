"""What the store knows of the work of people on the whole estate, as texts that checks read (kinds ``estate.*``). Pure functions over bodies of documents.

Shares are in steps of ten percent and times in coarse steps, so that a text, and with it the evidence, changes seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final

from pydantic import Field

from compliance.check import Model
from compliance.logs import DAY, step_of
from compliance.rounds.shelf import due
from compliance.rounds.template import Template
from store.base import Body

QUARTER: Final = timedelta(days=90)
MONTH: Final = timedelta(days=30)
TRACKED: Final = ("change-request", "config-backup", "config-restore", "duty-handover", "exception-approval", "outsourced-access", "restore-drill")
"""Playbooks of which it matters that they never ran."""
DONE: Final = "done"


def rounds(templates: Iterable[Template], bodies: Iterable[Body], now: datetime) -> str:
    """Per template of a round: how often, when it was signed last, how many items deviated then, and whether it is late (never walked is late)."""
    signed: dict[str, Body] = {}
    for body in bodies:
        if body["state"] == "signed" and str(body["signed"]) > str(signed.get(body["template"], {}).get("signed", "")):
            signed[str(body["template"])] = body
    return _table(_round(one, signed.get(one.id), now) for one in templates)


def _round(template: Template, body: Body | None, now: datetime) -> Sequence[str]:
    if body is None:
        return (template.id, template.every.value, "never", "0", "yes")
    bad = sum((item["answer"] or {}).get("state", (item["reading"] or {}).get("state")) == "deviates" for item in body["items"])
    late = now > due(datetime.fromisoformat(body["signed"]), template.every)
    return (template.id, template.every.value, str(body["signed"])[:10], str(bad), "yes" if late else "no")


def runs(bodies: Iterable[Body], now: datetime) -> str:
    """Per playbook: the day of its last success (``never``), successes and failures of a year."""
    found: dict[str, list[Body]] = {name: [] for name in TRACKED}
    for body in bodies:
        if str(body.get("ended") or "") >= (now - timedelta(days=365)).isoformat():
            found.setdefault(str(body["playbook"]), []).append(body)
    rows = []
    for name, mine in sorted(found.items()):
        good = [str(body["ended"]) for body in mine if body["state"] == DONE]
        rows.append((name, max(good, default="never")[:10], str(len(good)), str(len(mine) - len(good))))
    return _table(rows)


def incidents(bodies: Iterable[Body], now: datetime) -> str:
    """How incidents of ninety days were handled; ``none`` where there is nothing to tell from."""
    mine = [body for body in bodies if _after(body.get("opened"), now - QUARTER)]
    ended = [body for body in mine if body.get("resolved")]
    grave = [body for body in ended if body.get("security") or body.get("priority") == "P1"]
    waited = [wait for body in mine if (wait := _hours(body.get("opened"), body.get("acknowledged"))) is not None]
    lasted = [span for body in ended if (span := _hours(body.get("opened"), body.get("resolved"))) is not None]
    return _settings(
        {
            "any": "yes" if mine else "no",
            "security": "yes" if any(body.get("security") for body in mine) else "no",
            "acknowledged": _share([bool(body.get("acknowledged") or body.get("resolved")) for body in mine if not _after(body["opened"], now - DAY)]),
            "hours_to_acknowledge": str(step_of(median(waited))) if waited else "none",
            "hours_to_resolve": str(step_of(median(lasted))) if lasted else "none",
            "with_cause": _share([bool(body.get("cause") or body.get("reason")) for body in ended]),
            "grave_reviewed": _share([bool(body.get("review")) for body in grave]),
            "older_than_30_days": "yes" if any(not body.get("resolved") and not _after(body.get("opened"), now - MONTH) for body in bodies) else "no",
        }
    )


def changes(bodies: Iterable[Body], now: datetime) -> str:
    """How configurations of devices changed in thirty days: how many, by an unknown hand, outside the windows and the runs that were agreed to."""
    mine = [body for body in bodies if _after(body.get("made") or body.get("time"), now - MONTH) and (body.get("added") or body.get("removed"))]
    stray = [body for body in mine if not body.get("run") and body.get("allowed") is not True]
    lines = {
        "changes": str(len(mine)),
        "agreed": str(len(mine) - len(stray)),
        "stray": str(len(stray)),
        "unknown_hand": str(sum(not b.get("user") for b in mine)),
    }
    named = {f"stray.{number}": f"{body['asset']} {str(body['time'])[:16]}" for number, body in enumerate(stray[:10])}
    return _settings({**lines, **named})


def newcomers(bodies: Sequence[Body], now: datetime) -> str:
    """What discovery found in the networks and nobody has dealt with; empty when discovery never looked."""
    if not bodies:
        return ""
    open_now = [body for body in bodies if body.get("state") in ("new", "changed")]
    ages = [(now - datetime.fromisoformat(first)) / DAY for body in open_now if (first := _first(body))]
    return _settings({"found": "yes", "open": str(len(open_now)), "oldest_days": str(int(max(ages, default=0)))})


def _first(body: Body) -> str:
    seen = [str(one.get("time") or one.get("first") or "") for one in body.get("sightings", ()) if isinstance(one, Mapping)]
    return min((text for text in seen if text), default=str(body.get("seen") or ""))


class Connection(Model):
    """Traffic between two zones that is allowed: what for, and until when (connections.yaml of the site's folder)."""

    source: str = Field(alias="from", min_length=1)
    target: str = Field(alias="to", min_length=1)
    why: str = Field(min_length=1)
    approved_by: str = ""
    until: date | None = None


def connections(zones: Mapping[tuple[str, str], int], allowed: Sequence[Connection], today: date) -> str:
    """Per pair of zones that traffic passes between: its share in steps of ten percent (at least 1) and whether the site allows it."""
    known, whole = approvals(allowed, today), sum(zones.values()) or 1
    return _table((*pair, str(max(1, round(10 * size / whole) * 10)), known(*pair)) for pair, size in sorted(zones.items()) if pair[0] != pair[1])


def approvals(allowed: Iterable[Connection], today: date) -> Callable[[str, str], str]:
    """Of a pair of zones, in whichever direction: ``yes``, ``no``, or ``ended`` when the approval is past its day."""
    known = {(one.source, one.target): one for one in allowed}

    def word(source: str, target: str) -> str:
        one = known.get((source, target)) or known.get((target, source))
        return "no" if one is None else "ended" if one.until and one.until < today else "yes"

    return word


def flows(heard: Mapping[str, datetime], now: datetime) -> str:
    """How many devices export flows, and how many of them fell silent for an hour; empty when none ever did."""
    silent = sum(now - last > timedelta(hours=1) for last in heard.values())
    return _settings({"exporters": str(len(heard)), "silent": str(silent)}) if heard else ""


Fields = Sequence[Mapping[str, Any]]


def logs(sources: Mapping[str, int], logins: Fields, attacks: Fields, remote: Fields = (), web: Fields = ()) -> str:
    """What logs hold: how many assets send some, and which share of log-ins and of reported attacks has the fields an auditor asks for.

    ``remote`` are records of VPN gateways, ``web`` those of visits to web pages.
    """
    return _settings(
        {
            "sources": str(step_of(len(sources)) if len(sources) > 24 else len(sources)),
            "logins": "yes" if logins else "no",
            "logins_with_user": _share([bool(one.get("user.name")) for one in logins]),
            "logins_with_origin": _share([bool(one.get("source.ip") or one.get("source.address")) for one in logins]),
            "logins_with_outcome": _share([bool(one.get("event.outcome")) for one in logins]),
            "attacks": "yes" if attacks else "no",
            "attacks_with_origin": _share([bool(one.get("source.ip")) for one in attacks]),
            "attacks_with_target": _share([bool(one.get("destination.ip") or one.get("asset.id") or one.get("host.name")) for one in attacks]),
            "attacks_with_kind": _share([bool(one.get("rule.name") or one.get("event.action") or one.get("event.kind")) for one in attacks]),
            "remote_with_user": _share([bool(one.get("user.name")) for one in remote]),
            "web_with_user": _share([bool(one.get("user.name") or one.get("source.ip")) for one in web]),
        }
    )


def _after(text: Any, moment: datetime) -> bool:
    return bool(text) and datetime.fromisoformat(str(text)) >= moment


def _hours(begin: Any, end: Any) -> float | None:
    return (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(begin))).total_seconds() / 3600 if begin and end else None


def _share(good: Sequence[bool]) -> str:
    """Percent in steps of ten, rounded down; ``none`` of nothing."""
    return str(100 * sum(good) // len(good) // 10 * 10) if good else "none"


def _settings(lines: Mapping[str, str]) -> str:
    return "".join(f"{name}={' '.join(value.split())}\n" for name, value in lines.items())


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)
