"""Matchers: which alerts a route, mute, inhibition or chain is about. Pure.

A matcher maps keys to a value, a list (any of) or ``~`` and a regular expression that must fit the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

KEYS: Final = ("rule", "class", "asset", "kind", "site", "unit", "located_in", "severity", "priority", "source")
Values = tuple[str, ...]
MAX_PATTERN = 500
_NESTED = re.compile(r"\([^)]*[+*}][^)]*\)[+*{]")


@lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """The compiled pattern; raises ValueError when broken, too long or of a form that can run for ever."""
    if len(text) > MAX_PATTERN:
        raise ValueError(f"the pattern is longer than {MAX_PATTERN} characters")
    if _NESTED.search(text):
        raise ValueError(f"the pattern {text!r} repeats a repetition, which can take for ever; write it simpler")
    try:
        return re.compile(text, re.DOTALL)
    except re.error as err:
        raise ValueError(f"the pattern {text!r} is broken: {err}") from None


def fits(wanted: str, value: str) -> bool:
    """Whether one wanted text (maybe ``~pattern``) fits one value."""
    if wanted.startswith("~"):
        return pattern(wanted[1:]).fullmatch(value) is not None
    return wanted == value


def fits_any(wanted: Values, values: Sequence[str]) -> bool:
    """Whether any wanted text fits any of the values."""
    return any(fits(text, value) for value in values for text in wanted)


def _read(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("a match is a mapping of keys to values")
    return {str(key): _entry(str(key), one) for key, one in value.items()}


def _entry(key: str, value: Any) -> Values:
    if key not in KEYS and not (key.startswith("labels.") and len(key) > 7):
        raise ValueError(f"unknown key {key!r}; there are {', '.join(KEYS)} and labels.NAME")
    texts = tuple(str(one) for one in (value if isinstance(value, list | tuple) else [value]))
    for text in texts:
        if text.startswith("~"):
            pattern(text[1:])
    return texts


Match = Annotated[dict[str, Values], BeforeValidator(_read)]


def matches(match: Mapping[str, Values], look: Callable[[str], Sequence[str]]) -> bool:
    """Whether everything in ``match`` fits what ``look`` gives for its key; an empty match fits all."""
    return all(fits_any(wanted, look(key)) for key, wanted in match.items())
