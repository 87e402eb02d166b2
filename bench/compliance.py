"""Compliance: every shipped check and the 211 items of MLPS level 3 over 1,000 assets, on one core, in memory."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from compliance.check import Sample
from compliance.evaluate import judge
from compliance.framework import grade_of, load_framework
from compliance.host import Host
from compliance.load import load_checks
from compliance.prove import NOW, platforms, snapshots
from compliance.rollup import assess, book_of


def _of_its_own(body: str, name: str) -> str:
    """``body`` with a line that no other asset has, before its last one, which says that it is whole."""
    before, last = body.rstrip("\n").rpartition("\n")[::2]
    return f"{before}\n# {name}\n{last}\n"


def run(assets: int = 1000) -> dict[str, Any]:
    """Seconds to judge every asset and to roll the verdicts up (bar: 60)."""
    framework, checks = load_framework(), tuple(load_checks().checks.values())
    items = framework.applicable(grade_of("S3A3"))
    whole = {platform: snapshots(Sample(platform=platform, verdict="pass")) for platform in platforms()}
    names = [(f"server-{number}", platforms()[number % len(platforms())]) for number in range(assets)]
    started = time.perf_counter()
    verdicts = {}
    for name, platform in names:
        texts = [replace(text, asset=name, body=_of_its_own(text.body, name)) for text in whole[platform]]
        host = Host(name, texts, NOW)
        verdicts[name] = {check.id: judge(check, host) for check in checks}
    judged = time.perf_counter()
    results = assess(book_of(framework, items, checks), verdicts, (), NOW)
    ended = time.perf_counter()
    return {
        "bench": "compliance",
        "assets": assets,
        "items": len(results),
        "checks": len(checks),
        "judge_s": round(judged - started, 2),
        "rollup_s": round(ended - judged, 2),
        "seconds": round(ended - started, 2),
        "bar_s": 60,
        "ok": ended - started < 60,
    }
