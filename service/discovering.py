"""Searches of the network as the service does them: asked for in the console, on the command line or by the site's plan, one after the other.

A search is a document of kind ``search``: ``waiting``, ``running``, then ``done``, ``stopped`` or ``failed``. One that was under way when the
service ended is begun again once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

import structlog
from pydantic import ValidationError

from collectors.network.discovery import Limits, Order, Outcome, search
from collectors.network.discovery.agent import Key
from collectors.network.discovery.search import is_address, order_addresses
from core.clock import Clock, SystemClock
from core.errors import ConfigError, Conflict, NotFound, Refused, WanglouError
from core.names import SEARCH
from core.records import Event, fingerprint
from core.secrets import Secret, Secrets
from core.settings import DiscoverySettings, Settings
from inventory.asset import Asset
from inventory.book import Book
from inventory.discovery.candidate import Candidate, Folded
from inventory.discovery.inbox import Inbox
from inventory.discovery.plan import FILE, Plan, Search, read_plan
from inventory.discovery.ranges import Range, check_ranges, is_allowed, parse_range
from inventory.discovery.sighting import Sighting
from service.pulse import SELF
from store.base import ABSENT, ANY, Document, Store
from store.filter import And, Term
from store.filter import Range as Between

log = structlog.get_logger("discovery")
MAY_DISCOVER: Final = frozenset({"operator", "duty_leader", "system_admin"})
PROGRESS_S: Final = 2.0
TRIES: Final = 2
KEPT: Final = 200
KINDS: Final = {"found": "device_found", "changed": "device_changed", "gone": "device_gone", "back": "device_back"}
UNKNOWN, HANDLED, ACCEPTED = "device_unknown", "device_handled", "device_accepted"


def allowed_ranges(settings: DiscoverySettings) -> tuple[Range, ...]:
    """Where one may search; raises ConfigError that names the setting."""
    try:
        return tuple(parse_range(text) for text in settings.allowed)
    except ConfigError as err:
        raise ConfigError(err.message, key="discovery.allowed") from None


def read_search(values: Mapping[str, Any]) -> Search:
    """A search out of what somebody asked for; raises ConfigError that names the key."""
    try:
        return Search.model_validate(dict(values))
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        raise ConfigError(first["msg"].removeprefix("Value error, "), key=".".join(map(str, first["loc"]))) from None


def make_order(wanted: Search, settings: DiscoverySettings, assets: Iterable[Asset], secrets: Secrets) -> Order:
    """What a search asks, checked against the allowed ranges; raises ConfigError."""
    allowed = allowed_ranges(settings)
    ranges = check_ranges(wanted.ranges, allowed, settings.max_addresses)
    seeds = [_seed(seed, assets) for seed in wanted.seeds]
    for seed in seeds:
        if not is_allowed(seed, allowed):
            raise ConfigError(f"the seed {seed} is not inside a range that may be searched; those stand in the setting discovery.allowed")
    return Order(order_addresses(ranges), tuple(seeds), wanted.hops, _keys(wanted.credentials, secrets), wanted.snmp_ports, wanted.ports)


def _seed(text: str, assets: Iterable[Asset]) -> str:
    if is_address(text):
        return text
    found = next((asset.address for asset in assets if asset.id == text and asset.address), "")
    if not found:
        raise ConfigError(f"the seed {text!r} is neither an address nor the id of an asset that has one")
    return found


def _keys(names: Sequence[str], secrets: Secrets) -> tuple[Key, ...]:
    """The credentials by name; without any the community ``public`` is tried, as every device has it from the factory."""
    try:
        return tuple(Key(name, secrets.get(name)) for name in names) or (Key("", Secret()),)
    except NotFound as err:
        raise ConfigError(str(err), key="credentials") from None


def limits_of(settings: DiscoverySettings) -> Limits:
    """The settings as a search wants them."""
    return Limits(allowed_ranges(settings), settings.max_addresses, settings.rate_per_s, settings.workers, settings.timeout_s)


def events_of(folded: Folded, now: datetime, known_ground: Callable[[str], bool]) -> list[Event]:
    """What is worth telling of a search, as events of the asset it is about, else of the product itself.

    A new device is ``device_found`` where nobody searched before, ``device_unknown`` on ``known_ground``: there it came since.
    """
    found = []
    for what, candidate in folded.told:
        if what == "found" and candidate.asset and not candidate.differences:
            continue
        kind = "device_changed" if what == "found" and candidate.asset else KINDS[what]
        if kind == "device_found" and any(known_ground(address) for address in candidate.addresses):
            kind = UNKNOWN
        found.append(event_of(kind, candidate, now))
    return found


def event_of(kind: str, candidate: Candidate, now: datetime) -> Event:
    """One event about a candidate; ``host.ip`` tells one from another and stays the same from beginning to end."""
    who, address = candidate.guess, min(candidate.addresses)
    asset = SELF if kind in (UNKNOWN, HANDLED) else candidate.asset or SELF
    changes = "; ".join(f"{one.field}: {one.before} -> {one.after}" for one in candidate.differences)
    described = " ".join(part for part in (who.vendor, who.model, who.serial) if part)
    message = f"{kind.replace('_', ' ')}: {candidate.title} at {', '.join(candidate.addresses)}" + (
        f" ({changes or described})" if changes or described else ""
    )
    fields = {"event.category": "configuration", "event.provider": "discovery", "host.name": candidate.title, "host.ip": address, "host.type": who.kind}
    identity = fingerprint(kind, asset, {"candidate": candidate.id, "time": now.isoformat()})
    return Event(id=identity, time=now, asset=asset, kind=kind, message=message, fields=fields)


def known_ground(store: Store, before: str) -> Callable[[str], bool]:
    """Whether an address was inside the ranges of a search that ended before the one called ``before``."""
    where = And((Term("state", "done"), Between("created", lt=before)))
    spans = [
        parse_range(text) for document in store.documents.find(SEARCH, where, limit=KEPT).items for text in dict(document.body["search"]).get("ranges", ())
    ]
    return lambda address: is_allowed(address, spans)


def search_now(settings: Settings, store: Store, secrets: Secrets, values: Mapping[str, Any], who: str) -> tuple[list[Candidate], Outcome]:
    """One search in this process, into the inbox: the devices that it saw, and how it went. Raises ConfigError when it may not or cannot be done."""
    clock, assets = SystemClock(), Book(store).all()
    wanted = read_search(values)
    order = make_order(wanted, settings.discovery, assets, secrets)
    asked = wanted.model_dump(mode="json", exclude_defaults=True)
    id = f"{clock.now():%Y%m%dT%H%M%S}-{token_hex(3)}"  # noqa: A001
    store.audit.append(time=clock.now(), actor=who, action="discovery.search", object=id, body=asked)
    seen: list[Sighting] = []
    outcome = search(order, limits_of(settings.discovery), clock.now, seen.append, threading.Event(), lambda _asked, _known: None)
    now = clock.now()
    folded = Inbox(store).apply(seen, assets, outcome.searched.__contains__, now)
    figures = _figures(folded, outcome)
    store.audit.append(time=now, actor=who, action="discovery.end", object=id, body=figures)
    done = {"state": "done", "by": who, "created": now.isoformat(), "finished": now.isoformat(), "name": "", "search": asked, "problems": outcome.problems}
    store.documents.put(SEARCH, id, {**done, **figures}, ABSENT)
    addresses = {sighting.address for sighting in seen}
    return [candidate for candidate in folded.candidates if addresses & set(candidate.addresses)], outcome


def shown(candidate: Candidate) -> str:
    """A candidate as a line of a terminal."""
    who = candidate.guess
    ways = ",".join(dict.fromkeys(way for sighting in candidate.sightings for way in sighting.ways))
    described = " ".join(part for part in (who.vendor, who.model, who.serial) if part) or "-"
    conflict = "".join(f"  CONFLICT with {clash.address}: {', '.join(clash.why)}" for clash in candidate.conflicts)
    return f"{candidate.state:8} {','.join(candidate.addresses):32} {who.kind:10} {who.confidence:4.0%} {candidate.title:24} {described}  [{ways}]{conflict}"


@dataclass
class Discovering:
    """The service's part: carries out intents, follows the plan, runs one search at a time on the thread that calls ``work``."""

    settings: Settings
    store: Store
    secrets: Secrets
    clock: Clock
    assets: Callable[[], Iterable[Asset]]
    tell: Callable[[Sequence[Event]], object]
    beat: Callable[[], object] = lambda: None
    nudge: Callable[[], object] = lambda: None
    problems: tuple[ConfigError, ...] = ()
    plan: Plan = field(default_factory=Plan)
    _stop: threading.Event = field(default_factory=threading.Event)
    _ending: threading.Event = field(default_factory=threading.Event)
    _stamp: float = -1.0
    _resumed: bool = False

    @property
    def carriers(self) -> Mapping[str, Callable[[Mapping[str, Any]], str]]:
        """What the console may ask."""
        carriers = {
            "discover": self.ask,
            "stop_discovery": self.ask_to_stop,
            "take_in": self.take_in,
            "set_aside": self.set_aside,
            "bring_back": self.bring_back,
            "accept_changes": self.accept,
            "forget_candidate": self.forget,
        }
        return {name: _refusing(carry) for name, carry in carriers.items()}

    def ask(self, intent: Mapping[str, Any]) -> str:
        """Put a search into the queue; returns its id. Raises ConfigError when it may not or cannot be done."""
        wanted = read_search(_args(intent, MAY_DISCOVER))
        make_order(wanted, self.settings.discovery, self.assets(), self.secrets)
        id = self._queue(wanted, str(intent["user"]))  # noqa: A001
        self.nudge()
        return id

    def ask_to_stop(self, intent: Mapping[str, Any]) -> str:
        """Cut the search under way short; what it saw is kept."""
        _args(intent, MAY_DISCOVER)
        running = self._find("running")
        if not running:
            raise Refused("no search is under way")
        self.store.audit.append(time=self.clock.now(), actor=str(intent["user"]), action="discovery.stop", object=running[0].id, body={})
        self._stop.set()
        return ""

    def take_in(self, intent: Mapping[str, Any]) -> str:
        """Make a candidate an asset; returns the asset's id."""
        args = _args(intent, MAY_DISCOVER)
        credential, candidate = args.get("credential"), str(args.get("candidate"))
        name = self._inbox.take_in(
            candidate,
            dict(args.get("values") or {}),
            who=str(intent["user"]),
            now=self.clock.now(),
            asset=str(args.get("asset") or ""),
            credential=None if credential is None else str(credential),
        )
        self._tell_of(HANDLED, candidate)
        return name

    def set_aside(self, intent: Mapping[str, Any]) -> str:
        """Show a candidate no longer among the new ones."""
        args = _args(intent, MAY_DISCOVER)
        self._inbox.set_aside(str(args.get("candidate")), who=str(intent["user"]), why=str(args.get("why") or ""), now=self.clock.now())
        self._tell_of(HANDLED, str(args.get("candidate")))
        return ""

    def bring_back(self, intent: Mapping[str, Any]) -> str:
        """Show it again."""
        self._inbox.bring_back(str(_args(intent, MAY_DISCOVER).get("candidate")), who=str(intent["user"]), now=self.clock.now())
        return ""

    def accept(self, intent: Mapping[str, Any]) -> str:
        """What changed is right."""
        candidate = str(_args(intent, MAY_DISCOVER).get("candidate"))
        self._inbox.accept(candidate, who=str(intent["user"]), now=self.clock.now())
        self._tell_of(ACCEPTED, candidate)
        return ""

    def forget(self, intent: Mapping[str, Any]) -> str:
        """Take a candidate off the list."""
        self._inbox.forget(str(_args(intent, MAY_DISCOVER).get("candidate")), who=str(intent["user"]), now=self.clock.now())
        return ""

    def _tell_of(self, kind: str, candidate: str) -> None:
        self.tell([event_of(kind, self._inbox.get(candidate), self.clock.now())])

    def work(self) -> None:
        """Queue what the plan says is due, then run what waits. Called again and again."""
        self._resume()
        self._read_plan()
        self._queue_due()
        while (waiting := self._find("waiting")) and not self._ending.is_set():
            self._run(waiting[0])

    def end(self) -> None:
        """The service ends: so does a search under way; it is begun again with the next start."""
        self._ending.set()
        self._stop.set()

    @property
    def _inbox(self) -> Inbox:
        return Inbox(self.store)

    def _resume(self) -> None:
        """What was under way when the service ended: once more, but not for ever."""
        if self._resumed:
            return
        for document in self._find("running"):
            again = int(document.body.get("tries", 1)) < TRIES
            self._write(document.id, {**document.body, "state": "waiting" if again else "failed", "message": "" if again else "the service ended twice in it"})
        self._resumed = True

    def _read_plan(self) -> None:
        path = self.settings.site_folder / FILE
        stamp = path.stat().st_mtime if path.exists() else 0.0
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.plan, self.problems = read_plan(self.settings.site_folder), ()
            if self.plan.searches and not self.settings.discovery.allowed:
                self.problems = (ConfigError("searches are planned, but no range may be searched: set discovery.allowed", path=path),)
        except ConfigError as err:
            self.problems = (err,)
            log.error("site file", problem=str(err))

    def _queue_due(self) -> None:
        now = self.clock.now()
        for wanted in self.plan.searches if self.settings.discovery.allowed else ():
            if not wanted.every_s:
                continue
            found = self.store.documents.find(SEARCH, Term("name", wanted.name), sort="-created", limit=1).items
            if not found or (now - datetime.fromisoformat(found[0].body["created"])).total_seconds() >= wanted.every_s:
                self._queue(wanted, "site plan")

    def _queue(self, wanted: Search, who: str) -> str:
        now = self.clock.now()
        id = f"{now:%Y%m%dT%H%M%S}-{token_hex(3)}"  # noqa: A001
        body = {"state": "waiting", "by": who, "created": now.isoformat(), "name": wanted.name, "search": wanted.model_dump(mode="json", exclude_defaults=True)}
        self.store.documents.put(SEARCH, id, body, ABSENT)
        return id

    def _run(self, document: Document) -> None:
        self._stop.clear()
        if self._ending.is_set():
            return
        now = self.clock.now()
        body = {**document.body, "state": "running", "started": now.isoformat(), "tries": int(document.body.get("tries", 0)) + 1}
        self._write(document.id, body)
        try:
            wanted = read_search(document.body["search"])
            order = make_order(wanted, self.settings.discovery, self.assets(), self.secrets)
            asked = {key: value for key, value in document.body["search"].items() if key != "name"}
            self.store.audit.append(time=now, actor=str(body["by"]), action="discovery.search", object=document.id, body=asked)
            ended = self._search(document.id, body, order)
        except WanglouError as err:
            ended = {**body, "state": "failed", "message": str(err)}
            log.error("search failed", search=document.id, reason=str(err))
        if ended:
            self._write(document.id, {**ended, "finished": self.clock.now().isoformat()})
            self._drop_old()

    def _search(self, id: str, body: Mapping[str, Any], order: Order) -> dict[str, Any]:
        """The document at its end; empty when the service ended, so that it stays under way."""
        seen: list[Sighting] = []
        progress = _Progress(self, id, body, seen)
        outcome = search(order, limits_of(self.settings.discovery), self.clock.now, seen.append, self._stop, progress.tell)
        if self._ending.is_set():
            return {}
        folded = self.take(seen, outcome, known_ground(self.store, str(body["started"])))
        figures = _figures(folded, outcome)
        self.store.audit.append(time=self.clock.now(), actor=str(body["by"]), action="discovery.end", object=id, body=figures)
        log.info("search ended", search=id, **figures)
        return {**body, **figures, "state": "stopped" if outcome.stopped else "done", "problems": outcome.problems}

    def take(self, seen: Sequence[Sighting], outcome: Outcome, ground: Callable[[str], bool]) -> Folded:
        """Fold a search into the inbox, follow the rules, tell what happened."""
        now = self.clock.now()
        folded = self._inbox.apply(seen, self.assets(), outcome.searched.__contains__, now)
        handled = self._inbox.follow_rules(folded.candidates, self.plan.rules, now)
        for candidate, rule in handled:
            log.info("taken in by rule" if rule.take_in is not None else "set aside by rule", rule=rule.name, candidate=candidate.title)
        events = [*events_of(folded, now, ground), *(event_of(HANDLED, candidate, now + timedelta(milliseconds=1)) for candidate, _ in handled)]
        if events:
            self.tell(events)
        return folded

    def _find(self, state: str) -> tuple[Document, ...]:
        return self.store.documents.find(SEARCH, Term("state", state), sort="created", limit=50).items

    def _write(self, id: str, body: dict[str, Any]) -> None:
        self.store.documents.put(SEARCH, id, body, ANY)

    def _drop_old(self) -> None:
        """Searches are in the audit for good; here only the newest are shown."""
        for document in self.store.documents.find(SEARCH, sort="-created", limit=1000).items[KEPT:]:
            self.store.documents.delete(SEARCH, document.id)


