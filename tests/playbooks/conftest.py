"""A store, a clock and a site."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from store.base import Store
from store.open import open_store
from tests.playbooks.bench import SIMPLE, Site

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store("embedded", tmp_path / "data", "service")
    yield found
    found.close()


@pytest.fixture
def site(store: Store, clock: ManualClock, tmp_path: Path) -> Callable[..., Site]:
    def make(*texts: str, **more: Any) -> Site:
        return Site(store, clock, tmp_path / "devices", texts or (SIMPLE,), **more)

    return make
