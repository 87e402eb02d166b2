"""A store in a folder of its own, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.clock import ManualClock
from store.embedded import EmbeddedStore, open_embedded

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path, clock: ManualClock) -> Iterator[EmbeddedStore]:
    opened = open_embedded(folder, clock=clock)
    yield opened
    opened.close()
