"""A plan to go back: what a person would enter to turn the running configuration into an earlier one. Nothing is ever sent.

The lines are made by rule, so they are read before they are entered: vendors differ in how a line is taken back, and a line that
holds a secret cannot be written, since secrets are never stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from inventory.configuration.blocks import Block, parse
from inventory.configuration.dialects import Dialect, dialect_of
from inventory.configuration.difference import SECRET, Difference, Row, difference

_ONE_VALUE: Final = re.compile(
    r"^(?:hostname|sysname|description|mtu|speed|duplex|bandwidth|ip address|switchport (?:mode|access vlan|trunk native vlan)|port (?:link-type|default vlan)"
    r"|router-id|logging buffered|exec-timeout|idle-timeout|version|name|clock timezone)\b(?!.*\b(?:secondary|sub)\b)"
)
_PART: Final = re.compile(r"^interface (?!Vlan|vlan|Loop|loop|Tunnel|tunnel|Port-channel|port-channel|Eth-Trunk|Bridge-Agg|Vlanif|Null)")


_NUMBERED: Final = re.compile(r"^access-list (\S+) ")


def plan(running: str, wanted: str, platform: str = "") -> str:
    """The commands from ``running`` to ``wanted``, with remarks where a person must decide; empty when nothing differs."""
    dialect = dialect_of(running or wanted, platform)
    now, then = parse(running, dialect), parse(wanted, dialect)
    changed = difference(now, then, dialect).changed
    if not changed:
        return ""
    body = _body(now, then, changed, dialect)
    return "\n".join([*_head(dialect, changed), *dialect.enter, *body, *dialect.leave, *([dialect.save] if dialect.save else [])]) + "\n"


def _head(dialect: Dialect, changed: Sequence[Row]) -> list[str]:
    remarks = [
        f"{dialect.comment} 恢复计划：逐行核对后由人执行，系统不会下发。 / A plan to restore: check every line; it is never sent by the system.",
        f"{dialect.comment} {len(changed)} 行不同 / lines differ. 保留第二条管理通道。 / Keep a second way to the device open.",
    ]
    if any(SECRET in (row.right or "") for row in changed):
        remarks.append(f"{dialect.comment} 含口令的行不能还原，请手工填写。 / Lines with secrets cannot be restored: fill them in by hand.")
    return remarks


def _body(now: Sequence[Block], then: Sequence[Block], changed: Sequence[Row], dialect: Dialect) -> list[str]:
    if dialect.is_flat:
        return _flat(changed, dialect)
    if dialect.section:
        remark = f"{dialect.comment} 此类设备按条目编号删改，只列出差异。 / This device removes by entry numbers; only the difference is listed."
        return [remark, *(f"{dialect.comment} {line}" for line in Difference(tuple(changed)).text().splitlines())]
    return list(_steps(now, then, dialect, 0))


def _flat(changed: Sequence[Row], dialect: Dialect) -> list[str]:
    gone = [f"{dialect.negation} {row.left.removeprefix('set ')}" for row in changed if row.left is not None]
    return [*gone, *(_written(row.right, dialect) for row in changed if row.right is not None)]


def _steps(now: Sequence[Block], then: Sequence[Block], dialect: Dialect, depth: int) -> Iterator[str]:
    """The commands of one level and below it; what is gone is taken back before what is new comes."""
    pad = " " * depth
    lists = _lists_that_differ(now, then, dialect)
    for name in lists:
        yield f"{pad}{dialect.negation} access-list {name}"
        yield from (f"{pad}{block.text}" for block in then if _list_of(block) == name)
    now, then = ([block for block in side if _list_of(block) not in lists] for side in (now, then))
    before, after = {block.text: block for block in now}, {block.text: block for block in then}
    rows = [row for row in difference(now, then, dialect).changed if not row.path]
    rewritten = {row.right for row in rows if row.right is not None and row.left is not None}
    taken_back: list[str] = []
    for row in rows:
        if row.left is not None and not (row.right in rewritten and _ONE_VALUE.match(row.left)):
            taken_back += _taken_back(before[row.left], dialect, depth)
    yield from taken_back
    for row in rows:
        if row.right is not None and f"{pad}{row.right}" not in taken_back:
            yield from _entered(after[row.right], dialect, depth)
    for text, block in after.items():
        if text in before and block.inside != before[text].inside:
            yield from _changed_inside(before[text], block, dialect, depth)


def _changed_inside(before: Block, block: Block, dialect: Dialect, depth: int) -> Iterator[str]:
    pad = " " * depth
    if dialect.ordered.match(block.text):
        yield f"{pad}{dialect.comment} 有序列表，整体重写 / an ordered list is written anew as a whole"
        yield f"{pad}{_negated(block.text, dialect)}"
        yield from _entered(block, dialect, depth)
    elif inner := list(_steps(before.inside, block.inside, dialect, depth + 1)):
        yield from (f"{pad}{block.text}", *inner, f"{pad}{_back(block.text, dialect)}")


def _lists_that_differ(now: Sequence[Block], then: Sequence[Block], dialect: Dialect) -> list[str]:
    """Numbered lists of IOS whose lines differ: taking back one line there takes back the whole list."""
    if dialect.negation != "no":
        return []
    sides = [[(name, block.text) for block in side if (name := _list_of(block))] for side in (now, then)]
    names = dict.fromkeys(name for side in sides for name, _line in side)
    return [name for name in names if [line for n, line in sides[0] if n == name] != [line for n, line in sides[1] if n == name]]


def _list_of(block: Block) -> str:
    found = _NUMBERED.match(block.text)
    return found[1] if found else ""


def _taken_back(block: Block, dialect: Dialect, depth: int) -> Iterator[str]:
    pad = " " * depth
    if _PART.match(block.text) and block.inside:
        yield f"{pad}{block.text}"
        yield from (f"{pad} {_negated(inner.text, dialect)}" for inner in block.inside)
        yield f"{pad}{_back(block.text, dialect)}"
    else:
        yield f"{pad}{_negated(block.text, dialect)}"


def _entered(block: Block, dialect: Dialect, depth: int) -> Iterator[str]:
    pad = " " * depth
    yield f"{pad}{_written(block.text, dialect)}"
    if block.inside:
        for inner in block.inside:
            yield from _entered(inner, dialect, depth + 1)
        yield f"{pad}{_back(block.text, dialect)}"


def _back(header: str, dialect: Dialect) -> str:
    """The word that leaves a block."""
    if dialect.name == "fortios":
        return "next" if header.startswith("edit ") else "end"
    return dialect.back


def _negated(line: str, dialect: Dialect) -> str:
    """The line that takes back another one."""
    if dialect.name == "fortios":
        word, _, rest = line.partition(" ")
        return f"delete {rest}" if word == "edit" else f"unset {rest.partition(' ')[0]}" if word == "set" else f"{dialect.comment} <{line}>"
    taken = f"{dialect.negation} "
    return line.removeprefix(taken) if line.startswith(taken) else taken + line.partition(f" {SECRET}")[0]


def _written(line: str, dialect: Dialect) -> str:
    return f"{dialect.comment} <{line}>" if SECRET in line else line
