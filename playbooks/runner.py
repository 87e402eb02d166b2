"""The runs that are under way: carries out what ``moves`` says, each step written to the journal before and after, and goes on after a restart.

Thread-safe. Acts run on threads of their own, one at a time on each asset; the journal is written under the runner's lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import structlog

from core.clock import Clock
from core.errors import ConfigError, Refused, StoreError, WanglouError
from core.names import RUN
from core.records import Finding, Severity
from playbooks import journal
from playbooks.acts import Body, Job, Opener, do_act, do_undo, learn
from playbooks.barriers import barriers
from playbooks.capability import Danger
from playbooks.fold import ActState, Entry, Key, RunState, apply, fold
from playbooks.form import Both, Playbook
from playbooks.journal import ENGINE
from playbooks.moves import Move, context, moves, person_of
from playbooks.plan import Plan, Stage, Surroundings, make_plan
from playbooks.policy import Refusal
from playbooks.scope import facts_of
from playbooks.templates import render
from store.base import Store
from store.filter import Term

log: Final = structlog.get_logger("playbooks")
GRACE_S: Final = 10.0
MOST_THREADS: Final = 32


@dataclass(frozen=True)
class Ties:
    """What the service lends the runner. ``tell`` makes sure that people ("person:x", "role:y") get a text; ``comment`` writes on an incident for somebody."""

    surroundings: Callable[[], Surroundings]
    open: Opener
    tell: Callable[[str, Both, str], None]
    alarm: Callable[[Finding], None]
    comment: Callable[[str, str, str], None]


@dataclass
class Live:
    """One run in memory."""

    id: str
    plan: Plan
    playbook: Playbook
    state: RunState
    told: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Work:
    """An act or undo under way, and when it is given up (monotonic seconds)."""

    kind: str
    attempt: int
    device: str
    deadline: float


class Runner:
    """See the module."""

    def __init__(self, store: Store, clock: Clock, ties: Ties) -> None:
        self.store, self.clock, self.ties = store, clock, ties
        self.lock = threading.RLock()
        self.runs: dict[str, Live] = {}
        self._busy: dict[tuple[str, str, str], Work] = {}
        self._devices: dict[str, threading.Lock] = {}
        self._closing = False
        self.nudge: Callable[[], object] = lambda: None  # asks for a tick soon

    def load(self) -> None:
        """Take up every run that is not over."""
        with self.lock:
            cursor: str | None = None
            while True:
                page = self.store.documents.find(RUN, Term("open", True), limit=500, cursor=cursor)
                for document in page.items:
                    if document.id not in self.runs:
                        self._take_up(document.id)
                if (cursor := page.cursor) is None:
                    return

    def _take_up(self, id: str) -> None:
        plan, playbook = journal.read_plan(self.store, id)
        live = Live(id, plan, playbook, fold(journal.read_entries(self.store, id)))
        if live.state.asked is None:  # killed between the plan and the first entry: whoever asked got no answer
            log.warning("a run was never begun", run=id)
            self.store.documents.put(RUN, id, {**self.store.documents.get(RUN, id).body, "open": False, "state": "refused", "reason": "interrupted"})
            return
        self.runs[id] = live
        log.info("run taken up", run=id, playbook=plan.playbook, state=journal.state_word(live.state))

    def close(self) -> None:
        """No new acts; those under way are given a moment and are learnt about at the next start."""
        with self.lock:
            self._closing = True
        end = time.monotonic() + 3.0
        while self._busy and time.monotonic() < end:
            time.sleep(0.05)

    # the journal

    def write(self, live: Live, kind: str, who: str = ENGINE, *, step: str = "", target: str = "", body: Mapping[str, Any] | None = None) -> None:
        """One entry: audit, journal, state, documents for lists. Raises StoreError before anything changed."""
        with self.lock:
            entry = Entry(seq=live.state.seq + 1, time=self.clock.now(), kind=kind, who=who, step=step, target=target, body=dict(body or {}))
            journal.append(self.store, live.id, entry)
            apply(live.state, entry)
            if kind not in ("begin", "doing"):
                journal.write_summary(self.store, live.id, live.plan, live.playbook, live.state)
        if live.state.is_over:
            self.runs.pop(live.id, None)

    # time

    def tick(self) -> None:
        """Everything that may be done now."""
        with self.lock:
            self._give_up_hung()
            for live in list(self.runs.values()):
                try:
                    self._go_on(live)
                except StoreError as err:
                    log.warning("a run waits for the store", run=live.id, reason=str(err))

    def _go_on(self, live: Live) -> None:
        for _ in range(100):
            busy = {(step, target) for run, step, target in self._busy if run == live.id}
            found = moves(live.plan, live.state, self.clock.now(), busy)
            went_on = [self._carry_out(live, move) for move in found]
            if not any(went_on):
                return

    def _carry_out(self, live: Live, move: Move) -> bool:
        """Do one move; False when it has to wait."""
        match move.kind:
            case "act" | "recover" | "undo" | "recover_undo":
                return self._work(live, move)
            case "start":
                return self._start(live)
            case "fail":
                self.write(live, "failing", step=move.step, body=move.body)
            case "end":
                self._end(live, move)
            case "task":
                self._open_task(live, move)
            case "hand":
                self._tell_late(live, move.step, str(move.body["to"]))
                self.write(live, "handed", step=move.step, body=move.body)
            case "late":
                self._tell_late(live, move.step, live.state.tasks[move.step].to)
                self.write(live, "late", step=move.step)
            case "notify":
                self._notify(live, move)
            case _:
                self.write(live, move.kind, step=move.step, body=move.body)
        return True

    # starting

    def _start(self, live: Live) -> bool:
        """Begin, wait for the devices, or refuse: the world may have changed since the plan."""
        if reasons := self._barriers(live):
            self.write(live, "failing", body={"reason": str(reasons[0]), "outcome": "refused"})
            return True
        now = self.clock.now()
        if holder := self._held_by(live):
            if live.state.queued is None:
                self.write(live, "queued", body={"for": holder})
                return True
            if now - live.state.queued > timedelta(seconds=live.plan.limits.queue):
                self.write(live, "failing", body={"reason": f"设备被 {holder} 占用过久 / {holder} held the device too long", "outcome": "refused"})
                return True
            return False
        self.write(live, "started")
        if live.state.emergency:
            self._alarm(live, "", "", f"未经审批的紧急运行 / an emergency run without approval: {live.state.requester}: {live.state.emergency}", "emergency")
        return True

    def _barriers(self, live: Live) -> list[Refusal | str]:
        try:
            fresh = self.plan_again(live)
        except ConfigError as err:
            return [f"计划无法重现 / the plan cannot be made again: {err}"]
        if fresh.hash != live.plan.hash:
            return [Refusal("计划已改变，需要重新申请和审批", "the plan has changed since it was asked for: ask and approve again")]
        return [*fresh.refusals, *self.barriers(live.plan, live.id)]

    def plan_again(self, live: Live) -> Plan:
        """The plan as it would be now; raises ConfigError."""
        around = self.ties.surroundings()
        playbook = around.playbooks.get(live.plan.playbook)
        if playbook is None:
            raise ConfigError(f"there is no playbook {live.plan.playbook!r} any more")
        return make_plan(playbook, live.plan.inputs, around, live.plan.incident)

    def barriers(self, plan: Plan, run: str = "") -> list[Refusal]:
        """Freezes and limits that forbid a run now."""
        return barriers(plan, run, self.store, self.ties.surroundings().policy, self.clock.now())

    def _held_by(self, live: Live) -> str:
        """Another run that has one of the targets of a changing run."""
        if not live.plan.changes:
            return ""
        wanted = set(live.plan.targets)
        for other in self.runs.values():
            state = other.state
            if other is not live and state.started and not state.outcome and other.plan.changes and wanted & set(other.plan.targets):
                return other.id
        return ""

    # acts

    def _work(self, live: Live, move: Move) -> bool:
        key = (live.id, move.step, move.target)
        device = move.target or f"{live.id}/{move.step}"
        if self._closing or key in self._busy or len(self._busy) >= MOST_THREADS or self._device(device).locked():
            return False
        stage = live.plan.stage(move.step)
        if move.kind in ("act", "undo"):
            self.write(live, "begin" if move.kind == "act" else "undo_begin", step=move.step, target=move.target)
        job = self._job(live, stage, move.target)
        if job is None:
            return True
        held = self._device(device)
        held.acquire()
        self._busy[key] = Work(move.kind, job.act.attempt, device, time.monotonic() + job.seconds + GRACE_S)
        threading.Thread(target=self._perform, args=(live, move, job, held), name=f"act {move.step}", daemon=True).start()
        return True

    def _device(self, name: str) -> threading.Lock:
        return self._devices.setdefault(name, threading.Lock())

    def _job(self, live: Live, stage: Stage, target: str) -> Job | None:
        around = self.ties.surroundings()
        act = live.state.act(stage.id, target)
        part = next(part for part in stage.parts if part.target == target)
        asset = around.graph.assets.get(target) if target else None
        values = context(live.plan, live.state, stage, target) | ({"target": facts_of(asset)} if asset else {})
        try:
            found = around.capabilities(stage.step.run or "")
        except ConfigError as err:
            self._done(live, "undo" if act.undo == "running" else "act", (stage.id, target), act, {"status": "failed", "effect": act.effect, "error": str(err)})
            return None
        return Job(found, around.capabilities, stage, part, asset, values, self.ties.open, replace(act))

    def _perform(self, live: Live, move: Move, job: Job, held: threading.Lock) -> None:
        """On a thread of its own."""
        key: Key = (move.step, move.target)
        try:
            body = self._body(live, move, job)
        except Exception as err:  # a capability that is wrong must not leave its act open
            log.exception("an act failed in an unforeseen way", run=live.id, step=move.step)
            error = f"unforeseen: {type(err).__name__}"
            body = {"ok": False, "status": "unknown" if not job.reads else "failed", "effect": "no" if job.reads else "maybe", "error": error}
        finally:
            held.release()
        with self.lock:
            work = self._mine(live, key, job)
            if work is None:
                return  # it was given up meanwhile
            self._devices.pop(work.device, None)
            try:
                self._done(live, move.kind, key, job.act, body)
            except StoreError as err:
                log.warning("what an act gave waits for the store; it will be learnt again", run=live.id, step=move.step, reason=str(err))
            del self._busy[(live.id, *key)]
        self.nudge()

    def _body(self, live: Live, move: Move, job: Job) -> Body:
        if move.kind == "act":
            return do_act(job, lambda kind, body: self._note(live, (move.step, move.target), job, kind, body), self.clock.now)
        if move.kind == "recover":
            return learn(job, self.clock.now)
        return do_undo(job, self.clock.now, is_again=move.kind == "recover_undo" or job.act.undo_tries > 1)

    def _mine(self, live: Live, key: Key, job: Job) -> Work | None:
        """The work of a worker, unless it was given up (and perhaps begun anew)."""
        work = self._busy.get((live.id, *key))
        return work if work is not None and work.attempt == job.act.attempt else None

    def _note(self, live: Live, key: Key, job: Job, kind: str, body: Mapping[str, Any]) -> None:
        """An entry by a worker; one that was given up must not go on to change anything."""
        with self.lock:
            if self._mine(live, key, job) is None or live.state.failing or live.state.outcome:
                raise Refused("已放弃 / it was given up before anything was sent")
            self.write(live, kind, step=key[0], target=key[1], body=body)

    def _done(self, live: Live, kind: str, key: Key, act: ActState, body: Body) -> None:
        step, target = key
        if kind in ("undo", "recover_undo"):
            self.write(live, "undo_end", step=step, target=target, body=body)
            if live.state.act(step, target).undo == "failed":
                self._alarm(live, step, target, f"撤销失败 / it could not be undone: {body.get('error', '')}", "undo")
            return
        self.write(live, "end", step=step, target=target, body={**body, "attempt": act.attempt})
        if body.get("host_key"):
            self._alarm(live, step, target, f"主机密钥改变 / the host key changed: {body.get('error', '')}", "host_key")

    def _give_up_hung(self) -> None:
        """Acts that did not keep their time: their thread may still hang, the run goes on."""
        for (run, step, target), work in list(self._busy.items()):
            if time.monotonic() < work.deadline:
                continue
            del self._busy[run, step, target]
            self._devices.pop(work.device, None)  # the hung thread keeps the old lock
            live = self.runs.get(run)
            if live is None:
                continue
            act = live.state.act(step, target)
            error = "超时 / it did not end in time"
            if work.kind in ("undo", "recover_undo"):
                self._done(live, "undo", (step, target), act, {"ok": False, "error": error})
            else:
                is_read = live.plan.stage(step).danger is Danger.READ
                self._done(live, "act", (step, target), act, {"status": "failed", "effect": "no" if is_read else act.effect, "error": error})

    # people

    def _open_task(self, live: Live, move: Move) -> None:
        text = Both(zh=f"待办：{live.playbook.title.zh}（{move.step}）", en=f"Task: {live.playbook.title.en} ({move.step})")
        self._tell(str(move.body["to"]), text, live.id)
        self.write(live, "task", step=move.step, target=move.target, body=move.body)

    def tell_handed(self, live: Live, step: str, to: str, who: str) -> None:
        """Say to somebody that a task is theirs now."""
        self._tell(to, Both(zh=f"{who} 转交待办：{live.playbook.title.zh}（{step}）", en=f"Task from {who}: {live.playbook.title.en} ({step})"), live.id)

    def _tell_late(self, live: Live, step: str, to: str) -> None:
        self._tell(to, Both(zh=f"待办已超期：{live.playbook.title.zh}（{step}）", en=f"Overdue: {live.playbook.title.en} ({step})"), live.id)

    def _notify(self, live: Live, move: Move) -> None:
        stage = live.plan.stage(move.step)
        form = stage.step.notify
        if form is None:
            raise AssertionError("only a notify step notifies")
        values = context(live.plan, live.state, stage)
        error = ""
        try:
            text = Both(zh=str(render(form.text.zh, values)), en=str(render(form.text.en, values)))
            self._tell(person_of(form.to, live.plan, live.state), text, live.id)
        except ConfigError as err:
            error = str(err)
        self.write(live, "close", step=move.step, body={"status": "failed", "error": error} if error else {})

    def _tell(self, to: str, text: Both, run: str) -> None:
        """Before the entry that says so: after a kill the same message is kept once more, which is nothing new. Raises StoreError."""
        for one in to.split(","):
            try:
                self.ties.tell(one, text, run)
            except StoreError:
                raise
            except WanglouError as err:
                log.warning("people could not be told", run=run, to=one, reason=str(err))

    def _alarm(self, live: Live, step: str, target: str, text: str, label: str) -> None:
        self.ties.alarm(
            Finding(
                time=self.clock.now(),
                source=f"playbook.{label}",
                asset=target or "wanglou",
                title=f"{live.playbook.title.zh}: {text}",
                severity=Severity.HIGH,
                firing=True,
                labels={"playbook": live.plan.playbook, "step": step},
                evidence={"run": live.id},
            )
        )

    def _end(self, live: Live, move: Move) -> None:
        self.write(live, "ended", body=move.body)
        state, incident = live.state, str(live.plan.incident.get("id", ""))
        log.info("run ended", run=live.id, playbook=live.plan.playbook, outcome=state.outcome, reason=state.reason)
        if incident:
            text = (
                f"剧本 {live.playbook.title.zh} {state.outcome} {state.reason} ({live.id}) / playbook {live.playbook.title.en}: {state.outcome} {state.reason}"
            )
            try:
                self.ties.comment(incident, text, state.requester)
            except WanglouError as err:
                log.warning("the incident could not be told", run=live.id, reason=str(err))

    def find(self, run: str) -> Live:
        """An open run; raises Refused."""
        live = self.runs.get(run)
        if live is None:
            raise Refused(f"没有进行中的运行 {run} / there is no open run {run}")
        return live
