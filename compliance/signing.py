"""Signatures on kept reports (编制, 审核, 批准): who, as what, over which bytes; in the audit and in the evidence chain.

Who signs has just shown the password again; the page sees to that. A signature is of the bytes of the file: a file that changes later no longer opens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.office import REPORT, Office
from core.errors import Conflict, NotFound, Refused
from store.base import Body, Documents

LONGEST: Final = 500


class Capacity(StrEnum):
    """As what somebody signs, in the order of signing."""

    PREPARED = "prepared"
    REVIEWED = "reviewed"
    APPROVED = "approved"


SIGNERS: Final[Mapping[Capacity, frozenset[str]]] = {
    Capacity.PREPARED: OFFICERS,
    Capacity.REVIEWED: OFFICERS | {"duty_leader", "audit_admin"},
    Capacity.APPROVED: OFFICERS | {"duty_leader", "audit_admin"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature; ``time`` is ISO, ``sha256`` of the file that was signed, ``link`` where it stands in the evidence chain."""

    capacity: Capacity
    who: str
    time: str
    sha256: str
    remark: str = ""
    link: str = ""


def signatures(body: Mapping[str, Any]) -> tuple[Signature, ...]:
    """The signatures of a kept report, in order."""
    return tuple(Signature(**{**one, "capacity": Capacity(one["capacity"])}) for one in body.get("signatures", ()))


def wanted(body: Mapping[str, Any]) -> Capacity | None:
    """As what the next one signs; None when all have."""
    done = {one.capacity for one in signatures(body)}
    return next((one for one in Capacity if one not in done), None)


def may_sign(body: Mapping[str, Any], who: str, roles: Collection[str]) -> bool:
    """Whether somebody may give the next signature: the roles fit, and nobody signs a report twice."""
    capacity = wanted(body)
    return capacity is not None and bool(SIGNERS[capacity] & set(roles)) and who not in {one.who for one in signatures(body)}


def sign(office: Office, name: str, capacity: Capacity, who: str, roles: Collection[str], remark: str, now: datetime) -> Signature:
    """Sign a kept report: audit, chain, then the report's own record.

    Raises NotFound or ConfigError when the file is not there or was changed, Refused without the role, out of turn, a second time, or when somebody was faster.
    """
    try:
        document = office.store.documents.get(REPORT, name)
    except NotFound:
        raise NotFound(f"there is no report {name} on the shelf") from None
    office.read(name)
    body = document.body
    if capacity is not wanted(body):
        raise Refused("a report is signed once as prepared, then as reviewed, then as approved")
    if who in {one.who for one in signatures(body)}:
        raise Refused("nobody signs a report twice: who prepares, who reviews and who approves are three people")
    if not may_sign(body, who, roles):
        raise Refused(f"one of the roles {', '.join(sorted(SIGNERS[capacity]))} signs as {capacity}")
    given = Signature(capacity=capacity, who=who, time=now.isoformat(), sha256=str(body["sha256"]), remark=remark.strip()[:LONGEST])
    said = {name: value for name, value in asdict(given).items() if name != "link"}
    office.store.audit.append(time=now, actor=who, action=f"compliance.report.sign.{capacity}", object=name, body=said)
    signed = {**said, "link": evidence.note(office.store.documents, evidence.REPORTS, name, said, now)}
    try:
        office.store.documents.put(REPORT, name, {**body, "signatures": [*body.get("signatures", ()), signed]}, document.version)
    except Conflict:
        raise Refused("somebody else has just signed this report; look again") from None
    return Signature(**{**signed, "capacity": capacity})


def unproven(documents: Documents, body: Mapping[str, Any]) -> list[Signature]:
    """Signatures that the evidence chain does not hold as they stand, or that are of other bytes than the report's."""
    noted = {f"{link['seq']:012d}": said for link, said in evidence.notes(documents, evidence.REPORTS, about=str(body["file"]))}
    return [one for one in signatures(body) if one.sha256 != body["sha256"] or noted.get(one.link) != _said(one)]


def _said(one: Signature) -> Body:
    return {name: value for name, value in asdict(one).items() if name != "link"}


def record(documents: Documents, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader needs to check the signatures of a report by: its digest, the signatures, and the links of the chain that hold them."""
    links = {f"{link['seq']:012d}": str(link["hash"]) for link, _ in evidence.notes(documents, evidence.REPORTS, about=str(body["file"]))}
    return {
        "file": str(body["file"]),
        "sha256": str(body["sha256"]),
        "made": str(body["made"]),
        "made_by": str(body["who"]),
        "signatures": [asdict(one) | {"link_hash": links.get(one.link, "")} for one in signatures(body)],
    }
