"""Sensors of the server room over Modbus TCP: a map from registers to metrics, as data (Modbus Application Protocol 1.1b3).

Registers that stand close together are read in one request; one that the device refuses costs only itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException

from collectors.base import Options
from core.errors import BadReply, ConfigError, Unreachable
from core.files import build, read_yaml
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset

Table = Literal["holding", "input", "coil", "discrete"]
Kind = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bit"]
WORDS: Final[Mapping[str, int]] = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "uint64": 4, "float32": 2, "float64": 4, "bit": 1}
MAX_REGISTERS: Final = 125  # in one answer, by the protocol
MAX_GAP: Final = 8  # unused registers that are read along rather than asked around


class Point(BaseModel):
    """One value: where it stands, how it is coded, what it means. ``value * scale + offset`` is in the metric's unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str = Field(min_length=1)
    address: int = Field(ge=0, le=65535)
    table: Table = "holding"
    type: Kind = "uint16"
    words: Literal["big", "little"] = "big"
    bit: int | None = Field(default=None, ge=0, le=15)
    scale: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    labels: Mapping[str, str] = Field(default_factory=dict)

    @property
    def size(self) -> int:
        """Registers that it takes."""
        return 1 if self.table in ("coil", "discrete") else WORDS[self.type]


class RegisterMap(BaseModel):
    """A file of points."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    points: tuple[Point, ...] = Field(min_length=1)


class ModbusOptions(Options):
    """Where the device is and its points, here or in a file (``map``)."""

    host: str = ""
    port: int = Field(default=502, ge=1, le=65535)
    device: int = Field(default=1, ge=0, le=255)
    points: tuple[Point, ...] = ()
    map: str = ""
    timeout_s: float = Field(default=3, gt=0, le=60)


class ModbusCollector:
    """One Modbus device."""

    Options: ClassVar = ModbusOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: ModbusOptions, secrets: Secrets) -> None:  # noqa: ARG002 - every collector is given them
        self._options = options
        self._points = (*options.points, *(build(read_yaml(Path(options.map)), RegisterMap).points if options.map else ()))
        if not self._points:
            raise ConfigError("the collector modbus needs points, or a map that holds them", key="points")
        self.deadline_s = min(55.0, options.timeout_s * (len(_blocks(self._points)) + 2) + 5.0)

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Every point's value; raises Unreachable without an answer and BadReply when all points are refused."""
        host = self._options.host or asset.address
        ends = time.monotonic() + self.deadline_s - 2.0
        client: Any = ModbusTcpClient(host, port=self._options.port, timeout=self._options.timeout_s, retries=0)
        refused: list[str] = []
        count = 0
        try:
            if not client.connect():
                raise Unreachable(asset.id, f"{host}:{self._options.port}: no Modbus connection")
            for block in _blocks(self._points):
                if time.monotonic() > ends:
                    raise Unreachable(asset.id, f"{host}: too slow, {count} of {len(self._points)} points were read")
                for point, value in self._read(client, block, refused):
                    count += 1
                    yield Sample(time=now, asset=asset.id, metric=point.metric, value=value, labels=dict(point.labels))
        except (ConnectionException, OSError) as err:
            raise Unreachable(asset.id, f"{host}:{self._options.port}: {err}") from err
        except ModbusException as err:
            raise BadReply(asset.id, f"{host}:{self._options.port}: {err}") from err
        finally:
            client.close()
        if not count:
            raise BadReply(asset.id, f"{host}: no point could be read: {'; '.join(refused[:3])}")

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self, client: Any, block: Sequence[Point], refused: list[str]) -> Iterator[tuple[Point, float]]:
        start = block[0].address
        size = max(point.address + point.size for point in block) - start
        reader = {
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
        }[block[0].table]
        answer = reader(start, count=size, device_id=self._options.device)
        if not answer.isError():
            for point in block:
                value = _value(client, point, answer, point.address - start)
                if value is not None:
                    yield point, value
        elif len(block) > 1:  # some devices refuse a block for one register that they do not have
            for point in block:
                yield from self._read(client, (point,), refused)
        else:
            refused.append(f"{block[0].table} {start}: {answer}")


def _blocks(points: Sequence[Point]) -> list[list[Point]]:
    """Points of one table that can be read by one request, together."""
    blocks: list[list[Point]] = []
    for point in sorted(points, key=lambda point: (point.table, point.address)):
        last = blocks[-1] if blocks else []
        end = max((item.address + item.size for item in last), default=0)
        fits = last and last[0].table == point.table and point.address - end <= MAX_GAP and point.address + point.size - last[0].address <= MAX_REGISTERS
        if fits:
            last.append(point)
        else:
            blocks.append([point])
    return blocks


def _value(client: Any, point: Point, answer: Any, place: int) -> float | None:
    """The scaled value; None for what is not a number or lies outside low..high (a sensor that is not there)."""
    if point.table in ("coil", "discrete"):
        raw = float(answer.bits[place])
    else:
        registers = answer.registers[place : place + point.size]
        if len(registers) < point.size:
            return None
        if point.bit is not None or point.type == "bit":
            raw = float(registers[0] >> (point.bit or 0) & 1)
        else:
            raw = float(client.convert_from_registers(registers, client.DATATYPE[point.type.upper()], word_order=point.words))
    value = raw * point.scale + point.offset
    is_there = math.isfinite(value) and (point.low is None or value >= point.low) and (point.high is None or value <= point.high)
    return value if is_there else None
