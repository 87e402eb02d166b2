"""What each snapshot kind looks like and how it is read: settings, rows or lines; and when a text cannot be trusted.

The forms stand in kinds.yaml. A text that is cut off, printed in another language or is an error message does
not have the form; whoever reads it gets ``Unreadable`` and the check says UNKNOWN, never PASS.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Literal

from compliance.check import Model
from core.files import build, read_yaml
from core.patterns import PatternText, compiled, lines_of
from core.records import END
from inventory.configuration.blocks import Block, parse
from inventory.configuration.dialects import dialect_of, is_whole, told

PARSER_VERSION = "1"
RECORDS = "record"
OWN_STATE = "self.state"
Row = Mapping[str, str]


class Unreadable(ValueError):
    """The text does not have the form of its kind; the message is the reason in English, ``zh`` in Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        self.zh = zh
        super().__init__(en)


class Kind(Model):
    """The form of one kind. ``must`` are patterns of lines that a whole text always has; with ``header`` the first line names the columns.

    The text of a kind with ``end`` ends with a line that its maker writes last (``core.records.END``): where that is missing, the text was cut.

    ``platform`` is what a text stands for that was worked out and not collected.
    """

    command: str
    form: Literal["settings", "rows", "lines", "configuration"] = "lines"
    separator: str = ""
    columns: tuple[str, ...] = ()
    header: bool = False
    days: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    wins: Literal["first", "last"] = "last"
    until: PatternText | None = None
    must: tuple[PatternText, ...] = ()
    end: bool = True
    unless: PatternText | None = None
    comment: str = "#"
    needs_root: bool = False
    platform: str = ""


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """The shipped forms."""
    document = read_yaml(Path(__file__).with_name("kinds.yaml"))
    return {name: build(document, Kind, (name,)) for name in document.data}


def form_of(kind: str) -> Kind:
    """The form of a kind; those of records are all alike, one that kinds.yaml does not know is plain lines."""
    return kinds().get(kind) or (kinds()[RECORDS] if kind.startswith(f"{RECORDS}.") else Kind(command=kind, end=False))


_CUT = compiled(r"(?i)^\W*truncated\W*$|^\W*output truncated\b|\[truncated\]|<truncated>|--More--")
_FAILED = compiled(
    r"(?i)command not found|no such file or directory|permission denied|operation not permitted"
    r"|未找到命令|没有那个文件或目录|权限不够|不允许的操作|commande introuvable|keine berechtigung"
)


def readable(kind: str, body: str) -> list[str]:
    """The lines of a body that has the form of its kind; raises Unreadable with the reason."""
    form, lines = form_of(kind), lines_of(body)
    if any(_CUT.search(line) for line in lines):
        raise Unreadable("the text is cut off", "文本被截断")
    if lines and len(lines) < 5 and _FAILED.search(lines[0]):
        raise Unreadable(f"the command failed: {lines[0][:120]}", f"命令执行失败：{lines[0][:120]}")
    if form.end and lines:
        if lines[-1] != END:
            raise Unreadable("the text does not end with the line that its reader writes last: it is cut off", "文本没有读取程序写在最后的结束行：被截断")
        lines = lines[:-1]
    if form.unless and lines and compiled(form.unless).search(lines[0]):
        return lines
    if form.form == "configuration" and not is_whole(body, dialect_of(body)):
        raise Unreadable(
            f"the configuration does not end with {dialect_of(body).last or dialect_of(body).mark!r}: it is cut off",
            f"配置没有以 {dialect_of(body).last or dialect_of(body).mark} 结尾：被截断",
        )
    for pattern in form.must:
        if not any(compiled(pattern).search(line) for line in lines):
            raise Unreadable(
                f"the text lacks {pattern}, which a whole {kind} has: cut off, or in another language",
                f"文本缺少 {pattern}，完整的 {kind} 必有：可能被截断或为其他语言",
            )
    return lines


def blocks(lines: list[str]) -> tuple[Block, ...]:
    """A configuration as a tree, in the dialect that it speaks."""
    text = "\n".join(lines)
    return parse(text, dialect_of(text))


def dialect(lines: list[str]) -> str:
    """The dialect of a configuration, empty when nothing tells."""
    return told("\n".join(lines))


def within(lines: list[str], files: str) -> list[str]:
    """The lines of those files of a joined text (``==> /path <==``) whose path matches ``files``; all when empty."""
    if not files:
        return lines
    kept: list[str] = []
    is_inside = False
    for line in lines:
        if line.startswith("==> ") and line.endswith(" <=="):
            is_inside = any(fnmatchcase(line[4:-4], glob) for glob in files.split())
        elif is_inside:
            kept.append(line)
    return kept


def settings(kind: str, lines: list[str]) -> Mapping[str, str]:
    """``key value``, ``key=value`` and bare ``key`` lines; which of several wins is said by the form."""
    form = form_of(kind)
    found: dict[str, str] = {}
    for line in plain(kind, lines):
        if form.until and compiled(form.until).search(line):
            break
        key, _, value = line.replace("=", " ", 1).partition(" ") if " " not in line.split("=", 1)[0].strip() else line.partition(" ")
        name = key.strip().lower()
        if form.wins == "last" or name not in found:
            found[name] = value.strip().strip('"')
    return found


def plain(kind: str, lines: list[str]) -> list[str]:
    """Lines without comments, blank lines and file headings, outer blanks removed, runs of blanks as one."""
    comment = form_of(kind).comment
    stripped = (" ".join(line.split()) for line in lines)
    return [line for line in stripped if line and not (comment and line.startswith(comment)) and not (line.startswith("==> ") and line.endswith(" <=="))]


def rows(kind: str, lines: list[str], now: datetime) -> tuple[Row, ...]:
    """Table rows by column name; day and time columns get a companion ``<name>_age`` in days. Raises Unreadable."""
    form = form_of(kind)
    found: list[Row] = []
    columns = tuple(lines[0].split(form.separator)) if form.header and lines else form.columns
    for line in lines[1:] if form.header else lines:
        if not line or (form.comment and line.startswith(form.comment)):
            continue
        cells = line.split(form.separator) if form.separator else line.split()
        if len(cells) != len(columns):
            raise Unreadable(
                f"a row of {kind} has {len(cells)} columns instead of {len(columns)}: cut off or of another form",
                f"{kind} 有一行为 {len(cells)} 列，应为 {len(columns)} 列：被截断或格式不同",
            )
        found.append(with_ages(dict(zip(columns, cells, strict=True)), form, now))
    return tuple(found)


def with_ages(row: dict[str, str], form: Kind, now: datetime) -> Row:
    """The row with the age in days of its day numbers (since 1970) and ISO times."""
    today = now.timestamp() / 86400
    for name in form.days:
        row[f"{name}_age"] = f"{today - int(row[name]):.0f}" if row.get(name, "").isdigit() else ""
    for name in form.times:
        row[f"{name}_age"] = _age(row.get(name, ""), now)
    return row


def _age(text: str, now: datetime) -> str:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return ""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return f"{(now - aware).total_seconds() / 86400:.0f}"
