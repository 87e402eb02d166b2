"""Content as PDF by WeasyPrint, with a Chinese font of the system embedded, made in a process of its own."""

from __future__ import annotations

import base64
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

from jinja2 import FileSystemLoader, StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from compliance.reports.content import Content, Picture, plain, tint_of
from compliance.reports.print_pdf import NO_PANGO
from core.errors import WanglouError

FOLDER: Final = Path(__file__).parent
PRINTER: Final = FOLDER / "print_pdf.py"
LONGEST_S: Final = 900


def pdf(content: Content) -> bytes:
    """The document. Raises WanglouError when the system's Pango library is missing or the page cannot be printed."""
    try:
        done = subprocess.run([sys.executable, "-I", str(PRINTER)], input=page(content).encode(), capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        raise WanglouError("the PDF took longer than 15 minutes and was given up; the Excel edition has every row") from None
    if done.returncode == NO_PANGO:
        raise WanglouError("PDF needs the Pango library of the system (Debian: libpango-1.0-0 libpangoft2-1.0-0); Word and Excel work without it")
    if done.returncode:
        raise WanglouError(f"the PDF could not be made: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")
    return done.stdout


def page(content: Content) -> str:
    """The page; every text is escaped."""
    mark = plain(content.mark).replace("\\", "").replace('"', "")
    return _template().render(content=content, mark=mark, text=plain, tint=tint_of, source=source, name=lambda block: type(block).__name__)


def source(picture: Picture) -> str:
    """The picture as an address that holds it, so that nothing is fetched."""
    return f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}"


@lru_cache(maxsize=1)
def _template() -> Template:
    return SandboxedEnvironment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined).get_template("page.html")
