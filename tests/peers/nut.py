"""A real NUT server with a dummy-ups whose variables stand in a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.program import accepts, free_port, program, running

VARIABLES = {
    "ups.status": "OL CHRG",
    "battery.charge": "95",
    "battery.runtime": "1800",
    "ups.load": "23",
    "ups.temperature": "31.5",
    "input.voltage": "229.8",
    "ups.mfr": "Example",
    "ups.model": "Tower 3000",
}


@dataclass(frozen=True)
class Nut:
    """Where it listens; ``put`` changes what the supply says."""

    port: int
    file: Path

    def put(self, **changes: str) -> None:
        """New values, with ``_`` for each dot of a name."""
        values = VARIABLES | {name.replace("_", "."): value for name, value in changes.items()}
        self.file.write_text("".join(f"{name}: {value}\n" for name, value in values.items()), encoding="ascii")


@contextmanager
def nut(folder: Path) -> Iterator[Nut]:
    """upsd and dummy-ups, both in the foreground."""
    driver, port = program("/lib/nut/dummy-ups"), free_port()
    server = program("/lib/nut/upsd")  # the one in the PATH is a wrapper that refuses to run
    folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    found = Nut(port, folder / "tower.dev")
    found.put()
    (folder / "ups.conf").write_text(f'[tower]\n driver = dummy-ups\n port = {found.file}\n mode = dummy-loop\n desc = "test"\n', encoding="ascii")
    (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\nSTATEPATH {folder}\n", encoding="ascii")
    (folder / "upsd.users").write_text("", encoding="ascii")
    for path in folder.iterdir():
        path.chmod(0o640)
    environment = {"NUT_CONFPATH": str(folder), "NUT_STATEPATH": str(folder), "NUT_ALTPIDPATH": str(folder)}
    as_who = ["-u", "root"] if os.geteuid() == 0 else []
    with (
        running([driver, "-a", "tower", "-F", *as_who], lambda: any(folder.glob("dummy-ups-tower*")), folder / "driver.log", environment=environment),
        running([server, "-F", *as_who], lambda: accepts(port), folder / "upsd.log", environment=environment),
    ):
        yield found
