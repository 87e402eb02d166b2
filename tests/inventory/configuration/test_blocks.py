"""Configurations as trees of lines."""

from pathlib import Path

import pytest

from inventory.configuration.blocks import Block, flattened, parse
from inventory.configuration.dialects import DIALECTS as ALL
from inventory.configuration.dialects import dialect_of, is_whole, marked, told
from tests.inventory.configuration.devices import DIALECTS, device


def block(text: str, header: str, dialect: str = "") -> Block:
    tree = parse(text, ALL[dialect] if dialect else dialect_of(text))
    return next(found for found in tree if found.text == header)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_text_tells_its_dialect_and_that_it_is_whole(name: str) -> None:
    assert told(device(name)) == name
    assert is_whole(marked(device(name)), ALL[name])
    assert marked(marked(device(name))) == marked(device(name))


@pytest.mark.parametrize("name", DIALECTS)
def test_a_text_that_lost_its_end_is_not_whole(name: str) -> None:
    lines = marked(device(name)).rstrip().splitlines()
    assert not is_whole("\n".join(lines[:-1]), ALL[name])


def test_a_text_that_tells_nothing_has_no_dialect() -> None:
    assert told("hello\nworld\n") == ""
    assert dialect_of("hello\n").name == "ios"


def test_what_the_text_tells_is_finer_than_the_platform() -> None:
    assert dialect_of(device("frr"), "cisco_ios").name == "frr"
    assert dialect_of(device("usg"), "huawei").name == "usg"
    assert dialect_of(device("ruijie"), "cisco_ios").name == "ios"


def test_lines_belong_to_the_header_above_them() -> None:
    assert [inner.text for inner in block(device("ios"), "line vty 0 4").inside] == ["access-class MGMT in", "exec-timeout 10 0", "transport input ssh"]
    aaa = block(device("vrp"), "aaa")
    scheme = next(inner for inner in aaa.inside if inner.text == "authentication-scheme default")
    assert [line.text for line in scheme.inside] == ["authentication-mode hwtacacs local"]


def test_comware_indents_top_lines_and_they_are_top_lines_still() -> None:
    assert "sysname branch-acc-01" in [top.text for top in parse(device("comware"), ALL["comware"])]
    assert [inner.text for inner in block(device("comware"), "acl basic 2000").inside] == ["rule 0 permit source 10.1.100.0 0.0.0.255", "rule 5 deny"]


def test_fortios_nests_by_config_and_edit() -> None:
    policy = block(device("fortios"), "config firewall policy")
    assert [edit.text for edit in policy.inside] == ["edit 1", "edit 2"]
    assert 'set service "HTTPS"' in [line.text for line in policy.inside[0].inside]


def test_a_banner_is_text_and_no_configuration() -> None:
    banner = block(device("ios"), "banner login ^C")
    assert [line.text for line in banner.inside] == ["Authorised users only. All activity is recorded.", "telnet is not offered here"]
    assert "telnet is not offered here" not in [top.text for top in parse(device("ios"), ALL["ios"])]


def test_a_banner_that_never_ends_swallows_the_rest_and_nothing_worse() -> None:
    tree = parse("hostname a\nbanner motd ^C\nhello\ninterface x\n shutdown\n", ALL["ios"])
    assert [top.text for top in tree] == ["hostname a", "banner motd ^C"]


def test_mikrotik_sections_hold_their_lines_and_long_lines_are_joined() -> None:
    text = "/ip firewall filter\nadd action=accept chain=input \\\n    protocol=icmp\nadd action=drop chain=input\n/system identity\nset name=r1\n"
    assert flattened(parse(text, ALL["routeros"])) == [
        "/ip firewall filter",
        " add action=accept chain=input protocol=icmp",
        " add action=drop chain=input",
        "/system identity",
        " set name=r1",
    ]


def test_junos_in_braces_is_a_tree_as_well() -> None:
    text = "system {\n    host-name r1;\n    services {\n        ssh;\n    }\n}\n"
    assert flattened(parse(text, ALL["junos"])) == ["system", " host-name r1;", " services", "  ssh;"]


@pytest.mark.parametrize("dialect", sorted(ALL))
def test_any_text_is_read_without_an_error(dialect: str, tmp_path: Path) -> None:
    hostile = ["", "\x00\xff", "!" * 5000, "banner motd ", "banner motd ^", "{\n}\n}\n}", "\n".join(" " * n + "x" for n in range(300)), "a \\\n" * 50, "/\n/\n"]
    for text in hostile:
        assert all(isinstance(line, str) for line in flattened(parse(text, ALL[dialect])))
