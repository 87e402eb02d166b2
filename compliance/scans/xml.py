"""Large XML files of strangers, read piece by piece: the elements that are asked for as small trees, everything else forgotten. No DOCTYPE, no entities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from core.errors import ConfigError

DEEPEST: Final = 60
LONGEST: Final = 200_000
"""Characters of one element that are kept; output of a plugin may be longer, what is read of it never is."""


@dataclass(slots=True)
class Node:
    """An element: its attributes, its text and what stands inside."""

    tag: str
    given: dict[str, str]
    line: int = 0
    text: str = ""
    inside: list[Node] = field(default_factory=list)

    def all(self, *path: str) -> Iterator[Node]:
        """Every element at the end of a path."""
        for node in self.inside:
            if node.tag == path[0]:
                yield from node.all(*path[1:]) if len(path) > 1 else (node,)

    def said(self, *path: str) -> str:
        """The text of the first element at the end of a path, empty when there is none."""
        return next((node.text.strip() for node in self.all(*path)), "")


Take = Callable[[Sequence[Node], Node], None]


def walk(content: bytes, name: str, units: Collection[str], take: Take) -> None:
    """Call ``take(elements above, element)`` for each element of ``units``; those above have attributes alone. Raises ConfigError with file and line."""
    reader = _Reader(name, frozenset(units), take)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as err:
        raise ConfigError(f"is no XML: {expat.errors.messages[err.code]}", path=name, line=err.lineno) from None


def root(content: bytes, name: str) -> Node:
    """The first element with its attributes; raises ConfigError when there is none, or a DOCTYPE before it."""
    reader = _Reader(name, frozenset(), lambda _above, _node: None)
    try:
        for start in range(0, len(content), 4096):
            reader.parser.Parse(content[start : start + 4096], False)
            if reader.first:
                return reader.first
        reader.parser.Parse(b"", True)
    except expat.ExpatError as err:
        raise ConfigError(f"is no XML: {expat.errors.messages[err.code]}", path=name, line=err.lineno) from None
    raise ConfigError("is no XML: it holds no element", path=name)


class _Reader:
    def __init__(self, name: str, units: frozenset[str], take: Take) -> None:
        self.name, self.first = name, None  # type: tuple[str, Node | None]
        self._units, self._take = units, take
        self._above: list[Node] = []
        self._open: list[Node] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _doctype(self, *_about: object) -> None:
        raise ConfigError("has a DOCTYPE; results never have one, so it is refused", path=self.name, line=self.parser.CurrentLineNumber)

    def _start(self, tag: str, given: dict[str, str]) -> None:
        node = Node(tag, given, self.parser.CurrentLineNumber)
        if len(self._above) + len(self._open) >= DEEPEST:
            raise ConfigError(f"elements stand more than {DEEPEST} deep", path=self.name, line=node.line)
        self.first = self.first or node
        self._keep_text()
        if self._open or tag in self._units:
            self._open.append(node)
        else:
            self._above.append(node)

    def _characters(self, text: str) -> None:
        if self._open:
            self._text.append(text)

    def _keep_text(self) -> None:
        if self._open and self._text:
            self._open[-1].text = (self._open[-1].text + "".join(self._text))[:LONGEST]
        self._text.clear()

    def _end(self, _tag: str) -> None:
        self._keep_text()
        if not self._open:
            self._above.pop()
            return
        node = self._open.pop()
        if self._open:
            self._open[-1].inside.append(node)
        else:
            self._take(self._above, node)
