"""The journal of a run, and the state that it adds up to. Pure: applying an entry twice, or one that comes too late, changes nothing.

Each entry is written before what it announces is done (``begin``, ``doing``, ``undo_begin``) or after it is known (``end``, ``undo_end``); nothing else is
remembered of a run, so that a process that was killed goes on from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

Key = tuple[str, str]
ActStatus = Literal["waiting", "running", "done", "nothing", "failed", "unknown", "skipped"]
UndoStatus = Literal["", "due", "running", "undone", "failed"]
OUTCOMES: Final = ("done", "failed", "undone", "refused", "cancelled")
SETTLED: Final = frozenset({"done", "nothing", "failed", "skipped"})
UNDO_TRIES: Final = 3
REVIEW: Final = "review"  # the task that an emergency leaves behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal: ``seq`` from 1 without gaps, who did it, on which step and target."""

    seq: int
    time: datetime
    kind: str
    who: str
    step: str = ""
    target: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ActState:
    """What became of one act. ``effect``: whether the target may have changed; ``before`` is what its undo needs."""

    status: ActStatus = "waiting"
    attempt: int = 0
    effect: Literal["no", "maybe", "yes"] = "no"
    before: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    said: str = ""
    error: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    again_at: datetime | None = None
    undo: UndoStatus = ""
    undo_at: datetime | None = None
    undo_tries: int = 0
    undo_began: datetime | None = None


