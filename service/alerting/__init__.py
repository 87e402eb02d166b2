"""Rules and incidents put together: replayed by scenarios, run for real by the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.clock import Clock
    from core.settings import Settings
    from inventory.credentials import Vault
    from service.alerting.live import LiveAlerting
    from service.alerting.loading import Loaded
    from store.base import Store


def open_alerting(settings: Settings, store: Store, vault: Vault, clock: Clock, loaded: Loaded) -> LiveAlerting:
    """The alerting of an installation, its state as the journal left it. Raises StoreError when the journal is damaged."""
    from service.alerting.journal import DiskJournal
    from service.alerting.live import LiveAlerting

    return LiveAlerting(settings, store, vault, clock, loaded, DiskJournal(settings.data / "alerting.db"))
