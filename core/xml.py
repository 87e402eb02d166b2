"""XML of strangers: of large files small trees are taken and everything else is forgotten, small ones are read as a whole. No entities."""

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

    def every(self, tag: str) -> Iterator[Node]:
        """Every element of this name below, at any depth."""
        for node in self.inside:
            if node.tag == tag:
                yield node
            yield from node.every(tag)

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


def whole(text: str, name: str, tag: str) -> Node:
    """A small file as a tree whose first element is ``tag``; raises ConfigError for another one, and for what is no XML.

    The text is decoded already, so what the file says of its encoding counts no more. A DOCTYPE that only points elsewhere (old web.xml have one)
    is passed over, nothing is fetched; one that declares something is refused.
    """
    found: list[Node] = []
    reader = _Reader(name, frozenset((tag,)), lambda above, node: found.append(node) if not above else None, may_point=True)
    try:
        reader.parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as err:
        raise ConfigError(f"is no XML: {expat.errors.messages[err.code]}", path=name, line=err.lineno) from None
    if not found:
        raise ConfigError(f"begins with {reader.first.tag if reader.first else 'nothing'!r} and not with {tag!r}", path=name)
    return found[0]


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
    def __init__(self, name: str, units: frozenset[str], take: Take, *, may_point: bool = False) -> None:
        self.name, self.first = name, None  # type: tuple[str, Node | None]
        self._units, self._take, self._may_point = units, take, may_point
        self._above: list[Node] = []
        self._open: list[Node] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate("utf-8" if may_point else None)
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _doctype(self, _name: str, _system: str | None, _public: str | None, declares: bool) -> None:
        if self._may_point and not declares:
            return
        raise ConfigError("has a DOCTYPE, which is refused: it can declare entities", path=self.name, line=self.parser.CurrentLineNumber)

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
