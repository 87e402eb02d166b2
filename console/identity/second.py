"""The second factor: time-based codes of six digits (RFC 6238, SHA-1, 30 s, as every authenticator program has them) and recovery codes."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

import pyotp
import segno

from console.i18n import _
from core.errors import ConfigError, Refused
from core.secrets import token_id
from inventory.credentials import open_sealed, seal, second_context

ISSUER: Final = "Wanglou"
WINDOW: Final = 1
"""Steps of 30 s before and after now in which a code is taken."""
RECOVERY_CODES: Final = 10
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = 5


def new_key() -> str:
    """A fresh key: 160 random bits in base 32."""
    return pyotp.random_base32(32)


def address_of(account: str, key: str) -> str:
    """What an authenticator program reads: otpauth://totp/..."""
    return pyotp.TOTP(key).provisioning_uri(name=account, issuer_name=ISSUER)


def picture(text: str) -> str:
    """A QR code as the data address of a PNG."""
    return str(segno.make(text, error="m", micro=False).png_data_uri(scale=4, border=4))


def matching_step(key: str, code: str, now: datetime, used: int) -> int | None:
    """The step whose code this is, none when it is wrong, too old, too early, or of the step ``used`` or before."""
    totp, given = pyotp.TOTP(key), "".join(code.split()).encode("utf-8", "replace")
    present = totp.timecode(now)
    fits = [step for step in range(present - WINDOW, present + WINDOW + 1) if hmac.compare_digest(totp.generate_otp(step).encode(), given)]
    return next((step for step in fits if step > used), None)


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes of five groups of five: 124 random bits each."""
    return tuple("-".join("".join(secrets.choice(_LETTERS) for _letter in range(5)) for _group in range(_GROUPS)) for _code in range(RECOVERY_CODES))


def recovery_id(code: str) -> str:
    """What is stored of a recovery code: a digest, whatever spaces, dashes and capitals it was typed with."""
    return token_id("".join(letter for letter in code.lower() if letter.isalnum()))


class KeySeal:
    """Keys sealed under the installation's master key, which is read at each use so that its rotation needs no restart."""

    def __init__(self, master: Callable[[], bytes]) -> None:
        self._master = master

    def offer(self, account: str, session: str) -> tuple[str, str]:
        """A fresh key and its box, which the form carries: it opens for this account in this session alone."""
        key = new_key()
        return key, json.dumps(seal(self._master(), _offer_context(account, session), key))

    def take_offer(self, account: str, session: str, box: str) -> str:
        """The key of a box that ``offer`` made; raises Refused."""
        try:
            return open_sealed(self._master(), _offer_context(account, session), json.loads(box))
        except (ConfigError, ValueError, KeyError, TypeError):
            raise Refused(_("the page was open too long; try again")) from None

    def close(self, account: str, key: str) -> dict[str, str]:
        """The key as it is stored."""
        return seal(self._master(), second_context(account), key)

    def open(self, account: str, box: dict[str, str]) -> str:
        """The stored key; raises ConfigError when the master key is another one."""
        return open_sealed(self._master(), second_context(account), box)


def _offer_context(account: str, session: str) -> str:
    return f"{account}/second-factor-offer/{session}"
