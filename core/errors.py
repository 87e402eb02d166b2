"""The one exception tree. Library errors are translated into these at the edge that met them.

Every message says what went wrong and, where a person can act, what to do.
"""

from __future__ import annotations

from pathlib import Path


class WanglouError(Exception):
    """Anything that Wanglou itself raises on purpose; its text may be shown to a user."""


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"


class ConfigError(WanglouError):
    """A file that a person wrote is wrong; says file, line and key. A value that it repeats is cut where nobody would read on."""

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None, key: str = "") -> None:
        message, key = _cut(message, 1500), _cut(key, 300)
        self.message, self.path, self.line, self.key = message, path, line, key
        place = "" if path is None else f"{path}:{line}: " if line else f"{path}: "
        super().__init__(f"{place}{key + ': ' if key else ''}{message}")


class DeviceError(WanglouError):
    """An asset could not be read; ``asset`` names it."""

    def __init__(self, asset: str, message: str) -> None:
        self.asset = asset
        super().__init__(message)


class Unreachable(DeviceError):
    """No answer: refused, timed out, no route, name not found."""


class AuthRefused(DeviceError):
    """The asset answered and refused our credentials; trying again will not help."""


class HostKeyChanged(AuthRefused):
    """The asset showed another host key than the approved one; a security event."""


class BadReply(DeviceError):
    """The asset answered something that cannot be understood."""


class StoreError(WanglouError):
    """The store refused or failed."""


class StoreAway(StoreError):
    """The store cannot be reached now; trying again later may help."""


class StoreLocked(StoreError):
    """Another process holds the store's writer lock."""


class Unreadable(StoreError):
    """A kept document is there and cannot be read: what lies on the disc was changed or is broken."""


class NotFound(StoreError):
    """No such document."""


class Conflict(StoreError):
    """The document changed since it was read; read it again, apply the change, write again."""


class NotifyError(WanglouError):
    """A receiver did not accept a notice. ``permanent``: the same notice will never be accepted."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        self.permanent, self.retry_after_s = permanent, retry_after_s
        super().__init__(message)


class Refused(WanglouError):
    """An action is not allowed: by the rights of the person or the present state of the thing."""
