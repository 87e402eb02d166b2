"""Records as tables: a template to fill, import from CSV or Excel with every wrong row named, export.

The first row names the columns in Chinese or English. A row with an id changes that record, one without is a new record unless a record
with the same values is there already, so that importing a file twice doubles nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from compliance.records.judge import Record, cell
from compliance.records.kind import RecordField, RecordKind, read_values
from compliance.records.shelf import records, save
from core.errors import ConfigError, Refused
from inventory.imports import Problem, read_table
from store.base import Store

ID_HEADINGS: Final = ("id", "编号", "记录编号")


@dataclass(frozen=True, slots=True)
class Row:
    """One good row: its number (1 is the heading), the id that it names, its values, and what importing it does: add, change or same."""

    number: int
    id: str
    values: Mapping[str, Any]
    what: str


def read(kind: RecordKind, data: bytes, present: Sequence[Record]) -> tuple[list[Row], list[Problem]]:
    """The good rows of a table and what is wrong with the others; raises ConfigError when it is no table."""
    found = read_table(data)
    heading = [_column(kind, text) for text in (found[0] if found else ())]
    problems = [
        Problem(1, str(text), "unknown column; it is left out") for text, name in zip(found[0] if found else (), heading, strict=True) if text and not name
    ]
    if kind.name not in heading:
        field = kind.field(kind.name)
        return [], [Problem(1, field.zh, f"the first row must name the columns, one of them {field.zh} ({field.en})"), *problems]
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for number, cells in enumerate(found[1:], 2):
        try:
            if row := _row(kind, number, heading, cells, present):
                if row.id and row.id in seen:
                    raise ConfigError(f"stands already in row {seen[row.id]}", key="id")
                seen[row.id] = number
                rows.append(row)
        except ConfigError as err:
            problems.append(Problem(number, _said(kind, err.key), err.message))
    return rows, sorted(problems, key=lambda problem: problem.row)


def take_in(store: Store, kind: RecordKind, data: bytes, who: str, roles: Collection[str], now: datetime) -> tuple[int, list[Problem]]:
    """Import the good rows; returns how many records were added or changed, and what was left out."""
    rows, problems = read(kind, data, records(store, kind.id).get(kind.id, ()))
    written = 0
    for row in rows:
        if row.what == "same":
            continue
        try:
            save(store, kind, row.id, row.values, who, roles, now)
            written += 1
        except (ConfigError, Refused) as err:
            problems.append(Problem(row.number, "", str(err)))
    return written, problems


def _row(kind: RecordKind, number: int, heading: Sequence[str], cells: Sequence[Any], present: Sequence[Record]) -> Row | None:
    told = {name: _plain(value) for name, value in zip(heading, cells, strict=False) if name and _plain(value)}
    if not told:
        return None
    id = str(told.pop("id", ""))  # noqa: A001
    values = read_values(kind, told)
    same = next((record for record in present if dict(record.values) == values and id in ("", record.id)), None)
    return Row(number, id or (same.id if same else ""), values, "same" if same else "change" if any(id == record.id for record in present) else "add")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(int(value) if isinstance(value, float) and value.is_integer() else value if value is not None else "").strip()


def _column(kind: RecordKind, text: Any) -> str:
    word = str(text or "").strip().lower().removesuffix("*").strip()
    if word in ID_HEADINGS:
        return "id"
    return next((one.id for one in kind.fields if word in (one.id, one.zh.lower(), one.en.lower())), "")


def _said(kind: RecordKind, name: str) -> str:
    return next((one.zh for one in kind.fields if one.id == name), name)


def template(kind: RecordKind, *, zh: bool) -> bytes:
    """An empty workbook: the headings, under each what it takes on a second sheet."""
    return workbook(kind, (), zh=zh)


def workbook(kind: RecordKind, found: Iterable[Record], *, zh: bool) -> bytes:
    """The records as Excel, in the form that import takes. Text that begins like a formula stays text."""
    import xlsxwriter

    into = io.BytesIO()
    book = xlsxwriter.Workbook(into, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False})
    head = book.add_format({"bold": True, "bg_color": "#DCE3EE", "border": 1})
    sheet = book.add_worksheet("记录" if zh else "Records")
    sheet.freeze_panes(1, 0)
    for column, text in enumerate(headings(kind, zh=zh)):
        sheet.write_string(0, column, text, head)
        sheet.set_column(column, column, 18)
    for line, record in enumerate(found, 1):
        for column, text in enumerate(cells(kind, record, zh=zh)):
            sheet.write_string(line, column, text)
    notes = book.add_worksheet("填写说明" if zh else "How to fill in")
    notes.set_column(0, 1, 30)
    for line, one in enumerate(kind.fields):
        notes.write_string(line, 0, one.zh if zh else one.en)
        notes.write_string(line, 1, takes(one, zh=zh))
    book.close()
    return into.getvalue()


def as_csv(kind: RecordKind, found: Iterable[Record], *, zh: bool) -> bytes:
    """The records as CSV in UTF-8 with mark (as Excel wants it); cells that begin like a formula are quoted with a tab before them."""
    into = io.StringIO()
    out = csv.writer(into)
    out.writerow(headings(kind, zh=zh))
    out.writerows([_harmless(text) for text in cells(kind, record, zh=zh)] for record in found)
    return b"\xef\xbb\xbf" + into.getvalue().encode()


def _harmless(text: str) -> str:
    return f"\t{text}" if text.startswith(("=", "+", "-", "@")) else text


def headings(kind: RecordKind, *, zh: bool) -> list[str]:
    """The first row; needed fields have a star."""
    return ["编号" if zh else "id", *((one.zh if zh else one.en) + ("*" if one.required or one.id == kind.name else "") for one in kind.fields)]


def cells(kind: RecordKind, record: Record, *, zh: bool) -> list[str]:
    """One row for people."""
    return [record.id, *(shown(one, record.values.get(one.id), zh=zh) for one in kind.fields)]


def shown(field: RecordField, value: Any, *, zh: bool) -> str:
    """A value in the words of a language."""
    if isinstance(value, bool):
        return ("是" if value else "否") if zh else ("yes" if value else "no")
    if field.choices:
        words = [field.choices[name] for name in (value if isinstance(value, list) else [value]) if name in field.choices]
        return ("，" if zh else ", ").join(word.zh if zh else word.en for word in words)
    if isinstance(value, list):
        return ("，" if zh else ", ").join(value)
    return str(value) if isinstance(value, str) else cell(value)


def takes(field: RecordField, *, zh: bool) -> str:
    """What a field takes."""
    if field.choices:
        return " / ".join(text.zh if zh else text.en for text in field.choices.values())
    words = {"date": ("日期，如 2026-03-31", "a date such as 2026-03-31"), "number": ("数字", "a number"), "flag": ("是 或 否", "yes or no")}
    words["list"] = ("多个值，用逗号分隔", "several values parted by commas")
    said = words.get(field.type, ("文字", "text"))[0 if zh else 1]
    return f"{said}（{field.hint.zh}）" if field.hint and zh else f"{said} ({field.hint.en})" if field.hint else said
