"""A scorer of poll documents against what is known of the recorded devices, per part and over all (0 to 100).

``python -m tests.snmp.score [OUT.jsonl]`` scores the lines of a poll whose targets are named as the recordings, or,
without a file, reads the recordings directly, and with ``--generic`` so as if no maker were known. The folder is
``snmp-recordings`` of WANGLOU_SHARED (default ``../shared``).
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collectors.network.snmp.device import read_device
from collectors.network.snmp.profile import Profile, standard_profiles
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import document
from collectors.network.snmp.recording import read_recording

SHARED = Path(os.environ.get("WANGLOU_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "snmp-recordings"
WEIGHTS = {"identity": 20, "interfaces": 15, "sensors": 25, "states": 10, "processors": 10, "memory": 8, "storage": 4, "neighbours": 4, "inventory": 4}
_ENTERPRISES = "1.3.6.1.4.1."
_CELLS = ("admin", "oper", "mtu", "mac", "speed_bps", "alias", "in_octets", "out_octets", "in_errors", "out_errors")
_FACTORS = {"sensors": (1.0, 60.0, 1 / 60, 1000.0, 0.001)}
Row = Mapping[str, Any]


def plain(value: Any) -> str:
    """Case and punctuation gone."""
    return re.sub(r"[^a-z0-9]", "", str(value or "").lower())


def near(one: Any, other: Any, tolerance: float = 0.02) -> bool:
    """Numbers equal up to rounding."""
    if one is None or other is None:
        return False
    return abs(float(one) - float(other)) <= max(0.051, tolerance * abs(float(other)))


def identity(got: Row, want: Row) -> float:
    """The share of the known facts that were told."""
    marks: list[bool] = []
    for fact in ("vendor", "os"):
        if known := want.get(f"{fact}_any"):
            said = plain(got.get(fact))
            marks.append(said in known or plain(got.get("vendor")) + said in known)
    for fact in ("model", "serial", "sysname"):
        if want.get(fact):
            said, known_ = plain(got.get(fact)), plain(want[fact])
            marks.append(bool(said) and (said == known_ or said in known_ or known_ in said if fact == "model" else said == known_))
    if version := want.get("version"):
        said = plain(got.get("version"))
        marks.append(bool(said) and all(plain(token) in said for token in version["tokens"]))
    return sum(marks) / len(marks) if marks else 1.0


def interfaces(got: Sequence[Row], want: Row) -> float:
    """The share of the known cells that are right; an invented interface counts as a wrong cell."""
    rows = {row["index"]: row for row in got}
    right = cells = 0
    for known in want["must"]:
        row = rows.get(known["index"])
        for name in ("name_any", *_CELLS):
            if name not in known:
                continue
            cells += 1
            right += row is not None and _cell(row, name, known[name])
    invented = sum(index not in want["may"] for index in rows)
    return right / (cells + invented) if cells else 1.0


def _cell(row: Row, name: str, known: Any) -> bool:
    if name == "name_any":
        return bool({plain(row.get("name")), plain(row.get("descr"))} & {plain(word) for word in known})
    if name in ("mac", "alias"):
        return plain(row.get(name)) == plain(known)
    return bool(row.get(name) == known)


def by_oid(got: Sequence[Row], want: Sequence[Row], right: Callable[[Row, Row], bool], has: Callable[[str], bool]) -> float:
    """The share of known rows found by OID; a row whose OID the device does not have counts as one more."""
    rows: dict[str, list[Row]] = {}
    for row in got:
        rows.setdefault(row["oid"] or "", []).append(row)
    false = sum(not has(oid) for oid in rows if oid)
    return sum(any(right(row, known) for row in rows.get(known["oid"], ())) for known in want) / (len(want) + false)


def sensor_right(row: Row, known: Row) -> bool:
    """Class and value agree, in whatever multiple of the unit."""
    return bool(row["class"] == known["class"]) and any(near(row["value"] * factor, known["value"]) for factor in _FACTORS["sensors"])


def state_right(row: Row, known: Row) -> bool:
    """Raw value and meaning agree."""
    return bool(row["class"] == "state" and row["value"] == known["raw"] and row["status"] == known.get("status", row["status"]))


def pools(got: Sequence[Row], want: Sequence[Row]) -> float:
    """The share of known pools with the right size, use and, for memory, kind."""
    rest = list(got)
    right = 0
    for known in want:
        found = next((row for row in rest if _pool(row, known)), None)
        if found is not None:
            rest.remove(found)
            right += 1
    return right / len(want)


def _pool(row: Row, known: Row) -> bool:
    if known.get("total_bytes") and not near(row.get("total_bytes"), known["total_bytes"]):
        return False
    uses = known.get("usage_pct_any") or [known.get("usage_pct")]
    return any(near(row.get("usage_pct"), use, 0.03) or abs(float(row.get("usage_pct") or -99) - float(use or 0)) <= 1.5 for use in uses)


def neighbours(got: Sequence[Row], want: Sequence[Row]) -> float:
    """The share of known neighbours with protocol and name."""
    said = {(row["protocol"], plain(row["remote_name"])) for row in got}
    return sum((known["protocol"], plain(known.get("remote_name"))) in said for known in want) / len(want)


def inventory(got: Sequence[Row], want: Sequence[Row]) -> float:
    """The share of known parts with the right model and serial number."""
    rows = {str(row["index"]): row for row in got}
    return sum(
        all(plain(rows.get(str(known["index"]), {}).get(fact)) == plain(known[fact]) for fact in ("model", "serial") if fact in known) for known in want
    ) / len(want)


def score_device(got: Row, want: Row, has: Callable[[str], bool]) -> dict[str, float]:
    """Each part of one device between 0 and 1."""
    states = [row for row in got["sensors"] if row["class"] == "state"]
    others = [row for row in got["sensors"] if row["class"] != "state"]
    marks: dict[str, float] = {}
    if want.get("identity"):
        marks["identity"] = identity(got["identity"], want["identity"])
    if want.get("interfaces"):
        marks["interfaces"] = interfaces(got["interfaces"], want["interfaces"])
    if want.get("sensors"):
        marks["sensors"] = by_oid(others, want["sensors"], sensor_right, has)
    if want.get("states"):
        marks["states"] = by_oid(states, want["states"], state_right, has)
    if want.get("processors"):
        marks["processors"] = by_oid(got["processors"], want["processors"], lambda row, known: abs(row["usage_pct"] - known["usage_pct"]) <= 1.0, has)
    for name, judge in (("memory", pools), ("storage", pools), ("neighbours", neighbours), ("inventory", inventory)):
        if want.get(name):
            marks[name] = judge(got[name], want[name])
    return marks


def total(marks: Mapping[str, float]) -> float:
    """One device over the parts that it has, 0 to 100."""
    weight = sum(WEIGHTS[part] for part in marks)
    return 100 * sum(WEIGHTS[part] * mark for part, mark in marks.items()) / weight if weight else 0.0


def names() -> list[str]:
    """The recordings that are here."""
    return [path.stem for path in sorted((SHARED / "truth").glob("*.json"))]


def truth(name: str) -> Any:
    """What is known of one device."""
    return json.loads((SHARED / "truth" / f"{name}.json").read_text(encoding="utf-8"))


def read_directly(name: str, profiles: Sequence[Profile] | None = None) -> dict[str, Any]:
    """The document of a recording, without a network."""
    session = read_recording(SHARED / "recordings" / f"{name}.snmprec")
    return document(read_device(Reader(session, time.monotonic, time.monotonic() + 60), standard_profiles() if profiles is None else profiles))


def generic_profiles() -> list[Profile]:
    """The profiles of standard tables: they hold for any maker's device that answers there."""
    return [profile for profile in standard_profiles() if any(match.answers and not match.answers.startswith(_ENTERPRISES) for match in profile.match)]


