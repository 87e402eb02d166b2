"""Text for people in their language: gettext over the .po files in ``locale/``, read without a build step."""

from __future__ import annotations

import gettext
import io
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

LANGUAGES: Final[Mapping[str, str]] = {"zh_CN": "中文", "en": "English"}
FALLBACK: Final = "zh_CN"
FOLDER: Final = Path(__file__).with_name("locale")
DOMAIN: Final = "console"

_spoken: ContextVar[str] = ContextVar("wanglou_language", default="")
_source: list[Callable[[], str]] = []


def speak(language: str) -> None:
    """Use this language in the present context (a request); an unknown one is the fallback."""
    _spoken.set(language if language in LANGUAGES else FALLBACK)


def ask_for_language(source: Callable[[], str]) -> None:
    """Where to ask for the language when the context does not say; the pages use their session."""
    _source[:] = [source]


def language() -> str:
    """The language in use now."""
    found = _spoken.get() or (_source[0]() if _source else "")
    return found if found in LANGUAGES else FALLBACK


def report_language() -> Literal["zh_CN", "en"]:
    """The language in use now, as reports name it."""
    return "en" if language() == "en" else "zh_CN"


def _(message: str) -> str:
    """The text in the language in use now."""
    return catalog(language()).gettext(message)


def two(zh: str, en: str) -> str:
    """One of a pair that data files carry."""
    return (zh or en) if language() == "zh_CN" else (en or zh)


def listed(names: Iterable[str]) -> str:
    """Several names in a row, parted as the language parts them."""
    return ("、" if language() == "zh_CN" else ", ").join(names)


_PAIR: Final = re.compile(r"((?:[^\u4e00-\u9fff]*?[:：]\s*)?)([^\n]*[\u4e00-\u9fff][^\n]*?) / ([^\u4e00-\u9fff\n]+)")


def one(text: str) -> str:
    """The reader's half of a text that holds both languages, "中文 / English"; any other text as it is."""
    found = _PAIR.fullmatch(text)
    return text if found is None else found[1] + two(found[2], found[3])


def marked(message: str) -> str:
    """Mark a text for the catalogues without translating it yet."""
    return message


def preferred(accept: str, default: str) -> str:
    """The language that a browser's Accept-Language header asks for first among ours."""
    for part in accept.lower().split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("zh"):
            return "zh_CN"
        if tag.startswith("en"):
            return "en"
    return default


@lru_cache(maxsize=len(LANGUAGES) + 1)
def catalog(language: str) -> gettext.NullTranslations:
    """The catalogue of a language."""
    return gettext.GNUTranslations(io.BytesIO(mo_bytes(read_po(FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"))))


_LINE: Final = re.compile(r'^(msgid|msgstr)?\s*"(.*)"$')
_ESCAPE: Final = re.compile(r"\\(.)")
_PLAIN: Final = {"n": "\n", "t": "\t", "r": "\r"}


def read_po(path: Path) -> dict[str, str]:
    """The texts (msgid -> msgstr) of a .po file without plural forms and contexts."""
    found: dict[str, str] = {}
    key, value, state = "", "", ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        match = _LINE.match(line.strip())
        if not match:
            continue
        keyword, raw = match.groups()
        text = _ESCAPE.sub(lambda m: _PLAIN.get(m[1], m[1]), raw)
        if keyword == "msgid":
            if state:
                found[key] = value
            key, value, state = text, "", keyword
        elif keyword == "msgstr":
            value, state = text, keyword
        elif state == "msgid":
            key += text
        else:
            value += text
    return found


def mo_bytes(messages: Mapping[str, str]) -> bytes:
    """The binary catalogue (GNU gettext manual, "The Format of GNU MO Files")."""
    pairs = sorted((key.encode(), value.encode()) for key, value in {**messages, "": "Content-Type: text/plain; charset=UTF-8\n"}.items())
    ids = b"".join(key + b"\0" for key, _text in pairs)
    start = 28 + 16 * len(pairs)
    keys, values, at_key, at_value = [], [], start, start + len(ids)
    for key, text in pairs:
        keys += [len(key), at_key]
        values += [len(text), at_value]
        at_key += len(key) + 1
        at_value += len(text) + 1
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 28 + 16 * len(pairs))
    table = struct.pack(f"<{len(keys)}I", *keys) + struct.pack(f"<{len(values)}I", *values)
    return head + table + ids + b"".join(text + b"\0" for _key, text in pairs)
