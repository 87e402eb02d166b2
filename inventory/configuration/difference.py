"""What really differs between two configurations: lines that only moved are the same where the vendor reads them in any order."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from inventory.configuration.blocks import Block, parse
from inventory.configuration.dialects import Dialect, dialect_of

MOST_PAIRED: Final = 200
LIKE: Final = 0.5
SECRET: Final = "***"  # noqa: S105 - what stands in place of one


@dataclass(frozen=True, slots=True)
class Row:
    """One line beside the other; ``left`` is None when it is new, ``right`` when it is gone. ``path`` are the headers above."""

    path: tuple[str, ...]
    left: str | None
    right: str | None

    @property
    def is_same(self) -> bool:
        """Whether both sides say the same."""
        return self.left == self.right


@dataclass(frozen=True, slots=True)
class Difference:
    """Two configurations side by side."""

    rows: tuple[Row, ...]

    @property
    def changed(self) -> tuple[Row, ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if not row.is_same)

    @property
    def added(self) -> int:
        """How many lines are new."""
        return sum(row.right is not None for row in self.changed)

    @property
    def removed(self) -> int:
        """How many lines are gone."""
        return sum(row.left is not None for row in self.changed)

    def text(self, limit: int = 20_000) -> str:
        """The lines that differ below their headers: ``-`` gone, ``+`` new, cut off with a word at ``limit`` characters."""
        lines: list[str] = []
        shown: tuple[str, ...] = ()
        for row in self.changed:
            lines += [f"  {' ' * depth}{header}" for depth, header in enumerate(row.path) if row.path[: depth + 1] != shown[: depth + 1]]
            shown = row.path
            lines += [f"{mark} {' ' * len(row.path)}{line}" for mark, line in (("-", row.left), ("+", row.right)) if line is not None]
            if row.left is None or row.right is None:
                shown = (*row.path, row.left or row.right or "")
        whole = "\n".join(lines)
        return whole if len(whole) <= limit else f"{whole[:limit]}\n… {len(lines):,} lines in all"


def compare(old: str, new: str, platform: str = "") -> Difference:
    """Two texts of one device, each read in its dialect."""
    dialect = dialect_of(new or old, platform)
    return difference(parse(old, dialect), parse(new, dialect), dialect)


def difference(old: Sequence[Block], new: Sequence[Block], dialect: Dialect) -> Difference:
    """The same over parsed configurations."""
    return Difference(tuple(_merge(old, new, dialect, (), is_ordered=False)))


def _merge(old: Sequence[Block], new: Sequence[Block], dialect: Dialect, path: tuple[str, ...], *, is_ordered: bool) -> Iterator[Row]:
    """Both sides in the order of the new one; what is gone stands behind the line that it followed."""
    partners = _partners(old, new, dialect, is_ordered=is_ordered)
    taken = set(partners.values())
    gone_after: dict[int, list[Block]] = defaultdict(list)
    last = -1
    for index, block in enumerate(old):
        if index in taken:
            last = index
        else:
            gone_after[last].append(block)
    yield from _one_sided(gone_after[-1], path, is_new=False)
    for index, block in enumerate(new):
        if index not in partners:
            yield from _one_sided([block], path, is_new=True)
            continue
        before = old[partners[index]]
        yield Row(path, before.text, block.text)
        ordered = is_ordered or dialect.ordered.match(block.text) is not None
        yield from _merge(before.inside, block.inside, dialect, (*path, block.text), is_ordered=ordered)
        yield from _one_sided(gone_after[partners[index]], path, is_new=False)


def _one_sided(blocks: Sequence[Block], path: tuple[str, ...], *, is_new: bool) -> Iterator[Row]:
    for block in blocks:
        yield Row(path, None if is_new else block.text, block.text if is_new else None)
        yield from _one_sided(block.inside, (*path, block.text), is_new=is_new)


def _partners(old: Sequence[Block], new: Sequence[Block], dialect: Dialect, *, is_ordered: bool) -> dict[int, int]:
    """New index -> old index of the same line, and of lines that were only rewritten."""
    found: dict[int, int] = {}
    groups: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, blocks in enumerate((old, new)):
        for index, block in enumerate(blocks):
            series = dialect.series.match(block.text)
            groups["" if is_ordered else series[0] if series else f"={block.text}"][side].append(index)
    for key, (lefts, rights) in groups.items():
        if key.startswith("="):
            found.update(zip(rights, lefts, strict=False))
            continue
        matcher = SequenceMatcher(None, [old[i].text for i in lefts], [new[i].text for i in rights], autojunk=False)
        for at, to, size in matcher.get_matching_blocks():
            found.update((rights[to + step], lefts[at + step]) for step in range(size))
    return found | _rewritten(old, new, found)


def _rewritten(old: Sequence[Block], new: Sequence[Block], found: dict[int, int]) -> dict[int, int]:
    """Single lines that begin alike: the new one stands for the old one."""
    taken = set(found.values())
    lefts = deque((i for i, block in enumerate(old) if i not in taken and not block.inside), maxlen=MOST_PAIRED)
    pairs: dict[int, int] = {}
    for index in [i for i, block in enumerate(new) if i not in found and not block.inside][:MOST_PAIRED]:
        likeness = {left: _alike(old[left].text, new[index].text) for left in lefts if old[left].text != new[index].text}  # the same elsewhere: it moved
        best = max(likeness, key=lambda left: likeness[left], default=-1)
        if best >= 0 and likeness[best] >= LIKE:
            pairs[index] = best
            lefts.remove(best)
    return pairs


def _alike(one: str, other: str) -> float:
    """Which share of the words, from the first on, is the same (0..1); ``no x`` and ``x`` are one thing said twice."""
    left, right = one.split(), other.split()
    same = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    return same / max(len(left), len(right), 1)
