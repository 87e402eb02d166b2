"""``python -m compliance.coverage`` prints docs/compliance-coverage.md: how each item of levels 1 to 4 comes to its verdict."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from compliance.check import Check, load_checks
from compliance.framework import Framework, Grade, Item, load_framework
from compliance.queries import coverage
from compliance.rollup import book_of

WAYS = ("decided", "evidence", "manual")
EXTENSIONS = {"cloud": "云计算 / cloud", "mobile": "移动互联 / mobile", "iot": "物联网 / internet of things", "ics": "工业控制 / industrial control"}
Row = tuple[Item, str, tuple[str, ...]]


def page() -> str:
    """The page in Markdown."""
    framework, checks = load_framework(), tuple(load_checks().checks.values())
    lines = [
        "# Coverage of the items of GB/T 22239-2019",
        "",
        "Written by `python -m compliance.coverage`. *decided*: checks decide. *evidence*: checks give evidence (a failure decides, a pass",
        "is a proposal), an officer has the last word. *manual*: an officer answers the item's question. *may*: what the catalogue thinks telemetry could do.",
    ]
    found = {level: _rows(framework, checks, level) for level in (1, 2, 3, 4)}
    for level, rows in found.items():
        general = [row for row in rows if row[0].scope == "general"]
        counts = Counter((item.layer, way) for item, way, _ in general)
        lines += ["", f"## Level {level}: {len(general)} items", "", "| layer | decided | evidence | manual |", "|---|---|---|---|"]
        lines += [f"| {layer.zh} | {' | '.join(str(counts[layer.zh, way]) for way in WAYS)} |" for layer in framework.layers]
        lines += [f"| all | {_sums(general)} |"]
        lines += _each(general, level) if level == 3 else []
    lines += ["", "## Extensions", "", "| extension | level | items | decided | evidence | manual |", "|---|---|---|---|---|---|"]
    for scope, title in EXTENSIONS.items():
        for level, rows in found.items():
            own = [row for row in rows if row[0].scope == scope]
            lines += [f"| {title} | {level} | {len(own)} | {_sums(own)} |"]
    lines += _each([row for row in found[3] if row[0].scope != "general"], 3)
    return "\n".join(lines) + "\n"


def _rows(framework: Framework, checks: Sequence[Check], level: int) -> list[Row]:
    grade = Grade(level, level, tuple(EXTENSIONS))
    return coverage(framework, grade, book_of(framework, framework.applicable(grade), checks))


def _sums(rows: Sequence[Row]) -> str:
    return " | ".join(str(sum(found == way for _, found, _ in rows)) for way in WAYS)


def _each(rows: Sequence[Row], level: int) -> list[str]:
    head = ["", "| item | control point | may | way | checks |", "|---|---|---|---|---|"]
    return head + [f"| {i.id} {i.clauses[str(level)]} | {i.control_point} | {i.auto} | {way} | {', '.join(names)} |" for i, way, names in rows]


if __name__ == "__main__":
    sys.stdout.write(page())
