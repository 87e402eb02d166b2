"""Flows in the service: the listener that the settings ask for, its minutes as samples and documents. See ``docs/flows.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from collectors.network.flows.applications import OTHER, is_known
from collectors.network.flows.listener import FlowListener, Names
from collectors.network.flows.listener import Settings as FlowSettings
from collectors.network.flows.minute import Minute, Total
from collectors.network.flows.zones import Zones
from core.clock import Clock
from core.errors import StoreAway
from core.records import Sample
from core.settings import Settings
from inventory.asset import Asset
from inventory.networks import read_plan
from service.pipeline import Pipeline
from store.flows import LISTS, LONGEST_LIST, Line, Traffic, added, prune_traffic, save_traffic

log = structlog.get_logger("flows")
RATE: Final = "flow_sampling"
"""Fact of an asset: packets that one sampled packet stands for, for exporters that do not say it."""
TOLD: Final = "flow-templates"
"""Kind of the documents that hold what each exporter told of how to read it."""
MOST_APPLICATIONS: Final = 20
MOST_ZONES: Final = 50
PRUNE_EVERY: Final = timedelta(hours=1)


class Flows:
    """Started and ended with the service; without a port in the settings it does nothing."""

    def __init__(self, settings: Settings, pipeline: Pipeline, clock: Clock) -> None:
        given = settings.collect
        ports = tuple(port for port in (given.flows_udp, given.sflow_udp) if port is not None)
        self._pipeline, self._clock = pipeline, clock
        self._pruned = clock.now() - PRUNE_EVERY
        self._site = settings.site_folder
        self._kept: dict[str, object] = {}
        self._listener = FlowListener(FlowSettings(host=given.flows_host, ports=ports), self.keep, clock) if ports else None

    def set_assets(self, assets: Iterable[Asset]) -> None:
        """Name addresses by these assets, and zones by the networks of the site's address plan, from now on."""
        if self._listener is not None:
            networks = read_plan(self._site).networks
            self._listener.names = names_of(assets, [(str(network.prefix), network.zone or network.name or str(network.prefix)) for network in networks])

    def start(self) -> None:
        """Open the ports; raises ConfigError when one is taken."""
        if self._listener is not None:
            self._listener.recall({document.id: document.body["domains"] for document in self._pipeline.store.documents.find(TOLD).items})
            self._listener.start()
            log.info("listening for flows", ports=self._listener.ports)

    def stop(self) -> None:
        """Close the ports and keep what was taken in."""
        if self._listener is not None:
            self._listener.stop()

    def samples(self, asset: str) -> list[Sample]:
        """Counts of the listener as samples of ``asset``."""
        return self._listener.samples(asset) if self._listener is not None else []

    def keep(self, minutes: Sequence[Minute]) -> None:
        """Make a span durable; raises StoreAway (then it is offered again, and what is there already is not counted twice)."""
        found = traffic_of(minutes)
        for traffic in found:
            save_traffic(self._pipeline.store.documents, traffic)
        if not self._pipeline.keep_and_tell("", [sample for traffic in found for sample in samples_of(traffic)]):
            raise StoreAway("the store refuses samples; the listener keeps the flows and offers them again")
        self._remember()
        self._prune(self._clock.now())

    def _remember(self) -> None:
        """Keep the templates that changed: exporters send them seldom, and until then nothing can be read after a restart."""
        for address, domains in self._listener.told().items() if self._listener else ():
            if self._kept.get(address) != domains:
                self._pipeline.store.documents.put(TOLD, address, {"domains": domains})
                self._kept[address] = domains

    def _prune(self, now: datetime) -> None:
        if now - self._pruned >= PRUNE_EVERY:
            self._pruned = now
            prune_traffic(self._pipeline.store.documents, now)


def names_of(assets: Iterable[Asset], prefixes: Iterable[tuple[str, str]] = ()) -> Names:
    """Addresses to assets and zones; zones are the prefixes given, and for the addresses of assets else their site."""
    by_address: dict[str, str] = {}
    sites: dict[str, str] = {}
    rates: dict[str, int] = {}
    for asset in assets:
        stated = asset.facts.get(RATE, "")
        for address in (asset.address, *asset.addresses):
            if address:
                by_address.setdefault(address, asset.id)
                sites.setdefault(address, asset.site)
                if stated.isdecimal() and int(stated) > 0:
                    rates.setdefault(address, int(stated))
    zones = Zones(prefixes)
    return Names(
        lambda address: by_address.get(address, ""),
        lambda address: zones.named(address) or sites.get(address) or zones.general(address),
        lambda address, agent: rates.get(agent) or rates.get(address, 0),
    )


def traffic_of(minutes: Iterable[Minute]) -> list[Traffic]:
    """One per exporter: a device that sends from two addresses, or in two protocols, is one exporter."""
    by_exporter: dict[str, list[Traffic]] = {}
    for minute in minutes:
        counts = {
            "datagrams": minute.datagrams,
            "records": minute.records,
            "lost": minute.lost,
            "unknown": minute.unknown,
            "bad": minute.bad,
            "bytes": minute.bytes,
            "packets": minute.packets,
            "flows": minute.flows,
            "rest": minute.rest,
        }
        lists = {name: _lines(getattr(minute, name)) for name in LISTS}
        traffic = Traffic(
            exporter=minute.exporter,
            address=minute.address,
            protocol=minute.protocol,
            start=minute.start,
            end=minute.end,
            rate=minute.rate,
            counts=counts,
            lists=lists,
        )
        by_exporter.setdefault(minute.exporter, []).append(traffic)
    return [added(parts, LONGEST_LIST["minute"]) for parts in by_exporter.values()]


def _lines(totals: Sequence[Total]) -> list[Line]:
    return [Line(total.names, total.bytes, total.packets, total.sent) for total in totals]


def samples_of(traffic: Traffic) -> list[Sample]:
    """Rates over the span; labels are few: known applications, zones of the site. Assets by name, each for itself."""
    seconds = max(1.0, (traffic.end - traffic.start).total_seconds())
    found: list[tuple[str, str, float, dict[str, str]]] = [(traffic.exporter, "flow.io", traffic.bytes / seconds, {})]
    found += [(traffic.exporter, f"flow.{name}", traffic.counts.get(name, 0) / seconds, {}) for name in ("packets", "records", "lost", "unknown")]
    for application, size in _applications(traffic).items():
        found.append((traffic.exporter, "flow.application.io", size / seconds, {"application": application}))
    for line in traffic.lists["zones"][:MOST_ZONES]:
        found.append((traffic.exporter, "flow.zone.io", line.bytes / seconds, {"from": line.names[0], "to": line.names[1]}))
    for line in traffic.lists["assets"]:
        for direction, size in (("transmit", line.sent), ("receive", line.bytes - line.sent)):
            found.append((line.names[0], "flow.asset.io", size / seconds, {"direction": direction, "exporter": traffic.exporter}))
    return [Sample(time=traffic.end, asset=asset, metric=metric, value=value, labels=labels) for asset, metric, value, labels in found]


def _applications(traffic: Traffic) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in traffic.lists["applications"]:
        name = line.names[0] if is_known(line.names[0]) and (line.names[0] in sums or len(sums) < MOST_APPLICATIONS) else OTHER
        sums[name] = sums.get(name, 0) + line.bytes
    missing = traffic.bytes - sum(sums.values())
    if missing > 0:
        sums[OTHER] = sums.get(OTHER, 0) + missing
    return sums
