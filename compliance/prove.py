"""Prove the checks: run every sample of every check. Used by the tests and by a site that writes checks of its own.

A sample starts from the shipped host of its platform (``samples/<platform>.yaml``) and changes a few lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from compliance.check import Change, Check, Sample
from compliance.evaluate import evaluate
from compliance.host import Host
from compliance.kinds import form_of
from compliance.verdict import Outcome, Verdict
from core.errors import ConfigError
from core.files import read_yaml
from core.records import Snapshot, ended
from inventory.configuration.dialects import marked

NOW = datetime(2026, 9, 26, 8, 0, tzinfo=UTC)
FOLDER = Path(__file__).parent / "samples"


@lru_cache(maxsize=8)
def host(platform: str) -> Mapping[str, str]:
    """The bodies by kind of the conforming host of a platform; raises ConfigError when there is none."""
    document = read_yaml(FOLDER / f"{platform}.yaml")
    return {str(kind): str(body) for kind, body in document.data.items()}


def platforms() -> tuple[str, ...]:
    """The platforms that have a conforming host."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@lru_cache(maxsize=32)
def families(platform: str) -> frozenset[str]:
    """The platform and what it belongs to, as the conforming host tells by itself."""
    return Host(platform, snapshots(Sample(platform=platform, verdict="pass")), NOW).platforms()


def is_meant(check: Check, platform: str) -> bool:
    """Whether the check is for the conforming host of a platform and reads what that host has."""
    if check.is_worked_out:
        texts = snapshots(Sample(platform=platform, verdict="pass"))
        return bool(families(platform) & set(check.platforms)) and evaluate(check, platform, texts, NOW).outcome is not Outcome.NOT_APPLICABLE
    return check.kinds <= host(platform).keys() if "any" in check.platforms else bool(families(platform) & set(check.platforms))


def changed(bodies: Mapping[str, str], change: Change) -> Mapping[str, str]:
    """The host with one change; raises ConfigError when the text to replace is not there."""
    if change.absent:
        return {kind: body for kind, body in bodies.items() if kind != change.kind}
    body = bodies.get(change.kind, "") if change.body is None else change.body
    if change.replace and change.replace not in body:
        raise ConfigError(f"the sample replaces {change.replace!r}, which does not stand in {change.kind}")
    replaced = body.replace(change.replace, change.by) if change.replace else body
    return {**bodies, change.kind: replaced + change.append}


def snapshots(sample: Sample) -> list[Snapshot]:
    """The texts of a sample, read at ``NOW`` less its age."""
    bodies = host(sample.platform)
    for change in sample.change:
        bodies = changed(bodies, change)
    time = NOW - timedelta(days=sample.age_days)
    return [
        Snapshot(time=time, asset=f"sample-{sample.platform}", kind=kind, body=ended(body) if form_of(kind).end else marked(body))
        for kind, body in bodies.items()
    ]


def prove(check: Check) -> Iterator[tuple[Sample, Verdict]]:
    """Each sample, the untouched hosts first (they pass), with the verdict that it gives."""
    plain = [Sample(platform=platform, verdict="pass") for platform in platforms() if is_meant(check, platform)]
    for sample in (*plain, *check.samples):
        texts = snapshots(sample)
        yield sample, evaluate(check, texts[0].asset, texts, NOW)
