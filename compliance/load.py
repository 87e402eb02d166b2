"""Files of checks: every one of some folders, the shipped ones and those of a site, with the site's own numbers put in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compliance.check import Check
from compliance.exchange.xccdf_map import checks_of, is_map
from core.errors import ConfigError
from core.files import Document, build, read_yaml


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a folder gave: the good checks by id, and what is wrong with the others."""

    checks: Mapping[str, Check]
    errors: tuple[ConfigError, ...] = ()


Parameters = Mapping[str, Mapping[str, Any]]
SHIPPED = Path(__file__).parent / "checks"
_PARAMETER = re.compile(r"^\$([a-z_]+)$")


def load_checks(folders: Sequence[Path] = (SHIPPED,), parameters: Parameters | None = None) -> Loaded:
    """Every check of the folders (a later folder may not claim an id again); a bad file is an error, the others go on.

    A file may also be a map of rules of XCCDF, which stands for a check per rule.
    """
    checks: dict[str, Check] = {}
    errors: list[ConfigError] = []
    named: set[str] = set()
    for path in (path for folder in folders for path in sorted(folder.rglob("*.yaml"))):
        try:
            document = _document(path)
            named.add(str(document.data.get("id")))
            for check in checks_of(document) if is_map(document) else (build(with_parameters(document, parameters or {}), Check),):
                if check.id in checks:
                    raise document.error(f"the check {check.id} is in another file already", ("id",))
                checks[check.id] = check
        except ConfigError as err:
            errors.append(err)
    errors += [ConfigError(f"sets parameters of {name}, which is no check", key=name) for name in parameters or {} if name not in named]
    return Loaded(checks, tuple(errors))


def read_check(path: Path, parameters: Parameters | None = None) -> Check:
    """One check file; ``parameters`` (check id -> name -> value) are the site's own numbers. Raises ConfigError."""
    return build(with_parameters(_document(path), parameters or {}), Check)


def _document(path: Path) -> Document:
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise document.error("is no check; it begins with id, title, severity ...")
    return document


def with_parameters(document: Document, site: Parameters) -> Document:
    """The document with each ``$name`` replaced by the site's value or the check's default."""
    given = document.data.get("parameters") or {}
    own = site.get(str(document.data.get("id")), {})
    if not isinstance(given, dict) or not isinstance(own, Mapping):
        return document
    if unknown := set(own) - set(given):
        raise document.error(f"has no parameter {min(unknown)}; there are: {', '.join(given) or 'none'}", ("parameters",))
    values = {**given, **own}

    def fill(data: Any, where: tuple[str | int, ...]) -> Any:
        if isinstance(data, dict):
            return {key: fill(value, (*where, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [fill(value, (*where, number)) for number, value in enumerate(data)]
        if isinstance(data, str) and (found := _PARAMETER.match(data)):
            if found[1] not in values:
                raise document.error(f"{data} is no parameter of this check", where)
            return values[found[1]]
        return data

    filled = {key: fill(value, (key,)) if key in ("expect", "applies") else value for key, value in document.data.items()}
    return replace(document, data=filled | {"parameters": values} if values else filled)
