"""Record a device, and try profiles on a recording: what a site needs to write a profile of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectors.network.snmp.access import Access
from collectors.network.snmp.device import read_device
from collectors.network.snmp.profile import Profile, read_profiles, standard_profiles
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Reading, document
from collectors.network.snmp.recording import line, read_recording
from core.errors import BadReply

ROOTS = ("1.0.8802", "1.3.6.1", "1.3.111")
MAX_LINES = 500_000
_OPAQUE = 68


def record(access: Access, path: Path, deadline_s: float = 900.0, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Write everything that the agent at ``access`` gives to ``path`` as ``OID|tag|value`` lines; returns how many.

    Raises DeviceError; what was read until then is in the file. The file holds what the device says, so names and
    communities may be in it: read it before you pass it on.
    """
    from collectors.network.snmp.thorough import PysnmpSession

    session = PysnmpSession(access)
    ends = monotonic() + deadline_s
    written = 0
    seen: set[str] = set()
    try:
        with path.open("w", encoding="utf-8") as out:
            for root in ROOTS:
                for oid, raw in session.walk_typed(root):
                    if oid in seen or written >= MAX_LINES or monotonic() > ends:
                        raise BadReply(access.host, f"the walk does not end (at {oid}, after {written:,} values); what was read is in {path}")
                    seen.add(oid)
                    out.write(_line(oid, raw) + "\n")
                    written += 1
    finally:
        session.close()
    return written


def _line(oid: str, raw: Any) -> str:
    """A value with its tag, an Opaque as the octets that it is."""
    from collectors.network.snmp.thorough import plain

    tag = int(raw.tagSet[-1].tagClass | raw.tagSet[-1].tagId)
    return line(oid, tag, bytes(raw) if tag == _OPAQUE else plain(raw))


def try_profiles(recording: Path, own: Path | None = None) -> Reading:
    """What the profiles (those of the file or folder ``own`` before the product's) read on a recording; raises ConfigError."""
    paths = [] if own is None else sorted(own.glob("*.yaml")) if own.is_dir() else [own]
    profiles: tuple[Profile, ...] = (*read_profiles(paths), *standard_profiles())
    reader = Reader(read_recording(recording), time.monotonic, time.monotonic() + 60)
    return read_device(reader, profiles)


def shown(reading: Reading) -> str:
    """A reading for people: one JSON document with indents, interfaces in short."""
    body = document(reading)
    body["interfaces"] = [f"{row['index']} {row['name']} {row['oper']}" for row in body["interfaces"]]
    return json.dumps(body, ensure_ascii=False, indent=1)
