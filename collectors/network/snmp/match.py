"""Which profiles hold for a device."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.network.snmp.oid import clean, inside
from collectors.network.snmp.profile import Match, Profile, specificity
from collectors.network.snmp.reader import Reader

SYSTEM = "1.3.6.1.2.1.1"
SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, SYS_NAME = (f"{SYSTEM}.{leaf}.0" for leaf in (1, 2, 3, 5))
AGENTS = ("1.3.6.1.4.1.8072.", "1.3.6.1.4.1.2021.")
"""sysObjectIDs of net-snmp, which says nothing of who made the device."""


def object_id(reader: Reader) -> str:
    """sysObjectID, empty when the agent gives none or nonsense."""
    try:
        return clean(reader.text(SYS_OBJECT_ID))
    except ValueError:
        return ""


def matching(profiles: Iterable[Profile], reader: Reader) -> list[Profile]:
    """The profiles that hold, the narrowest first; by sysObjectID, sysDescr and what the agent answers."""
    reader.fetch([SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, SYS_NAME])
    objectid, descr = object_id(reader), reader.text(SYS_DESCR)
    ranked: list[tuple[int, int, Profile]] = []
    for place, profile in enumerate(profiles):
        ranks = [specificity(match, objectid) for match in profile.match if _holds(match, objectid, descr, reader)]
        if ranks:
            ranked.append((-max(ranks) - profile.rank, place, profile))
    return [profile for _, _, profile in sorted(ranked, key=lambda entry: entry[:2])]


def _holds(match: Match, objectid: str, descr: str, reader: Reader) -> bool:
    if match.oid and not any(inside(objectid, oid) for oid in match.oid):
        return False
    if match.sysdescr and not match.sysdescr.search(descr):
        return False
    if match.not_sysdescr and match.not_sysdescr.search(descr):
        return False
    if match.tree and not (objectid.startswith(AGENTS) and any(reader.has(root) for root in match.tree)):
        return False
    return not match.answers or _answers(match.answers, reader)


def _answers(oid: str, reader: Reader) -> bool:
    return reader.get(oid) is not None if oid.endswith(".0") else bool(reader.column(oid))
