"""Adding up: names, bounds, and what is large stays exact."""

from __future__ import annotations

import pytest

from collectors.network.flows.applications import application, is_known, ports, serving_port
from collectors.network.flows.flow import Flow, text_of
from collectors.network.flows.minute import MOST, Window, lists_of
from collectors.network.flows.zones import Zones

WEB, HOME = b"\x0a\1\0\5", b"\x0a\2\0\7"


def flow(source: bytes = HOME, destination: bytes = WEB, port: int = 443, size: int = 100, client: int = 40000) -> Flow:
    return Flow(source, destination, 6, client, port, size, 1)


def nobody(_address: str) -> str:
    return ""


def test_ephemeral_ports_of_one_client_are_one_conversation() -> None:
    window = Window()
    window.add([flow(client=50000 + number) for number in range(100)])
    lists = lists_of(window, nobody, nobody)
    assert [(line.names, line.bytes) for line in lists.conversations] == [(("10.2.0.7", "10.1.0.5", "https", "", ""), 10_000)]


def test_an_answer_is_of_the_application_that_was_asked() -> None:
    window = Window()
    window.add([flow(), Flow(WEB, HOME, 6, 443, 40000, 900, 1)])
    lists = lists_of(window, nobody, nobody)
    assert [(line.names, line.bytes) for line in lists.applications] == [(("https",), 1000)]
    assert [(line.names[0], line.bytes, line.sent) for line in lists.talkers] == [("10.2.0.7", 1000, 100), ("10.1.0.5", 1000, 900)]


def test_a_scan_does_not_push_out_what_is_large() -> None:
    window = Window()
    for number in range(3 * MOST):
        window.add([flow(destination=number.to_bytes(4, "big"), size=40)])
        if number % 1000 == 0:
            window.add([flow(size=1_000_000)])
    assert len(window.conversations) <= 2 * MOST + 1
    lists = lists_of(window, nobody, nobody)
    assert lists.conversations[0].bytes == 3 * MOST // 1000 * 1_000_000
    assert window.rest + sum(each[0] for each in window.conversations.values()) == window.bytes


@pytest.mark.parametrize(
    ("protocol", "source", "destination", "name"),
    [
        (6, 40000, 22, "ssh"), (6, 22, 40000, "ssh"), (17, 5000, 53, "dns"), (6, 30001, 30002, "tcp/30001"), (1, 0, 771, "icmp"), (200, 1, 2, "protocol 200"),
        (132, 9000, 38412, "sctp/9000"),
    ],
)  # fmt: skip
def test_the_port_that_serves_names_the_application(protocol: int, source: int, destination: int, name: str) -> None:
    assert application(protocol, serving_port(protocol, source, destination)) == name


def test_known_names_are_those_of_the_table_and_protocols() -> None:
    assert is_known("https")
    assert is_known("icmp")
    assert not is_known("tcp/30001")
    assert all(0 < port < 65536 for _protocol, port in ports())


def test_the_narrowest_prefix_names_the_zone() -> None:
    zones = Zones([("10.0.0.0/8", "wide"), ("10.1.0.0/16", "narrow"), ("2001:db8::/32", "six")])
    assert [zones.named(each) for each in ("10.9.0.1", "10.1.2.3", "2001:db8::9", "192.0.2.1")] == ["wide", "narrow", "six", ""]
    assert [zones.general(each) for each in ("172.20.1.1", "8.8.8.8", "fe80::1")] == ["inside", "outside", "inside"]


def test_ipv4_inside_ipv6_is_shown_as_ipv4() -> None:
    assert text_of(bytes(10) + b"\xff\xff" + WEB) == "10.1.0.5"