@dataclass
class _Progress:
    """Writes how far a search is, every other second."""

    of: Discovering
    id: str
    body: Mapping[str, Any]
    seen: Sequence[Sighting]
    written: float = 0.0

    def tell(self, asked: int, known: int) -> None:
        self.of.beat()
        moment = self.of.clock.monotonic()
        if moment - self.written >= PROGRESS_S:
            self.written = moment
            self.of._write(self.id, {**self.body, "asked": asked, "known": known, "found": len(self.seen)})  # noqa: SLF001 - a part of it


def _figures(folded: Folded, outcome: Outcome) -> dict[str, Any]:
    counts = {what: sum(one == what for one, _ in folded.told) for what in KINDS}
    return {
        "asked": len(outcome.searched),
        "found": outcome.found,
        "new": sum(candidate.state == "new" and what == "found" for what, candidate in folded.told),
        "changed": counts["changed"],
        "gone": counts["gone"],
        "outside": outcome.outside,
    }


def _refusing(carry: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """What meanwhile went away or was changed by another is a refusal for the person who asked."""

    def carried(intent: Mapping[str, Any]) -> str:
        try:
            return carry(intent)
        except (NotFound, Conflict) as err:
            raise Refused(str(err)) from err

    return carried


def _args(intent: Mapping[str, Any], roles: frozenset[str]) -> dict[str, Any]:
    """What was asked, by one who may; the console has looked too, but the deed is done here."""
    if not roles & set(intent.get("roles") or ()):
        raise Refused("your roles do not allow this")
    return dict(intent.get("args") or {})
