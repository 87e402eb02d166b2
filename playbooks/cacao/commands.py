"""Which foreign command is word for word what one of our capabilities does. Pure; nothing that is not in the lists is ever run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, Final

from playbooks.capabilities.commands import PARTS, commands

Act = dict[str, Any]
"""The keys of a step: run, with, and how a change is looked at."""
_GET: Final = re.compile(r"GET\s+(/\S*)(?:\s+HTTP/[0-9.]+)?", re.ASCII)
_INPUT: Final = re.compile(r"\{\{ ([a-z][a-z0-9_]*) \}\}")
_MARK: Final = re.compile(r"@@([a-z][a-z0-9_]*)@@")


def act_of(kind: str, words: str, *, has_content: bool) -> Act | None:
    """The act that is a command of kind ``ssh``, ``bash`` or ``http-api``; inputs in it are ``{{ name }}``. None when a person has to read it."""
    if kind == "http-api":
        found = _GET.fullmatch(words.strip())
        return {"run": "http.get", "with": {"path": found[1]}} if found and not has_content else None
    if kind not in ("ssh", "bash") or "@@" in words:
        return None
    try:
        vector = shlex.split(_INPUT.sub(r"@@\1@@", words))
    except ValueError:
        return None
    if vector[:2] == ["systemctl", "restart"] and (rest := [one for one in vector[2:] if one != "--"]) and len(rest) == 1:
        return _restart(_back(rest[0]))
    for name, command in commands().items():
        if (parts := _fits(command.run, vector)) is not None:
            return {"run": "ssh.command", "with": {"command": name, **parts}}
    return None


def _restart(service: str) -> Act:
    never = "a restart cannot be taken back; the service must run afterwards"
    return {"run": "service.restart", "with": {"service": service}, "undo": {"never": never}}


def _fits(wanted: Sequence[str], given: Sequence[str]) -> dict[str, Any] | None:
    """The parts of a row of the list, when a command is exactly that row."""
    found: dict[str, Any] = {}
    if len(wanted) != len(given):
        return None
    for ours, theirs in zip(wanted, given, strict=True):
        part = ours.strip("{}")
        if part in PARTS and ours == f"{{{part}}}":
            found[part] = int(theirs) if part == "count" and theirs.isdigit() else _back(theirs)
        elif ours != theirs:
            return None
    return found


def _back(word: str) -> str:
    return _MARK.sub(r"{{ \1 }}", word)
