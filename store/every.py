"""All documents of a kind, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from store.base import Document, Documents
from store.filter import EVERYTHING, Filter


def every(documents: Documents, kind: str, where: Filter = EVERYTHING, size: int = 1000) -> Iterator[Document]:
    """Documents of ``kind`` that fit ``where``, by id, asked for ``size`` at a time."""
    cursor: str | None = None
    while True:
        page = documents.find(kind, where, limit=size, cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return
