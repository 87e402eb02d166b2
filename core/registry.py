"""Registries: a readable dict from a name to "module:attribute", imported on first use."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from core.errors import ConfigError


def resolve(registry: Mapping[str, str], name: str, what: str) -> Any:
    """The object that ``registry`` names; ``what`` ("collector") is for the error message.

    Raises ConfigError for an unknown name and for a part whose optional package is not installed.
    """
    try:
        module, _, attribute = registry[name].partition(":")
    except KeyError:
        raise ConfigError(f"no {what} is called {name!r}; there are: {', '.join(sorted(registry))}") from None
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as err:
        raise ConfigError(f"{what} {name!r} needs the package {err.name!r}, which is not installed") from err
