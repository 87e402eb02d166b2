"""Take: works out every text of stored records and keeps it like a collected one, so that the inspection and the evidence chain find it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from compliance.logs import LOGS
from compliance.measured import estate, figures, records
from compliance.objects import ProtectionObject
from compliance.rounds.template import Template
from compliance.run import ESTATE, every
from core.names import CANDIDATE, CONFIG_CHANGE, CONFIG_STATE, INCIDENT, ROUND, RUN
from core.records import Snapshot
from inventory.asset import Asset
from store.base import Body, Store
from store.filter import And, Filter, Range, Term, Terms
from store.snapshots import save_snapshot

ATTACKS: Final = ("intrusion_detection", "malware", "threat", "web_attack")
LOOKED_AT: Final = 500
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Measurer:
    """``objects`` are the protection objects, ``templates`` those of rounds."""

    store: Store
    objects: Callable[[], Iterable[ProtectionObject]]
    templates: Callable[[], Iterable[Template]]

    def take(self, assets: Iterable[Asset], now: datetime) -> set[str]:
        """Work out and keep everything; returns for whom something was kept."""
        kept = set()
        for snapshot in self.work_out(tuple(assets), now):
            save_snapshot(self.store, snapshot)
            kept.add(snapshot.asset)
        return kept

    def work_out(self, assets: tuple[Asset, ...], now: datetime) -> Iterator[Snapshot]:
        """Every text as it stands now; an empty one says that what was there is gone."""
        known = {asset.id for asset in assets}
        states = {str(body["asset"]): body for body in self._bodies(CONFIG_STATE)}
        for asset, body in records.texts(assets, self.objects(), states).items():
            yield Snapshot(time=now, asset=asset, kind=records.KIND, body=body)
        for asset, body in figures.texts(self.store.metrics, now).items():
            if asset in known:
                yield Snapshot(time=now, asset=asset, kind=figures.KIND, body=body)
        for kind, body in self._estate(now):
            yield Snapshot(time=now, asset=ESTATE, kind=f"{ESTATE}.{kind}", body=body)

    def _estate(self, now: datetime) -> Iterator[tuple[str, str]]:
        quarter = (now - estate.QUARTER).isoformat()
        yield "rounds", estate.rounds(self.templates(), self._bodies(ROUND), now)
        yield "runs", estate.runs(self._bodies(RUN), now)
        yield "incidents", estate.incidents(self._bodies(INCIDENT, Range("opened", gte=quarter)), now)
        yield "changes", estate.changes(self._bodies(CONFIG_CHANGE, Range("time", gte=quarter)), now)
        yield "newcomers", estate.newcomers(self._bodies(CANDIDATE), now)
        yield "logs", self._logs(now)

    def _logs(self, now: datetime) -> str:
        events, since = self.store.events, now - WEEK
        sources = dict(events.top(LOGS, since, now, "asset.id", size=1000))
        logins = events.search(And((LOGS, Term("event.category", "authentication"))), since=since, until=now, limit=LOOKED_AT).items
        attacks = events.search(Terms("event.category", ATTACKS), since=now - estate.MONTH, until=now, limit=LOOKED_AT).items
        return estate.logs(sources, [event.fields for event in logins], [event.fields for event in attacks])

    def _bodies(self, kind: str, where: Filter | None = None) -> list[Body]:
        return [document.body for document in (every(self.store, kind, where) if where else every(self.store, kind))]
