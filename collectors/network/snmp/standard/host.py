"""Hosts: HOST-RESOURCES-MIB (RFC 2790), and the UCD and LM-SENSORS MIBs of net-snmp."""

from __future__ import annotations

from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Kind, Pool, Processor, Sensor
from collectors.network.snmp.values import Value, counter, integer, number, text

_LOAD, _DEVICE = "1.3.6.1.2.1.25.3.3.1.2", "1.3.6.1.2.1.25.3.2.1.3"
_TYPE, _DESCR, _UNIT, _SIZE, _USED = (f"1.3.6.1.2.1.25.2.3.1.{column}" for column in (2, 3, 4, 5, 6))
_TYPES = "1.3.6.1.2.1.25.2.1."
_RAM, _VIRTUAL, _OTHER = "2", "3", "1"
_DISKS = {"4", "5", "6", "7", "8", "9", "10"}
_UCD = "1.3.6.1.4.1.2021"
_SENSORS = {"2": ("temperature", 0.001), "3": ("fanspeed", 1.0), "4": ("voltage", 0.001)}


def processors(reader: Reader) -> list[Processor]:
    """Each hrProcessor; without one, all processors together as net-snmp counts them."""
    names = reader.names(_DEVICE)
    found = []
    for row, value in reader.column(_LOAD).items():
        load = number(value)
        if load is not None and 0 <= load <= 100:
            found.append(Processor(text(names.get(row)) or "Processor", load, f"{_LOAD}.{row}"))
    idle = None if found else reader.number(f"{_UCD}.11.11.0")
    if idle is not None and 0 <= idle <= 100:
        found.append(Processor("CPU", 100 - idle, f"{_UCD}.11.11.0"))
    return found


def memory(reader: Reader) -> list[Pool]:
    """Memory and swap: by net-snmp's own table (it knows buffers and cache), else by hrStorage."""
    own = _ucd_memory(reader)
    kinds = {pool.kind for pool in own}
    areas = [pool for kind, pool in _areas(reader) if kind in (_RAM, _VIRTUAL, _OTHER) and _is_memory(kind, pool)]
    return own + [_without_cache(pool, areas) for pool in areas if pool.kind not in kinds]


def _without_cache(whole: Pool, areas: list[Pool]) -> Pool:
    """Physical memory without buffers and cache, where the agent lists them as areas of their own (net-snmp does)."""
    if whole.kind != "system" or not whole.total_bytes or whole.used_bytes is None:
        return whole
    given = sum(area.used_bytes or 0 for area in areas if area.descr in ("Memory buffers", "Cached memory"))
    return pool(whole.descr, whole.total_bytes, whole.used_bytes - given, "system") if given <= whole.used_bytes else whole


def _is_memory(kind: str, pool: Pool) -> bool:
    word = pool.descr.lower()
    return kind in (_RAM, _VIRTUAL) or any(name in word for name in ("memory", "swap", "heap", "buffers", "ram", "内存"))


def _ucd_memory(reader: Reader) -> list[Pool]:
    base = f"{_UCD}.4"
    reader.fetch([f"{base}.{leaf}.0" for leaf in (3, 4, 5, 6, 14, 15, 18, 19, 20, 21, 25, 26)])

    def kilobytes(narrow: int, wide: int) -> int:
        # the 32-bit leaf stands still at 2 TiB; the wide one is there on newer agents
        return max(reader.integer(f"{base}.{narrow}.0") or 0, reader.integer(f"{base}.{wide}.0") or 0)

    total, free = kilobytes(5, 20), kilobytes(6, 21)
    if not free and reader.get(f"{base}.6.0") is None:
        total = 0
    reclaimable = kilobytes(14, 25) + kilobytes(15, 26)
    swap, swap_free = kilobytes(3, 18), kilobytes(4, 19)
    pools = []
    if total > 0:
        used = total - free - reclaimable if total >= free + reclaimable else total - free
        pools.append(pool("Physical memory", total * 1024, max(0, used) * 1024, "system"))
    if swap > 0:
        pools.append(pool("Swap space", swap * 1024, max(0, swap - swap_free) * 1024, "swap"))
    return pools


def storage(reader: Reader) -> list[Pool]:
    """File systems by hrStorage, else by net-snmp's dskTable."""
    found = [pool for kind, pool in _areas(reader) if kind in _DISKS or (kind == _OTHER and pool.descr.startswith("/"))]
    return found or _ucd_disks(reader)


def _ucd_disks(reader: Reader) -> list[Pool]:
    base = f"{_UCD}.9.1"
    paths = reader.column(f"{base}.2")
    if not paths:
        return []
    totals, used = reader.column(f"{base}.6"), reader.column(f"{base}.8")
    return [pool(text(path), total * 1024, (counter(used.get(row)) or 0) * 1024) for row, path in paths.items() if (total := counter(totals.get(row)))]


def _areas(reader: Reader) -> list[tuple[str, Pool]]:
    """hrStorageTable: the last arc of the type, and the pool."""
    sizes = reader.column(_SIZE)
    if not sizes:
        return []
    types, names, units, used = reader.names(_TYPE), reader.names(_DESCR), reader.names(_UNIT), reader.column(_USED)
    found = []
    for row, raw in sizes.items():
        size, unit = _unsigned(raw), integer(units.get(row)) or 1
        kind = text(types.get(row)).removeprefix(".").removeprefix(_TYPES)
        if size > 0:
            name = text(names.get(row))
            found.append((kind, pool(name, size * unit, _unsigned(used.get(row)) * unit, _kind(kind, name))))
    return found


def _kind(kind: str, name: str) -> Kind:
    word = name.lower()
    if "swap" in word or "paging" in word:
        return "swap"
    plain = any(part in word for part in ("virtual", "buffer", "cache", "shared"))
    return "system" if kind == _RAM and not plain else "other"


def _unsigned(value: Value) -> int:
    """HrStorage counts in a signed 32-bit number; past 2^31 units agents let it turn negative."""
    plain = integer(value) or 0
    return plain + 2**32 if plain < 0 else plain


def pool(descr: str, total: int, used: int, kind: Kind = "other") -> Pool:
    """A pool with its percentage worked out, never above 100."""
    return Pool(descr, kind, total, used, round(min(100.0, 100 * used / total), 2))


def sensors(reader: Reader) -> list[Sensor]:
    """LM-SENSORS-MIB: temperatures and voltages in thousandths, fans in turns a minute."""
    found = []
    for table, (cls, scale) in _SENSORS.items():
        base = f"{_UCD}.13.16.{table}.1"
        values = reader.column(f"{base}.3")
        names = reader.names(f"{base}.2") if values else {}
        for row, raw in values.items():
            value = number(raw)
            # the MIB's Gauge32 carries negative millidegrees as 2^32 - n
            value = value - 2**32 if value is not None and value > 2**31 else value
            if value is not None and value != 0:
                found.append(Sensor(cls, text(names.get(row)) or f"{cls} {row}", round(value * scale, 4), f"{base}.3.{row}"))
    return found
