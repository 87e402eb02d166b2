"""Profile rows applied to a device: columns in, sensors, states, processors, pools and parts out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from collectors.network.snmp.oid import part
from collectors.network.snmp.profile import Measured, Name, Names, PartRow, PoolRow, ProcessorRow, Row, SensorRow, StateRow, WirelessRow
from collectors.network.snmp.reader import Column, Reader
from collectors.network.snmp.reading import Part, Pool, Processor, Sensor, Wireless
from collectors.network.snmp.standard.entity import parts
from collectors.network.snmp.standard.interfaces import interface_names
from collectors.network.snmp.transforms import TRANSFORMS
from collectors.network.snmp.values import Value, integer, number, text

_WORD = re.compile(r"\{(\w+)(?:\[([^\]]*)\])?\}")


def cells(reader: Reader, oid: str) -> Column:
    """The rows at ``oid``: of a column, or the one instance when the OID ends in ``.0``."""
    if oid.endswith(".0"):
        value = reader.get(oid)
        return {} if value is None else {"0": value}
    return reader.column(oid)


def full(reader: Reader, oid: str, row: str) -> str:
    """The OID of one cell."""
    oid = reader.own(oid)
    return oid if oid.endswith(".0") and row == "0" else f"{oid}.{row}"


def word(reader: Reader, name: Name, row: str, steady: bool = True) -> str:
    """The text that ``name`` gives for a row; empty when there is none. ``steady``: one of the poll before will do."""
    place = part(row, name.part) if name.part else row
    if name.via:
        place = text(cells(reader, name.via).get(place)).removeprefix(".")
    found = _lookup(reader, name.oid, place, steady)
    return name.map.get(found, found)


def _lookup(reader: Reader, oid: str, place: str, steady: bool = True) -> str:
    if oid == "entity":
        return parts(reader).title(place)
    if oid == "index":
        return place
    if oid == "interface":
        return text(interface_names(reader).get(place))
    if oid.endswith(".0"):
        return reader.text(oid)
    return text((reader.names(oid) if steady else reader.column(oid)).get(place))


def phrase(reader: Reader, template: str, names: Names, row: str, value: str = "") -> str:
    """``template`` with ``{index}``, ``{index[0]}``, ``{entity}``, ``{interface}`` and the names filled in."""

    def fill(found: re.Match[str]) -> str:
        name, slice_ = found[1], found[2]
        place = part(row, slice_) if slice_ else row
        if name in names:
            return word(reader, names[name], place)
        if name == "index":
            return place
        return value if name == "value" else _lookup(reader, name, place)

    return " ".join(_WORD.sub(fill, template).split())


def wanted(reader: Reader, row: Row | PoolRow, place: str) -> bool:
    """Whether the conditions ``only``, ``unless`` and ``like`` let a row through."""
    if isinstance(row, Row) and not all(pattern.search(word(reader, row.names[name], place)) for name, pattern in row.like.items()):
        return False
    for name, allowed in row.only.items():
        if word(reader, row.names[name], place, steady=False) not in allowed:
            return False
    return all(word(reader, row.names[name], place, steady=False) not in refused for name, refused in row.unless.items())


def _counted(reader: Reader, row: Row) -> Iterator[tuple[str, Value]]:
    if row.absent and cells(reader, row.absent):
        return
    for place, value in cells(reader, row.value).items():
        if (not row.rows or row.rows.fullmatch(place)) and wanted(reader, row, place):
            yield place, value


def _measured(reader: Reader, row: Measured, place: str, raw: Value, scale: float = 1.0) -> float | None:
    if number(raw) in row.skip and raw is not None:
        return None
    value = TRANSFORMS[row.transform](raw)
    if value is None:
        return None
    if row.decimals:
        digits = integer(word(reader, row.names[row.decimals], place)) or 0
        scale *= 10.0 ** -max(-9, min(9, digits))
    if row.exponent:
        scale *= 10.0 ** max(-12, min(12, integer(word(reader, row.names[row.exponent], place)) or 0))
    if row.factor:
        scale *= _factor(number(word(reader, row.names[row.factor], place)))
    value = round(value * row.scale * scale + row.offset, 6)
    return value if (row.least is None or value >= row.least) and (row.most is None or value <= row.most) else None


def _factor(plain: float | None) -> float:
    """A scale as some MIBs write it: -10 divides by ten, 10 multiplies by ten."""
    return 1.0 if not plain else 1 / -plain if plain < 0 else plain


def sensors(reader: Reader, row: SensorRow) -> Iterator[Sensor]:
    """The sensors of one row of a profile."""
    for place, raw in _counted(reader, row):
        cls, scale = row.cls, 1.0
        if row.by:
            cls, scale = row.classes.get(word(reader, row.names[row.by], place), ("", 1.0))
        if not cls:
            continue
        value = _measured(reader, row, place, raw, scale)
        if value is not None:
            title = phrase(reader, row.descr, row.names, place) or cls
            limits = [_limit(reader, row, oid, place, scale) for oid in (row.low, row.high)]
            yield Sensor(cls, title, value, full(reader, row.value, place), None, *limits)


def _limit(reader: Reader, row: SensorRow, oid: str | None, place: str, scale: float) -> float | None:
    raw = cells(reader, oid).get(place) if oid else None
    return _measured(reader, row, place, raw, scale) if raw is not None else None


def states(reader: Reader, row: StateRow) -> Iterator[Sensor]:
    """The states of one row of a profile."""
    for place, raw in _counted(reader, row):
        value = integer(raw)
        if value is None:
            value = row.texts.get(text(raw))
        if value is not None and value not in row.skip:
            title = phrase(reader, row.descr, row.names, place) or "State"
            yield Sensor("state", title, float(value), full(reader, row.value, place), row.map.get(value, "unknown"))


def processors(reader: Reader, row: ProcessorRow) -> Iterator[Processor]:
    """The processors of one row of a profile; a use outside 0 to 100 is no use."""
    for place, raw in _counted(reader, row):
        value = _measured(reader, row, place, raw)
        if value is not None and 0 <= value <= 100:
            yield Processor(phrase(reader, row.descr, row.names, place) or "Processor", value, full(reader, row.value, place))


def pools(reader: Reader, row: PoolRow) -> Iterator[Pool]:
    """The memories or file systems of one row of a profile."""
    key = row.total or row.usage or row.used or row.free or ""
    for place in cells(reader, key):
        if wanted(reader, row, place):
            pool = _pool(reader, row, place)
            if pool:
                yield pool


def _pool(reader: Reader, row: PoolRow, place: str) -> Pool | None:
    unit = (number(cells(reader, row.unit).get(place)) or 1) if row.unit else 1

    def size(oid: str | None, scale: float = row.scale) -> int | None:
        plain = number(cells(reader, oid).get(place)) if oid else None
        return None if plain is None or plain < 0 else int(plain * scale * unit)

    total, used, free = size(row.total, row.total_scale or row.scale), size(row.used), size(row.free)
    usage = number(cells(reader, row.usage).get(place)) if row.usage else None
    if usage is not None:
        usage = (100 - usage if row.inverse else usage) * row.usage_scale
        usage = usage if 0 <= usage <= 100 else None
    if total is None and used is not None and free is not None:
        total = used + free
    if used is None and total is not None:
        used = total - free if free is not None else int(total * usage / 100) if usage is not None else None
    if total and used is not None:
        used = max(0, min(used, total))
        usage = 100 * used / total if usage is None else usage
    if usage is None:
        return None
    return Pool(phrase(reader, row.descr, row.names, place), row.kind, total or None, used if total else None, round(usage, 2))


def inventory(reader: Reader, row: PartRow) -> Iterator[Part]:
    """The parts of one row of a profile."""
    for place, raw in cells(reader, row.value).items():
        descr = phrase(reader, row.descr, row.names, place, text(raw)) or text(raw)
        yield Part(place, row.cls, descr, *(text(cells(reader, oid).get(place)) or None if oid else None for oid in (row.model, row.serial)))


def wireless(reader: Reader, row: WirelessRow) -> Iterator[Wireless]:
    """The figures of one row of a profile, those with the same labels added up."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for place, raw in _counted(reader, row):
        value = 1.0 if row.count else float(integer(raw) in row.up) if row.up else _measured(reader, row, place, raw)
        if value is not None:
            labels = tuple((str(name), phrase(reader, template, row.names, place)) for name, template in sorted(row.labels.items()))
            sums[labels] = sums.get(labels, 0.0) + value
    for labels, value in sums.items():
        yield Wireless(row.what, value, dict(labels))


def scalars(rows: Mapping[str, tuple[object, ...]]) -> Iterator[str]:
    """Every single instance that some rows need, so that they can be asked for together."""
    for group in rows.values():
        for row in group:
            yield from _scalars_of(row)


def _scalars_of(row: object) -> Iterator[str]:
    for field in ("value", "total", "used", "free", "usage", "get", "low", "high", "unit"):
        oid = getattr(row, field, None)
        if isinstance(oid, str) and oid.endswith(".0"):
            yield oid
    for name in getattr(row, "names", {}).values():
        if name.oid.endswith(".0"):
            yield name.oid
