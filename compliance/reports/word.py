"""Content as a Word document. Tables are written as XML at once: a thousand rows take a second instead of a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from lxml import etree

from compliance.reports.content import Block, Break, Content, Facts, Heading, Para, Picture, Table, Value, plain, tint_of

FONT: Final = "宋体"
HEAD_FONT: Final = "黑体"
LATIN: Final = "Times New Roman"
FILLS: Final[Mapping[str, str]] = {"red": "F8D7DA", "amber": "FFF0C2", "green": "D8F0DC", "gray": "EDEDED"}
HEAD_FILL: Final = "DCE3EE"
LONGEST_PROPERTY: Final = 255  # characters of a title or subject of the file itself
TWIP: Final = 635  # English metric units
LINE_TWIPS: Final = 14_400  # what is between the margins of a landscape A4 page


def document(content: Content) -> bytes:
    """The document, landscape A4, with page numbers and the mark on every page."""
    made = Document()
    page_of(made, plain(content.mark))
    styled(made)
    _cover(made, content)
    _blocks(made, (Break(), *content.blocks), LINE_TWIPS)
    made.core_properties.title, made.core_properties.subject = plain(content.title)[:LONGEST_PROPERTY], plain(content.subject)[:LONGEST_PROPERTY]
    made.core_properties.author, made.core_properties.created = "Wanglou", content.made.replace(tzinfo=None)
    into = BytesIO()
    made.save(into)
    return into.getvalue()


def fragments(made: Any, chapters: Sequence[Sequence[Block]]) -> list[str]:
    """Each chapter as XML for the body of another document, whose styles and line width it takes; pictures are put into that document."""
    section, body = made.sections[0], made.element.body
    line = int((section.page_width - section.left_margin - section.right_margin) / TWIP)
    there, found = set(body), []
    for chapter in chapters:
        _blocks(made, chapter, line)
        fresh = [part for part in body if part not in there]
        found.append("".join(etree.tostring(part, encoding="unicode") for part in fresh))
        for part in fresh:
            body.remove(part)
    return found


def page_of(made: Any, mark: str) -> None:
    """Landscape A4, below each page the mark and the number of the page."""
    section = made.sections[0]
    section.orientation, section.page_width, section.page_height = WD_ORIENT.LANDSCAPE, Mm(297), Mm(210)
    section.left_margin = section.right_margin = Mm(21)
    section.top_margin = section.bottom_margin = Mm(18)
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = footer.add_run(mark + "　　")
    run.font.size = Pt(8)
    _field(footer, "PAGE")
    footer.add_run(" / ").font.size = Pt(8)
    _field(footer, "NUMPAGES")


def _field(paragraph: Any, name: str) -> None:
    """A field that Word fills in, such as the page number."""
    for kind, text in (("begin", ""), ("", name), ("end", "")):
        run = paragraph.add_run()
        run.font.size = Pt(8)
        element = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            element.set(qn("w:fldCharType"), kind)
        else:
            element.text = text
        _xml(run).append(element)


def _xml(part: Any) -> Any:
    """The element behind a part; the library has no other way to write rows at once."""
    return part._element  # noqa: SLF001


def styled(made: Any) -> None:
    """The fonts of text and headings, Chinese and Latin."""
    for name, font, size in (
        ("Normal", FONT, 10.5),
        ("Heading 1", HEAD_FONT, 16),
        ("Heading 2", HEAD_FONT, 13),
        ("Heading 3", HEAD_FONT, 11),
        ("Title", HEAD_FONT, 26),
    ):
        style = made.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = LATIN, Pt(size), RGBColor(0, 0, 0)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for key in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(key), None)
        fonts.set(qn("w:eastAsia"), font)
    for border in list(made.styles["Title"].element.iter(qn("w:pBdr"))):  # the library's template draws a blue line
        border.getparent().remove(border)
    _chinese(made)


def _chinese(made: Any) -> None:
    """Says that East Asian text is Chinese: without it glyphs, punctuation and line breaks may come out as Japanese ones."""
    for language in made.styles.element.iter(qn("w:lang")):
        language.set(qn("w:eastAsia"), "zh-CN")


def _cover(made: Any, content: Content) -> None:
    for _ in range(3):
        made.add_paragraph()
    made.add_paragraph(plain(content.title), style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    made.add_paragraph(plain(content.subject)).alignment = WD_ALIGN_PARAGRAPH.CENTER
    _table(made, (), content.cover, (25, 75), LINE_TWIPS)


def _blocks(made: Any, blocks: Sequence[Block], line: int) -> None:
    """Blocks one after another. A heading starts its new page itself: a break of its own below a full page would leave an empty one."""
    for before, block, after in zip((None, *blocks), blocks, (*blocks[1:], None), strict=False):
        if isinstance(before, Break) and isinstance(block, Heading):
            _heading(made, block).paragraph_format.page_break_before = True
        elif not (isinstance(block, Break) and isinstance(after, Heading)):
            _block(made, block, line)


def _block(made: Any, block: object, line: int) -> None:
    if isinstance(block, Heading):
        _heading(made, block)
    elif isinstance(block, Para):
        made.add_paragraph().add_run(plain(block.text)).bold = block.strong
    elif isinstance(block, Facts):
        _table(made, (), block.rows, (25, 75), line)
        made.add_paragraph()
    elif isinstance(block, Table):
        _table(made, block.columns, block.rows, block.widths, line)
        made.add_paragraph()
    elif isinstance(block, Picture):
        _picture(made, block)
    elif isinstance(block, Break):
        made.add_page_break()


def _heading(made: Any, block: Heading) -> Any:
    """In the document's own style of that level; where a template has none, bold."""
    name = f"Heading {block.level}"
    if name in made.styles:
        return made.add_paragraph(plain(block.text), style=name)
    paragraph = made.add_paragraph()
    run = paragraph.add_run(plain(block.text))
    run.bold, run.font.size = True, Pt(18 - 2 * block.level)
    return paragraph


