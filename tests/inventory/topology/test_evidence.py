from __future__ import annotations

import pytest

from inventory.topology.evidence import is_address, is_mac, plain_name, short_port


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GigabitEthernet1/0/1", "Gi1/0/1"),
        ("GigabitEthernet1/0/1", "GE1/0/1"),
        ("Ten-GigabitEthernet1/0/25", "XGE1/0/25"),
        ("XGigabitEthernet1/0/1", "XGE1/0/1"),
        ("Ethernet1/1", "Eth1/1"),
        ("port-channel10", "Po10"),
        ("Bridge-Aggregation1", "BAGG1"),
        ("HundredGigE1/0/1", "HGE1/0/1"),
        ("ge-0/0/1.0", "ge-0/0/1"),
        (" Gi 1/0/1", "gi1/0/1"),
    ],
)
def test_two_ways_to_write_one_port_compare_equal(one: str, other: str) -> None:
    assert short_port(one) == short_port(other)


@pytest.mark.parametrize(("one", "other"), [("Gi1/0/1", "Gi1/0/11"), ("Gi1/0/1", "Te1/0/1"), ("ge-0/0/1.5", "ge-0/0/1"), ("eth0", "eth1"), ("1", "11")])
def test_two_ports_do_not(one: str, other: str) -> None:
    assert short_port(one) != short_port(other)


def test_names_are_compared_without_case_and_domain_and_addresses_stay_whole() -> None:
    assert [plain_name(name) for name in ("Core1.example.org", " CORE1 ", "10.0.0.1", "核心")] == ["core1", "core1", "10.0.0.1", "核心"]


def test_group_and_empty_addresses_are_no_machines() -> None:
    assert [is_mac(text) for text in ("02:00:00:00:00:01", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00", "x")] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert [is_address(text) for text in ("10.0.0.1", "fe80::1", "224.0.0.1", "0.0.0.0", "10.0.0")] == [True, True, False, False, False]
