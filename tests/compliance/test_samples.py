"""Every shipped check, proved on its samples: the conforming hosts pass, each tripping sample fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compliance.check import Check, Sample
from compliance.evaluate import evaluate
from compliance.host import Host
from compliance.kinds import Unreadable, form_of, readable
from compliance.load import load_checks
from compliance.prove import NOW, is_meant, platforms, prove, snapshots
from compliance.verdict import Outcome
from core.records import Snapshot
from inventory.configuration.dialects import DIALECTS

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
    meant = {platform for platform in platforms() if is_meant(check, platform)}
    assert meant <= tripped


@pytest.mark.parametrize("check", LOADED.checks.values(), ids=LOADED.checks)
def test_it_reads_kinds_that_have_a_form(check: Check) -> None:
    assert all(form_of(kind).command != kind for kind in check.kinds)


def test_no_verdict_passes_when_every_text_is_missing_stale_or_cut_off() -> None:
    for platform in platforms():
        whole = snapshots(Sample(platform=platform, verdict="pass"))
        name = [s for s in whole if s.kind == "os-release"]
        cut = [*name, *(replace(s, body=s.body[:40] + "\n[truncated]") for s in whole if s.kind != "os-release")]
        gone = [*name, *(replace(s, body="") for s in whole if s.kind != "os-release")]
        stale = snapshots(Sample(platform=platform, verdict="unknown", age_days=30))
        for check in (check for check in LOADED.checks.values() if is_meant(check, platform)):
            for texts in ([], cut, stale, gone):
                outcome = evaluate(check, "a", texts, NOW).outcome
                assert outcome is Outcome.UNKNOWN or (outcome is Outcome.FAIL and texts == gone and name), check.id


def test_a_text_of_any_kind_that_lost_its_end_is_unreadable() -> None:
    for platform in platforms():
        for text in snapshots(Sample(platform=platform, verdict="pass")):
            lines = text.body.splitlines(keepends=True)
            assert readable(text.kind, text.body)
            for cut in (*(text.body[: len(text.body) * part // 10] for part in range(1, 10)), "".join(lines[:-1]), text.body[:-2]):
                if cut.strip():
                    with pytest.raises(Unreadable):
                        readable(text.kind, cut)


@pytest.mark.slow
@pytest.mark.parametrize("check", LOADED.checks.values(), ids=LOADED.checks)
def test_no_gap_passes_because_a_text_was_cut(check: Check) -> None:
    for sample in (sample for sample in check.samples if sample.verdict == "fail"):
        texts = snapshots(sample)
        for number, text in enumerate(texts):
            for part in range(1, 10) if text.kind in check.kinds else ():
                if (cut := text.body[: len(text.body) * part // 10]).strip():
                    found = evaluate(check, text.asset, [*texts[:number], replace(text, body=cut), *texts[number + 1 :]], NOW)
                    assert found.outcome is not Outcome.PASS, f"{text.kind} cut at {part} tenths"


@pytest.mark.parametrize("platform", [name for name in platforms() if name in DIALECTS])
def test_a_configuration_that_lost_its_end_gives_no_verdict(platform: str) -> None:
    (whole,) = snapshots(Sample(platform=platform, verdict="pass"))
    half = replace(whole, body=whole.body[: len(whole.body) * 2 // 3])
    for check in (check for check in LOADED.checks.values() if is_meant(check, platform)):
        assert evaluate(check, "a", [half], NOW).outcome is Outcome.UNKNOWN
    assert Host("a", [whole], NOW).platforms() == {"network", platform}


def test_a_host_and_a_device_that_claim_one_asset_give_no_verdict() -> None:
    (switch,) = snapshots(Sample(platform="ios", verdict="pass"))
    both = [*snapshots(Sample(platform="debian", verdict="pass")), switch]
    for check in LOADED.checks.values():
        verdict = evaluate(check, "a", both, NOW)
        assert verdict.outcome is Outcome.UNKNOWN
        assert "different platforms: debian, ios" in verdict.reason.en


def test_a_router_in_software_is_a_host_and_a_device() -> None:
    (router,) = snapshots(Sample(platform="frr", verdict="pass"))
    assert Host("a", [*snapshots(Sample(platform="debian", verdict="pass")), router], NOW).platforms() == {"linux", "debian", "network", "frr"}


def test_a_device_of_an_unknown_kind_gives_no_verdict() -> None:
    odd = Snapshot(time=NOW, asset="a", kind="running-config", body="hello\nworld\n")
    assert {evaluate(check, "a", [odd], NOW).outcome for check in LOADED.checks.values()} == {Outcome.UNKNOWN}
