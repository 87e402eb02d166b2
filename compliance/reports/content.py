"""The one form in which every report is written before it becomes Word, Excel or PDF: a cover and blocks of text and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from compliance.check import Text

Language = Literal["zh_CN", "en"]
Tint = Literal["", "red", "amber", "green", "gray"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with a colour that says the same as its text."""

    text: str
    tint: Tint = ""


Value = str | Cell


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of level 1 to 3."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Label and value, line by line."""

    rows: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``widths`` are shares of the line, ``sheet`` is the name of its sheet in Excel (none: it stands on the first sheet)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    widths: tuple[int, ...]
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """A new page."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG of ``width`` x ``height`` points with a line below it; Excel has the rows of its table alone."""

    jpeg: bytes
    width: int
    height: int
    caption: str

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height on paper: as large as fits into 120 x 85 mm."""
        scale = min(120 / self.width, 85 / self.height)
        return self.width * scale, self.height * scale


Block = Heading | Para | Facts | Table | Picture | Break


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A whole report. ``mark`` stands on every page (what the report rests on).

    ``kind`` is the name of the site's own Word template, if it has one, and ``data`` what that can name beside the report.
    """

    title: str
    subject: str
    language: Language
    cover: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    mark: str
    made: datetime
    kind: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one report: its language and its clock."""

    language: Language
    zone: ZoneInfo

    def __call__(self, zh: str, en: str) -> str:
        """The text in the report's language."""
        return zh if self.language == "zh_CN" else en

    def of(self, text: Text) -> str:
        """A bilingual text in the report's language."""
        return self(text.zh, text.en)

    def heads(self, *pairs: str) -> tuple[str, ...]:
        """Heads of columns, each written as ``zh|en``."""
        return tuple(self(*pair.split("|")) for pair in pairs)

    def day(self, value: date | datetime | None) -> str:
        """2026-03-02, in the site's time zone; a dash when there is none."""
        if isinstance(value, datetime):
            value = value.astimezone(self.zone).date()
        return value.isoformat() if value else "—"

    def time(self, value: datetime) -> str:
        """2026-03-02 09:00."""
        return f"{value.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def joined(self, parts: Sequence[str], most: int = 8) -> str:
        """Names in a line; beyond ``most`` the number of the others."""
        shown = self("、", ", ").join(parts[:most])
        return shown if len(parts) <= most else self(f"{shown} 等 {len(parts)} 个", f"{shown} and {len(parts) - most} more")


_UNSHOWN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
"""What no document format takes, and what is not seen but makes a text read as another: marks that turn its direction, spaces without width."""


def plain(value: Value) -> str:
    """The text of a cell as it may stand in a document: each character of ``_UNSHOWN`` is shown as �, lines end with a line feed alone."""
    text = value.text if isinstance(value, Cell) else value
    return _UNSHOWN.sub("�", text.replace("\r\n", "\n"))


def tint_of(value: Value) -> Tint:
    """The colour of a cell."""
    return value.tint if isinstance(value, Cell) else ""
