"""What people ask of runs: begin one, approve, answer, hand over, cancel, decide, take back. Every rule about who may do what is here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from core.errors import ConfigError, NotFound, Refused
from playbooks import journal
from playbooks.fold import REVIEW, RunState, TaskState, decision, fold
from playbooks.form import Approval, Ask
from playbooks.kinds import read_values
from playbooks.plan import Plan, make_plan
from playbooks.runner import Live, Runner

REQUEST: Final = frozenset({"operator", "duty_leader", "security_officer"})
LEAD: Final = frozenset({"duty_leader", "security_officer"})


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks, with the roles that they have now."""

    name: str
    roles: tuple[str, ...]

    def has(self, roles: Collection[str]) -> bool:
        """Whether one of the roles is theirs."""
        return bool(set(roles) & set(self.roles))


class Requests:
    """See the module. Every method raises Refused or ConfigError with a text for the person who asked."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def begin(
        self,
        run: str,
        playbook: str,
        inputs: Mapping[str, Any],
        who: Who,
        *,
        hash: str,
        incident: Mapping[str, Any] | None = None,
        emergency: str = "",
        remedy: str = "",
    ) -> str:
        """Ask for a run of exactly the plan that was shown (``hash``). The same ``run`` again is a no-op.

        ``emergency``: why it cannot wait for an approval; leaders alone, alarmed, and reviewed by somebody else afterwards. ``remedy``: what it is for.
        """
        with self.runner.lock:
            if journal.is_begun(self.runner.store, run):
                return run
            if not who.has(REQUEST):
                raise Refused("你的角色不能申请运行剧本 / your roles do not allow asking for a run")
            if emergency and not who.has(LEAD):
                raise Refused("只有值班负责人或安全员可以紧急运行 / only a leader may run in an emergency")
            plan = self._checked(playbook, inputs, incident, hash)
            return self._write(run, plan, who, {"emergency": emergency[:500] if plan.approval else "", "remedy": remedy})

    def begin_by_rule(self, run: str, playbook: str, inputs: Mapping[str, Any], incident: Mapping[str, Any]) -> str:
        """A run that a rule starts: only of a playbook that the site named as automatic, and only one that reads."""
        with self.runner.lock:
            around = self.runner.ties.surroundings()
            form = around.playbooks.get(playbook)
            if form is None or playbook not in around.policy.automatic or not form.trigger.auto:
                raise Refused(f"剧本 {playbook} 未被允许自动运行 / {playbook} may not begin by itself")
            if journal.is_begun(self.runner.store, run):
                return run
            plan = make_plan(form, inputs, around, incident)
            if plan.changes:
                raise Refused("只有只读剧本可以自动运行 / only a playbook that reads may begin by itself")
            self._free(plan)
            return self._write(run, plan, Who("rule", ()), {})

    def _checked(self, playbook: str, inputs: Mapping[str, Any], incident: Mapping[str, Any] | None, hash: str) -> Plan:
        around = self.runner.ties.surroundings()
        form = around.playbooks.get(playbook)
        if form is None:
            raise ConfigError(f"there is no playbook {playbook!r}")
        plan = make_plan(form, inputs, around, incident)
        if plan.hash != hash:
            raise Refused("计划在查看之后已改变，请重新查看 / the plan changed since you looked at it: look again")
        self._free(plan)
        return plan

    def _free(self, plan: Plan) -> None:
        if reasons := [*plan.refusals, *map(str, self.runner.barriers(plan))]:
            raise Refused(reasons[0])

    def _write(self, run: str, plan: Plan, who: Who, more: Mapping[str, str]) -> str:
        playbook = self.runner.ties.surroundings().playbooks[plan.playbook]
        live = Live(run, plan, playbook, RunState())
        journal.write_plan(self.runner.store, run, plan, playbook)
        journal.write_summary(self.runner.store, run, plan, playbook, live.state)  # what a restart looks for; without an entry it is nothing
        self.runner.runs[run] = live
        body = {"playbook": plan.playbook, "version": plan.version, "inputs": plan.inputs, "hash": plan.hash, "roles": list(who.roles)}
        body |= {name: text for name, text in more.items() if text}
        self.runner.write(live, "asked", who.name, body={**body, "targets": list(plan.targets), "incident": str(plan.incident.get("id", ""))})
        return run

    # approvals

    def approve(self, run: str, step: str, who: Who, hash: str) -> str:
        """Say yes to exactly this plan."""
        with self.runner.lock:
            live, form, task = self._to_approve(run, step, who, hash)
            if who.name in task.yes:
                raise Refused("你已经同意过 / you said yes already")
            if task.due and self.runner.clock.now() >= task.due:
                raise Refused("审批已超时 / the time for approval is over")
            try:
                fresh = self.runner.plan_again(live)
            except ConfigError as err:
                raise Refused(f"计划无法重现 / the plan cannot be made again: {err}") from None
            if fresh.hash != hash:
                raise Refused("计划在申请之后已改变 / the plan changed since it was asked for")
            self.runner.write(live, "approved", who.name, step=step, body={"hash": hash, "of": form.count, "roles": list(who.roles)})
        return "approved"

    def reject(self, run: str, step: str, who: Who, hash: str, reason: str) -> str:
        """Say no."""
        with self.runner.lock:
            live, _, _ = self._to_approve(run, step, who, hash)
            self.runner.write(live, "rejected", who.name, step=step, body={"reason": reason[:500], "roles": list(who.roles)})
        return "rejected"

    def _to_approve(self, run: str, step: str, who: Who, hash: str) -> tuple[Live, Approval, TaskState]:
        live = self.runner.find(run)
        task = live.state.tasks.get(step)
        form = live.plan.stage(step).step.approve if task and task.kind == "approve" else None
        if task is None or form is None:
            raise Refused("这一步现在不需要审批 / this step does not wait for approval")
        if task.done or live.state.outcome or live.state.failing:
            raise Refused("已经决定，不能重复审批 / it was decided already")
        if who.name == live.state.requester:
            raise Refused("申请人不能审批自己的申请 / who asked may not approve")
        if not who.has(form.by):
            raise Refused(f"需要角色 {', '.join(form.by)} / one of the roles {', '.join(form.by)} is needed")
        if hash != live.plan.hash:
            raise Refused("审批的不是这份计划 / this is not the plan that was approved")
        return live, form, task

    # tasks

    def answer(self, run: str, step: str, who: Who, values: Mapping[str, Any]) -> str:
        """Fill in a form, or say that a task is done."""
        with self.runner.lock:
            live, task = self._open(run, step)
            if task.kind not in ("ask", "assign"):
                raise Refused("这一步不是表单 / this step is no form")
            _must_be_for(task, who)
            form = _asked(live, step)
            fields = dict(form.form)
            note = str(values.get("note", ""))[:2000] if "note" not in fields else ""
            read = read_values(fields, {key: value for key, value in values.items() if key in fields or key != "note"})
            self.runner.write(live, "answered", who.name, step=step, body={"values": {**read, **({"note": note} if note else {})}})
        return "answered"

    def review(self, run: str, who: Who, text: str) -> str:
        """Say, as somebody else than who did it, what an emergency run came to."""
        with self.runner.lock:
            live, task = self._open(run, REVIEW)
            if who.name == live.state.requester:
                raise Refused("紧急运行须由他人复核 / somebody else reviews an emergency")
            _must_be_for(task, who)
            if not text.strip():
                raise Refused("请填写复核结论 / say what you found")
            self.runner.write(live, "answered", who.name, step=REVIEW, body={"values": {"note": text[:2000]}})
        return "reviewed"

    def hand(self, run: str, step: str, who: Who, to: str, people: Collection[str]) -> str:
        """Give a task to another person (``people``: who there is)."""
        with self.runner.lock:
            live, task = self._open(run, step)
            if task.kind in ("approve", "review"):
                raise Refused("审批不能转交 / an approval cannot be handed over")
            if not who.has(LEAD):
                _must_be_for(task, who)
            if to not in people:
                raise Refused(f"没有人员 {to} / there is no person {to}")
            self.runner.tell_handed(live, step, f"person:{to}", who.name)
            self.runner.write(live, "handed", who.name, step=step, body={"to": f"person:{to}"})
        return "handed"

    def decide(self, run: str, step: str, target: str, who: Who, *, done: bool, reason: str) -> str:
        """Say what became of an act that was cut off; it is never done a second time."""
        with self.runner.lock:
            live, task = self._open(run, decision(step, target))
            _must_be_for(task, who)
            undo = live.plan.stage(step).undo_after_s
            at = {"undo_at": (self.runner.clock.now() + timedelta(seconds=undo)).isoformat()} if undo and done else {}
            self.runner.write(live, "decided", who.name, step=step, target=target, body={"done": done, "reason": reason[:500], **at})
        return "decided"

    def _open(self, run: str, step: str) -> tuple[Live, TaskState]:
        live = self.runner.find(run)
        task = live.state.tasks.get(step)
        if task is None or task.done:
            raise Refused("待办已经完成或不存在 / the task is done already or is not there")
        return live, task

    # the run itself

    def cancel(self, run: str, who: Who, reason: str) -> str:
        """Stop; what was changed is put back."""
        with self.runner.lock:
            live = self.runner.find(run)
            if who.name != live.state.requester and not who.has(LEAD):
                raise Refused("只有申请人或值班负责人可以取消 / only who asked or a leader may cancel")
            if live.state.outcome or live.state.failing:
                raise Refused("运行已经结束 / the run has ended")
            text = f"{who.name} 取消 {reason[:500]} / cancelled by {who.name} {reason[:500]}"
            self.runner.write(live, "failing", who.name, body={"reason": text, "outcome": "cancelled", "undo": True})
        return "cancelled"

    def take_back(self, run: str, who: Who) -> str:
        """Put back now what a run changed and what has not been put back."""
        with self.runner.lock:
            live = self.runner.runs.get(run) or self._ended(run)
            if not who.has(REQUEST):
                raise Refused("你的角色不允许此操作 / your roles do not allow this")
            if not live.state.outcome:
                raise Refused("运行还没有结束，请取消它 / the run has not ended: cancel it")
            undoable = {(stage.id, part.target) for stage in live.plan.stages for part in stage.parts if part.inverse}
            due = [key for key, act in live.state.acts.items() if key in undoable and act.effect != "no" and act.undo in ("", "due", "failed")]
            if not due:
                raise Refused("没有可以撤销的内容 / there is nothing to put back")
            self.runner.runs[run] = live
            for step, target in due:
                self.runner.write(live, "undo_due", who.name, step=step, target=target, body={"at": self.runner.clock.now().isoformat()})
        return f"{len(due)}"

    def _ended(self, run: str) -> Live:
        try:
            plan, playbook = journal.read_plan(self.runner.store, run)
        except NotFound:
            raise Refused(f"没有运行 {run} / there is no run {run}") from None
        return Live(run, plan, playbook, fold(journal.read_entries(self.runner.store, run)))


def _asked(live: Live, step: str) -> Ask:
    form = live.plan.stage(step).step
    found = form.ask or form.assign
    if found is None:
        raise Refused("这一步不是表单 / this step is no form")
    return found


def is_for(to: str, who: Who) -> bool:
    """Whether a task addressed to ``to`` is somebody's."""
    return any(one == f"person:{who.name}" or (one.startswith("role:") and one.removeprefix("role:") in who.roles) for one in to.split(","))


