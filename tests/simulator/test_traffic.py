"""What the gateways of the bureau report is read by the product's own decoder."""

from __future__ import annotations

import socket

from collectors.network.flows.decoder import Decoder
from collectors.network.flows.flow import text_of
from simulator.chatter import ATTACKER
from simulator.estate import load_estate
from simulator.places import Places
from simulator.traffic import EVERY, Reporter, Traffic, datagram
from simulator.world import World

ESTATE = load_estate()


def test_reports_are_ipfix_that_adds_up() -> None:
    world = World(ESTATE, lambda: 0.0, speed=60)
    talks = list(Traffic(world, Places(ESTATE)).talks(world.reachable()))
    assert len(talks) > 30
    decoder = Decoder()
    found = decoder.read(datagram(talks[:30], 0, 15), "127.20.1.1", 1)
    assert found is not None
    exporter, flows = found
    assert [(text_of(flow.source), flow.destination_port, flow.bytes) for flow in flows] == [
        (talk.source, talk.destination_port, talk.size) for talk in talks[:30]
    ]
    decoder.read(datagram(talks[30:], 30, 15), "127.20.1.1", 1)
    assert (exporter.tally.lost, exporter.tally.bad, exporter.tally.unknown) == (0, 0, 0)


def test_an_attack_is_seen_in_the_traffic() -> None:
    world = World(ESTATE, lambda: 0.0, speed=60)
    world.switch("brute-force", True)
    talks = Traffic(world, Places(ESTATE)).talks(world.reachable())
    assert any(talk.source == ATTACKER and talk.destination_port == 22 for talk in talks)


def test_every_gateway_reports_from_its_own_address() -> None:
    places = Places(ESTATE, net=29)
    world = World(ESTATE, lambda: 0.0, speed=60)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        link.settimeout(5)
        reporter = Reporter(world, places, "127.0.0.1", link.getsockname()[1])
        for _ in range(EVERY):
            reporter.tick(world.reachable())
        gateways = {places.address(device) for device in ESTATE.devices if device.gateway}
        heard: set[str] = set()
        while heard != gateways:
            heard.add(link.recvfrom(65535)[1][0])
        reporter.close()
