"""Files that a person names on the command line, with the reason in words when one cannot be read."""

from __future__ import annotations

from pathlib import Path

from core.errors import ConfigError


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as err:
        raise ConfigError(f"cannot be read: {err.strerror}", path=path) from None
