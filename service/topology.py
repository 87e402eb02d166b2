"""The survey: folds what all devices say of their neighbours into links, machines, address use and VLAN use, as documents."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from core.clock import Clock
from core.errors import ConfigError, NotFound, WanglouError
from core.names import SNAPSHOT
from core.records import Event, Sample, Snapshot
from inventory import networks
from inventory.asset import Asset
from inventory.book import Book
from inventory.topology import history, machines
from inventory.topology.directory import Directory, directory_of
from inventory.topology.evidence import KIND, Device, device_of
from inventory.topology.links import links
from inventory.topology.machines import Machine
from inventory.topology.places import CLASH, Clash, addresses, clashes, places
from service.pulse import SELF
from store.base import ANY, Store
from store.every import every
from store.filter import Term

log = structlog.get_logger("topology")

CREDIBLE: Final = timedelta(days=3)  # what a device said longer ago counts no more
ROUND_S: Final = 300.0
SHARE: Final = 20  # a round that took a second is followed by a pause of at least twenty
REFRESH: Final = timedelta(minutes=15)  # how old the last sight in a machine's document may be
FLOOD: Final = 20  # more new addresses on one port in one round are one event


class Survey:
    """Holds what is known between rounds; one thread calls ``round``. Records go to ``tell`` (asset, records)."""

    def __init__(self, store: Store, site_folder: Path, clock: Clock, tell: Callable[[str, Sequence[Event | Sample]], object]) -> None:
        self._store, self._site, self._clock, self._tell = store, site_folder, clock, tell
        self._book = Book(store)
        self._links: dict[str, history.Known] = {}
        self._machines: dict[str, Machine] = {}
        self._devices: dict[str, tuple[str, Asset, Device]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._loaded = False
        self._news = threading.Event()
        self._last, self._pause_s = float("-inf"), 0.0
        self.problems: tuple[ConfigError, ...] = ()

    def notice(self, snapshot: Snapshot) -> None:
        """A device says something new of its surroundings: the next round is due."""
        if snapshot.kind == KIND:
            self._news.set()

    def round(self) -> None:
        """Look at everything when it is time to: a device said something new, or five minutes passed."""
        started = time.monotonic()
        waited = started - self._last
        if waited < self._pause_s or not (self._news.is_set() or waited >= ROUND_S):
            return
        self._news.clear()
        self.look(self._clock.now())
        self._last = time.monotonic()
        self._pause_s = (self._last - started) * SHARE

    def look(self, now: datetime) -> None:
        """Read all snapshots, fold, write what changed, tell what is new."""
        if not self._loaded:
            self._load()
        assets = self._book.all()
        directory = directory_of(self._evidence(assets, now))
        self._fold_links(directory, now)
        self._connect(assets, now)
        self._fold_machines(directory, now)
        self._find_clashes(clashes(directory), directory, now)
        self._compare_with_plan(directory, assets, now)
        told = sum(device.seen is not None for device in directory.devices.values())
        body = {"time": now.isoformat(), "devices": told, "links": len(self._links), "machines": len(self._machines)}
        self._store.documents.put(history.SURVEY, "newest", body, ANY)

    def _load(self) -> None:
        for document in every(self._store.documents, history.LINK):
            try:
                self._links[document.id] = history.known_of(document.id, document.body)
            except (KeyError, TypeError, ValueError):
                log.warning("a link on record cannot be read and is forgotten", id=document.id)
        for document in every(self._store.documents, machines.MACHINE):
            try:
                self._machines[document.id] = machines.machine_of(document.body)
            except (KeyError, TypeError, ValueError):
                log.warning("a machine on record cannot be read and is forgotten", id=document.id)
        self._loaded = True

    def _evidence(self, assets: Sequence[Asset], now: datetime) -> Iterator[Device]:
        """Every asset with what it said lately; a snapshot that did not change is not read again."""
        newest = {document.body["asset"]: document.body for document in every(self._store.documents, SNAPSHOT, Term("kind", KIND), size=200)}
        for asset in assets:
            body = newest.get(asset.id)
            seen = datetime.fromisoformat(body["seen"]) if body else None
            if body is None or seen is None or now - seen > CREDIBLE:
                self._devices.pop(asset.id, None)
                yield device_of(asset)
                continue
            mark, before, device = self._devices.get(asset.id, ("", None, None))
            if device is None or mark != f"{body['sha256']} {body['seen']}" or before != asset:
                device = device_of(asset, Snapshot(time=seen, asset=asset.id, kind=KIND, body=body["body"]))
                self._devices[asset.id] = (f"{body['sha256']} {body['seen']}", asset, device)
            yield device

    def _fold_links(self, directory: Directory, now: datetime) -> None:
        after = {known.id: known for known in history.fold(self._links.values(), links(directory), now)}
        for id_, known in after.items():
            if self._links.get(id_) != known:
                self._store.documents.put(history.LINK, id_, history.body_of(known), ANY)
        for id_ in self._links.keys() - after.keys():
            self._forget(history.LINK, id_)
        self._links = after

    def _connect(self, assets: Sequence[Asset], now: datetime) -> None:
        """``connected_to`` of every asset whose cables were found; what people or site files say stays (see Book)."""
        cabled = history.neighbours(self._links.values())
        for asset in assets:
            wanted = cabled.get(asset.id, ())
            if self._told.get(asset.id, asset.connected_to.ids) == wanted:
                continue
            try:
                values = {"connected_to": {"any": list(wanted)} if wanted else None}
                self._book.save(asset.id, values, source="observed", who=history.SURVEY, now=now, why="cables found")
                self._told[asset.id] = wanted
            except WanglouError as err:
                log.warning("neighbours were not written", asset=asset.id, error=str(err))

    def _fold_machines(self, directory: Directory, now: datetime) -> None:
        found = machines.fold(self._machines, places(directory), addresses(directory), directory.by_mac, now)
        self._tell_new([found.machines[mac] for mac in found.new])
        for mac, machine in found.machines.items():
            before = self._machines.get(mac)
            if machines.is_news(before, machine, REFRESH):
                self._store.documents.put(machines.MACHINE, mac, machines.body_of(machine), ANY)
                self._machines[mac] = machine
        for mac in self._machines.keys() - found.machines.keys():
            self._forget(machines.MACHINE, mac)
            del self._machines[mac]

    def _tell_new(self, new: Sequence[Machine]) -> None:
        """One event for each new MAC address; a port with very many gets one for all."""
        at: dict[tuple[str, str], list[Machine]] = {}
        for machine in new:
            at.setdefault((machine.place.switch, machine.place.port), []).append(machine)
        for (switch, _), there in at.items():
            self._tell(switch, [_mac_new(machine) for machine in there] if len(there) <= FLOOD else [_mac_flood(there)])

    def _find_clashes(self, found: Sequence[Clash], directory: Directory, now: datetime) -> None:
        """A document for each address that two machines use; it ends, and stays, when they no longer do."""
        known = {document.id: document.body for document in every(self._store.documents, CLASH)}
        living = {clash.address: clash for clash in found}
        for address, clash in living.items():
            before = known.get(address)
            if before is None or before.get("ended") or tuple(before.get("macs", ())) != clash.macs:
                where = {mac: [machine.place.switch, machine.place.port] for mac in clash.macs if (machine := self._machines.get(mac))}
                asset = directory.by_address.get(address) or next((switch for switch, _ in where.values()), address)
                self._tell(asset, [_address_conflict(clash, where, asset, now)])
                fresh = {"address": address, "asset": asset, "macs": list(clash.macs), "places": where, "since": now.isoformat(), "ended": None}
                self._store.documents.put(CLASH, address, fresh, ANY)
        for address in known.keys() - living.keys():
            body = known[address]
            if not body.get("ended"):
                self._tell(body["asset"], [_conflict_over(body, now)])
                self._store.documents.put(CLASH, address, {**body, "ended": now.isoformat()}, ANY)
            elif now - datetime.fromisoformat(body["ended"]) > history.KEPT:
                self._forget(CLASH, address)

    def _compare_with_plan(self, directory: Directory, assets: Sequence[Asset], now: datetime) -> None:
        plan = networks.read_plan(self._site)
        if plan.problems != self.problems:
            for problem in plan.problems:
                log.error("address plan", problem=str(problem))
        self.problems = plan.problems
        seen = list(self._machines.values())
        bodies = [networks.network_body(one, networks.taken(one, assets, seen, now)) for one in plan.networks]
        if used := [_in_use(body, now) for body in bodies if ":" not in body["prefix"]]:
            self._tell(SELF, used)
        bodies += networks.outside(plan, seen, now)
        self._replace(networks.NETWORK, {body["prefix"].replace("/", "_"): body for body in bodies})
        self._replace(networks.VLAN, {str(body["vlan"]): body for body in networks.vlan_bodies(plan, directory, seen)})

    def _replace(self, kind: str, wanted: Mapping[str, dict[str, Any]]) -> None:
        """Make the documents of a kind exactly these; only what differs is written."""
        there = {document.id: document.body for document in every(self._store.documents, kind)}
        for id_, body in wanted.items():
            if there.get(id_) != body:
                self._store.documents.put(kind, id_, body, ANY)
        for id_ in there.keys() - wanted.keys():
            self._forget(kind, id_)

    def _forget(self, kind: str, id_: str) -> None:
        try:
            self._store.documents.delete(kind, id_, ANY)
        except NotFound:
            log.debug("gone already", kind=kind, id=id_)


def _in_use(body: Mapping[str, Any], now: datetime) -> Sample:
    """How much of a planned prefix is taken, for the forecast of address space."""
    share = 100 * body["used"] / max(body["size"], 1)
    return Sample(time=now, asset=SELF, metric="network.prefix.utilization", value=min(share, 100.0), labels={"prefix": body["prefix"]})


def _event(kind: str, asset: str, now: datetime, message: str, identity: Sequence[str], fields: Mapping[str, Any]) -> Event:
    digest = hashlib.sha256("\x1f".join((kind, asset, *identity)).encode()).hexdigest()[:32]
    return Event(id=digest, time=now, asset=asset, kind=kind, message=message, fields=fields)


def _mac_new(machine: Machine) -> Event:
    place = machine.place
    by = f" ({', '.join(machine.addresses)})" if machine.addresses else ""
    fields = {
        "source.mac": machine.mac,
        "source.ip": list(machine.addresses),
        "observer.ingress.interface.name": place.port,
        "network.vlan.id": str(place.vlan),
        "asset.known": machine.asset,
    }
    message = f"MAC address {machine.mac}{by} is new on {place.switch} {place.port}"
    return _event("mac_new", place.switch, machine.first, message, [machine.mac, machine.first.isoformat()], fields)


def _mac_flood(found: Sequence[Machine]) -> Event:
    place, moment = found[0].place, max(machine.first for machine in found)
    fields = {"observer.ingress.interface.name": place.port, "event.count": len(found), "source.mac": [machine.mac for machine in found[:FLOOD]]}
    message = f"{len(found)} MAC addresses at once are new on {place.switch} {place.port}"
    return _event("mac_flood", place.switch, moment, message, [place.port, moment.isoformat()], fields)


def _address_conflict(clash: Clash, where: Mapping[str, Sequence[str]], asset: str, now: datetime) -> Event:
    """Told of the asset that owns the address, else of the first switch that sees one of the two."""
    seen = "; ".join(f"{mac} on {' '.join(where[mac])}" if mac in where else mac for mac in clash.macs)
    fields = {"source.ip": clash.address, "source.mac": list(clash.macs)}
    message = f"address {clash.address} is used by {len(clash.macs)} machines: {seen}"
    return _event("address_conflict", asset, now, message, [clash.address, *clash.macs, now.isoformat()], fields)


def _conflict_over(body: Mapping[str, Any], now: datetime) -> Event:
    address = str(body["address"])
    message = f"address {address} is used by one machine again"
    return _event("address_conflict_over", str(body["asset"]), now, message, [address, now.isoformat()], {"source.ip": address, "source.mac": body["macs"]})
