"""What comes next in a run: a pure function of plan, state and time. The runner carries the moves out and writes what became of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from playbooks.fold import REVIEW, SETTLED, ActState, Key, RunState, StageState, TaskState, decision
from playbooks.form import Approval, Ask
from playbooks.plan import APPROVAL, Part, Plan, Stage
from playbooks.templates import holds

Kind = Literal["start", "act", "recover", "undo", "recover_undo", "task", "hand", "late", "notify", "open", "close", "fail", "end"]
PEOPLE: Final = ("ask", "approve", "assign")
UNDO_AGAIN_S: Final = 20.0
DECIDE_WITHIN: Final = timedelta(hours=1)
REVIEW_WITHIN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to do now."""

    kind: Kind
    step: str = ""
    target: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


def moves(plan: Plan, state: RunState, now: datetime, busy: Collection[Key] = ()) -> list[Move]:
    """Everything that may be done now; ``busy`` are acts and undos that are under way in this process."""
    if state.outcome:
        return [*_timed_undos(state, now, busy), *_review(state, now)]
    if state.failing:
        return _to_the_end(plan, state, now, busy)
    if failed := _failed_stage(plan, state):
        return [failed]
    if state.started is None:
        return _before_start(plan, state, now)
    if now - state.started > timedelta(seconds=plan.limits.timeout) + waited(plan, state, now):
        return [Move("fail", body={"reason": "超过剧本时限 / the playbook's time is over", "undo": True})]
    return _running(plan, state, now, busy)


def _before_start(plan: Plan, state: RunState, now: datetime) -> list[Move]:
    if plan.approval and state.stage(APPROVAL).status in ("waiting", "open"):
        if state.emergency:
            return [Move("close", APPROVAL, body={"status": "skipped"})]
        return _people(plan, plan.stage(APPROVAL), state, now)
    return [Move("start")]


def _running(plan: Plan, state: RunState, now: datetime, busy: Collection[Key]) -> list[Move]:
    found: list[Move] = []
    is_done = True
    for stage in plan.stages:
        if is_settled(state, stage.id):
            continue
        is_done = False
        if all(is_settled(state, one) for one in stage.after):
            found += _of_stage(plan, stage, state, now, busy)
    return [Move("end", body={"outcome": "done"})] if is_done else found


def is_settled(state: RunState, stage: str) -> bool:
    """Whether what waits for a step may go on."""
    found = state.stages.get(stage)
    return found is not None and found.status in ("done", "failed", "skipped")


def _failed_stage(plan: Plan, state: RunState) -> Move | None:
    """A step that failed and was not to be passed over."""
    for stage in plan.stages:
        found = state.stages.get(stage.id)
        if found and found.status == "failed" and stage.step.on_fail != "continue":
            refused = stage.verb == "approve"
            body = {
                "reason": f"{stage.id}: {found.error}",
                "undo": refused or stage.step.on_fail == "undo",
                "outcome": "refused" if refused else "failed",
            }
            return Move("fail", stage.id, body=body)
    return None


def _of_stage(plan: Plan, stage: Stage, state: RunState, now: datetime, busy: Collection[Key]) -> list[Move]:
    if any(state.stage(asked).answer is not answer for asked, answer in stage.under):
        return [Move("close", stage.id, body={"status": "skipped"})]
    match stage.verb:
        case "run":
            return _acts(stage, state, now, busy)
        case "if":
            answer = holds(stage.step.if_ or "", context(plan, state, stage))
            return [Move("close", stage.id, body={"answer": answer})]
        case "wait":
            return _wait(stage, state.stage(stage.id), now)
        case "notify":
            return [Move("notify", stage.id)]
        case _:
            return _people(plan, stage, state, now)


def _wait(stage: Stage, found: StageState, now: datetime) -> list[Move]:
    if found.status == "waiting":
        return [Move("open", stage.id, body={"until": (now + timedelta(seconds=stage.step.wait or 0)).isoformat()})]
    return [Move("close", stage.id)] if found.until is None or now >= found.until else []


# machines


