"""What ``wanglou up`` prepares before the supervisor takes over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from core.clock import SystemClock
from core.errors import ConfigError
from core.settings import Settings, read_settings
from inventory.credentials import Vault, master_key
from service.children import Child
from service.pulse import SELF
from service.supervisor import Supervisor, heartbeat_path, refuse_taken_port
from service.watchdog import Watchdog, due_path
from store.open import open_for

DEMO_DATA = "data-demo"
DEMO_CREDENTIAL = "simulated-devices"
BUREAU = "http://127.0.0.1:8899/faults"  # the control page of the simulated bureau


def run_up(config: Path | None, *, demo: bool, say: Callable[[str], None]) -> int:
    """Start all parts and watch them until told to end; returns the exit status. Raises ConfigError."""
    if demo:
        os.environ.setdefault("WANGLOU_DATA", DEMO_DATA)
    settings = read_settings(config)
    prepare_folder(settings.data)
    if demo:
        say("the year of the simulated bureau is made when it is not there yet: half a minute")
        subprocess.run([sys.executable, "-m", "simulator", "past", "--data", str(settings.data)], check=False)
        seal_demo_login(settings)
    refuse_taken_port(settings.host, settings.port)
    heartbeat_path(settings.data).unlink(missing_ok=True)
    due_path(settings.data).unlink(missing_ok=True)
    say(f"Wanglou 望楼: data in {settings.data.resolve()}, store {settings.store.backend}" + (f" at {settings.store.url}" if settings.store.url else ""))
    return Supervisor(settings, children(settings, config, demo=demo), say, Watchdog(settings, say).look, [BUREAU] if demo else []).run()


def children(settings: Settings, config: Path | None, *, demo: bool) -> dict[str, Child]:
    """The programs to run, in the order of their start."""
    given = ["--config", str(config)] if config else []
    found: dict[str, Child] = {}
    if demo:
        site = settings.data / "site"
        found["simulator"] = Child("simulator", ["-m", "simulator", "--site", str(site), "--syslog", "127.0.0.1:15514", "--flows", "127.0.0.1:15055"])
        os.environ.setdefault("WANGLOU_COLLECT__SYSLOG_UDP", "15514")
        os.environ.setdefault("WANGLOU_COLLECT__FLOWS_UDP", "15055")
        os.environ.setdefault("WANGLOU_DISCOVERY__ALLOWED", "127.20.0.0/16")
    data = {"WANGLOU_DATA": str(settings.data)}
    found["service"] = Child("service", ["-m", "service", "serve", *given], data)
    found["console"] = Child("console", ["-m", "console.server", *given], data)
    return found


def seal_demo_login(settings: Settings) -> None:
    """The credential with which the simulated devices, on loopback alone, let their configuration be read."""
    store = open_for(settings, "console")
    try:
        vault = Vault(store, master_key(settings.data))
        if DEMO_CREDENTIAL not in vault.names():
            vault.put(DEMO_CREDENTIAL, {"username": "wanglou", "password": "simulated"}, who=SELF, now=SystemClock().now())
    finally:
        store.close()


def prepare_folder(folder: Path) -> None:
    """Make the data folder (mode 0700) and prove that it can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "run").mkdir(mode=0o700, exist_ok=True)
        probe = folder / "run" / "probe"
        probe.write_text("", encoding="ascii")
        probe.unlink()
    except OSError as err:
        raise ConfigError(f"the data folder cannot be written ({err.strerror}); choose another with WANGLOU_DATA or mend its permissions", path=folder) from err
