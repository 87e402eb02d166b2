"""Trivy's JSON report (schema version 2): packages, settings and secrets of an image, a file system or a repository. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, tzinfo
from typing import Any, Final

from compliance.scans.found import Found, Level, Scan, Sort, Target, line, numbers, once
from core.errors import ConfigError

SCHEMA: Final = 2
LEVELS: Final = {"CRITICAL": Level.CRITICAL, "HIGH": Level.HIGH, "MEDIUM": Level.MEDIUM, "LOW": Level.LOW, "UNKNOWN": Level.LOW}
"""What nobody has rated yet counts as low: it is there, and not known to be worse."""
NEVER: Final = "0001-01-01"


def read(told: Mapping[str, Any], name: str, zone: tzinfo, day: date | None = None) -> list[Scan]:
    """The scan of a report; raises ConfigError for another schema or a report without a time (then ``day`` is needed)."""
    if told.get("SchemaVersion") != SCHEMA:
        raise ConfigError(f"is Trivy's schema version {told.get('SchemaVersion')!r:.20}; version {SCHEMA} is read", path=name, key="SchemaVersion")
    results = told.get("Results") or []
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise ConfigError("is no list of results", path=name, key="Results")
    artifact = line(str(told.get("ArtifactName", "")))
    found = once(one for result in results for one in _result(result, name))
    sort = Sort.CODE if told.get("ArtifactType") in ("filesystem", "repository") else Sort.PACKAGES
    target = Target(names=(artifact,) if artifact else (), ended=_time(str(told.get("CreatedAt") or ""), zone, day, name), found=found, has_login=True)
    version = told.get("Trivy", {}).get("Version", "") if isinstance(told.get("Trivy"), dict) else ""
    return [Scan(scanner="trivy", version=line(str(version), 40), sort=sort, targets=(target,))]


def _time(text: str, zone: tzinfo, day: date | None, name: str) -> datetime:
    if not text or text.startswith(NEVER):
        if day is None:
            raise ConfigError("does not say when it was made; name the day", path=name, key="CreatedAt")
        return datetime.combine(day, time(), zone)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text[:40]!r} is no time", path=name, key="CreatedAt") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _result(result: Mapping[str, Any], name: str) -> Iterator[Found]:
    where = line(str(result.get("Target", "")), 120)
    for one in _rows(result, "Vulnerabilities", name):
        fixed = line(str(one.get("FixedVersion") or ""), 80)
        called = str(one.get("VulnerabilityID", ""))
        package = f"{one.get('PkgName', '')} {one.get('InstalledVersion', '')}"
        yield _found(one, f"trivy:{called}", package.partition(" ")[0], name, (called,) if called.startswith("CVE-") else (), fixed, f"{package}: ")
    for one in _rows(result, "Misconfigurations", name):
        if one.get("Status", "FAIL") == "FAIL":
            yield _found(one, f"trivy:{one.get('ID', '')}", where, name)
    for one in _rows(result, "Secrets", name):
        yield _found(one, f"trivy:{one.get('RuleID', '')}", where, name)


def _rows(result: Mapping[str, Any], key: str, name: str) -> list[Mapping[str, Any]]:
    rows = result.get(key) or []
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise ConfigError("is no list of findings", path=name, key=key)
    return rows


def _found(one: Mapping[str, Any], id: str, place: str, name: str, cves: tuple[str, ...] = (), fixed: str = "", before: str = "") -> Found:
    level = LEVELS.get(str(one.get("Severity", "")).upper())
    if level is None or id == "trivy:":
        raise ConfigError(f"the finding {id[:60]!r} has severity {one.get('Severity')!r:.20}", path=name, key="Severity")
    return Found(
        id=line(id, 120),
        place=line(place, 120),
        level=level,
        title=line(before + str(one.get("Title") or one.get("Message") or id.partition(":")[2])),
        cves=cves,
        cwes=numbers(str(text) for text in one.get("CweIDs") or ()),
        fix=fixed or line(str(one.get("Resolution") or ""), 500),
        is_fixable=bool(fixed),
    )