def act_settled(act: ActState) -> bool:
    """Whether an act is over for good; one that failed may have another try coming."""
    return act.status in SETTLED and act.again_at is None


def _acts(stage: Stage, state: RunState, now: datetime, busy: Collection[Key]) -> list[Move]:
    acts = {part.target: state.acts.get((stage.id, part.target), ActState()) for part in stage.parts}
    found = [Move("recover", stage.id, target) for target, act in acts.items() if act.status == "running" and (stage.id, target) not in busy]
    for target, act in acts.items():
        if act.status == "unknown":
            found += _decide(stage, target, state, now)
    failed = [act for act in acts.values() if act.status == "failed" and act.again_at is None]
    running = sum(act.status == "running" for act in acts.values())
    if len(failed) > stage.limits.failures:
        error = failed[0].error or "failed"
        text = f"{error} ({len(failed)}/{len(acts)})" if len(acts) > 1 else error
        return [Move("close", stage.id, body={"status": "failed", "error": text})] if not running else found
    if all(act_settled(act) for act in acts.values()):
        return [Move("close", stage.id, body={"status": "done"})]
    return found + _next_wave(stage, acts, running, now)


def _next_wave(stage: Stage, acts: Mapping[str, ActState], running: int, now: datetime) -> list[Move]:
    """Acts of the first wave that is not through yet, as many at once as allowed."""
    for wave in waves_of(stage):
        if all(act_settled(acts[part.target]) for part in wave):
            continue
        ready = [part for part in wave if acts[part.target].status == "waiting" or _may_again(acts[part.target], now)]
        return [Move("act", stage.id, part.target) for part in ready[: max(0, stage.limits.at_once - running)]]
    return []


def _may_again(act: ActState, now: datetime) -> bool:
    return act.status == "failed" and act.again_at is not None and now >= act.again_at


def waves_of(stage: Stage) -> Iterator[tuple[Part, ...]]:
    """The parts of a step, wave by wave."""
    start = 0
    for size in stage.waves:
        yield stage.parts[start : start + size]
        start += size


def _decide(stage: Stage, target: str, state: RunState, now: datetime) -> list[Move]:
    name = decision(stage.id, target)
    if name in state.tasks:
        return []
    return [Move("task", name, target, {"task": "decide", "to": "role:duty_leader", "due": (now + DECIDE_WITHIN).isoformat()})]


# people


def _people(plan: Plan, stage: Stage, state: RunState, now: datetime) -> list[Move]:
    task = state.tasks.get(stage.id)
    asked: Ask | Approval | None = stage.step.ask or stage.step.assign or stage.step.approve
    if asked is None:
        return []
    if task is None:
        to = ",".join(f"role:{role}" for role in asked.by) if isinstance(asked, Approval) else person_of(asked.to, plan, state)
        return [Move("task", stage.id, body={"task": stage.verb, "to": to, "due": (now + timedelta(seconds=asked.within)).isoformat()})]
    if task.done:
        body = {"status": "failed", "error": f"{task.no} 不同意 {task.reason} / {task.no} said no {task.reason}"} if task.no else {"status": "done"}
        return [Move("close", stage.id, body=body)]
    if task.due is None or now < task.due:
        return []
    return _overdue(stage, asked, task, now)


def _overdue(stage: Stage, asked: Ask | Approval, task: TaskState, now: datetime) -> list[Move]:
    if isinstance(asked, Approval):
        return [Move("close", stage.id, body={"status": "failed", "error": "审批超时 / nobody approved it in time"})]
    if task.late:
        return []
    if asked.escalate:
        return [Move("hand", stage.id, body={"to": asked.escalate, "late": True, "due": (now + timedelta(seconds=asked.within)).isoformat()})]
    return [Move("late", stage.id)]


def person_of(to: str, plan: Plan, state: RunState) -> str:
    """``requester`` and ``incident.owner`` as the person they are now; without an owner the requester."""
    if to == "incident.owner":
        return f"person:{plan.incident.get('owner') or state.requester}"
    return f"person:{state.requester}" if to == "requester" else to


