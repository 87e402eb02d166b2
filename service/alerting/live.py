"""Alerting in the running service: the real clock, a journal on disk, documents for the console, notices that really go out.

Thread-safe. Engine seconds are monotonic; the wall clock only decides what must follow it (rotas, windows), and a jump of it
is told to the engine as one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

import structlog

from core.clock import Clock
from core.errors import ConfigError, NotFound, Refused, StoreAway, StoreError, StoreLocked, WanglouError
from core.names import ACCOUNT, ALERT, INCIDENT, INTENT, MUTE, NOTICE
from core.records import Event, Finding, Result, Sample, State, fingerprint
from core.settings import Settings
from incidents.config import Rule
from incidents.forgetting import forgettable
from incidents.notify.answer import Answer as Said
from incidents.notify.answer import Target
from incidents.notify.send import send
from incidents.notify.templates import title
from incidents.people import Shift, shifts
from incidents.state import Delivery
from inventory.asset import Asset
from inventory.credentials import Vault
from inventory.people import Person
from service.alerting import documents as docs
from service.alerting.alerting import Alerting, Answer, written
from service.alerting.journal import DiskJournal
from service.alerting.judge import is_calm
from service.alerting.links import clear, links
from service.alerting.loading import Loaded
from service.alerting.tickets import TicketNumbers
from store.base import ABSENT, Store
from store.filter import Term

log: Final = structlog.get_logger("alerting")
JUMP_S: Final = 2.0
OWN_SOURCE: Final = "wanglou"
SENDERS: Final = 4  # notices to one receiver at the same time
REMEMBERED_S: Final = 90 * 86400.0  # how long alerting itself knows of an incident that is over; the store keeps it
FORGET_EVERY_S: Final = 86400.0
AUDIT_LOOK_BACK: Final = 2_000
Carrier = Callable[[Mapping[str, Any]], str]
"""Carries out an intent of another part of the service: takes its body and returns what to tell; raises Refused or ConfigError. It returns at once."""
REST: Final = 3  # in a storm, writing known incidents anew takes at most one part in four of the time


class LiveAlerting:
    """See the module."""

    def __init__(self, settings: Settings, store: Store, vault: Vault, clock: Clock, loaded: Loaded, journal: DiskJournal) -> None:
        self._settings, self._store, self._vault, self._clock, self._loaded, self._journal = settings, store, vault, clock, loaded, journal
        self._lock = threading.RLock()
        self._lanes: dict[str, ThreadPoolExecutor] = {}  # a receiver that hangs keeps no other one waiting
        self._flying: set[int] = set()
        self._answers: deque[tuple[int, Said]] = deque()
        self._unwritten: deque[dict[str, Any]] = deque()
        self._unsent: dict[str, dict[str, Any]] = {}
        self._written_mutes: dict[str, dict[str, Any]] = {}
        self._known: set[int] = set()
        self._rest_until = self._forget_at = 0.0
        self.carriers: dict[str, Carrier] = {}
        saved, entries = journal.read()
        self._alerting = Alerting.restored(loaded.config, saved, entries, clock.now().timestamp(), journal, self._transport)
        if saved is None and not entries:
            journal.keep_state(self._alerting.dump())  # the beginning of time must be known when the entries are replayed
        self._mono0, self._base = clock.monotonic(), self._alerting.engine.now
        self._return(fresh=saved is None and not entries)

    # time

    def _now(self) -> float:
        return self._base + (self._clock.monotonic() - self._mono0)

    def _return(self, *, fresh: bool) -> None:
        """After a start: the time away is an own outage; what was not yet told is told, what was not yet written is written."""
        engine = self._alerting.engine
        if not fresh:
            away = max(0.0, (self._clock.now() - engine.wall(engine.now)).total_seconds())
            since = engine.now
            self._base = since + away
            self._alerting.came_back(since, self._base)
            self.set_estate(self._loaded.config.assets, self._loaded.config.people)
        self._repeat_lost_audit()
        self._repeat_lost_documents()
        self._recall_mutes()
        self._settle()

    def _repeat_lost_documents(self) -> None:
        """A store that does not know the newest incident was put back or made anew: it gets them all."""
        engine = self._alerting.engine
        try:
            newest = max(engine.world.incidents, default=None)
            if newest is None or self._store.documents.get(INCIDENT, docs.incident_id(newest)) is not None:
                return
        except StoreError:
            pass
        engine.dirty_incidents.update(dict.fromkeys(engine.world.incidents, True))
        engine.dirty_alerts.update(dict.fromkeys(engine.world.alerts, True))

    def _recall_mutes(self) -> None:
        """What the store says is in force or to come, so that what is no more is ended there."""
        try:
            found = self._store.documents.find(MUTE, Term("ended", False), limit=5000).items
        except StoreError:
            return
        self._written_mutes = {document.id: dict(document.body) for document in found}

    def _repeat_lost_audit(self) -> None:
        """Entries whose input was durable but whose audit was cut off by a kill are appended now."""
        try:
            known = {(e.body.get("at"), e.action, e.object) for e in self._store.audit.read(newest=True, limit=AUDIT_LOOK_BACK)}
        except StoreError:
            return
        for row in self._alerting.replayed[-AUDIT_LOOK_BACK // 2 :]:
            if (row["at"], f"alert.{row['what']}", _object(row)) not in known:
                self._unwritten.append(row)

    def tick(self) -> None:
        """Once a second: what falls due, answers of receivers, jumps of the wall clock."""
        with self._lock:
            self._follow_wall()
            self._take_answers()
            self._to_now(inclusive=True)
            self._settle(spare=True)
            self._forget()
            if self._journal.wants_state:
                self._keep_state()

    def _take_answers(self) -> None:
        """What receivers said; durable at once, since a kill before that tells them again."""
        with self._lock:
            while self._answers:
                delivery, said = self._answers.popleft()
                self._to_now()
                self._alerting.take("outcome", {"id": delivery, "answer": said.status, "retry_after": said.retry_after_s})

    def _forget(self) -> None:
        """Once a day, when every document is written."""
        engine = self._alerting.engine
        if self._now() >= self._forget_at and not engine.dirty_incidents:
            self._forget_at = self._now() + FORGET_EVERY_S
            clear(self._store, self._clock.now())
            if forgettable(engine, self._now() - REMEMBERED_S):
                self._alerting.take("forget", {"before": self._now() - REMEMBERED_S})

    def _to_now(self, *, inclusive: bool = False) -> None:
        self._alerting.advance(self._now(), inclusive=inclusive)

    def _follow_wall(self) -> None:
        engine = self._alerting.engine
        by = (self._clock.now() - engine.wall(self._now())).total_seconds()
        if abs(by) >= JUMP_S:
            self._to_now()
            self._alerting.take("jump", {"by": by})

    # input

    def observe(self, batch: Sequence[Sample | Event | Result | Finding]) -> None:
        """Take in what was seen; durable when it returns."""
        with self._lock:
            self._to_now()
            taken = False
            for one in batch:
                taken |= self._observe(one)
            if taken:
                self._journal.commit()
                self._settle(spare=True)

    def push(self, pushes: Sequence[Mapping[str, Any]]) -> None:
        """Take in what another system says, durable when it returns; ``starts`` and ``ends`` are aware times, or None."""
        with self._lock:
            self._to_now()
            for said in pushes:
                times = {key: None if said[key] is None else self._alerting.engine.moment(said[key]) for key in ("starts", "ends")}
                self._alerting.take("push", {**said, **times}, commit=False)
            self._journal.commit()
            self._settle(spare=True)

    def _observe(self, one: Sample | Event | Result | Finding) -> bool:
        entry = self._entry(one)
        if entry is None:
            return False
        self._alerting.take(*entry, commit=False)
        return True

    def _entry(self, one: Sample | Event | Result | Finding) -> tuple[str, dict[str, Any]] | None:
        match one:
            case Sample():
                if not self._alerting.judge.is_news(one.metric, one.asset, one.value, one.labels):
                    return None
                return "sample", {"metric": one.metric, "asset": one.asset, "value": one.value, "labels": dict(one.labels)}
            case Result():
                known = self._alerting.engine.world.alerts.get(fingerprint(one.rule, one.asset, one.labels))
                if one.state is State.OK and (known is None or is_calm(known)):
                    return None
                return "result", {
                    "rule": one.rule,
                    "asset": one.asset,
                    "state": one.state.value,
                    "value": one.value,
                    "text": one.text,
                    "labels": dict(one.labels),
                }
            case Event():
                return self._event_entry(one)
            case Finding():
                return "push", _push(one)

    def _event_entry(self, event: Event) -> tuple[str, dict[str, Any]] | None:
        if not self._alerting.judge.on_events:
            return None
        facts = {"kind": event.kind, "asset": event.asset, **{name: str(value) for name, value in event.fields.items()}}
        if not any(all(key in facts for key in wanted) for _, wanted in self._alerting.judge.on_events):
            return None
        engine = self._alerting.engine
        said = engine.now + (event.time - engine.wall(engine.now)).total_seconds()
        return "event", {"asset": event.asset, "facts": facts, "id": event.id, "text": event.message, "time": said, "at": engine.now}

    def carry_out_intents(self) -> None:
        """What people asked in the console: done or refused, and said so."""
        for document in self._store.documents.find(INTENT, Term("state", "new"), limit=200).items:
            state, message = self._outcome(document.body)
            body = {**document.body, "state": state, "message": message, "finished": self._clock.now().isoformat()}
            self._store.documents.put(INTENT, document.id, body, document.version)

    def _outcome(self, intent: Mapping[str, Any]) -> tuple[str, str]:
        """One intent, whatever happens: a broken one must not keep those behind it waiting. Raises StoreAway alone; then it is tried again."""
        try:
            return self._carry_out(intent)
        except (StoreAway, StoreLocked):
            raise
        except WanglouError as err:
            return "refused", str(err)
        except Exception:
            log.exception("an intent met an error", what=str(intent.get("what", ""))[:100])
            return "refused", "the service met an error while doing this; its log says which"

    def _carry_out(self, intent: Mapping[str, Any]) -> tuple[str, str]:
        what, args, on = str(intent["what"]), dict(intent.get("args") or {}), str(intent.get("on") or "")
        if carry := self.carriers.get(what):
            return "done", carry(intent)
        if what == "mute":
            args.setdefault("id", f"m-{token_hex(4)}")
        if what == "merge" and (into := docs.number_of(str(args.get("into") or ""))) is not None:
            args["into"] = {"nth": into}
        nth = docs.number_of(on)
        try:
            with self._lock:
                self._to_now()
                self._know(intent)
                self._alerting.take("user", {"user": str(intent["user"]), "do": {what: args or None}, "on": {"nth": nth} if nth is not None else None})
                self._settle()
        except (Refused, ConfigError) as err:
            with self._lock:
                self._settle()
            return "refused", str(err)
        return "done", ""

    def _know(self, intent: Mapping[str, Any]) -> None:
        """The console says who asks and with which roles; the engine must know the same person."""
        name, roles, unit = str(intent["user"]), list(intent.get("roles") or ()), str(intent.get("unit") or "")
        known = self._alerting.engine.people.get(name)
        if known is not None and not known.disabled and set(known.roles) == set(roles) and known.unit == unit:
            return
        rest = known.model_dump(mode="json", exclude_defaults=True) if known else {}
        self._alerting.take("config", {"people": [{**rest, "id": name, "roles": roles, "unit": unit, "disabled": False}]})

    def set_estate(self, assets: Sequence[Asset], people: Sequence[Person], loaded: Loaded | None = None) -> None:
        """Judge by these assets, people and rules from now on."""
        with self._lock:
            self._loaded = loaded or self._loaded
            everybody = {person.id: person for person in (*self._account_people(), *people)}
            known = loaded.config.assets if loaded else tuple(assets)  # loading leaves out ways that lead nowhere
            config = self._loaded.config.model_copy(update={"assets": known, "people": tuple(everybody.values())})
            if config == self._alerting.engine.config:
                return
            self._to_now()
            try:
                self._alerting.take("replace", written(config))
            except ConfigError:
                log.exception("the alerting configuration was not taken; the one before stays in force")
            self._settle()

    def _account_people(self) -> list[Person]:
        found = []
        for document in self._store.documents.find(ACCOUNT, limit=5000).items:
            body = document.body
            found.append(Person(id=document.id, roles=tuple(body.get("roles", ())), unit=str(body.get("unit") or ""), disabled=bool(body.get("disabled"))))
        return found

    # output

    def _transport(self, delivery: Delivery) -> Answer | None:
        receiver = self._alerting.engine.receivers.get(delivery.receiver)
        if receiver is None:
            return "404", None
        if delivery.id in self._flying:
            return None  # the attempt before is not over; its answer counts
        called = (self._alerting.engine.people.get(name) for name in delivery.person.split(","))
        people = [person for person in called if person and not person.disabled]
        incident = docs.incident_id(delivery.incident) if delivery.incident else ""
        content = {
            **delivery.content,
            "person": delivery.person,
            **links(self._store, self._settings.console.address, delivery.content, incident, people, self._clock.now()),
        }
        self._flying.add(delivery.id)
        self._lane(receiver.id).submit(self._deliver, delivery.id, receiver.id, receiver, content, delivery.tries)
        return None

    def _lane(self, receiver: str) -> ThreadPoolExecutor:
        if receiver not in self._lanes:
            self._lanes[receiver] = ThreadPoolExecutor(SENDERS, thread_name_prefix="notify")
        return self._lanes[receiver]

    def tell(self, to: str, text: Mapping[str, str], more: str = "", only: Collection[str] = (), heard: Callable[[str, bool], None] | None = None) -> int:
        """Send a text (``zh``, ``en``) of another part of the service to "person:NAME" or "role:NAME", once; how many receivers it goes to.

        ``only``: these receivers alone; ``heard`` gets each receiver's name and whether it took the text, on another thread.
        """
        people = [
            one for one in self._alerting.engine.people.values() if not one.disabled and (to == f"person:{one.id}" or to.removeprefix("role:") in one.roles)
        ]
        names = [name for name in dict.fromkeys(name for one in people for name in one.receivers) if not only or name in only]
        for name in names:
            self._lane(name).submit(self._send_note, self._alerting.engine.receivers[name], {"reason": "note", "note": dict(text), "more": more}, heard)
        return len(names)

    def _send_note(self, receiver: Any, content: Mapping[str, Any], heard: Callable[[str, bool], None] | None) -> None:
        try:
            said = send(receiver, content, self._target(receiver.target), self._loaded.language)
        except (NotFound, ConfigError) as err:
            log.error("receiver", receiver=receiver.id, problem=str(err))
            said = Said("404")
        if heard is not None:
            heard(receiver.id, said.status == "ok")
        self._record(receiver.id, content, said, 1)

    def _deliver(self, delivery: int, name: str, receiver: Any, content: Mapping[str, Any], tries: int) -> None:
        said = Said("500")
        try:
            target = replace(self._target(receiver.target), phones=self._phones(str(content.get("person") or "")))
            said = send(receiver, content, target, self._loaded.language, TicketNumbers(self._store))
        except (NotFound, ConfigError) as err:
            log.error("receiver", receiver=name, problem=str(err))
            said = Said("404")
        except StoreError as err:
            log.warning("receiver", receiver=name, problem=str(err))
        finally:
            self._answers.append((delivery, said))
            self._flying.discard(delivery)
        self._take_answers()
        self._record(name, content, said, tries)

    def _record(self, name: str, content: Mapping[str, Any], said: Said, tries: int) -> None:
        now = self._clock.now()
        nth = content.get("incident")
        body = {
            "receiver": name,
            "reason": content.get("reason", ""),
            "incident": docs.incident_id(int(nth)) if isinstance(nth, int) and nth else "",
            "title": title(content, "zh"),
            "person": str(content.get("person") or ""),
            "answer": said.status,
            "tries": tries,
            "time": now.isoformat(),
        }
        try:
            self._store.documents.put(NOTICE, f"{now:%Y%m%dT%H%M%S%f}-{token_hex(3)}", body, ABSENT)
        except StoreError as err:
            log.warning("a delivery could not be recorded", receiver=name, reason=str(err))

    def _phones(self, names: str) -> tuple[str, ...]:
        """The phones of who is called."""
        people = (self._alerting.engine.people.get(name) for name in names.split(","))
        return tuple(dict.fromkeys(person.phone for person in people if person and person.phone))

    def _target(self, text: str) -> Target:
        """The address, or the credential that ``secret:NAME`` names: its token or key is the address, user and password go along."""
        if not text.startswith("secret:"):
            return Target(address=text)
        secret = self._vault.get(text.removeprefix("secret:"))
        return Target(address=secret.key or secret.token, username=secret.username, password=secret.password, token=secret.token if secret.key else "")

    def _settle(self, *, spare: bool = False) -> None:
        """Write what changed: audit first, then documents (``spare``: in a storm not every time). What the store refuses now is written later."""
        rows = self._alerting.rows()
        self._unwritten.extend(rows.audit)
        self._unsent.update((f"kept-{row['incident']}-{row['to']}-{row['why']}", row) for row in rows.kept)
        try:
            while self._unwritten:
                row = self._unwritten[0]
                self._store.audit.append(
                    time=datetime.fromisoformat(row["time"]), actor=str(row["who"]), action=f"alert.{row['what']}", object=_object(row), body=row
                )
                self._unwritten.popleft()
            self._write_documents(spare=spare)
        except StoreError as err:
            log.warning("documents of alerting wait for the store", reason=str(err))

    def _write_incidents(self, *, spare: bool) -> None:
        engine, started = self._alerting.engine, self._clock.monotonic()
        rests = spare and started < self._rest_until
        for nth in list(engine.dirty_incidents):
            if rests and nth in self._known:
                continue
            incident = engine.world.incidents.get(nth)
            if incident is not None:
                self._store.documents.put(INCIDENT, docs.incident_id(nth), docs.incident_body(engine, incident, self._loaded.texts))
                self._known.add(nth)
            del engine.dirty_incidents[nth]
        if not rests:
            ended = self._clock.monotonic()
            self._rest_until = ended + REST * (ended - started)

    def _write_unsent(self) -> None:
        """Why a notice was not sent, in the record of delivery: once for each incident, receiver and reason."""
        for name, row in list(self._unsent.items()):
            incident = docs.incident_id(row["incident"])
            body = {"receiver": row["to"], "reason": row["reason"], "incident": incident, "answer": f"held:{row['why']}", "tries": 0, "time": row["time"]}
            self._store.documents.put(NOTICE, name, body)
            del self._unsent[name]

    def _write_documents(self, *, spare: bool) -> None:
        engine, texts = self._alerting.engine, self._loaded.texts
        self._write_incidents(spare=spare)
        self._write_unsent()
        for name in list(engine.dirty_alerts):
            alert = engine.world.alerts.get(name)
            if alert is not None and (alert.state != "quiet" or alert.pending):
                self._store.documents.put(ALERT, name, docs.alert_body(engine, alert, texts))
            del engine.dirty_alerts[name]
        self._write_mutes()

    def _write_mutes(self) -> None:
        """Mutes and exceptions as they are; one that is no more (its time is over, a person ended it, a file lost it) says so."""
        engine = self._alerting.engine
        mutes = {**engine.world.mutes, **{f"except-{one.id}": one for one in engine.world.excepts}}
        for name, mute in mutes.items():
            body = {**docs.mute_body(engine, mute), "id": name}
            if self._written_mutes.get(name) != body:
                self._store.documents.put(MUTE, name, body)
                self._written_mutes[name] = body
        for name in self._written_mutes.keys() - mutes.keys():
            self._store.documents.put(MUTE, name, docs.ended(self._written_mutes[name], engine.wall(engine.now)))
            del self._written_mutes[name]

    def next_due(self) -> float | None:
        """When the next step falls due, in monotonic seconds."""
        with self._lock:
            due = self._alerting.engine.next_due()
            return None if due is None else self._mono0 + due - self._base

    def rule(self, name: str) -> Rule | None:
        """The rule in force under this id."""
        return self._alerting.engine.rules.get(name)

    def rosters(self, start: datetime, end: datetime) -> dict[str, list[Shift]]:
        """The plan of every rota between two times."""
        with self._lock:
            self._to_now()
            return {name: shifts(self._alerting.engine, name, start, end) for name in self._alerting.engine.rotas}

    def is_person(self, name: str) -> bool:
        """Whether somebody is known and not disabled."""
        known = self._alerting.engine.people.get(name)
        return known is not None and not known.disabled

    def self_alerts(self) -> list[dict[str, Any]]:
        """Problems of alerting itself (a receiver that fails, a clock that jumped)."""
        with self._lock:
            return [asdict(one) for one in self._alerting.engine.world.selfs.values()]

    def _keep_state(self) -> None:
        started = time.monotonic()
        self._journal.keep_state(self._alerting.dump())
        log.debug("state of alerting written", seconds=round(time.monotonic() - started, 3))

    def close(self) -> None:
        """Let notices under way end, write the state."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False, cancel_futures=True)
        for lane in self._lanes.values():
            lane.shutdown(wait=True)
        self.tick()
        with self._lock:
            self._settle()
            self._keep_state()
            self._journal.close()


def _push(finding: Finding) -> dict[str, Any]:
    evidence = dict(finding.evidence)
    text = str(evidence.get("zh") or "")
    if evidence.get("en"):
        text = f"{text} / {evidence['en']}" if text else str(evidence["en"])
    return {
        "rule": finding.source,
        "asset": finding.asset,
        "source": OWN_SOURCE,
        "severity": finding.severity.value,
        "firing": finding.firing,
        "labels": dict(finding.labels),
        "text": text or finding.title,
        "title": finding.title,
        "forever": True,
        "evidence": evidence,
    }


def _object(row: Mapping[str, Any]) -> str:
    if row.get("incident"):
        return docs.incident_id(int(row["incident"]))
    return str(row.get("alert") or row.get("asset") or "-")
