"""``python -m compliance.coverage`` prints docs/compliance-coverage.md: how each item of levels 1 to 4 comes to its verdict."""

from __future__ import annotations

import sys
from collections import Counter

from compliance.check import load_checks
from compliance.framework import Grade, load_framework
from compliance.queries import coverage
from compliance.rollup import book_of

WAYS = ("decided", "evidence", "manual")


def page() -> str:
    """The page in Markdown."""
    framework, checks = load_framework(), tuple(load_checks().checks.values())
    lines = [
        "# Coverage of the items of GB/T 22239-2019",
        "",
        "Written by `python -m compliance.coverage`. *decided*: checks decide. *evidence*: checks give evidence (a failure decides, a pass",
        "is a proposal), an officer has the last word. *manual*: an officer answers the item's question. *may*: what the catalogue thinks telemetry could do.",
    ]
    for level in (1, 2, 3, 4):
        grade = Grade(level, level)
        book = book_of(framework, framework.applicable(grade), checks)
        rows = coverage(framework, grade, book)
        counts = Counter((item.layer, way) for item, way, _ in rows)
        lines += ["", f"## Level {level}: {len(rows)} items", "", "| layer | decided | evidence | manual |", "|---|---|---|---|"]
        lines += [f"| {layer.zh} | {' | '.join(str(counts[layer.zh, way]) for way in WAYS)} |" for layer in framework.layers]
        lines += [f"| all | {' | '.join(str(sum(found == way for _, found, _ in rows)) for way in WAYS)} |"]
        if level == 3:
            lines += ["", "| item | control point | may | way | checks |", "|---|---|---|---|---|"]
            lines += [f"| {i.id} {i.clauses[str(level)]} | {i.control_point} | {i.auto} | {way} | {', '.join(names)} |" for i, way, names in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
