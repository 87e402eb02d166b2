"""Replaying one scenario: a virtual clock, receivers that record, and an own journal that survives a kill."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from core.errors import ConfigError, Refused
from incidents.notify.templates import whole
from incidents.select import select
from incidents.state import Delivery
from inventory.sitefiles import spread
from service.alerting import expect as ex
from service.alerting.alerting import Alerting, Answer
from service.alerting.expect import Different, Looker
from service.alerting.form import ResultStep, SampleStep, Scenario, Step, spread_assets

LETTERS: Final[Mapping[str, str]] = {"C": "critical", "O": "ok", "W": "warning", "U": "unknown"}
INPUTS: Final = frozenset({"result", "sample", "push", "event"})
AWAY: Final = frozenset({"push", "event"})


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens at one second; ``order`` is its step's place in the file."""

    at: float
    order: int
    number: int
    kind: str
    payload: Any


@dataclass
class Tape:
    """A journal in memory; every entry is kept as the text that would be on disk."""

    lines: list[str] = field(default_factory=list)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Keep one entry."""
        self.lines.append(json.dumps(entry))

    def commit(self) -> None:
        """Nothing to do: kept at once."""

    def entries(self) -> list[dict[str, Any]]:
        """What was written, read back."""
        return [json.loads(line) for line in self.lines]


@dataclass
class Behaviour:
    """How a receiver answers until a time."""

    answer: str
    retry_after: float | None
    until: float | None


class Play:
    """One scenario being replayed."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.tape = Tape()
        self.saved: dict[str, Any] | None = None
        self.behaviours: dict[str, Behaviour] = {}
        self.notices: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.audit: list[dict[str, Any]] = []
        self.seen_notices = self.seen_calls = 0
        self.away_until: float | None = None
        self.away_since = 0.0
        self.now = 0.0
        self.queue: list[Move] = []
        self.alerting = Alerting.fresh(scenario.config, scenario.clock.timestamp(), self.tape, self._transport)

    # receivers and recorder

    def _transport(self, delivery: Delivery) -> Answer | None:
        behaviour = self.behaviours.get(delivery.receiver)
        if behaviour is None or (behaviour.until is not None and self.alerting.engine.now >= behaviour.until):
            return "ok", None
        return None if behaviour.answer == "hang" else (behaviour.answer, behaviour.retry_after)

    def _record(self) -> None:
        rows = self.alerting.rows()
        self.notices += [{**row, "text": whole(row["content"])} for row in rows.sent]
        self.calls += rows.calls
        self.audit += rows.audit

    # running

    def run(self) -> str:
        """Empty when everything was as expected, else the first difference."""
        moves = sorted(self._moves(), key=lambda move: (move.at, move.order, move.number))
        place = 0
        while place < len(moves):
            at = moves[place].at
            end = place
            while end < len(moves) and moves[end].at == at:
                end += 1
            if message := self._second(at, moves[place:end]):
                return message
            place = end
        return ""

    def _second(self, at: float, moves: list[Move]) -> str:
        if self.away_until is not None and at >= self.away_until:
            self._return(self.away_until)
        if self.away_until is None:
            self.alerting.advance(at, inclusive=False)
            self._record()
        self.now = at
        for number, move in enumerate(moves):
            inputs_left = any(later.kind in INPUTS for later in moves[number + 1 :])
            try:
                self._step(move, inputs_left=inputs_left)
            except (Different, Refused, ConfigError) as err:
                return f"at {at:g}: {err}"
        return ""

    def _step(self, move: Move, *, inputs_left: bool) -> None:
        if move.kind == "expect":
            self._due()
            self._expect(move.payload)
            return
        if self.away_until is not None:
            self._while_away(move)
        else:
            self._do(move)
            self._record()
        if not inputs_left:
            self._due()

    def _due(self) -> None:
        if self.away_until is None:
            self.alerting.advance(self.now, inclusive=True)
            self._record()

    def _do(self, move: Move) -> None:
        p = move.payload
        match move.kind:
            case "result" | "sample" | "push" | "event" | "rule_error":
                self._known(p, move.kind)
                self.alerting.take(move.kind, p)
            case "config":
                self.alerting.take("config", p)
            case "jump":
                self.alerting.take("jump", {"by": p})
            case "user":
                self._user(p)
            case "receiver":
                self.behaviours[p["id"]] = Behaviour(p["answer"], p["retry_after"], None if p["for"] is None else self.now + p["for"])
            case "down":
                self._leave(p)
            case "store":
                pass  # the engine works from memory and its journal; documents are written later

    def _known(self, p: Mapping[str, Any], kind: str) -> None:
        engine = self.alerting.engine
        if p.get("asset") and p["asset"] not in engine.assets:
            raise ConfigError(f"asset {p['asset']!r} is not declared")
        if kind in ("result", "rule_error") and p["rule"] not in engine.rules:
            raise ConfigError(f"rule {p['rule']!r} is not declared")

    def _user(self, step: Step) -> None:
        try:
            self.alerting.take("user", {"user": step.user, "do": step.do, "on": step.on})
        except Refused as err:
            if step.refused is None or step.refused is False:
                raise Different(f"expected that {step.user} may do {step.do} got refused: {err}") from None
            if isinstance(step.refused, str) and not _part(step.refused, str(err)):
                raise Different(f"expected a refusal with {step.refused!r} got {err}") from None
            return
        if step.refused not in (None, False):
            raise Different(f"expected a refusal of {step.do} got no refusal")

    # away and back

    def _leave(self, p: Mapping[str, Any]) -> None:
        if p["clean"]:
            self.saved, self.tape.lines = json.loads(json.dumps(self.alerting.dump())), []
        self.away_since, self.away_until = self.now, self.now + p["down"]
        if p["down"] == 0:
            self._return(self.now)

    def _while_away(self, move: Move) -> None:
        if move.kind == "user":
            raise ConfigError("a user acts while the product is down")
        if move.kind == "receiver":
            self._do(move)
        elif move.kind in AWAY or move.kind not in ("result", "sample"):
            self.queue.append(move)

    def _return(self, at: float) -> None:
        self.alerting = Alerting.restored(self.scenario.config, self.saved, self.tape.entries(), self.scenario.clock.timestamp(), self.tape, self._transport)
        self.away_until, self.now = None, at
        self.alerting.came_back(self.away_since, at)
        queue, self.queue = self.queue, []
        for move in queue:
            payload = {**move.payload, "at": move.at} if move.kind in AWAY else move.payload
            self._do(Move(at, move.order, move.number, move.kind, payload))
        self._record()

    # expectations

    def _expect(self, wanted: Mapping[str, Any]) -> None:  # noqa: C901, PLR0912 - one branch per key, in the order of the page
        look = Looker(self.alerting.engine)
        engine = self.alerting.engine
        if "notices" in wanted or "notice_count" in wanted:
            self._expect_notices(look, wanted)
        if "calls" in wanted or "call_count" in wanted:
            found, self.seen_calls = self.calls[self.seen_calls :], len(self.calls)
            if "calls" in wanted:
                look.by_second("calls", wanted["calls"], found)
            _count("call_count", wanted, len(found))
        if "alerts" in wanted:
            look.unordered("alerts", wanted["alerts"], ex.alert_views(engine), ex.brief_alert)
        if "incidents" in wanted:
            self._expect_incidents(look, wanted["incidents"])
        _count("incident_count", wanted, len(engine.world.incidents))
        for key in ("sla", "times"):
            for entry in _listed(wanted.get(key)):
                self._expect_figures(look, key, entry)
        for rota, person in (wanted.get("on_call") or {}).items():
            if rota not in engine.rotas:
                raise ConfigError(f"there is no rota {rota!r}")
            if not look.same("person", person, ex.duty_view(engine, rota)):
                raise Different(f"on_call {rota}: expected {person} got {ex.duty_view(engine, rota)}")
        if "audit" in wanted:
            self._expect_audit(look, wanted["audit"])
        if "self_alerts" in wanted and not ex.self_fits(engine, wanted["self_alerts"]):
            raise Different(f"self_alerts: expected {wanted['self_alerts']} got {[one.title_en for one in engine.world.selfs.values()]}")
        if "muted_now" in wanted:
            self._expect_mutes(look, wanted["muted_now"])

    def _expect_notices(self, look: Looker, wanted: Mapping[str, Any]) -> None:
        found, self.seen_notices = self.notices[self.seen_notices :], len(self.notices)
        if "notices" in wanted:
            look.by_second("notices", [dict(one) for one in wanted["notices"]], [_Notice(one) for one in found])
        _count("notice_count", wanted, len(found))

    def _expect_incidents(self, look: Looker, wanted: list[Mapping[str, Any]]) -> None:
        found = [ex.incident_view(self.alerting.engine, incident) for incident in self.alerting.engine.world.incidents.values()]
        if len(wanted) != len(found):
            raise Different(f"incidents: expected {len(wanted)} got {len(found)}: {ex.show([ex.brief_incident(one) for one in found])}")
        for number, (entry, one) in enumerate(zip(wanted, found, strict=True), 1):
            if message := look.entry(entry, one):
                raise Different(f"incident {number}: {message} in {ex.show(ex.brief_incident(one))}")

    def _expect_figures(self, look: Looker, key: str, entry: Mapping[str, Any]) -> None:
        engine = self.alerting.engine
        incident = select(engine, entry.get("on"))
        found = ex.sla_view(engine, incident) if key == "sla" else ex.times_view(incident)
        if message := look.entry({name: value for name, value in entry.items() if name != "on"}, found):
            raise Different(f"{key}: {message}")

    def _expect_audit(self, look: Looker, wanted: Mapping[str, Any]) -> None:
        entries = wanted.get("contains")
        if unknown := set(wanted) - {"contains", "count"}:
            raise ConfigError(f"audit has no key {min(unknown)!r}")
        rows = [_AuditRow(row) for row in self.audit]
        for entry in entries or ():
            if not any(not look.entry(entry, row) for row in rows):
                raise Different(
                    f"audit: expected {ex.show(entry)} got {ex.show([{'who': row['who'], 'what': row['what'], 'at': row['at']} for row in self.audit])}"
                )
        if entries and not look.pairs(entries, rows):
            raise Different(f"audit: expected {ex.show(entries)}, each by an entry of its own")
        if "count" in wanted:
            number = sum(any(not look.entry(entry, row) for entry in entries) for row in rows) if entries else len(rows)
            if number != int(wanted["count"]):
                raise Different(f"audit count: expected {wanted['count']} got {number}")

    def _expect_mutes(self, look: Looker, wanted: list[Mapping[str, Any]]) -> None:
        found = ex.muted_view(self.alerting.engine)
        named = {entry.get("mute") for entry in wanted}
        shown = [one for one in found if one["alerts"] or one["mute"] in named]
        look.unordered("muted_now", wanted, shown, dict)

    # moves

    def _at(self, value: float | datetime) -> float:
        return (value - self.scenario.clock).total_seconds() if isinstance(value, datetime) else value

    def _moves(self) -> Iterator[Move]:
        for order, step in enumerate(self.scenario.steps):
            at = self._at(step.at)
            for number, (later, kind, payload) in enumerate(self._actions(step)):
                yield Move(at + later, order, number, kind, payload)

    def _actions(self, step: Step) -> Iterator[tuple[float, str, Any]]:
        value = getattr(step, step.action)
        match step.action:
            case "result" | "results":
                yield from _results(value)
            case "sample" | "samples":
                yield from _samples(value)
            case "alert" | "alerts":
                yield from self._pushes(value)
            case "event" | "events":
                yield from self._events(value, plural=step.action == "events")
            case "user":
                yield 0.0, "user", step
            case "config":
                yield 0.0, "config", {**value, **({"assets": spread_assets(value["assets"])} if "assets" in value else {})}
            case "receiver":
                yield 0.0, "receiver", {"id": value.id, "answer": str(value.answer), "retry_after": value.retry_after, "for": value.for_}
            case "restart" | "kill":
                yield 0.0, "down", {"down": value.down, "clean": step.action == "restart"}
            case "clock_jump":
                yield 0.0, "jump", value
            case "rule_error":
                yield 0.0, "rule_error", {"rule": value.rule, "for": value.for_}
            case "store":
                yield 0.0, "store", {"for": value.down_for}
            case _:
                yield 0.0, "expect", value

    def _pushes(self, value: Any) -> Iterator[tuple[float, str, Any]]:
        assets = value.assets or value.asset or ("",)
        for number, asset in enumerate(assets):
            for time in range(value.times):
                yield (
                    number * value.over / len(assets) + time * value.every,
                    "push",
                    {
                        "rule": value.rule, "asset": asset, "source": value.source, "severity": value.severity, "firing": value.status == "firing",
                        "starts": None if value.starts is None else self._at(value.starts), "ends": None if value.ends is None else self._at(value.ends),
                        "labels": value.labels, "text": value.text, "value": value.value,
                    },
                )  # fmt: skip

    def _events(self, value: dict[str, Any], *, plural: bool) -> Iterator[tuple[float, str, Any]]:
        from incidents.config import _moment

        plain = {name: one for name, one in value.items() if name not in ("kind", "asset", "assets", "fields", "at", "id", "time", "every", "times")}
        facts = {**plain, **(value.get("fields") or {})}
        assets = [name for one in _names(value.get("assets") or value.get("asset")) for name in spread(one)] or [""]
        times = [self._at(_moment(one)) for one in _names_of_times(value.get("at"))] if plural and value.get("at") is not None else [0.0]
        if value.get("times"):
            times = [number * self._at(_moment(value.get("every", 60))) for number in range(int(value["times"]))]
        time = self._at(_moment(value["time"])) if value.get("time") is not None else None
        for later in times:
            for asset in assets:
                known = {**{name: str(one) for name, one in facts.items()}, "kind": str(value.get("kind", "")), **({"asset": asset} if asset else {})}
                yield (
                    later,
                    "event",
                    {"asset": asset, "facts": known, "id": str(value.get("id", "")), "time": time, "text": str(facts.get("text", facts.get("message", "")))},
                )


