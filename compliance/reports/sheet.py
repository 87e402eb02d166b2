"""Content as an Excel workbook: the cover and the text on the first sheet, each named table on its own, with filter and frozen head."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import xlsxwriter

from compliance.reports.content import Content, Facts, Heading, Para, Table, plain, tint_of

FILLS: Final[Mapping[str, str]] = {"red": "#F8D7DA", "amber": "#FFF0C2", "green": "#D8F0DC", "gray": "#EDEDED"}
WIDTH: Final = 130
LAST_COLUMN: Final = 6  # of the first sheet
FIRST_COLUMN: Final = 28
OTHER_COLUMNS: Final = 22
LINE_POINTS: Final = 15
HIGHEST: Final = 400  # points; Excel ends at 409
LONGEST_PROPERTY: Final = 255  # characters of a title or subject of the file itself
LONGEST: Final = 32_000  # a cell of Excel takes 32,767 characters


def workbook(content: Content) -> bytes:
    """The workbook. Text that begins like a formula stays text."""
    into = BytesIO()
    book = xlsxwriter.Workbook(into, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False})
    book.set_properties(
        {"title": plain(content.title)[:LONGEST_PROPERTY], "subject": plain(content.subject)[:LONGEST_PROPERTY], "created": content.made.replace(tzinfo=None)}
    )
    styles = _styles(book)
    first = book.add_worksheet("封面" if content.language == "zh_CN" else "Cover")
    first.set_column(0, 0, FIRST_COLUMN)
    first.set_column(1, LAST_COLUMN, OTHER_COLUMNS)
    first.set_landscape()
    first.set_paper(9)
    first.fit_to_pages(1, 0)
    first.set_footer(_footer(content.mark))
    first.write_string(0, 0, plain(content.title), styles["title"])
    row = 2
    for label, value in content.cover:
        first.write_string(row, 0, plain(label), styles["label"])
        _across(first, row, 1, plain(value)[:LONGEST], styles["plain"])
        row += 1
    taken = {first.get_name()}
    for block in content.blocks:
        if isinstance(block, Table) and block.sheet:
            name = _sheet(book, block, styles, taken, _footer(content.mark))
            row += 1
            first.write_url(row, 0, f"internal:'{name}'!A1", styles["link"], f"见工作表：{name}" if content.language == "zh_CN" else f"See the sheet {name}")
        else:
            row = _on_first(first, block, row + 1, styles)
    first.write_string(row + 2, 0, plain(content.mark), styles["small"])
    book.close()
    return into.getvalue()


def _styles(book: Any) -> dict[str, Any]:
    base = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "top"}
    cell = base | {"text_wrap": True, "border": 1, "border_color": "#BBBBBB"}
    styles = {
        "title": book.add_format(base | {"font_size": 16, "bold": True}),
        "heading": book.add_format(base | {"font_size": 12, "bold": True}),
        "label": book.add_format(cell | {"bold": True, "bg_color": "#F2F4F7"}),
        "head": book.add_format(cell | {"bold": True, "bg_color": "#DCE3EE"}),
        "small": book.add_format(base | {"font_size": 8, "font_color": "#666666"}),
        "link": book.add_format(base | {"font_color": "#1F4E9E", "underline": 1}),
        "plain": book.add_format(base | {"text_wrap": True}),
        "": book.add_format(cell),
    }
    return styles | {tint: book.add_format(cell | {"bg_color": fill}) for tint, fill in FILLS.items()}


def _on_first(sheet: Any, block: object, row: int, styles: Mapping[str, Any]) -> int:
    """Write a block at ``row``; returns the last row used."""
    if isinstance(block, Heading | Para):
        strong = isinstance(block, Heading) or block.strong
        _across(sheet, row, 0, plain(block.text)[:LONGEST], styles["heading" if strong else "plain"])
        return row
    if isinstance(block, Facts):
        for offset, (label, value) in enumerate(block.rows):
            sheet.write_string(row + offset, 0, plain(label), styles["label"])
            _across(sheet, row + offset, 1, plain(value)[:LONGEST], styles[tint_of(value)])
        return row + len(block.rows)
    if isinstance(block, Table):
        _rows(sheet, block, row, styles, (FIRST_COLUMN, *([OTHER_COLUMNS] * (len(block.columns) - 1))))
        return row + len(block.rows) + 1
    return row - 1


def _footer(mark: str) -> str:
    """Below each printed page the mark and the number of the page. Excel takes 255 characters, and & begins a code."""
    return f"&L&8 {plain(mark).replace('&', '＆')[:220]}&R&8 &P / &N"


def _across(sheet: Any, row: int, column: int, text: str, style: Any) -> None:
    """A text over the rest of the line of the first sheet, as high as it needs."""
    sheet.merge_range(row, column, row, LAST_COLUMN, "", style)
    sheet.write_string(row, column, text, style)
    _high(sheet, row, _lines(text, OTHER_COLUMNS * LAST_COLUMN + (0 if column else FIRST_COLUMN)))


def _high(sheet: Any, row: int, lines: int) -> None:
    """The height of a row, written out: not every program fits it to the text, and none does for joined cells."""
    if lines > 1:
        sheet.set_row(row, min(HIGHEST, lines * LINE_POINTS))


def _lines(text: str, room: float) -> int:
    """How many lines a text takes in a column that is ``room`` characters wide, a little too many rather than too few."""
    if "\n" not in text and len(text) * 2 < room:
        return 1
    return sum(1 + int(_width(line) / (room * 0.92)) for line in text.split("\n"))


def _width(text: str) -> int:
    """In characters of Latin width; Chinese ones are twice as wide."""
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _sheet(book: Any, table: Table, styles: Mapping[str, Any], taken: set[str], footer: str) -> str:
    """The table on a sheet of its own, whose name is returned."""
    sheet = book.add_worksheet(_name(table.sheet, taken))
    widths = [max(6, WIDTH * share / 100) for share in table.widths]
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    _rows(sheet, table, 0, styles, widths)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer(footer)
    return str(sheet.get_name())


def _rows(sheet: Any, table: Table, top: int, styles: Mapping[str, Any], widths: Sequence[float]) -> None:
    _high(sheet, top, max(_lines(text, width) for text, width in zip(table.columns, widths, strict=True)))
    for column, text in enumerate(table.columns):
        sheet.write_string(top, column, plain(text), styles["head"])
    for number, row in enumerate(table.rows, top + 1):
        texts = [plain(value)[:LONGEST] for value in row]
        _high(sheet, number, max(map(_lines, texts, widths)))
        for column, (text, value) in enumerate(zip(texts, row, strict=True)):
            sheet.write_string(number, column, text, styles[tint_of(value)])


def _name(wanted: str, taken: set[str]) -> str:
    """A sheet's name: at most 31 characters, none that Excel refuses, no two alike."""
    base = "".join("-" if char in "[]:*?/\\'" else char for char in wanted)[:28]
    name, number = base, 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    taken.add(name)
    return name
