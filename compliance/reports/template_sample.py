"""A Word template to start from: the layout that is shipped, written with the tags that a site moves about and adds to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from compliance.reports.content import Language
from compliance.reports.kinds import TITLES
from compliance.reports.word import page_of, styled
from core.errors import ConfigError

TEMPLATED: Final = (*TITLES, "detection", "round", "review")
"""What a site can have a template of its own for."""
LINE_MM: Final = 254
WIDTHS: Final = (20, 40, 40)
Lines = Sequence[tuple[str, str, str]]
OWN: Final[Mapping[str, tuple[str, str, str, Lines]]] = {
    "assessment": ("risks", "风险一览", "Risks at a glance", (("测评单元", "Unit", "unit"), ("问题", "Problem", "text"), ("风险", "Risk", "level"))),
    "rectification": ("risks", "整改措施", "Measures", (("测评单元", "Unit", "unit"), ("风险", "Risk", "level"), ("措施", "Measure", "measure"))),
    "summary": ("steps", "工作进度", "Steps", (("工作", "Step", "title"), ("期限", "Due", "due"), ("状态", "State", "state"))),
    "applicability": ("items", "要求项", "Items", (("条款", "Clause", "clause"), ("要求项", "Requirement", "text"), ("结果", "Result", "result"))),
    "units": ("items", "要求项", "Items", (("测评单元", "Unit", "unit"), ("结果", "Result", "result"), ("结果记录", "Record", "record"))),
}
"""A table of one's own for each kind: the list, its heading, and heading and name of each column."""


def sample(kind: str, language: Language) -> bytes:
    """The template of a kind; raises ConfigError for a kind that has none."""
    if kind not in TEMPLATED:
        raise ConfigError(f"there is no template for {kind!r}; there are {', '.join(TEMPLATED)}")
    made: Any = Document()
    page_of(made, "{{ mark }}")
    styled(made)
    _cover(made)
    for text in ("{%p for chapter in chapters %}", "{%p if chapter.title %}"):
        made.add_paragraph(text)
    made.add_heading("{{ chapter.title }}", level=1)
    for text in ("{%p endif %}", "{{p chapter.body }}", "{%p endfor %}"):
        made.add_paragraph(text)
    if kind in OWN:
        _own(made, kind, zh=language == "zh_CN")
    into = BytesIO()
    made.save(into)
    return into.getvalue()


def _cover(made: Any) -> None:
    for _ in range(3):
        made.add_paragraph()
    made.add_paragraph("{{ title }}", style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    made.add_paragraph("{{ subject }}").alignment = WD_ALIGN_PARAGRAPH.CENTER
    _looped(made, ("{{ row.label }}", "{{ row.value }}"), "row", "cover", (25, 75))
    made.add_page_break()


def _own(made: Any, kind: str, *, zh: bool) -> None:
    """A table that loops over a list of the report's data, to be changed or deleted."""
    name, head_zh, head_en, columns = OWN[kind]
    made.add_heading(head_zh if zh else head_en, level=1)
    table = _looped(made, [f"{{{{ one.{key} }}}}" for _, _, key in columns], "one", name, WIDTHS)
    for cell, (column_zh, column_en, _), share in zip(table.add_row().cells, columns, WIDTHS, strict=True):
        _write(cell, column_zh if zh else column_en, share).bold = True
    head = table.rows[-1]._tr  # noqa: SLF001 - python-docx has no way to move a row
    table._tbl.insert(table._tbl.index(table.rows[0]._tr), head)  # noqa: SLF001


def _looped(made: Any, cells: Sequence[str], one: str, of: str, widths: Sequence[int]) -> Any:
    """A table with one row for each of a list; the rows with the tags themselves vanish."""
    table = made.add_table(rows=3, cols=len(cells), style="Table Grid")
    table.autofit = False
    for column, share in zip(table.columns, widths, strict=True):
        column.width = Mm(LINE_MM * share / 100)
    table.rows[0].cells[0].text = f"{{%tr for {one} in {of} %}}"
    for cell, text, share in zip(table.rows[1].cells, cells, widths, strict=True):
        _write(cell, text, share)
    table.rows[2].cells[0].text = "{%tr endfor %}"
    return table


def _write(cell: Any, text: str, share: int) -> Any:
    """The run of a text in a cell, with some air around it."""
    cell.width, paragraph = Mm(LINE_MM * share / 100), cell.paragraphs[0]
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(2)
    run = paragraph.add_run(text)
    run.font.size = Pt(9)
    return run
