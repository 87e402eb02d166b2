"""Collected text made harmless and short enough for a page."""

from __future__ import annotations

import re
from typing import Final

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&])")


def plain(text: str, limit: int = 0) -> str:
    """Text that Markdown shows as it is; longer than ``limit`` it is cut in the middle."""
    flat = " ".join(text.split())
    return _SPECIAL.sub(r"\\\1", shorten(flat, limit) if limit else flat)


def shorten(text: str, limit: int) -> str:
    """Cut in the middle, where names differ least."""
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def cell(text: str) -> str:
    """A cell of an exported table that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
