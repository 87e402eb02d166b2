"""The way back in for somebody at the machine, when nobody can reset an account in the console any more.

``python -m console.rescue NAME [--config FILE]`` (``wanglou account rescue NAME``): a new one-time password, no lock, no second factor. Audited first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from console.identity.accounts import Accounts
from console.identity.sessions import Sessions
from core.clock import SystemClock
from core.errors import WanglouError
from core.settings import Settings, read_settings
from store.base import Store
from store.open import open_for

WHO: Final = "command line"


def rescue(store: Store, settings: Settings, name: str, now: datetime) -> str:
    """The new one-time password of the account; a second factor must be set up anew. A closed account stays closed. Raises NotFound."""
    accounts = Accounts(store, settings.console)
    account = accounts.get(name)
    store.audit.append(time=now, actor=WHO, action="account.rescue", object=name, body={"second_factor": account.has_second})
    if account.has_second:
        accounts.drop_second(name, must_enrol=True)
    password = accounts.renew(name, now)
    Sessions(store, accounts, settings.console).end_all(name)
    return password


def main(arguments: Sequence[str] | None = None) -> int:
    """Rescue one account; prints its one-time password."""
    parser = argparse.ArgumentParser(prog="wanglou account rescue", description="A new one-time password, and no second factor, for an account of the console.")
    parser.add_argument("name", help="account")
    parser.add_argument("--config", type=Path, help="settings file (TOML)")
    given = parser.parse_args(arguments)
    try:
        settings = read_settings(given.config)
        store = open_for(settings, "console")
        try:
            password = rescue(store, settings, given.name, SystemClock().now())
        finally:
            store.close()
    except WanglouError as err:
        print(f"wanglou: {err}", file=sys.stderr)  # noqa: T201
        return 1
    print(f"one-time password of {given.name}: {password}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
