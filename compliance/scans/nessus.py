"""Nessus's own export (``.nessus``, NessusClientData_v2; Tenable: Nessus v2 File Format), as Nessus, Security Center and Tenable.io write it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from compliance.scans.found import LEVELS, MOST_TARGETS, Found, Level, Scan, Sort, Target, line, numbers, once
from core.errors import ConfigError
from core.xml import Node, walk

ROOT: Final = "NessusClientData_v2"
DEAD: Final = "10180"
"""The plugin that pings; it says so when nothing answers."""
SETTINGS: Final = "19506"
"""Nessus Scan Information: its output holds the version."""
NO_FIX: Final = frozenset({"", "n/a", "none"})


@dataclass
class _Host:
    name: str
    facts: dict[str, str] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    is_dead: bool = False
    version: str = ""


def read(content: bytes, name: str, zone: tzinfo) -> list[Scan]:
    """The scan of a file, or none when it reached no host. Times without an offset are those of ``zone``."""
    hosts: dict[str, _Host] = {}

    def take(above: Sequence[Node], node: Node) -> None:
        owner = above[-1] if above else None
        if owner is None or owner.tag != "ReportHost":
            return
        host = hosts.setdefault(owner.given.get("name", ""), _Host(owner.given.get("name", "")))
        if len(hosts) > MOST_TARGETS:
            raise ConfigError(f"speaks of more than {MOST_TARGETS:,} hosts; export it in parts", path=name, line=node.line)
        if node.tag == "HostProperties":
            host.facts = {tag.given.get("name", "").lower(): tag.text.strip() for tag in node.all("tag")}
        else:
            _item(host, node, name)

    walk(content, name, ("HostProperties", "ReportItem"), take)
    version = next((host.version for host in hosts.values() if host.version), "")
    targets = tuple(_target(host, zone, name) for host in hosts.values() if not host.is_dead)
    return [Scan(scanner="nessus", version=version, sort=Sort.NETWORK, targets=targets)] if targets else []


def _item(host: _Host, node: Node, name: str) -> None:
    plugin, level = node.given.get("pluginID", ""), node.given.get("severity", "")
    if not plugin.isdigit() or level not in ("0", "1", "2", "3", "4"):
        raise ConfigError(f"a ReportItem has pluginID {plugin[:20]!r} and severity {level[:20]!r}; both are numbers", path=name, line=node.line)
    output = node.said("plugin_output")
    if plugin == DEAD and "dead" in output:
        host.is_dead = True
    if plugin == SETTINGS:
        host.version = next((row.partition(":")[2].strip() for row in output.splitlines() if row.startswith("Nessus version")), "").split(" ")[0]
    if level != "0":
        host.found.append(_found(node, plugin, Level(LEVELS[4 - int(level)])))


def _found(node: Node, plugin: str, level: Level) -> Found:
    fix = line(node.said("solution"), 500)
    port = node.given.get("port", "0")
    return Found(
        id=f"nessus:{plugin}",
        place="" if port == "0" else f"{port}/{node.given.get('protocol', '')}",
        level=level,
        title=line(node.given.get("pluginName", "") or node.said("plugin_name") or plugin),
        cves=tuple(sorted({cve.text.strip() for cve in node.all("cve")}))[:50],
        cwes=numbers(cwe.text.strip() for cwe in node.all("cwe")),
        fix="" if fix.lower() in NO_FIX else fix,
        is_fixable=bool(node.said("patch_publication_date")),
        is_exploitable=node.said("exploit_available").lower() == "true",
    )


def _target(host: _Host, zone: tzinfo, name: str) -> Target:
    ended = _ended(host.facts, zone)
    begun = ended or _time(host.facts.get("host_start_timestamp", ""), host.facts.get("host_start", ""), zone)
    if begun is None:
        raise ConfigError(f"does not say when {host.name[:60]!r} was scanned (HOST_END)", path=name)
    return Target(
        names=tuple(dict.fromkeys(_names(host))),
        addresses=tuple(text for text in (host.facts.get("host-ip", ""),) if text),
        ended=begun,
        found=once(host.found),
        has_login=host.facts.get("credentialed_scan", "").lower() == "true",
        is_whole=ended is not None,
    )


def _names(host: _Host) -> Iterator[str]:
    yield from (text for text in (host.name, host.facts.get("host-fqdn", ""), host.facts.get("hostname", ""), host.facts.get("netbios-name", "")) if text)


def _ended(facts: dict[str, str], zone: tzinfo) -> datetime | None:
    return _time(facts.get("host_end_timestamp", ""), facts.get("host_end", ""), zone)


def _time(stamp: str, text: str, zone: tzinfo) -> datetime | None:
    """Seconds since 1970, else ``Fri Sep 25 21:04:11 2026`` by the scanner's own clock."""
    if stamp.isdigit() and len(stamp) < 12:
        return datetime.fromtimestamp(int(stamp), UTC)
    try:
        return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=zone)
    except ValueError:
        return None
