"""What every command shares: its settings file, plain words for errors, the store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer

from core.errors import WanglouError
from core.settings import Settings

P = ParamSpec("P")
EXIT_CONFIG = 78

Config = Annotated[Path | None, typer.Option("--config", help="Settings file; default: wanglou.toml in the data folder.")]


def plainly(function: Callable[P, None]) -> Callable[P, None]:
    """Turn our own errors into one line on standard error and exit status 1 (78 for a wrong configuration)."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from core.errors import ConfigError, StoreError

        try:
            function(*args, **kwargs)
        except WanglouError as err:
            print(f"wanglou: {err}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(EXIT_CONFIG if isinstance(err, ConfigError | StoreError) else 1) from None

    return wrapped


def say(text: str) -> None:
    """One line for the person at the terminal."""
    print(text, flush=True)  # noqa: T201


def say_all(lines: Iterable[str]) -> None:
    """Each line as soon as it is there."""
    for line in lines:
        say(line)


def group(about: str) -> typer.Typer:
    """Commands under one word."""
    return typer.Typer(help=about, no_args_is_help=True)


def open_store(settings: Settings) -> Any:
    """The store of the settings, as one that reads and asks."""
    from store.open import open_for

    return open_for(settings, "console")


def open_vault(settings: Settings) -> Any:
    """The sealed credentials of the settings."""
    from inventory.credentials import Vault, master_key

    return Vault(open_store(settings), master_key(settings.data))
