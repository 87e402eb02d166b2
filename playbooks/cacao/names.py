"""What both directions share: identifiers, kinds of variables, and the extension that holds what CACAO has no place for. Pure."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection
from typing import Final

SPEC: Final = "cacao-2.0"
OURS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://wanglou.example/playbooks")
AUTHOR: Final = f"identity--{uuid.uuid5(OURS, 'author')}"
EXTENSION: Final = f"extension-definition--{uuid.uuid5(OURS, 'extension')}"
HEAD: Final = "wanglou_playbook"
STEP: Final = "wanglou_step"
MOST_STEPS: Final = 200
OUT: Final = {"int": "integer", "port": "integer", "number": "float", "bool": "bool", "mac": "mac-addr"}
IN: Final = {
    "integer": "int",
    "long": "int",
    "float": "number",
    "bool": "bool",
    "mac-addr": "mac",
    "ipv4-addr": "ip",
    "ipv6-addr": "ip",
    "dictionary": "text",
    "string": "text",
}
"""Kind of an input by kind of a variable; what is not named is a line of text."""


def playbook_id(name: str) -> str:
    """The identifier of one of our playbooks: the same for every export of it."""
    return f"playbook--{uuid.uuid5(OURS, name)}"


def object_id(kind: str, *parts: str) -> str:
    """An identifier that the same parts give again, in the shape of UUID version 4, which steps must have."""
    digest = hashlib.sha256("\x1f".join((kind, *parts)).encode()).digest()
    return f"{kind}--{uuid.UUID(bytes=digest[:16], version=4)}"


def variable(name: str) -> str:
    """The name of a variable."""
    return f"__{name}__"


def slug(text: str, taken: Collection[str], *, otherwise: str, glue: str = "_", most: int = 40) -> str:
    """A name of our own from a foreign one: small letters and digits, free among ``taken``."""
    plain = re.sub(r"[^a-z0-9]+", glue, text.lower()).strip(glue)
    plain = re.sub(r"^[^a-z]+", "", plain)[: most - 4].strip(glue) or otherwise
    found, number = plain, 2
    while found in taken:
        found, number = f"{plain}{glue}{number}", number + 1
    return found
