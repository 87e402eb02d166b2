"""What a collector gave, checked before anybody else sees it: a plug-in may return anything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from core.records import Event, Record, Sample, Snapshot

MAX_RECORDS: Final = 200_000
MAX_BODY: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Checked:
    """The good records, what was wrong with the others ("" when nothing was), and the error that ended it, if one did."""

    records: tuple[Record, ...] = ()
    fault: str = ""
    error: Exception | None = None


def check(collect: Callable[[], Iterable[Any]], is_over: Callable[[], bool]) -> Checked:
    """Call ``collect`` and take at most ``MAX_RECORDS`` records; never raises.

    Wrong records are left out and counted by reason; those given before an error are kept. Stops when ``is_over``.
    """
    good: list[Record] = []
    wrong: Counter[str] = Counter()
    error: Exception | None = None
    try:
        _take(collect(), is_over, good, wrong)
    except Exception as err:  # noqa: BLE001 - the one place where anything that a plug-in does ends
        error = err
    except SystemExit as err:
        error = RuntimeError(f"tried to end the process ({err})")
    return Checked(tuple(good), "; ".join(f"{reason} ({count}x)" for reason, count in wrong.most_common(3)), error)


def _take(given: Any, is_over: Callable[[], bool], good: list[Record], wrong: Counter[str]) -> None:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        wrong[f"gave {type(given).__name__} in place of records"] += 1
        return
    for number, item in enumerate(given):
        if number >= MAX_RECORDS:
            wrong[f"more than {MAX_RECORDS:,} records"] += 1
            return
        if is_over():
            return
        if reason := _fault(item):
            wrong[reason] += 1
        else:
            good.append(item)


def _fault(item: Any) -> str:
    if not isinstance(item, Sample | Event | Snapshot):
        return f"gave {type(item).__name__} in place of a record"
    if getattr(item.time, "tzinfo", None) is None:
        return "a time without a zone"
    if not isinstance(item.asset, str) or not item.asset:
        return "a record without an asset"
    if isinstance(item, Sample):
        return _sample_fault(item)
    if isinstance(item, Snapshot):
        return "" if isinstance(item.body, str) and len(item.body) <= MAX_BODY else f"a snapshot that is no text or above {MAX_BODY:,} characters"
    return "" if isinstance(item.id, str) and isinstance(item.message, str) and item.id else "an event without id or message"


def _sample_fault(item: Sample) -> str:
    if not isinstance(item.value, int | float) or isinstance(item.value, bool) or not math.isfinite(item.value):
        return f"a value that is no finite number in {item.metric}"
    if not item.metric or any(not isinstance(value, str) for value in item.labels.values()):
        return f"a label that is no text in {item.metric}"
    return ""
