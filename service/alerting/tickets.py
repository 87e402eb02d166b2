"""Which ticket an incident has in another system, kept in the store."""

from __future__ import annotations

from core.errors import NotFound
from core.names import TICKET
from store.base import Store


class TicketNumbers:
    """Reads and writes like a dictionary of ``RECEIVER:INCIDENT`` -> number. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, default: str, /) -> str:
        """The number of the ticket, or the default."""
        try:
            return str(self._store.documents.get(TICKET, key).body["number"])
        except NotFound:
            return default

    def __setitem__(self, key: str, number: str, /) -> None:
        receiver, _, incident = key.rpartition(":")
        self._store.documents.put(TICKET, key, {"receiver": receiver, "incident": f"I{int(incident):06d}", "number": number})