class _Notice(dict[str, Any]):
    """A recorded notice; ``contains`` compares as parts of its text."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        super().__init__(row)
        self["contains"] = [row["text"]]


class _AuditRow(dict[str, Any]):
    """An audit entry; a field that it lacks is null."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> None:
        return None


def _part(part: str, text: str) -> bool:
    return ex.text_fits(part, text) if part.startswith("~") else part in text


def _names(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [str(one) for one in value]


def _names_of_times(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _count(key: str, wanted: Mapping[str, Any], found: int) -> None:
    if key in wanted and int(wanted[key]) != found:
        raise Different(f"{key}: expected {wanted[key]} got {found}")


def _results(value: ResultStep) -> Iterator[tuple[float, str, Any]]:
    letters = value.states.replace(",", " ").split()
    if len(letters) == 1 and len(letters[0]) > 1:
        letters = list(letters[0])
    if unknown := [one for one in letters if one not in LETTERS]:
        raise ConfigError(f"state {unknown[0]!r} is none of C, W, O, U")
    states = [LETTERS[one] for one in letters] or [value.state or "critical"] * value.times
    for asset in value.assets or value.asset:
        for number, state in enumerate(states):
            yield (
                number * value.every,
                "result",
                {"rule": value.rule, "asset": asset, "state": state, "value": value.value, "text": value.text, "labels": value.labels},
            )


def _samples(value: SampleStep) -> Iterator[tuple[float, str, Any]]:
    values = value.values or ((value.value,) * value.times if value.value is not None else ())
    for asset in value.assets or value.asset:
        for number, one in enumerate(values):
            yield number * value.every, "sample", {"metric": value.metric, "asset": asset, "value": one, "labels": value.labels}
