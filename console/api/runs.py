"""Playbooks, their plans, runs and tasks."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from console.actions import RUNS, ask, outcome
from console.api.callers import Caller, needs
from console.identity.roles import Right
from console.queries import runs
from core.errors import NotFound, Refused
from core.names import RUN, TASK
from playbooks.requests import Who, is_for, new_run
from store.filter import And, Term

router = APIRouter(tags=["playbooks"])
Reader = Annotated[Caller, Depends(needs(Right.PLAYBOOK_READ))]
Starter = Annotated[Caller, Depends(needs(Right.PLAYBOOK_RUN))]
Doer = Annotated[Caller, Depends(needs(Right.TASK_DO))]
ACTIONS: Final = tuple(what.removeprefix("run.") for what in RUNS if what != "run.begin")


class Wanted(BaseModel):
    """Inputs of a run; ``hash`` is that of the plan that was looked at, needed to begin; ``remedy`` the work that a run is for."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any] = Field(default_factory=dict)
    incident: str = ""
    remedy: str = ""
    hash: str = ""


class Act(BaseModel):
    """What is to be done to a run: ``{"action": "approve", "args": {"step": "approval", "hash": "..."}}``."""

    model_config = ConfigDict(extra="forbid")

    action: str
    args: dict[str, Any] = Field(default_factory=dict)


@router.get("/playbooks")
def list_playbooks(caller: Reader) -> dict[str, Any]:
    """Every playbook with its inputs, and files that cannot be used."""
    found = runs.catalogue(caller.desk.settings.site_folder)
    items = [book.model_dump(mode="json", by_alias=True, exclude={"steps"}) for book in found.playbooks.values()]
    return {"items": items, "problems": [str(problem) for problem in found.problems]}


@router.post("/playbooks/{name}/plan")
def plan(caller: Reader, name: str, wanted: Wanted) -> dict[str, Any]:
    """Exact commands, targets, the way back, who is hit, and the hash that an approval binds to. Touches nothing."""
    desk = caller.desk
    if name not in runs.catalogue(desk.settings.site_folder).playbooks:
        raise NotFound(f"there is no playbook {name!r}")
    incident = runs.incident_facts(desk.store, wanted.incident)
    found, refusals = runs.plan_of(desk.settings.site_folder, name, wanted.inputs, desk.estate.graph(), incident, desk.now())
    return {**found.model_dump(mode="json", by_alias=True), "hash": found.hash, "refusals": refusals}


@router.post("/playbooks/{name}/runs")
def begin(caller: Starter, name: str, wanted: Wanted) -> dict[str, Any]:
    """Ask for a run of exactly the plan with this hash."""
    run = new_run(caller.desk.now())
    args = {"run": run, "playbook": name, "inputs": wanted.inputs, "hash": wanted.hash, "incident": wanted.incident, "remedy": wanted.remedy}
    return {"run": run, **_asked(caller, "run.begin", args, run)}


@router.get("/runs")
def list_runs(caller: Reader, incident: str = "", playbook: str = "") -> dict[str, Any]:
    """Runs, the newest first."""
    where = And(tuple(Term(field, value) for field, value in (("incident", incident), ("playbook", playbook)) if value))
    return {"items": [{"id": document.id, **document.body} for document in caller.desk.store.documents.find(RUN, where, sort="-asked", limit=200).items]}


@router.get("/runs/{id}")
def get_run(caller: Reader, id: str) -> dict[str, Any]:
    """One run: its summary, its plan and its whole journal."""
    found = runs.whole(caller.desk.store, id)
    if found is None:
        raise NotFound(f"there is no run {id!r}")
    entries = [
        {"seq": one.seq, "time": one.time, "kind": one.kind, "who": one.who, "step": one.step, "target": one.target, "body": dict(one.body)}
        for one in found.entries
    ]
    return {**caller.desk.store.documents.get(RUN, id).body, "id": id, "plan": found.plan.model_dump(mode="json", by_alias=True), "entries": entries}


@router.post("/runs/{id}/actions")
def act(caller: Doer, id: str, wanted: Act) -> dict[str, Any]:
    """Approve, reject, answer, hand, decide, cancel or take_back."""
    if wanted.action not in ACTIONS:
        raise HTTPException(422, f"action is one of {', '.join(ACTIONS)}")
    if RUNS[f"run.{wanted.action}"] not in caller.rights:
        raise HTTPException(403, f"this needs the right {RUNS[f'run.{wanted.action}']}")
    return _asked(caller, f"run.{wanted.action}", wanted.args, id)


@router.get("/tasks")
def list_tasks(caller: Doer, mine: bool = True) -> dict[str, Any]:
    """Open tasks; ``mine``: those that the caller may do."""
    who = Who(caller.account.name, caller.account.roles)
    found = [document.body for document in caller.desk.store.documents.find(TASK, Term("open", True), sort="due", limit=1000).items]
    return {"items": [body for body in found if not mine or is_for(str(body["to"]), who)]}


def _asked(caller: Caller, what: str, args: dict[str, Any], on: str) -> dict[str, Any]:
    intent = ask(caller.desk, caller.account, what, args, on)
    state, message = outcome(caller.desk, intent)
    if state == "refused":
        raise Refused(message)
    return {"intent": intent, "state": state, "message": message}
