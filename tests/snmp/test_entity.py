"""Sensors of ENTITY-SENSOR-MIB and its older form, with the limits that a device holds."""

import time
from collections.abc import Mapping

from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Sensor
from collectors.network.snmp.recording import RecordedSession
from collectors.network.snmp.standard.entity import parts, sensors
from collectors.network.snmp.values import Value

SENSOR, LIMIT = "1.3.6.1.4.1.9.9.91.1.1.1.1", "1.3.6.1.4.1.9.9.91.1.2.1.1"


def read(values: Mapping[str, Value]) -> list[Sensor]:
    reader = Reader(RecordedSession(values), time.monotonic, time.monotonic() + 5)
    return sensors(reader, parts(reader))


def cisco(row: int, kind: int, scale: int, precision: int, value: int) -> dict[str, Value]:
    return {f"{SENSOR}.{column}.{row}": cell for column, cell in enumerate((kind, scale, precision, value, 1), 1)}


def limit(row: int, place: int, severity: int, relation: int, value: Value) -> dict[str, Value]:
    return {f"{LIMIT}.{column}.{row}.{place}": cell for column, cell in ((2, severity), (3, relation), (4, value))}


def test_the_severest_limits_of_a_sensor_come_in_its_unit() -> None:
    values = cisco(7, 14, 9, 1, -57) | cisco(8, 8, 9, 0, 40)
    values |= limit(7, 1, 10, 4, -10) | limit(7, 2, 30, 4, 5) | limit(7, 3, 30, 1, -135) | limit(7, 4, 10, 1, -110)
    assert [(one.cls, one.value, one.low, one.high) for one in read(values)] == [("dbm", -5.7, -13.5, 0.5), ("temperature", 40.0, None, None)]


def test_nonsense_among_limits_is_left_out() -> None:
    values = cisco(7, 8, 9, 0, 40)
    values |= limit(7, 1, 30, 9, 5) | limit(7, 2, 30, 4, b"hot") | limit(7, 3, 0, 4, 1) | limit(99, 1, 30, 4, 1) | {f"{LIMIT}.4.7": 3, f"{LIMIT}.4.7.4": 50}
    assert [(one.value, one.low, one.high) for one in read(values)] == [(40.0, None, None)]


def test_what_is_plugged_in_does_not_speak_for_a_chassis_that_is_silent() -> None:
    entity = "1.3.6.1.2.1.47.1.1.1.1"
    rows = {1: (3, b"", b"Router"), 2: (2, b"1e1c.xhci", b"USB controller")}
    values: dict[str, Value] = {}
    for row, (cls, serial, descr) in rows.items():
        values |= {f"{entity}.2.{row}": descr, f"{entity}.5.{row}": cls, f"{entity}.11.{row}": serial}
    found = parts(Reader(RecordedSession(values), time.monotonic, time.monotonic() + 5))
    assert (found.fact(found.serial), found.fact(found.descr)) == ("", "Router")
    alone = parts(Reader(RecordedSession({key: cell for key, cell in values.items() if key.endswith(".2")}), time.monotonic, time.monotonic() + 5))
    assert alone.fact(alone.serial) == "1e1c.xhci"