def oids(name: str) -> set[str]:
    """Every OID that a recorded device has."""
    lines = (SHARED / "recordings" / f"{name}.snmprec").read_text(encoding="utf-8", errors="replace").split("\n")
    return {line.split("|", 1)[0].removeprefix(".") for line in lines if "|" in line}


def summary(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The mean of each part over the devices that have it, and the whole."""
    parts = {part: [marks[part] for marks in scores.values() if part in marks] for part in WEIGHTS}
    means = {part: round(100 * sum(values) / len(values), 1) for part, values in parts.items() if values}
    return {**means, "all": round(sum(map(total, scores.values())) / len(scores), 2)}


def score(documents: Mapping[str, Row]) -> dict[str, dict[str, float]]:
    """Each device's marks."""
    return {name: score_device(got, truth(name), oids(name).__contains__) for name, got in documents.items()}


def false_sensors(documents: Mapping[str, Row]) -> tuple[int, int]:
    """How many sensors have an OID that their device does not have, and how many there are."""
    rows = [(row["oid"], name) for name, got in documents.items() for row in got["sensors"]]
    known = {name: oids(name) for name in documents}
    return sum(oid not in known[name] for oid, name in rows), len(rows)


def main(arguments: Iterable[str]) -> int:
    """Score a poll, or the recordings themselves, and print one JSON object."""
    given = list(arguments)
    if given == ["--generic"]:
        documents = {name: read_directly(name, generic_profiles()) for name in names()}
    elif given:
        lines = [json.loads(line) for line in Path(given[0]).read_text(encoding="utf-8").splitlines()]
        documents = {line["target"]: line for line in lines}
    else:
        documents = {name: read_directly(name) for name in names()}
    scores = score(documents)
    false, sensors = false_sensors(documents)
    each = {name: round(total(marks), 1) for name, marks in scores.items()}
    print(json.dumps({**summary(scores), "devices": len(scores), "sensor_rows": sensors, "false_sensors": false, "each": each}, ensure_ascii=False))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
