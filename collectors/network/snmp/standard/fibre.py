"""Storage arrays and Fibre Channel gear: the sensors of FIBRE-CHANNEL-MGMT-MIB (FCMGMT, Fibre Alliance)."""

from __future__ import annotations

import re

from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Sensor, Status
from collectors.network.snmp.values import integer, text

_TABLE = "1.3.6.1.3.94.1.8.1"
_STATUS: dict[int, Status] = {1: "unknown", 2: "unknown", 3: "ok", 4: "warning", 5: "critical"}
_MESSAGE = re.compile(r"^(?P<name>.*?):\s*(?P<value>[-+]?\d+(?:\.\d+)?)\s*(?P<unit>C|V|A|W|%|RPM)(?:\s|$)", re.IGNORECASE)
_CLASSES = {"c": "temperature", "v": "voltage", "a": "current", "w": "power", "rpm": "fanspeed"}


def sensors(reader: Reader) -> list[Sensor]:
    """ConnUnitSensorMessage where it holds a number with a unit; connUnitSensorStatus as states."""
    found = []
    for row, raw in reader.column(f"{_TABLE}.6").items():
        hit = _MESSAGE.match(text(raw))
        if hit:
            unit, name = hit["unit"].lower(), hit["name"]
            cls = _CLASSES.get(unit) or ("charge" if "charge" in name.lower() else "percent")
            found.append(Sensor(cls, name, float(hit["value"]), f"{_TABLE}.6.{row}"))
    names = reader.names(f"{_TABLE}.3") if found else {}
    for row, raw in reader.column(f"{_TABLE}.4").items():
        state = integer(raw)
        if state is not None:
            found.append(
                Sensor("state", text(names.get(row)) or f"Sensor {row.rpartition('.')[2]}", float(state), f"{_TABLE}.4.{row}", _STATUS.get(state, "unknown"))
            )
    return found
