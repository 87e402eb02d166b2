"""The configuration of alerting: rules, receivers, routes, rotas, chains, mutes, inhibitions, correlation, settings.

The same form serves the product's files, the test scenarios and changes made while running (docs/scenarios.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from core.clock import seconds
from core.records import Severity
from incidents.match import Match
from inventory.asset import Asset
from inventory.people import Person

Priority = Literal["P1", "P2", "P3", "P4"]
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _duration(value: Any) -> float:
    if not isinstance(value, str | int | float):
        raise ValueError("a duration is a number of seconds or a text such as 90s, 15m, 2h, 3d, 1h30m")
    found = seconds(value)
    if found < 0:
        raise ValueError("a duration is not negative")
    return found


def _moment(value: Any) -> float | datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value.strip()):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"{value!r} is no time; write 2026-03-02T09:00:00+08:00") from None
        if found.tzinfo is None:
            raise ValueError(f"{value!r} lacks a time zone; write 2026-03-02T09:00:00+08:00")
        return found
    return _duration(value)


def _clock_time(value: Any) -> time:
    if isinstance(value, time):
        return value
    found = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?", str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is no time of day; write 08:00")
    hour, minute, second = (int(part or 0) for part in found.groups())
    if hour == 24:
        raise ValueError("the last time of a day is 23:59:59; for midnight write 00:00")
    return time(hour, minute, second)


def _date(value: Any) -> date:
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        raise ValueError(f"{value!r} is no day; write 2026-04-06") from None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_duration)]
Moment = Annotated[float | datetime, BeforeValidator(_moment)]
TimeOfDay = Annotated[time, BeforeValidator(_clock_time)]
DateOnly = Annotated[date, BeforeValidator(_date)]
Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Positive = Annotated[int, Field(ge=1)]


def _numbers(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


Places = Annotated[tuple[int, ...], BeforeValidator(_numbers)]


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0")
    return value


Span = Annotated[float, BeforeValidator(_duration), AfterValidator(_positive)]


class Block(BaseModel):
    """Every block: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Level(Block):
    """Service level of one priority; texts such as 3d, since a day may be a working day."""

    ack: str | float | None = None
    resolve: str | float | None = None

    @model_validator(mode="after")
    def _durations(self) -> Level:
        for value in (self.ack, self.resolve):
            if value is not None:
                seconds(value)
        return self


SLA: Final[Mapping[str, Level]] = {
    "P1": Level(ack="5m", resolve="4h"),
    "P2": Level(ack="15m", resolve="8h"),
    "P3": Level(ack="60m", resolve="3d"),
    "P4": Level(),
}


class WorkingTime(Block):
    """When people work: days of the week and hours, in the site's zone."""

    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
    start: TimeOfDay = Field(default=time(9), alias="from")
    end: TimeOfDay = Field(default=time(17), alias="to")

    @model_validator(mode="after")
    def _order(self) -> WorkingTime:
        if self.end <= self.start:
            raise ValueError("working time ends after it begins")
        return self

    @property
    def length_s(self) -> float:
        """Seconds of one working day."""
        return (self.end.hour - self.start.hour) * 3600.0 + (self.end.minute - self.start.minute) * 60.0 + self.end.second - self.start.second


class Settings(Block):
    """Times and limits; docs/scenarios.md has the table."""

    check_interval: Span = 60
    problem_after: Positive = 3
    recover_after: Positive = 2
    no_data_after: Positive = 3
    downtime_tolerance: Duration = 1800
    source_timeout: Span = 900
    group_wait: Duration = 30
    group_interval: Span = 300
    repeat: Span = 14400
    correlation_window: Duration = 600
    correlation_cap: Duration = 86400
    reopen_window: Duration = 1800
    close_after: Duration = 259200
    manual_resolve_grace: Duration = 900
    ack_expiry: Span = 28800
    ack_reminder: Duration = 1800
    flap_history: int = Field(default=21, ge=3, le=200)
    flap_start: float = Field(default=30, gt=0)
    flap_end: float = Field(default=20, ge=0)
    max_silence: Span = 2592000
    sla: Mapping[Priority, Level] = Field(default_factory=dict)
    working_time: WorkingTime = WorkingTime()
    postmortem_due: str = "5 working days"
    language: Literal["zh", "en", "both"] = "both"

    def level(self, priority: str) -> Level:
        """The service level of a priority."""
        return self.sla.get(priority) or SLA[priority]  # type: ignore[call-overload]


