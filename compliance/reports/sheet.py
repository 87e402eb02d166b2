"""Content as an Excel workbook: the cover and the text on the first sheet, each named table on its own, with filter and frozen head."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import xlsxwriter

from compliance.reports.content import Content, Facts, Heading, Para, Table, plain, tint_of

FILLS: Final[Mapping[str, str]] = {"red": "#F8D7DA", "amber": "#FFF0C2", "green": "#D8F0DC", "gray": "#EDEDED"}
WIDTH: Final = 130
LAST_COLUMN: Final = 6  # of the first sheet
FIRST_WIDTH: Final = 28 + 22 * LAST_COLUMN
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
    first.set_column(0, 0, 28)
    first.set_column(1, LAST_COLUMN, 22)
    first.set_landscape()
    first.set_paper(9)
    first.fit_to_pages(1, 0)
    first.write_string(0, 0, plain(content.title), styles["title"])
    row = 2
    for label, value in content.cover:
        first.write_string(row, 0, plain(label), styles["label"])
        _across(first, row, 1, plain(value)[:LONGEST], styles["plain"])
        row += 1
    taken = {first.get_name()}
    for block in content.blocks:
        if isinstance(block, Table) and block.sheet:
            _sheet(book, block, styles, taken)
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
        _rows(sheet, block, row, styles)
        return row + len(block.rows) + 1
    return row - 1


def _across(sheet: Any, row: int, column: int, text: str, style: Any) -> None:
    """A text over the rest of the line of the first sheet, as high as it needs: Excel does not fit the height of joined cells itself."""
    sheet.merge_range(row, column, row, LAST_COLUMN, "", style)
    sheet.write_string(row, column, text, style)
    room = FIRST_WIDTH - (28 if column else 0)
    lines = sum(1 + _width(line) // room for line in text.split("\n"))
    if lines > 1:
        sheet.set_row(row, min(HIGHEST, lines * LINE_POINTS))


def _width(text: str) -> int:
    """In characters of Latin width; Chinese ones are twice as wide."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def _sheet(book: Any, table: Table, styles: Mapping[str, Any], taken: set[str]) -> None:
    sheet = book.add_worksheet(_name(table.sheet, taken))
    for column, share in enumerate(table.widths):
        sheet.set_column(column, column, max(6, WIDTH * share / 100))
    _rows(sheet, table, 0, styles)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(table.rows)), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _rows(sheet: Any, table: Table, top: int, styles: Mapping[str, Any]) -> None:
    for column, text in enumerate(table.columns):
        sheet.write_string(top, column, plain(text), styles["head"])
    for number, row in enumerate(table.rows, top + 1):
        for column, value in enumerate(row):
            sheet.write_string(number, column, plain(value)[:LONGEST], styles[tint_of(value)])


def _name(wanted: str, taken: set[str]) -> str:
    """A sheet's name: at most 31 characters, none that Excel refuses, no two alike."""
    base = "".join("-" if char in "[]:*?/\\'" else char for char in wanted)[:28]
    name, number = base, 2
    while name in taken:
        name, number = f"{base}{number}", number + 1
    taken.add(name)
    return name
