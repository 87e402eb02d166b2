"""How text is cut into words for search: the same on both back ends.

A word is a run of letters and digits (dotted numbers such as 10.0.0.1 stay whole), lower case; every Chinese, Japanese or
Korean character is a word by itself, so that any part of a Chinese text is found as a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Han, Kana and Hangul: each of their characters is a word.
_SINGLE = (
    "\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af"
)
_WORD = re.compile(rf"[0-9]+(?:\.[0-9]+)+|[{_SINGLE}]|[^\W{_SINGLE}]+")
_ONE = re.compile(f"[{_SINGLE}]")


def tokenize(text: str) -> list[str]:
    """The words of ``text`` in order."""
    return _WORD.findall(text.lower())


def phrases(text: str) -> Iterator[list[str]]:
    """The words of a query, where neighbouring single characters belong together: each list must stand side by side."""
    run: list[str] = []
    end = -1
    for found in _WORD.finditer(text.lower()):
        word = found.group()
        if _ONE.fullmatch(word):
            if run and found.start() != end:
                yield run
                run = []
            run.append(word)
            end = found.end()
        else:
            if run:
                yield run
                run = []
            yield [word]
    if run:
        yield run
