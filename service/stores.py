"""What the service's settings mean for the store."""

from __future__ import annotations

from datetime import timedelta

from core.settings import Settings
from store.base import Retention


def retention_of(settings: Settings) -> Retention:
    """The settings' ages as the store wants them."""
    ages = settings.retention
    return Retention(raw_metrics=timedelta(days=ages.raw_metrics_days), rollups=timedelta(days=ages.rollups_days), events=timedelta(days=ages.events_days))
