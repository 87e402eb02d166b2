"""Which scanner a file is from, told by its content; a file that is named like another is refused. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, tzinfo
from pathlib import PurePath
from typing import Any, Final

from compliance.scans import nessus, openvas, sarif, table, trivy
from compliance.scans.found import MOST_BYTES, MOST_FOUND, Scan
from core.errors import ConfigError
from core.xml import root

FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "Nessus": (".nessus", ".xml"),
    "OpenVAS": (".xml",),
    "Trivy": (".json",),
    "SARIF": (".sarif", ".json"),
    "CSV": (".csv", ".txt"),
    "Excel": (".xlsx",),
}
"""Format -> the endings that a file of it may have."""
ENDINGS: Final = tuple(sorted({ending for endings in FORMATS.values() for ending in endings}))


def read(content: bytes, name: str, zone: tzinfo, day: date | None = None) -> list[Scan]:
    """The scans of a file; ``day`` stands for a time that the file does not tell, times without an offset are those of ``zone``.

    Raises ConfigError with file, line and key for what is no result, is of another version or is not what its name says.
    """
    if not content.strip():
        raise ConfigError("is empty", path=name)
    if len(content) > MOST_BYTES:
        raise ConfigError(f"has {len(content):,} bytes; at most {MOST_BYTES:,} are read", path=name)
    begin = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\0<")):
        scans = _xml(content, name, zone)
    elif begin.startswith((b"{", b"[")):
        scans = _json(content, name, zone, day)
    else:
        _named("Excel" if content[:4] == b"PK\x03\x04" else "CSV", name)
        scans = table.read(content, name, zone, day)
    if not any(scan.targets for scan in scans):
        raise ConfigError("speaks of no host that was reached; there is nothing to keep", path=name)
    if most := next((target for scan in scans for target in scan.targets if len(target.found) > MOST_FOUND), None):
        raise ConfigError(f"finds {len(most.found):,} things on {', '.join(most.names) or 'its target'}; at most {MOST_FOUND:,} are kept of one", path=name)
    return scans


def _named(found: str, name: str) -> None:
    ending = PurePath(name).suffix.lower()
    if ending not in FORMATS[found]:
        raise ConfigError(f"is {found} by its content, which its ending {ending or 'without a dot'} does not say; name it {FORMATS[found][0]}", path=name)


def _xml(content: bytes, name: str, zone: tzinfo) -> list[Scan]:
    first = root(content, name)
    if first.tag == nessus.ROOT:
        _named("Nessus", name)
        return nessus.read(content, name, zone)
    if first.tag in openvas.ROOTS:
        _named("OpenVAS", name)
        return openvas.read(content, name, zone)
    if first.tag.startswith("NessusClientData"):
        raise ConfigError(f"is {first.tag[:40]}; {nessus.ROOT} is read: export it as .nessus of a present version", path=name, line=first.line)
    if first.tag.endswith(("TestResult", "Benchmark", "asset-report-collection")):
        raise ConfigError("holds results of XCCDF; wanglou xccdf import reads them", path=name, line=first.line)
    raise ConfigError(f"begins with {first.tag[:40]!r}; Nessus ({nessus.ROOT}) and OpenVAS (report) are read", path=name, line=first.line)


def _json(content: bytes, name: str, zone: tzinfo, day: date | None) -> list[Scan]:
    try:
        told: Any = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ConfigError("is no text in UTF-8", path=name) from None
    except json.JSONDecodeError as err:
        raise ConfigError(f"is no JSON: {err.msg}", path=name, line=err.lineno) from None
    except RecursionError:
        raise ConfigError("is nested too deep", path=name) from None
    if isinstance(told, list) and any("VulnerabilityID" in str(one)[:5000] for one in told[:3]):
        raise ConfigError("is the list that Trivy wrote before its schema version 2; scan again with a present version", path=name)
    if not isinstance(told, dict):
        raise ConfigError("is neither Trivy's report nor SARIF", path=name)
    if "SchemaVersion" in told:
        _named("Trivy", name)
        return trivy.read(told, name, zone, day)
    if "runs" in told or "sarif" in str(told.get("$schema", "")).lower():
        _named("SARIF", name)
        return sarif.read(told, name, zone, day)
    raise ConfigError("is neither Trivy's report (SchemaVersion) nor SARIF (version, runs)", path=name)
