"""``python -m compliance.coverage`` prints docs/compliance-coverage.md: how each item of levels 1 to 4 comes to its verdict."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from compliance.check import Check
from compliance.framework import Framework, Grade, Item, load_framework
from compliance.kinds import OWN_STATE, RECORDS
from compliance.load import load_checks
from compliance.queries import coverage
from compliance.rollup import book_of

WAYS = ("decided", "evidence", "manual")
EXTENSIONS = {"cloud": "云计算 / cloud", "mobile": "移动互联 / mobile", "iot": "物联网 / internet of things", "ics": "工业控制 / industrial control"}
Row = tuple[Item, str, tuple[str, ...]]
SOURCES = ("telemetry", "product", "records", "nothing")
"""What an item rests on, the best first: what devices, programs and figures say, what this installation says of itself, what people wrote down."""


def page() -> str:
    """The page in Markdown."""
    framework, checks = load_framework(), tuple(load_checks().checks.values())
    lines = [
        "# Coverage of the items of GB/T 22239-2019",
        "",
        "Written by `python -m compliance.coverage`. *decided*: checks decide. *evidence*: checks give evidence (a failure decides, a pass",
        "is a proposal), an officer has the last word. *manual*: an officer answers the item's question. *may*: what the catalogue thinks telemetry could do.",
    ]
    found = {level: rows_of(framework, checks, level) for level in (1, 2, 3, 4)}
    for level, rows in found.items():
        general = [row for row in rows if row[0].scope == "general"]
        counts = Counter((item.layer, way) for item, way, _ in general)
        lines += ["", f"## Level {level}: {len(general)} items", "", "| layer | decided | evidence | manual |", "|---|---|---|---|"]
        lines += [f"| {layer.zh} | {' | '.join(str(counts[layer.zh, way]) for way in WAYS)} |" for layer in framework.layers]
        lines += [f"| all | {_sums(general)} |"]
        lines += [*_resting(general, {check.id: check for check in checks}), *_each(general, level)] if level == 3 else []
    lines += ["", "## Extensions", "", "| extension | level | items | decided | evidence | manual |", "|---|---|---|---|---|---|"]
    for scope, title in EXTENSIONS.items():
        for level, rows in found.items():
            own = [row for row in rows if row[0].scope == scope]
            lines += [f"| {title} | {level} | {len(own)} | {_sums(own)} |"]
    lines += _each([row for row in found[3] if row[0].scope != "general"], 3)
    return "\n".join(lines) + "\n"


def rows_of(framework: Framework, checks: Sequence[Check], level: int) -> list[Row]:
    """Every item of a level and of all extensions with the way to its verdict and the checks that speak for it."""
    grade = Grade(level, level, tuple(EXTENSIONS))
    return coverage(framework, grade, book_of(framework, framework.applicable(grade), checks))


def source_of(names: Sequence[str], checks: Mapping[str, Check]) -> str:
    """The best of ``SOURCES`` among the checks that speak for an item."""
    return min((_rests_on(checks[name]) for name in names), key=SOURCES.index, default="nothing")


def _rests_on(check: Check) -> str:
    if any(kind != OWN_STATE and not kind.startswith(RECORDS + ".") for kind in check.kinds):
        return "telemetry"
    return "product" if OWN_STATE in check.kinds else "records"


def promised(rows: Sequence[Row]) -> list[Row]:
    """The items of which the catalogue thinks that telemetry could decide them, or give evidence."""
    return [row for row in rows if row[0].auto != "manual"]


def _resting(rows: Sequence[Row], checks: Mapping[str, Check]) -> list[str]:
    counts = Counter((item.auto, source_of(names, checks)) for item, _, names in promised(rows))
    head = [
        "",
        "What the items rest on of which the catalogue thinks that a machine could decide (auto) or give evidence (partial): *telemetry* of devices, programs,",
    ]
    head += ["figures and stored events; the *product* of itself; *records* that people keep in it.", ""]
    table = ["| may | items | telemetry | product | records | nothing |", "|---|---|---|---|---|---|"]
    return (
        head
        + table
        + [f"| {may} | {sum(counts[may, one] for one in SOURCES)} | {' | '.join(str(counts[may, one]) for one in SOURCES)} |" for may in ("auto", "partial")]
    )


def _sums(rows: Sequence[Row]) -> str:
    return " | ".join(str(sum(found == way for _, found, _ in rows)) for way in WAYS)


def _each(rows: Sequence[Row], level: int) -> list[str]:
    head = ["", "| item | control point | may | way | checks |", "|---|---|---|---|---|"]
    return head + [f"| {i.id} {i.clauses[str(level)]} | {i.control_point} | {i.auto} | {way} | {', '.join(names)} |" for i, way, names in rows]


if __name__ == "__main__":
    sys.stdout.write(page())
