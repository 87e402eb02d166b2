"""Rules over samples and events: threshold, count, distinct, sequence, absence; their conclusions go to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter

from core.records import fingerprint
from detectors.rules.absence import Heard
from detectors.rules.sequence import Sequence
from detectors.rules.threshold import Limits
from detectors.rules.window import Window
from incidents import alerts as alert_life
from incidents import observe
from incidents.config import Pattern, Rule
from incidents.engine import Engine
from incidents.match import fits_any, matches
from incidents.observe import Conclusion
from incidents.state import Alert

NEAR_ARRIVAL_S: Final = 300.0
MOST_IDS: Final = 1_000_000
Facts = Mapping[str, str]


@dataclass(slots=True)
class Memory:
    """What the rules remember, as plain data."""

    windows: dict[str, Window] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)  # rule and values -> fingerprint of the latest alert
    sequences: dict[str, Sequence] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    ids: dict[str, bool] = field(default_factory=dict)
    active: dict[str, bool] = field(default_factory=dict)  # fingerprint -> the limit is passed


_MEMORY: Final = TypeAdapter(Memory)


class Judge:
    """All rules of one configuration with their memory."""

    def __init__(self, engine: Engine, memory: Memory | None = None) -> None:
        self.engine = engine
        self.memory = memory or Memory()
        engine.on_absent = self._overdue
        self.adopt()

    def adopt(self) -> None:
        """Index the rules of the engine's configuration."""
        self.by_metric: dict[str, list[Rule]] = {}
        self.on_events: list[tuple[Rule, dict[str, tuple[str, ...]]]] = []
        self.sequences: list[Rule] = []
        for rule in self.engine.rules.values():
            if rule.kind in ("threshold", "absence") and rule.metric:
                self.by_metric.setdefault(rule.metric, []).append(rule)
            pattern: Pattern | None = rule.then if rule.kind == "sequence" else rule.of
            if pattern is not None:
                self.on_events.append((rule, pattern.wanted))
            if rule.kind == "sequence":
                self.sequences.append(rule)

    def dump(self) -> dict[str, Any]:
        """The memory as JSON values."""
        return dict(_MEMORY.dump_python(self.memory, mode="json"))

    @staticmethod
    def load(data: Mapping[str, Any]) -> Memory:
        """The memory read back."""
        return _MEMORY.validate_python(data)

    # samples

    def sample(self, metric: str, asset: str, value: float, labels: Facts) -> None:
        """A sample, judged by every rule of its metric."""
        for rule in self.by_metric.get(metric, ()):
            if rule.match and not self._wanted(rule, asset, labels):
                continue
            if rule.kind == "absence":
                self._heartbeat(rule, asset, {"asset": asset, **labels}, self.engine.now)
            else:
                self._threshold(rule, asset, value, labels)

    def is_news(self, metric: str, asset: str, value: float, labels: Facts) -> bool:
        """Whether a sample could change anything: one that is good where nothing was wrong lately need not be written down."""
        for rule in self.by_metric.get(metric, ()):
            if rule.kind != "threshold":
                return True
            if rule.match and not self._wanted(rule, asset, labels):
                continue
            alert = self.engine.world.alerts.get(fingerprint(rule.id, asset, labels))
            if limits_of(rule).active(value, before=False) or (alert is not None and not is_calm(alert)):
                return True
        return False

    def _wanted(self, rule: Rule, asset: str, labels: Facts) -> bool:
        probe = Alert("", rule.id, asset, dict(labels), severity=rule.severity.value)
        return matches(rule.match, lambda key: self.engine.look(probe, key))

    def _threshold(self, rule: Rule, asset: str, value: float, labels: Facts) -> None:
        alert = alert_life.find_or_make(self.engine, rule.id, asset, dict(labels), "check")
        before = alert.firing or alert.pending is not None
        active = limits_of(rule).active(value, before)
        alert.last_value = value
        observe.result(self.engine, rule.id, asset, "critical" if active else "ok", value=value, text=_sentence(rule, value) if active else "", labels=labels)

    def rejudge(self, names: set[str]) -> None:
        """Threshold rules were replaced: the last sample of each series is judged at once."""
        for name in sorted(names):
            rule = self.engine.rules.get(name)
            if rule is None or rule.kind != "threshold":
                continue
            for id_ in list(self.engine.by_rule.get(name, {})):
                alert = self.engine.world.alerts[id_]
                if alert.last_value is not None and alert.seen:
                    before = alert.firing or alert.pending is not None
                    observe.rejudge_sample(self.engine, rule, alert, active=limits_of(rule).active(alert.last_value, before))

    # events

    def event(self, asset: str, facts: Facts, *, at: float, id: str = "", text: str = "") -> None:
        """An event; ``facts`` holds its kind, asset and fields as texts, ``at`` its time in engine seconds."""
        hit = [(rule, wanted) for rule, wanted in self.on_events if all(key in facts and fits_any(values, [facts[key]]) for key, values in wanted.items())]
        if not hit or (id and id in self.memory.ids):
            return
        if id:
            self.memory.ids[id] = True
            if len(self.memory.ids) > MOST_IDS:
                del self.memory.ids[next(iter(self.memory.ids))]
        for rule, _ in hit:
            if rule.match and not self._wanted(rule, asset, {}):
                continue
            {"count": self._count, "distinct": self._count, "sequence": self._then, "absence": self._heartbeat_event}[rule.kind](rule, asset, facts, at, text)

    @staticmethod
    def _key(rule: Rule, facts: Facts) -> tuple[str, dict[str, str]] | None:
        by = rule.by or (("asset",) if rule.kind == "absence" else ())
        if any(not facts.get(name) for name in by):
            return None
        return "\x1f".join((rule.id, *(facts[name] for name in by))), {name: facts[name] for name in by if name != "asset"}

    def _open(self, key: str) -> Alert | None:
        alert = self.engine.world.alerts.get(self.memory.open.get(key, ""))
        return alert if alert and alert.firing else None

    def _count(self, rule: Rule, asset: str, facts: Facts, at: float, text: str) -> None:
        found = self._key(rule, facts)
        if found is None or rule.within is None or rule.at_least is None:
            return
        key, labels = found
        if (alert := self._open(key)) is not None:
            self._count_on(rule, alert, at, text)
            return
        value = facts.get(rule.field, "")
        if rule.kind == "distinct" and not value:
            return
        window = self.memory.windows.setdefault(key, Window())
        complete = window.add(at, value, within=rule.within, at_least=rule.at_least, distinct=rule.kind == "distinct", apart=rule.apart)
        if complete:
            self._fire(key, Conclusion(rule.id, asset, labels, True, complete[1], complete[0], at, text))

    def _count_on(self, rule: Rule, alert: Alert, at: float, text: str) -> None:
        if at - alert.confirmed >= rule.ignore_for:
            observe.conclude(self.engine, Conclusion(rule.id, alert.asset, alert.labels, False, 1, at, at, text))

    def _fire(self, key: str, found: Conclusion) -> None:
        alert = alert_life.find_or_make(self.engine, found.rule, found.asset, dict(found.labels), "event")
        self.memory.open[key] = alert.id
        observe.conclude(self.engine, found)

    def _then(self, rule: Rule, asset: str, facts: Facts, at: float, text: str) -> None:
        found = self._key(rule, facts)
        if found is None or rule.within is None:
            return
        key, labels = found
        if not self.memory.sequences.setdefault(rule.id, Sequence()).then(key, at, rule.within):
            return
        if (alert := self._open(key)) is not None:
            self._count_on(rule, alert, at, text)
        else:
            self._fire(key, Conclusion(rule.id, asset, labels, True, 1, at, at, text))

    def fired(self, alert: Alert) -> None:
        """An alert fired: sequences that begin with its rule are armed."""
        for rule in self.sequences:
            if rule.first == alert.rule and (found := self._key(rule, {"asset": alert.asset, **alert.labels})):
                self.memory.sequences.setdefault(rule.id, Sequence()).first(found[0], alert.confirmed)

    # absence

    def _heartbeat_event(self, rule: Rule, asset: str, facts: Facts, at: float, _text: str) -> None:
        self._heartbeat(rule, asset, facts, at)

    def _heartbeat(self, rule: Rule, asset: str, facts: Facts, at: float) -> None:
        found = self._key(rule, {"asset": asset, **facts})
        if found is None or rule.within is None:
            return
        key, labels = found
        heard = self.memory.heard.setdefault(rule.id, Heard())
        heard.hear(key, at, asset, labels)
        observe.absent(self.engine, rule.id, asset, labels, at, missing=False)
        self.engine.set_timer(f"absent:{rule.id}\x1e{key}", max(self.engine.now, heard.due(key, rule.within)))

    def _overdue(self, rest: str) -> None:
        rule_id, _, key = rest.partition("\x1e")
        rule, heard = self.engine.rules.get(rule_id), self.memory.heard.get(rule_id)
        if rule is None or rule.within is None or heard is None or key not in heard.last:
            return
        due = heard.due(key, rule.within) + self.engine.outage_s(heard.last[key])
        if due > self.engine.now + 1e-9:
            self.engine.set_timer(f"absent:{rest}", due)
            return
        asset, labels = heard.place[key]
        observe.absent(self.engine, rule_id, asset, labels, self.engine.now, missing=True)


def is_calm(alert: Alert) -> bool:
    """Whether one more good result changes nothing: no problem now, none pending, none in the history that flapping looks at."""
    return not (alert.firing or alert.pending or alert.bad or alert.flapping or any(state != "ok" for state in alert.history))


def limits_of(rule: Rule) -> Limits:
    """The limits of a threshold rule."""
    return Limits(rule.above, rule.below, rule.clear_below, rule.clear_above)


def _sentence(rule: Rule, value: float) -> str:
    limit = f"above {rule.above:g}" if rule.above is not None else f"below {rule.below:g}"
    return f"{rule.metric} is {value:g} ({limit})"
