"""Files that people attach as evidence: what they are is told by their content, never by their name; kept by digest, checked again when read."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from compliance.check import Model
from core.errors import ConfigError, NotFound, Refused

FOLDER: Final = "attachments"
MOST_BYTES: Final = 10 * 1024 * 1024
MOST_PIXELS: Final = 50_000_000
MOST_FILES: Final = 10
MOST_PARTS: Final = 5_000
MOST_UNPACKED: Final = 200 * 1024 * 1024
SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "pdf": ("pdf",),
    "png": ("png",),
    "jpeg": ("jpg", "jpeg"),
    "docx": ("docx",),
    "xlsx": ("xlsx",),
    "text": ("txt", "csv", "log", "md", "cfg", "conf"),
}
TYPES: Final = tuple(suffix for known in SUFFIXES.values() for suffix in known)
PHOTOS: Final = frozenset({"png", "jpeg"})


class Attachment(Model):
    """One kept file: the name that people see, its kind by content, size and digest."""

    name: str
    kind: str
    bytes: int
    sha256: str


def kind_of(content: bytes) -> str:
    """pdf, png, jpeg, docx, xlsx or text, told by the content; raises Refused for anything else, and for what is damaged or too large."""
    if not content:
        raise Refused("the file is empty")
    if len(content) > MOST_BYTES:
        raise Refused(f"the file has {len(content) / 2**20:.1f} MiB; at most {MOST_BYTES // 2**20} MiB are taken")
    if content.startswith(b"%PDF-"):
        if b"%%EOF" not in content[-2048:]:
            raise Refused("the PDF is cut off")
        return "pdf"
    if content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return _picture(content)
    if content.startswith(b"PK\x03\x04"):
        return _office(content)
    if _is_text(content):
        return "text"
    raise Refused("is neither PDF, PNG, JPEG, Word, Excel nor plain text")


def _picture(content: bytes) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Refused(f"the picture has {picture.width} x {picture.height} points; at most {MOST_PIXELS:,} are taken")
            name = (picture.format or "").lower()
            picture.load()  # a cut or forged picture does not decode to its end
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as err:
        raise Refused("the picture is damaged or is none") from err
    return name


def _office(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as err:
        raise Refused("the document is damaged") from err
    names = {part.filename for part in parts}
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Refused("the document unpacks to too much")
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise Refused("the document holds macros; save it without them")
    if "[Content_Types].xml" in names:
        if "word/document.xml" in names:
            return "docx"
        if "xl/workbook.xml" in names:
            return "xlsx"
    raise Refused("is an archive and neither a Word nor an Excel document")


def _is_text(content: bytes) -> bool:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not any(ord(sign) < 32 and sign not in "\t\r\n\f" for sign in text)
    return False


def check(name: str, content: bytes, *, photo: bool = False) -> Attachment:
    """What a file is; raises Refused when it lies about its type, or is no picture where a ``photo`` is asked for."""
    plain = PurePath(name.replace("\\", "/")).name.strip()[-120:] or "file"
    suffix, kind = PurePath(plain).suffix.lower().lstrip("."), kind_of(content)
    if suffix not in SUFFIXES[kind]:
        raise Refused(f"{plain} calls itself {suffix or 'nothing'} and is {kind} by its content; rename it or send the right file")
    if photo and kind not in PHOTOS:
        raise Refused(f"{plain} is no photo; JPEG and PNG are taken")
    if not plain.isprintable():
        raise Refused("the name of the file holds signs that cannot be shown")
    return Attachment(name=plain, kind=kind, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def keep(data: Path, name: str, content: bytes, *, photo: bool = False) -> Attachment:
    """Check a file and keep it under its digest in the data folder; the same content is kept once. Raises Refused."""
    found = check(name, content, photo=photo)
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, fresh = folder / found.sha256, folder / f".{found.sha256}.{os.getpid()}"
    if not path.exists():
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        fresh.replace(path)
    return found


def read(data: Path, sha256: str) -> bytes:
    """A kept file; raises NotFound when it is not on this machine, ConfigError when it was changed on disk."""
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise NotFound("there is no such file")
    path = data / FOLDER / sha256
    try:
        content = path.read_bytes()
    except OSError:
        raise NotFound("the file is not on this machine") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigError("the file was changed on disk since it was attached", path=path)
    return content


def attachments_of(bodies: Any) -> tuple[Attachment, ...]:
    """What a stored document names; documents from before there were files name none."""
    return tuple(Attachment.model_validate(body) for body in bodies or ())
