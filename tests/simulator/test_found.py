"""What the product finds of the network of the estate, read by its own collector over the wire: every cable, nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.records import Snapshot
from inventory.networks import read_plan
from inventory.sitefiles import read_site
from inventory.topology.directory import Directory, directory_of
from inventory.topology.evidence import KIND, device_of
from inventory.topology.links import links
from inventory.topology.places import clashes, places
from simulator.mib import mac
from tests.simulator.conftest import Running
from tests.simulator.test_box import read, until


def surveyed(running: Running) -> Directory:
    assets = read_site(running.site).assets
    speaking = [asset for asset in assets if "snmp" in asset.collect]
    with ThreadPoolExecutor(4) as pool:
        records = [record for found in pool.map(read, speaking) for record in found]
    said = {record.asset: record for record in records if isinstance(record, Snapshot) and record.kind == KIND}
    return directory_of(device_of(asset, said.get(asset.id)) for asset in assets)


@pytest.fixture(scope="module")
def directory(running: Running) -> Directory:
    return surveyed(running)


def test_every_cable_of_the_estate_is_found_and_nothing_else(running: Running, directory: Directory) -> None:
    declared = {frozenset((link.a[0], link.b[0])) for link in running.places.estate.cables}
    found = links(directory)
    assert {frozenset((link.a.asset, link.b.asset or link.b.name)) for link in found} == declared
    assert {link.b.name for link in found if not link.b.asset} == {one.id for one in running.places.estate.devices if not one.declared}
    cables = [link for link in found if "lldp" in link.sources]
    assert len(cables) == len(running.places.estate.links)
    assert {link.confidence for link in cables if link.b.asset} == {0.99}
    assert [link for link in found if link.against] == []


def test_servers_and_sensors_hang_on_the_declared_ports(running: Running, directory: Directory) -> None:
    found = places(directory)
    for one in (*running.places.estate.servers, *running.places.estate.sensors):
        place = found[mac(one.id, 1).hex(":")]
        assert (place.switch, int(place.port.rpartition("/")[2])) == (one.switch, one.port)
        assert one.id in directory.by_mac.values()
    assert clashes(directory) == []


def test_a_stolen_address_is_a_clash_of_the_two_that_use_it(running: Running) -> None:
    running.fault("address-clash", True)
    try:
        until(lambda: clashes(surveyed(running)) != [], "the clash shows", within_s=60)
        (clash,) = clashes(surveyed(running))
    finally:
        running.fault("address-clash", False)
    assert clash.address == running.places.address_of("hq-oa-app")
    assert set(clash.macs) == {mac("hq-oa-app", 1).hex(":"), mac("hq-acc1-desk", 1).hex(":")}


def test_every_asset_with_an_address_lies_in_the_zone_that_it_should(running: Running) -> None:
    plan, assets = read_plan(running.site), [asset for asset in read_site(running.site).assets if asset.address]
    assert plan.problems == ()
    zones = {asset.id: zone.role for asset in assets if (zone := plan.zone_of(asset.address))}
    assert zones.keys() == {asset.id for asset in assets}
    assert {zones[asset.id] for asset in assets if asset.kind in ("switch", "router", "firewall")} == {"management"}
    assert {zones[asset.id] for asset in assets if asset.kind == "server"} == {"important"}
