"""Types of texts that may become arguments of commands: matched whole, never beginning with a dash, no control characters.

Use them as annotations in the ``Options`` of a capability and as the kinds of a playbook's inputs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator


def whole(pattern: str, what: str) -> Callable[[str], str]:
    """A check that a text is nothing but ``pattern`` (no multi-line anchors: a newline never passes)."""
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"is no {what}")
        return text

    return check


def _address(text: str) -> str:
    try:
        if "%" in text:
            raise ValueError
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError("is no IP address") from None


def _network(text: str) -> str:
    try:
        if "%" in text:
            raise ValueError
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("is no network; write for instance 10.1.2.0/24") from None


def _one_line(text: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError("is no single line of text")
    return text


def _path(text: str) -> str:
    if not re.fullmatch(r"(?:/[A-Za-z0-9._@%+=:,-]+)+", text, re.ASCII) or {".", ".."} & set(text.split("/")):
        raise ValueError("is no absolute path of plain names")
    return text


HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,10}"

Address = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Host = Annotated[str, AfterValidator(whole(HOST, "host name"))]
Word = Annotated[str, AfterValidator(whole(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}", "plain word (letters, digits, _ . @ -)"))]
Interface = Annotated[str, AfterValidator(whole(r"[A-Za-z][A-Za-z0-9._/:-]{0,63}", "interface name"))]
Path = Annotated[str, AfterValidator(_path)]
Mac = Annotated[str, AfterValidator(whole(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}", "MAC address"))]
Line = Annotated[str, AfterValidator(_one_line)]
"""A line of text for people (a subject, a reason). It is never an argument of a command."""
