"""A plain table (CSV in UTF-8 or GBK, or Excel) of findings, as many scanners export it or a person writes it. Pure.

A row with a host but no finding says that the host was scanned and nothing was found.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, tzinfo
from typing import Any, Final

from compliance.scans.found import MOST_TARGETS, Found, Level, Scan, Sort, Target, line, numbers, of_score, once
from core.errors import ConfigError
from inventory.imports import read_table

HEADINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "host": ("host", "asset", "ip", "ip address", "address", "主机", "资产", "ip地址", "主机ip", "目标"),
    "id": ("id", "plugin id", "plugin", "finding", "vulnerability id", "编号", "漏洞编号", "插件编号", "漏洞id"),
    "cve": ("cve", "cves", "cve编号", "cve id"),
    "cwe": ("cwe", "cwe id", "cwe编号"),
    "title": ("title", "name", "vulnerability", "漏洞名称", "名称", "漏洞"),
    "level": ("severity", "risk", "level", "cvss", "风险等级", "等级", "危险级别", "漏洞等级", "严重程度"),
    "place": ("port", "place", "端口", "位置"),
    "fix": ("solution", "fix", "remediation", "修复建议", "解决办法", "整改建议"),
    "ended": ("scanned", "time", "date", "scan time", "扫描时间", "扫描日期", "时间"),
    "scanner": ("scanner", "tool", "扫描器", "扫描工具"),
}
WORDS: Final[Mapping[str, str]] = {
    "critical": "critical", "urgent": "critical", "紧急": "critical", "超危": "critical", "严重": "critical", "危急": "critical",
    "high": "high", "高": "high", "高危": "high", "高风险": "high",
    "medium": "medium", "moderate": "medium", "中": "medium", "中危": "medium", "中风险": "medium",
    "low": "low", "低": "low", "低危": "low", "低风险": "low",
    "info": "", "information": "", "informational": "", "none": "", "信息": "", "提示": "", "无": "",
}  # fmt: skip
CVE: Final = re.compile(r"(?i)CVE-\d{4}-\d{4,}")
NEEDED: Final = ("host", "id", "level")


def read(content: bytes, name: str, zone: tzinfo, day: date | None = None) -> list[Scan]:
    """One scan per scanner that the table names; ``day`` stands for a missing time column. Raises ConfigError with the row."""
    rows = _rows(content, name)
    columns = _columns(rows[0] if rows else (), name)
    targets: dict[str, dict[str, list[Found]]] = defaultdict(lambda: defaultdict(list))
    ended: dict[tuple[str, str], datetime] = {}
    for number, cells in enumerate(rows[1:], 2):
        row = {column: _plain(cells[at]) for column, at in columns.items() if at < len(cells)}
        if not any(row.values()):
            continue
        host, scanner = row.get("host", ""), line(row.get("scanner", "") or "table", 40).lower()
        if not host:
            raise ConfigError("names no host", path=name, line=number, key="host")
        found = _found(row, name, number)
        at = _time(row.get("ended", ""), zone, day, name, number)
        ended[scanner, host] = max(ended.get((scanner, host), at), at)
        targets[scanner][host] += [found] if found else []
        if sum(map(len, targets.values())) > MOST_TARGETS:
            raise ConfigError(f"speaks of more than {MOST_TARGETS:,} hosts; split it", path=name)
    return [
        Scan(scanner=scanner, sort=Sort.NETWORK, targets=tuple(_target(host, ended[scanner, host], found) for host, found in hosts.items()))
        for scanner, hosts in targets.items()
    ]


def _rows(content: bytes, name: str) -> list[list[Any]]:
    try:
        return read_table(content)
    except ConfigError as err:
        raise ConfigError(err.message, path=name) from None


def _columns(heading: Sequence[Any], name: str) -> dict[str, int]:
    words = [str(cell or "").strip().strip("*").strip().lower() for cell in heading]
    columns = {column: words.index(word) for column, spellings in HEADINGS.items() for word in spellings[::-1] if word in words}
    if "id" not in columns and "cve" in columns:
        columns["id"] = columns["cve"]
    if missing := [f"{column} ({HEADINGS[column][-1]})" for column in NEEDED if column not in columns]:
        raise ConfigError(f"is no table of findings: its first row does not name {', '.join(missing)}", path=name, line=1)
    return columns


def _found(row: Mapping[str, str], name: str, number: int) -> Found | None:
    if not row.get("id"):
        return None
    level = _level(row.get("level", ""), name, number)
    if level is None:
        return None
    fix = line(row.get("fix", ""), 500)
    return Found(
        id=line(row["id"], 120),
        place=line(row.get("place", ""), 80),
        level=level,
        title=line(row.get("title", "") or row["id"]),
        cves=tuple(sorted({text.strip() for text in _cves(row).replace(";", ",").split(",") if text.strip()}))[:50],
        cwes=numbers(row.get("cwe", "").replace(";", ",").split(",")),
        fix=fix,
    )


def _cves(row: Mapping[str, str]) -> str:
    """The column of CVEs; where it says nothing a number that is one itself."""
    return row.get("cve", "") or (row["id"] if CVE.fullmatch(row["id"].strip()) else "")


def _level(text: str, name: str, number: int) -> Level | None:
    word = text.strip().lower()
    if word in WORDS:
        return Level(WORDS[word]) if WORDS[word] else None
    try:
        score = float(word)
    except ValueError:
        score = -1
    if not 0 <= score <= 10:
        raise ConfigError(
            f"{text[:40]!r} is no severity: critical, high, medium, low, info (紧急、高、中、低、信息) or a CVSS score", path=name, line=number, key="severity"
        )
    return of_score(score)


def _time(text: str, zone: tzinfo, day: date | None, name: str, number: int) -> datetime:
    if not text and day:
        return datetime.combine(day, time(), zone)
    try:
        found = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        why = f"{text[:40]!r} is no time such as 2026-09-25 21:00" if text else "says no time of the scan; add a column (扫描时间) or name the day"
        raise ConfigError(why, path=name, line=number, key="scanned") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _plain(value: Any) -> str:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(int(value) if isinstance(value, float) and value.is_integer() else value if value is not None else "").strip()


def _target(host: str, ended: datetime, found: Sequence[Found]) -> Target:
    return Target(names=(host,), addresses=(host,), ended=ended, found=once(found))
