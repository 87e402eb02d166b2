"""Opening a store by the name of its back end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, cast

from core.registry import resolve
from store.base import Store

BACKENDS: Final = {"embedded": "store.embedded:open_embedded", "elastic": "store.elastic:open_elastic"}


def open_store(backend: str, folder: Path, role: Literal["service", "console"], **options: Any) -> Store:
    """The store in ``folder``; ``options`` are the back end's own (for "elastic": url, username ...).

    Raises ConfigError, StoreLocked or StoreAway with what to do.
    """
    return cast("Store", resolve(BACKENDS, backend, "store")(folder=folder, role=role, **options))
