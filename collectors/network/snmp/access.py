"""Where an SNMP agent is and with which credentials it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from core.errors import ConfigError

Version = Literal["1", "2c", "3"]
Auth = Literal["", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"]
Privacy = Literal["", "des", "aes128", "aes192", "aes256"]

AUTHS: tuple[Auth, ...] = ("", "md5", "sha1", "sha224", "sha256", "sha384", "sha512")
PRIVACIES: tuple[Privacy, ...] = ("", "des", "aes128", "aes192", "aes256")
_SYNONYMS = {
    "none": "",
    "sha": "sha1",
    "sha-1": "sha1",
    "hmac-sha-256": "sha256",
    "aes": "aes128",
    "aes-128": "aes128",
    "aes-192": "aes192",
    "aes-256": "aes256",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Address and credentials of one agent, and of version 3 the context (which of several tables is meant). Secrets are kept out of ``repr``."""

    host: str
    port: int = 161
    version: Version = "2c"
    community: str = field(default="public", repr=False)
    user: str = ""
    auth: Auth = ""
    auth_key: str = field(default="", repr=False)
    privacy: Privacy = ""
    privacy_key: str = field(default="", repr=False)
    timeout_s: float = 3.0
    retries: int = 2
    repetitions: int = 25
    context: str = ""

    def __post_init__(self) -> None:
        if self.version == "3" and not self.user:
            raise ConfigError("SNMPv3 needs a user name", key="user")
        if self.privacy and not self.auth:
            raise ConfigError("privacy needs authentication as well: set auth and auth_key", key="privacy")
        for what, protocol, key in (("auth_key", self.auth, self.auth_key), ("privacy_key", self.privacy, self.privacy_key)):
            if protocol and len(key) < 8:
                raise ConfigError("must have at least 8 characters (RFC 3414)", key=what)


def auth_protocol(name: str) -> Auth:
    """``"SHA-256"`` or ``"sha256"`` as an authentication protocol; raises ConfigError for an unknown one."""
    plain = name.lower()
    plain = _SYNONYMS.get(plain, plain.replace("-", ""))
    for known in AUTHS:
        if plain == known:
            return known
    raise ConfigError(f"no authentication protocol is called {name!r}; there are: {', '.join(AUTHS[1:])}", key="auth")


def privacy_protocol(name: str) -> Privacy:
    """``"AES"`` or ``"aes128"`` as a privacy protocol; raises ConfigError for an unknown one."""
    plain = name.lower()
    plain = _SYNONYMS.get(plain, plain.replace("-", ""))
    for known in PRIVACIES:
        if plain == known:
            return known
    raise ConfigError(f"no privacy protocol is called {name!r}; there are: {', '.join(PRIVACIES[1:])}", key="privacy")
