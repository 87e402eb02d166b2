from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from openpyxl import load_workbook
from pypdf import PdfReader

from compliance.objects import ProtectionObject
from compliance.prove import NOW
from compliance.reports.content import Cell, Content, Language, Table
from compliance.reports.kinds import TITLES, make
from compliance.reports.pdf import PRINTER, page
from compliance.reports.write import file_name, write
from core.errors import ConfigError, WanglouError
from tests.compliance.conftest import SUBJECT, Judged

pytestmark = pytest.mark.slow

LANGUAGES: tuple[Language, ...] = ("zh_CN", "en")


def tables(content: Content) -> dict[str, Table]:
    return {block.sheet: block for block in content.blocks if isinstance(block, Table) and block.sheet}


def text_of(document: Any) -> str:
    paragraphs = [paragraph.text for paragraph in document.paragraphs]
    cells = [text.text or "" for text in document.element.body.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t")]
    return "\n".join([*paragraphs, *cells])


def test_the_assessment_has_every_item_once_in_the_assessors_columns(judged: Judged) -> None:
    content = make("assessment", judged.dossier(), "zh_CN", whole=True)
    found = tables(content)
    layers = (
        "安全物理环境",
        "安全通信网络",
        "安全区域边界",
        "安全计算环境",
        "安全管理中心",
        "安全管理制度",
        "安全管理机构",
        "安全管理人员",
        "安全建设管理",
        "安全运维管理",
    )
    rows = [row for name in layers for row in found[name].rows]
    assert len(rows) == 211
    assert found["安全物理环境"].columns == ("测评单元", "控制点", "要求项", "测评对象", "结果记录", "符合情况")
    assert [len(found[name].rows) for name in layers] == [22, 8, 20, 34, 12, 7, 14, 12, 34, 48]
    assert found["层面汇总"].rows[-1][1] == "211"
    sums = [int(str(value)) for value in found["层面汇总"].rows[-1][2:]]
    assert sum(sums) == 211


def test_a_failing_item_shows_what_was_found_where_and_its_evidence_is_in_the_index(judged: Judged) -> None:
    dossier = judged.dossier()
    found = tables(make("assessment", dossier, "zh_CN", whole=True))
    (row,) = [row for row in found["安全计算环境"].rows if str(row[0]).startswith("L3-CES1-06\n")]
    assert "web2: 禁止 root 远程登录 — sshd_config: permitrootlogin = yes" in str(row[4])
    assert isinstance(row[5], Cell)
    assert row[5].tint in ("red", "amber")
    failed = next(body for body in dossier.verdicts if body["check"] == "lnx-ssh-root" and body["asset"] == "web2")
    assert failed["read"][0]["evidence"] in {str(line[0]) for line in found["证据索引"].rows}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(TITLES))
def test_word_reads_back_with_cover_mark_and_repeated_heads(judged: Judged, kind: str, language: Language) -> None:
    dossier = judged.dossier()
    document: Any = Document(BytesIO(write(kind, dossier, "docx", language)))
    text = text_of(document)
    assert TITLES[kind][0 if language == "zh_CN" else 1] in text
    assert "办公自动化系统 <OA>" in text
    assert "330100-26-00001" in text
    assert dossier.head[1] in text
    assert dossier.head[1][:16] in document.sections[0].footer.paragraphs[0].text
    assert document.element.body.xpath(".//w:tblHeader")


@pytest.mark.parametrize("kind", list(TITLES))
def test_excel_reads_back_and_no_text_became_a_formula(judged: Judged, kind: str) -> None:
    book = load_workbook(BytesIO(write(kind, judged.dossier(), "xlsx", "zh_CN")))
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s"}
    assert book.worksheets[0].title == "封面"


def test_the_excel_edition_has_every_asset_and_the_others_say_that_they_leave_out(judged: Judged) -> None:
    dossier = judged.dossier()
    whole = tables(make("assessment", dossier, "en", whole=True))["By asset"].rows
    short = tables(make("assessment", dossier, "en", whole=False))["By asset"].rows
    assert len(whole) > len(short) > 0
    assert "Excel edition" in text_of(Document(BytesIO(write("assessment", dossier, "docx", "en"))))


