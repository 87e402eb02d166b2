"""One trap or inform into its parts: v1 (RFC 1157), v2c (RFC 1901, 3416). Version 3 is opened by ``usm`` first. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from collectors.events.traps.ber import BadPacket, Item, one, packed, sequence
from collectors.network.snmp.values import Value

TRAP_V1, RESPONSE, INFORM, TRAP = 0xA4, 0xA2, 0xA6, 0xA7
SYS_UPTIME: Final = "1.3.6.1.2.1.1.3.0"
TRAP_OID: Final = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ADDRESS: Final = "1.3.6.1.6.3.18.1.3.0"
TRAP_ENTERPRISE: Final = "1.3.6.1.6.3.1.1.4.3.0"
STANDARD: Final = "1.3.6.1.6.3.1.1.5"
_FRAME: Final = frozenset((SYS_UPTIME, TRAP_OID, TRAP_ADDRESS, TRAP_ENTERPRISE))
MAX_VARIABLES: Final = 256


@dataclass(frozen=True, slots=True)
class Trap:
    """What a device said: the trap's OID (v1 translated as RFC 3584 section 3.1 says) and its variables in order.

    ``agent`` is the address that it says it is from, where it says so; ``uptime_s`` its sysUpTime; ``request`` the number by
    which an inform that is sent again is known.
    """

    version: str
    oid: str
    variables: Mapping[str, Value] = field(default_factory=dict)
    uptime_s: float | None = None
    agent: str = ""
    enterprise: str = ""
    community: bytes = field(default=b"", repr=False)
    user: str = ""
    is_inform: bool = False
    request: int = 0


def version_of(message: Item) -> tuple[int, list[Item]]:
    """The version number of a message and its parts."""
    parts = message.parts()
    if len(parts) < 3:
        raise BadPacket("a message needs three parts")
    return parts[0].number(), parts


def open_community(parts: list[Item]) -> Trap:
    """A v1 or v2c message; raises BadPacket."""
    number, community, pdu = parts[0].number(), parts[1].text(), parts[2]
    if number == 0:
        return _old(pdu, community)
    return notification(pdu, "2c", community=community)


def _old(pdu: Item, community: bytes) -> Trap:
    parts = pdu.parts(TRAP_V1)
    if len(parts) != 6:
        raise BadPacket("a v1 trap has six parts")
    enterprise, agent, generic, specific, ticks = (part.value() for part in parts[:5])
    if not isinstance(enterprise, str) or not isinstance(generic, int) or not isinstance(specific, int) or not isinstance(ticks, int):
        raise BadPacket("a v1 trap with parts of the wrong types")
    if specific < 0 or not 0 <= generic <= 6:
        raise BadPacket("a v1 trap with a number that is none")
    oid = f"{STANDARD}.{generic + 1}" if generic < 6 else f"{enterprise}.0.{specific}"
    known = agent if isinstance(agent, str) and agent != "0.0.0.0" else ""  # noqa: S104 - says that it knows no address
    return Trap("1", oid, _variables(parts[5]), ticks / 100, known, enterprise, community)


def notification(pdu: Item, version: str, *, community: bytes = b"", user: str = "") -> Trap:
    """A trap or inform PDU of v2c or v3; raises BadPacket for any other PDU."""
    if pdu.tag not in (TRAP, INFORM):
        raise BadPacket(f"no trap (PDU {pdu.tag:#x})")
    parts = pdu.parts(pdu.tag)
    if len(parts) != 4:
        raise BadPacket("a PDU has four parts")
    found = _variables(parts[3])
    oid, ticks, agent = found.get(TRAP_OID), found.get(SYS_UPTIME), found.get(TRAP_ADDRESS)
    if not isinstance(oid, str):
        raise BadPacket("a notification without snmpTrapOID")
    return Trap(
        version,
        oid,
        {name: value for name, value in found.items() if name not in _FRAME},
        ticks / 100 if isinstance(ticks, int) else None,
        agent if isinstance(agent, str) else "",
        str(found.get(TRAP_ENTERPRISE) or ""),
        community,
        user,
        pdu.tag == INFORM,
        parts[0].number(),
    )


def _variables(bindings: Item) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for binding in bindings.parts()[:MAX_VARIABLES]:
        parts = binding.parts()
        if len(parts) != 2:
            raise BadPacket("a variable has a name and a value")
        name = parts[0].value()
        if not isinstance(name, str):
            raise BadPacket("a variable without a name")
        found[name] = parts[1].value()
    return found


def response_pdu(pdu: Item) -> bytes:
    """The PDU that confirms an inform: the same in the other direction (RFC 3416 section 4.2.7)."""
    return packed(RESPONSE, pdu.octets)


def response(data: bytes) -> bytes:
    """The message that confirms a v2c inform."""
    parts = one(data).parts()
    return sequence(*(data[part.start : part.end] for part in parts[:2]), response_pdu(parts[2]))
