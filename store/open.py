"""Opening a store by the name of its back end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, cast

from core.errors import ConfigError
from core.registry import resolve
from core.settings import Settings
from store.base import Store

BACKENDS: Final = {"embedded": "store.embedded:open_embedded", "elastic": "store.elastic:open_elastic"}


def open_store(backend: str, folder: Path, role: Literal["service", "console"], **options: Any) -> Store:
    """The store in ``folder``; ``options`` are the back end's own (for "elastic": url, username ...).

    Raises ConfigError, StoreLocked or StoreAway with what to do.
    """
    return cast("Store", resolve(BACKENDS, backend, "store")(folder=folder, role=role, **options))


def open_for(settings: Settings, role: Literal["service", "console"]) -> Store:
    """The store of ``settings``: one "service" owns it, any number of "console" read it and write documents.

    Raises ConfigError, StoreLocked or StoreAway with what to do.
    """
    given = settings.store
    if given.backend == "embedded":
        return open_store("embedded", settings.data, role)
    if not given.url:
        raise ConfigError("the store elastic needs an address: wanglou up --store elastic --url http://127.0.0.1:9200, or [store] url in wanglou.toml")
    return open_store(
        "elastic",
        settings.data,
        role,
        url=given.url,
        username=given.username,
        password=given.password.get_secret_value(),
        api_key=given.api_key.get_secret_value(),
        ca_file=given.ca_file,
        namespace=given.namespace,
        replicas=given.replicas,
    )
