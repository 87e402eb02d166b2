"""Lists of assets: state, words, facets. Pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.queries.cases import Case, count_by_asset, rank, worst_by_asset
from console.text import cell
from inventory.asset import Asset
from store.base import Selector, Store

FRESH: Final = timedelta(minutes=15)
FACETS: Final = ("kind", "site", "owner", "business", "importance")
EDITABLE: Final = (
    "name", "kind", "address", "site", "room", "rack", "unit", "owner", "business", "vendor", "model", "version", "serial",
    "importance", "grading", "object", "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One asset as a list shows it. ``state``: a severity, good, muted or unknown."""

    asset: Asset
    state: str
    incidents: int
    seen: datetime | None

    @property
    def order(self) -> tuple[int, str]:
        """The worst first, then by name."""
        return (rank(self.state) if self.state != "unknown" else 4, self.asset.title.lower())


def last_seen(store: Store, now: datetime) -> dict[str, tuple[datetime, float]]:
    """Asset -> when a collector last tried, and the worst of its latest outcomes (1 good, 0 not)."""
    found: dict[str, tuple[datetime, float]] = {}
    for sample in store.metrics.latest(Selector(metric="collector.up"), FRESH, now):
        before = found.get(sample.asset)
        found[sample.asset] = (max(before[0], sample.time), min(before[1], sample.value)) if before else (sample.time, sample.value)
    return found


def lines(assets: Iterable[Asset], cases: Sequence[Case], seen: Mapping[str, tuple[datetime, float]]) -> list[Line]:
    """Every asset with its state, the worst first."""
    worst, count = worst_by_asset(cases), count_by_asset(cases)
    found = [
        Line(asset=asset, state=state_of(asset, worst, seen), incidents=count.get(asset.id, 0), seen=seen[asset.id][0] if asset.id in seen else None)
        for asset in assets
    ]
    return sorted(found, key=lambda line: line.order)


def state_of(asset: Asset, worst: Mapping[str, str], seen: Mapping[str, tuple[datetime, float]]) -> str:
    """The gravest of what fires; without an incident good only when data came lately."""
    if asset.id in worst:
        return worst[asset.id]
    if asset.id not in seen:
        return "unknown"
    return "good" if seen[asset.id][1] > 0 else "warning"


def search(found: Iterable[Line], words: str) -> list[Line]:
    """Lines that hold every word; ``field:value`` asks one field, by its beginning."""
    parts = words.lower().replace("：", ":").split()
    return [line for line in found if all(_holds(line, part) for part in parts)]


def narrow(found: Iterable[Line], chosen: Mapping[str, Sequence[str]]) -> list[Line]:
    """Lines whose fields have one of the chosen values."""
    return [line for line in found if all(not values or value_of(line, field) in values for field, values in chosen.items())]


def facets(found: Iterable[Line], field: str) -> list[tuple[str, int]]:
    """The values of a field with their counts, most frequent first."""
    return Counter(value for line in found if (value := value_of(line, field))).most_common()


def value_of(line: Line, field: str) -> str:
    """A field of the line itself or of its asset, as text."""
    return str(getattr(line, field) if field == "state" else getattr(line.asset, field, "") or "")


def table(found: Sequence[Line]) -> list[dict[str, Any]]:
    """Rows for export: every field that an import reads again."""
    rows = []
    for line in found:
        plain = line.asset.model_dump(mode="json", include={"id", *EDITABLE})
        rows.append({"id": line.asset.id, **{field: cell(str(plain.get(field, ""))) for field in EDITABLE}})
    return rows


def csv_of(found: Sequence[Line]) -> bytes:
    """The rows as CSV in UTF-8 with a mark, as spreadsheets want it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("id", *EDITABLE), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(table(found))
    return text.getvalue().encode("utf-8-sig")


def _holds(line: Line, part: str) -> bool:
    field, colon, value = part.partition(":")
    if colon and value and (field == "state" or field in Asset.model_fields):
        return value_of(line, field).lower().startswith(value)
    asset = line.asset
    text = " ".join((asset.id, asset.name, asset.address, *asset.addresses, asset.site, asset.owner, asset.business, asset.vendor, asset.model, *asset.tags))
    return part in text.lower()
