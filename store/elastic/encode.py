"""Records to Elasticsearch documents with deterministic ids, and back.

Samples of one asset, label set and time share one document. Ids make a repeat a no-op: an event's id comes from its own id, a
metric document's from asset, labels, time and a slot number. When a document of slot n exists with other metrics, the missing ones
go into slot n + 1 (see ship).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.records import Event, Labels, Sample
from store.base import AuditEntry, Body
from store.elastic.names import Names, digest
from store.embedded.text import clean, dumps, millis, time_of

_EVENT_PARTS = frozenset({"@timestamp", "event.id", "event.kind", "asset.id", "message", "wanglou.original"})
_LONGEST_TERM = 1000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One ``create``: where, under which id, the document, and for metrics the slot."""

    target: str
    id: str
    source: Json
    slot: int = 0

    def lines(self) -> str:
        """The two lines of a bulk body."""
        return f'{{"create":{{"_index":"{self.target}","_id":"{self.id}"}}}}\n{dumps(self.source)}\n'


def key_of(labels: Labels) -> str:
    """The label set as text: sorted JSON pairs, "[]" when there are none."""
    return _key_of(tuple(labels.items()))


@lru_cache(65536)
def _key_of(pairs: tuple[tuple[str, str], ...]) -> str:
    return json.dumps(sorted(pairs), ensure_ascii=False, separators=(",", ":"))


def labels_of(key: str) -> dict[str, str]:
    """The label set of ``key_of``."""
    return dict(json.loads(key))


def sample_actions(names: Names, samples: Iterable[Sample]) -> Iterator[Action]:
    """One action per asset, label set and millisecond."""
    groups: dict[tuple[int, str, str], dict[str, float]] = {}
    for sample in samples:
        groups.setdefault((millis(sample.time), sample.asset, key_of(sample.labels)), {}).setdefault(sample.metric, sample.value)
    for (ms, asset, key), values in groups.items():
        yield metric_action(names, ms, asset, key, values)


def metric_action(names: Names, ms: int, asset: str, key: str, values: Mapping[str, float], slot: int = 0) -> Action:
    """The document that holds ``values`` (metric to number) of one asset and label set at ``ms``."""
    named, names_key = _named(tuple(sorted(values)))
    source = {"@timestamp": ms, "asset.id": asset, "labels": _labels(key), "labels_key": key, "names": named, "names_key": names_key, "metrics": values}
    return Action(names.metrics, digest(asset, key, str(ms), str(slot)), source, slot)


@lru_cache(4096)
def _labels(key: str) -> dict[str, str]:
    return labels_of(key)


@lru_cache(4096)
def _named(metrics: tuple[str, ...]) -> tuple[list[str], str]:
    return list(metrics), digest(*metrics)


def event_action(names: Names, event: Event) -> Action:
    """The document of one event; fields keep their ECS names at the top."""
    source: Json = {"@timestamp": millis(event.time), "event.id": event.id, "event.kind": event.kind, "asset.id": event.asset, "message": event.message}
    if _EVENT_PARTS.isdisjoint(event.fields):
        source.update(event.fields)
    else:
        source.update({name: value for name, value in event.fields.items() if name not in _EVENT_PARTS})
        source["wanglou.original"] = dumps(dict(event.fields))
    return Action(names.events, digest(event.id), source)


def event_of(source: Json) -> Event:
    """The event of a stored document."""
    original = source.get("wanglou.original")
    fields = json.loads(original) if original is not None else {name: value for name, value in source.items() if name not in _EVENT_PARTS}
    return Event(
        id=source["event.id"], time=time_of(source["@timestamp"]), asset=source["asset.id"], kind=source["event.kind"], message=source["message"], fields=fields
    )


def audit_action(names: Names, chain: str, entry: AuditEntry) -> Action:
    """The create-only copy of one audit entry."""
    source = {
        "@timestamp": millis(entry.time),
        "time": entry.time.isoformat(),
        "chain": chain,
        "seq": entry.seq,
        "actor": entry.actor,
        "action": entry.action,
        "object": entry.object,
        "body": dumps(entry.body),
        "previous": entry.previous,
        "hash": entry.hash,
    }
    return Action(names.audit, digest(chain, str(entry.seq)), source)


def terms_of(body: Body) -> dict[str, list[str]]:
    """Path to encoded values of every leaf of a document's body; one fixed mapping serves all bodies."""
    found: dict[str, list[str]] = {}
    for path, value in _leaves(body, ""):
        if value is not None:
            found.setdefault(path, []).append(term_of(value))
    return found


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}".replace("\0", "") if path else str(key).replace("\0", ""))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part, path)
    elif path:
        yield path, value


def term_of(value: Any) -> str:
    """Text whose order is that of the values: numbers (also true and false) before strings."""
    if isinstance(value, bool | int | float):
        return f"n{_sortable(float(value))}"
    text = clean(str(value).replace("\0", ""))
    return f"s{text}" if len(text) <= _LONGEST_TERM else f"s{text[:_LONGEST_TERM]}{digest(text)}"


def _sortable(number: float) -> str:
    """16 hex digits in the order of the numbers: the bits of the double, sign turned round."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))
    return f"{bits ^ 0xFFFFFFFFFFFFFFFF if bits >> 63 else bits | 1 << 63:016x}"
