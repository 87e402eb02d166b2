"""Opening the store that the settings ask for."""

from __future__ import annotations

from typing import Literal

from core.errors import ConfigError
from core.settings import Settings
from store.base import Retention, Store

Role = Literal["service", "console"]


def open_for(settings: Settings, role: Role) -> Store:
    """The store of ``settings``: one "service" owns it, any number of "console" read and write documents.

    Raises ConfigError, StoreLocked or StoreAway with what to do.
    """
    from store.open import open_store

    given = settings.store
    if given.backend == "elastic":
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
    return open_store("embedded", settings.data, role)


def retention_of(settings: Settings) -> Retention:
    """The settings' ages as the store wants them."""
    from datetime import timedelta

    ages = settings.retention
    return Retention(raw_metrics=timedelta(days=ages.raw_metrics_days), rollups=timedelta(days=ages.rollups_days), events=timedelta(days=ages.events_days))
