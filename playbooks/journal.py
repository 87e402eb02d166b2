"""The journal of runs in the store: audit first, then the entry; the documents that lists are made of follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from core.errors import NotFound
from core.names import RUN, RUN_ENTRY, RUN_NOTE, RUN_PLAN, TASK
from playbooks.fold import Entry, RunState, fold
from playbooks.form import Playbook
from playbooks.plan import Plan
from store.base import ABSENT, Store
from store.filter import And, Range, Term

ENGINE: Final = "playbooks"
AFTERWARDS: Final = timedelta(minutes=10)  # a change may be seen a little after the run that made it


def append(store: Store, run: str, entry: Entry) -> None:
    """Make an entry durable. Without audit no action: when the audit fails nothing is written. Raises StoreError."""
    body = {"run": run, "seq": entry.seq, "time": entry.time.isoformat(), "kind": entry.kind, "who": entry.who}
    body |= {key: value for key, value in (("step", entry.step), ("target", entry.target), ("body", dict(entry.body))) if value}
    store.audit.append(time=entry.time, actor=entry.who, action=f"run.{entry.kind}", object=run, body=body)
    store.documents.put(RUN_ENTRY, f"{run}.{entry.seq:06d}", body, ABSENT)


def read_entries(store: Store, run: str) -> list[Entry]:
    """Every entry of a run, in order."""
    found: list[Entry] = []
    cursor: str | None = None
    while True:
        page = store.documents.find(RUN_ENTRY, Term("run", run), limit=1000, cursor=cursor)
        found += [entry_of(document.body) for document in page.items]
        if (cursor := page.cursor) is None:
            return found


def entry_of(body: Mapping[str, Any]) -> Entry:
    """The entry that a document or an audit entry holds."""
    return Entry(
        seq=int(body["seq"]),
        time=datetime.fromisoformat(body["time"]),
        kind=str(body["kind"]),
        who=str(body["who"]),
        step=str(body.get("step", "")),
        target=str(body.get("target", "")),
        body=body.get("body", {}),
    )


def from_audit(store: Store, run: str) -> list[Entry]:
    """The same journal, rebuilt from the audit alone (entries that a kill wrote twice count once)."""
    found: dict[int, Entry] = {}
    after = 0
    while True:
        page = store.audit.read(after=after, limit=1000, object=run)
        for one in page:
            if one.action.startswith("run.") and "seq" in one.body:
                entry = entry_of(one.body)
                found[entry.seq] = entry
        if not page:
            return [found[seq] for seq in sorted(found)]
        after = page[-1].seq


def write_plan(store: Store, run: str, plan: Plan, playbook: Playbook) -> None:
    """What was planned, whole; before the first entry of the run."""
    body = {"plan": plan.model_dump(mode="json", by_alias=True), "playbook": playbook.model_dump(mode="json", by_alias=True), "hash": plan.hash}
    store.documents.put(RUN_PLAN, run, body)


def read_plan(store: Store, run: str) -> tuple[Plan, Playbook]:
    """The plan and the form of a run; raises NotFound."""
    body = store.documents.get(RUN_PLAN, run).body
    return Plan.model_validate(body["plan"]), Playbook.model_validate(body["playbook"])


def read_run(store: Store, run: str) -> tuple[Plan, Playbook, RunState]:
    """A whole run as it is now; raises NotFound."""
    plan, playbook = read_plan(store, run)
    return plan, playbook, fold(read_entries(store, run))


def write_summary(store: Store, run: str, plan: Plan, playbook: Playbook, state: RunState) -> None:
    """The documents of lists: the run, and its tasks."""
    store.documents.put(RUN, run, summary(plan, playbook, state))
    for name, task in state.tasks.items():
        body = {
            "run": run,
            "step": name,
            "playbook": plan.playbook,
            "kind": task.kind,
            "to": task.to,
            "open": not task.done,
            "late": task.late,
            "opened": task.opened.isoformat(),
            "due": task.due.isoformat() if task.due else "",
            "requester": state.requester,
            "by": task.by,
            "text": _asked(plan, name),
        }
        store.documents.put(TASK, f"{run}.{name}", body)


def _asked(plan: Plan, name: str) -> dict[str, str]:
    """What a task asks, in both languages; empty for those of the engine."""
    step = next((stage.step for stage in plan.stages if stage.id == name), None)
    form = (step.ask or step.assign or step.approve) if step else None
    return form.text.model_dump() if form and form.text else {}


def summary(plan: Plan, playbook: Playbook, state: RunState) -> dict[str, Any]:
    """What lists show of a run."""
    return {
        "playbook": plan.playbook,
        "version": plan.version,
        "title": playbook.title.model_dump(),
        "risk": plan.risk.value,
        "domain": plan.domain,
        "state": state_word(state),
        "reason": state.reason or state.failing or state.waits_for,
        "open": not state.is_over,
        "requester": state.requester,
        "asked": state.asked.isoformat() if state.asked else "",
        "started": state.started.isoformat() if state.started else "",
        "ended": state.ended.isoformat() if state.ended else "",
        "incident": str(plan.incident.get("id", "")),
        "remedy": state.remedy,
        "targets": list(plan.targets[:100]),
        "assets": about(plan, playbook),
        "agreed": agreed.isoformat() if (agreed := agreed_at(plan, state)) else "",
        "inputs": {name: plan.inputs.get(name) for name in plan.limits.once_per},
        "undo_at": min((act.undo_at.isoformat() for act in state.open_undos.values() if act.undo_at), default=""),
        "hash": plan.hash,
    }


def about(plan: Plan, playbook: Playbook) -> list[str]:
    """Every asset that a run is about: its targets, and those that were named as inputs."""
    named = [plan.inputs.get(name) for name, form in playbook.inputs.items() if form.type == "asset"]
    flat = [one for value in named if value for one in (value if isinstance(value, list) else [value])]
    return list(dict.fromkeys([*plan.targets, *flat]))[:1000]


def agreed_at(plan: Plan, state: RunState) -> datetime | None:
    """Since when what it is about may be changed: a changing run since it began, a request of people since its last approval was given."""
    if plan.changes:
        return state.started
    gates = [state.stages.get(stage.id) for stage in plan.stages if stage.verb == "approve"]
    times = [gate.closed for gate in gates if gate and gate.closed and gate.status == "done"]
    return max(times) if gates and len(times) == len(gates) else None


def announced(store: Store, asset: str, time: datetime, after: timedelta = AFTERWARDS) -> str:
    """The run that a change of an asset at a time belongs to: an approved change request, or a run that changed it; empty when there is none."""
    for document in store.documents.find(RUN, Term("assets", asset), sort="-asked", limit=200).items:
        body = document.body
        ended = datetime.fromisoformat(body["ended"]) + after if body.get("ended") else None
        if body.get("agreed") and datetime.fromisoformat(body["agreed"]) <= time and (ended is None or time <= ended):
            return document.id
    return ""


def state_word(state: RunState) -> str:
    """waiting, queued, running, stopping, or how it ended."""
    if state.outcome:
        return state.outcome
    if state.failing:
        return "stopping"
    if state.started:
        return "running"
    return "queued" if state.waits_for else "waiting"


def recent(store: Store, playbook: str, since: datetime) -> list[dict[str, Any]]:
    """Summaries of a playbook's runs asked for since a time, with their ids."""
    found = store.documents.find(RUN, And((Term("playbook", playbook),)), sort="-asked", limit=1000).items
    return [{**document.body, "id": document.id} for document in found if document.body["asked"] >= since.isoformat()]


def forget(store: Store, before: datetime, most: int = 50) -> int:
    """Take away runs that are over and were asked for before a time, at most so many; returns how many. The audit keeps what they did.

    The run itself goes last: what a kill leaves half taken away is found again. Raises StoreError.
    """
    old = store.documents.find(RUN, And((Term("open", False), Range("asked", lt=before.isoformat()))), sort="asked", limit=most).items
    for document in old:
        for kind in (TASK, RUN_NOTE, RUN_ENTRY):
            while page := store.documents.find(kind, Term("run", document.id), limit=1000).items:
                for one in page:
                    store.documents.delete(kind, one.id)
        with suppress(NotFound):
            store.documents.delete(RUN_PLAN, document.id)
        store.documents.delete(RUN, document.id)
    return len(old)


def is_begun(store: Store, run: str) -> bool:
    """Whether a run was asked for: its first entry is there."""
    return bool(store.documents.find(RUN_ENTRY, Term("run", run), limit=1).items)
