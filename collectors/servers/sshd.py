"""The settings of sshd in force: asked from sshd itself, else read from its file as sshd_config(5) says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from collectors.servers.machine import Machine

FILE: Final = "/etc/ssh/sshd_config"
_REPEATED: Final = {"port", "listenaddress", "hostkey", "acceptenv", "allowusers", "allowgroups", "denyusers", "denygroups", "subsystem"}
MAX_DEPTH: Final = 16  # of includes; sshd's own limit


def sshd_config(machine: Machine) -> str | None:
    """Lower-case keyword, blank, value on each line; None where there is no sshd."""
    if text := machine.run("sshd", "-T"):
        return text
    text = machine.read(FILE)
    return None if text is None else effective(machine, text)


def effective(machine: Machine, text: str) -> str:
    """The settings of the file: the first value of a keyword wins, ``Match`` blocks follow as written."""
    seen: set[str] = set()
    plain: list[str] = []
    matched: list[str] = []
    for keyword, value in _lines(machine, text, 0):
        if keyword == "match" or matched:
            matched.append(f"{'' if keyword == 'match' else '    '}{keyword} {value}")
        elif keyword in _REPEATED or keyword not in seen:
            seen.add(keyword)
            plain.append(f"{keyword} {value}")
    return "\n".join([f"# read from {FILE}; defaults are not shown", *plain, *matched]) + "\n"


def _lines(machine: Machine, text: str, depth: int) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        found = re.match(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.+?)\s*$", line.split("#", 1)[0] if not re.search(r"[\"'].*#", line) else line)
        if not found:
            continue
        keyword, value = found[1].lower(), found[2]
        if keyword != "include":
            yield keyword, value.strip('"')
        elif depth < MAX_DEPTH:
            for pattern in value.split():
                place = pattern.strip('"')
                for path in machine.files(place if place.startswith("/") else f"/etc/ssh/{place}"):
                    yield from _lines(machine, machine.read(path) or "", depth + 1)
