"""What alerting remembers: plain data that can be written as JSON and read back (times in engine seconds).

Engine seconds count from the beginning of the journal and are not moved by changes of the wall clock.
Dictionaries with the value True stand for ordered sets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Names = dict[str, bool]


@dataclass(slots=True)
class Pending:
    """A problem that is not confirmed yet."""

    start: float
    count: int = 0
    state: str = ""
    text: str = ""
    value: float | None = None
    shift: float = 0.0  # seconds of own outage that are no bad time


@dataclass(slots=True)
class Source:
    """What one source said last about a pushed alert."""

    last: float
    firing: bool = True
    until: float = 0.0
    end: float | None = None


@dataclass(slots=True)
class Alert:
    """One rule on one asset with its identity labels: the latest occurrence."""

    id: str
    rule: str
    asset: str
    labels: dict[str, str] = field(default_factory=dict)
    origin: str = "check"  # check, push, event, absence
    title: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    state: str = "quiet"  # quiet, firing, ended
    severity: str = "warning"
    given: str = ""  # the severity that the source itself gave
    start: float = 0.0
    confirmed: float = 0.0
    last_seen: float = 0.0
    end: float | None = None
    reason: str = ""
    count: int = 0
    occurrence: int = 0
    text: str = ""
    value: float | None = None
    sources: dict[str, Source] = field(default_factory=dict)
    marks: Names = field(default_factory=dict)
    pending: Pending | None = None
    good: int = 0
    good_since: float | None = None
    bad: bool = False  # the last result, after hysteresis
    seen: bool = False  # any result so far
    last_state: str = "ok"
    last_value: float | None = None
    last_text: str = ""
    last_at: float = 0.0
    history: list[str] = field(default_factory=list)
    flapping: bool = False
    held_by: str = ""
    cut: bool = False
    via: str = ""
    top: str = ""  # fingerprint of the alert that cuts it off
    incident: int = 0
    waiting: bool = False  # waits for others before an incident opens
    excepted: bool = False
    quiet_until: float = 0.0
    earlier: list[list[float]] = field(default_factory=list)

    @property
    def firing(self) -> bool:
        """Whether it fires now."""
        return self.state == "firing"


@dataclass(slots=True)
class Member:
    """An alert in an incident: since when, why, and whether it was ever held there."""

    joined: float
    why: str
    start: float = 0.0
    was_held: bool = False
    brought_by: int = 0  # the merged incident it came with


@dataclass(slots=True)
class Told:
    """What one receiver knows about one incident."""

    alerts: dict[str, list[str]] = field(default_factory=dict)  # fingerprint -> [occurrence, severity] last told
    now: Names = field(default_factory=dict)  # the set last told
    unmute: Names = field(default_factory=dict)
    problem: bool = False
    called: bool = False
    last: float = 0.0
    force: str = ""
    line: str = ""
    reopened: int = 0  # the reopening that was told last


@dataclass(slots=True)
class Ack:
    """An acknowledgement."""

    by: str
    at: float
    lasts: float
    sticky: bool = False
    until: float = 0.0


@dataclass(slots=True)
class Escalation:
    """Where a chain stands; the chain is the copy taken when it began."""

    chain: dict[str, Any]
    step: int = 0
    round: int = 1
    due: float | None = None
    left: float | None = None  # rest of the wait while paused
    running: bool = False
    done: bool = False
    skip: bool = False
    drop_wait: bool = False
    spare: Names = field(default_factory=dict)
    spare_until: float = 0.0
    called: dict[str, float] = field(default_factory=dict)
    call: int = 0


@dataclass(slots=True)
class Clock:
    """One service-level clock: the spans in which it ran."""

    spans: list[list[float]] = field(default_factory=list)
    open: float | None = None
    warned: bool = False
    breached: bool = False
    done: bool = False


@dataclass(slots=True)
class Incident:
    """A case: alerts that belong together, and what people did about them."""

    nth: int
    root: str
    opened: float
    state: str = "open"  # candidate, open, acknowledged, resolved, closed, merged
    title: str = ""
    manual: bool = False
    manual_severity: str = ""
    root_alert: str = ""
    root_by_person: bool = False
    opener: str = ""
    latest: str = ""
    last_join: float = 0.0
    policy: str = "all"
    members: dict[str, Member] = field(default_factory=dict)
    firing: Names = field(default_factory=dict)
    loud: Names = field(default_factory=dict)
    security: bool = False
    priority: str = "P4"
    priority_by_person: bool = False
    worst: str = "P4"
    owner: str = ""
    ack: Ack | None = None
    first_ack: float | None = None
    resolved_at: float | None = None
    reopened: int = 0
    reopening: bool = False
    needs_person: bool = False
    grace: float | None = None
    reason: str = ""
    cause: str = ""
    review: str = ""
    verdict: str = ""
    snooze: float | None = None
    after_snooze: bool = False
    pause: str = ""
    pause_why: str = ""
    pauses: list[list[float]] = field(default_factory=list)
    ticks_from: float = 0.0
    told: dict[str, Told] = field(default_factory=dict)
    escalation: Escalation | None = None
    ack_clock: Clock = field(default_factory=Clock)
    resolve_clock: Clock = field(default_factory=Clock)
    links: list[list[Any]] = field(default_factory=list)
    before_merge: dict[str, Any] = field(default_factory=dict)
    merged_at: float | None = None
    detect_from: float | None = None
    timeline: list[dict[str, Any]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Open or acknowledged (maybe snoozed)."""
        return self.state in ("open", "acknowledged")


