"""A store and a book to write in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory.book import Book
from store.base import Store
from store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)
