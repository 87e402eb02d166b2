"""Capabilities and whole playbooks on real targets: the service's own way out, a vault with one credential."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from core.clock import Clock, ManualClock, SystemClock
from core.errors import NotFound, Refused
from core.records import Finding
from core.secrets import Secret
from inventory.asset import Asset
from inventory.graph import build_graph
from playbooks.capabilities import capability
from playbooks.capability import Act, Answer, State
from playbooks.form import Both
from playbooks.journal import read_run, state_word
from playbooks.load import LIBRARY, Catalogue, load_catalogue
from playbooks.plan import Plan, Surroundings, make_plan
from playbooks.policy import Policy
from playbooks.requests import Requests, Who, new_run
from playbooks.runner import Runner, Ties
from service.reaching import ServiceReach
from store.base import Store

LEADING = ("duty_leader", "security_officer", "operator", "system_admin")
ANN, BOB, CAI = Who("ann", ("operator",)), Who("bob", LEADING), Who("cai", LEADING)
FILLED: Final[Mapping[str, Any]] = {"date": "2026-12-31", "duration": "1h", "bool": True, "number": 21, "int": 1}


class Vault:
    """Credentials by name."""

    def __init__(self, **secrets: Secret) -> None:
        self._secrets = secrets

    def get(self, name: str) -> Secret:
        if name not in self._secrets:
            raise NotFound(f"there is no credential called {name!r}")
        return self._secrets[name]


class Hand:
    """One capability on one target, over one way out."""

    def __init__(self, name: str, target: Asset | None, reach: ServiceReach, /, **options: Any) -> None:
        self.capability = capability(name)
        self.options = self.capability.Options.model_validate(options)
        self.target, self.reach = target, reach

    def plan(self) -> Act:
        return self.capability.plan(self.options, self.target)

    def verify(self) -> State:
        return self.capability.verify(self.options, self.target, self.reach)

    def do(self) -> Answer:
        return self.capability.do(self.options, self.target, self.reach)

    def undo(self, before: Mapping[str, Any]) -> Answer:
        return self.capability.undo(self.options, self.target, self.reach, before)


def there_and_back(found: Hand) -> tuple[str, str]:
    """Do, see that it holds, undo, see that it does not; twice each, since both must be harmless the second time."""
    before = found.verify()
    assert before.holds is False
    said = found.do().said
    assert found.verify().holds is True
    found.do()
    assert found.verify().holds is True
    undone = found.undo(before.before).said
    assert found.verify().holds is False
    found.undo(before.before)
    assert found.verify().holds is False
    return said, undone


class Shop:
    """The shipped library over assets, carried out for real."""

    def __init__(self, store: Store, assets: list[Asset], vault: Vault, clock: Clock | None = None) -> None:
        self.store, self.assets, self.clock = store, assets, clock or SystemClock()
        self.vault, self.who = vault, BOB
        self.catalogue: Catalogue = load_catalogue((LIBRARY,))
        self.told: list[tuple[str, str]] = []
        self.alarms: list[Finding] = []
        ties = Ties(self.around, lambda asset, seconds: ServiceReach(vault, asset, seconds), self._tell, self.alarms.append, lambda *_what: None)
        self.runner = Runner(store, self.clock, ties)
        self.requests = Requests(self.runner)

    def _tell(self, to: str, text: Both, _run: str) -> None:
        self.told.append((to, text.en))

    def around(self) -> Surroundings:
        return Surroundings(build_graph(self.assets), capability, self.catalogue.playbooks, Policy())

    def plan(self, name: str, incident: Mapping[str, Any] | None = None, **inputs: Any) -> Plan:
        return make_plan(self.catalogue.playbooks[name], inputs, self.around(), incident)

    def begin(self, name: str, incident: Mapping[str, Any] | None = None, **inputs: Any) -> str:
        plan = self.plan(name, incident, **inputs)
        return self.requests.begin(new_run(self.clock.now()), name, inputs, ANN, hash=plan.hash, incident=incident)

    def finish(self, run: str, answers: Mapping[str, Mapping[str, Any]] | None = None, timeout_s: float = 90.0) -> str:
        """Tick, fill in forms, approve and let time pass until the run is over; returns how it ended."""
        end = time.monotonic() + timeout_s
        while True:
            self.runner.tick()
            live = self.runner.runs.get(run)
            if live is None or live.state.outcome:
                return state_word(read_run(self.store, run)[2])
            opened = [(step, task.kind) for step, task in live.state.tasks.items() if not task.done]
            for step, kind in opened:
                self._answer(run, step, kind, (answers or {}).get(step, {}))
            if not opened and not self.runner._busy and isinstance(self.clock, ManualClock):
                self.clock.advance(20)
            assert time.monotonic() < end, f"the run is {state_word(live.state)} with {opened}"
            time.sleep(0.02)

    def _answer(self, run: str, step: str, kind: str, given: Mapping[str, Any]) -> None:
        live = self.runner.find(run)
        if kind == "approve":
            for who in (BOB, CAI):
                with suppress(Refused):
                    self.requests.approve(run, step, who, live.plan.hash)
            return
        form = live.plan.stage(step).step.ask or live.plan.stage(step).step.assign
        assert form is not None
        values = {name: given.get(name, FILLED.get(one.type, "as seen")) for name, one in form.form.items()}
        for who in (ANN, BOB):
            with suppress(Refused):
                self.requests.answer(run, step, who, values)
                return
        raise AssertionError(f"nobody may answer {step}")

    def values(self, run: str, step: str, target: str) -> dict[str, Any]:
        """What one step found on one target."""
        return dict(read_run(self.store, run)[2].acts[step, target].values)

    def errors(self, run: str) -> list[str]:
        """Everything that went wrong in it."""
        state = read_run(self.store, run)[2]
        return [act.error for act in state.acts.values() if act.error] + [state.reason]

    def said(self, run: str, step: str, target: str) -> str:
        """What the target said to one step."""
        return read_run(self.store, run)[2].acts[step, target].said

    def steps(self, run: str, target: str) -> list[str]:
        """The steps that acted on a target."""
        return [step for step, one in read_run(self.store, run)[2].acts if one == target]

    def ticked(self) -> bool:
        """Go on a little; always true."""
        self.runner.tick()
        time.sleep(0.2)
        return True

    def look(self, asset: str, name: str, /, **options: Any) -> str:
        """What a reading capability says of an asset now."""
        target = next(one for one in self.assets if one.id == asset)
        reach = ServiceReach(self.vault, target, 60)
        try:
            return Hand(name, target, reach, **options).do().said
        finally:
            reach.close()
