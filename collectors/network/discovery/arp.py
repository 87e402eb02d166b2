"""The MAC addresses that this machine's own kernel has just learned of those on its networks (Linux, proc(5): /proc/net/arp)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

TABLE: Final = Path("/proc/net/arp")
COMPLETE: Final = 0x2
TRUST_S: Final = 1.0


def read_table(text: str) -> dict[str, str]:
    """Address -> MAC address of each entry that is complete."""
    found = {}
    for line in text.splitlines()[1:]:
        pieces = line.split()
        if len(pieces) >= 4 and int(pieces[2], 16) & COMPLETE and pieces[3] != "00:00:00:00:00:00":
            found[pieces[0]] = pieces[3].lower()
    return found


class KernelTable:
    """Reads the table at most once a second; empty where there is none."""

    def __init__(self, path: Path = TABLE, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path, self._monotonic = path, monotonic
        self._read_at = float("-inf")
        self._table: Mapping[str, str] = {}

    def mac(self, address: str) -> str:
        """What is known of an address, else nothing."""
        if self._monotonic() - self._read_at >= TRUST_S:
            self._read_at = self._monotonic()
            try:
                self._table = read_table(self._path.read_text(encoding="ascii"))
            except (OSError, ValueError):
                self._table = {}
        return self._table.get(address, "")
