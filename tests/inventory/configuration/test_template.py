"""Golden templates."""

from pathlib import Path

import pytest

from inventory.asset import Asset
from inventory.configuration.template import deviations, load_templates
from tests.inventory.configuration.devices import device

GOOD = """name: access
title: {zh: 接入交换机, en: Access switches}
kinds: [switch]
platforms: [ios]
must:
  - {line: service password-encryption}
  - {line: ntp   server 10.1.100.1 prefer}
  - {line: transport input ssh, inside: '^line vty', why: {zh: 明文口令, en: clear text}}
  - {pattern: '^description ', inside: '^interface Gig', besides: '^shutdown$'}
must_not:
  - {pattern: '^ip http server$'}
  - {pattern: '^transport input .*telnet', inside: '^line vty'}
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_configuration_like_the_template_has_no_deviation(tmp_path: Path) -> None:
    (template,), problems = load_templates(folder(tmp_path, a=GOOD))
    assert not problems
    assert deviations(device("ios"), template) == ()


def test_what_is_missing_and_what_is_too_much_is_told_with_its_block(tmp_path: Path) -> None:
    (template,), _ = load_templates(folder(tmp_path, a=GOOD))
    text = (
        device("ios")
        .replace("no ip http server", "ip http server")
        .replace("15\n access-class MGMT in\n exec-timeout 10 0\n transport input ssh", "15\n transport input ssh telnet")
    )
    text = text.replace(" description office floor 1\n", "")
    assert [found.text for found in deviations(text, template)] == [
        "- line vty 5 15 > transport input ssh",
        "- interface GigabitEthernet0/1 > /^description /",
        "+ ip http server",
        "+ line vty 5 15 > transport input ssh telnet",
    ]
    assert deviations(text, template)[0].why is not None


def test_a_banner_that_quotes_a_forbidden_line_is_no_deviation(tmp_path: Path) -> None:
    (template,), _ = load_templates(folder(tmp_path, a=GOOD))
    assert deviations(device("ios").replace("telnet is not offered here", "ip http server"), template) == ()


def test_it_says_which_assets_it_is_for(tmp_path: Path) -> None:
    (template,), _ = load_templates(folder(tmp_path, a=GOOD))
    assert template.is_for(Asset(id="a", kind="switch"), "ios")
    assert not template.is_for(Asset(id="a", kind="router"), "ios")
    assert not template.is_for(Asset(id="a", kind="switch"), "vrp")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("name: a\ntitle: {zh: x, en: x}\n", 1, "asks for nothing"),
        (GOOD.replace("kinds:", "knids:"), 3, "knids"),
        (GOOD + "  - {pattern: '(a+)+$'}\n", 13, "explode"),
        (GOOD + "  - {line: a, pattern: b}\n", 13, "either line"),
        ("- a\n", 1, ""),
        ("name: [\n", 2, ""),
    ],
)
def test_a_bad_file_is_told_with_its_line_and_the_others_go_on(tmp_path: Path, text: str, line: int, said: str) -> None:
    good, problems = load_templates(folder(tmp_path, bad=text, fine=GOOD))
    assert [template.name for template in good] == ["access"]
    assert said in str(problems[0])
    assert f"bad.yaml:{line}" in str(problems[0])


def test_one_name_in_two_files_is_refused(tmp_path: Path) -> None:
    good, problems = load_templates(folder(tmp_path, a=GOOD, b=GOOD))
    assert len(good) == 1
    assert "another file" in str(problems[0])


def test_no_folder_is_no_template(tmp_path: Path) -> None:
    assert load_templates(tmp_path / "none") == ((), ())