@pytest.mark.parametrize("kind", ["summary", "rectification"])
def test_pdf_holds_the_chinese_text_with_its_font(judged: Judged, kind: str) -> None:
    reader = PdfReader(BytesIO(write(kind, judged.dossier(), "pdf", "zh_CN")))
    text = "".join(page.extract_text() for page in reader.pages).replace(" ", "").replace("\n", "")
    assert TITLES[kind][0] in text
    assert "办公自动化系统<OA>" in text
    fonts = {str(font["/BaseFont"]) for page in reader.pages for font in (ref.get_object() for ref in page["/Resources"]["/Font"].values())}  # type: ignore[index]
    assert fonts
    assert all("+" in font for font in fonts)  # a subset is embedded


def test_hostile_text_stays_text(judged: Judged) -> None:
    dossier = replace(judged.dossier(), subject=SUBJECT.model_copy(update={"name": "<script>alert(1)</script>\x00\ud800{{ 7*7 }}", "business": "=1+1"}))
    html = page(make("summary", dossier, "en", whole=False))
    assert "<script>" not in html
    assert "{{ 7*7 }}" in html
    assert "\x00" not in html
    for form in ("docx", "xlsx", "pdf"):
        assert len(write("assessment" if form != "pdf" else "summary", dossier, form, "en")) > 1000


def test_the_plan_has_owner_and_day_by_risk(judged: Judged) -> None:
    plan = tables(make("rectification", judged.dossier(), "en", whole=True))["Plan"]
    for row in plan.rows:
        days = {"high": 30, "medium": 90, "low": 180}[str(row[3].text if isinstance(row[3], Cell) else row[3])]
        assert row[7] == (NOW + timedelta(days=days)).date().isoformat()
    (root,) = [row for row in plan.rows if "PermitRootLogin no" in str(row[4]) and row[5] == "web2" and row[1] == "L3-CES1-06"]
    assert root[6] == "wang"


def test_the_statement_of_applicability_says_why_an_item_is_not_asked(judged: Judged) -> None:
    two = ProtectionObject(id="oa", name="x", s=2, a=2)
    rows = tables(make("applicability", judged.dossier(subject=two), "en", whole=True))["Applicability"].rows
    asked = [row for row in rows if row[2] == "yes"]
    left = [row for row in rows if isinstance(row[2], Cell) and row[2].text == "no"]
    assert len(asked) + sum("asked at level" not in str(row[3]) for row in left) == 135
    assert any(row[3] == "asked at level 3, 4" for row in left)


def test_a_report_of_a_past_day_shows_that_day(judged: Judged) -> None:
    past = judged.dossier(moment=NOW - timedelta(days=2), now=NOW)
    assert past.verdicts == ()
    assert past.is_dark
    content = make("summary", past, "en", whole=False)
    assert any("Nothing was noted" in getattr(block, "text", "") for block in content.blocks)


def test_unknown_kinds_and_formats_are_refused_with_what_there_is(judged: Judged) -> None:
    with pytest.raises(ConfigError, match="assessment, rectification"):
        write("poem", judged.dossier(), "docx", "en")
    with pytest.raises(ConfigError, match="docx, xlsx and pdf"):
        write("summary", judged.dossier(), "odt", "en")
    assert file_name("summary", judged.dossier(), "pdf") == f"wanglou-summary-oa-{NOW:%Y%m%d}.pdf"


def test_progress_goes_forward_to_its_end(judged: Judged) -> None:
    told: list[float] = []
    write("summary", judged.dossier(), "xlsx", "en", lambda share, _what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_page_that_asks_for_addresses_gets_nothing(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_text("body::after { content: 'FETCHED' }", encoding="utf-8")
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    web = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
    html = f"<html><head><link rel=stylesheet href='{(tmp_path / 'style.css').as_uri()}'></head><body><img src='{web}'>text</body></html>"
    done = subprocess.run([sys.executable, "-I", str(PRINTER)], input=html.encode(), capture_output=True, timeout=60, check=False)
    with server, pytest.raises(TimeoutError):
        server.accept()
    assert done.returncode == 0
    text = PdfReader(BytesIO(done.stdout)).pages[0].extract_text()
    assert "text" in text
    assert "FETCHED" not in text


def test_a_printer_that_fails_is_said_in_plain_words(judged: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, said in (("import sys; sys.exit(3)", "Pango"), ("raise SystemExit('no room')", "no room")):
        broken = tmp_path / "broken.py"
        broken.write_text(text, encoding="utf-8")
        monkeypatch.setattr("compliance.reports.pdf.PRINTER", broken)
        with pytest.raises(WanglouError, match=said):
            write("summary", judged.dossier(), "pdf", "en")
