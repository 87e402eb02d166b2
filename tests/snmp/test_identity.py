"""Identity out of what devices that no profile knows say of themselves."""

import time
from collections.abc import Mapping

import pytest

from collectors.network.snmp.device import read_device
from collectors.network.snmp.profile import standard_profiles
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Identity
from collectors.network.snmp.recording import RecordedSession
from collectors.network.snmp.values import Value

ENTITY = "1.3.6.1.2.1.47.1.1.1.1"


def who(descr: str, objectid: str = "1.3.6.1.4.1.99999999.1", values: Mapping[str, Value] | None = None) -> Identity:
    session = RecordedSession({"1.3.6.1.2.1.1.1.0": descr.encode(), "1.3.6.1.2.1.1.2.0": objectid, "1.3.6.1.2.1.1.3.0": 100, **(values or {})})
    return read_device(Reader(session, time.monotonic, time.monotonic() + 30), []).identity


@pytest.mark.parametrize(
    ("descr", "objectid", "model", "version", "serial"),
    [
        ("Industrial Ethernet Managed Layer 3 Redundant Ring Switch IGS-9168GP with firmware V5.1", "1.3.6.1.4.1.24062.2", "IGS-9168GP", "5.1", None),
        ("Westermo Network Technologies, Inc. RFI-211-T3G, software version 4.32.1", "1.3.6.1.4.1.16177.2", "RFI-211-T3G", "4.32.1", None),
        ("XYZ-2400, SN: AB12345678, 2.6.1-beta", "1.3.6.1.4.1.46242.1", "XYZ-2400", "2.6.1-beta", "AB12345678"),
        ('"Gateway 400"', "1.3.6.1.4.1.46242.1", "Gateway 400", None, None),
        ("An SNMPv2 agent with IPv6 and RFC1213 and SHA256 and nothing else that would tell what it is", "0.0", None, None, None),
        (
            "Juniper Networks, Inc. qfx5100 Switch, kernel JUNOS 14.1X53-D40.8, Build date: 2016",
            "1.3.6.1.4.1.46242.1",
            "Juniper Networks",
            "14.1X53-D40.8",
            None,
        ),
        ("Acme Rack Monitor 750 5.4.0.11", "1.3.6.1.4.1.46242.1", "Acme Rack Monitor 750", "5.4.0.11", None),
        ("Linux router 5.10.0 x86_64", "1.3.6.1.4.1.46242.1", None, "5.10.0", None),
    ],
)
def test_sysdescr_is_read_well(descr: str, objectid: str, model: str | None, version: str | None, serial: str | None) -> None:
    got = who(descr, objectid)
    assert (got.model, got.version, got.serial) == (model, version, serial)


def test_the_maker_in_entity_mib_counts_more_than_that_of_the_agent() -> None:
    values: dict[str, Value] = {f"{ENTITY}.2.1": b"Box", f"{ENTITY}.5.1": 3, f"{ENTITY}.12.1": b"Acme Ltd", f"{ENTITY}.13.1": b"B-1"}
    assert (who("box", "1.3.6.1.4.1.8072.3.2.10", values).vendor, who("box", "1.3.6.1.4.1.46242.1", values).vendor) == ("Acme Ltd", "Netonix")


def test_an_os_that_no_profile_names_is_the_vendors_own() -> None:
    assert who("box", "1.3.6.1.4.1.46242.1").os == "netonix"
    assert [who(descr, "1.3.6.1.4.1.46242.1").os for descr in ("Box, PAN-OS 10.1", "Box TiMOS-C-21.10", "Box BIOS 3", "Box QoS")] == [
        "panos",
        "timos",
        "netonix",
        "netonix",
    ]


def test_a_device_behind_net_snmp_is_known_by_its_makers_tree() -> None:
    """Its profile speaks before that of Linux; a maker's agent on a device that tells its own maker changes nothing."""
    tree: dict[str, Value] = {"1.3.6.1.4.1.41263.502.0": b"6.5.2", "1.3.6.1.4.1.8072.1.2.3": 1}

    def read(objectid: str) -> Identity:
        system: dict[str, Value] = {"1.3.6.1.2.1.1.1.0": b"Linux node 4.19.84 #1 SMP x86_64", "1.3.6.1.2.1.1.2.0": objectid}
        return read_device(Reader(RecordedSession({**system, **tree}), time.monotonic, time.monotonic() + 30), standard_profiles()).identity

    behind, other = read("1.3.6.1.4.1.8072.3.2.10"), read("1.3.6.1.4.1.9.1.1")
    assert (behind.vendor, behind.os, behind.version) == ("Nutanix", "nutanix", "6.5.2")
    assert other.vendor == "Cisco"