def waited(plan: Plan, state: RunState, now: datetime) -> timedelta:
    """How long a run was not at work but waited: for people, and in its ``wait`` steps."""
    total = timedelta()
    for stage in plan.stages:
        found = state.stages.get(stage.id)
        if found and found.opened and stage.verb in (*PEOPLE, "wait") and stage.id != APPROVAL:
            total += (found.closed or now) - found.opened
    for name, task in state.tasks.items():
        if "@" in name and not task.done:
            total += now - task.opened
    return total


# the end


def _to_the_end(plan: Plan, state: RunState, now: datetime, busy: Collection[Key]) -> list[Move]:
    """Let what runs end, put back what is to be put back, the newest first, then end."""
    running = [key for key, act in state.acts.items() if act.status == "running"]
    if running:
        return [Move("recover", *key) for key in running if key not in busy]
    if state.undoing:
        for key, act in reversed(_changed(plan, state)):
            if act.undo in ("", "due"):
                return [Move("undo", *key)] if not act.undo_tries or act.undo_at is None or now >= act.undo_at else []
            if act.undo == "running":
                return [] if key in busy else [Move("recover_undo", *key)]
    is_undone = any(act.undo == "undone" for act in state.acts.values()) and all(act.effect == "no" for act in state.acts.values())
    outcome = "undone" if is_undone and state.ends_as == "failed" else state.ends_as or "failed"
    return [Move("end", body={"outcome": outcome, "reason": state.failing})]


def _changed(plan: Plan, state: RunState) -> list[tuple[Key, ActState]]:
    """Acts that may have changed something and can be put back, in the order in which they were done."""
    undoable = {(stage.id, part.target) for stage in plan.stages for part in stage.parts if part.inverse}
    found = [(key, act) for key, act in state.acts.items() if key in undoable and act.effect != "no" and act.undo not in ("undone", "failed")]
    return sorted(found, key=lambda pair: pair[1].began.timestamp() if pair[1].began else 0.0)


def _timed_undos(state: RunState, now: datetime, busy: Collection[Key]) -> Iterator[Move]:
    for key, act in state.open_undos.items():
        if key in busy:
            continue
        if act.undo == "running":
            yield Move("recover_undo", *key)
        elif act.undo_at is None or now >= act.undo_at:
            yield Move("undo", *key)


def _review(state: RunState, now: datetime) -> list[Move]:
    """Somebody else looks at an emergency afterwards."""
    if not state.owes_review:
        return []
    task = state.tasks.get(REVIEW)
    if task is None:
        return [Move("task", REVIEW, body={"task": "review", "to": "role:duty_leader,role:security_officer", "due": (now + REVIEW_WITHIN).isoformat()})]
    return [Move("late", REVIEW)] if task.due and now >= task.due and not task.late else []


# what conditions and late texts may use


def context(plan: Plan, state: RunState, stage: Stage, target: str = "") -> dict[str, Any]:
    """Inputs, ``steps`` (results by id) and, for one target, ``here`` (what each step found on this target)."""
    steps: dict[str, Any] = {}
    here: dict[str, Any] = {}
    for one in plan.stages:
        if one.scope != stage.scope or not stage.prefix.startswith(one.prefix):
            continue
        name = one.id.removeprefix(one.prefix)
        steps[name] = result(one, state)
        if target and (act := state.acts.get((one.id, target))):
            here[name] = dict(act.values)
    return {**stage.values, "steps": steps, "here": here}


def result(stage: Stage, state: RunState) -> dict[str, Any]:
    """What a step gave so far."""
    found = state.stages.get(stage.id, StageState())
    acts = {part.target: state.acts.get((stage.id, part.target), ActState()) for part in stage.parts}
    task = state.tasks.get(stage.id)
    first = next(iter(acts.values()), ActState())
    return {
        "status": found.status,
        "ok": found.status == "done",
        "values": dict(first.values) if len(acts) == 1 else {},
        "said": first.said if len(acts) == 1 else "",
        "targets": {target: dict(act.values) for target, act in acts.items()},
        "failed": sorted(target for target, act in acts.items() if act.status == "failed"),
        "answer": dict(task.values) if task else {},
        "by": task.by if task else "",
    }
