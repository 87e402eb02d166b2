"""Tables of assets: seen before they are written, and every bad row is named."""

import io
from datetime import UTC, datetime

import pytest
from openpyxl import Workbook

from core.errors import ConfigError
from inventory.book import Book
from inventory.imports import apply, preview, read_rows

NOW = datetime(2026, 3, 2, tzinfo=UTC)
CHINESE = "编号,名称,类型,重要程度,上联,等保级别\nsw1,核心交换机,switch,关键,,3\nsw2,接入,switch,一般,sw1;ghost,\n"


def test_a_table_in_gbk_as_chinese_excel_writes_it(book: Book) -> None:
    changes, problems = apply(CHINESE.encode("gbk"), book, who="li", now=NOW)
    assert (len(changes), problems) == (2, [])
    assert (book.get("sw1").name, book.get("sw1").importance, book.get("sw2").reached_by.any) == ("核心交换机", "critical", ("sw1", "ghost"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_other_encodings(encoding: str) -> None:
    rows, problems = read_rows(CHINESE.encode(encoding))
    assert [values["id"] for _, values in rows] == ["sw1", "sw2"]
    assert problems == []


def test_a_preview_tells_what_would_change_and_writes_nothing(book: Book) -> None:
    book.save("sw1", {"name": "旧名", "kind": "switch", "importance": "critical", "level": 3}, source="imported", who="x", now=NOW)
    plan = preview(CHINESE.encode(), book)
    assert [(planned.asset, planned.what) for planned in plan.planned] == [("sw1", "change"), ("sw2", "add")]
    assert (plan.planned[0].before["name"], plan.planned[0].after["name"]) == ("旧名", "核心交换机")
    assert [(problem.row, problem.column) for problem in plan.problems] == [(3, "reached_by")]
    assert book.get("sw1").name == "旧名"


def test_bad_rows_are_named_and_good_ones_taken(book: Book) -> None:
    table = "id,level,importance\na,9,\nb,3,\n,1,\nb,2,\nc,2,huge\n"
    changes, problems = apply(table.encode(), book, who="li", now=NOW)
    assert [change.asset for change in changes] == ["b"]
    assert [(problem.row, problem.column) for problem in problems] == [(2, "level"), (4, "id"), (5, "id"), (6, "importance")]
    assert "row 3" in problems[2].message


def test_a_workbook_is_read(book: Book) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["编号", "等保级别", "备注", "unknown"])
    sheet.append(["db1", 3.0, "=cmd|' /C calc'!A0", "x"])
    buffer = io.BytesIO()
    workbook.save(buffer)
    changes, problems = apply(buffer.getvalue(), book, who="li", now=NOW)
    assert (len(changes), book.get("db1").level) == (1, 3)
    assert [problem.column for problem in problems] == ["unknown"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04broken", "no Excel workbook"),
        (b"\x00\x01\x02id", "neither CSV text nor"),
        (b"\xff\xff\xff,\xff", "neither UTF-8 nor GBK"),
    ],
)
def test_what_is_no_table_says_so(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_rows(data)


def test_a_table_without_ids_says_what_is_missing() -> None:
    rows, problems = read_rows(b"name\nx\n")
    assert rows == []
    assert "id" in problems[0].message


def test_an_empty_file_is_no_crash() -> None:
    assert read_rows(b"")[0] == []
