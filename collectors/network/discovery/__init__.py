"""Searching the network for devices: gentle, bounded, inside the allowed ranges alone. See ``docs/discovery.md``."""

from collectors.network.discovery.search import Limits, Order, Outcome, search

__all__ = ["Limits", "Order", "Outcome", "search"]
