"""Traffic as tables: shares, names of assets, what is missing. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from inventory.asset import Asset
from store.base import Store
from store.flows import Line, Traffic, across, read_traffic
from store.snapshots import latest_snapshot

Title = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows of a range: every exporter, the chosen ones' lists, and their bytes."""

    exporters: Sequence[Traffic]
    lists: Mapping[str, Sequence[Line]]
    bytes: int
    seconds: float


def read_view(store: Store, since: datetime, until: datetime, exporter: str = "") -> View:
    """The lists of one exporter, or (``exporter`` empty) of all, each conversation counted once as the one that saw most of it says."""
    found = read_traffic(store.documents, since, until)
    chosen = [traffic for traffic in found if traffic.exporter == exporter] if exporter else found
    lists = chosen[0].lists if exporter and chosen else across(chosen)  # the ports of one exporter mean something
    total = chosen[0].bytes if len(chosen) == 1 else sum(line.bytes for line in lists["applications"])
    return View(found, lists, total, max(1.0, (until - since).total_seconds()))


def of_asset(lists: Mapping[str, Sequence[Line]], asset: Asset) -> list[Line]:
    """The conversations in which an address of the asset takes part."""
    own = {asset.address, *asset.addresses} - {""}
    return [line for line in lists.get("conversations", ()) if own & {line.names[0], line.names[1]}]


def ports_of(store: Store, exporter: str) -> dict[str, str]:
    """Interface index -> name, as SNMP last read it of the exporter; empty when it never did."""
    snapshot = latest_snapshot(store, exporter, "snmp.inventory")
    if snapshot is None:
        return {}
    rows = json.loads(snapshot.body).get("interfaces", ())
    return {str(row["index"]): str(row.get("name") or row.get("descr") or row["index"]) for row in rows}


def through(lines: Sequence[Line], port: str) -> list[Line]:
    """Conversations that come in or go out by a port (its index)."""
    return [line for line in lines if port in line.names[3:5]]


def owners(assets: Iterable[Asset]) -> dict[str, Asset]:
    """Address -> asset; the first of two claims wins."""
    found: dict[str, Asset] = {}
    for asset in assets:
        for address in (asset.address, *asset.addresses):
            if address:
                found.setdefault(address, asset)
    return found


def named(address: str, known: Mapping[str, Asset]) -> str:
    """The address, with the asset's name before it when one has it."""
    return f"{known[address].title} ({address})" if address in known else address


def share(part: int, whole: int) -> float:
    """Percent, 0 of nothing."""
    return 100 * part / whole if whole else 0.0


def is_whole(exporters: Iterable[Traffic]) -> bool:
    """Whether nothing was lost, cut or left unread."""
    return not any(traffic.counts.get(name, 0) for traffic in exporters for name in ("lost", "unknown", "bad"))
