"""Patterns in checks and templates: matched in linear time (RE2), and refused when they are written to explode.

What they read came from a device and is hostile; RE2 never backtracks, so no text can stall a run.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Protocol, cast

import re2
from pydantic import AfterValidator

MAX_LENGTH = 500
MAX_LINE = 4096


class Found(Protocol):
    """A match; ``group(1)`` is what the first brackets caught."""

    def group(self, number: int = 0, /) -> str | None:
        """The text of a group."""
        ...


class Pattern(Protocol):
    """A compiled pattern."""

    groups: int

    def search(self, text: str, /) -> Found | None:
        """The first match anywhere in ``text``."""
        ...


@lru_cache(maxsize=1024)
def compiled(text: str) -> Pattern:
    """The pattern, compiled; raises ValueError that says what is wrong with it."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return cast("Pattern", re2.compile(text, options))
    except re2.error as err:
        said = err.args[0] if err.args else ""
        raise ValueError(f"is no pattern that this program takes: {said.decode() if isinstance(said, bytes) else said}") from None


def _checked(text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is a pattern of {len(text)} characters, the limit is {MAX_LENGTH}")
    if nests(text):
        raise ValueError("repeats a group that repeats something itself; such a pattern can explode, write it flat")
    compiled(text)
    return text


PatternText = Annotated[str, AfterValidator(_checked)]
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d+,\}|[()*+]|.", re.DOTALL)


def nests(text: str) -> bool:
    """Whether an unbounded repeat stands inside a group that is itself repeated without bound."""
    inside, tokens = [False], _TOKEN.findall(text)
    for part, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if part == "(":
            inside.append(False)
        elif part == ")" and len(inside) > 1:
            repeats = inside.pop()
            if repeats and _is_repeat(following):
                return True
            inside[-1] |= repeats
        elif _is_repeat(part):
            inside[-1] = True
    return False


def _is_repeat(part: str) -> bool:
    return part in ("*", "+") or bool(re.fullmatch(r"\{\d+,\}", part))


def lines_of(text: str) -> list[str]:
    """The lines of a text, each cut at 4,096 characters."""
    return [line[:MAX_LINE] for line in text.splitlines()]
