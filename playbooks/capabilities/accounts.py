"""Accounts of a Linux machine: locked so that neither password nor key opens it, and opened again as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator

from core.errors import BadReply
from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, run, shown
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Word

NEVER: Final = frozenset({"root", "wanglou"})
LOCKED: Final = "1"  # days since 1970: expired long ago; a locked password alone still lets keys in


def _lockable(name: str) -> str:
    if name in NEVER:
        raise ValueError(f"{name} is never locked by a playbook")
    return name


class LockOptions(Options):
    """Which account."""

    account: Annotated[Word, AfterValidator(_lockable)]


class AccountLock:
    """Locks the password and lets the account expire; its sessions go on until they end."""

    name: ClassVar[str] = "account.lock"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = LockOptions

    def plan(self, options: LockOptions, target: Asset | None) -> Act:
        """Lock and expire; unlock what was not locked before, with the date of before."""
        inverse = shown(target, _vector(options, "--unlock", "<before: expiry>"))
        return Act(commands=shown(target, _vector(options, "--lock", LOCKED)), inverse=inverse)

    def verify(self, options: LockOptions, target: Asset | None, reach: Reach) -> State:
        """Both the mark before the password's hash and the date, from the shadow file."""
        ran = run(reach, target, ["getent", "shadow", options.account], fine=(0, 2))
        if ran.status == 2:
            raise BadReply(asset_of(target).id, f"there is no account {options.account}, or this login may not read the shadow file")
        fields = ran.out.strip().split(":")
        is_locked, expiry = fields[1].startswith("!"), fields[7] if len(fields) > 7 else ""
        said = f"password {'locked' if is_locked else 'open'}, expires {expiry or 'never'}"
        return State(holds=is_locked and expiry == LOCKED, said=said, before={"locked": is_locked, "expiry": expiry, "has_password": len(fields[1]) > 1})

    def do(self, options: LockOptions, target: Asset | None, reach: Reach) -> Answer:
        """Lock."""
        run(reach, target, _vector(options, "--lock", LOCKED))
        return Answer(said=f"{options.account} is locked")

    def undo(self, options: LockOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:
        """As it was before."""
        expiry = str(before.get("expiry", ""))
        opens = not before.get("locked") and before.get("has_password", True)
        run(reach, target, _vector(options, "--unlock", expiry) if opens else ["usermod", "--expiredate", expiry, options.account])
        return Answer(said=f"{options.account} is as before")


def _vector(options: LockOptions, action: str, expiry: str) -> list[str]:
    return ["usermod", action, "--expiredate", expiry, options.account]
