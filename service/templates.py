"""What ``wanglou template`` does: put a Word template to start from into the site's folder, and try the ones that are there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from compliance.dossier import Dossier
from compliance.office import Office
from compliance.reports.content import Language
from compliance.reports.kinds import TITLES, make
from compliance.reports.template import FOLDER, filled, path_of, read
from compliance.reports.template_sample import TEMPLATED, sample
from core.errors import ConfigError


def begun(site_folder: Path, kind: str, language: Language) -> Iterator[str]:
    """Write the template; a file that is there is never written over. Raises ConfigError."""
    content, target = sample(kind, language), site_folder / FOLDER / f"{kind}.docx"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as into:
            into.write(content)
    except FileExistsError:
        raise ConfigError("is there already; move it away first", path=target) from None
    except OSError as err:
        raise ConfigError(f"cannot be written: {err.strerror}", path=target) from None
    yield f"{target}: reports of this kind in Word are written by it from now on; change it, then wanglou template check"


def checked(office: Office, now: datetime) -> tuple[list[str], bool]:
    """A line for each file of the folder, and whether all are sound; those of graded protection are filled in with the whole estate as it is now."""
    folder = office.settings.site_folder / FOLDER
    dossier: Dossier | None = None
    lines, is_sound = [], True
    for path in sorted(one for one in folder.glob("*") if one.is_file() and not one.name.startswith((".", "~"))):
        kind, _, language = path.stem.partition(".")
        spoken: Language = "en" if language == "en" else "zh_CN"
        try:
            if kind not in TEMPLATED or language not in ("", "en", "zh_CN"):
                raise ConfigError(f"nothing is named so; there are {', '.join(TEMPLATED)}, each alone or with .zh_CN or .en before .docx", path=path)
            path_of(office.settings.site_folder, kind, spoken)
            if kind in TITLES:
                dossier = dossier or office.dossier(office.subject(""), now, now)
                lines.append(f"{path}: sound, {len(filled(path, make(kind, dossier, spoken, whole=False)))} bytes when it is filled in")
            else:
                lines.append(f"{path}: opens, {len(read(path))} bytes; its tags are tried when the next document is made")
        except ConfigError as err:
            lines, is_sound = [*lines, str(err)], False
    return lines or [f"there is no template in {folder}; wanglou template make KIND puts one there"], is_sound