def _picture(made: Any, block: Picture) -> None:
    """A picture that stays on one page with its caption, which screen readers read as well."""
    holder, (width, height) = made.add_paragraph(), block.size_mm
    holder.paragraph_format.keep_with_next = True
    shape = holder.add_run().add_picture(BytesIO(block.jpeg), width=Mm(width), height=Mm(height))
    shape._inline.docPr.set("descr", plain(block.caption))  # noqa: SLF001 - the library has no other way to describe a picture
    made.add_paragraph().add_run(plain(block.caption)).font.size = Pt(8)


def _table(made: Any, columns: Sequence[str], rows: Sequence[Sequence[Value]], widths: Sequence[int], line: int) -> None:
    """A table with a head that repeats on each page; without columns the first cell of each row is its label."""
    table = made.add_table(rows=0, cols=len(widths))
    properties = _xml(table).tblPr
    for name in ("w:tblStyle", "w:tblW", "w:tblLayout", "w:tblLook"):
        properties.remove_all(name)
    properties.extend((_measured("w:tblW", line), _borders(), _fixed(), _margins()))
    twips = [line * share // sum(widths) for share in widths]
    for grid, width in zip(_xml(table).tblGrid.findall(qn("w:gridCol")), twips, strict=True):
        grid.set(qn("w:w"), str(width))
    if columns:
        _xml(table).append(_row(columns, twips, head=True, label=False))
    for row in rows:
        _xml(table).append(_row(row, twips, head=False, label=not columns))


def _measured(name: str, twips: int) -> Any:
    element = OxmlElement(name)
    element.set(qn("w:w"), str(twips))
    element.set(qn("w:type"), "dxa")
    return element


def _fixed() -> Any:
    """Widths are those that are written, not those that the text would like."""
    layout = OxmlElement("w:tblLayout")
    layout.set(qn("w:type"), "fixed")
    return layout


def _borders() -> Any:
    """Thin lines, written out: a site's template need not have a style for it."""
    borders = OxmlElement("w:tblBorders")
    for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
        edge = OxmlElement(f"w:{side}")
        for key, text in (("w:val", "single"), ("w:sz", "4"), ("w:space", "0"), ("w:color", "7F7F7F")):
            edge.set(qn(key), text)
        borders.append(edge)
    return borders


def _margins() -> Any:
    """Some air above and below the text of a cell, in twentieths of a point."""
    margins = OxmlElement("w:tblCellMar")
    for side, width in (("top", 40), ("left", 80), ("bottom", 40), ("right", 80)):
        margins.append(_measured(f"w:{side}", width))
    return margins


def _row(cells: Sequence[Value], twips: Sequence[int], *, head: bool, label: bool) -> Any:
    row = OxmlElement("w:tr")
    properties = OxmlElement("w:trPr")
    properties.append(OxmlElement("w:cantSplit"))
    if head:
        properties.append(OxmlElement("w:tblHeader"))
    row.append(properties)
    for number, (value, width) in enumerate(zip(cells, twips, strict=True)):
        is_strong = head or (label and number == 0)
        row.append(_cell(value, width, HEAD_FILL if is_strong else FILLS.get(tint_of(value), ""), strong=is_strong))
    return row


def _cell(value: Value, width: int, fill: str, *, strong: bool) -> Any:
    cell, properties = OxmlElement("w:tc"), OxmlElement("w:tcPr")
    properties.append(_measured("w:tcW", width))
    if fill:
        shade = OxmlElement("w:shd")
        for key, text in (("w:val", "clear"), ("w:color", "auto"), ("w:fill", fill)):
            shade.set(qn(key), text)
        properties.append(shade)
    cell.append(properties)
    for line in plain(value).split("\n"):
        cell.append(_line(line, strong=strong))
    return cell


def _line(text: str, *, strong: bool) -> Any:
    paragraph, run, properties, size, words = (OxmlElement(name) for name in ("w:p", "w:r", "w:rPr", "w:sz", "w:t"))
    if strong:
        properties.append(OxmlElement("w:b"))
    size.set(qn("w:val"), "18")
    properties.append(size)
    words.text = text
    words.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    run.append(properties)
    run.append(words)
    spacing = OxmlElement("w:spacing")
    spacing.set(qn("w:after"), "0")
    layout = OxmlElement("w:pPr")
    layout.append(spacing)
    paragraph.append(layout)
    paragraph.append(run)
    return paragraph
