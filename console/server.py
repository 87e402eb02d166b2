"""The console as one ASGI program: pages (Streamlit), API (FastAPI) and login behind one gate, run by uvicorn.

``python -m console.server [--config FILE] [--data FOLDER] [--host HOST] [--port PORT]``; ``GET /healthz`` answers when ready.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from starlette.routing import Mount
from starlette.types import ASGIApp

from console import ack, door
from console.api import build_api
from console.desk import Desk, install, open_desk
from console.gate import Gate
from console.identity.bootstrap import FIRST, ensure_admin
from core.errors import ConfigError, StoreError
from core.files import read_toml
from core.settings import Settings, read_settings
from store.base import Store
from store.open import open_for

APP: Final = Path(__file__).with_name("app.py")
LOOK: Final = Path(__file__).with_name("streamlit.toml")
EXIT_CONFIG: Final = 78  # sysexits EX_CONFIG: starting again would not help
EXIT_STORE: Final = 75  # sysexits EX_TEMPFAIL: starting again may help


def create_app(store: Store, settings: Settings) -> ASGIApp:
    """The whole program over a store."""
    desk = open_desk(store, settings)
    install(desk)
    return Gate(_pages(desk), desk)


def _pages(desk: Desk) -> ASGIApp:
    import streamlit as st

    set_look(settings_of(read_toml(LOOK).data))
    return st.App(APP, routes=[*door.routes(desk), *ack.routes(desk), Mount("/api/v1", build_api(desk))])


def settings_of(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted keys."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= settings_of(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def set_look(options: Mapping[str, Any]) -> None:
    """Give Streamlit its options from our own file, wherever the program was started."""
    from streamlit import config

    for key, value in options.items():
        config.set_option(key, value)


def run(settings: Settings) -> int:
    """Serve until told to end; returns the exit status."""
    import uvicorn

    store = open_for(settings, "console")
    try:
        app = create_app(store, settings)
        announce(store, settings)
        given = settings.console
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_per_message_deflate=False,  # a tenth of the processor for what a local network does not need
            ssl_certfile=given.cert_file,
            ssl_keyfile=given.key_file,
            timeout_graceful_shutdown=3,
        )
    finally:
        store.close()
    return 0


def announce(store: Store, settings: Settings) -> None:
    """Print the first account's one-time password while it has never been used."""
    password = ensure_admin(store, settings.console)
    if password:
        print(f"first login: account {FIRST}, one-time password {password}", flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the settings and serve."""
    parser = argparse.ArgumentParser(prog="console", description="The console of Wanglou.")
    parser.add_argument("--config", type=Path, help="settings file (TOML)")
    parser.add_argument("--data", type=Path, help="data folder")
    parser.add_argument("--host", help="address to listen on")
    parser.add_argument("--port", type=int, help="port to listen on")
    given = parser.parse_args(arguments)
    changes = {name: value for name in ("data", "host", "port") if (value := getattr(given, name)) is not None}
    try:
        return run(read_settings(given.config).model_copy(update=changes))
    except ConfigError as err:
        print(f"console: {err}", file=sys.stderr)  # noqa: T201
        return EXIT_CONFIG
    except StoreError as err:
        print(f"console: {err}", file=sys.stderr)  # noqa: T201
        return EXIT_STORE


if __name__ == "__main__":
    sys.exit(main())
