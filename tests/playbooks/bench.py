"""A site for tests: devices are folders, each thing on them a file, and every act leaves a line, so that what really happened can be counted."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from core.clock import Clock, ManualClock
from core.errors import BadReply, ConfigError, HostKeyChanged, Unreachable
from core.files import parse_yaml
from core.records import Finding
from core.secrets import NoSecrets, Secret
from inventory.asset import Asset
from inventory.graph import build_graph
from playbooks.capability import Act, Agent, Answer, Capability, Danger, Options, Ran, Shell, State, Terminal
from playbooks.form import Both, Playbook, read_form
from playbooks.lint import lint
from playbooks.plan import Plan, Surroundings, make_plan
from playbooks.policy import Policy
from playbooks.requests import Requests, Who, new_run
from playbooks.runner import Runner, Ties
from playbooks.words import Word
from store.base import Store

ANN, BOB, CAI = Who("ann", ("operator",)), Who("bob", ("duty_leader",)), Who("cai", ("security_officer",))


class SetOptions(Options):
    key: Word
    value: str = "on"


class ReadOptions(Options):
    key: Word


class Device:
    """Shared by the capabilities: files in a folder, one line in ``log`` for everything that is sent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, target: Asset | None, key: str) -> Path:
        path = self.folder / (target.id if target else "none")
        path.mkdir(parents=True, exist_ok=True)
        return path / key

    def read(self, target: Asset | None, key: str) -> str:
        path = self.place(target, key)
        return path.read_text() if path.exists() else ""

    def act(self, target: Asset | None, key: str, value: str) -> None:
        trouble = self.read(target, "trouble")
        if trouble == "refuse":
            raise BadReply(target.id if target else "", "the device refuses")
        if trouble == "hang":
            time.sleep(float(self.read(target, "hang") or 1.0))
            raise Unreachable(target.id if target else "", "no answer in time")
        self.place(target, key).write_text(value)
        with self.place(target, "log").open("a") as log:
            log.write(f"{key}={value}\n")
            log.flush()
            os.fsync(log.fileno())

    def sent(self, target: str = "") -> list[str]:
        logs = [self.folder / target / "log"] if target else sorted(self.folder.glob("*/log"))
        return [line for log in logs if log.exists() for line in log.read_text().splitlines()]


class Set:
    """Sets a file; can be looked at and put back."""

    name: ClassVar[str] = "bench.set"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = SetOptions

    def __init__(self, device: Device) -> None:
        self.device = device

    def plan(self, options: SetOptions, target: Asset | None) -> Act:
        return Act(commands=(f"set {options.key} {options.value}",), inverse=(f"set {options.key} <before: value>",))

    def verify(self, options: SetOptions, target: Asset | None, reach: Any) -> State:
        if self.device.read(target, "trouble") == "away":
            raise Unreachable(target.id if target else "", "no route")
        if self.device.read(target, "trouble") == "key":
            raise HostKeyChanged(target.id if target else "", "another host key")
        if self.device.read(target, "trouble") == "slow":
            time.sleep(float(self.device.read(target, "hang")))
        found = self.device.read(target, options.key)
        return State(holds=found == options.value, said=f"{options.key} is {found!r}", before={"value": found})

    def do(self, options: SetOptions, target: Asset | None, reach: Any) -> Answer:
        self.device.act(target, options.key, options.value)
        return Answer(said=f"{options.key} set, password=hunter2secret", values={"was": options.value})

    def undo(self, options: SetOptions, target: Asset | None, reach: Any, before: Mapping[str, Any]) -> Answer:
        self.device.act(target, options.key, str(before.get("value", "")))
        return Answer(said="back")


class Add(Set):
    """Adds a line; nobody can look whether it is there, and twice is not once."""

    name: ClassVar[str] = "bench.add"
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False

    def plan(self, options: SetOptions, target: Asset | None) -> Act:
        return Act(commands=(f"add {options.key} {options.value}",))

    def verify(self, options: SetOptions, target: Asset | None, reach: Any) -> State:
        return State(holds=None)


class Halt(Set):
    name: ClassVar[str] = "bench.halt"
    danger: ClassVar[Danger] = Danger.DANGER


class Get:
    """Reads a file."""

    name: ClassVar[str] = "bench.get"
    danger: ClassVar[Danger] = Danger.READ
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = False
    Options: ClassVar = ReadOptions

    def __init__(self, device: Device) -> None:
        self.device = device

    def plan(self, options: ReadOptions, target: Asset | None) -> Act:
        return Act(commands=(f"get {options.key}",))

    def verify(self, options: ReadOptions, target: Asset | None, reach: Any) -> State:
        return State(holds=None)

    def do(self, options: ReadOptions, target: Asset | None, reach: Any) -> Answer:
        found = self.device.read(target, options.key)
        return Answer(said=found, values={"value": found})

    def undo(self, options: ReadOptions, target: Asset | None, reach: Any, before: Mapping[str, Any]) -> Answer:
        raise AssertionError("a reading capability is never undone")


