"""The engine: takes inputs in the order of their time, lets things fall due between them, and keeps what must go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from core.errors import ConfigError
from incidents import acts, cutoff, delivery, escalation, holds, lifecycle, observe, people, sla, ticks
from incidents.changes import changed
from incidents.config import Configuration, MuteRule
from incidents.kernel import Kernel
from incidents.state import World
from incidents.verify import verify

CLOCK_ALERT_S: Final = 60.0
CLOCK_ALERT_LASTS_S: Final = 3600.0
_WORLD: Final = TypeAdapter(World)


class Engine(Kernel):
    """One alerting engine; every method that changes the state does so at ``now``."""

    def __init__(self, config: Configuration, world: World | None = None, *, epoch: float = 0.0) -> None:
        fresh = world is None
        verify(config, references=fresh)
        super().__init__(world or World(epoch=epoch), config)
        self.on_absent: Callable[[str], None] = lambda _key: None
        if fresh:
            for mute in config.mutes:
                holds.adopt(self, mute)
            people.plan_rotas(self)
        lifecycle.reindex(self)
        holds.rebuild_inhibition(self)

    # time

    def advance(self, until: float, *, inclusive: bool, flush: Callable[[], None] | None = None) -> None:
        """Let everything due before (or at) an engine second happen, each at its time."""
        while (due := self.next_due()) is not None and (due < until or (inclusive and due <= until)):
            self.world.now = max(self.world.now, due)
            self.world.turns += 1
            self._due(self.pop_due())
            if flush:
                flush()
        self.world.now = max(self.world.now, until)

    def _due(self, key: str) -> None:
        kind, _, rest = key.partition(":")
        _HAPPENS[kind](self, rest)

    def came_back(self, since: float, until: float) -> None:
        """We were away from ``since`` until now; notices that were under way are sent again."""
        self.world.now = until
        self.world.outages.append([since, until])
        observe.after_outage(self, since)
        for one in list(self.world.deliveries.values()):
            if one.inflight is not None:
                one.inflight = None
                self.set_timer(f"hang:{one.id}", None)
                self.set_timer(f"send:{one.id}", until)
        for name in list(self.world.mutes):
            holds.plan(self, name)
        holds.judge_all(self)

    def replay_turns(self, turns: int, at: float) -> None:
        """Let things fall due until as many have happened as when the next input came."""
        while self.world.turns < turns and (due := self.next_due()) is not None:
            self.world.now = max(self.world.now, due)
            self.world.turns += 1
            self._due(self.pop_due())
        self.world.now = max(self.world.now, at)

    def jump(self, by: float) -> None:
        """The wall clock jumps; distances do not."""
        self.world.clock.append([self.now, self.world.clock[-1][1] + by])
        if abs(by) >= CLOCK_ALERT_S:
            self.calm("clock")
            self.complain("clock", "clock", f"The system clock jumped by {by:+g} s", f"系统时钟跳变 {by:+g} 秒", self.now + CLOCK_ALERT_LASTS_S)
        self._follow_wall()

    def _follow_wall(self) -> None:
        for name in list(self.world.mutes):
            holds.plan(self, name)
        holds.judge_all(self)
        for name in list(self.rotas):
            people.change_duty(self, name)
        people.plan_rotas(self)
        for incident in self.world.incidents.values():
            if incident.live:
                sla.judge(self, incident)
                escalation.joined(self, incident)
        for name, shelf in self.world.shelves.items():
            if shelf.quiet:
                delivery.end_quiet(self, name)

    # configuration

    def configure(self, change: Mapping[str, Any]) -> None:
        """Take a change of configuration into force at once. Raises ConfigError; then nothing changed."""
        old = self.config
        new = changed(old, change)
        verify(new, references=False)
        self._take(old, new, {rule.id for rule in new.rules} & set(_ids(change, "rules")))
        removed = change.get("remove") or {}
        for name in _plain(removed.get("mutes")):
            holds.drop(self, name)
        given = set(_ids(change, "mutes"))
        for mute in new.mutes:
            if mute.id in given:
                holds.adopt(self, mute)
        holds.judge_all(self)

    def replace(self, new: Configuration) -> None:
        """Take a whole new configuration (read from files) into force."""
        verify(new, references=False)
        old = self.config
        before: dict[str, MuteRule] = {mute.id: mute for mute in old.mutes}
        self._take(old, new, {rule.id for rule in new.rules if rule not in old.rules})
        for name in before.keys() - {mute.id for mute in new.mutes}:
            holds.drop(self, name)
        for mute in new.mutes:
            if before.get(mute.id) != mute:
                holds.adopt(self, mute)
        holds.judge_all(self)

    def _take(self, old: Configuration, new: Configuration, touched: set[str]) -> None:
        self.adopt(new)
        known = {rule.id: rule for rule in old.rules}
        for name in known.keys() - self.rules.keys():
            observe.rule_gone(self, name)
        lifecycle.reindex(self)
        holds.rebuild_inhibition(self)
        ticks.replan(self)
        for name in sorted(touched):
            if name in known and known[name] != self.rules[name]:
                observe.rule_replaced(self, known[name], self.rules[name])
        for incident in self.world.incidents.values():
            if incident.live and incident.owner and self.person(incident.owner) is None:
                lifecycle.owner_gone(self, incident)
            if incident.live:
                sla.judge(self, incident)
        for name in list(self.world.duty):
            self.world.duty[name] = people.on_call(self, name)
        people.plan_rotas(self)

    # the rest

    def act(self, user: str, do: str | Mapping[str, Any], on: Any = None) -> None:
        """An action of a person; raises Refused."""
        acts.act(self, user, do, on)

    def outcome(self, delivery_id: int, answer: str, retry_after: float | None = None) -> None:
        """What a receiver answered."""
        failed = delivery.outcome(self, delivery_id, answer, retry_after)
        if failed:
            escalation.call_failed(self, failed.call, failed.receiver)

    def dump(self) -> dict[str, Any]:
        """The state as JSON values."""
        return dict(_WORLD.dump_python(self.world, mode="json"))


def load_world(data: Mapping[str, Any]) -> World:
    """The state read back. Raises ConfigError when it is damaged."""
    try:
        return _WORLD.validate_python(data)
    except ValueError as err:
        raise ConfigError(f"the saved state of alerting cannot be read: {err}") from None


def _plain(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [str(one) for one in value]


def _ids(change: Mapping[str, Any], key: str) -> list[str]:
    return [str(entry.get("id", "") if isinstance(entry, Mapping) else entry.id) for entry in change.get(key) or ()]


def _acknowledgement_over(e: Engine, rest: str) -> None:
    incident = e.world.incidents[int(rest)]
    lifecycle.drop_ack(e, incident)
    e.audit("ack_expired", incident=incident)
    people.tell_responsible(e, incident, "ack_expired")


def _grace_over(e: Engine, rest: str) -> None:
    incident = e.world.incidents[int(rest)]
    incident.grace = None
    if incident.state == "resolved" and incident.firing:
        lifecycle.reopen(e, incident, "system")


def _hang(e: Engine, rest: str) -> None:
    e.outcome(int(rest), "hang")


def _tick(e: Engine, rest: str) -> None:
    nth, _, line = rest.partition(":")
    ticks.tick(e, int(nth), line)


_HAPPENS: Final[Mapping[str, Callable[[Engine, str], None]]] = {
    "mute": holds.boundary,
    "except": acts.except_over,
    "timeout": lambda e, rest: observe.timed_out(e, e.world.alerts[rest]),
    "nodata": lambda e, rest: observe.no_data(e, e.world.alerts[rest]),
    "error": observe.rule_still_fails,
    "errorend": observe.rule_works,
    "absent": lambda e, rest: e.on_absent(rest),
    "leftover": cutoff.judge_again,
    "ack": _acknowledgement_over,
    "remind": lambda e, rest: people.tell_responsible(e, e.world.incidents[int(rest)], "ack_reminder"),
    "snooze": lambda e, rest: lifecycle.wake(e, e.world.incidents[int(rest)]),
    "grace": _grace_over,
    "close": lambda e, rest: lifecycle.close(e, e.world.incidents[int(rest)], "system", reason="self_recovered"),
    "rota": people.change_duty,
    "gaps": lambda e, _rest: people.find_gaps(e),
    "sla": lambda e, rest: sla.judge(e, e.world.incidents[int(rest.partition(":")[0])]),
    "step": lambda e, rest: escalation.go(e, e.world.incidents[int(rest)]),
    "tick": _tick,
    "quiet": delivery.end_quiet,
    "digest": delivery.end_digest,
    "limit": delivery.end_limit,
    "hang": _hang,
    "send": lambda e, rest: delivery.retry(e, int(rest)),
    "dead": delivery.still_dead,
    "self": lambda e, rest: e.calm(rest),
}
