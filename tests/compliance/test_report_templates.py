"""A site's own Word templates: filled in with data alone, and refused with the file and the tag that is wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from docx import Document

from compliance.office import Office
from compliance.prove import NOW
from compliance.reports import template
from compliance.reports.content import Cell, Content, Facts, Heading, Para, Table
from compliance.reports.kinds import TITLES
from compliance.reports.template_sample import TEMPLATED, sample
from compliance.reports.write import rendered, write
from core.errors import ConfigError
from core.settings import Settings
from service.templates import begun, checked
from tests.compliance.conftest import Judged
from tests.compliance.test_round_photos import content as round_content

pytestmark = pytest.mark.slow

RISKS = Table(("单元", "风险"), (("L3-CES1-06", Cell("高", "red")), ("<w:p/> & {{ 7*7 }}", "低")), (40, 60))
CONTENT = Content(
    title="自评估报告",
    subject="办公 <OA> & {{ 7*7 }}",
    language="zh_CN",
    cover=(("等级", "第三级"), ("编号", "33")),
    blocks=(Para("开头"), Heading("结论"), Facts((("分数", "71.5"),)), Heading("细节", 2), Para("两行\n文字"), Heading("风险"), RISKS),
    mark="链头 7:ab",
    made=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
    kind="summary",
    data={"risks": [{"level": "高"}, {"level": "低"}], "object": {"name": "OA"}, "title": "not this one"},
)
TEXT = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / template.FOLDER).mkdir(parents=True)
    return tmp_path


def put(site: Path, *lines: str, name: str = "summary.docx") -> Path:
    made = Document()
    for line in lines:
        made.add_paragraph(line)
    made.save(str(site / template.FOLDER / name))
    return site / template.FOLDER / name


def text_of(raw: bytes) -> str:
    return "\n".join(part.text or "" for part in Document(BytesIO(raw)).element.body.iter(TEXT))


def changed(path: Path, change: Callable[[str, bytes], bytes], more: dict[str, bytes] | None = None) -> None:
    """The same file with parts that ``change`` wrote anew, and more parts."""
    with zipfile.ZipFile(path) as parts:
        whole = {info.filename: change(info.filename, parts.read(info)) for info in parts.infolist()} | (more or {})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, raw in whole.items():
            parts.writestr(name, raw)


def test_a_template_gets_the_report_and_what_it_knows_and_no_text_becomes_a_tag(site: Path) -> None:
    put(site, "{{ title }} {{ subject }} {{ object.name }}", "{%p for chapter in chapters %}", "章 {{ chapter.title }}", "{{p chapter.body }}", "{%p endfor %}")
    text = text_of(rendered(CONTENT, "docx", site))
    assert "自评估报告 办公 <OA> & {{ 7*7 }} OA" in text
    for part in ("开头", "章 结论", "71.5", "细节", "章 风险", "<w:p/> & {{ 7*7 }}", "两行", "文字"):
        assert part in text
    assert "{%" not in text
    assert text.count("结论") == 1


def test_a_template_may_choose_rows_and_count_and_the_foot_of_the_page_is_filled_in(site: Path) -> None:
    path = put(site, "{{ risks|selectattr('level', 'equalto', '高')|list|length }} high, {{ tables[0].rows[0][1] }}")
    made: Any = Document(str(path))
    made.sections[0].footer.paragraphs[0].text = "{{ mark }}"
    made.save(str(path))
    raw = rendered(CONTENT, "docx", site)
    assert "1 high, 高" in text_of(raw)
    assert Document(BytesIO(raw)).sections[0].footer.paragraphs[0].text == "链头 7:ab"


def test_the_template_of_the_language_goes_before_the_common_one_and_other_kinds_and_formats_keep_the_shipped_layout(site: Path) -> None:
    put(site, "common")
    put(site, "chinese", name="summary.zh_CN.docx")
    assert text_of(rendered(CONTENT, "docx", site)) == "chinese"
    put(site, "other", name="summary.en.docx")
    assert text_of(rendered(CONTENT, "docx", site)) == "chinese"
    assert "自评估报告" in text_of(rendered(CONTENT, "docx"))
    assert rendered(CONTENT, "xlsx", site).startswith(b"PK")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("start {{ objekt.name }}", r"at \{\{ objekt.name \}\}.*'objekt' is undefined"),
        ("{{ object.nmae }}", r"at \{\{ object.nmae \}\}.*nmae"),
        ("{% for x in risks %}", "for.*"),
        ("{{ title|nosuch }}", "nosuch"),
        ("{{ ''.__class__.__mro__ }}", "unsafe|undefined"),
        ("{{ object.__class__ }}", "unsafe|undefined"),
        ("{{ title.__init__.__globals__ }}", "unsafe|undefined"),
        ("{{ range(100000000)|list|length }}", "too|Range"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ self._TemplateReference__context }}", "unsafe|undefined"),
        ("{{ risks.append(1) }}", "unsafe|not callable|immutable"),
        ("{{ cycler('a') }}", "'cycler' is undefined"),
        ("{{ '%99999999999d'|format(1) }}", "too|Overflow|Memory|width"),
    ],
)
def test_a_wrong_or_hostile_tag_is_refused_with_the_file_and_what_is_wrong(site: Path, line: str, said: str) -> None:
    path = put(site, "before", line, "after")
    with pytest.raises(ConfigError, match=said) as caught:
        rendered(CONTENT, "docx", site)
    assert caught.value.path == path


def test_a_loop_that_never_ends_is_given_up(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "LONGEST_S", 5)
    rounds = "".join(f"{{% for a{level} in range(9999) %}}" for level in range(4))
    put(site, rounds + "{% endfor %}" * 4)
    with pytest.raises(ConfigError, match=r"given up|too large"):
        rendered(CONTENT, "docx", site)


def external(name: str, raw: bytes) -> bytes:
    link = b'<Relationship Id="x9" TargetMode="External" Target="http://127.0.0.1:1/a.dotx" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
    return raw.replace(b"</Relationships>", link + b'attachedTemplate"/></Relationships>') if name == "word/_rels/document.xml.rels" else raw


def entity(name: str, raw: bytes) -> bytes:
    return raw.replace(b"?>", b'?><!DOCTYPE a [<!ENTITY b "c">]>', 1) if name == "word/document.xml" else raw


def field(name: str, raw: bytes) -> bytes:
    run = b'<w:p><w:r><w:instrText>DDE</w:instrText></w:r><w:r><w:instrText>AUTO c:\\cmd.exe "/k"</w:instrText></w:r></w:p><w:sectPr'
    return raw.replace(b"<w:sectPr", run, 1) if name == "word/document.xml" else raw


def macros(name: str, raw: bytes) -> bytes:
    kind = b"application/vnd.ms-word.document.macroEnabled.main+xml"
    return raw.replace(template.WORD.encode(), kind) if name == "[Content_Types].xml" else raw


def as_it_is(_name: str, raw: bytes) -> bytes:
    return raw


HOSTILE: dict[str, tuple[Callable[[str, bytes], bytes], dict[str, bytes], str]] = {
    "external": (external, {}, "attachedTemplate.*put it into the document"),
    "entity": (entity, {}, "declares entities"),
    "field": (field, {}, "field DDEAUTO"),
    "macros": (macros, {}, "macros"),
    "vba": (as_it_is, {"word/vbaProject.bin": b"x"}, "vbaProject"),
    "embedded": (as_it_is, {"word/embeddings/a.xlsx": b"x"}, "embeddings"),
    "bomb": (as_it_is, {"word/media/a.xml": b" " * 30_000_000}, "too large"),
    "broken": (as_it_is, {"word/settings.xml": b"<a>"}, "not well formed"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_document_with_something_active_or_outside_of_itself_is_refused(site: Path, what: str) -> None:
    change, more, said = HOSTILE[what]
    path = put(site, "{{ title }}")
    changed(path, change, more)
    with pytest.raises(ConfigError, match=said) as caught:
        rendered(CONTENT, "docx", site)
    assert caught.value.path == path


def test_text_of_a_device_that_pretends_to_be_a_field_stays_text(site: Path) -> None:
    put(site, "{{ subject }}")
    hostile = Content(**{**{name: getattr(CONTENT, name) for name in CONTENT.__slots__}, "subject": '</w:t><w:instrText>DDEAUTO c "x"</w:instrText><w:t>'})
    raw = rendered(hostile, "docx", site)
    assert escape("</w:t>") not in text_of(raw)
    assert "DDEAUTO" in text_of(raw)


def test_what_is_no_docx_is_refused_by_name(site: Path) -> None:
    (site / template.FOLDER / "summary.docm").write_bytes(b"x")
    with pytest.raises(ConfigError, match="without macros"):
        rendered(CONTENT, "docx", site)
    (site / template.FOLDER / "summary.docm").unlink()
    (site / template.FOLDER / "summary.docx").write_bytes(b"not a zip")
    with pytest.raises(ConfigError, match="no Word document"):
        rendered(CONTENT, "docx", site)


@pytest.mark.parametrize("kind", list(TITLES))
def test_the_template_to_start_from_gives_the_whole_report(judged: Judged, site: Path, kind: str) -> None:
    dossier = judged.dossier()
    (site / template.FOLDER / f"{kind}.docx").write_bytes(sample(kind, "zh_CN"))
    own, shipped = (text_of(write(kind, dossier, "docx", "zh_CN", site_folder=folder)) for folder in (site, None))
    assert {line.strip() for line in shipped.splitlines()} <= {line.strip() for line in own.splitlines()}
    assert "{{" not in own
    assert dossier.head[1][:16] in Document(BytesIO(write(kind, dossier, "docx", "zh_CN", site_folder=site))).sections[0].footer.paragraphs[0].text


def test_a_round_by_a_template_has_its_photo(site: Path, tmp_path: Path) -> None:
    (site / template.FOLDER / "round.docx").write_bytes(sample("round", "zh_CN"))
    raw = rendered(round_content(tmp_path / "photos"), "docx", site)
    assert len(Document(BytesIO(raw)).inline_shapes) == 1


def test_every_kind_has_a_template_to_start_from_and_no_other(site: Path) -> None:
    for one in TEMPLATED:
        (site / template.FOLDER / f"{one}.docx").write_bytes(sample(one, "en"))
        assert template.read(site / template.FOLDER / f"{one}.docx")
    with pytest.raises(ConfigError, match="assessment, rectification"):
        sample("poem", "en")


def test_the_commands_put_a_template_there_once_and_name_what_is_wrong(judged: Judged, site: Path) -> None:
    settings = Settings(data=site / "data", site=site)
    office = Office(judged.store, settings)
    (line,) = begun(settings.site_folder, "summary", "zh_CN")
    assert "summary.docx" in line
    with pytest.raises(ConfigError, match="there already"):
        list(begun(settings.site_folder, "summary", "zh_CN"))
    lines, is_sound = checked(office, NOW)
    assert is_sound
    assert "sound" in lines[0]
    put(site, "{{ nobody }}", name="units.docx")
    put(site, "{{ title }}", name="poem.docx")
    lines, is_sound = checked(office, NOW)
    assert not is_sound
    assert [line.split("/")[-1].split(":")[0] for line in lines] == ["poem.docx", "summary.docx", "units.docx"]
    assert "nobody" in lines[2]
