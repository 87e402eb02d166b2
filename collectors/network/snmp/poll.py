"""Poll many devices at once and write what each of them told, one JSON document a line.

A device that does not answer gives a line too, with ``ok`` false and the reason. Devices are polled side by side and
each has its own deadline, so that a slow one delays nobody.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TextIO

from collectors.network.snmp.access import Access, auth_protocol, privacy_protocol
from collectors.network.snmp.device import read_device
from collectors.network.snmp.profile import Profile, standard_profiles
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Reading, document
from collectors.network.snmp.session import Engine, open_session
from core.errors import ConfigError, WanglouError

DEADLINE_S = 120.0
CONCURRENCY = 24


def access_of(target: Mapping[str, Any]) -> Access:
    """The address and credentials in one line of a targets file; raises ConfigError."""
    try:
        version = str(target.get("version", "2c")).removeprefix("v")
        if version not in ("1", "2c", "3"):
            raise ConfigError(f"{version!r} is no SNMP version; write 1, 2c or 3", key="version")
        return Access(
            host=str(target["host"]),
            port=int(target.get("port", 161)),
            version=version,  # type: ignore[arg-type]
            community=str(target.get("community", "public")),
            user=str(target.get("user", "")),
            auth=auth_protocol(str(target.get("auth", ""))),
            auth_key=str(target.get("auth_key", "")),
            privacy=privacy_protocol(str(target.get("privacy", ""))),
            privacy_key=str(target.get("privacy_key", "")),
            timeout_s=float(target.get("timeout_s", 4.0)),
        )
    except KeyError as err:
        raise ConfigError("is missing", key=str(err.args[0])) from err
    except (TypeError, ValueError) as err:
        raise ConfigError(f"a value of the wrong kind: {err}") from err


def poll_device(access: Access, profiles: Iterable[Profile], deadline_s: float = DEADLINE_S, engine: Engine = "gufo") -> Reading:
    """Poll one device now; raises DeviceError when it cannot be reached at all."""
    session = open_session(access, engine)
    try:
        return read_device(Reader(session, time.monotonic, time.monotonic() + deadline_s), profiles)
    finally:
        session.close()


def poll_line(target: Mapping[str, Any], profiles: Iterable[Profile], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """The document of one target; never raises for what a device or a targets file does wrong."""
    name = str(target.get("target", ""))
    try:
        reading = poll_device(access_of(target), profiles, deadline_s)
    except WanglouError as err:
        return {"target": name, "ok": False, "error": str(err), **document(Reading())}
    body = document(reading)
    silent = not reading.profiles and not reading.interfaces and reading.problems and reading.uptime_s is None and not reading.sensors
    return {"target": name, "ok": not silent, "error": reading.problems[0] if reading.problems else None, **body}


def poll_targets(targets_file: Path, out_file: Path, concurrency: int = CONCURRENCY, deadline_s: float = DEADLINE_S) -> int:
    """Poll every line of ``targets_file``, write one line for each to ``out_file``; returns how many answered.

    Raises ConfigError when the targets file cannot be read or a line is no JSON object.
    """
    targets = read_targets(targets_file)
    profiles = standard_profiles()
    answered = 0
    with out_file.open("w", encoding="utf-8") as out, ThreadPoolExecutor(concurrency, thread_name_prefix="poll") as pool:
        silent = []
        for target, line in _poll_all(pool, targets, profiles, deadline_s):
            if line["ok"]:
                answered += _write(out, line)
            else:
                silent.append(target)
        # an agent that was busy with the others gets a second chance once they are done
        for _, line in _poll_all(pool, silent, profiles, deadline_s):
            answered += _write(out, line)
    return answered


def _poll_all(
    pool: ThreadPoolExecutor, targets: Iterable[Mapping[str, Any]], profiles: tuple[Profile, ...], deadline_s: float
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Each target with its line, in the order in which they are done."""
    running = {pool.submit(poll_line, target, profiles, deadline_s): target for target in targets}
    for done in as_completed(running):
        yield running[done], done.result()


def _write(out: TextIO, line: Mapping[str, Any]) -> bool:
    out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode() + "\n")
    out.flush()
    return bool(line["ok"])


def read_targets(path: Path) -> list[Mapping[str, Any]]:
    """The targets of a file of JSON lines."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot be read: {err}", path=path) from err
    targets: list[Mapping[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            target = json.loads(line)
        except ValueError as err:
            raise ConfigError(f"is no JSON: {err}", path=path, line=number) from err
        if not isinstance(target, dict):
            raise ConfigError("is no JSON object", path=path, line=number)
        targets.append(target)
    return targets


def main(arguments: list[str] | None = None, say: Callable[[str], object] = sys.stderr.write) -> int:
    """``python -m collectors.network.snmp.poll --targets FILE --out FILE``."""
    parser = argparse.ArgumentParser(description="Poll many SNMP devices, one JSON document a line.")
    parser.add_argument("--targets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY)
    parser.add_argument("--deadline", type=float, default=DEADLINE_S, help="seconds for one device")
    wanted = parser.parse_args(arguments)
    try:
        answered = poll_targets(wanted.targets, wanted.out, wanted.concurrency, wanted.deadline)
    except ConfigError as err:
        say(f"{err}\n")
        return 2
    say(f"{answered} devices answered\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
