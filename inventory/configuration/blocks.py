"""A configuration text as a tree of lines: what stands deeper, or between the parting marks of the vendor, belongs to the line above it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from inventory.configuration.dialects import Dialect

MAX_LINES: Final = 200_000
MAX_DEPTH: Final = 40
_CLOSING: Final = re.compile(r"^(?:exit|end|return|quit|next|}|exit-address-family|exit-vrf|exit-vnc|exit-peer-(?:policy|session))$")
_BANNER: Final = re.compile(
    r"^\s*(?:banner (?:motd|login|exec|incoming|slip-ppp|prompt-timeout)|header (?:legal|login|motd|shell|incoming)(?: information)?) (\^C|\S)(.*)$"
)


@dataclass(frozen=True, slots=True)
class Block:
    """One line with the lines below it; the text has no outer blanks and single ones inside (but within quotes and banners)."""

    text: str
    inside: tuple[Block, ...] = ()

    @property
    def is_banner(self) -> bool:
        """Whether what is below is words for people and not commands."""
        return _BANNER.match(self.text) is not None

    def walk(self, depth: int = 0, *, banners: bool = True) -> Iterator[tuple[int, str]]:
        """(depth, line) of this line and everything below it; the text of banners only when asked for: it commands nothing."""
        yield depth, self.text
        if banners or not self.is_banner:
            for block in self.inside:
                yield from block.walk(depth + 1, banners=banners)


def parse(text: str, dialect: Dialect) -> tuple[Block, ...]:
    """The top lines of a configuration, each with what is below it. Comments, parting marks and closing words are left out."""
    return _tree(list(_lines(text, dialect)))


def flattened(blocks: Sequence[Block]) -> list[str]:
    """The lines again, one blank per level."""
    return [" " * depth + line for block in blocks for depth, line in block.walk()]


def _lines(text: str, dialect: Dialect) -> Iterator[tuple[int, str]]:
    """(indentation, line). The lines after a parting mark count from the first of them: Comware indents even the top ones."""
    offset, is_first, in_section = 0, True, False
    raw = iter(text.replace("\r", "").replace("\t", "    ").splitlines()[:MAX_LINES])
    for line in raw:
        stripped = line.strip()
        if not stripped or stripped.startswith(dialect.comment):
            is_first |= line.startswith(dialect.comment)
            continue
        indent = len(line) - len(line.lstrip())
        if is_first:
            offset, is_first = (indent if dialect.comment == "#" and not dialect.section else 0), False
        indent = max(0, indent - offset)
        if banner := _BANNER.match(line):
            yield indent, " ".join(stripped.split())
            yield from ((indent + 1, each) for each in _banner(banner[1], banner[2], raw))
            continue
        if dialect.section:
            in_section |= stripped.startswith(dialect.section)
            yield (0 if stripped.startswith(dialect.section) else int(in_section)), _whole(stripped, raw)
        elif not _CLOSING.match(stripped):
            yield indent, _plain(stripped)


def _banner(mark: str, rest: str, raw: Iterator[str]) -> Iterator[str]:
    """The further lines of a banner, up to the mark that ends it."""
    if mark in rest or mark.isalnum():
        return
    for line in raw:
        if mark in line:
            if before := line.split(mark)[0].strip():
                yield before
            return
        if line.strip():
            yield line.strip()


def _whole(line: str, raw: Iterator[str]) -> str:
    """A line that goes on after a backslash, as one."""
    while line.endswith("\\"):
        line = line[:-1] + next(raw, "").strip()
    return line


def _plain(line: str) -> str:
    return (line if '"' in line else " ".join(line.split())).removesuffix("{").rstrip()


def _tree(lines: Sequence[tuple[int, str]]) -> tuple[Block, ...]:
    open_blocks: list[tuple[int, Block, list[Block]]] = []
    top: list[Block] = []

    def close(down_to: int) -> None:
        while open_blocks and open_blocks[-1][0] >= down_to:
            _indent, block, inside = open_blocks.pop()
            (open_blocks[-1][2] if open_blocks else top).append(replace(block, inside=tuple(inside)))

    for indent, line in lines:
        close(indent)
        if len(open_blocks) < MAX_DEPTH:
            open_blocks.append((indent, Block(line), []))
        else:
            open_blocks[-1][2].append(Block(line))
    close(0)
    return tuple(top)
