"""Photos of a round in its documents: scaled down, upright, without the camera's words, and honest when one is missing or was changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from docx import Document
from PIL import Image

from compliance import attachments
from compliance.reports.content import Content, Para, Picture
from compliance.reports.pdf import page
from compliance.reports.pictures import picture
from compliance.reports.write import rendered
from compliance.rounds import report, walk
from tests.compliance.test_rounds import NOW, TEMPLATE, facts, heat

ZONE = ZoneInfo("Asia/Shanghai")


def shot(width: int = 3000, height: int = 2000, *, turned: bool = False) -> bytes:
    """A photo as a phone takes it: a red left half, a place and a maker in its head."""
    made = Image.new("RGB", (width, height), "blue")
    made.paste("red", (0, 0, width // 2, height))
    head = Image.Exif()
    head[0x010F] = "SecretPhone"
    if turned:
        head[0x0112] = 6  # the camera was held upright: shown turned by 90 degrees
    into = BytesIO()
    made.save(into, "JPEG", exif=head)
    return into.getvalue()


def content(data: Path, spoil: Callable[[Path], None] = lambda _path: None, photo: bool = True) -> Content:
    """The document of a round with one photo."""
    kept = attachments.keep(data, "机柜.jpg", shot(), photo=True)
    body: dict[str, Any] = walk.begin(TEMPLATE, facts(heat(22)), "li", NOW)
    body = walk.answer(body, {"item": "lamps", "state": "ok", "text": "", "photos": [kept.model_dump()]}, "li", NOW)
    spoil(data / attachments.FOLDER / kept.sha256)
    read = partial(attachments.read, data) if photo else None
    return report.content("room-1", body, None, lambda asset: asset, "zh_CN", ZONE, datetime(2026, 3, 2, tzinfo=UTC), read)


def test_a_photo_is_scaled_down_turned_upright_and_loses_what_the_camera_wrote() -> None:
    made = picture(shot(turned=True), "x")
    assert (made.width, made.height) == (800, 1200)
    assert made.size_mm == pytest.approx((800 * 85 / 1200, 85))
    with Image.open(BytesIO(made.jpeg)) as opened:
        top, bottom = opened.getpixel((400, 100)), opened.getpixel((400, 1100))
        assert dict(opened.getexif()) == {}
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert (top[0] > 200, top[2] < 60) == (True, True)
    assert (bottom[2] > 200, bottom[0] < 60) == (True, True)
    assert b"SecretPhone" not in made.jpeg
    assert len(made.jpeg) < len(shot())


def test_what_is_clear_in_a_png_becomes_white_and_a_small_picture_is_not_blown_up() -> None:
    into = BytesIO()
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(into, "PNG")
    made = picture(into.getvalue(), "x")
    with Image.open(BytesIO(made.jpeg)) as opened:
        assert opened.size == (40, 30)
        assert opened.getpixel((20, 15)) == (255, 255, 255)


def test_word_and_pdf_show_the_photo_beside_its_name_and_digest(tmp_path: Path) -> None:
    made = content(tmp_path)
    (shown,) = [block for block in made.blocks if isinstance(block, Picture)]
    word = Document(BytesIO(rendered(made, "docx")))
    assert [part.blob for part in word.part.package.iter_parts() if str(part.partname).startswith("/word/media/")] == [shown.jpeg]
    cells = [cell.text for table in word.tables for row in table.rows for cell in row.cells]
    assert "机柜.jpg" in cells
    assert any(paragraph.text.startswith("1. 灯 · 机柜.jpg · sha256 ") for paragraph in word.paragraphs)
    assert page(made).count('<img src="data:image/jpeg;base64,') == 1


@pytest.mark.slow
def test_the_pdf_holds_the_picture(tmp_path: Path) -> None:
    with_photo, without = rendered(content(tmp_path), "pdf"), rendered(content(tmp_path, photo=False), "pdf")
    assert b"/DCTDecode" in with_photo
    assert b"/DCTDecode" not in without


def test_a_photo_that_is_missing_or_was_changed_is_named_and_the_document_is_made(tmp_path: Path) -> None:
    for spoil, said in ((lambda path: path.unlink(), "不在本机"), (lambda path: path.write_bytes(b"\xff\xd8\xff"), "与摘要不符")):
        made = content(tmp_path / said, spoil)
        assert not [block for block in made.blocks if isinstance(block, Picture)]
        assert [block.text for block in made.blocks if isinstance(block, Para) and said in block.text]
