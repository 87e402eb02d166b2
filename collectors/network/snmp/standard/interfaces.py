"""Interfaces: IF-MIB (RFC 2863), ifTable and ifXTable."""

from __future__ import annotations

from collectors.network.snmp.reader import Column, Reader
from collectors.network.snmp.reading import Interface
from collectors.network.snmp.values import counter, mac, text

IF = "1.3.6.1.2.1.2.2.1"
IFX = "1.3.6.1.2.1.31.1.1.1"
STATUS = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent", 7: "lowerLayerDown"}
_COLUMNS = {
    "descr": f"{IF}.2", "type": f"{IF}.3", "mtu": f"{IF}.4", "speed": f"{IF}.5", "mac": f"{IF}.6", "admin": f"{IF}.7", "oper": f"{IF}.8",
    "in": f"{IF}.10", "in_discards": f"{IF}.13", "in_errors": f"{IF}.14", "out": f"{IF}.16", "out_discards": f"{IF}.19", "out_errors": f"{IF}.20",
    "name": f"{IFX}.1", "wide_in": f"{IFX}.6", "wide_out": f"{IFX}.10", "high_speed": f"{IFX}.15", "alias": f"{IFX}.18",
}  # fmt: skip
_STEADY = ("descr", "type", "mtu", "mac", "name", "alias")
_PRESENCE = ("descr", "type", "oper", "admin", "name")
_SPEED_TOO_HIGH = 2**32 - 1


def interfaces(reader: Reader) -> list[Interface]:
    """Every interface that the agent has a row of, by index."""
    columns = {name: reader.names(oid) if name in _STEADY else reader.column(oid) for name, oid in _COLUMNS.items()}
    rows = {row for name in _PRESENCE for row in columns[name] if row.isdecimal()}
    return [_interface(row, columns) for row in sorted(rows, key=int)]


def _interface(row: str, columns: dict[str, Column]) -> Interface:
    def of(name: str) -> int | None:
        return counter(columns[name].get(row))

    wide_in, wide_out = of("wide_in"), of("wide_out")
    wide = bool(wide_in or wide_out)
    narrow_in, narrow_out = of("in"), of("out")
    return Interface(
        index=int(row),
        name=text(columns["name"].get(row)) or text(columns["descr"].get(row)) or None,
        descr=text(columns["descr"].get(row)) or text(columns["name"].get(row)) or None,
        alias=text(columns["alias"].get(row)) if row in columns["alias"] else None,
        type=of("type"),
        speed_bps=_speed(of("speed"), of("high_speed")),
        mtu=of("mtu"),
        mac=mac(columns["mac"].get(row)),
        admin=STATUS.get(of("admin") or 0),
        oper=STATUS.get(of("oper") or 0),
        in_octets=wide_in if wide or narrow_in is None else narrow_in,
        out_octets=wide_out if wide or narrow_out is None else narrow_out,
        in_errors=of("in_errors"),
        out_errors=of("out_errors"),
        in_discards=of("in_discards"),
        out_discards=of("out_discards"),
        wide=wide,
    )


def _speed(speed: int | None, megabits: int | None) -> int | None:
    """IfHighSpeed where ifSpeed cannot say it (RFC 2863: above 4.29 Gbit/s) or does not."""
    if megabits and (not speed or speed >= _SPEED_TOO_HIGH or megabits * 1_000_000 > speed):
        return megabits * 1_000_000
    return speed or None


def interface_names(reader: Reader) -> Column:
    """Row to short name, for naming other things after their interface."""
    return reader.names(_COLUMNS["name"]) or reader.names(_COLUMNS["descr"])
