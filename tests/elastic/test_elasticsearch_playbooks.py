"""Runs of playbooks over a store on a real Elasticsearch: approval, restart, timed undo, the journal from the audit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import ManualClock
from playbooks.journal import announced, from_audit, read_entries, read_run, recent
from store.base import Store
from tests.peers.elasticsearch import elastic_store
from tests.playbooks.bench import BOB, SIMPLE, Site, assets

pytestmark = [pytest.mark.peer]
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with elastic_store(tmp_path) as found:
        yield found


def test_a_run_goes_its_whole_way(store: Store, tmp_path: Path) -> None:
    clock = ManualClock(START)
    here = Site(store, clock, tmp_path / "devices", (SIMPLE.replace("verify: {within: 1s}", "undo: {after: 5m}"),), assets(3, level=3))
    run = here.begin()
    here.quiet()
    here.restart()
    here.requests.approve(run, "approval", BOB, here.plan().hash)
    assert here.settle(run, timeout_s=60) == "done"
    assert here.device.sent() == ["light=up"] * 3
    here.restart()
    clock.advance(301)
    for _ in range(3):
        here.quiet()
    assert here.device.read(here.assets[0], "light") == ""
    state = read_run(store, run)[2]
    assert state.is_over
    assert from_audit(store, run) == read_entries(store, run)
    assert [one["id"] for one in recent(store, "try-it", START)] == [run]
    assert announced(store, "web-2", START) == run
    here.restart()
    assert here.runner.runs == {}
