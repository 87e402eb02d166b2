"""Accounts and groups without their secrets: whether a password is set, by which algorithm, and how old, never the hash."""

from __future__ import annotations

from typing import Final

from collectors.servers.machine import Machine

HEADER: Final = "# name:uid:gid:home:shell:password:algorithm:changed:min:max:warn:inactive:expire"
_ALGORITHMS: Final = {
    "1": "md5",
    "2": "bcrypt",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2y": "bcrypt",
    "5": "sha256",
    "6": "sha512",
    "y": "yescrypt",
    "gy": "gost",
    "7": "scrypt",
}


def accounts(machine: Machine) -> str | None:
    """One line an account, see ``HEADER`` (shadow(5), crypt(5))."""
    passwd = machine.read("/etc/passwd")
    if passwd is None:
        return None
    shadow = _shadow(machine.read("/etc/shadow"))
    rows = [line.split(":") for line in passwd.splitlines() if line.count(":") == 6]
    return "\n".join([HEADER, *(_line(row, shadow) for row in rows)]) + "\n"


def groups(machine: Machine) -> str | None:
    """The lines of /etc/group with the password field blanked."""
    text = machine.read("/etc/group")
    if text is None:
        return None
    rows = [line.split(":") for line in text.splitlines() if line.count(":") == 3]
    return "".join(f"{name}::{number}:{members}\n" for name, _, number, members in rows)


def _shadow(text: str | None) -> dict[str, list[str]] | None:
    if text is None:
        return None
    rows = (line.split(":") for line in text.splitlines() if line.count(":") >= 7)
    return {row[0]: row[1:] for row in rows}


def _line(row: list[str], shadow: dict[str, list[str]] | None) -> str:
    name, inline, uid, gid, _, home, shell = row
    fields = [inline] if inline != "x" else (shadow.get(name, ["!"]) if shadow is not None else None)
    if fields is None:
        state, algorithm, ages = "unknown", "", [""] * 6
    else:
        state, algorithm = password_state(fields[0])
        ages = (fields[1:7] + [""] * 6)[:6]
    return ":".join([name, uid, gid, home, shell, state, algorithm, *ages])


def password_state(field: str) -> tuple[str, str]:
    """(state, algorithm) of the password field of shadow(5)."""
    if not field:
        return "empty", ""
    if field.startswith("!"):
        return "locked", _algorithm(field.lstrip("!"))
    if field == "*" or len(field) < 13:
        return "none", ""
    return "set", _algorithm(field)


def _algorithm(hashed: str) -> str:
    if hashed.startswith("$"):
        return _ALGORITHMS.get(hashed.split("$")[1], "unknown")
    return "des" if len(hashed) == 13 else ""
