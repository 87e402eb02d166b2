"""The checks of Windows on a Chinese system, and what a host is taken for."""

from __future__ import annotations

from dataclasses import replace

from compliance.check import Sample
from compliance.evaluate import evaluate
from compliance.host import Host
from compliance.load import load_checks
from compliance.prove import NOW, snapshots
from compliance.verdict import Outcome
from core.records import Snapshot

CHECKS = [check for check in load_checks().checks.values() if check.id.startswith("win-")]
WORDS = {
    "Success and Failure": "成功和失败",
    "Machine Name,Policy Target,Subcategory,Subcategory GUID,": "计算机名,策略目标,子类别,子类别 GUID,",
    "Inclusion Setting,Exclusion Setting,Setting Value": "包含设置,排除设置,设置值",
    "Logon,": "登录,",
    "User Account Management": "用户帐户管理",
    "Audit Policy Change": "审核策略更改",
    "Guest\t": "来宾\t",
    "Domain Admins": "域管理员",
    "Microsoft Windows Server 2019 Standard": "Microsoft Windows Server 2019 标准版",
    "language=1033": "language=2052",
    "Disabled": "已禁用",
}


def whole() -> list[Snapshot]:
    return snapshots(Sample(platform="windows", verdict="pass"))


def in_chinese(snapshot: Snapshot) -> Snapshot:
    body = snapshot.body
    for english, chinese in WORDS.items():
        body = body.replace(english, chinese)
    return replace(snapshot, body=body)


def test_a_chinese_system_is_judged_as_an_english_one() -> None:
    texts = [in_chinese(snapshot) for snapshot in whole()]
    assert texts != whole()
    assert {check.id: evaluate(check, "a", texts, NOW).outcome for check in CHECKS} == {check.id: Outcome.PASS for check in CHECKS}


def test_a_text_that_lost_its_end_gives_no_verdict() -> None:
    for cut in whole():
        if not cut.kind.startswith("windows.") or cut.kind == "windows.system":
            continue
        texts = [replace(text, body=text.body.replace("# end\n", "")) if text.kind == cut.kind else text for text in whole()]
        outcomes = {check.id: evaluate(check, "a", texts, NOW).outcome for check in CHECKS if check.reads == cut.kind}
        assert set(outcomes.values()) <= {Outcome.UNKNOWN}, (cut.kind, outcomes)


def test_a_work_station_a_server_and_a_domain_controller_are_told_apart() -> None:
    system = next(text for text in whole() if text.kind == "windows.system")
    kinds = {number: Host("a", [replace(system, body=system.body.replace("product_type=3", f"product_type={number}"))], NOW).platforms() for number in "123"}
    assert kinds == {"1": {"windows", "windows-client"}, "2": {"windows", "windows-controller"}, "3": {"windows", "windows-server"}}


def test_linux_and_windows_on_one_asset_give_no_verdict() -> None:
    both = [*whole(), *(text for text in snapshots(Sample(platform="debian", verdict="pass")) if text.kind == "os-release")]
    verdicts = [evaluate(check, "a", both, NOW) for check in CHECKS]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.UNKNOWN}
    assert "different platforms" in verdicts[0].reason.en


def test_an_error_in_place_of_a_text_gives_no_verdict() -> None:
    for message in ("Access is denied.", "拒绝访问。", "用户名或密码不正确"):
        texts = [text if text.kind == "windows.system" else replace(text, body=message + "\n") for text in whole()]
        outcomes = {
            check.id: evaluate(check, "a", texts, NOW).outcome for check in CHECKS if check.reads.startswith("windows.") and check.reads != "windows.system"
        }
        assert set(outcomes.values()) == {Outcome.UNKNOWN}, outcomes