def _must_be_for(task: TaskState, who: Who) -> None:
    if not is_for(task.to, who):
        raise Refused(f"此待办属于 {task.to} / this task is for {task.to}")


def carry(requests: Requests, intent: Mapping[str, Any], people: Collection[str], incident: Mapping[str, Any] | None) -> str:
    """Carry out an intent of the console, one of ``WHATS``. Raises Refused or ConfigError."""
    what, args, run = str(intent["what"]), dict(intent.get("args") or {}), str(intent.get("on") or "")
    who = Who(str(intent["user"]), tuple(intent.get("roles") or ()))
    step, planned, reason = (str(args.get(name, "")) for name in ("step", "hash", "reason"))
    doing: Mapping[str, Callable[[], str]] = {
        "run.begin": lambda: requests.begin(
            _new(args),
            str(args.get("playbook", "")),
            _mapping(args, "inputs"),
            who,
            hash=planned,
            incident=incident,
            emergency=str(args.get("emergency") or ""),
            remedy=str(args.get("remedy") or ""),
        ),
        "run.approve": lambda: requests.approve(run, step, who, planned),
        "run.reject": lambda: requests.reject(run, step, who, planned, reason),
        "run.answer": lambda: requests.answer(run, step, who, _mapping(args, "values")),
        "run.review": lambda: requests.review(run, who, reason),
        "run.hand": lambda: requests.hand(run, step, who, str(args.get("to", "")), people),
        "run.decide": lambda: requests.decide(run, step, str(args.get("target", "")), who, done=bool(args.get("done")), reason=reason),
        "run.cancel": lambda: requests.cancel(run, who, reason),
        "run.take_back": lambda: requests.take_back(run, who),
    }
    if what not in doing:
        raise ConfigError(f"{what!r} is nothing that can be asked of a run")
    return doing[what]()


WHATS: Final = ("run.begin", "run.approve", "run.reject", "run.answer", "run.review", "run.hand", "run.decide", "run.cancel", "run.take_back")


def _mapping(args: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = args.get(name) or {}
    if not isinstance(value, Mapping):
        raise ConfigError("is no mapping of names to values", key=name)
    return value


def new_run(now: datetime) -> str:
    """An id for a run that is about to be asked for."""
    return f"r{now:%Y%m%d-%H%M%S}-{token_hex(3)}"


def _new(args: Mapping[str, Any]) -> str:
    run = str(args.get("run", ""))
    if not re.fullmatch(r"r\d{8}-\d{6}-[0-9a-f]{6}", run):
        raise ConfigError("is no id of a run", key="run")
    return run
