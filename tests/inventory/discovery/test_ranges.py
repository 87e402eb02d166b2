"""Ranges: what is written, what it holds, what is refused."""

import pytest

from core.errors import ConfigError
from inventory.discovery.ranges import check_ranges, is_allowed, parse_range

ALLOWED = (parse_range("10.1.0.0/16"), parse_range("10.2.1-3.10-20"))


@pytest.mark.parametrize(
    ("text", "size", "first", "last"),
    [
        ("10.1.0.0/24", 254, "10.1.0.1", "10.1.0.254"),
        ("10.1.4.0/22", 1022, "10.1.4.1", "10.1.7.254"),
        ("10.1.0.8/31", 2, "10.1.0.8", "10.1.0.9"),
        ("10.1.0.8/32", 1, "10.1.0.8", "10.1.0.8"),
        ("10.1.0.77/24", 254, "10.1.0.1", "10.1.0.254"),
        ("10.1.1-3.10-20", 33, "10.1.1.10", "10.1.3.20"),
        ("10.1.0.9", 1, "10.1.0.9", "10.1.0.9"),
        ("2001:DB8::40/122", 63, "2001:db8::41", "2001:db8::7f"),
        ("2001:db8:0:ff::fff0/127", 2, "2001:db8:0:ff::fff0", "2001:db8:0:ff::fff1"),
        ("2001:db8::9", 1, "2001:db8::9", "2001:db8::9"),
    ],
)
def test_a_range_is_read_as_people_write_it(text: str, size: int, first: str, last: str) -> None:
    found = parse_range(text)
    addresses = list(found.addresses())
    assert (found.size, len(addresses), addresses[0], addresses[-1]) == (size, size, first, last)
    assert all(found.holds(address) for address in addresses)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.1.0.0/33", "is no range of addresses"),
        ("10.1.0", "is no range of addresses"),
        ("example.org", "is no range of addresses"),
        ("", "is no range of addresses"),
        ("10.1.0.20-10", "from the lower to the higher"),
        ("10.1.0.1-256", "from 0 to 255"),
        ("fd00::/129", "is no range of addresses"),
        ("fd00::1-9", "is no range of addresses"),
    ],
)
def test_what_is_no_range_says_how_one_is_written(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_range(text)


def test_a_slash_eight_is_refused_with_its_size() -> None:
    with pytest.raises(ConfigError, match=r"10\.0\.0\.0/8 spans 16,777,214 addresses; at most 4,096"):
        check_ranges(["10.0.0.0/8"], (parse_range("10.0.0.0/8"),), 4096)


def test_many_small_ranges_are_counted_together() -> None:
    with pytest.raises(ConfigError, match="the ranges span 508 addresses together; at most 300"):
        check_ranges(["10.1.1.0/24", "10.1.2.0/24"], ALLOWED, 300)


@pytest.mark.parametrize("text", ["192.168.1.0/24", "10.2.1.0/24", "10.0.255.1", "10.1-2.0.1"])
def test_a_range_outside_of_the_allowed_ones_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not inside a range that may be searched \(10.1.0.0/16, 10.2.1-3.10-20\).*discovery.allowed"):
        check_ranges([text], ALLOWED, 4096)


def test_without_an_allowed_range_nothing_is_searched() -> None:
    with pytest.raises(ConfigError, match=r"discovery\.allowed: no range may be searched yet"):
        check_ranges(["10.1.0.1"], (), 4096)


def test_an_address_is_allowed_by_any_of_the_ranges() -> None:
    assert is_allowed("10.2.2.15", ALLOWED)
    assert not is_allowed("10.2.2.21", ALLOWED)
    assert not is_allowed("fd00::1", ALLOWED)
    assert not is_allowed("not an address", ALLOWED)


def test_an_ipv6_network_says_what_is_allowed_and_is_too_large_to_be_searched_whole() -> None:
    allowed = (*ALLOWED, parse_range("2001:db8:7::/48"))
    assert is_allowed("2001:DB8:7:0:0::5", allowed)
    assert not is_allowed("2001:db8:8::5", allowed)
    assert not is_allowed("fe80::1%eth0", (parse_range("fe80::/10"),))
    assert check_ranges(["2001:db8:7::10:0/120"], allowed, 4096)[0].size == 255
    with pytest.raises(ConfigError, match="18,446,744,073,709,551,615 addresses; at most 4,096"):
        check_ranges(["2001:db8:7::/64"], allowed, 4096)
    with pytest.raises(ConfigError, match="is not inside a range that may be searched"):
        check_ranges(["2001:db8:8::/120"], allowed, 4096)
