"""Importing assets from a table (CSV in UTF-8 or GBK, or Excel): a preview first, then the same thing for real.

The first row names the columns, in English (field names of an asset) or Chinese. Relations take ids parted by
"," or ";". Every problem names its row; good rows are not stopped by bad ones.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from core.errors import ConfigError
from core.files import read_yaml
from inventory.asset import Asset
from inventory.book import Book, Change
from inventory.graph import RELATIONS

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_ROWS: Final = 50_000
_LISTS: Final = frozenset({"addresses", "tags", *RELATIONS})
IMPORTANCE: Final[Mapping[str, str]] = {"关键": "critical", "重要": "high", "一般": "normal", "普通": "normal", "低": "low"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one row (1 is the heading); row 0 means the whole file."""

    row: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What importing one row would do: "add", "change" or "same", and the fields with old and new value."""

    row: int
    asset: str
    what: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything an import would do, and everything that is wrong."""

    planned: tuple[Planned, ...]
    problems: tuple[Problem, ...]


def preview(data: bytes, book: Book) -> Preview:
    """What importing ``data`` would change; nothing is written."""
    rows, problems = read_rows(data)
    known = {asset.id: asset for asset in book.all()}
    planned = [_plan(number, values, known) for number, values in rows]
    problems += _unknown_relations(rows, {*known, *(values["id"] for _, values in rows)})
    return Preview(tuple(planned), tuple(sorted(problems, key=lambda problem: problem.row)))


def apply(data: bytes, book: Book, *, who: str, now: datetime) -> tuple[list[Change], list[Problem]]:
    """Import the good rows; returns what changed and what was left out."""
    rows, problems = read_rows(data)
    changes: list[Change] = []
    for number, values in rows:
        try:
            change = book.save(values["id"], {k: v for k, v in values.items() if k != "id"}, source="imported", who=who, now=now, why="table import")
        except ConfigError as err:
            problems.append(Problem(number, err.key, err.message))
            continue
        if change is not None:
            changes.append(change)
    return changes, problems


def read_rows(data: bytes) -> tuple[list[tuple[int, dict[str, Any]]], list[Problem]]:
    """(row number, asset fields) of every good row, and the problems of the others."""
    table = read_table(data)
    heading = [_column(cell) for cell in (table[0] if table else [])]
    problems = [
        Problem(1, str(cell), "unknown column; it is left out") for cell, name in zip(table[0] if table else [], heading, strict=True) if cell and not name
    ]
    if "id" not in heading:
        return [], [Problem(1, "id", "the first row must name the columns, one of them id (编号)"), *problems]
    rows: list[tuple[int, dict[str, Any]]] = []
    seen: dict[str, int] = {}
    for number, cells in enumerate(table[1:], 2):
        values = _values(heading, cells)
        if not values:
            continue
        if problem := _check(number, values, seen):
            problems.append(problem)
        else:
            seen[values["id"]] = number
            rows.append((number, values))
    return rows, problems


def _check(number: int, values: Mapping[str, Any], seen: Mapping[str, int]) -> Problem | None:
    id = values.get("id", "")  # noqa: A001
    if not id:
        return Problem(number, "id", "has no id")
    if id in seen:
        return Problem(number, "id", f"{id} stands already in row {seen[id]}")
    try:
        Asset.model_validate(values)
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        return Problem(number, ".".join(map(str, first["loc"])), first["msg"])
    return None


def _plan(number: int, values: Mapping[str, Any], known: Mapping[str, Asset]) -> Planned:
    old = known.get(values["id"])
    new = Asset.model_validate(values).model_dump(mode="json", exclude_unset=True, exclude={"id"})
    present = old.model_dump(mode="json") if old else {}
    after = {key: value for key, value in new.items() if present.get(key) != value}
    return Planned(number, values["id"], "add" if old is None else "change" if after else "same", {key: present.get(key) for key in after}, after)


def _unknown_relations(rows: Iterable[tuple[int, Mapping[str, Any]]], known: set[str]) -> list[Problem]:
    return [
        Problem(number, relation, f"{target} is no known asset; the relation is kept and comes alive when it appears")
        for number, values in rows
        for relation in RELATIONS
        for target in values.get(relation, ())
        if target not in known
    ]


@lru_cache(maxsize=1)
def columns() -> Mapping[str, str]:
    """Every heading that is understood, in lower case, and the asset field it means (from columns.yaml)."""
    document = read_yaml(Path(str(files("inventory") / "columns.yaml")))
    return {heading: field for field, headings in document.data.items() for heading in (field, *headings)}


def _column(cell: object) -> str:
    return columns().get(str(cell or "").strip().lower(), "")


def _values(heading: Sequence[str], cells: Sequence[object]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, cell in zip(heading, cells, strict=False):
        text = str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell if cell is not None else "").strip()
        if not name or not text:
            continue
        if name in _LISTS:
            values[name] = [part.strip() for part in text.replace("；", ";").replace("，", ",").replace(";", ",").split(",") if part.strip()]
        else:
            values[name] = IMPORTANCE.get(text, text) if name == "importance" else text
    return values


def read_table(data: bytes) -> list[list[Any]]:
    """The cells of a CSV text or of the first sheet of a workbook; raises ConfigError when it is neither, or too large."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the file has {len(data):,} bytes; at most {MAX_BYTES:,} are taken")
    table = _excel(data) if data[:4] == b"PK\x03\x04" else _csv(data)
    if len(table) > MAX_ROWS + 1:
        raise ConfigError(f"the file has {len(table) - 1:,} rows; at most {MAX_ROWS:,} are taken at once")
    return table


def _csv(data: bytes) -> list[list[Any]]:
    text = decode(data)
    if "\0" in text:
        raise ConfigError("the file is neither CSV text nor an Excel workbook (.xlsx)")
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    try:
        return [row for row in csv.reader(io.StringIO(text), dialect) if row]
    except csv.Error as err:
        raise ConfigError(f"the file is no valid CSV: {err}") from err


def decode(data: bytes) -> str:
    """Text in UTF-8 (with or without mark), UTF-16 with mark, or GB18030 (GBK), as Chinese Excel writes it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("gb18030")
    except UnicodeDecodeError as err:
        raise ConfigError("the text is neither UTF-8 nor GBK; save it as CSV UTF-8") from err


def _excel(data: bytes) -> list[list[Any]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > 20 * MAX_BYTES:
                raise ConfigError("the workbook unpacks to more than is allowed; save the table as CSV")
        sheet = load_workbook(io.BytesIO(data), read_only=True, data_only=True).active
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as err:
        raise ConfigError("the file is no Excel workbook that can be read; save it as .xlsx or CSV") from err
    if sheet is None:
        return []
    return [list(row) for row in sheet.iter_rows(values_only=True, max_row=MAX_ROWS + 2) if any(cell is not None for cell in row)]
