"""What really differs between two configurations, and the way back."""

import pytest

from inventory.configuration.difference import compare
from inventory.configuration.restore import plan
from tests.inventory.configuration.devices import DIALECTS, device


@pytest.mark.parametrize("name", DIALECTS)
def test_a_text_does_not_differ_from_itself(name: str) -> None:
    difference = compare(device(name), device(name))
    assert not difference.changed
    assert difference.text() == ""
    assert plan(device(name), device(name)) == ""


def test_blocks_that_only_moved_are_the_same() -> None:
    old = "interface a\n mtu 1500\n description x\ninterface b\n shutdown\n"
    new = "interface b\n shutdown\ninterface a\n description x\n mtu 1500\n"
    assert not compare(old, new, "cisco_ios").changed


def test_rules_that_moved_are_a_change() -> None:
    old = "ip access-list extended A\n permit tcp any any eq 22\n deny ip any any\n"
    new = "ip access-list extended A\n deny ip any any\n permit tcp any any eq 22\n"
    assert compare(old, new, "cisco_ios").changed
    vrp = "acl number 3000\n rule permit tcp\n rule deny ip\n"
    assert compare(vrp, "acl number 3000\n rule deny ip\n rule permit tcp\n", "huawei").changed


def test_numbered_lists_are_read_from_the_top_too() -> None:
    old = "hostname a\naccess-list 10 permit 10.0.0.0\naccess-list 10 deny any\n"
    new = "access-list 10 deny any\naccess-list 10 permit 10.0.0.0\nhostname a\n"
    assert {row.left or row.right for row in compare(old, new, "cisco_ios").changed} <= {"access-list 10 deny any", "access-list 10 permit 10.0.0.0"}
    assert compare(old, new, "cisco_ios").changed


def test_a_rewritten_line_stands_beside_what_it_was() -> None:
    difference = compare("interface a\n mtu 1500\n", "interface a\n mtu 9000\n", "cisco_ios")
    (row,) = difference.changed
    assert (row.path, row.left, row.right) == (("interface a",), "mtu 1500", "mtu 9000")
    assert (difference.added, difference.removed) == (1, 1)


def test_the_text_names_the_headers_above_each_change() -> None:
    old = "router bgp 65001\n address-family ipv4\n  neighbor 10.0.0.1 activate\n"
    new = old + "  neighbor 10.0.0.2 activate\ninterface b\n shutdown\n"
    assert compare(old, new, "cisco_ios").text().splitlines() == [
        "  router bgp 65001",
        "   address-family ipv4",
        "+   neighbor 10.0.0.2 activate",
        "+ interface b",
        "+  shutdown",
    ]


def test_a_huge_difference_is_cut_off_with_a_word() -> None:
    text = compare("", "".join(f"vlan {n}\n" for n in range(5000)), "cisco_ios").text(limit=500)
    assert len(text) < 600
    assert text.endswith("… 5,000 lines in all")


def test_two_large_configurations_are_compared_in_seconds() -> None:
    import time

    old = "".join(f"interface Gi1/0/{n}\n description port {n}\n switchport access vlan {n % 50}\n" for n in range(4000))
    new = old.replace("vlan 7\n", "vlan 8\n")
    started = time.perf_counter()
    assert len(compare(old, new, "cisco_ios").changed) == 80
    assert time.perf_counter() - started < 20


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith(("!", "#"))]


def test_the_plan_takes_back_what_is_new_and_enters_what_is_gone() -> None:
    now = "hostname b\ninterface Vlan10\n ip address 10.0.0.2 255.255.255.0\n shutdown\nntp server 10.0.0.9\n"
    then = "hostname a\ninterface Vlan10\n ip address 10.0.0.1 255.255.255.0\nntp server 10.0.0.8\n"
    assert lines(plan(now, then, "cisco_ios")) == [
        "configure terminal",
        "no ntp server 10.0.0.9",
        "hostname a",
        "ntp server 10.0.0.8",
        "interface Vlan10",
        " no shutdown",
        " ip address 10.0.0.1 255.255.255.0",
        "exit",
        "end",
        "write memory",
    ]


def test_the_plan_rewrites_an_ordered_list_as_a_whole() -> None:
    now = "ip access-list extended A\n permit ip any any\n deny ip any any\n"
    then = "ip access-list extended A\n permit tcp any any eq 22\n deny ip any any\n"
    assert lines(plan(now, then, "cisco_ios"))[1:-2] == [
        "no ip access-list extended A",
        "ip access-list extended A",
        " permit tcp any any eq 22",
        " deny ip any any",
        "exit",
    ]


def test_a_numbered_list_is_taken_back_once_and_written_whole() -> None:
    now, then = "access-list 10 permit 10.0.0.1\naccess-list 10 permit 10.0.0.2\n", "access-list 10 permit 10.0.0.1\n"
    assert lines(plan(now, then, "cisco_ios"))[1:-2] == ["no access-list 10", "access-list 10 permit 10.0.0.1"]


def test_the_plan_speaks_huawei() -> None:
    now = "#\nsysname a\n#\ntelnet server enable\n#\nreturn\n"
    then = "#\nsysname a\n#\nundo telnet server enable\n#\nreturn\n"
    assert lines(plan(now, then, "huawei")) == ["system-view", "undo telnet server enable", "return", "save"]
    assert lines(plan(then, now, "huawei")) == ["system-view", "telnet server enable", "return", "save"]


def test_the_plan_speaks_fortios() -> None:
    now = (
        device("fortios")
        .replace('set service "HTTPS"', 'set service "ALL"')
        .replace("set admintimeout 10\n", "set admintimeout 10\n    set admin-scp enable\n")
    )
    found = lines(plan(now, device("fortios")))
    assert found[:3] == ["config system global", " unset admin-scp", "end"]
    assert found[-1] == "end"
    assert "  next" not in plan(device("fortios"), device("fortios"))


def test_the_plan_speaks_junos() -> None:
    assert lines(plan("set system host-name a\nset system services telnet\n", "set system host-name a\n", "juniper_junos")) == [
        "configure",
        "delete system services telnet",
        "commit check",
        "commit",
        "exit",
    ]


def test_lines_with_secrets_are_left_to_a_person() -> None:
    text = plan("hostname a\n", "hostname a\nenable secret 9 ***\n", "cisco_ios")
    assert "! <enable secret 9 ***>" in text
    assert "fill them in by hand" in text


def test_a_device_that_removes_by_number_gets_the_difference_alone() -> None:
    text = plan("/ip firewall filter\nadd action=accept chain=input\n", "/ip firewall filter\nadd action=drop chain=input\n", "mikrotik_routeros")
    assert lines(text) == []
    assert "# + " in text
