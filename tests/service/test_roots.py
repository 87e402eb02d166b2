"""The service looks for the root of each live incident in its own store and graph, and keeps what it found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import NotFound
from core.names import INCIDENT, ROOTS
from core.records import Sample
from inventory.asset import Asset
from service.quality.roots import Roots, edges_of
from store.base import Store
from store.open import open_store

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ESTATE = [
    Asset(id="page", kind="system", runs_on=["app"], depends_on=["db"]),  # type: ignore[arg-type]
    Asset(id="app", located_in="room"),
    Asset(id="db", located_in="room"),
    Asset(id="post", kind="sensor", located_in="room"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path, "service")
    yield opened
    opened.close()


def fill(store: Store) -> None:
    """Seven hours; ten minutes ago the database became busy and a minute later the page slow."""
    samples = []
    for minute in range(-420, 0):
        at = NOW + timedelta(minutes=minute)
        wave = math.sin(minute * 7.1)
        for asset, metric, value in (
            ("db", "system.cpu.utilization", 98.0 if minute >= -10 else 25 + wave),
            ("app", "system.cpu.utilization", 30 + wave),
            ("page", "http.client.duration", 4.0 if minute >= -9 else 0.2 + 0.01 * wave),
        ):
            samples.append(Sample(time=at, asset=asset, metric=metric, value=value))
    store.metrics.write(samples)


def incident(members: int = 1, state: str = "open") -> dict[str, Any]:
    start = (NOW - timedelta(minutes=9)).isoformat()
    found = [{"asset": "page", "rule": "http_slow", "start": start, "fingerprint": f"f{number}"} for number in range(members)]
    return {"id": "I000001", "state": state, "opened": start, "members": found}


def test_the_busy_database_behind_a_slow_page_is_found_with_its_evidence(store: Store) -> None:
    fill(store)
    store.documents.put(INCIDENT, "I000001", incident())
    assert Roots(store, lambda: ESTATE).round(NOW) == 1
    body = store.documents.get(ROOTS, "I000001").body
    first = body["suspects"][0]
    assert (first["asset"], first["deepest"], first["explains"]) == ("db", True, [["page", "depends_on"]])
    assert first["shifts"][0]["metric"] == "system.cpu.utilization"
    assert first["shifts"][0]["since"] == (NOW - timedelta(minutes=10)).isoformat()
    assert body["candidates"] == 5
    assert body["chance_1"] == 0.2


def test_an_incident_is_looked_at_again_only_when_it_grew_or_its_window_is_over(store: Store) -> None:
    fill(store)
    roots = Roots(store, lambda: ESTATE)
    store.documents.put(INCIDENT, "I000001", incident())
    assert [roots.round(NOW), roots.round(NOW)] == [1, 0]
    store.documents.put(INCIDENT, "I000001", incident(members=2))
    assert [roots.round(NOW), roots.round(NOW)] == [1, 0]
    later = NOW + timedelta(minutes=10)
    assert [roots.round(later), roots.round(later)] == [1, 0]


def test_what_is_over_is_not_looked_at(store: Store) -> None:
    store.documents.put(INCIDENT, "I000001", incident(state="resolved"))
    assert Roots(store, lambda: ESTATE).round(NOW) == 0
    with pytest.raises(NotFound):
        store.documents.get(ROOTS, "I000001")


def test_a_sensor_speaks_for_its_room() -> None:
    edges = edges_of(ESTATE)
    assert ("room", "sensed_by", "post") in edges
    assert ("db", "located_in", "room") in edges
    assert ("page", "depends_on", "db") in edges
