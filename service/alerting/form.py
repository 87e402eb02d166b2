"""The form of a scenario file: blocks of configuration, steps, and what each step may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.files import Document, build
from incidents.config import BY_ID, WHOLE, Configuration, Duration, Moment, Span
from inventory.sitefiles import spread

BLOCKS: Final = (*BY_ID, *WHOLE, "settings")
START: Final = "2026-03-02T09:00:00+08:00"


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _assets(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    return tuple(one for name in names or () for one in spread(str(name)))


Assets = Annotated[tuple[str, ...], BeforeValidator(_assets)]
Labels = Annotated[dict[str, str], BeforeValidator(lambda value: {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else value)]
Text = Annotated[str, BeforeValidator(str)]
CheckState = Literal["ok", "warning", "critical", "unknown"]


class ResultStep(_Form):
    """``result``: outcomes of one check."""

    rule: str
    asset: Assets = ()
    assets: Assets = ()
    state: CheckState | None = None
    states: str = ""
    value: float | None = None
    text: Text = ""
    labels: Labels = Field(default_factory=dict)
    every: Span = 60
    times: int = Field(default=1, ge=1)


class SampleStep(_Form):
    """``sample``: numbers for threshold rules."""

    metric: str
    asset: Assets = ()
    assets: Assets = ()
    value: float | None = None
    values: tuple[float, ...] = ()
    labels: Labels = Field(default_factory=dict)
    every: Span = 60
    times: int = Field(default=1, ge=1)


class AlertStep(_Form):
    """``alert``: pushed by a foreign source."""

    source: Text = ""
    rule: Text = ""
    asset: Assets = ()
    assets: Assets = ()
    severity: Literal["", "critical", "high", "warning", "info"] = ""
    status: Literal["firing", "resolved"] = "firing"
    starts: Moment | None = None
    ends: Moment | None = None
    labels: Labels = Field(default_factory=dict)
    text: Text = ""
    value: float | None = None
    over: Duration = 0
    every: Span = 60
    times: int = Field(default=1, ge=1)


class ReceiverStep(_Form):
    """``receiver``: how a receiver behaves from now on."""

    id: str
    answer: Annotated[Literal["ok", "hang"] | int, Field()] = "ok"
    retry_after: Duration | None = None
    for_: Span | None = Field(default=None, alias="for")


class DownStep(_Form):
    """``restart``, ``kill``: away for a time."""

    down: Duration = 0


class StoreStep(_Form):
    """``store``: refuses for a time."""

    down_for: Span


class RuleErrorStep(_Form):
    """``rule_error``: a rule cannot be evaluated."""

    rule: str
    for_: Span = Field(alias="for")


ACTIONS: Final = (
    "result", "results", "sample", "samples", "alert", "alerts", "event", "events", "user", "config",
    "receiver", "store", "restart", "kill", "clock_jump", "rule_error", "expect",
)  # fmt: skip
EXPECTED: Final = (
    "alerts", "incidents", "incident_count", "notices", "notice_count", "calls", "call_count", "sla", "times", "on_call", "audit", "self_alerts", "muted_now",
)  # fmt: skip


def _signed(value: Any) -> Any:
    from core.clock import seconds

    if isinstance(value, str) and value.strip().startswith("-"):
        return -seconds(value.strip()[1:])
    return seconds(value) if isinstance(value, str) else value


class Step(_Form):
    """One step: ``at`` and exactly one action."""

    at: Moment
    result: ResultStep | None = None
    results: ResultStep | None = None
    sample: SampleStep | None = None
    samples: SampleStep | None = None
    alert: AlertStep | None = None
    alerts: AlertStep | None = None
    event: dict[str, Any] | None = None
    events: dict[str, Any] | None = None
    user: str | None = None
    do: Any = None
    on: Any = None
    refused: bool | str | None = None
    config: dict[str, Any] | None = None
    receiver: ReceiverStep | None = None
    store: StoreStep | None = None
    restart: DownStep | None = None
    kill: DownStep | None = None
    clock_jump: Annotated[float, BeforeValidator(_signed)] | None = None
    rule_error: RuleErrorStep | None = None
    expect: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _empty_restart(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: {} if key in ("restart", "kill") and (value is None or value is True) else value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a step has exactly one action, this one has {', '.join(given) or 'none'}")
        if (self.user is None) != (self.do is None):
            raise ValueError("'user' and 'do' belong together")
        if self.user is None and (self.on is not None or self.refused is not None):
            raise ValueError("'on' and 'refused' belong to 'user'")
        if self.expect is not None and (unknown := set(self.expect) - set(EXPECTED)):
            raise ValueError(f"expect has no key {min(unknown)!r}")
        return self

    @property
    def action(self) -> str:
        """The name of its action."""
        return next(name for name in ACTIONS if getattr(self, name) is not None)


class _Top(_Form):
    scenario: str = Field(min_length=1)
    clock: Moment = Field(default_factory=lambda: datetime.fromisoformat(START))
    load: str | None = None
    settings: Any = None
    assets: Any = None
    people: Any = None
    rules: Any = None
    receivers: Any = None
    routes: Any = None
    rotas: Any = None
    chains: Any = None
    mutes: Any = None
    inhibit: Any = None
    correlate: Any = None
    calendar: Any = None
    sources: Any = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario that was read."""

    name: str
    clock: datetime
    config: Configuration
    steps: tuple[Step, ...]
    load: str | None = None


def spread_assets(entries: Any) -> Any:
    """Asset entries with ``srv[1-40]`` written out."""
    if not isinstance(entries, list):
        return entries
    return [
        {**entry, "id": name} if isinstance(entry, dict) else entry
        for entry in entries
        for name in (spread(str(entry.get("id", ""))) if isinstance(entry, dict) else [""])
    ]


def read_configuration(document: Document) -> Configuration:
    """The blocks of a document as a configuration. Raises ConfigError with file, line and key."""
    data = {key: value for key, value in document.data.items() if key in BLOCKS and value is not None}
    if "assets" in data:
        data["assets"] = spread_assets(data["assets"])
    return build(replace(document, data=data), Configuration)


def read_head(document: Document) -> _Top:
    """The scenario's own keys, checked; the blocks are not read yet."""
    if not isinstance(document.data, dict):
        raise document.error("a scenario is a mapping")
    return build(document, _Top)


def read_scenario(document: Document) -> Scenario:
    """A whole scenario. Raises ConfigError."""
    top = read_head(document)
    if not isinstance(top.clock, datetime):
        raise document.error("is an absolute time: 2026-03-02T09:00:00+08:00", ("clock",))
    return Scenario(top.scenario, top.clock, read_configuration(document), top.steps, top.load)
