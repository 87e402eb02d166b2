"""A site's own Word templates: ``templates/reports/<kind>.docx`` in its folder, filled in by docxtpl. A template is a foreign file and is treated as one.

docs/compliance-reports.md lists what a template can name. What it holds is data alone: texts, numbers, lists; the sandbox reaches nothing else.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from docx import Document
from lxml import etree

from compliance.reports.content import Block, Break, Content, Heading, Language, Table, plain
from compliance.reports.word import fragments
from core.errors import ConfigError

FOLDER: Final = Path("templates") / "reports"
FILLER: Final = Path(__file__).with_name("fill_template.py")
LONGEST_S: Final = 120
LARGEST: Final = 20_000_000
MOST_PARTS: Final = 1_000
LARGEST_WHOLE: Final = 100_000_000
LARGEST_XML: Final = 20_000_000
WRONG: Final = 3
WORD: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
LINK: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink"
ACTIVE: Final = re.compile(r"vba|activex|embeddings/|oleobject|customui|afchunk|\.(bin|exe|dll|js|vbs|html?|mht|rtf)$", re.IGNORECASE)
FETCHES: Final = re.compile(r"\b(DDEAUTO|DDE|INCLUDETEXT|INCLUDEPICTURE|IMPORT|LINK|MACROBUTTON|DATABASE)\b\s", re.IGNORECASE)
Data = Mapping[str, Any]


def path_of(site_folder: Path, kind: str, language: Language) -> Path | None:
    """The site's template of a kind: ``<kind>.en.docx`` or ``<kind>.zh_CN.docx`` before ``<kind>.docx``; none when there is none. Raises ConfigError."""
    folder = site_folder / FOLDER
    for suffix in (".docm", ".dotm", ".dotx", ".doc"):
        if (wrong := folder / f"{kind}{suffix}").exists():
            raise ConfigError(f"a template is a .docx without macros, not a {suffix}; save it as one", path=wrong)
    return next((path for path in (folder / f"{kind}.{language}.docx", folder / f"{kind}.docx") if path.is_file()), None)


def filled(path: Path, content: Content) -> bytes:
    """The template with the content and its data filled in; raises ConfigError with the file and, when one is wrong, the tag."""
    raw = read(path)
    made = Document(BytesIO(raw))
    if not made.sections:
        raise ConfigError("has no page layout; save it anew with Word, WPS or LibreOffice", path=path)
    chapters = list(split(content.blocks))
    texts = fragments(made, [part for head, blocks in chapters for part in ([head] if head else [], blocks)])
    into = BytesIO()
    made.save(into)
    data = cleaned({**content.data, **common(content)})
    data["chapters"] = [{"title": plain(head.text) if head else "", "body": {"xml": text}} for (head, _), text in zip(chapters, texts[1::2], strict=True)]
    data["body"] = {"xml": "".join(texts)}
    return _rendered(path, into.getvalue(), data)


def _rendered(path: Path, template: bytes, data: Data) -> bytes:
    said = json.dumps({"template": base64.b64encode(template).decode(), "context": data}).encode()
    try:
        done = subprocess.run([sys.executable, "-I", str(FILLER)], input=said, capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"took longer than {LONGEST_S} s to fill in and was given up: a loop goes round too often", path=path) from None
    if done.returncode < 0:
        raise ConfigError("took too much time or memory to fill in and was given up: a loop goes round too often", path=path)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip()
        raise ConfigError(lines[:600] if done.returncode == WRONG else f"cannot be filled in: {lines[-300:]}", path=path)
    try:
        _look(done.stdout)
    except ConfigError as err:
        raise ConfigError(f"is no sound document when it is filled in: {err.message}", path=path) from None
    return done.stdout


