"""Reports of OpenVAS / Greenbone (report format XML, GMP 20.8 and later). Pure.

A host stands in it with a ``host`` element; older and filtered reports name hosts in their results alone, so one without results is then unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final

from compliance.scans.found import MOST_TARGETS, Found, Scan, Sort, Target, line, numbers, of_score, once
from core.errors import ConfigError
from core.xml import Node, walk

ROOTS: Final = ("report", "get_reports_response")
LOGINS: Final = ("auth-ssh-success", "auth-smb-success", "auth-esxi-success", "auth-snmp-success")
ENDED: Final = "Done"


@dataclass
class _Report:
    ended: str = ""
    begun: str = ""
    status: str = ""
    version: str = ""
    most: int = -1
    results: int = 0
    hosts: dict[str, Node] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    found: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))


def read(content: bytes, name: str, zone: tzinfo) -> list[Scan]:
    """The scan of a report; none when it holds no host. Raises ConfigError for a report of another kind."""
    said = _Report()
    units = ("result", "scan_end", "scan_start", "scan_run_status", "host", "version")

    def take(above: Sequence[Node], node: Node) -> None:
        inside = above[-1].tag if above else ""
        if node.tag == "result" and inside == "results":
            _result(said, above[-1], node, name)
        elif node.tag == "host" and inside == "report":
            said.hosts[node.said("ip")] = node
        elif node.tag == "version" and inside in ("gmp", "omp"):
            said.version = node.text.strip()
        elif inside == "report":
            said.ended = node.text.strip() if node.tag == "scan_end" else said.ended
            said.begun = node.text.strip() if node.tag == "scan_start" else said.begun
            said.status = node.text.strip() if node.tag == "scan_run_status" else said.status

    walk(content, name, units, take)
    addresses = [address for address in dict.fromkeys((*said.hosts, *said.found)) if address]
    if not said.status:
        raise ConfigError("is no report of OpenVAS: it has no scan_run_status; export it in the format XML", path=name)
    if len(addresses) > MOST_TARGETS:
        raise ConfigError(f"speaks of more than {MOST_TARGETS:,} hosts; export it in parts", path=name)
    targets = tuple(_target(said, address, zone, name) for address in addresses)
    return [Scan(scanner="openvas", version=said.version, sort=Sort.NETWORK, targets=targets)] if targets else []


def _result(said: _Report, results: Node, node: Node, name: str) -> None:
    most = results.given.get("max", "-1")
    said.most = int(most) if most.lstrip("-").isdigit() and len(most) < 9 else -1
    said.results += 1
    address, oid = node.said("host"), next((nvt.given.get("oid", "") for nvt in node.all("nvt")), "")
    if not address or not oid:
        raise ConfigError("a result names no host or no nvt", path=name, line=node.line)
    said.names[address] |= {text for text in (node.said("host", "hostname"),) if text}
    said.found[address]
    try:
        level = of_score(float(node.said("severity") or "0"))
    except ValueError:
        raise ConfigError(f"the severity {node.said('severity')[:20]!r} of a result is no number", path=name, line=node.line) from None
    if level is not None:
        port = node.said("port")
        nvt = next(node.all("nvt"))
        said.found[address].append(
            Found(
                id=f"openvas:{oid}",
                place="" if port.startswith("general/") else line(port, 80),
                level=level,
                title=line(node.said("name") or nvt.said("name") or oid),
                cves=_cves(nvt),
                cwes=numbers(ref.given.get("id", "") for ref in nvt.all("refs", "ref") if ref.given.get("type", "").lower() == "cwe"),
                fix=line(nvt.said("solution"), 500),
                is_fixable=any(one.given.get("type") == "VendorFix" for one in nvt.all("solution")) or "solution_type=VendorFix" in nvt.said("tags"),
            )
        )


def _cves(nvt: Node) -> tuple[str, ...]:
    new = {ref.given.get("id", "") for ref in nvt.all("refs", "ref") if ref.given.get("type", "").lower() == "cve"}
    old = {text.strip() for text in nvt.said("cve").split(",") if text.strip().startswith("CVE-")}
    return tuple(sorted(new | old))[:50]


def _target(said: _Report, address: str, zone: tzinfo, name: str) -> Target:
    host = said.hosts.get(address)
    details = [(one.said("name").lower(), one.said("value")) for one in host.all("detail")] if host else []
    ended = _time((host.said("end") if host else "") or said.ended, zone)
    begun = ended or _time((host.said("start") if host else "") or said.begun, zone)
    if begun is None:
        raise ConfigError(f"does not say when {address[:60]!r} was scanned (scan_end)", path=name)
    is_cut = 0 <= said.most <= said.results
    return Target(
        names=tuple(sorted({address, *said.names[address], *(value for key, value in details if key == "hostname" and value)})),
        addresses=(address,),
        ended=begun,
        found=once(said.found[address]),
        has_login=any(key in LOGINS and value for key, value in details),
        is_whole=said.status == ENDED and ended is not None and not is_cut,
    )


def _time(text: str, zone: tzinfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)
