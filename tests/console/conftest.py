from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from console import i18n
from console.desk import Desk, install, open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.server import LOOK, set_look, settings_of
from core.clock import ManualClock
from core.files import read_toml
from core.settings import Settings
from store.base import Store
from store.embedded import open_embedded
from tests.console.seed import fill

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PASSWORD = "Morning-tower-7-rain"


@pytest.fixture(autouse=True, scope="session")
def _as_served() -> None:
    """Pages run with the options of the server, and what is installed is looked through once, not for every page."""
    set_look(settings_of(read_toml(LOOK).data))
    manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True)
def _own_main() -> Iterator[None]:
    """Streamlit's test runner puts the page in the place of the main module; a process begun later would start by running it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    i18n.speak("en")
    yield
    i18n.speak("zh_CN")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_embedded(tmp_path / "data", "service")
    yield opened
    opened.close()


@pytest.fixture
def here(store: Store, clock: ManualClock, tmp_path: Path) -> Desk:
    desk = open_desk(store, Settings(data=tmp_path / "data"), clock)
    install(desk)
    return desk


@pytest.fixture
def filled(here: Desk) -> Desk:
    fill(here.store, here.now(), incidents=3, assets=12, hours=3)
    return here


def person(here: Desk, name: str, *roles: Role, is_founder: bool = False) -> Account:
    """An account that has chosen its own password."""
    accounts = here.identity.accounts
    accounts.add(Account(name=name, roles=tuple(roles), created_by="test", is_founder=is_founder), here.now())
    return accounts.change_password(accounts.get(name), PASSWORD, here.now())
