"""``python -m bench NAME``: run one benchmark and print one JSON object."""

from __future__ import annotations

import json
import sys
from typing import Final

from core.errors import WanglouError
from core.registry import resolve

BENCHMARKS: Final = {
    "alerting": "bench.alerting:run",
    "console": "bench.console:run",
    "compliance": "bench.compliance:run",
    "flows": "bench.flows:run",
    "footprint": "bench.footprint:run",
    "detection": "bench.detection:run",
    "graph": "bench.graph:run",
    "listeners": "bench.listeners:run",
    "polling": "bench.polling:run",
    "reports": "bench.reports:run",
    "roots": "bench.roots:run",
    "shipping": "bench.shipping:run",
    "store": "bench.store:run",
    "topology": "bench.topology:run",
}


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    if len(arguments) != 1:
        print(f"usage: python -m bench NAME, where NAME is one of: {', '.join(sorted(BENCHMARKS))}", file=sys.stderr)
        return 2
    try:
        figures = resolve(BENCHMARKS, arguments[0], "benchmark")()
    except WanglouError as err:
        print(err, file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
