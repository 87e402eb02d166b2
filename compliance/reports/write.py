"""A report of a kind in a format as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from compliance.dossier import Dossier, Tell
from compliance.reports.content import Content, Language
from compliance.reports.kinds import TITLES, make
from core.errors import ConfigError

Format = Literal["docx", "xlsx", "pdf"]
TYPES: Final[Mapping[str, str]] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "json": "application/json",
}
KINDS: Final = (*TITLES, "evidence", "oscal")
"""What can be asked for; ``evidence`` is the package, always a zip, ``oscal`` assessment results, always JSON."""


def write(kind: str, dossier: Dossier, form: str, language: Language, tell: Tell = lambda _share, _what: None, site_folder: Path | None = None) -> bytes:
    """The file; Word by the site's own template where ``site_folder`` has one. Raises ConfigError for a kind or a format that there is not."""
    if kind not in TITLES:
        raise ConfigError(f"there is no report {kind!r}; there are {', '.join(TITLES)}")
    if form not in ("docx", "xlsx", "pdf"):
        raise ConfigError(f"there is no format {form!r}; there are docx, xlsx and pdf")
    tell(0.85, "content")
    content = make(kind, dossier, language, whole=form == "xlsx")
    tell(0.9, form)
    made = rendered(content, form, site_folder)
    tell(1.0, "done")
    return made


def rendered(content: Content, form: str, site_folder: Path | None = None) -> bytes:
    """The content as docx, xlsx or pdf; the libraries of each format are loaded when it is asked for.

    Word is written by the site's own template where ``site_folder`` has one for the kind; raises ConfigError that names it and the tag that is wrong.
    """
    if form == "docx":
        from compliance.reports.template import filled, path_of
        from compliance.reports.word import document

        own = path_of(site_folder, content.kind, content.language) if site_folder and content.kind else None
        return filled(own, content) if own else document(content)
    if form == "xlsx":
        from compliance.reports.sheet import workbook

        return workbook(content)
    from compliance.reports.pdf import pdf

    return pdf(content)


def file_name(kind: str, dossier: Dossier, form: str) -> str:
    """wanglou-assessment-oa-20260302.docx."""
    return f"wanglou-{kind}-{dossier.subject.id}-{dossier.moment.astimezone(dossier.zone):%Y%m%d}.{form}"