@dataclass
class PlainReach:
    """A way out without secrets."""

    timeout_s: float
    secrets: NoSecrets = field(default_factory=NoSecrets)

    def shell(self, asset: Asset) -> Shell:
        raise ConfigError("no shell in these tests")

    def terminal(self, asset: Asset) -> Terminal:
        raise ConfigError("no terminal in these tests")

    def agent(self, asset: Asset) -> Agent:
        raise ConfigError("no agent in these tests")

    def play(self, asset: Asset, file: str, sha256: str, variables: Mapping[str, Any], *, check: bool) -> Ran:
        raise ConfigError("no Ansible in these tests")

    def used(self) -> list[Secret]:
        return []

    def close(self) -> None: ...


def lookup(device: Device) -> Any:
    made: tuple[Capability, ...] = (Set(device), Add(device), Halt(device), Get(device))
    found = {one.name: one for one in made}

    def capability(name: str) -> Capability:
        if name not in found:
            raise ConfigError(f"no capability is called {name!r}")
        return found[name]

    return capability


def assets(count: int = 3, **more: Any) -> list[Asset]:
    return [Asset(id=f"web-{n}", kind="server", address=f"127.0.0.{n + 1}", tags=("web",), importance="low", **more) for n in range(1, count + 1)]


HEAD = """
playbook: try-it
version: 1
title: {zh: 试, en: try}
about: {zh: 试, en: try}
risk: change
"""
SIMPLE = (
    HEAD
    + """
inputs: {value: {type: word, default: up}}
targets: {match: {tags: web}, max: 50}
steps:
  - {id: set, run: bench.set, with: {key: light, value: "{{ value }}"}, verify: {within: 1s}}
"""
)


def book(text: str, device: Device | None = None) -> Playbook:
    document = next(iter(parse_yaml(text, "book.yaml")))
    found = read_form(document)
    lint(found, document, lookup(device or Device(Path("/nonexistent"))))
    return found


class Site:
    """A runner over a real store with devices made of files."""

    def __init__(self, store: Store, clock: Clock, folder: Path, texts: Sequence[str] = (SIMPLE,), known: Sequence[Asset] | None = None) -> None:
        self.store, self.clock, self.device = store, clock, Device(folder)
        self.assets = list(known or assets())
        self.policy = Policy()
        self.books = {one.name: one for one in (book(text, self.device) for text in texts)}
        self.told: list[tuple[str, str]] = []
        self.alarms: list[Finding] = []
        self.comments: list[tuple[str, str, str]] = []
        self.restart()

    def restart(self) -> None:
        """As after a kill: nothing is remembered but the store."""
        ties = Ties(self.around, lambda _asset, seconds: PlainReach(seconds), self.tell, self.alarms.append, lambda *what: self.comments.append(what))
        self.runner = Runner(self.store, self.clock, ties)
        self.runner.load()
        self.requests = Requests(self.runner)

    def tell(self, to: str, text: Both, _run: str) -> None:
        self.told.append((to, text.en))

    def around(self) -> Surroundings:
        return Surroundings(build_graph(self.assets), lookup(self.device), self.books, self.policy)

    def plan(self, name: str = "try-it", incident: Mapping[str, Any] | None = None, **inputs: Any) -> Plan:
        return make_plan(self.books[name], inputs, self.around(), incident)

    def begin(self, name: str = "try-it", who: Who = ANN, incident: Mapping[str, Any] | None = None, **inputs: Any) -> str:
        return self.requests.begin(new_run(self.clock.now()), name, inputs, who, hash=self.plan(name, incident, **inputs).hash, incident=incident)

    def settle(self, run: str, want: str = "", *, step_s: float = 0.0, timeout_s: float = 30.0) -> str:
        """Tick until the run is in a state of which ``want`` is the name (default: any end), or nothing moves any more."""
        from playbooks.journal import read_run, state_word

        end = time.monotonic() + timeout_s
        while True:
            self.runner.tick()
            state = state_word(read_run(self.store, run)[2])
            if state == want or (not want and state in ("done", "failed", "undone", "refused", "cancelled")):
                return state
            assert time.monotonic() < end, f"the run is {state}"
            if step_s and isinstance(self.clock, ManualClock) and not self.runner._busy:
                self.clock.advance(step_s)
            time.sleep(0.01)

    def quiet(self) -> None:
        """Tick until no act is under way."""
        for _ in range(3):
            self.runner.tick()
            while self.runner._busy:
                time.sleep(0.005)
            self.runner.tick()
