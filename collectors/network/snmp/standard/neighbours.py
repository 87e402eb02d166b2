"""Who is at the other end: LLDP-MIB (IEEE 802.1AB) and CISCO-CDP-MIB."""

from __future__ import annotations

from collections.abc import Callable

from collectors.network.snmp.reader import Column, Reader
from collectors.network.snmp.reading import Neighbour
from collectors.network.snmp.standard.interfaces import IF, interface_names
from collectors.network.snmp.values import Value, integer, mac, text

_REMOTE, _LOCAL = "1.0.8802.1.1.2.1.4.1.1", "1.0.8802.1.1.2.1.3.7.1"
_REMOTE_V2 = "1.3.111.2.802.1.1.13.1.4.1.1"
_REMOTE_TIMETRA = "1.3.6.1.4.1.6527.3.1.2.59.4.1.1"
"""Nokia's own copy of the table, by ifIndex, on routers that leave the standard one empty."""
_CDP = "1.3.6.1.4.1.9.9.23.1.2.1.1"
_MAC_CHASSIS, _MAC_PORT, _NAME_PORT = 4, 3, (1, 5, 7)


def neighbours(reader: Reader) -> list[Neighbour]:
    """All neighbours, LLDP first."""
    found = _lldp(reader, _REMOTE, 4, _local_ports)
    for base, first in ((_REMOTE_V2, 5), (_REMOTE_TIMETRA, 4)):
        found = found or _lldp(reader, base, first, _by_interface)
    return found + _cdp(reader)


def _lldp(reader: Reader, base: str, first: int, local_ports: Callable[[Reader], dict[str, str]]) -> list[Neighbour]:
    """One remote table: its columns stand in the same order in every edition, from ``first`` on."""
    chassis = reader.column(f"{base}.{first + 1}")
    names = reader.column(f"{base}.{first + 5}")
    if not chassis and not names:
        return []
    kinds, port_kinds, ports, port_descr, descr = (reader.column(f"{base}.{first + step}") for step in (0, 2, 3, 4, 6))
    local = local_ports(reader)
    found = []
    for row in dict.fromkeys((*chassis, *names)):
        pieces = row.split(".")
        place = pieces[1] if len(pieces) >= 3 else ""
        who = _address(chassis.get(row), integer(kinds.get(row)) == _MAC_CHASSIS)
        port = _address(ports.get(row), integer(port_kinds.get(row)) == _MAC_PORT)
        named = integer(port_kinds.get(row)) in _NAME_PORT
        shown = port if named and port else text(port_descr.get(row)) or port
        found.append(Neighbour("lldp", local.get(place) or place or None, text(names.get(row)) or who, shown, who, text(descr.get(row)) or None))
    return found


def _by_interface(reader: Reader) -> dict[str, str]:
    return {row: text(value) for row, value in interface_names(reader).items()}


def _address(value: Value, hardware: bool) -> str | None:
    return (mac(value) if hardware else None) or (value.hex(":") if isinstance(value, bytes) and _is_binary(value) else text(value)) or None


def _is_binary(value: bytes) -> bool:
    return any(octet < 32 and octet not in (9, 10, 13) for octet in value.rstrip(b"\x00"))


def _local_ports(reader: Reader) -> dict[str, str]:
    """LLDP's own port number to interface name: by name, by description, by ifIndex."""
    kinds, ports, descriptions = (reader.column(f"{_LOCAL}.{column}") for column in (2, 3, 4))
    names: Column = interface_names(reader)
    by_descr = {text(value): row for row, value in reader.column(f"{IF}.2").items()}
    found = {row: text(value) for row, value in names.items()}
    for row, value in ports.items():
        descr = text(descriptions.get(row))
        port = text(value) if integer(kinds.get(row)) in _NAME_PORT else ""
        if port and port in map(text, names.values()):
            found[row] = port
        elif descr in by_descr:
            found[row] = text(names.get(by_descr[descr])) or descr
        elif row not in names:
            found[row] = port or descr
    return found


def _cdp(reader: Reader) -> list[Neighbour]:
    devices = reader.column(f"{_CDP}.6")
    if not devices:
        return []
    ports, platforms, names = reader.column(f"{_CDP}.7"), reader.column(f"{_CDP}.8"), interface_names(reader)
    return [
        Neighbour(
            "cdp",
            text(names.get(row.split(".")[0])) or row.split(".")[0],
            text(device) or None,
            text(ports.get(row)) or None,
            None,
            text(platforms.get(row)) or None,
        )
        for row, device in devices.items()
    ]
