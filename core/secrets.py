"""Secrets as collectors use them: fetched by name at the moment of use, never shown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Protocol

from core.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One opened credential; empty fields do not apply. Its repr and str tell which fields are set and nothing more."""

    username: str = ""
    password: str = ""
    key: str = ""
    passphrase: str = ""
    community: str = ""
    auth_key: str = ""
    auth_protocol: str = ""
    priv_key: str = ""
    priv_protocol: str = ""
    context: str = ""
    token: str = ""

    def __repr__(self) -> str:
        given = ", ".join(f"{field.name}=***" for field in fields(self) if getattr(self, field.name))
        return f"Secret({given})"

    __str__ = __repr__


class Secrets(Protocol):
    """Where a collector finds credentials."""

    def get(self, name: str) -> Secret:
        """The credential called ``name``; raises NotFound, or ConfigError when it cannot be opened."""
        ...


class NoSecrets:
    """A vault with nothing in it."""

    def get(self, name: str) -> Secret:
        """An empty credential for the empty name; raises NotFound for any other."""
        if not name:
            return Secret()
        raise NotFound(f"there is no credential called {name!r}")


def token_id(token: str) -> str:
    """What is stored of a token: a digest, so that a copy of the store opens nothing."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
