"""Content as PDF by WeasyPrint, with a Chinese font of the system embedded. Nothing is fetched: the page holds everything."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NoReturn

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from compliance.reports.content import Content, plain, tint_of
from core.errors import WanglouError

FOLDER: Final = Path(__file__).parent


def pdf(content: Content) -> bytes:
    """The document. Raises WanglouError when the system's Pango library is missing."""
    try:
        from weasyprint import HTML
    except OSError as err:
        raise WanglouError("PDF needs the Pango library of the system (Debian: libpango-1.0-0 libpangoft2-1.0-0); Word and Excel work without it") from err
    made: bytes = HTML(string=page(content), url_fetcher=_fetch_nothing).write_pdf()
    return made


def page(content: Content) -> str:
    """The page; every text is escaped."""
    mark = plain(content.mark).replace("\\", "").replace('"', "")
    return _template().render(content=content, mark=mark, text=plain, tint=tint_of, name=lambda block: type(block).__name__)


@lru_cache(maxsize=1)
def _template() -> Template:
    return SandboxedEnvironment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined).get_template("page.html")


def _fetch_nothing(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"a report fetches nothing: {url[:100]}")
