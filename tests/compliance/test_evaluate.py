from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from compliance.check import Check, Sample
from compliance.effect import effects
from compliance.evaluate import evaluate
from compliance.load import load_checks, read_check
from compliance.prove import NOW, prove, snapshots
from compliance.verdict import Outcome, Verdict, verdict_from
from core.errors import ConfigError
from core.patterns import compiled, nests
from core.records import Snapshot, ended

DEBIAN = 'ID=debian\nVERSION_ID="12"\n'
HEAD = """id: site-one
title: {zh: 一, en: One}
severity: warning
platforms: [linux]
reads: sshd_config
items: [G.CES.IA.1]
remediation: {zh: 改, en: mend}
"""
SSHD = "permitrootlogin no\nciphers aes256-ctr\nclientaliveinterval 0\n"


def check_of(tmp_path: Path, expect: str, head: str = HEAD) -> Check:
    path = tmp_path / "one.yaml"
    path.write_text(head + expect, encoding="utf-8")
    return read_check(path)


def verdict(check: Check, **bodies: str) -> Verdict:
    texts = {"os-release": DEBIAN} | {kind.replace("__", ".").replace("_", "-") if kind == "os_release" else kind: body for kind, body in bodies.items()}
    return evaluate(check, "web1", [Snapshot(time=NOW, asset="web1", kind=kind, body=ended(body)) for kind, body in texts.items()], NOW)


@pytest.mark.parametrize(
    ("expect", "outcome"),
    [
        ("{setting: permitrootlogin, equals: 'NO'}", Outcome.PASS),
        ("{setting: permitrootlogin, none_of: ['no']}", Outcome.FAIL),
        ("{setting: nothing, equals: x}", Outcome.FAIL),
        ("{setting: nothing, default: x, equals: x}", Outcome.PASS),
        ("{setting: nothing, blank: true}", Outcome.PASS),
        ("{setting: ciphers, at_least: 1}", Outcome.FAIL),
        ("{setting: clientaliveinterval, at_most: 0}", Outcome.PASS),
        ("{lines: '^cipher', at_least: 1}", Outcome.PASS),
        ("{lines: '^cipher', besides: 'aes', at_least: 1}", Outcome.FAIL),
        ("{capture: '^ciphers aes(\\d+)', at_least: 256}", Outcome.PASS),
        ("{read: pam, lines: x, at_least: 1}", Outcome.UNKNOWN),
        ("{read: faillock.conf, missing: empty, setting: deny, at_least: 1}", Outcome.FAIL),
        ("{any: [{read: pam, lines: x, at_least: 1}, {setting: permitrootlogin, equals: 'no'}]}", Outcome.PASS),
        ("{any: [{read: pam, lines: x, at_least: 1}, {setting: permitrootlogin, equals: 'yes'}]}", Outcome.UNKNOWN),
        ("{all: [{read: pam, lines: x, at_least: 1}, {setting: permitrootlogin, equals: 'yes'}]}", Outcome.FAIL),
        ("{none: [{setting: permitrootlogin, equals: 'yes'}]}", Outcome.PASS),
        ("{none: [{read: pam, lines: x, at_least: 1}]}", Outcome.UNKNOWN),
    ],
)
def test_it_keeps_three_answers_apart(tmp_path: Path, expect: str, outcome: Outcome) -> None:
    assert verdict(check_of(tmp_path, f"expect: [{expect}]\n"), sshd_config=SSHD).outcome is outcome


def test_it_says_what_it_saw_and_on_which_text_it_rests(tmp_path: Path) -> None:
    found = verdict(check_of(tmp_path, "expect: [{setting: permitrootlogin, equals: 'yes'}]\n"), sshd_config=SSHD)
    text = Snapshot(time=NOW, asset="web1", kind="sshd_config", body=ended(SSHD))
    assert found.observed == ("sshd_config: permitrootlogin = no",)
    assert [(read.kind, read.sha256) for read in found.read] == [("sshd_config", text.sha256)]
    assert verdict_from(found.to_dict()) == found


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("permitrootlogin no\n", "cut off"),
        (SSHD + "[truncated]\n", "cut off"),
        ("bash: sshd: 未找到命令\n", "命令执行失败"),
        ("sshd: Permission denied\n", "failed"),
        ("Das ist keine Ausgabe von sshd\nnoch eine\nund noch\nfertig\n", "another language"),
    ],
)
def test_a_text_cut_off_or_in_another_language_is_unknown(tmp_path: Path, body: str, word: str) -> None:
    found = verdict(check_of(tmp_path, "expect: [{setting: permitrootlogin, equals: 'no'}]\n"), sshd_config=body)
    assert found.outcome is Outcome.UNKNOWN
    assert word in found.reason.en + found.reason.zh


def test_a_table_row_cut_off_is_unknown(tmp_path: Path) -> None:
    check = check_of(tmp_path, "expect: [{read: ports, rows: [{port: {equals: '23'}}], at_most: 0}]\n")
    assert verdict(check, ports="tcp\t0.0.0.0\t22\tsshd\n").outcome is Outcome.PASS
    assert verdict(check, ports="tcp\t0.0.0.0\t22\tsshd\ntcp\t0.0").outcome is Outcome.UNKNOWN


def test_settings_of_a_match_block_do_not_count_for_everybody(tmp_path: Path) -> None:
    body = "# read from /etc/ssh/sshd_config; defaults are not shown\nport 22\nmatch user deploy\n    permitrootlogin no\n"
    check = check_of(tmp_path, "expect: [{setting: permitrootlogin, default: prohibit-password, equals: 'no'}]\n")
    assert verdict(check, sshd_config=body).outcome is Outcome.FAIL