def read(path: Path) -> bytes:
    """The file when it is a Word document without anything active in it; raises ConfigError that says what stands against it."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"is larger than {LARGEST:,} bytes", path=path)
        raw = path.read_bytes()
    except OSError as err:
        raise ConfigError(f"cannot be read: {err.strerror}", path=path) from None
    try:
        _look(raw)
    except ConfigError as err:
        raise ConfigError(err.message, path=path) from None
    return raw


def _look(raw: bytes) -> None:
    try:
        with zipfile.ZipFile(BytesIO(raw)) as parts:
            _sizes(parts.infolist())
            for info in parts.infolist():
                _part(info.filename, parts.read(info) if info.filename.endswith((".xml", ".rels")) else b"")
            if WORD.encode() not in parts.read("[Content_Types].xml"):
                raise ConfigError("is no Word document without macros")
            parts.getinfo("word/document.xml")
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError):
        raise ConfigError("is no Word document (.docx), or it is damaged or encrypted") from None


def _sizes(parts: Sequence[zipfile.ZipInfo]) -> None:
    """What the archive says of itself; reading a part stops at the size that it says."""
    if len(parts) > MOST_PARTS or len({one.filename for one in parts}) != len(parts):
        raise ConfigError(f"has more than {MOST_PARTS} parts, or one of them twice")
    if sum(one.file_size for one in parts) > LARGEST_WHOLE or any(one.file_size > LARGEST_XML for one in parts if one.filename.endswith((".xml", ".rels"))):
        raise ConfigError("is too large when it is unpacked")
    if active := next((one.filename for one in parts if ACTIVE.search(one.filename)), ""):
        raise ConfigError(f"holds {active}: macros, embedded objects and foreign text are not taken")


def _part(name: str, text: bytes) -> None:
    if not text:
        return
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise ConfigError(f"{name} declares entities, which no Word document does")
    try:
        root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False))
    except etree.XMLSyntaxError as err:
        raise ConfigError(f"{name} is not well formed: {err.msg}") from None
    if name.endswith(".rels"):
        _relations(root)
    elif name == "[Content_Types].xml" and b"macroEnabled" in text:
        raise ConfigError("is a document with macros")
    elif hit := FETCHES.search(" ".join(field for field in _fields(root))):
        raise ConfigError(f"{name} has a field {hit[1]}, which fetches or starts something")


def _relations(root: Any) -> None:
    for one in root:
        if one.get("TargetMode", "").lower() == "external" and one.get("Type") != LINK:
            what = str(one.get("Type")).rsplit("/", 1)[-1]
            raise ConfigError(f"refers to {str(one.get('Target'))[:120]} outside of itself ({what}); put it into the document")


def _fields(root: Any) -> Iterator[str]:
    """The instructions of fields, those that Word cut into runs put together."""
    word = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
    yield "".join(one.text or "" for one in root.iter(f"{word}instrText")) + " "
    yield from (f"{one.get(f'{word}instr', '')} " for one in root.iter(f"{word}fldSimple"))


def split(blocks: Sequence[Block]) -> Iterator[tuple[Heading | None, list[Block]]]:
    """Each chapter: its heading, which is of the highest level that there is, and what stands below it. What stands before the first has none."""
    highest = min((block.level for block in blocks if isinstance(block, Heading)), default=1)
    head, found = None, list[Block]()
    for block in blocks:
        if isinstance(block, Heading) and block.level == highest:
            if head or found:
                yield head, found
            head, found = block, []
        elif not isinstance(block, Break):
            found.append(block)
    if head or found:
        yield head, found


def common(content: Content) -> dict[str, Any]:
    """What every template can name, whatever the kind."""
    return {
        "title": content.title,
        "subject": content.subject,
        "language": content.language,
        "mark": content.mark,
        "made": content.made.isoformat(timespec="minutes"),
        "cover": [{"label": label, "value": value} for label, value in content.cover],
        "tables": [_table(head.text if head else "", block) for head, blocks in split(content.blocks) for block in blocks if isinstance(block, Table)],
    }


def _table(title: str, table: Table) -> dict[str, Any]:
    return {"chapter": title, "columns": list(table.columns), "rows": [[plain(value) for value in row] for row in table.rows]}


def cleaned(value: Any) -> Any:
    """Texts without characters that no document takes, down to the last one."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {str(key): cleaned(one) for key, one in value.items()}
    return [cleaned(one) for one in value] if isinstance(value, list | tuple) else value
