"""What ``wanglou framework`` does: list, check, bring in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from compliance.exchange import oscal_catalog
from compliance.load import SHIPPED, load_checks
from compliance.site_frameworks import FOLDER, SiteFramework, framework_of, read_framework, read_frameworks, unknown_checks
from core.errors import ConfigError
from core.files import Document, build
from service.disk import read_bytes

CLASSIFIED: Final = Path(__file__).parents[1] / "compliance" / "frameworks" / "templates" / "classified.yaml"


def listed(site_folder: Path) -> Iterator[str]:
    """One line for each framework, then what is wrong with files of the site."""
    found = read_frameworks(site_folder)
    for one in found.by_id.values():
        until = f" to {one.valid_to}" if one.valid_to else ""
        since = f", from {one.valid_from}{until}" if one.valid_from.year > 1 else until
        yield f"{one.id} ({one.family}): {one.name.zh} / {one.name.en}, {len(one.items)} items{since}"
    yield from (f"wrong: {problem}" for problem in found.problems)


def checked(path: Path, site_folder: Path) -> Iterator[str]:
    """What a file holds, and checks in it that nobody has; raises ConfigError with file, line and key."""
    framework = read_framework(path)
    spoken = {item for items in framework.speaks.values() for item in items}
    yield f"{path}: {framework.id}, {len(framework.layers)} layers, {len(framework.items)} items, {len(spoken)} of them with checks"
    missing = unknown_checks(framework, load_checks((SHIPPED, site_folder / "checks")).checks)
    yield from (f"{path}: nobody has the check {name}" for name in missing)


def brought(catalog: Path, profile: Path | None, name: str, site_folder: Path) -> Iterator[str]:
    """Write an OSCAL catalogue as a framework of the site; a file that is there is never written over."""
    chosen = oscal_catalog.read_profile(read_bytes(profile), str(profile)) if profile else oscal_catalog.EVERYTHING
    made = oscal_catalog.framework(read_bytes(catalog), str(catalog), name=name, chosen=chosen)
    framework = framework_of(build(Document(made, catalog), SiteFramework), Document(made, catalog))
    target = _write(made, site_folder / FOLDER / f"{name}.yaml")
    yield f"{target}: {framework.id}, {len(framework.layers)} layers, {len(framework.items)} items; name in it the checks that speak for its items"


def fresh(template: Path, site_folder: Path) -> Iterator[str]:
    """Copy a template of a framework into the site's folder."""
    target = site_folder / FOLDER / template.name
    _put(target, template.read_text(encoding="utf-8"))
    yield f"{target}: fill it in, then wanglou framework check {target}"


def _write(made: Mapping[str, Any], target: Path) -> Path:
    return _put(target, yaml.safe_dump(dict(made), allow_unicode=True, sort_keys=False, width=160))


def _put(target: Path, text: str) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as into:
            into.write(text)
    except FileExistsError:
        raise ConfigError("is there already; move it away or choose another --id", path=target) from None
    except OSError as err:
        raise ConfigError(f"cannot be written: {err.strerror}", path=target) from None
    return target
