"""What ``wanglou playbook`` does: list, check, plan, and ask the running service for a run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from core.errors import ConfigError, NotFound, Refused
from core.files import read_text
from core.names import ACCOUNT, INTENT, RUN
from core.settings import Settings
from inventory.book import Book
from inventory.graph import build_graph
from playbooks.cacao import read_cacao
from playbooks.capabilities import capability
from playbooks.load import Catalogue, Shelf, load_catalogue, read_playbook
from playbooks.plan import Plan, Surroundings, make_plan
from playbooks.requests import new_run
from service.playing import incident_facts
from store.base import ABSENT, Store

LOOK_EVERY_S: Final = 0.2
ANSWER_S: Final = 15.0
ENDS: Final = ("done", "failed", "undone", "refused", "cancelled")


def catalogue(settings: Settings) -> Catalogue:
    """What can be run."""
    return Shelf(settings.site_folder).look()[0]


def list_lines(found: Catalogue) -> Iterator[str]:
    """One line for each playbook: name, risk, title."""
    for book in sorted(found.playbooks.values(), key=lambda book: book.name):
        yield f"{book.name:32} {book.risk.value:7} {book.title.zh} / {book.title.en}"
    yield from (f"not usable: {problem}" for problem in found.problems)


def check_lines(paths: Sequence[Path]) -> tuple[list[str], bool]:
    """What is wrong with files and folders, and whether all is well."""
    folders = [path for path in paths if path.is_dir()]
    found = load_catalogue(folders)
    problems = list(found.problems)
    names = sorted(found.playbooks)
    for path in paths:
        if path.is_dir():
            continue
        try:
            names.append(read_playbook(path)[0].name)
        except ConfigError as err:
            problems.append(err)
    return [*(f"{name}: in order" for name in names), *map(str, problems)], bool(names) and not problems


def take_in(found: Catalogue, path: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """A CACAO 2.0 document as the text of a playbook, and what did not map; raises ConfigError."""
    taken = read_cacao(read_text(path), path, capability, found.playbooks, name)
    return taken.text, taken.notes


def read_inputs(pairs: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` pairs; raises ConfigError."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, parted, value = pair.partition("=")
        if not parted:
            raise ConfigError(f"{pair!r} is no NAME=VALUE")
        found[name] = value
    return found


def plan_now(settings: Settings, store: Store, name: str, inputs: Mapping[str, Any], incident: str = "") -> Plan:
    """The plan of a run; touches nothing. Raises ConfigError."""
    found, policy = Shelf(settings.site_folder).look()
    if name not in found.playbooks:
        raise ConfigError(f"there is no playbook {name!r}; wanglou playbook list shows what there is")
    around = Surroundings(build_graph(Book(store).all()), capability, found.playbooks, policy)
    return make_plan(found.playbooks[name], inputs, around, incident_facts(store, incident) if incident else None)


def plan_lines(plan: Plan) -> Iterator[str]:
    """Everything that the run would do."""
    yield f"{plan.playbook} v{plan.version}, risk {plan.risk.value}, plan {plan.hash}"
    yield f"targets: {', '.join(plan.targets) or 'none'}"
    if plan.approval:
        yield f"approval: {plan.approval.count} of {', '.join(plan.approval.by)} ({plan.why_approval})"
    for stage in plan.stages:
        under = "".join(f" when {asked} is {answer}" for asked, answer in stage.under)
        yield f"{stage.id}: {stage.step.run or stage.verb}{under}"
        for part in stage.parts:
            yield from (f"  {part.target or '-'} > {command}" for command in part.commands)
            yield from (f"  {part.target or '-'} < {command}" for command in part.inverse)
    yield from (f"breaks while a target stops: {hit.asset} (through {hit.via})" for hit in plan.impact if hit.lost)
    yield from (f"refused: {reason}" for reason in plan.refusals)


def ask_run(store: Store, plan: Plan, who: str, now: datetime) -> str:
    """Ask the running service for a run of this plan in the name of an account; returns the run's id. Raises Refused."""
    try:
        account = store.documents.get(ACCOUNT, who).body
    except NotFound:
        raise Refused(f"there is no account {who!r}") from None
    if account.get("disabled"):
        raise Refused(f"the account {who!r} is disabled")
    run = new_run(now)
    args = {"run": run, "playbook": plan.playbook, "inputs": plan.inputs, "hash": plan.hash, "incident": str(plan.incident.get("id", ""))}
    body = {"what": "run.begin", "user": who, "roles": list(account.get("roles", ())), "unit": str(account.get("unit") or ""), "args": args, "on": run}
    store.audit.append(time=now, actor=who, action="ask.run.begin", object=run, body={"args": args, "from": "command line"})
    intent = f"{now:%Y%m%dT%H%M%S%f}-{token_hex(4)}"
    store.documents.put(INTENT, intent, {**body, "created": now.isoformat(), "state": "new"}, ABSENT)
    end = time.monotonic() + ANSWER_S
    while time.monotonic() < end:
        answer = store.documents.get(INTENT, intent).body
        if answer.get("state") == "refused":
            raise Refused(str(answer.get("message") or "refused"))
        if answer.get("state") == "done":
            return run
        time.sleep(LOOK_EVERY_S)
    raise Refused("the service does not answer; wanglou status says whether it runs. What was asked for is carried out when it does")


def wait_run(store: Store, run: str, seconds: float) -> str:
    """The state of a run once it has ended, or when the time is over."""
    end = time.monotonic() + seconds
    state = ""
    while time.monotonic() < end:
        try:
            state = str(store.documents.get(RUN, run).body["state"])
        except NotFound:
            state = "waiting"
        if state in ENDS:
            break
        time.sleep(LOOK_EVERY_S)
    return state
