"""Bytes of strangers into text that can be stored and shown: charset guessed, control characters made visible."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# C0 and C1 controls, line and paragraph separators, marks that turn the direction of text round
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def decoded(raw: bytes) -> str:
    """UTF-8 (with or without byte order mark), else GB 18030, else each byte that fits neither as its number."""
    for charset in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "backslashreplace")


def visible(text: str) -> str:
    """``text`` with every control character (but the tab) written by its number, in normal form C."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _CONTROL.sub(_escape, text))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