class Opening(Block):
    """How many different alerts within what time open an incident."""

    at_least: Positive
    within: Span


class Pattern(Block):
    """Which events: the kind and fields with the wanted values."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str | tuple[str, ...] = ""
    fields: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, tuple[str, ...]]:
        """Field -> wanted texts (any of), the kind among them."""
        pairs: dict[str, Any] = {**(self.model_extra or {}), **self.fields}
        if self.kind:
            pairs["kind"] = self.kind
        return {key: tuple(str(one) for one in (value if isinstance(value, list | tuple) else [value])) for key, value in pairs.items()}


RuleKind = Literal["check", "threshold", "count", "distinct", "sequence", "absence", "external"]
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "threshold": ("metric",),
    "count": ("of", "at_least", "within"),
    "distinct": ("of", "at_least", "within", "field"),
    "sequence": ("first", "then", "within"),
    "absence": ("within",),
}


class Rule(Block):
    """What raises alerts and how they behave; which keys are needed depends on ``kind``."""

    id: Name
    kind: RuleKind = "external"
    class_: str = Field(default="", alias="class")
    severity: Severity = Severity.WARNING
    security: bool = False
    reachability: bool = False
    lost_link: bool = False  # one end of a link is down: one outage with what its other end tells
    attack: Words = ()
    metric: str = ""
    above: float | None = None
    below: float | None = None
    clear_below: float | None = None
    clear_above: float | None = None
    for_: Duration = Field(default=0, alias="for")
    keep_firing_for: Duration = 0
    of: Pattern | None = None
    by: Words = ()
    field: str = ""
    at_least: Positive | None = None
    within: Span | None = None
    apart: Duration = 0  # what comes sooner again is the same once more: a trap and a log line of one fall
    ignore_for: Duration = 0
    first: str = ""
    then: Pattern | None = None
    problem_after: Positive | None = None
    recover_after: Positive | None = None
    check_interval: Span | None = None
    no_data_after: Positive | None = None
    open: Opening | None = None
    resolve: Literal["all", "first", "last", "never"] = "all"
    candidate: bool = False
    match: Match = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        for key in _NEEDS.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f"a rule of kind {self.kind} needs {key!r}")
        if self.kind == "threshold":
            self._limits()
        if self.kind == "absence" and bool(self.of) == bool(self.metric):
            raise ValueError("a rule of kind absence needs either 'of' or 'metric'")
        return self

    def _limits(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError("a rule of kind threshold needs either 'above' or 'below'")
        if self.clear_below is not None and (self.above is None or self.clear_below > self.above):
            raise ValueError("'clear_below' goes with 'above' and is not greater")
        if self.clear_above is not None and (self.below is None or self.clear_above < self.below):
            raise ValueError("'clear_above' goes with 'below' and is not smaller")

    @property
    def fault_class(self) -> str:
        """The class, by default the id."""
        return self.class_ or self.id

    @property
    def domain(self) -> str:
        """What maintenance windows and freezes tell apart: operations, security or compliance."""
        if self.security:
            return "security"
        return "compliance" if self.class_ == "compliance" else "operations"


class Limit(Block):
    """At most so many notices within a sliding window."""

    notices: Positive
    within: Span


class Quiet(Block):
    """Hours of the day in which a receiver is left alone, except for some priorities."""

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    except_: Annotated[tuple[Priority, ...], BeforeValidator(_listed)] = Field(default=(), alias="except")


class Digest(Block):
    """Notices of these priorities are collected and go together."""

    priority: Annotated[tuple[Priority, ...], BeforeValidator(_listed)]
    every: Span


class Receiver(Block):
    """Where notices go. ``target`` names a sealed secret or an address; the rest says when."""

    id: Name
    kind: str = "mail"
    resolved: bool = False
    default: bool = False
    limit: Limit | None = None
    quiet: Quiet | None = None
    digest: Digest | None = None
    target: str = Field(default="", repr=False)
    fallback: str = ""
    language: Literal["", "zh", "en", "both"] = ""
    enabled: bool = True
    options: Mapping[str, Any] = Field(default_factory=dict, repr=False)


class Route(Block):
    """Who is told about what."""

    match: Match = Field(default_factory=dict)
    to: Words
    continue_: bool = Field(default=False, alias="continue")
    group_wait: Duration | None = None
    group_interval: Span | None = None
    repeat: Span | None = None


class Override(Block):
    """Somebody else, several or (an empty list) nobody, for a time."""

    person: str = ""
    people: Words | None = None
    start: Moment = Field(alias="from")
    end: Moment = Field(alias="until")

    @property
    def on(self) -> str:
        """The person, or empty for a gap."""
        return self.person or (self.people[0] if self.people else "")


class Swap(Block):
    """``takes`` stands in for ``gives`` where that one would be on duty."""

    start: Moment = Field(alias="from")
    end: Moment = Field(alias="until")
    gives: str
    takes: str = ""


class Notify(Block):
    """Who is called: exactly one of the keys."""

    rota: str = ""
    person: str = ""
    role: str = ""
    team: Words = ()
    round_robin: Words = ()

    @model_validator(mode="after")
    def _one(self) -> Notify:
        if sum(bool(value) for value in (self.rota, self.person, self.role, self.team, self.round_robin)) != 1:
            raise ValueError("notify needs exactly one of rota, person, role, team, round_robin")
        return self


class OnlyIf(Block):
    """A condition; when it does not hold, wait for it or skip the next step."""

    working_time: bool | None = None
    alerts_at_least: Positive | None = None
    within: Span | None = None
    else_: Literal["wait", "skip"] = Field(default="wait", alias="else")

    @model_validator(mode="after")
    def _one(self) -> OnlyIf:
        if (self.working_time is None) == (self.alerts_at_least is None):
            raise ValueError("only_if needs either working_time or alerts_at_least")
        if self.alerts_at_least and self.within is None:
            raise ValueError("alerts_at_least needs within")
        return self


class Step(Block):
    """One step of an escalation chain: exactly one of the keys."""

    notify: Notify | None = None
    wait: Duration | None = None
    only_if: OnlyIf | None = None
    resolve: bool | None = None
    webhook: str = ""

    @model_validator(mode="after")
    def _one(self) -> Step:
        given = sum(value is not None for value in (self.notify, self.wait, self.only_if, self.resolve)) + bool(self.webhook)
        if given != 1:
            raise ValueError("a step is exactly one of notify, wait, only_if, resolve, webhook")
        return self


class Chain(Block):
    """Steps of escalation, gone through ``times`` times."""

    id: Name
    match: Match = Field(default_factory=dict)
    times: int = Field(default=1, ge=1, le=100)
    steps: tuple[Step, ...] = Field(min_length=1)


class Weekly(Block):
    """A window that comes back every week; ``to`` not after ``from`` means the next day."""

    day: Annotated[tuple[Day, ...], BeforeValidator(_listed)] = Field(min_length=1)
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")


class Recurring(Block):
    """A window that comes back on the days that one of the first four keys chooses; -1 is the last, ``to`` not after ``from`` the next day."""

    working_day: Places = ()  # of the month: 1 the first, -1 the last
    month_day: Places = ()
    day: Annotated[tuple[Day, ...], BeforeValidator(_listed)] = ()
    on: Literal["", "workday", "day_off", "holiday", "makeup"] = ""
    nth: Places = ()  # which ``day`` of the month
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")

    @model_validator(mode="after")
    def _one(self) -> Recurring:
        if sum(bool(value) for value in (self.working_day, self.month_day, self.day, self.on)) != 1:
            raise ValueError("recurring needs exactly one of working_day, month_day, day, on")
        if self.nth and not self.day:
            raise ValueError("'nth' goes with 'day'")
        if any(number == 0 or abs(number) > 31 for number in (*self.working_day, *self.month_day, *self.nth)):
            raise ValueError("days are counted from 1, or from the end with -1; there are 31 at most")
        return self


class Layer(Block):
    """Other people in turn, at all times or ``during`` a window that comes back; what it does not say is as in its rota."""

    people: Words = Field(min_length=1)
    during: Recurring | None = None
    handover: TimeOfDay | None = None
    shift: Span | None = None
    start: DateOnly | None = Field(default=None, alias="from")


class Rota(Block):
    """Who is on duty: people in turn; layers over them, of which the last in force counts; overrides and swaps over all."""

    id: Name
    handover: TimeOfDay = time(8)
    shift: Span = 86400
    people: Words
    start: DateOnly = Field(alias="from")
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()
    swaps: tuple[Swap, ...] = ()


class MuteRule(Block):
    """A silence, maintenance window or freeze: alerts go on, nobody is told."""

    id: Name
    kind: Literal["silence", "maintenance", "freeze"] = "silence"
    match: Match = Field(default_factory=dict)
    start: Moment | None = Field(default=None, alias="from")
    end: Moment | None = Field(default=None, alias="until")
    weekly: Weekly | None = None
    recurring: Recurring | None = None
    by: str = ""
    why: str = ""
    classes: Annotated[tuple[Literal["operations", "security", "compliance"], ...], BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _bounded(self) -> MuteRule:
        if self.weekly and self.recurring:
            raise ValueError("a mute comes back either 'weekly' or as 'recurring' says")
        if self.end is None and self.weekly is None and self.recurring is None:
            raise ValueError(f"a {self.kind} needs an end ('until')")
        if self.kind == "silence" and not self.by.strip():
            raise ValueError("a silence needs an author ('by')")
        if self.kind == "silence" and not self.why.strip():
            raise ValueError("a silence needs a reason ('why')")
        if self.kind == "silence" and not self.match:
            raise ValueError("a silence needs at least one key to match")
        return self


class Inhibit(Block):
    """While an alert fitting ``if`` fires, those fitting ``hold`` with the same values are held."""

    source: Match = Field(alias="if")
    hold: Match
    same: Words = ()

    @model_validator(mode="after")
    def _two_sided(self) -> Inhibit:
        if not self.source or not self.hold:
            raise ValueError("an inhibit entry needs both sides: 'if' and 'hold', each with at least one key")
        return self


class Correlate(Block):
    """Alerts with the same values of these keys belong to one incident."""

    by: Words = Field(min_length=1)
    within: Duration | None = None


class CalendarBlock(Block):
    """The site's own holidays and make-up working days; ``national`` adds the country's."""

    holidays: tuple[DateOnly, ...] = ()
    working: tuple[DateOnly, ...] = ()
    national: bool = False


class SourceRule(Block):
    """What is known about a foreign source: labels that are no part of identity."""

    id: Name
    ignore_labels: Words = ()


BY_ID: Final = ("assets", "people", "rules", "receivers", "rotas", "chains", "mutes", "sources")
WHOLE: Final = ("routes", "inhibit", "correlate", "calendar")


class Configuration(Block):
    """Everything of alerting that people write."""

    settings: Settings = Settings()
    assets: tuple[Asset, ...] = ()
    people: tuple[Person, ...] = ()
    rules: tuple[Rule, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    rotas: tuple[Rota, ...] = ()
    chains: tuple[Chain, ...] = ()
    mutes: tuple[MuteRule, ...] = ()
    inhibit: tuple[Inhibit, ...] = ()
    correlate: tuple[Correlate, ...] = ()
    calendar: CalendarBlock = CalendarBlock()
    sources: tuple[SourceRule, ...] = ()
    timezone: str = "Asia/Shanghai"

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)
