"""What the checks say of a database that was polled."""

from __future__ import annotations

from compliance.evaluate import judge
from compliance.host import Host
from compliance.load import load_checks
from core.records import Snapshot
from tests.collectors.support import Polled


def judged(polled: Polled, platform: str) -> dict[str, str]:
    """Check -> outcome, of the checks for that platform."""
    texts = [item for item in polled.records if isinstance(item, Snapshot)]
    host = Host(texts[0].asset, texts, texts[0].time)
    return {name: judge(check, host).outcome.value for name, check in load_checks().checks.items() if platform in check.platforms}
