"""Documents that were tampered with: values taken away, or others put in their place."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final

JUNK: Final[tuple[Any, ...]] = (
    None, True, -1, 10**12, 1.5, "", "x", [], {}, ["x"], {"a": {}}, "end--1", "action--x", "{{ 1 }}", "__a__:value = 'x'", "9" * 5000, "\x00\ud7ff"
)  # fmt: skip


def places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([where] if where else []), *(place for key, one in inner for place in places(one, (*where, key)))]


def tampered(random: Random, document: Any) -> Any:
    """A copy with one to four things changed."""
    found = json.loads(json.dumps(document))
    for _ in range(random.randint(1, 4)):
        *way, last = random.choice(places(found))
        at = found
        for key in way:
            at = at[key]
        if random.random() < 0.6:
            at[last] = json.loads(json.dumps(random.choice(JUNK)))
        else:
            del at[last]
    return found
