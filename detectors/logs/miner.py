"""Log lines to templates: a fixed-depth tree over masked words (Drain: He, Zhu, Zheng, Lyu, ICWS 2017), bounded and kept across restarts.

A line is masked (addresses, identifiers, paths, numbers), split into words and led by its length and its first word to a small
group; there it joins the template that shares most words, or founds one. Words that differ become ``<*>``.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from core.errors import ConfigError

ANY: Final = "<*>"
LONGEST_LINE: Final = 2000
MOST_WORDS: Final = 100
MOST_ALIKE: Final = 100  # templates that one line is compared with
MASKS: Final = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<uuid>"),
        (r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b", "<mac>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?\b|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+|/\d+)?(?![\w.]\d)", "<ip>"),
        (r"(?<![\w:])(?=[:]*[0-9a-fA-F])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])", "<ip>"),
        (r"(?<![\w])(?:/[\w.@%+~-]+){2,}/?|\b[A-Za-z]:\\[^\s\"']+", "<path>"),
        (r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b", "<hex>"),
        (r"(?<![A-Za-z0-9_])[-+]?\d+(?:[.,]\d+)*(?:(?=(?:[mun]?s|m|h|d|[kKMGT](?:i?B)?|B|%)(?![A-Za-z0-9_]))|(?![A-Za-z0-9_]|[.,]\d))", "<number>"),
    )
)


@dataclass(slots=True)
class Template:
    """``words`` with ``<*>`` and masks where lines differ; ``count`` lines so far."""

    number: int
    words: list[str]
    count: int = 0

    @property
    def text(self) -> str:
        """For people."""
        return " ".join(self.words)


class Miner:
    """At most ``limit`` templates. ``similarity`` is the part of words that must agree.

    The template that was not seen for longest makes room, in a group of a hundred the rarest.
    """

    def __init__(self, limit: int = 2000, similarity: float = 0.5) -> None:
        self._limit, self._similarity = limit, similarity
        self._kept: OrderedDict[int, Template] = OrderedDict()
        self._groups: dict[tuple[int, str], list[Template]] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, line: str) -> tuple[Template, bool]:
        """The template of ``line``, and whether it is new."""
        words = masked(line)
        group = self._groups.get(_place(words), [])
        found = max(group, key=lambda one: _alike(one.words, words), default=None)
        is_new = found is None or _alike(found.words, words) < self._similarity
        if found is None or is_new:
            found = self._found(words)
        else:
            found.words = [one if one == other else ANY for one, other in zip(found.words, words, strict=True)]
        found.count += 1
        self._kept.move_to_end(found.number)
        return found, is_new

    def _found(self, words: list[str]) -> Template:
        group = self._groups.get(_place(words), [])
        if len(group) >= MOST_ALIKE:
            self._forget(min(group, key=lambda one: one.count))
        elif len(self._kept) >= self._limit:
            self._forget(next(iter(self._kept.values())))
        template = Template(self._next, words)
        self._next += 1
        self._keep(template)
        return template

    def _keep(self, template: Template) -> None:
        self._kept[template.number] = template
        self._groups.setdefault(_place(template.words), []).append(template)

    def _forget(self, template: Template) -> None:
        del self._kept[template.number]
        place = _place(template.words)
        self._groups[place].remove(template)
        if not self._groups[place]:
            del self._groups[place]

    def get(self, number: int) -> Template | None:
        """A template by its number; None when it was forgotten."""
        return self._kept.get(number)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {"next": self._next, "templates": [[one.number, one.words, one.count] for one in self._kept.values()]}

    def load(self, data: dict[str, Any]) -> None:
        """Take over what ``dump`` gave; raises ConfigError and stays as it was when it is damaged."""
        try:
            templates = [Template(int(number), [str(word) for word in words], int(count)) for number, words, count in data["templates"]]
            following = int(data["next"])
        except (KeyError, TypeError, ValueError) as err:
            raise ConfigError("the memory of log templates is damaged; they are learned anew") from err
        self._kept.clear()
        self._groups.clear()
        self._next = following
        for template in templates[-self._limit :]:
            self._keep(template)


def masked(line: str) -> list[str]:
    """The words of a line, what varies replaced by the name of its kind; at most 100 words of 2,000 characters."""
    text = line[:LONGEST_LINE]
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    return text.split()[:MOST_WORDS] or ["<empty>"]


def _place(words: list[str]) -> tuple[int, str]:
    """Length and first word; a first word that may vary (a mask, a name in brackets, digits) leads nowhere."""
    first = words[0]
    return len(words), first if first[0].isalpha() and not any(letter.isdigit() for letter in first) else ANY


def _alike(template: list[str], words: list[str]) -> float:
    """The part of words that agree; a word that varies already counts half, so that the closer template wins."""
    same = sum(1.0 if one == other else 0.5 if one == ANY else 0.0 for one, other in zip(template, words, strict=True))
    return same / len(words)
