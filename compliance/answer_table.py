"""Decisions as a table: one row for each item of a grade, to fill in elsewhere, to take over last year's, and to keep; every wrong row is named."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from compliance.answers import save_answer
from compliance.framework import Item
from compliance.questions import asked
from compliance.rollup import Answer, Conformity
from core.errors import ConfigError, Refused
from inventory.imports import Problem, read_table
from store.base import Store

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "item": ("条款", "item"),
    "clause": ("章节", "clause"),
    "question": ("问题", "question"),
    "conformity": ("结果", "result"),
    "comment": ("说明与证据", "reason and evidence"),
    "day": ("证据日期", "date of the evidence"),
    "expires": ("有效期至", "valid until"),
}
"""Headings in Chinese and English; a table needs item, result, reason and valid until."""
NEEDED: Final = ("item", "conformity", "comment", "expires")
WORDS: Final[Mapping[str, Conformity]] = {
    word: result for result in Conformity if result is not Conformity.UNKNOWN for word in (result.value, result.text.zh, result.text.en)
}


@dataclass(frozen=True, slots=True)
class Row:
    """One good row and its number in the table (1 is the heading)."""

    number: int
    answer: Answer


def template(items: Iterable[Item], level: int, present: Sequence[Answer], language: str, zone: ZoneInfo) -> bytes:
    """An Excel workbook with every item, its question, and the decision that stands."""
    import xlsxwriter

    into = io.BytesIO()
    book = xlsxwriter.Workbook(into, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False})
    sheet, column = book.add_worksheet("answers"), 0 if language.startswith("zh") else 1
    sheet.write_row(0, 0, [names[column] for names in COLUMNS.values()], book.add_format({"bold": True}))
    sheet.freeze_panes(1, 1)
    sheet.set_column(2, 2, 60)
    sheet.set_column(4, 4, 40)
    known = {one.item: one for one in present if not one.asset}
    for number, item in enumerate(items, 1):
        question, one = asked(item).text, known.get(item.id)
        cells = [item.id, item.clauses.get(str(level), ""), question.zh if column == 0 else question.en]
        if one:
            word = one.conformity.text
            cells += [word.zh if column == 0 else word.en, one.comment, one.day, one.expires.astimezone(zone).date().isoformat()]
        sheet.write_row(number, 0, cells)
    words = [result.text.zh if column == 0 else result.text.en for result in Conformity if result is not Conformity.UNKNOWN]
    sheet.data_validation(1, 3, 2000, 3, {"validate": "list", "source": words})
    book.close()
    return into.getvalue()


def read(data: bytes, items: Mapping[str, Item], subject: str, who: str, now: datetime, zone: ZoneInfo) -> tuple[list[Row], list[Problem]]:
    """The good rows (those without a result are left out) and what is wrong with the others; raises ConfigError when it is no table."""
    found = read_table(data)
    heading = [_column(str(text)) for text in (found[0] if found else ())]
    if missing := [name for name in NEEDED if name not in heading]:
        words = ", ".join("/".join(COLUMNS[name]) for name in missing)
        return [], [Problem(1, "", f"the first row must name the columns; {words} are missing")]
    rows: list[Row] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, cells in enumerate(found[1:], 2):
        told = {name: _plain(value) for name, value in zip(heading, cells, strict=False) if name}
        if not told.get("item") or not told.get("conformity"):
            continue
        try:
            answer = _answer(told, items, subject, who, now, zone)
            if answer.item in seen:
                raise ConfigError("stands twice in the table", key="item")
            seen.add(answer.item)
            rows.append(Row(number, answer))
        except ConfigError as err:
            problems.append(Problem(number, COLUMNS.get(str(err.key), ("",))[0], err.message))
    return rows, problems


def take_in(store: Store, rows: Iterable[Row], items: Mapping[str, Item], present: Sequence[Answer], roles: Collection[str]) -> tuple[int, list[Problem]]:
    """Save the rows that say something new; files that are attached already stay attached. Returns how many, and what was refused."""
    known = {(one.item, one.object): one for one in present if not one.asset}
    written, problems = 0, []
    for row in rows:
        new = row.answer
        old = known.get((new.item, new.object))
        if old:
            new = replace(new, files=old.files)
            if (old.conformity, old.comment, old.day, old.expires.date()) == (new.conformity, new.comment, new.day, new.expires.date()):
                continue
        try:
            save_answer(store, new, roles, items[new.item])
            written += 1
        except Refused as err:
            problems.append(Problem(row.number, "", str(err)))
    return written, problems


def _column(text: str) -> str:
    word = text.strip().lower()
    return next((name for name, names in COLUMNS.items() if word == name or word in (one.lower() for one in names)), "")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value if value is not None else "").strip()


def _answer(told: Mapping[str, str], items: Mapping[str, Item], subject: str, who: str, now: datetime, zone: ZoneInfo) -> Answer:
    if told["item"] not in items:
        raise ConfigError(f"{told['item']} is no item of this grade", key="item")
    word = told["conformity"].lower()
    result = next((result for name, result in WORDS.items() if name.lower() == word), None)
    if result is None:
        raise ConfigError(f"{told['conformity']} is no result; there are {', '.join(one.text.zh for one in set(WORDS.values()))}", key="conformity")
    if not told.get("comment"):
        raise ConfigError("a decision needs its reason and where the evidence is", key="comment")
    expires = datetime.combine(_day(told.get("expires", ""), "expires"), time(23, 59), zone)
    if expires <= now:
        raise ConfigError("is over already: give a day in the future", key="expires")
    day = _day(told["day"], "day").isoformat() if told.get("day") else ""
    return Answer(item=told["item"], object=subject, conformity=result, who=who, time=now, comment=told["comment"], day=day, expires=expires)


def _day(text: str, key: str) -> date:
    try:
        return date.fromisoformat(text[:10].replace("/", "-").replace(".", "-"))
    except ValueError:
        raise ConfigError(f"{text or 'nothing'} is no date; write for instance 2027-03-31", key=key) from None
