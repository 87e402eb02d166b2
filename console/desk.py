"""What every page and every answer of the API works with: the store, the settings, who is who, the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from console.identity.login import Identity, open_identity
from console.identity.tokens import Tokens
from console.queries.estate import Estate
from core.clock import Clock, SystemClock
from core.errors import ConfigError
from core.settings import Settings
from store.base import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """One per process, shared by all users: nothing in it belongs to one person."""

    store: Store
    settings: Settings
    identity: Identity
    tokens: Tokens
    estate: Estate
    clock: Clock

    def now(self) -> datetime:
        """Aware UTC."""
        return self.clock.now()

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone, in which people read times."""
        return self.settings.zone


_installed: list[Desk] = []


def open_desk(store: Store, settings: Settings, clock: Clock | None = None) -> Desk:
    """A desk over a store."""
    identity = open_identity(store, settings.console)
    return Desk(store, settings, identity, Tokens(store, identity.accounts), Estate(store), clock or SystemClock())


def install(desk: Desk) -> None:
    """Make this the desk of the process."""
    _installed[:] = [desk]


def desk() -> Desk:
    """The desk of the process; Streamlit runs page files by itself, so they cannot be handed one."""
    if not _installed:
        raise ConfigError("the console is started by: python -m console.server")
    return _installed[0]


def open_console_store(settings: Settings) -> Store:
    """The store of the settings, opened beside the service. Raises ConfigError or StoreAway with what to do."""
    from store.open import open_store

    given = settings.store
    if given.backend == "embedded":
        return open_store("embedded", settings.data, "console")
    if not given.url:
        raise ConfigError("the store elastic needs an address: [store] url in wanglou.toml, or WANGLOU_STORE__URL")
    return open_store(
        "elastic",
        settings.data,
        "console",
        url=given.url,
        username=given.username,
        password=given.password.get_secret_value(),
        api_key=given.api_key.get_secret_value(),
        ca_file=given.ca_file,
        namespace=given.namespace,
        replicas=given.replicas,
    )
