"""The embedded store's spool as the shipper's queue."""

from __future__ import annotations

from collections.abc import Iterable

from store.elastic.encode import Action, audit_action, event_action, key_of, metric_action
from store.elastic.names import Names
from store.elastic.ship import Dead, Load
from store.embedded import DeadLetter, EmbeddedStore, Spooled
from store.embedded.text import dumps

_RECORDS_PER_ACTION = 8  # samples share documents


class SpoolQueue:
    """Implements ship.Queue. A load holds whole batches, so that its end is a place to advance to."""

    def __init__(self, local: EmbeddedStore, names: Names, chain: str) -> None:
        self._local, self._names, self._chain = local, names, chain

    def take(self, after: int, limit: int) -> Load | None:
        """The next batches after the cursor ``after``, about ``limit`` actions."""
        batches = self._local.spool_take(after, limit * _RECORDS_PER_ACTION)
        return Load(batches[-1].id, self._actions(batches)) if batches else None

    def advance(self, to: int) -> None:
        """Everything up to ``to`` has been acknowledged."""
        self._local.spool_advance(to)

    def bury(self, dead: Iterable[Dead]) -> None:
        """Keep what Elasticsearch refuses."""
        self._local.spool_bury(DeadLetter(one.action.target, one.action.id, one.reason, dumps(one.action.source)) for one in dead)

    def _actions(self, batches: Iterable[Spooled]) -> list[Action]:
        made: list[Action] = []
        for batch in batches:
            match batch.stream:
                case "metrics":
                    made += (metric_action(self._names, ms, asset, key_of(labels), values) for ms, asset, labels, values in batch.rows)
                case "events":
                    made += (event_action(self._names, event) for event in batch.records)  # type: ignore[arg-type]
                case "audit":
                    made += (audit_action(self._names, self._chain, entry) for entry in batch.records)  # type: ignore[arg-type]
        return made
