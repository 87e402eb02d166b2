"""Parts and sensors: ENTITY-MIB (RFC 6933), ENTITY-SENSOR-MIB (RFC 3433) and the older Cisco form of the latter."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from collectors.network.snmp.reader import Column, Reader
from collectors.network.snmp.reading import Part, Sensor, Status
from collectors.network.snmp.values import integer, number, text

ENTITY = "1.3.6.1.2.1.47.1.1.1.1"
CLASSES = {
    1: "other", 2: "unknown", 3: "chassis", 4: "backplane", 5: "container", 6: "powerSupply", 7: "fan", 8: "sensor", 9: "module", 10: "port",
    11: "stack", 12: "cpu",
}  # fmt: skip
_CHASSIS = 3
_RANKS = {_CHASSIS: 0, 11: 1, 9: 2, 4: 2, 2: 3, 1: 3}
_SENSOR = "1.3.6.1.2.1.99.1.1.1"
_CISCO_SENSOR = "1.3.6.1.4.1.9.9.91.1.1.1.1"
_CISCO_LIMIT = "1.3.6.1.4.1.9.9.91.1.2.1.1"
_KINDS = {3: "voltage", 4: "voltage", 5: "current", 6: "power", 7: "frequency", 8: "temperature", 9: "humidity", 10: "fanspeed", 11: "airflow", 14: "dbm"}
_TRUTH, _OTHER_KINDS = 12, (1, 2)
_BELOW, _ABOVE = (1, 2), (3, 4)
_EXPONENT = {**{scale: 3 * (scale - 9) for scale in range(1, 18)}, 0: 0}
_CUBIC_FEET = 35.3147
_SANE = {
    "temperature": (-100, 1000), "voltage": (-100_000, 1_000_000), "current": (-10_000, 100_000), "power": (-1_000_000, 100_000_000), "frequency": (0, 1e12),
    "humidity": (0, 100), "fanspeed": (0, 200_000), "airflow": (0, 1e6), "dbm": (-100, 60), "percent": (0, 1000),
}  # fmt: skip
_WORDS = {"dbm": "dbm", "celsius": "temperature", "degrees c": "temperature", "rpm": "fanspeed", "volts": "voltage", "amps": "current", "watts": "power"}


@dataclass(frozen=True, slots=True)
class Parts:
    """ENTITY-MIB as columns, with the questions that other readers ask of it."""

    descr: Column
    cls: Column
    name: Column
    model: Column
    serial: Column
    within: Column
    software: Column
    firmware: Column

    def title(self, row: str) -> str:
        """The best name of a part: the shorter of name and description often says nothing alone."""
        name, descr = text(self.name.get(row)), text(self.descr.get(row))
        return name if name and not name.isdigit() else descr or name

    def fact(self, column: Column) -> str:
        """What ``column`` says of the device as a whole: of its chassis, else of its stack, else of its first board; of other parts where no chassis is."""
        last = 2 if any(integer(cls) == _CHASSIS for cls in self.cls.values()) else 3
        rows = [row for row in column if row.isdecimal() and (rank := self._rank(row)) is not None and rank <= last]
        ordered = sorted(rows, key=lambda row: (self._rank(row), int(row)))
        return next((plain for row in ordered if (plain := text(column[row]))), "")

    def _rank(self, row: str) -> int | None:
        """Chassis first; a fan's or a power supply's serial number is never the device's."""
        cls = integer(self.cls.get(row))
        return 2 if cls is None else _RANKS.get(cls)


def parts(reader: Reader) -> Parts:
    """ENTITY-MIB of the device, empty columns where it has none."""
    descr = reader.names(f"{ENTITY}.2")
    cls = reader.names(f"{ENTITY}.5")
    none: Column = {}
    if not descr and not cls:
        name = reader.names(f"{ENTITY}.7")
        if not name and not (model := reader.names(f"{ENTITY}.13")):
            return Parts(none, none, name, model, none, none, none, none)
    read = [reader.names(f"{ENTITY}.{column}") for column in (7, 13, 11, 4, 10, 9)]
    return Parts(descr, cls, *read)