def test_the_newest_text_counts_and_an_old_one_is_unknown(tmp_path: Path) -> None:
    check = check_of(tmp_path, "expect: [{setting: permitrootlogin, equals: 'no'}]\n")
    system = Snapshot(time=NOW, asset="a", kind="os-release", body=ended(DEBIAN))
    old = Snapshot(time=NOW - timedelta(hours=3), asset="a", kind="sshd_config", body=ended(SSHD))
    new = Snapshot(time=NOW, asset="a", kind="sshd_config", body=ended(SSHD.replace("login no", "login yes")))
    assert evaluate(check, "a", [new, system, old], NOW).outcome is Outcome.FAIL
    stale = evaluate(check, "a", [system, old], NOW + timedelta(days=3))
    assert stale.outcome is Outcome.UNKNOWN
    assert "75 hours" in stale.reason.en


def test_two_platforms_claiming_one_asset_are_unknown(tmp_path: Path) -> None:
    check = check_of(tmp_path, "expect: [{setting: permitrootlogin, equals: 'no'}]\n")
    found = verdict(check, **{"os-release": "ID=debian\nID_LIKE=rhel\n", "sshd_config": SSHD})
    assert found.outcome is Outcome.UNKNOWN
    assert "debian, rhel" in found.reason.en


def test_a_check_for_another_platform_is_not_applicable_and_nothing_passes_emptily(tmp_path: Path) -> None:
    suse = check_of(tmp_path, "expect: [{setting: permitrootlogin, equals: 'no'}]\n", HEAD.replace("[linux]", "[suse]"))
    assert verdict(suse, sshd_config=SSHD).outcome is Outcome.NOT_APPLICABLE
    empty = check_of(tmp_path, "expect: [{platforms: [suse], setting: permitrootlogin, equals: 'no'}]\n")
    assert verdict(empty, sshd_config=SSHD).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (HEAD + "expect: [{setting: a, equals: b}]\ncolour: red\n", 9, "unknown key"),
        (HEAD + "expect:\n  - {setting: a, equals: b}\n  - {setting: a, equels: b}\n", 10, "unknown key"),
        (HEAD + "expect:\n  - {lines: '(a+)+$', at_least: 1}\n", 9, "explode"),
        (HEAD + "expect:\n  - {lines: '(?=a)b', at_least: 1}\n", 9, "no pattern"),
        (HEAD + "expect:\n  - {setting: a}\n", 9, "needs one"),
        (HEAD + "expect:\n  - {setting: a, lines: b, equals: c}\n", 9, "exactly one"),
        (HEAD + "expect:\n  - {setting: a, at_least: $most}\n", 9, "no parameter"),
        (HEAD.replace("severity: warning", "severity: bad") + "expect: [{setting: a, equals: b}]\n", 3, "severity"),
    ],
)
def test_a_wrong_check_is_refused_with_its_line_and_the_others_go_on(tmp_path: Path, text: str, line: int, word: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(HEAD + "expect: [{setting: a, equals: b}]\n", encoding="utf-8")
    loaded = load_checks([tmp_path])
    assert list(loaded.checks) == ["site-one"]
    assert len(loaded.errors) == 1
    assert f"bad.yaml:{line}: " in str(loaded.errors[0])
    assert word in str(loaded.errors[0])


def test_an_id_that_stands_twice_is_an_error(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(HEAD + "expect: [{setting: a, equals: b}]\n", encoding="utf-8")
    assert "another file already" in str(load_checks([tmp_path]).errors[0])


def test_a_site_sets_its_own_numbers_and_a_misspelt_one_is_refused() -> None:
    stricter = load_checks(parameters={"lnx-pwd-age": {"days": 30}}).checks["lnx-pwd-age"]
    assert stricter.expect[0].at_most == 30
    wrong = load_checks(parameters={"lnx-pwd-age": {"day": 30}, "lnx-nothing": {}})
    assert "has no parameter day" in str(wrong.errors[0])
    assert "lnx-nothing, which is no check" in str(wrong.errors[1])


@pytest.mark.parametrize(
    ("pattern", "explodes"), [("(a+)+", True), ("(?:a|b*)*", True), ("((a*)b)+", True), (r"(a\+)+", False), ("([*+])+", False), ("(ab)+c*", False)]
)
def test_it_tells_patterns_that_can_explode(pattern: str, explodes: bool) -> None:
    assert nests(pattern) is explodes


def test_hostile_text_cannot_stall_a_pattern() -> None:
    assert compiled("^.*.*.*.*.*x$").search("a" * 4096) is None


def test_an_unreadable_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("- 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="is no check"):
        read_check(tmp_path / "a.yaml")


def test_a_check_says_in_its_own_words_why_it_cannot_tell() -> None:
    check = load_checks().checks["net-fw-ips"]
    (said,) = {verdict.reason.en for sample, verdict in prove(check) if sample.verdict == "unknown"}
    assert said == "no rule uses intrusion prevention; another device may do it, so a person looks"


def test_the_change_of_a_text_says_which_checks_it_makes_come_out_otherwise() -> None:
    texts = list(snapshots(Sample(platform="debian", verdict="pass")))
    good = next(text.body for text in texts if text.kind == "sshd_config")
    checks = load_checks().checks.values()
    found = effects("sshd_config", good, good.replace("permitrootlogin no", "permitrootlogin yes"), texts, checks, NOW)
    assert [(one.check.id, one.before, one.after) for one in found] == [("lnx-ssh-root", Outcome.PASS, Outcome.FAIL)]
    assert effects("sshd_config", good, "# only a remark\n" + good, texts, checks, NOW) == []
    old = [replace(text, time=NOW - timedelta(days=400)) for text in texts]
    assert effects("sshd_config", good, good.replace("permitrootlogin no", "permitrootlogin yes"), old, checks, NOW) == found, "age is no part of the question"
