"""Playbooks in the running service: the catalogue, the runs, what people ask of them, and what rules may begin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from core.clock import Clock
from core.errors import ConfigError, NotFound, Refused, WanglouError
from core.names import ACCOUNT, INCIDENT, INTENT, MUTE
from core.records import Finding
from core.secrets import Secrets
from core.settings import Settings
from inventory.asset import Asset
from inventory.graph import Graph, build_graph
from playbooks.capabilities import capability
from playbooks.form import Both, Playbook
from playbooks.journal import forget
from playbooks.load import Catalogue, Shelf
from playbooks.outbox import Heard, Outbox
from playbooks.plan import Surroundings
from playbooks.policy import Freeze, Policy
from playbooks.requests import WHATS, Requests, carry
from playbooks.runner import Runner, Ties
from playbooks.scope import facts_of_incident
from service.alerting.live import Carrier, LiveAlerting
from service.reaching import ServiceReach
from store.base import ABSENT, Store
from store.filter import Range, Term

log: Final = structlog.get_logger("playbooks")


class Playing:
    """See the module. ``round`` is called every second or so."""

    def __init__(self, settings: Settings, store: Store, vault: Secrets, clock: Clock, alerting: LiveAlerting, alarm: Callable[[Finding], None]) -> None:
        self._store, self._clock, self._alerting = store, clock, alerting
        self._graph: Graph = build_graph(())
        self._catalogue, self._policy = Catalogue(), Policy()
        self._shelf = Shelf(settings.site_folder)
        self.problems: tuple[ConfigError, ...] = ()
        self._outbox = Outbox(store, clock, self._send, alarm)
        ties = Ties(self.surroundings, lambda asset, seconds: ServiceReach(vault, asset, seconds, settings.site_folder), self._outbox.put, alarm, self._comment)
        self.runner = Runner(store, clock, ties)
        self.requests = Requests(self.runner)
        self._loaded = False
        self._seen: set[tuple[str, str]] = set()
        self._since = self._forget_at = clock.now()
        self._keep = timedelta(days=settings.retention.runs_days)

    @property
    def books(self) -> Mapping[str, Playbook]:
        """What can be run now."""
        return self._catalogue.playbooks

    @property
    def carriers(self) -> dict[str, Carrier]:
        """What carries out the intents that are about runs."""
        return dict.fromkeys(WHATS, self._carry)

    def set_assets(self, assets: list[Asset]) -> None:
        """Plan over these assets from now on."""
        self._graph = build_graph(assets)

    def surroundings(self) -> Surroundings:
        """What plans are made from now."""
        return Surroundings(self._graph, capability, self._catalogue.playbooks, self._policy_now())

    def _policy_now(self) -> Policy:
        """The site's policy and the freezes that were entered in the console."""
        now = self._clock.now()
        freezes = [Freeze.model_validate({"from": now, "until": now + timedelta(hours=1), "why": why}) for why in _frozen_by_mutes(self._store)]
        return self._policy.model_copy(update={"freezes": (*self._policy.freezes, *freezes)}) if freezes else self._policy

    def round(self) -> None:
        """Read changed files, carry on with runs, begin what rules may begin."""
        self._read()
        if not self._loaded:
            self.runner.load()
            self._loaded = True
        self.runner.tick()
        self._outbox.round()
        self._automatic()
        self._forget()

    def _forget(self) -> None:
        """Old runs go, some each hour."""
        now = self._clock.now()
        if now >= self._forget_at:
            self._forget_at = now + timedelta(hours=1)
            if gone := forget(self._store, now - self._keep):
                log.info("old runs were taken away", runs=gone)

    def close(self) -> None:
        """No new acts."""
        self.runner.close()

    def _read(self) -> None:
        self._catalogue, self._policy = self._shelf.look()
        if self._catalogue.problems != self.problems:
            self.problems = self._catalogue.problems
            for problem in self.problems:
                log.error("playbook", problem=str(problem))

    # ties

    def _carry(self, intent: Mapping[str, Any]) -> str:
        about = str((intent.get("args") or {}).get("incident") or "")
        people = [document.id for document in self._store.documents.find(ACCOUNT, limit=5000).items if not document.body.get("disabled")]
        try:
            answer = carry(self.requests, intent, people, incident_facts(self._store, about) if about else None)
        except NotFound as err:  # an intent that names what is not there must not be tried again for ever
            raise Refused(str(err)) from None
        self.runner.nudge()
        return answer

    def _send(self, to: str, text: Both, run: str, only: Collection[str], heard: Heard) -> int:
        return self._alerting.tell(to, {"zh": text.zh, "en": text.en}, run, only, heard)

    def _comment(self, incident: str, text: str, who: str) -> None:
        """A comment in the name of who asked; an intent, like one of the console."""
        now = self._clock.now()
        body = {
            "what": "comment",
            "user": who,
            "roles": self._roles(who),
            "unit": "",
            "args": {"text": text},
            "on": incident,
            "created": now.isoformat(),
            "state": "new",
        }
        digest = hashlib.sha256(f"{incident}{text}".encode()).hexdigest()[:8]
        self._store.documents.put(INTENT, f"{now:%Y%m%dT%H%M%S%f}-{digest}", body, ABSENT)

    def _roles(self, who: str) -> list[str]:
        try:
            return list(self._store.documents.get(ACCOUNT, who).body.get("roles", ()))
        except NotFound:
            return ["operator"]

    # rules

    def _automatic(self) -> None:
        """Begin the playbooks that the site lets begin by themselves, once for each incident that is new and has one of their rules."""
        books = [self._catalogue.playbooks[name] for name in self._policy.automatic if name in self._catalogue.playbooks]
        if not books:
            return
        for document in self._store.documents.find(INCIDENT, Range("opened", gte=self._since.isoformat()), limit=200).items:
            rules = {str(member.get("rule", "")) for member in document.body.get("members", ())}
            for book in books:
                if (document.id, book.name) not in self._seen and book.trigger.auto and fits(book, rules):
                    self._seen.add((document.id, book.name))
                    self._begin(book, document.id)

    def _begin(self, book: Playbook, incident: str) -> None:
        facts = incident_facts(self._store, incident)
        opened = datetime.fromisoformat(str(facts.get("opened") or self._clock.now().isoformat()))
        run = f"r{opened:%Y%m%d-%H%M%S}-{hashlib.sha256(f'{incident}/{book.name}'.encode()).hexdigest()[:6]}"
        try:
            self.requests.begin_by_rule(run, book.name, {}, facts)
        except WanglouError as err:
            log.warning("a playbook did not begin by itself", playbook=book.name, incident=incident, reason=str(err))


def fits(book: Playbook, rules: set[str]) -> bool:
    """Whether a playbook is meant for an incident with these rules."""
    return any(rule == wanted or (wanted.endswith("*") and rule.startswith(wanted[:-1])) for wanted in book.trigger.rules for rule in rules)


def incident_facts(store: Store, incident: str) -> dict[str, Any]:
    """What a plan may know of an incident: id, root, owner, assets, the labels of its members. Raises NotFound."""
    return facts_of_incident(store.documents.get(INCIDENT, incident).body)


def _frozen_by_mutes(store: Store) -> list[str]:
    """Why, of each freeze that was entered in the console and is in force."""
    found = store.documents.find(MUTE, Term("kind", "freeze"), limit=200).items
    return [str(document.body.get("why", "")) for document in found if document.body.get("active") and not document.body.get("ended")]
