"""Take: works out every text of stored records and keeps it like a collected one, so that the inspection and the evidence chain find it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from compliance.entries import read_entries
from compliance.host import CONFIGURATION
from compliance.logs import LOGS
from compliance.measured import backups, estate, figures, records, zones
from compliance.measured.sources import Source, management_sources
from compliance.objects import ProtectionObject
from compliance.rounds.template import Template
from compliance.run import ESTATE, every
from compliance.scans import texts as scans
from compliance.scans.shelf import ledgers
from core.errors import ConfigError
from core.names import CANDIDATE, CONFIG_CHANGE, CONFIG_STATE, INCIDENT, ROUND, RUN
from core.records import Snapshot, ended
from inventory.asset import Asset
from inventory.networks import NETWORK, VLAN, Plan
from store.base import Body, Store
from store.filter import And, Filter, Or, Range, Term, Terms
from store.flows import across, read_traffic
from store.snapshots import latest_snapshot, save_snapshot

ATTACKS: Final = ("intrusion_detection", "malware", "threat", "web_attack")
REMOTE: Final = Or((Terms("event.provider", ("VPN", "SSLVPN", "event/vpn", "sv_netacc")), Term("event.code", "SSL VPN用户行为日志")))
"""Records of VPN gateways: Hillstone, Huawei and H3C, Fortinet, TOPSEC, Sangfor."""
WEB: Final = Or((Terms("event.provider", ("URL", "UFLT", "utm/webfilter", "webfilter")), Term("process.name", "squid")))
"""Records of visits to web pages: Huawei, H3C, Fortinet, proxies."""
LOOKED_AT: Final = 500
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Measurer:
    """``objects`` are the protection objects, ``templates`` those of rounds, ``connections`` what the site allows between zones, ``plan`` its addresses."""

    store: Store
    objects: Callable[[], Iterable[ProtectionObject]]
    templates: Callable[[], Iterable[Template]]
    connections: Callable[[], Iterable[estate.Connection]] = tuple
    plan: Callable[[], Plan] = Plan

    def take(self, assets: Iterable[Asset], now: datetime) -> set[str]:
        """Work out and keep everything; returns for whom something was kept."""
        kept = set()
        for snapshot in self.work_out(tuple(assets), now):
            save_snapshot(self.store, snapshot)
            kept.add(snapshot.asset)
        return kept

    def work_out(self, assets: tuple[Asset, ...], now: datetime) -> Iterator[Snapshot]:
        """Every text as it stands now, with its end; an empty one says that what was there is gone."""
        for text in self._texts(assets, now):
            yield replace(text, body=ended(text.body))

    def _texts(self, assets: tuple[Asset, ...], now: datetime) -> Iterator[Snapshot]:
        states = {str(body["asset"]): body for body in self._bodies(CONFIG_STATE)}
        objects, plan = tuple(self.objects()), self.plan()
        for asset, body in records.texts(assets, objects, states).items():
            yield Snapshot(time=now, asset=asset, kind=records.KIND, body=body)
        for asset, body in zones.texts(assets, plan, objects, self._sources).items():
            yield Snapshot(time=now, asset=asset, kind=zones.KIND, body=body)
        for asset, body in figures.texts(self.store.metrics, (asset.id for asset in assets), now).items():
            yield Snapshot(time=now, asset=asset, kind=figures.KIND, body=body)
        yield from self._scans(assets, objects, plan, now)
        yield Snapshot(time=now, asset=ESTATE, kind="estate.zones", body=zones.estate(plan, self._bodies(NETWORK), self._bodies(VLAN), objects))
        yield Snapshot(time=now, asset=ESTATE, kind="estate.backups", body=backups.estate(assets, objects, self._backups(assets), now))
        for kind, body in self._estate(plan, now):
            yield Snapshot(time=now, asset=ESTATE, kind=f"{ESTATE}.{kind}", body=body)

    def _scans(self, assets: tuple[Asset, ...], objects: tuple[ProtectionObject, ...], plan: Plan, now: datetime) -> Iterator[Snapshot]:
        found = ledgers(self.store)
        outside = {asset.id for asset in assets if any(zone.role == "outside" for zone in zones.zones_of(asset, plan, objects).values())}
        facing = scans.exposed(assets, objects, outside)
        for asset, body in scans.texts(assets, found, objects, facing, now.date()).items():
            yield Snapshot(time=now, asset=asset, kind=scans.KIND, body=body)
        yield Snapshot(time=now, asset=ESTATE, kind="estate.scans", body=scans.estate(assets, found, now) if found else "")

    def _estate(self, plan: Plan, now: datetime) -> Iterator[tuple[str, str]]:
        quarter = (now - estate.QUARTER).isoformat()
        yield "rounds", estate.rounds(self.templates(), self._bodies(ROUND), now)
        yield "runs", estate.runs(self._bodies(RUN), now)
        yield "incidents", estate.incidents(self._bodies(INCIDENT, Range("opened", gte=quarter)), now)
        yield "changes", estate.changes(self._bodies(CONFIG_CHANGE, Range("time", gte=quarter)), now)
        yield "newcomers", estate.newcomers(self._bodies(CANDIDATE), now)
        yield "logs", self._logs(now)
        week = read_traffic(self.store.documents, now - WEEK, now)
        yield "flows", estate.flows({traffic.exporter: traffic.end for traffic in week}, now)
        lists, allowed = across(read_traffic(self.store.documents, now - timedelta(days=1), now)), tuple(self.connections())
        if allowed:
            yield "connections", estate.connections({(line.names[0], line.names[1]): line.bytes for line in lists["zones"]}, allowed, now.date())
        talks = ((line.names[0], line.names[1], line.names[2]) for line in lists["conversations"])
        is_told = lists["conversations"] or not zones.has_closed(plan)
        yield "crossings", zones.crossings(talks, plan, estate.approvals(allowed, now.date())) if is_told else ""

    def _backups(self, assets: Iterable[Asset]) -> Iterator[Snapshot]:
        for asset in assets:
            if "backups" in asset.collect and (text := latest_snapshot(self.store, asset.id, backups.KIND)):
                yield text

    def _sources(self, asset: str) -> tuple[Source, ...]:
        text = latest_snapshot(self.store, asset, CONFIGURATION)
        return management_sources(text.body) if text else ()

    def _logs(self, now: datetime) -> str:
        events, since = self.store.events, now - WEEK
        sources = dict(events.top(LOGS, since, now, "asset.id", size=1000))
        logins = events.search(And((LOGS, Term("event.category", "authentication"))), since=since, until=now, limit=LOOKED_AT).items
        attacks = events.search(Terms("event.category", ATTACKS), since=now - estate.MONTH, until=now, limit=LOOKED_AT).items
        remote, web = (events.search(And((LOGS, kind)), since=since, until=now, limit=LOOKED_AT).items for kind in (REMOTE, WEB))
        return estate.logs(sources, *([event.fields for event in found] for found in (logins, attacks, remote, web)))

    def _bodies(self, kind: str, where: Filter | None = None) -> list[Body]:
        return [document.body for document in (every(self.store, kind, where) if where else every(self.store, kind))]


def read_connections(folder: Path) -> tuple[tuple[estate.Connection, ...], tuple[ConfigError, ...]]:
    """What the site allows between zones, and what is wrong with other entries; no file is nothing."""
    found, problems = read_entries(folder / "connections.yaml", "connections", estate.Connection)
    return tuple(found.values()), problems
