"""One act on one target: look, do, check; learn what became of one that was cut off; put one back. Blocking; run on a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from core.errors import BadReply, ConfigError, DeviceError, HostKeyChanged, WanglouError
from core.secrets import Secret
from inventory.asset import Asset
from playbooks.capability import Answer, Capability, Danger, Reach, State
from playbooks.fold import ActState
from playbooks.plan import Part, Stage
from playbooks.redact import blank, blank_values, kept
from playbooks.templates import holds, render

LOOK_AGAIN_S: Final = 1.0
UNDO_AGAIN_S: Final = 15.0
Body = dict[str, Any]
Note = Callable[[str, Mapping[str, Any]], None]


class OpenReach(Reach, Protocol):
    """A way out that knows which secrets were taken."""

    def used(self) -> list[Secret]:
        """Every secret that was opened through it."""
        ...

    def close(self) -> None:
        """End its connections."""
        ...


Opener = Callable[[Asset | None, float], OpenReach]
"""A way out for one act: the asset, and the seconds that the act may take."""


@dataclass(frozen=True)
class Job:
    """What a worker needs: the act as planned, and the asset as it is now. ``values`` are for conditions."""

    capability: Capability
    lookup: Callable[[str], Capability]
    stage: Stage
    part: Part
    asset: Asset | None
    values: Mapping[str, Any]
    open: Opener
    act: ActState = field(default_factory=ActState)

    @property
    def options(self) -> Any:
        """The options as planned."""
        return self.capability.Options.model_validate(self.part.options)

    @property
    def reads(self) -> bool:
        """Whether it only looks."""
        return self.capability.danger is Danger.READ

    @property
    def seconds(self) -> float:
        """How long it may take with everything."""
        return self.stage.step.timeout + (0.0 if self.reads else self.stage.step.verify.within)


def do_act(job: Job, note: Note, now: Callable[[], datetime]) -> Body:
    """Do it; ``note`` makes "doing" durable before anything is sent. Returns the body of "end"."""
    reach = job.open(job.asset, job.seconds)
    try:
        if problem := _changed_since(job):
            return {"status": "failed", "effect": "no", "error": problem}
        if job.stage.step.unless and holds(job.stage.step.unless, job.values):
            return {"status": "skipped", "effect": "no", "said": f"unless {job.stage.step.unless}"}
        return _do(job, reach, note, now)
    except WanglouError as err:
        return _failed(job, reach, err, now, effect=job.act.effect)
    finally:
        reach.close()


def _do(job: Job, reach: OpenReach, note: Note, now: Callable[[], datetime]) -> Body:
    if job.reads:
        return _told(job.capability.do(job.options, job.asset, reach), reach, "no")
    before = job.capability.verify(job.options, job.asset, reach)
    if before.holds:
        done_by_us = job.act.effect != "no"  # an earlier attempt of this very act
        body = _told(Answer(said=before.said), reach, "yes" if done_by_us else "no")
        return {**body, "status": "done" if done_by_us else "nothing", **(_undo_time(job, now) if done_by_us else {})}
    note("doing", {"before": dict(before.before)})
    try:
        answer = job.capability.do(job.options, job.asset, reach)
        _check(job, reach)
    except DeviceError as err:
        return _after_failure(job, reach, err, now)
    return {**_told(answer, reach, "yes"), **_undo_time(job, now)}


def _changed_since(job: Job) -> str:
    """Whether what would be sent, or where to, is still what was planned."""
    if job.part.target and (job.asset is None or job.asset.address != job.part.address):
        return "资产或其地址在计划之后改变 / the asset or its address changed since the plan"
    planned = job.capability.plan(job.options, job.asset)
    return "" if planned.commands == job.part.commands else "命令与计划不同 / the commands are no longer those of the plan"


def _check(job: Job, reach: OpenReach) -> None:
    """Wait until the wanted state shows; raises BadReply when it does not in time."""
    rule = job.stage.step.verify
    end = time.monotonic() + rule.within
    while True:
        said = _is_there(job, reach)
        if said is None:
            return
        if time.monotonic() >= end:
            raise BadReply(job.part.target, f"done, but the wanted state did not show within {rule.within:g} s: {said}")
        time.sleep(min(LOOK_AGAIN_S, rule.within / 10))


def _is_there(job: Job, reach: OpenReach) -> str | None:
    """None when the state is as wanted or nobody can tell, else what is seen instead."""
    rule = job.stage.step.verify
    if job.capability.verifiable:
        state = job.capability.verify(job.options, job.asset, reach)
        if state.holds is False:
            return state.said or "not as wanted"
    if not rule.run:
        return None
    looks = job.lookup(rule.run)
    options = looks.Options.model_validate(render(rule.with_, job.values))
    found = looks.do(options, job.asset if looks.targeted else None, reach)
    if holds(rule.expect, {**job.values, "values": dict(found.values), "said": found.said}):
        return None
    return f"{rule.expect} is not so: {found.said[:500]}"


def _after_failure(job: Job, reach: OpenReach, err: DeviceError, now: Callable[[], datetime]) -> Body:
    """It was sent and something went wrong: only looking again tells what is so."""
    state = _look(job, reach)
    if state.holds and not job.stage.step.verify.run:
        return {**_told(Answer(said=f"{err}; {state.said}"), reach, "yes"), **_undo_time(job, now)}
    if state.holds is None and not job.capability.idempotent:
        return {"status": "unknown", "effect": "maybe", "error": blank(str(err), reach.used())}
    return _failed(job, reach, err, now, effect="maybe")


def _look(job: Job, reach: OpenReach) -> State:
    try:
        return job.capability.verify(job.options, job.asset, reach)
    except (DeviceError, ConfigError):
        return State(holds=None)


def _failed(job: Job, reach: OpenReach, err: WanglouError, now: Callable[[], datetime], *, effect: str) -> Body:
    """``again_at`` when another try is left and another try can help."""
    body: Body = {"status": "failed", "effect": effect, "error": blank(str(err), reach.used())}
    if isinstance(err, HostKeyChanged):
        return {**body, "host_key": True}
    retry = job.stage.step.retry
    if job.act.attempt <= retry.times and not isinstance(err, ConfigError):
        body["again_at"] = (now() + timedelta(seconds=retry.wait)).isoformat()
    return body


def _told(answer: Answer, reach: OpenReach, effect: str) -> Body:
    used = reach.used()
    return {"status": "done", "effect": effect, **kept(answer.said, used), "values": blank_values(dict(answer.values), used)}


def _undo_time(job: Job, now: Callable[[], datetime]) -> Body:
    after = job.stage.undo_after_s
    return {"undo_at": (now() + timedelta(seconds=after)).isoformat()} if after else {}


def learn(job: Job, now: Callable[[], datetime]) -> Body:
    """What became of an act that was cut off; "end" with another try when it is known not to have happened, "unknown" when nobody can tell."""
    again = {"again_at": now().isoformat()}
    if job.reads or job.act.effect == "no":
        return {"status": "failed", "effect": job.act.effect, "error": "interrupted before anything was sent", **again}
    reach = job.open(job.asset, job.seconds)
    try:
        state = _look(job, reach)
        if state.holds:
            return {**_told(Answer(said=state.said), reach, "yes"), **_undo_time(job, now)}
        if state.holds is False or job.capability.idempotent:
            return {"status": "failed", "effect": "maybe", "error": "interrupted; it is done again", **again}
        return {"status": "unknown", "effect": "maybe", "error": "中断，结果未知 / interrupted, nobody can tell whether it happened"}
    finally:
        reach.close()


def do_undo(job: Job, now: Callable[[], datetime], *, is_again: bool) -> Body:
    """Put it back; ``is_again``: an earlier try may have done it, so look first. Returns the body of "undo_end"."""
    reach = job.open(job.asset, job.seconds)
    try:
        if job.capability.verifiable and is_again and job.capability.verify(job.options, job.asset, reach).holds is False:
            return {"ok": True, "said": "it was back already"}
        answer = job.capability.undo(job.options, job.asset, reach, job.act.before)
        if job.capability.verifiable and job.capability.verify(job.options, job.asset, reach).holds:
            raise BadReply(job.part.target, "sent, but what was done is still there")
        return {"ok": True, **kept(answer.said, reach.used())}
    except WanglouError as err:
        return {"ok": False, "error": blank(str(err), reach.used()), "again_at": (now() + timedelta(seconds=UNDO_AGAIN_S)).isoformat()}
    finally:
        reach.close()
