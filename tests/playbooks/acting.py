"""Capabilities and whole playbooks on real targets: the service's own way out, a vault with one credential."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from core.clock import Clock, SystemClock
from core.errors import NotFound
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

ANN, BOB = Who("ann", ("operator",)), Who("bob", ("duty_leader", "security_officer"))


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

    def settle(self, run: str, timeout_s: float = 60.0) -> str:
        """Tick until the run is over or waits for people."""
        end = time.monotonic() + timeout_s
        while True:
            self.runner.tick()
            found = read_run(self.store, run)[2]
            word = state_word(found)
            if word in ("done", "failed", "undone", "refused", "cancelled") or (word in ("approval", "waiting", "task") and not self.runner._busy):
                return word
            assert time.monotonic() < end, f"the run is {word}"
            time.sleep(0.02)
