"""What the SNMP agents of the estate hold: variables by OID, made from the world at this moment.

SNMPv2-MIB, IF-MIB, HOST-RESOURCES-MIB, ENTITY-MIB, ENTITY-SENSOR-MIB, LLDP-MIB, UPS-MIB (RFC 1628), HUAWEI-ENTITY-EXTENT-MIB and
HH3C-ENTITY-EXT-MIB.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

from simulator.ber import COUNTER32, COUNTER64, GAUGE32, INTEGER, OBJECT, OCTETS, TICKS, Oid, Value, dotted
from simulator.estate import Device, Server, Supply
from simulator.world import BEFORE_S, World

Values = dict[Oid, Value]
SYSTEM, IF, IFX, HOST = dotted("1.3.6.1.2.1.1"), dotted("1.3.6.1.2.1.2.2.1"), dotted("1.3.6.1.2.1.31.1.1.1"), dotted("1.3.6.1.2.1.25")
ENTITY, SENSOR, LLDP, UPS = dotted("1.3.6.1.2.1.47.1.1.1.1"), dotted("1.3.6.1.2.1.99.1.1.1"), dotted("1.0.8802.1.1.2.1"), dotted("1.3.6.1.2.1.33.1")
HUAWEI, H3C = dotted("1.3.6.1.4.1.2011.5.25.31.1.1.1.1"), dotted("1.3.6.1.4.1.25506.2.6.1.1.1.1")
CHASSIS, PROBE = 1, 2
BITS_PER_OCTET = 8


def mac(id: str, port: int = 0) -> bytes:
    """A locally administered address of its own for every port."""
    return b"\x02" + zlib.crc32(id.encode()).to_bytes(4, "big") + bytes([port])


def system(name: str, descr: str, object_id: str, place: str, world: World) -> Values:
    """The system group."""
    texts: Mapping[int, Value] = {
        1: (OCTETS, descr),
        2: (OBJECT, object_id),
        3: (TICKS, int((BEFORE_S + world.now()) * 100) % 2**32),
        4: (OCTETS, "信息中心 noc@example.invalid"),
        5: (OCTETS, name),
        6: (OCTETS, place),
        7: (INTEGER, 6),
    }
    return {(*SYSTEM, column, 0): value for column, value in texts.items()}


def columns(table: Oid, index: int, cells: Mapping[int, Value]) -> Values:
    """One row of a table."""
    return {(*table, column, index): value for column, value in cells.items()}


def interface(world: World, id: str, index: int, name: str, *, mbps: int, up: bool, share: float, alias: str) -> Values:
    """One row of ifTable and ifXTable; ``share`` of the speed is used in the mean."""
    per_s = mbps * 1e6 / BITS_PER_OCTET * share if up else 0.0
    received, sent = world.octets(f"{id}/{index}/in", per_s), world.octets(f"{id}/{index}/out", per_s * 0.6)
    wrong = world.errors(id, index)
    errors = int(wrong * world.now())
    plain: Mapping[int, Value] = {
        1: (INTEGER, index),
        2: (OCTETS, name),
        3: (INTEGER, 6),
        4: (INTEGER, 1500),
        5: (GAUGE32, min(mbps * 1_000_000, 2**32 - 1)),
        6: (OCTETS, mac(id, index)),
        7: (INTEGER, 1),
        8: (INTEGER, 1 if up else 2),
        9: (TICKS, 0),
        10: (COUNTER32, received % 2**32),
        11: (COUNTER32, received // 700 % 2**32),
        13: (COUNTER32, 0),
        14: (COUNTER32, errors % 2**32),
        16: (COUNTER32, sent % 2**32),
        17: (COUNTER32, sent // 700 % 2**32),
        19: (COUNTER32, 0),
        20: (COUNTER32, 0),
    }
    wide: Mapping[int, Value] = {1: (OCTETS, name), 6: (COUNTER64, received), 10: (COUNTER64, sent), 15: (GAUGE32, mbps), 18: (OCTETS, alias)}
    return columns(IF, index, plain) | columns(IFX, index, wide)


def port_name(device: Device, port: int) -> str:
    """As the vendors number their ports."""
    kind = "XGigabitEthernet" if device.speed_mbps > 1000 else "GigabitEthernet"
    if device.kind == "router":
        return f"{kind}0/0/{port}"
    long = {"XGigabitEthernet": "Ten-GigabitEthernet"}.get(kind, kind) if device.model.startswith("s5") or device.model.startswith("s6") else kind
    return f"{long}1/0/{port}"


def device_values(world: World, device: Device) -> Values:
    """Everything that a network device answers."""
    model, used, talking = world.estate.models[device.model], world.used(device.id), world.talking(device.id)
    found = system(device.id, model.descr, model.object_id, f"{world.estate.room_of(device).name} {device.rack} {device.unit}", world)
    found[(1, 3, 6, 1, 2, 1, 2, 1, 0)] = (INTEGER, device.ports)
    for port in range(1, device.ports + 1):
        link = used.get(port)
        other = "" if link is None else link.b[0] if link.a == (device.id, port) else link.a[0]
        up = port in talking or (link is not None and world.carries(link))
        found |= interface(world, device.id, port, port_name(device, port), mbps=device.speed_mbps, up=up, share=0.04 + 0.02 * (port % 5), alias=other)
    found |= physical(device.name, model.vendor, model.model, model.version, device.id)
    found |= columns(SENSOR, PROBE, _celsius(36 + 0.8 * world.wave(device.id)))
    cpu, memory = round(world.cpu(device.id) * 0.6), round(world.memory(device.id) * 0.8)
    table, load, used_memory, heat = (HUAWEI, 5, 7, 11) if model.family == "huawei" else (H3C, 6, 8, 12)
    found |= columns(table, CHASSIS, {load: (INTEGER, cpu), used_memory: (INTEGER, memory), heat: (INTEGER, round(36 + 0.8 * world.wave(device.id)))})
    return found | neighbours(world, device)


def physical(name: str, vendor: str, model: str, version: str, serial: str) -> Values:
    """A chassis and a temperature probe in it (ENTITY-MIB)."""
    number = f"SIM{zlib.crc32(serial.encode()):08X}"
    chassis: Mapping[int, Value] = {
        2: (OCTETS, f"{vendor} {model}"),
        4: (INTEGER, 0),
        5: (INTEGER, 3),
        7: (OCTETS, name),
        10: (OCTETS, version),
        11: (OCTETS, number),
        12: (OCTETS, vendor),
        13: (OCTETS, model),
        16: (INTEGER, 1),
    }
    probe: Mapping[int, Value] = {2: (OCTETS, "Temperature sensor"), 4: (INTEGER, CHASSIS), 5: (INTEGER, 8), 7: (OCTETS, "Inlet temperature"), 16: (INTEGER, 2)}
    return columns(ENTITY, CHASSIS, chassis) | columns(ENTITY, PROBE, probe)


def _celsius(value: float) -> Mapping[int, Value]:
    return {1: (INTEGER, 8), 2: (INTEGER, 9), 3: (INTEGER, 1), 4: (INTEGER, round(value * 10)), 5: (INTEGER, 1), 6: (OCTETS, "Celsius")}


def neighbours(world: World, device: Device) -> Values:
    """LLDP: the own chassis and ports, and the other end of each link that is up (links to network devices)."""
    devices = {one.id: one for one in world.estate.devices}
    found: Values = {
        (*LLDP, 3, 1, 0): (INTEGER, 4),
        (*LLDP, 3, 2, 0): (OCTETS, mac(device.id)),
        (*LLDP, 3, 3, 0): (OCTETS, device.id),
    }
    for port in range(1, device.ports + 1):
        cells: Mapping[int, Value] = {2: (INTEGER, 5), 3: (OCTETS, port_name(device, port)), 4: (OCTETS, port_name(device, port))}
        found |= columns((*LLDP, 3, 7, 1), port, cells)
    for link in world.estate.links:
        for mine, other in ((link.a, link.b), (link.b, link.a)):
            if mine[0] == device.id and world.carries(link):
                far = devices[other[0]]
                name = port_name(far, other[1])
                cells = {
                    4: (INTEGER, 4),
                    5: (OCTETS, mac(far.id)),
                    6: (INTEGER, 5),
                    7: (OCTETS, name),
                    8: (OCTETS, name),
                    9: (OCTETS, far.id),
                    10: (OCTETS, world.estate.models[far.model].descr),
                }
                found |= {(*LLDP, 4, 1, 1, column, 0, mine[1], 1): value for column, value in cells.items()}
    return found


def server_values(world: World, server: Server) -> Values:
    """A net-snmp server: system, one interface, processors, memory and file systems (HOST-RESOURCES-MIB)."""
    place = f"{world.estate.room_of(server).name} {server.rack} {server.unit}"
    found = system(server.id, f"Linux {server.id} 5.10.0-60.18.0.50.oe2203.x86_64 #1 SMP x86_64", "1.3.6.1.4.1.8072.3.2.10", place, world)
    found |= interface(world, server.id, 1, "eth0", mbps=1000, up=True, share=0.05, alias="")
    found[*HOST, 1, 1, 0] = (TICKS, int((BEFORE_S + world.now()) * 100) % 2**32)
    found[*HOST, 1, 6, 0] = (GAUGE32, 180 + round(10 * world.wave(server.id)))
    for core in range(4):
        found |= {(*HOST, 3, 3, 1, 1, 768 + core): (OBJECT, "0.0"), (*HOST, 3, 3, 1, 2, 768 + core): (INTEGER, round(world.cpu(f"{server.id}")))}
    for row in (
        storage(1, "1.3.6.1.2.1.25.2.1.2", "Physical memory", 1024, 16 << 20, world.memory(server.id)),
        storage(31, "1.3.6.1.2.1.25.2.1.4", "/", 4096, 12 << 20, 38 + world.wave(server.id)),
        storage(36, "1.3.6.1.2.1.25.2.1.4", "/data", 4096, 120 << 20, world.disk(server.id)),
    ):
        found |= row
    return found


def storage(index: int, kind: str, name: str, unit: int, size: int, percent: float) -> Values:
    """One row of hrStorageTable."""
    cells: Mapping[int, Value] = {
        1: (INTEGER, index),
        2: (OBJECT, kind),
        3: (OCTETS, name),
        4: (INTEGER, unit),
        5: (INTEGER, size),
        6: (INTEGER, round(size * percent / 100)),
    }
    return columns((*HOST, 2, 3, 1), index, cells)


def supply_values(world: World, supply: Supply) -> Values:
    """A UPS (UPS-MIB)."""
    fault = world.active("on_battery", supply.id)
    charge, load = world.charge(supply.id), 42 + round(3 * world.wave(supply.id))
    found = system(supply.id, f"UPS {supply.model}", "1.3.6.1.2.1.33", world.estate.room_of(supply).name, world)
    scalars: Iterable[tuple[Oid, Value]] = (
        ((1, 1, 0), (OCTETS, "Tripp Lite")),
        ((1, 2, 0), (OCTETS, supply.model)),
        ((1, 3, 0), (OCTETS, "1.04")),
        ((1, 5, 0), (OCTETS, supply.id)),
        ((2, 1, 0), (INTEGER, 3 if charge < 20 else 2)),
        ((2, 2, 0), (INTEGER, round(world.now() - world.on[fault.id]) if fault else 0)),
        ((2, 3, 0), (INTEGER, max(1, round(charge * 0.6)))),
        ((2, 4, 0), (INTEGER, round(charge))),
        ((2, 5, 0), (INTEGER, round(1920 + charge * 2))),
        ((2, 7, 0), (INTEGER, 27)),
        ((3, 1, 0), (COUNTER32, 0)),
        ((3, 2, 0), (INTEGER, 1)),
        ((3, 3, 1, 2, 1), (INTEGER, 0 if fault else 500)),
        ((3, 3, 1, 3, 1), (INTEGER, 0 if fault else 221)),
        ((4, 1, 0), (INTEGER, 5 if fault else 3)),
        ((4, 2, 0), (INTEGER, 500)),
        ((4, 3, 0), (INTEGER, 1)),
        ((4, 4, 1, 2, 1), (INTEGER, 220)),
        ((4, 4, 1, 3, 1), (INTEGER, round(supply.kva * 1000 * load / 100 / 220 * 10))),
        ((4, 4, 1, 4, 1), (INTEGER, round(supply.kva * 900 * load / 100))),
        ((4, 4, 1, 5, 1), (INTEGER, load)),
        ((6, 1, 0), (GAUGE32, 1 if fault else 0)),
    )
    return found | {(*UPS, *oid): value for oid, value in scalars}
