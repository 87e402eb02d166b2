"""Passwords: argon2id, and the policy that graded protection level 3 asks for (GB/T 22239-2019 8.1.4.1 a).

OWASP ASVS 5.0 (6.2.5, 6.2.10) forbids rules of composition and forced change; graded protection demands both, so
they are on by default and their age can be set to 0 (never).
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from console.i18n import _
from core.errors import Refused
from core.settings import PASSWORD_CLASSES, PASSWORD_HISTORY, ConsoleSettings

HISTORY: Final = PASSWORD_HISTORY
LONGEST: Final = 256
CLASSES: Final = PASSWORD_CLASSES
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's floor for argon2id: 19 MiB, 2 rounds
_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe(16))
_COMMON: Final = ("password", "passw0rd", "qwerty", "123456", "admin", "wanglou", "welcome", "letmein", "abc123", "111111", "1qaz2wsx", "iloveyou")
_ALPHABET: Final = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))


def hash_password(password: str) -> str:
    """The argon2id hash, with its parameters and salt."""
    return _HASHER.hash(password)


def verify(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one; takes as long for an account that does not exist (None)."""
    try:
        return _HASHER.verify(stored or _NOBODY, password[: LONGEST + 1]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def one_time_password() -> str:
    """About 93 bits, without letters that look alike, in four groups."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def check_policy(password: str, name: str, history: Sequence[str], policy: ConsoleSettings) -> None:
    """Raise Refused with the first thing that is wrong with a new password."""
    if not policy.password_length <= len(password) <= LONGEST:
        raise Refused(_("the password needs at least {least} and at most {most} characters").format(least=policy.password_length, most=LONGEST))
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    if sum(any(kind(c) for c in password) for kind in kinds) < CLASSES:
        raise Refused(_("the password needs three of: small letters, capital letters, digits, other characters"))
    plain = password.lower()
    if name.lower() in plain or any(word in plain for word in _COMMON if len(word) * 2 > len(plain)):
        raise Refused(_("the password contains the account's name or is a well-known one"))
    if len(set(plain)) < 6:
        raise Refused(_("the password repeats too few different characters"))
    if any(verify(old, password) for old in history[:HISTORY]):
        raise Refused(_("the password was used before; the last {count} may not return").format(count=HISTORY))


def is_too_old(set_at: datetime, now: datetime, policy: ConsoleSettings) -> bool:
    """Whether the password must be changed because of its age."""
    return policy.password_days > 0 and now - set_at > timedelta(days=policy.password_days)
