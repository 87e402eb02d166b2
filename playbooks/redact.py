"""What targets say, made fit to be kept: secrets blanked in every form in which they may come back, length capped, the whole hashed. Pure."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final
from urllib.parse import quote, quote_plus

from core.secrets import Secret

BLANK: Final = "***"
KEPT: Final = 8_000
NOT_SECRET: Final = frozenset({"username", "auth_protocol", "priv_protocol", "context"})
SHORTEST: Final = 4
_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_SAID: Final = re.compile(r"(?i)\b(password|passwd|secret|token|community|passphrase)(\s*[:=]\s*|\s+)(\"[^\"]*\"|'[^']*'|\S+)")
_IN_URL: Final = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")


def forms_of(secret: Secret) -> set[str]:
    """Every text in which the values of a secret may appear: plain, URL-quoted, base64 (alone and as user:password)."""
    values = {str(getattr(secret, one.name)) for one in fields(secret) if one.name not in NOT_SECRET}
    plain = {value for value in values if len(value) >= SHORTEST}
    pairs = {f"{secret.username}:{value}" for value in plain if secret.username}
    coded = {b64encode(value.encode()).decode().rstrip("=") for value in plain | pairs}
    return plain | coded | {quote(value, safe="") for value in plain} | {quote_plus(value) for value in plain}


def blank(text: str, secrets: Iterable[Secret] = ()) -> str:
    """The text without the secrets, and without what looks like one."""
    for form in sorted({form for secret in secrets for form in forms_of(secret)}, key=len, reverse=True):
        text = text.replace(form, BLANK)
    return _SAID.sub(rf"\1\2{BLANK}", _IN_URL.sub(rf"\1{BLANK}@", _KEY.sub(BLANK, text)))


def kept(text: str, secrets: Iterable[Secret] = ()) -> dict[str, Any]:
    """What is kept of an output: its head and tail, its length and the digest of the whole (blanked) text."""
    clean = blank(text, secrets)
    digest = hashlib.sha256(clean.encode("utf-8", "replace")).hexdigest()
    shown = clean if len(clean) <= KEPT else f"{clean[: KEPT * 3 // 4]}\n…\n{clean[-KEPT // 4 :]}"
    return {"said": shown, "characters": len(clean), "sha256": digest}


def blank_values(value: Any, secrets: Iterable[Secret] = ()) -> Any:
    """Values for later steps, blanked and bounded."""
    secrets = list(secrets)
    if isinstance(value, str):
        return blank(value, secrets)[:KEPT]
    if isinstance(value, dict):
        return {str(key): blank_values(inner, secrets) for key, inner in list(value.items())[:500]}
    if isinstance(value, list | tuple):
        return [blank_values(inner, secrets) for inner in list(value)[:1000]]
    return value if isinstance(value, int | float | bool) or value is None else blank(str(value), secrets)[:KEPT]
