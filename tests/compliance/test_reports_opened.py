"""Every kind of report in every form and language, opened by the programs of those who read it: LibreOffice, pdftotext, pdffonts, openpyxl."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from openpyxl import load_workbook

from compliance.dossier import Dossier
from compliance.objects import Dates, People, ProtectionObject, Scope, Zone
from compliance.prove import NOW
from compliance.reports import parts
from compliance.reports.content import Language, Words
from compliance.reports.kinds import TITLES
from compliance.reports.write import rendered, write
from compliance.rollup import Answer, Conformity
from compliance.rounds import report, walk
from inventory.asset import Asset
from tests.compliance.conftest import ZONE, Judged
from tests.compliance.test_rounds import NOW as WALKED
from tests.compliance.test_rounds import TEMPLATE, facts, heat
from tests.peers.program import program

pytestmark = [pytest.mark.slow, pytest.mark.peer, pytest.mark.timeout(600)]

LANGUAGES: Final[tuple[Language, ...]] = ("zh_CN", "en")
NAME: Final = "=HYPERLINK(1) <b>长名</b> {{ 7*7 }} 办公自动化系统" + "与移动审批平台" * 18
FORMULAS: Final = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)")
HOSTILE: Final = "\u202ecod.exe\u200b\x00\x1b[31m\x9f\ud800 & <b>\r\nnext"
UNSHOWN: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")
SLIPS: Final = re.compile(r"\bNone\b|\bnan\b|\bUndefined\b|\{%|\bdatetime\.|\bConformity\.|\bLevel\.")
CHINESE: Final = re.compile("[\u4e00-\u9fff]")
SENTENCE: Final = re.compile(r"[A-Za-z]+(?: [a-z]+){3,}")
SUBJECT: Final = ProtectionObject(
    id="oa",
    name=NAME,
    business=FORMULAS[0],
    description="=2+2" + " long" * 60,
    s=3,
    a=3,
    filing_number=FORMULAS[1],
    assessor=FORMULAS[2],
    label=FORMULAS[3],
    scope=Scope(assets=("web1", "web2", "x" * 64)),
    zones=(Zone(name=HOSTILE.replace("\ud800", ""), assets=("web1",)),),
    people=People(owner=FORMULAS[0], security="W" * 300, operations=FORMULAS[2], contact=FORMULAS[3]),
    dates=Dates(in_use=(NOW - timedelta(days=800)).date(), graded=(NOW - timedelta(days=900)).date(), filed=(NOW - timedelta(days=790)).date()),
)


@pytest.fixture(scope="module")
def dossier(judged: Judged) -> Dossier:
    """Of two judged hosts and one that was never read, with names and words that nobody wishes to meet."""
    made = judged.dossier(subject=SUBJECT)
    gap = made.risks[0].item
    said = tuple(
        Answer(item=gap, asset=asset, conformity=Conformity.PARTIAL, who=FORMULAS[3], time=NOW, comment=comment, expires=NOW + timedelta(days=90))
        for asset, comment in (("web2", HOSTILE), ("", "=" + "W" * 3000))
    )
    assets = (*made.assets, Asset(id="x" * 64, name="-名" * 100, owner=FORMULAS[1]))
    return replace(made, answers=(*made.answers, *said), assets=assets)


@pytest.fixture(scope="module")
def printed(dossier: Dossier, tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, Language, str], Path]:
    """(kind, language, form) -> the page as PDF: what we print, and what LibreOffice makes of the Word and Excel files."""
    folder = tmp_path_factory.mktemp("printed")
    every = {(kind, language, form): folder / f"{kind}-{language}.{form}" for kind in TITLES for language in LANGUAGES for form in ("docx", "xlsx", "pdf")}
    for (kind, language, form), path in every.items():
        path.write_bytes(write(kind, dossier, form, language))
    rounds = {("round", language, form): folder / f"round-{language}.{form}" for language in LANGUAGES for form in ("docx", "xlsx", "pdf")}
    for (_, language, form), path in rounds.items():
        path.write_bytes(a_round(language, form))
    every |= rounds
    for form in ("docx", "xlsx"):
        files = [str(path) for (_, _, one), path in every.items() if one == form]
        command = [program("soffice"), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--convert-to", "pdf", "--outdir"]
        subprocess.run([*command, str(folder / form), *files], check=True, capture_output=True, timeout=400)
    return {key: path if key[2] == "pdf" else folder / key[2] / f"{path.stem}.pdf" for key, path in every.items()}


def a_round(language: Language, form: str) -> bytes:
    """An inspection round, the asset of which has the long name, with hostile words of a person."""
    body = walk.begin(TEMPLATE, facts(heat(35)), FORMULAS[3], WALKED)
    body = walk.answer(body, {"item": "lamps", "state": "deviates", "text": HOSTILE}, FORMULAS[0], WALKED)
    return rendered(report.content("room-1", body, None, lambda _asset: NAME, language, ZONE, WALKED), form)


def text_of(path: Path) -> str:
    done = subprocess.run([program("pdftotext"), "-enc", "UTF-8", str(path), "-"], check=True, capture_output=True, timeout=60)
    return done.stdout.decode()


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def wanted(kind: str, dossier: Dossier) -> set[str]:
    """The numbers that a report of the kind must show."""
    gaps = {risk.item for risk in dossier.risks}
    if kind == "applicability":
        return {parts.clause(dossier, item) for item in dossier.items}
    if kind in ("summary", "round"):
        return set()
    return {parts.unit(dossier, item) for item in dossier.items if kind != "rectification" or item.id in gaps}


@pytest.mark.parametrize("form", ["docx", "xlsx", "pdf"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*TITLES, "round"])
def test_it_opens_and_says_all_it_should_and_nothing_else(
    printed: Mapping[tuple[str, Language, str], Path], dossier: Dossier, kind: str, language: Language, form: str
) -> None:
    path = printed[kind, language, form]
    text = text_of(path)
    together = squeezed(text)
    titles = TITLES.get(kind, (TEMPLATE.title.zh, TEMPLATE.title.en))
    assert squeezed(titles[LANGUAGES.index(language)]) in together
    assert (squeezed(NAME) if kind != "round" else "=HYPERLINK(1)") in together  # the lines of a high cell are read in the order of the page
    missing = {number for number in wanted(kind, dossier) if squeezed(number) not in together}
    assert not missing
    assert not SLIPS.findall(text)
    assert not UNSHOWN.findall(text)
    fonts = subprocess.run([program("pdffonts"), str(path)], check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()[2:]
    assert fonts
    assert all(line.split()[-5] == "yes" for line in fonts), fonts


def test_what_no_collector_speaks_for_is_named_in_the_language_of_the_report() -> None:
    said = [parts.whose(Words(language, ZONE), ("organisation", "estate", "object:oa", "web1"), 9) for language in LANGUAGES]
    assert said == ["本单位、全部资产、定级对象、web1", "organisation, whole estate, the object, web1"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(TITLES))
def test_cells_are_texts_in_the_language_of_the_report(dossier: Dossier, kind: str, language: Language) -> None:
    book = load_workbook(BytesIO(write(kind, dossier, "xlsx", language)))
    assert all(sheet.oddFooter and dossier.head[1][:16] in str(sheet.oddFooter.left.text) for sheet in book)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert NAME in {cell.value for cell in cells}
    assert not [cell.value for cell in cells if SLIPS.search(str(cell.value)) or UNSHOWN.search(str(cell.value))]
    given = {NAME, HOSTILE, *(asset.name for asset in dossier.assets), SUBJECT.description}
    texts = {str(cell.value) for cell in cells if cell.value not in given}
    commands = {exhibit.command for exhibit in dossier.exhibits}
    if language == "en":
        assert not {text for text in texts if CHINESE.search(text)}
    else:
        assert not {text for text in texts - commands if SENTENCE.search(text) and not CHINESE.search(text)}
