from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from console import extract, i18n
from console.i18n import FOLDER, LANGUAGES, catalog, mo_bytes, preferred, read_po

HOLE = re.compile(r"\{[^{}]*\}")
SHOWS = frozenset(
    [
        *("write", "markdown", "caption", "button", "text_input", "selectbox", "multiselect", "toggle", "checkbox", "title", "header", "subheader", "info"),
        *("warning", "error", "success", "page_link", "link_button", "download_button", "expander", "form_submit_button", "segmented_control", "pills"),
        *("text_area", "number_input", "date_input", "datetime_input", "file_uploader", "dialog", "toast", "spinner", "metric", "badge", "radio", "text"),
        *("heading", "sentence", "empty", "data_from"),
    ]
)


def po(language: str) -> dict[str, str]:
    return {key: text for key, text in read_po(FOLDER / language / "LC_MESSAGES" / "console.po").items() if key}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_text_is_translated_and_no_old_one_is_left(language: str) -> None:
    known = po(language)
    assert sorted(set(extract.used()) - set(known)) == []
    assert sorted(set(known) - set(extract.used())) == []
    assert [key for key, text in known.items() if not text.strip()] == []


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_translations_have_the_same_holes_as_the_text(language: str) -> None:
    wrong = [key for key, text in po(language).items() if sorted(HOLE.findall(key)) != sorted(HOLE.findall(text))]
    assert wrong == []


def test_chinese_texts_are_chinese() -> None:
    kept = {"P1", "P2", "P3", "P4", "UPS"}
    assert [key for key, text in po("zh_CN").items() if key not in kept and not re.search(r"[\u4e00-\u9fff]", HOLE.sub("", text))] == []


def test_the_catalogue_reads_back_what_the_file_says() -> None:
    assert catalog("zh_CN").gettext("Log in") == "登录"
    assert catalog("en").gettext("Log in") == "Log in"
    assert catalog("en").gettext("not in any file") == "not in any file"
    assert mo_bytes({"a": "b"})[:4] == b"\xde\x12\x04\x95"


def test_po_files_keep_quotes_and_line_ends(tmp_path: Path) -> None:
    texts = {'say "no"\nnow': 'sag "nein"\njetzt', "back\\slash": "b\\s"}
    extract.write_po(tmp_path / "x.po", texts)
    assert {key: text for key, text in read_po(tmp_path / "x.po").items() if key} == texts


@pytest.mark.parametrize(("header", "language"), [("en-US,en;q=0.9", "en"), ("zh-TW,en", "zh_CN"), ("fr,en;q=0.5", "en"), ("", "zh_CN"), ("de", "zh_CN")])
def test_the_browser_is_heard(header: str, language: str) -> None:
    assert preferred(header, "zh_CN") == language


def test_an_unknown_language_falls_back() -> None:
    i18n.speak("../../etc")
    assert i18n.language() == "zh_CN"


def shown_literals(path: Path) -> list[str]:
    """Literal texts with letters that are handed to something that shows them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SHOWS):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("st", "parts")):
            continue
        texts = [*node.args[:1], *(word.value for word in node.keywords if word.arg in ("label", "help", "placeholder"))]
        for text in texts:
            pieces = [text] if isinstance(text, ast.Constant) else text.values if isinstance(text, ast.JoinedStr) else []
            found += [
                f"{path.name}:{node.lineno} {piece.value!r}"
                for piece in pieces
                if isinstance(piece, ast.Constant)
                and isinstance(piece.value, str)
                and re.search(r"[A-Za-z\u4e00-\u9fff]{2}", re.sub(r":?[\w-]*-badge\[|:gray|:small|sha256", "", piece.value))
            ]
    return found


def test_no_page_shows_a_text_that_bypasses_the_catalogues() -> None:
    folder = Path(extract.__file__).parent
    files = [
        *sorted((folder / "views").glob("*.py")),
        *(folder / f"{name}.py" for name in ("frame", "parts", "forms", "lists", "asset_tabs", "case_actions", "compliance_parts")),
    ]
    assert [line for path in files for line in shown_literals(path)] == []


def test_no_page_lets_text_become_markup() -> None:
    folder = Path(extract.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert "unsafe_allow_html" not in source.replace("no unsafe_allow_html", ""), path
        assert path.name == "frame.py" or "st.html(" not in source, path
        assert "components" not in source or "import" not in source.split("components")[0].splitlines()[-1], path
