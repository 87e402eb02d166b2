"""The whole of alerting as one thing: rules and incidents together, every input written down before it counts.

``Alerting`` is used by the scenario runner under a virtual clock and by the service under the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from core.errors import Refused
from incidents import observe
from incidents.config import Configuration
from incidents.delivery import content_of
from incidents.engine import Engine, load_world
from incidents.forgetting import forget
from incidents.observe import Push
from incidents.state import Delivery
from service.alerting.judge import NEAR_ARRIVAL_S, Judge

Answer = tuple[str, float | None]
Transport = Callable[[Delivery], Answer | None]
MOST_AT_ONE_INSTANT: Final = 100_000


class Journal(Protocol):
    """Where inputs are made durable."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one entry; durable when ``commit`` returns."""
        ...

    def commit(self) -> None:
        """Make what was appended durable."""
        ...


class NoJournal:
    """For what need not survive."""

    def append(self, entry: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def commit(self) -> None:
        """Nothing to do."""


@dataclass
class Rows:
    """What happened since it was asked last."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)


class Alerting:
    """Rules and incidents over one journal. Times are engine seconds."""

    def __init__(self, engine: Engine, judge: Judge, journal: Journal, transport: Transport) -> None:
        self.engine, self.judge, self.journal, self.transport = engine, judge, journal, transport
        self._written_turns = engine.world.turns
        self._replaying = False
        self.replayed: list[dict[str, Any]] = []

    @classmethod
    def fresh(cls, config: Configuration, epoch: float, journal: Journal, transport: Transport) -> Alerting:
        """A new one that begins at wall time ``epoch`` (Unix seconds)."""
        engine = Engine(config, epoch=epoch)
        return cls(engine, Judge(engine), journal, transport)

    @classmethod
    def restored(
        cls, config: Configuration, saved: Mapping[str, Any] | None, entries: Sequence[Mapping[str, Any]], epoch: float, journal: Journal, transport: Transport
    ) -> Alerting:
        """From a saved state (or from the beginning) and the entries written after it; nothing is sent meanwhile.

        The configuration of the state is in force again (``config``: when there is none); what was changed since then is a ``replace``.
        """
        if saved is None:
            alerting = cls.fresh(config, epoch, journal, transport)
        else:
            engine = Engine(_read_config(saved, config), load_world(saved["world"]))
            alerting = cls(engine, Judge(engine, Judge.load(saved["memory"])), journal, transport)
            alerting._owe(saved)
        alerting._replay(entries)
        return alerting

    def dump(self) -> dict[str, Any]:
        """The state as JSON values, with its configuration and the names of what is not written as documents yet."""
        owed = {"alerts": list(self.engine.dirty_alerts), "incidents": list(self.engine.dirty_incidents)}
        return {"world": self.engine.dump(), "memory": self.judge.dump(), "owed": owed, "config": written(self.engine.config)}

    def _owe(self, saved: Mapping[str, Any]) -> None:
        owed = saved.get("owed") or {"alerts": self.engine.world.alerts, "incidents": self.engine.world.incidents}
        self.engine.dirty_alerts.update(dict.fromkeys(owed["alerts"], True))
        self.engine.dirty_incidents.update(dict.fromkeys(owed["incidents"], True))

    def _replay(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._replaying = True
        for entry in entries:
            self._turn_to(entry["n"], entry["t"])
            with suppress(Refused):
                self._apply(entry["k"], entry["p"])
            self._flush()
        self._replaying = False
        self.replayed = self.rows().audit
        self._written_turns = self.engine.world.turns

    def _turn_to(self, turns: int, at: float) -> None:
        while self.engine.world.turns < turns and self.engine.next_due() is not None:
            self.engine.replay_turns(self.engine.world.turns + 1, self.engine.now)
            self._flush()
        self.engine.replay_turns(0, at)

    # time

    def advance(self, until: float, *, inclusive: bool) -> None:
        """Let things fall due."""
        self.engine.advance(until, inclusive=inclusive, flush=self._flush)
        if self.engine.world.turns != self._written_turns:
            self._write("at", {})
            self.journal.commit()

    def came_back(self, since: float, until: float) -> None:
        """Own outage from ``since`` to ``until``."""
        self.engine.world.now = max(self.engine.world.now, until)
        self.take("back", {"since": since, "until": until})

    # input

    def take(self, kind: str, payload: dict[str, Any], *, commit: bool = True) -> None:
        """Write an input down, then let it count. Raises Refused or ConfigError when it is refused (and changes nothing)."""
        self._write(kind, payload)
        if commit:
            self.journal.commit()
        try:
            self._apply(kind, payload)
        finally:
            self._flush()

    def _write(self, kind: str, payload: dict[str, Any]) -> None:
        self._written_turns = self.engine.world.turns
        self.journal.append({"t": self.engine.now, "n": self.engine.world.turns, "k": kind, "p": payload})

    def _apply(self, kind: str, p: dict[str, Any]) -> None:
        engine = self.engine
        match kind:
            case "result":
                observe.result(engine, p["rule"], p["asset"], p["state"], value=p.get("value"), text=p.get("text", ""), labels=p.get("labels"))
            case "sample":
                self.judge.sample(p["metric"], p["asset"], p["value"], p.get("labels", {}))
            case "event":
                self._event(p)
            case "push":
                observe.push(engine, Push(**p))
            case "user":
                engine.act(p["user"], p["do"], p.get("on"))
            case "config":
                self._configure(p)
            case "outcome":
                engine.outcome(p["id"], p["answer"], p.get("retry_after"))
            case _:
                self._apply_own(kind, p)

    def _apply_own(self, kind: str, p: dict[str, Any]) -> None:
        """What alerting tells itself: about time, its configuration and its memory."""
        engine = self.engine
        match kind:
            case "back":
                engine.came_back(p["since"], p["until"])
            case "jump":
                engine.jump(p["by"])
            case "forget":
                forget(engine, p["before"])
            case "rule_error":
                observe.rule_failed(engine, p["rule"], p["for"])
            case "replace":
                self._replace(Configuration.model_validate(p))
            case _:
                pass

    def _event(self, p: dict[str, Any]) -> None:
        arrival = p.get("at", self.engine.now)
        said = p.get("time")
        at = said if said is not None and abs(said - arrival) <= NEAR_ARRIVAL_S else arrival
        facts = {name: str(value) for name, value in p.get("facts", {}).items()}
        self.judge.event(p.get("asset", ""), facts, at=at, id=p.get("id", ""), text=p.get("text", ""))

    def _configure(self, change: dict[str, Any]) -> None:
        before = self.engine.rules
        self.engine.configure(change)
        self._judge_anew(before)

    def _replace(self, config: Configuration) -> None:
        before = self.engine.rules
        self.engine.replace(config)
        self._judge_anew(before)

    def _judge_anew(self, before: Mapping[str, Any]) -> None:
        self.judge.adopt()
        self.judge.rejudge({name for name, rule in self.engine.rules.items() if name in before and before[name] != rule})

    # output

    def _flush(self) -> None:
        for _ in range(MOST_AT_ONE_INSTANT):
            if self.engine.fired:
                fired, self.engine.fired = self.engine.fired, []
                for alert in fired:
                    self.judge.fired(alert)
            elif self.engine.attempts:
                self._send(self.engine.attempts.pop(0))
            else:
                break
        self.engine.ended.clear()

    def _send(self, delivery: Delivery) -> None:
        if delivery.id not in self.engine.world.deliveries:
            return
        delivery.content = content_of(self.engine, delivery)
        if self._replaying:
            return
        answer = self.transport(delivery)
        if answer is not None:
            payload = {"id": delivery.id, "answer": answer[0], "retry_after": answer[1]}
            self._write("outcome", payload)
            self.journal.commit()
            self._apply("outcome", payload)

    def rows(self) -> Rows:
        """Notices accepted, calls made, audit entries and notices not sent since the last time."""
        engine = self.engine
        rows = Rows(engine.sent_rows, engine.call_rows, engine.audit_rows, engine.kept_rows)
        engine.sent_rows, engine.call_rows, engine.audit_rows, engine.kept_rows = [], [], [], []
        return rows


def written(config: Configuration) -> dict[str, Any]:
    """A configuration as JSON values, as the journal and the state hold it."""
    return config.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _read_config(saved: Mapping[str, Any], otherwise: Configuration) -> Configuration:
    try:
        return Configuration.model_validate(saved["config"]) if "config" in saved else otherwise
    except ValueError:
        return otherwise  # written by a version with other keys
