"""Decisions of officers: questions, evidence, files told by their content, validity, tables of last year."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from compliance import attachments
from compliance.answer_table import read, take_in, template
from compliance.answers import answers, counting, save_answer, standing, versions
from compliance.framework import Grade, load_framework
from compliance.prove import NOW
from compliance.questions import asked, load_questions
from compliance.reports.package import package
from compliance.rollup import Answer, Conformity, book_of, on_asset, over_assets
from core.errors import ConfigError, NotFound, Refused
from inventory.imports import read_table
from store.base import Store
from store.open import open_store
from tests.compliance.conftest import Judged

ITEMS = {item.id: item for item in load_framework().applicable(Grade(3, 3))}
BOOK = book_of(load_framework(), tuple(ITEMS.values()), ())
ITEM = ITEMS["G.PES.LOC.2"]
ROLES = ("security_officer",)
ZONE = ZoneInfo("Asia/Shanghai")
GIVEN = Answer(item=ITEM.id, conformity=Conformity.CONFORMS, who="li", time=NOW, comment="三层，验收报告在档案室 2 柜", expires=NOW + timedelta(days=365))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path, "service")
    yield opened
    opened.close()


def picture(form: str = "PNG") -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(into, form)
    return into.getvalue()


def office(*names: str) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for name in ("[Content_Types].xml", *names):
            archive.writestr(name, "x")
    return into.getvalue()


PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("报告.pdf", PDF, "pdf"),
        ("a.png", picture(), "png"),
        ("a.JPG", picture("JPEG"), "jpeg"),
        ("a.docx", office("word/document.xml"), "docx"),
        ("a.xlsx", office("xl/workbook.xml"), "xlsx"),
        ("a.csv", "姓名,部门\n王,中心\n".encode("gb18030"), "text"),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_content(name: str, content: bytes, kind: str) -> None:
    assert attachments.check(name, content).kind == kind


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("report.pdf", b"MZ\x90\x00\x03\x00\x00\x00", "neither PDF"),
        ("report.pdf", picture(), "is png by its content"),
        ("photo.png", PDF, "is pdf by its content"),
        ("photo.jpg", picture("JPEG")[:200], "damaged"),
        ("photo.png", b"\x89PNG\r\n\x1a\n" + b"<script>alert(1)</script>", "damaged"),
        ("page.html", b"<html></html>", "calls itself html"),
        ("a.docx", office("word/document.xml", "word/vbaProject.bin"), "macros"),
        ("a.docx", office("evil.exe"), "neither a Word"),
        ("cut.pdf", PDF[:20], "cut off"),
        ("empty.txt", b"", "empty"),
        ("big.txt", b"a" * (attachments.MOST_BYTES + 1), "at most 10 MiB"),
    ],
)
def test_a_file_that_lies_about_its_type_is_refused(name: str, content: bytes, says: str) -> None:
    with pytest.raises(Refused, match=says):
        attachments.check(name, content)


def test_a_text_is_no_photo() -> None:
    with pytest.raises(Refused, match="no photo"):
        attachments.check("a.txt", b"hello", photo=True)


def test_a_file_is_kept_once_under_its_digest_and_a_change_on_disk_is_seen(tmp_path: Path) -> None:
    kept = attachments.keep(tmp_path, "../../etc/a.pdf", PDF)
    assert kept.name == "a.pdf"
    assert attachments.keep(tmp_path, "b.pdf", PDF).sha256 == kept.sha256
    (path,) = (tmp_path / "attachments").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert attachments.read(tmp_path, kept.sha256) == PDF
    path.write_bytes(PDF.replace(b"1 0", b"2 0"))
    with pytest.raises(ConfigError, match="changed on disk"):
        attachments.read(tmp_path, kept.sha256)
    with pytest.raises(NotFound):
        attachments.read(tmp_path, "../../../etc/passwd")


def test_every_written_question_is_about_an_item_and_every_item_has_one() -> None:
    ids = {item.id for item in load_framework().items}
    assert set(load_questions()) <= ids
    assert all(asked(item).text.zh and asked(item).evidence.en for item in load_framework().items)


def test_every_item_of_the_extensions_has_a_question_of_its_own() -> None:
    extensions = [item for item in load_framework().items if not item.id.startswith("G.")]
    generated = [item.id for item in extensions if asked(item).text == item.question]
    assert len(extensions) > 100
    assert generated == []
    texts = [question.zh for question in load_questions().values()]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("given", "roles", "says"),
    [
        (GIVEN, ("operator",), "security officer decides"),
        (GIVEN, ("auditor",), "security officer decides"),
        (replace(GIVEN, comment=" "), ROLES, "reason"),
        (replace(GIVEN, expires=NOW), ROLES, "future"),
        (replace(GIVEN, expires=NOW + timedelta(days=4000)), ROLES, "five years"),
        (replace(GIVEN, day="2030-01-01"), ROLES, "has not come"),
        (replace(GIVEN, conformity=Conformity.UNKNOWN), ROLES, "says how it is"),
    ],
)
def test_a_decision_that_lacks_something_is_refused_and_leaves_no_trace(store: Store, given: Answer, roles: tuple[str, ...], says: str) -> None:
    with pytest.raises(Refused, match=says):
        save_answer(store, given, roles, ITEM)
    assert not answers(store)
    assert not versions(store, ITEM.id)


def test_an_item_that_needs_a_file_conforms_only_with_one(store: Store, tmp_path: Path) -> None:
    item = ITEMS["G.CMS.GRF.4"]
    given = replace(GIVEN, item=item.id)
    with pytest.raises(Refused, match="only with a file"):
        save_answer(store, given, ROLES, item)
    save_answer(store, replace(given, conformity=Conformity.FAILS), ROLES, item)
    save_answer(store, replace(given, files=(attachments.keep(tmp_path, "备案证明.pdf", PDF),)), ROLES, item)
    assert [body["conformity"] for body in versions(store, item.id)] == ["conforms", "fails"]
    assert answers(store)[0].files[0].name == "备案证明.pdf"


def test_an_ended_decision_leaves_the_item_unknown_and_says_so() -> None:
    later = NOW + timedelta(days=400)
    result = on_asset(BOOK, ITEM, "", {}, [GIVEN], later)
    assert result.conformity is Conformity.UNKNOWN
    assert "li" in result.reason.zh
    assert "ended on" in result.reason.en
    assert [standing([GIVEN], ITEM.id, NOW + timedelta(days=days)) for days in (0, 350, 400)] == ["valid", "soon", "ended"]


def test_over_all_assets_an_item_says_who_decided_and_why() -> None:
    result = over_assets(ITEM, [on_asset(BOOK, ITEM, asset, {}, [GIVEN], NOW) for asset in ("a", "b")])
    assert result.conformity is Conformity.CONFORMS
    assert "li" in result.reason.zh
    assert GIVEN.comment in result.reason.zh


def test_the_decision_of_an_object_counts_before_the_one_about_all() -> None:
    own = replace(GIVEN, object="oa", conformity=Conformity.FAILS)
    other = replace(GIVEN, object="web", conformity=Conformity.PARTIAL)
    assert on_asset(BOOK, ITEM, "", {}, counting([GIVEN, own, other], "oa"), NOW).conformity is Conformity.FAILS
    assert on_asset(BOOK, ITEM, "", {}, counting([GIVEN, own, other], "mail"), NOW).conformity is Conformity.CONFORMS


def test_last_years_table_is_taken_over_row_by_row(store: Store) -> None:
    save_answer(store, GIVEN, ROLES, ITEM)
    rows = read_table(template(ITEMS.values(), 3, answers(store), "zh_CN", ZONE))
    assert len(rows) == 212
    table = [rows[0], *(row for row in rows if row[0] in (ITEM.id, "G.PES.LOC.1", "G.PES.WAT.1", "G.PES.ESD.2"))]
    filled = {
        "G.PES.LOC.1": ["符合", "有", "2026-01-05", "2027-09-01"],
        "G.PES.WAT.1": ["maybe", "x", "", "2027-09-01"],
        "G.PES.ESD.2": ["fails", "无手环", "", "2027-09-01"],
    }
    lines = [[*row[:3], *filled.get(str(row[0]), row[3:])] for row in table[1:]] + [["G.XXX", "", "", "符合", "x", "", "2027-01-01"]]
    data = "\n".join("\t".join(str(cell or "") for cell in row) for row in (table[0], *lines)).encode()
    good, problems = read(data, ITEMS, "", "li", NOW, ZONE)
    assert {row.answer.item for row in good} == {ITEM.id, "G.PES.LOC.1", "G.PES.ESD.2"}
    assert {(one.row, one.column) for one in problems} == {(4, "结果"), (6, "条款")}
    written, refused = take_in(store, good, ITEMS, answers(store), ROLES)
    assert written == 1, "the one that stands is not written again"
    assert [one.message for one in refused] == ["this item conforms only with a file as evidence (scan, photo, export)"]


def test_a_table_without_the_needed_columns_says_which() -> None:
    good, problems = read(b"a,b\n1,2\n", ITEMS, "", "li", NOW, ZONE)
    assert not good
    assert "valid until" in problems[0].message


def test_files_go_into_the_evidence_package_and_a_lost_one_is_told(fresh: Judged, tmp_path: Path) -> None:
    kept = attachments.keep(tmp_path, "备案证明.pdf", PDF)
    lost = attachments.keep(tmp_path, "photo.png", picture())
    save_answer(fresh.store, replace(GIVEN, files=(kept, lost)), ROLES, ITEM)
    (tmp_path / "attachments" / lost.sha256).unlink()
    made = package(fresh.store.documents, fresh.dossier(NOW, NOW), "zh_CN", attached=lambda digest: attachments.read(tmp_path, digest))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        (name,) = [one for one in archive.namelist() if kept.sha256 in one]
        assert archive.read(name) == PDF
        assert b"photo.png" in archive.read(f"attachments/{lost.sha256}.missing.txt")
