"""What every page and every answer of the API works with: the store, the settings, who is who, the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from compliance.register import read_register
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
    identity = open_identity(store, settings)
    estate = Estate(store, lambda: {name: one.name for name, one in read_register(store, settings.site_folder).objects.items()})
    return Desk(store, settings, identity, Tokens(store, identity.accounts), estate, clock or SystemClock())


def install(desk: Desk) -> None:
    """Make this the desk of the process."""
    _installed[:] = [desk]


def desk() -> Desk:
    """The desk of the process; Streamlit runs page files by itself, so they cannot be handed one."""
    if not _installed:
        raise ConfigError("the console is started by: python -m console.server")
    return _installed[0]