def inventory(found: Parts) -> list[Part]:
    """Every physical part, in the order of the device."""
    rows = dict.fromkeys((*found.descr, *found.name, *found.cls))
    return [
        Part(
            row,
            CLASSES.get(integer(found.cls.get(row)) or 0, "other"),
            text(found.descr.get(row)) or text(found.name.get(row)),
            text(found.model.get(row)) or None,
            text(found.serial.get(row)) or None,
        )
        for row in rows
    ]


def sensors(reader: Reader, found: Parts) -> list[Sensor]:
    """Sensors of both MIBs; the IETF's rows first."""
    return _table(reader, found, _SENSOR) + _table(reader, found, _CISCO_SENSOR)


def _table(reader: Reader, found: Parts, base: str) -> list[Sensor]:
    values = reader.column(f"{base}.4")
    if not values:
        return []
    kinds, scales, precisions = (reader.names(f"{base}.{column}") for column in (1, 2, 3))
    states = reader.column(f"{base}.5")
    units = reader.names(f"{base}.6") if base == _SENSOR else {}
    limits = _limits(reader) if base == _CISCO_SENSOR else {}
    sensors_ = []
    for row, raw in values.items():
        kind = integer(kinds.get(row)) or 0
        cls = _KINDS.get(kind) or _by_word(text(units.get(row)), kind, found.title(row))
        value = number(raw)
        if value is None or (integer(states.get(row)) or 1) == 3 or not cls:
            continue
        oid = f"{base}.4.{row}"
        title = found.title(row) or f"{cls} {row}"
        if kind == _TRUTH:
            sensors_.append(Sensor("state", title, value, oid, _truth(int(value))))
            continue
        exponent = _EXPONENT.get(integer(scales.get(row)) or 9, 0) - (integer(precisions.get(row)) or 0)
        for sensor in _sane(cls, title, _scaled(value, exponent), oid):
            low, high = (None if limit is None else round(_scaled(limit, exponent), 6) for limit in limits.get(row, (None, None)))
            sensors_.append(replace(sensor, low=low, high=high))
    return sensors_


def _limits(reader: Reader) -> dict[str, tuple[float | None, float | None]]:
    """Lowest and highest raw value of each sensor, of the severest kind that the device holds (entSensorThresholdTable: minor 10, major 20, critical 30)."""
    severities, relations = reader.names(f"{_CISCO_LIMIT}.2"), reader.names(f"{_CISCO_LIMIT}.3")
    held: dict[tuple[str, bool], tuple[int, float]] = {}
    for place, raw in reader.names(f"{_CISCO_LIMIT}.4").items():
        value, severity, relation = number(raw), integer(severities.get(place)) or 0, integer(relations.get(place)) or 0
        key = (place.split(".")[0], relation in _ABOVE)
        if value is not None and relation in (*_BELOW, *_ABOVE) and severity > held.get(key, (0, 0.0))[0]:
            held[key] = severity, value
    rows = {row for row, _ in held}
    return {row: (held[row, False][1] if (row, False) in held else None, held[row, True][1] if (row, True) in held else None) for row in rows}


def _scaled(value: float, exponent: int) -> float:
    return value * 10.0**exponent if exponent >= 0 else value / 10.0**-exponent if exponent >= -60 else 0.0


def _sane(cls: str, title: str, value: float, oid: str) -> list[Sensor]:
    if cls == "airflow":
        value *= _CUBIC_FEET
    if cls == "power" and "dbm" in title.lower():
        cls = "dbm"
    lowest, highest = _SANE.get(cls, (-1e15, 1e15))
    return [Sensor(cls, title, round(value, 6), oid)] if lowest <= value <= highest else []


def _by_word(units: str, kind: int, title: str) -> str:
    if kind == _TRUTH:
        return "state"
    word = units.lower()
    if kind in _OTHER_KINDS and word:
        return next((cls for name, cls in _WORDS.items() if name in word), "percent" if word in ("%", "percent") else "")
    return _by_title(title.lower()) if kind in _OTHER_KINDS else ""


def _by_title(title: str) -> str:
    if re.search(r"\b(rx|tx|receive|transmit) power", title):
        return "dbm"
    return next(
        (cls for name, cls in (("temperature", "temperature"), ("voltage", "voltage"), ("bias", "current"), ("current", "current")) if name in title), ""
    )


def _truth(value: int) -> Status:
    return "ok" if value == 1 else "critical" if value == 2 else "unknown"