@dataclass(slots=True)
class TaskState:
    """Something that waits for people: a form, an approval, a decision about an unknown outcome."""

    kind: str
    to: str
    opened: datetime
    due: datetime | None
    done: bool = False
    by: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    yes: dict[str, datetime] = field(default_factory=dict)
    no: str = ""
    reason: str = ""
    late: bool = False
    handed: list[tuple[datetime, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class StageState:
    """What became of one step. ``answer`` is that of an ``if``."""

    status: Literal["waiting", "open", "done", "failed", "skipped"] = "waiting"
    answer: bool | None = None
    opened: datetime | None = None
    until: datetime | None = None
    closed: datetime | None = None
    error: str = ""


@dataclass(slots=True)
class RunState:
    """A run. ``failing`` holds why it is on its way to an end other than "done"; ``emergency`` why it began without approval, ``remedy`` what it is for."""

    seq: int = 0
    requester: str = ""
    roles: tuple[str, ...] = ()
    asked: datetime | None = None
    emergency: str = ""
    remedy: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    outcome: str = ""
    reason: str = ""
    failing: str = ""
    ends_as: str = ""
    undoing: bool = False
    waits_for: str = ""
    queued: datetime | None = None
    stages: dict[str, StageState] = field(default_factory=dict)
    acts: dict[Key, ActState] = field(default_factory=dict)
    tasks: dict[str, TaskState] = field(default_factory=dict)

    def stage(self, id: str) -> StageState:
        """The state of a step, made when it has none yet."""
        return self.stages.setdefault(id, StageState())

    def act(self, step: str, target: str) -> ActState:
        """The state of an act, made when it has none yet."""
        return self.acts.setdefault((step, target), ActState())

    @property
    def open_undos(self) -> dict[Key, ActState]:
        """Acts whose undo is still to come or under way."""
        return {key: act for key, act in self.acts.items() if act.undo in ("due", "running")}

    @property
    def is_over(self) -> bool:
        """Nothing will happen any more."""
        return bool(self.outcome) and not self.open_undos and not self.owes_review

    @property
    def owes_review(self) -> bool:
        """An emergency that nobody has looked at afterwards."""
        return bool(self.emergency) and bool(self.outcome) and not (REVIEW in self.tasks and self.tasks[REVIEW].done)


def fold(entries: Iterable[Entry]) -> RunState:
    """The state after all entries, in whatever order they come and however often."""
    state = RunState()
    for entry in sorted(entries, key=lambda entry: entry.seq):
        apply(state, entry)
    return state


def apply(state: RunState, entry: Entry) -> None:
    """Add one entry; one that was applied already, or whose kind is not known, changes nothing."""
    if entry.seq <= state.seq:
        return
    state.seq = entry.seq
    if do := _APPLY.get(entry.kind):
        do(state, entry)


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _asked(state: RunState, entry: Entry) -> None:
    if state.asked is None:
        state.requester, state.roles, state.asked = entry.who, tuple(entry.body.get("roles", ())), entry.time
        state.emergency, state.remedy = str(entry.body.get("emergency", "")), str(entry.body.get("remedy", ""))


def _queued(state: RunState, entry: Entry) -> None:
    state.queued = state.queued or entry.time
    state.waits_for = str(entry.body.get("for", ""))


def _started(state: RunState, entry: Entry) -> None:
    state.started, state.waits_for = state.started or entry.time, ""


def _failing(state: RunState, entry: Entry) -> None:
    if not state.failing and not state.outcome:
        state.failing, state.undoing = str(entry.body.get("reason", "")) or "failed", bool(entry.body.get("undo"))
        state.ends_as = str(entry.body.get("outcome", "failed"))


def _ended(state: RunState, entry: Entry) -> None:
    if not state.outcome:
        state.outcome, state.reason, state.ended = str(entry.body.get("outcome", "failed")), str(entry.body.get("reason", "")), entry.time
        for task in state.tasks.values():
            task.done = True


def _begin(state: RunState, entry: Entry) -> None:
    """An attempt begins: only looks at the target so far."""
    act = state.act(entry.step, entry.target)
    if act.status in ("waiting", "failed") and not state.outcome:
        act.status, act.attempt, act.began, act.ended, act.again_at = "running", act.attempt + 1, entry.time, None, None
        _open(state, entry)


def _doing(state: RunState, entry: Entry) -> None:
    """The next thing that happens may change the target."""
    act = state.act(entry.step, entry.target)
    if act.status == "running":
        if act.effect == "no":  # the first look tells what was before us; later ones may see our own half-done work
            act.before = entry.body.get("before", {})
        act.effect = "maybe"


def _end(state: RunState, entry: Entry) -> None:
    act, body = state.act(entry.step, entry.target), entry.body
    if act.status != "running" or body.get("attempt") != act.attempt:
        return
    act.status, act.ended = body.get("status", "failed"), entry.time
    act.effect = body.get("effect", act.effect)
    act.values, act.said, act.error = body.get("values", {}), str(body.get("said", "")), str(body.get("error", ""))
    act.again_at = _time(body.get("again_at"))
    _time_undo(act, body)


def _time_undo(act: ActState, body: Mapping[str, Any]) -> None:
    if act.effect != "no" and act.status == "done" and (at := _time(body.get("undo_at"))):
        act.undo, act.undo_at = "due", at


def _undo_due(state: RunState, entry: Entry) -> None:
    act = state.act(entry.step, entry.target)
    if act.undo in ("", "due", "failed") and act.effect != "no":
        act.undo, act.undo_at, act.undo_tries = "due", _time(entry.body.get("at")) or entry.time, 0


def _undo_begin(state: RunState, entry: Entry) -> None:
    act = state.act(entry.step, entry.target)
    if act.undo in ("", "due") and act.effect != "no":
        act.undo, act.undo_tries, act.undo_began = "running", act.undo_tries + 1, entry.time


def _undo_end(state: RunState, entry: Entry) -> None:
    act = state.act(entry.step, entry.target)
    if act.undo != "running":
        return
    if entry.body.get("ok"):
        act.undo, act.effect = "undone", "no"
    elif act.undo_tries < UNDO_TRIES:
        act.undo, act.undo_at = "due", _time(entry.body.get("again_at")) or entry.time
    else:
        act.undo = "failed"
    act.error = "" if entry.body.get("ok") else str(entry.body.get("error", ""))


def _open(state: RunState, entry: Entry) -> None:
    stage = state.stage(entry.step)
    if stage.status == "waiting":
        stage.status, stage.opened = "open", entry.time
        stage.until = _time(entry.body.get("until"))


def _close(state: RunState, entry: Entry) -> None:
    stage = state.stage(entry.step)
    if stage.status in ("waiting", "open"):
        stage.status, stage.closed = entry.body.get("status", "done"), entry.time
        stage.answer, stage.error = entry.body.get("answer"), str(entry.body.get("error", ""))


def _task(state: RunState, entry: Entry) -> None:
    if entry.step not in state.tasks:
        body = entry.body
        state.tasks[entry.step] = TaskState(str(body.get("task", "ask")), str(body.get("to", "")), entry.time, _time(body.get("due")))
        _open(state, entry)


def _answered(state: RunState, entry: Entry) -> None:
    task = state.tasks.get(entry.step)
    if task and not task.done:
        task.done, task.by, task.values = True, entry.who, entry.body.get("values", {})


def _approved(state: RunState, entry: Entry) -> None:
    task = state.tasks.get(entry.step)
    if task and not task.done:
        task.yes.setdefault(entry.who, entry.time)
        task.done = len(task.yes) >= int(entry.body.get("of", 1))
        task.by = ", ".join(task.yes)


def _rejected(state: RunState, entry: Entry) -> None:
    task = state.tasks.get(entry.step)
    if task and not task.done:
        task.done, task.no, task.by, task.reason = True, entry.who, entry.who, str(entry.body.get("reason", ""))


def _handed(state: RunState, entry: Entry) -> None:
    task = state.tasks.get(entry.step)
    if task and not task.done:
        task.handed.append((entry.time, task.to, entry.who))
        task.to, task.late = str(entry.body.get("to", task.to)), task.late or bool(entry.body.get("late"))
        task.due = _time(entry.body.get("due")) or task.due


def _late(state: RunState, entry: Entry) -> None:
    if task := state.tasks.get(entry.step):
        task.late = True


def _decided(state: RunState, entry: Entry) -> None:
    """A person says what became of an act whose outcome could not be told."""
    act = state.act(entry.step, entry.target)
    if act.status != "unknown":
        return
    _answered(
        state, Entry(seq=entry.seq, time=entry.time, kind="answered", who=entry.who, step=decision(entry.step, entry.target), body={"values": entry.body})
    )
    act.status = "done" if entry.body.get("done") else "failed"
    act.effect = "yes" if entry.body.get("done") else "no"
    _time_undo(act, entry.body)


def decision(step: str, target: str) -> str:
    """The name of the task that asks what became of an act."""
    return f"{step}@{target}"


_APPLY: Final = {
    "asked": _asked,
    "queued": _queued,
    "started": _started,
    "failing": _failing,
    "ended": _ended,
    "begin": _begin,
    "doing": _doing,
    "end": _end,
    "undo_due": _undo_due,
    "undo_begin": _undo_begin,
    "undo_end": _undo_end,
    "open": _open,
    "close": _close,
    "task": _task,
    "answered": _answered,
    "approved": _approved,
    "rejected": _rejected,
    "handed": _handed,
    "late": _late,
    "decided": _decided,
}
KINDS: Final = frozenset(_APPLY)
