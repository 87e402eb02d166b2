"""Every shipped check, proved on its samples: the conforming hosts pass, each tripping sample fails."""

from __future__ import annotations

import pytest

from compliance.check import Check, load_checks
from compliance.kinds import kinds
from compliance.prove import platforms, prove

LOADED = load_checks()


def test_every_shipped_check_loads_without_an_error() -> None:
    assert not LOADED.errors, "\n".join(map(str, LOADED.errors))
    assert len(LOADED.checks) >= 30


@pytest.mark.parametrize("check", LOADED.checks.values(), ids=LOADED.checks)
def test_it_gives_the_verdict_that_each_sample_names(check: Check) -> None:
    for number, (sample, verdict) in enumerate(prove(check)):
        assert verdict.outcome.value == sample.verdict, f"sample {number} on {sample.platform}: {verdict.reason.en} {verdict.observed}"


@pytest.mark.parametrize("check", LOADED.checks.values(), ids=LOADED.checks)
def test_it_has_a_tripping_sample_on_each_platform(check: Check) -> None:
    tripped = {sample.platform for sample in check.samples if sample.verdict == "fail"}
    meant = {platform for platform in platforms() if {"linux", "any", platform} & set(check.platforms)}
    assert meant <= tripped


@pytest.mark.parametrize("check", LOADED.checks.values(), ids=LOADED.checks)
def test_it_reads_kinds_that_have_a_form(check: Check) -> None:
    assert check.kinds <= set(kinds())


def test_no_verdict_passes_when_every_text_is_missing_stale_or_cut_off() -> None:
    from compliance.evaluate import evaluate
    from compliance.prove import NOW, snapshots
    from compliance.verdict import Outcome
    from core.records import Snapshot

    for platform in platforms():
        from compliance.check import Sample

        whole = snapshots(Sample(platform=platform, verdict="pass"))
        name = next(s for s in whole if s.kind == "os-release")
        cut = [name, *(Snapshot(time=s.time, asset=s.asset, kind=s.kind, body=s.body[:40] + "\n[truncated]") for s in whole if s.kind != "os-release")]
        gone = [Snapshot(time=s.time, asset=s.asset, kind=s.kind, body="") for s in whole if s.kind != "os-release"]
        stale = snapshots(Sample(platform=platform, verdict="unknown", age_days=30))
        for check in LOADED.checks.values():
            for texts in ([], cut, stale, [name, *gone]):
                outcome = evaluate(check, "a", texts, NOW).outcome
                assert outcome is Outcome.UNKNOWN or (outcome is Outcome.FAIL and texts[1:] == gone), check.id
