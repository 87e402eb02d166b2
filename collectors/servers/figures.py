"""Numbers of the machine that we run on, by psutil."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from collectors.rates import Rates

Figure = tuple[str, float, Mapping[str, str]]
NONE: Final[Mapping[str, str]] = {}
# file systems without a disk behind them, or whose size says nothing
PSEUDO: Final = frozenset(
    (
        *("autofs", "bpf", "binfmt_misc", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs"),
        *("iso9660", "mqueue", "nsfs", "overlay", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tmpfs", "tracefs"),
    )
)
REMOTE: Final = ("nfs", "cifs", "smb", "fuse", "ceph", "gluster", "9p")
QUIET_INTERFACES: Final = ("lo", "veth", "ifb", "dummy")


class Figures:
    """Keeps the counters between two polls. ``mountpoints`` limits the file systems; a remote one is read only when named."""

    def __init__(self, mountpoints: tuple[str, ...] = (), top: int = 5) -> None:
        self._mountpoints, self._top = mountpoints, top
        self._rates = Rates()

    def read(self, at: float) -> Iterator[Figure]:
        """(metric, value, labels) of everything that can be read here; ``at`` is monotonic seconds."""
        yield from self._processor()
        yield from _memory()
        yield from self._filesystems()
        yield from self._disks(at)
        yield from self._interfaces(at)
        yield from self._processes(at)
        yield from _sensors()

    def _processor(self) -> Iterator[Figure]:
        times = psutil.cpu_times()
        # guest time is contained in user time already
        total = sum(getattr(times, name) for name in times._fields if not name.startswith("guest"))
        resting = times.idle + getattr(times, "iowait", 0.0)
        parts = {"utilization": total - resting, "iowait": getattr(times, "iowait", 0.0), "steal": getattr(times, "steal", 0.0)}
        for name, busy in parts.items():
            share = self._rates.share(f"cpu.{name}", busy, total)
            if share is None and name == "utilization":
                share = psutil.cpu_percent(interval=0.2)
            if share is not None:
                yield f"system.cpu.{name}", share, NONE
        yield "system.cpu.count", float(psutil.cpu_count() or 1), NONE
        for name, load in zip(("1m", "5m", "15m"), os.getloadavg(), strict=True):
            yield f"system.cpu.load_average.{name}", load, NONE
        with suppress(OSError):
            yield "system.uptime", float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]), NONE

    def _filesystems(self) -> Iterator[Figure]:
        for device, mountpoint in filesystems(Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace"), self._mountpoints):
            try:
                info = os.statvfs(mountpoint)
            except OSError:
                continue
            yield from filesystem(device, mountpoint, info.f_blocks * info.f_frsize, info.f_bfree * info.f_frsize, info.f_bavail * info.f_frsize)
            if info.f_files:
                used = 100.0 * (info.f_files - info.f_ffree) / info.f_files
                yield "system.filesystem.inodes.utilization", used, {"mountpoint": mountpoint, "device": device}

    def _disks(self, at: float) -> Iterator[Figure]:
        block = Path("/sys/block")
        whole = {path.name for path in block.iterdir() if not path.name.startswith(("loop", "ram", "zram"))} if block.exists() else None
        for device, counters in (psutil.disk_io_counters(perdisk=True) or {}).items():
            if whole is not None and device not in whole:
                continue
            for direction, value in (("read", counters.read_bytes), ("write", counters.write_bytes)):
                rate = self._rates.per_second(("disk", device, direction), value, at)
                if rate is not None:
                    yield "system.disk.io", rate, {"device": device, "direction": direction}
            busy = self._rates.per_second(("busy", device), getattr(counters, "busy_time", 0), at)
            if busy is not None:
                yield "system.disk.utilization", min(100.0, busy / 10), {"device": device}  # milliseconds a second

    def _interfaces(self, at: float) -> Iterator[Figure]:
        for interface, counters in psutil.net_io_counters(pernic=True).items():
            if interface.startswith(QUIET_INTERFACES):
                continue
            for metric, direction, value in (
                ("io", "receive", counters.bytes_recv),
                ("io", "transmit", counters.bytes_sent),
                ("errors", "receive", counters.errin),
                ("errors", "transmit", counters.errout),
            ):
                rate = self._rates.per_second((metric, interface, direction), value, at)
                if rate is not None:
                    yield f"system.network.{metric}", rate, {"interface": interface, "direction": direction}

    def _processes(self, at: float) -> Iterator[Figure]:
        processor: dict[str, float] = defaultdict(float)
        memory: dict[str, float] = defaultdict(float)
        count = 0
        for process in psutil.process_iter(["name", "cpu_times", "memory_info"]):
            count += 1
            name, times, used = (process.info[key] for key in ("name", "cpu_times", "memory_info"))
            if not name or times is None or used is None:
                continue
            memory[name] += used.rss
            rate = self._rates.per_second(("process", process.pid, name), times.user + times.system, at)
            if rate is not None:
                processor[name] += 100.0 * rate
        self._rates.forget(("process",), at)
        yield "system.processes.count", float(count), NONE
        for metric, values in (("process.cpu.utilization", processor), ("process.memory.usage", memory)):
            for name in sorted(values, key=values.__getitem__, reverse=True)[: self._top]:
                yield metric, values[name], {"process": name}


def _memory() -> Iterator[Figure]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    yield "system.memory.utilization", 100.0 * (memory.total - memory.available) / memory.total, NONE
    yield "system.memory.usage", float(memory.total - memory.available), NONE
    yield "system.memory.limit", float(memory.total), NONE
    if swap.total:
        yield "system.swap.utilization", 100.0 * swap.used / swap.total, NONE


def _sensors() -> Iterator[Figure]:
    for chip, readings in (psutil.sensors_temperatures() or {}).items():
        for number, reading in enumerate(readings):
            if reading.current:
                yield "hw.temperature", float(reading.current), {"sensor": f"{chip} {reading.label or number}"}


def filesystems(mounts: str, wanted: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """(device, mountpoint) of the file systems that fill up, from the text of /proc/mounts; each device once.

    The root counts in a container too, where it is an overlay.
    """
    found: dict[str, str] = {}
    for line in mounts.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        device, mountpoint, kind = words[0], _unescape(words[1]), words[2]
        if wanted:
            is_meant = mountpoint in wanted
        else:
            is_meant = mountpoint == "/" or (kind not in PSEUDO and not kind.startswith(REMOTE))
        key = mountpoint if wanted else device
        if is_meant and (key not in found or len(mountpoint) < len(found[key])):
            found[key] = mountpoint
    devices = {_unescape(words[1]): words[0] for words in map(str.split, mounts.splitlines()) if len(words) > 2}
    return [(devices[mountpoint], mountpoint) for mountpoint in found.values()]


def filesystem(device: str, mountpoint: str, total: float, free: float, available: float) -> Iterator[Figure]:
    """Use of one file system in bytes; the share as df prints it (of what an ordinary user can have)."""
    used = total - free
    if total > 0 and used + available > 0:
        labels = {"mountpoint": mountpoint, "device": device}
        yield "system.filesystem.utilization", 100.0 * used / (used + available), labels
        yield "system.filesystem.usage", used, labels


def _unescape(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
