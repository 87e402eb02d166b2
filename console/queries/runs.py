"""Playbooks, runs and tasks as pages read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from console.i18n import _, one, two
from console.queries.times import read
from console.words import ROLES, word
from core.errors import NotFound
from core.names import CONFIG_CHANGE, INCIDENT, RUN, TASK
from playbooks.capabilities import capability
from playbooks.fold import ActState, Entry, RunState, fold
from playbooks.form import Both, Playbook
from playbooks.journal import read_entries, read_plan
from playbooks.load import Catalogue, Shelf
from playbooks.plan import Plan, Stage, Surroundings, make_plan
from playbooks.policy import Policy, frozen
from playbooks.requests import Who, is_for
from playbooks.scope import facts_of_incident
from store.base import Store
from store.filter import And, Filter, Term

LISTED: Final = 200
OTHERS: Final = ("approve", "review")  # never done by who asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run in a list."""

    id: str
    title: str
    state: str
    reason: str
    risk: str
    requester: str
    incident: str
    targets: tuple[str, ...]
    asked: datetime | None
    ended: datetime | None
    undo_at: datetime | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of the inbox."""

    run: str
    step: str
    title: str
    kind: str
    to: str
    requester: str
    opened: datetime | None
    due: datetime | None
    late: bool
    is_open: bool
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A run with everything about it."""

    id: str
    plan: Plan
    playbook: Playbook
    state: RunState
    entries: tuple[Entry, ...]


@lru_cache(maxsize=8)
def shelf(site: Path) -> Shelf:
    """The playbooks of a site, one shelf for all pages."""
    return Shelf(site)


def catalogue(site: Path) -> Catalogue:
    """What can be run."""
    return shelf(site).look()[0]


def policy(site: Path) -> Policy:
    """What the site allows."""
    return shelf(site).look()[1]


def words(both: Both) -> str:
    """A text in the reader's language."""
    return two(both.zh, both.en)


def offered(site: Path, rules: set[str]) -> list[Playbook]:
    """Playbooks that say they are for incidents with one of these rules."""
    found = catalogue(site).playbooks.values()
    return [one for one in found if any(_fits(wanted, rule) for wanted in one.trigger.rules for rule in rules)]


def _fits(wanted: str, rule: str) -> bool:
    return rule.startswith(wanted[:-1]) if wanted.endswith("*") else rule == wanted


def incident_facts(store: Store, incident: str) -> dict[str, Any]:
    """What a plan may know of an incident; nothing when there is none."""
    if not incident:
        return {}
    try:
        return facts_of_incident(store.documents.get(INCIDENT, incident).body)
    except NotFound:
        return {}


def plan_of(site: Path, name: str, inputs: Mapping[str, Any], graph: Any, incident: Mapping[str, Any], now: datetime) -> tuple[Plan, list[str]]:
    """The plan, and why it may not be run now. Raises ConfigError for wrong inputs."""
    found, rules = shelf(site).look()
    plan = make_plan(found.playbooks[name], inputs, Surroundings(graph, capability, found.playbooks, rules), incident)
    return plan, [*plan.refusals, *(str(one) for one in (frozen(rules, now) if plan.changes else ()))]


def list_runs(store: Store, *, only_open: bool = False, incident: str = "", playbook: str = "", remedy: str = "") -> list[Row]:
    """Runs, the newest first."""
    parts: list[Filter] = [Term("open", True)] if only_open else []
    parts += [Term(field, value) for field, value in (("incident", incident), ("playbook", playbook), ("remedy", remedy)) if value]
    return [_row(document.id, document.body) for document in store.documents.find(RUN, And(tuple(parts)), sort="-asked", limit=LISTED).items]


def _row(id: str, body: Mapping[str, Any]) -> Row:
    title = body.get("title") or {}
    return Row(
        id=id,
        title=two(str(title.get("zh", "")), str(title.get("en", ""))),
        state=str(body.get("state", "")),
        reason=str(body.get("reason", "")),
        risk=str(body.get("risk", "")),
        requester=str(body.get("requester", "")),
        incident=str(body.get("incident", "")),
        targets=tuple(body.get("targets") or body.get("assets") or ()),
        asked=read(body.get("asked")),
        ended=read(body.get("ended")),
        undo_at=read(body.get("undo_at")),
        is_open=bool(body.get("open")),
    )


