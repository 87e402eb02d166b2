"""Why an incident is one: the series behind its alert, what was expected, clocks, what changed shortly before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from console.i18n import _, marked, two
from console.queries.cases import Case, Member, rank
from console.queries.charts import Band
from console.queries.times import read, span
from inventory.book import Book, Change
from inventory.graph import Graph
from store.base import Store

BEFORE: Final = timedelta(hours=2)
_STEPS: Final[Mapping[str, str]] = {
    "open": marked("opened"),
    "candidate": marked("candidate"),
    "confirm": marked("confirmed"),
    "acknowledge": marked("acknowledged"),
    "unacknowledge": marked("gave back"),
    "ack_expired": marked("acknowledgement ran out"),
    "still_working": marked("still working"),
    "assign": marked("assigned"),
    "owner_gone": marked("owner gone"),
    "comment": marked("wrote"),
    "review": marked("reviewed"),
    "resolve": marked("resolved"),
    "close": marked("closed"),
    "reopen": marked("reopened"),
    "snooze": marked("snoozed"),
    "pause": marked("paused"),
    "resume": marked("resumed"),
    "set_priority": marked("set the priority"),
    "fire": marked("alert fires"),
    "join": marked("alert joined"),
    "end": marked("alert ended"),
    "hold": marked("held back"),
    "release": marked("released"),
    "merge": marked("merged"),
    "merge_in": marked("another incident was merged into this one"),
    "unmerge": marked("merge undone"),
    "split": marked("split"),
    "notice": marked("notice sent"),
    "reroot": marked("new root"),
    "escalate": marked("called"),
    "level_empty": marked("nobody to call"),
    "escalation_exhausted": marked("everybody was called"),
    "respond": marked("asked to help"),
    "judge": marked("judged"),
    "sla_warning": marked("promise is running out"),
    "sla_breach": marked("promise missed"),
}


def subject(case: Case) -> Member | None:
    """The alert that says best why: of the root, firing, the gravest."""
    ordered = sorted(case.members, key=lambda member: (member.asset != case.root, member.state != "firing", rank(member.severity)))
    return ordered[0] if ordered else None


def metric_of(member: Member) -> tuple[str, Mapping[str, str]]:
    """The metric behind an alert and the labels that choose its series; empty when it rests on none."""
    proof = _proof(member)
    metric = str(member.body.get("metric") or proof.get("metric") or "")
    top = proof.get("top")
    if not metric and isinstance(top, list) and top:
        return str(top[0].get("metric", "")), {}  # of many metrics together the one that stands out most
    labels = member.body.get("labels") or {}
    series = proof.get("labels") if isinstance(proof.get("labels"), Mapping) else labels
    return metric, {str(key): str(value) for key, value in dict(series or {}).items() if (key, value) != ("metric", metric)}


def band_of(member: Member) -> Band:
    """What was expected: limits of a rule, or the band of a baseline."""
    proof = _proof(member)
    band = proof.get("expected") or proof.get("band") or ()
    low, high = (band[0], band[1]) if isinstance(band, list | tuple) and len(band) == 2 else (proof.get("low"), proof.get("high"))
    return Band(
        low=_number(low) if low is not None else _number(proof.get("below")),
        high=_number(high) if high is not None else _number(proof.get("above")),
        at=read(proof.get("since")) or member.start,
    )


def facts(member: Member) -> list[str]:
    """What the finding says beside its numbers, in the reader's language."""
    proof = _proof(member)
    found = [two(str(proof.get("zh", "")), str(proof.get("en", "")))]
    fix = proof.get("remediation")
    if isinstance(fix, Mapping):
        found.append(f"{_('What to do')}: {two(str(fix.get('zh', '')), str(fix.get('en', '')))}")
    observed = proof.get("observed")
    if isinstance(observed, list) and observed:
        found.append(f"{_('Found')}: {' · '.join(map(str, observed[:5]))}")
    return [line for line in found if line and line != member.text]


def clocks(case: Case, now: datetime) -> list[tuple[str, str]]:
    """(acknowledge or resolve, how the promised time stands)."""
    found = []
    for name in ("ack", "resolve"):
        clock = case.sla.get(name)
        if not clock:
            continue
        state = str(clock.get("state", "")) if isinstance(clock, Mapping) else str(clock)
        due = read(clock.get("due")) if isinstance(clock, Mapping) else None
        left = _(", {span} left").format(span=span(due - now)) if due and due > now and state in ("running", "warned") else ""
        found.append((name, promise_word(state) + left))
    return found


def promise_word(state: str) -> str:
    """The word for how a promised time stands."""
    words = {"running": _("running"), "warned": _("running out"), "breached": _("missed"), "met": _("kept"), "paused": _("paused"), "none": "–"}
    return words.get(state, state)


def step_word(what: str) -> str:
    """The word for one kind of step."""
    return _(_STEPS[what]) if what in _STEPS else what


def changes_before(store: Store, case: Case, graph: Graph | None = None) -> list[Change]:
    """Changes of the root, members and (with the graph) the root's neighbours in the two hours before the incident began."""
    if case.opened is None:
        return []
    since, found = case.opened - BEFORE, []
    beside = [end for edge in graph.neighbours(case.root) for end in (edge.source, edge.target)] if graph else []
    for asset in dict.fromkeys([*case.assets[:5], *beside[:20]]):
        found += [change for change in Book(store).changes(asset, limit=20) if since <= change.time <= case.opened]
    return sorted(found, key=lambda change: change.time, reverse=True)


def _proof(member: Member) -> Mapping[str, Any]:
    found = member.body.get("evidence")
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
