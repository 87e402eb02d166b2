"""What node_exporter says of a Linux machine, under the same names as our own collectors of servers. Pure but for the rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from collectors.rates import Rates
from collectors.servers.figures import NONE, PSEUDO, QUIET_INTERFACES, REMOTE, Figure, filesystem
from collectors.servers.proc import WHOLE_DISK

Families = Mapping[str, Sequence[Any]]  # samples of prometheus_client by the name of the sample
COUNTERS: Final = (
    ("node_network_receive_bytes_total", "system.network.io", "interface", "receive"),
    ("node_network_transmit_bytes_total", "system.network.io", "interface", "transmit"),
    ("node_network_receive_errs_total", "system.network.errors", "interface", "receive"),
    ("node_network_transmit_errs_total", "system.network.errors", "interface", "transmit"),
    ("node_disk_read_bytes_total", "system.disk.io", "device", "read"),
    ("node_disk_written_bytes_total", "system.disk.io", "device", "write"),
)


def figures(found: Families, rates: Rates, at: float) -> Iterator[Figure]:
    """Metrics of the machine; nothing when the page is not node_exporter's."""
    for name, load in (("1m", "node_load1"), ("5m", "node_load5"), ("15m", "node_load15")):
        if (value := _one(found, load)) is not None:
            yield f"system.cpu.load_average.{name}", value, NONE
    yield from _processor(found, rates)
    yield from _memory(found)
    yield from _filesystems(found)
    yield from _counters(found, rates, at)
    if (now := _one(found, "node_time_seconds")) is not None and (booted := _one(found, "node_boot_time_seconds")) is not None:
        yield "system.uptime", now - booted, NONE
    if _one(found, "node_timex_sync_status") == 1.0 and (offset := _one(found, "node_timex_offset_seconds")) is not None:
        yield "system.time.offset", offset, NONE


def _one(found: Families, name: str) -> float | None:
    samples = found.get(name, ())
    return float(samples[0].value) if samples else None


def _processor(found: Families, rates: Rates) -> Iterator[Figure]:
    modes: dict[str, float] = {}
    for sample in found.get("node_cpu_seconds_total", ()):
        modes[sample.labels["mode"]] = modes.get(sample.labels["mode"], 0.0) + sample.value
    total = sum(modes.values())
    parts = {"utilization": total - modes.get("idle", 0.0) - modes.get("iowait", 0.0), "iowait": modes.get("iowait", 0.0), "steal": modes.get("steal", 0.0)}
    for name, part in parts.items():
        if modes and (share := rates.share(f"cpu.{name}", part, total)) is not None:
            yield f"system.cpu.{name}", share, NONE


def _memory(found: Families) -> Iterator[Figure]:
    total, available = _one(found, "node_memory_MemTotal_bytes"), _one(found, "node_memory_MemAvailable_bytes")
    if total and available is not None:
        yield "system.memory.utilization", 100.0 * (total - available) / total, NONE
        yield "system.memory.usage", total - available, NONE
        yield "system.memory.limit", total, NONE
    swap, free = _one(found, "node_memory_SwapTotal_bytes"), _one(found, "node_memory_SwapFree_bytes")
    if swap and free is not None:
        yield "system.swap.utilization", 100.0 * (swap - free) / swap, NONE


def _filesystems(found: Families) -> Iterator[Figure]:
    def by_mount(name: str) -> dict[str, float]:
        return {sample.labels["mountpoint"]: sample.value for sample in found.get(name, ())}

    free, available = by_mount("node_filesystem_free_bytes"), by_mount("node_filesystem_avail_bytes")
    files, files_free = by_mount("node_filesystem_files"), by_mount("node_filesystem_files_free")
    seen: set[str] = set()
    for sample in sorted(found.get("node_filesystem_size_bytes", ()), key=lambda sample: len(sample.labels["mountpoint"])):
        device, mountpoint, kind = (sample.labels[name] for name in ("device", "mountpoint", "fstype"))
        is_pseudo = mountpoint != "/" and (kind in PSEUDO or kind.startswith(REMOTE))
        if is_pseudo or device in seen or mountpoint not in free or mountpoint not in available:
            continue
        seen.add(device)
        yield from filesystem(device, mountpoint, sample.value, free[mountpoint], available[mountpoint])
        if files.get(mountpoint) and mountpoint in files_free:
            share = 100.0 * (files[mountpoint] - files_free[mountpoint]) / files[mountpoint]
            yield "system.filesystem.inodes.utilization", share, {"mountpoint": mountpoint, "device": device}


def _counters(found: Families, rates: Rates, at: float) -> Iterator[Figure]:
    for name, metric, label, direction in COUNTERS:
        for sample in found.get(name, ()):
            device = sample.labels["device"]
            if (label == "interface" and device.startswith(QUIET_INTERFACES)) or (label == "device" and not WHOLE_DISK.match(device)):
                continue
            if (rate := rates.per_second((metric, device, direction), sample.value, at)) is not None:
                yield metric, rate, {label: device, "direction": direction}