def whole(store: Store, run: str) -> Whole | None:
    """A run; None when there is none."""
    try:
        plan, playbook = read_plan(store, run)
    except NotFound:
        return None
    entries = read_entries(store, run)
    return Whole(id=run, plan=plan, playbook=playbook, state=fold(entries), entries=tuple(entries))


def changes_of(store: Store, run: str) -> list[Mapping[str, Any]]:
    """Configuration changes that were seen and belong to a run: it made them, or announced them; the newest first."""
    return [document.body for document in store.documents.find(CONFIG_CHANGE, Term("run", run), sort="-made", limit=LISTED).items]


def inbox(store: Store, site: Path, who: Who, *, only_mine: bool = True, only_open: bool = True) -> list[Task]:
    """Tasks, those due first; ``only_mine``: that this person may do."""
    where = Term("open", True) if only_open else And(())
    found = [_task(document.body, site) for document in store.documents.find(TASK, where, sort="-opened", limit=1000).items]
    mine = [task for task in found if not only_mine or (is_for(task.to, who) and not (task.kind in OTHERS and task.requester == who.name))]
    return sorted(mine, key=lambda task: (not task.is_open, not task.late, task.due.timestamp() if task.due else float("inf")))


def waiting(store: Store, who: Who) -> int:
    """How many open tasks this person may do."""
    found = store.documents.find(TASK, Term("open", True), limit=1000).items
    return sum(is_for(str(one.body.get("to", "")), who) and (one.body.get("kind") not in OTHERS or one.body.get("requester") != who.name) for one in found)


def _task(body: Mapping[str, Any], site: Path) -> Task:
    playbook = catalogue(site).playbooks.get(str(body.get("playbook", "")))
    return Task(
        run=str(body.get("run", "")),
        step=str(body.get("step", "")),
        title=words(playbook.title) if playbook else str(body.get("playbook", "")),
        kind=str(body.get("kind", "")),
        to=str(body.get("to", "")),
        requester=str(body.get("requester", "")),
        text=two(str(text.get("zh", "")), str(text.get("en", ""))) if (text := body.get("text")) else "",
        opened=read(body.get("opened")),
        due=read(body.get("due")),
        late=bool(body.get("late")),
        is_open=bool(body.get("open")),
        by=str(body.get("by", "")),
    )


def step_rows(found: Whole) -> list[tuple[Stage, str, ActState | None, str]]:
    """(step, target, act, state) of everything planned, in order; a step without acts stands once."""
    rows: list[tuple[Stage, str, ActState | None, str]] = []
    for stage in found.plan.stages:
        state = found.state.stages.get(stage.id)
        word: str = state.status if state else "waiting"
        word = "dropped" if found.state.outcome and word in ("waiting", "open") else word
        if not stage.parts:
            rows.append((stage, "", None, word))
        for part in stage.parts:
            act = found.state.acts.get((stage.id, part.target))
            rows.append((stage, part.target, act, act_word(act, word)))
    return rows


def act_word(act: ActState | None, stage: str) -> str:
    """The state of an act in one word: that of its undo when there is one."""
    if act is None or (act.status == "waiting" and stage == "dropped"):
        return stage if stage in ("skipped", "dropped") else "waiting"
    return {"running": "undoing", "undone": "undone", "failed": "undo_failed"}.get(act.undo, act.status)


def half(text: str) -> str:
    """The reader's half of a reason; both halves may hold words that a person wrote."""
    found = one(text)
    zh, parted, en = text.partition(" / ")
    return two(zh, en) if found == text and parted and " / " not in en and re.search(r"[\u4e00-\u9fff]", zh) else found


def person_word(to: str) -> str:
    """Whom a task is for, in the reader's language: names, and roles by their word."""
    parts = [part.partition(":") for part in to.split(",")]
    return ", ".join(word(ROLES, name) if kind == "role" else name or {"requester": _("who asked")}.get(kind, kind) for kind, _colon, name in parts)


def role_words(roles: Iterable[str]) -> str:
    """Roles by their words."""
    return ", ".join(word(ROLES, role) for role in roles)