@dataclass(slots=True)
class Delivery:
    """One notice on its way to one receiver."""

    id: int
    receiver: str
    reason: str
    incident: int = 0
    created: float = 0.0
    tries: int = 0
    inflight: float | None = None
    due: float | None = None
    delay: float = 10.0
    person: str = ""
    call: int = 0
    names: list[int] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)
    copied: bool = False  # it went to the fallback too, or is such a copy


@dataclass(slots=True)
class Call:
    """An escalation call: which deliveries are not known to have failed yet."""

    incident: int
    person: str
    waiting: dict[str, bool] = field(default_factory=dict)
    reached: bool = False


@dataclass(slots=True)
class Shelf:
    """What is held back for a receiver: by quiet hours, a limit or for a digest."""

    sent: list[float] = field(default_factory=list)
    quiet: Names = field(default_factory=dict)
    limit: Names = field(default_factory=dict)
    digest: Names = field(default_factory=dict)
    fail_since: float | None = None
    refused: bool = False


@dataclass(slots=True)
class MuteState:
    """A mute with its times resolved to engine seconds."""

    id: str
    kind: str
    match: dict[str, list[str]]
    classes: list[str]
    start: float | None
    end: float | None
    weekly: dict[str, Any] | None = None
    recurring: dict[str, Any] | None = None
    by: str = ""
    why: str = ""
    skip_until: float | None = None
    stopped: bool = False
    active: bool = False


@dataclass(slots=True)
class SelfAlert:
    """Something is wrong with the product itself."""

    key: str
    title_en: str
    title_zh: str
    about: str
    since: float
    until: float | None = None


@dataclass(slots=True)
class Takeover:
    """When alerts behind a recovered root are judged again."""

    top: str
    root: str
    incident: int
    due: float


@dataclass(slots=True)
class World:
    """All of it."""

    now: float = 0.0
    epoch: float = 0.0  # wall seconds (Unix) at 0
    clock: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0]])
    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    timers: dict[str, float] = field(default_factory=dict)
    deliveries: dict[int, Delivery] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    shelves: dict[str, Shelf] = field(default_factory=dict)
    mutes: dict[str, MuteState] = field(default_factory=dict)
    excepts: list[MuteState] = field(default_factory=list)
    selfs: dict[str, SelfAlert] = field(default_factory=dict)
    robins: dict[str, int] = field(default_factory=dict)
    duty: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[float]] = field(default_factory=dict)  # rule -> [since, until]
    takeovers: dict[str, Takeover] = field(default_factory=dict)
    outages: list[list[float]] = field(default_factory=list)
    newest: int = 0  # the number of the last incident, also when it is forgotten
    sequence: int = 0
    turns: int = 0
