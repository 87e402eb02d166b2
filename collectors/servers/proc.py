"""Numbers out of /proc and of df, as text: for servers that are read from afar. Pure (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from collectors.servers.figures import NONE, QUIET_INTERFACES, Figure, filesystem, filesystems
from collectors.servers.sockets import EPHEMERAL, Listener

SECTOR: Final = 512  # /proc/diskstats counts sectors of this size on every machine
WHOLE_DISK: Final = re.compile(r"(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+|dm-\d+|md\d+)$")
STATES: Final = {"0A": "listen", "07": "bound"}  # of TCP and of UDP sockets


@dataclass(frozen=True, slots=True)
class Processor:
    """Clock ticks since the start."""

    total: float
    busy: float
    iowait: float
    steal: float


def processor(stat: str) -> Processor | None:
    """The first line of /proc/stat; guest time is part of user time."""
    found = re.match(r"cpu +((?:\d+ ?)+)", stat)
    if found is None:
        return None
    ticks = ([*map(float, found[1].split())] + [0.0] * 8)[:8]
    total = sum(ticks)
    return Processor(total, total - ticks[3] - ticks[4], ticks[4], ticks[7])


def processors(stat: str) -> int:
    """How many logical processors /proc/stat lists."""
    return len(re.findall(r"^cpu\d+ ", stat, re.MULTILINE))


def memory(meminfo: str) -> Iterator[Figure]:
    """Use of memory and swap out of /proc/meminfo."""
    kilo = {name: float(value) * 1024 for name, value in re.findall(r"^(\w+): +(\d+) kB", meminfo, re.MULTILINE)}
    total = kilo.get("MemTotal", 0.0)
    # kernels before 3.14 do not tell what is available
    available = kilo.get("MemAvailable", kilo.get("MemFree", 0.0) + kilo.get("Buffers", 0.0) + kilo.get("Cached", 0.0))
    if total:
        yield "system.memory.utilization", 100.0 * (total - available) / total, NONE
        yield "system.memory.usage", total - available, NONE
        yield "system.memory.limit", total, NONE
    if swap := kilo.get("SwapTotal", 0.0):
        yield "system.swap.utilization", 100.0 * (swap - kilo.get("SwapFree", 0.0)) / swap, NONE


def loads(loadavg: str) -> Iterator[Figure]:
    """The three load averages out of /proc/loadavg."""
    for name, value in zip(("1m", "5m", "15m"), loadavg.split()[:3], strict=False):
        yield f"system.cpu.load_average.{name}", float(value), NONE


def interfaces(netdev: str) -> Iterator[tuple[str, Mapping[tuple[str, str], float]]]:
    """(interface, counters by metric and direction) out of /proc/net/dev."""
    for line in netdev.splitlines():
        name, colon, rest = line.partition(":")
        numbers = rest.split()
        if colon and len(numbers) >= 16 and not name.strip().startswith(QUIET_INTERFACES):
            counters = {
                ("io", "receive"): float(numbers[0]),
                ("errors", "receive"): float(numbers[2]),
                ("io", "transmit"): float(numbers[8]),
                ("errors", "transmit"): float(numbers[10]),
            }
            yield name.strip(), counters


def disks(diskstats: str) -> Iterator[tuple[str, float, float, float]]:
    """(device, bytes read, bytes written, busy milliseconds) of whole disks out of /proc/diskstats."""
    for words in map(str.split, diskstats.splitlines()):
        if len(words) >= 14 and WHOLE_DISK.match(words[2]):
            yield words[2], float(words[5]) * SECTOR, float(words[9]) * SECTOR, float(words[12])


def df(mounts: str, blocks: str, inodes: str, wanted: tuple[str, ...] = ()) -> Iterator[Figure]:
    """Use of file systems out of ``df -P -k`` and ``df -P -i``, for those that fill up by /proc/mounts."""
    sizes, nodes = _df_rows(blocks), _df_rows(inodes)
    for device, mountpoint in filesystems(mounts, wanted):
        if mountpoint in sizes:
            total, used, available = (number * 1024 for number in sizes[mountpoint])
            yield from filesystem(device, mountpoint, total, total - used, available)
        if mountpoint in nodes and nodes[mountpoint][0]:
            share = 100.0 * nodes[mountpoint][1] / nodes[mountpoint][0]
            yield "system.filesystem.inodes.utilization", share, {"mountpoint": mountpoint, "device": device}


def _df_rows(text: str) -> dict[str, tuple[float, float, float]]:
    rows = re.findall(r"^\S.*? +(\d+) +(\d+) +(-?\d+) +(?:\d+%|-) +(/.*)$", text, re.MULTILINE)
    return {mountpoint: (float(total), float(used), float(left)) for total, used, left, mountpoint in rows}


def listeners(tables: Mapping[str, str]) -> list[Listener]:
    """Listening sockets out of the texts of /proc/net/tcp, tcp6, udp and udp6, sorted."""
    found: set[Listener] = set()
    for name, text in tables.items():
        for words in map(str.split, text.splitlines()[1:]):
            if len(words) < 4 or STATES.get(words[3]) != ("listen" if name.startswith("tcp") else "bound"):
                continue
            address, _, port = words[1].rpartition(":")
            is_client = name.startswith("udp") and int(port, 16) >= EPHEMERAL
            if not is_client:
                found.add(Listener(name[:3], _address(address), int(port, 16)))
    return sorted(found)


def _address(digits: str) -> str:
    """The kernel writes 32-bit words in the byte order of the machine (little-endian on all that we meet)."""
    raw = b"".join(bytes.fromhex(digits[start : start + 8])[::-1] for start in range(0, len(digits), 8))
    return str(ip_address(raw))


def ss(text: str) -> list[Listener]:
    """Listening sockets out of ``ss -H -t -u -l -n -p``, with the names of processes where they are shown."""
    found: set[Listener] = set()
    for words in map(str.split, text.splitlines()):
        if len(words) < 5 or words[0] not in ("tcp", "udp"):
            continue
        address, _, port = words[4].rpartition(":")
        name = re.search(r'\(\("([^"]*)"', " ".join(words[6:]))
        if port.isdecimal() and not (words[0] == "udp" and int(port) >= EPHEMERAL):
            found.add(Listener(words[0], address.strip("[]").partition("%")[0].replace("*", "::"), int(port), name[1] if name else ""))
    return sorted(found)


def sessions(who: str) -> list[tuple[str, str, str, float]]:
    """(user, terminal, from, 0) of each line of ``who``; its local times are left out."""
    rows = re.findall(r"^(\S+) +(\S+) .*?(?:\(([^)]*)\))?$", who, re.MULTILINE)
    return [(name, terminal, host, 0.0) for name, terminal, host in rows]
