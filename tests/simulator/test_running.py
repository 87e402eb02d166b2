"""The configurations of the simulated devices, and their command lines read as any device's."""

from __future__ import annotations

import pytest

from collectors.network.cli import cleaned
from core.secrets import Secret
from inventory.asset import Asset
from inventory.configuration.dialects import DIALECTS, is_whole, told
from inventory.configuration.difference import compare
from simulator.estate import Device, load_estate
from simulator.places import Places
from simulator.running import configuration
from simulator.shell import PASSWORD, USER, shown_key
from simulator.site import PLATFORMS
from simulator.world import World
from tests.collectors.support import collector, poll
from tests.simulator.conftest import Running

ESTATE = load_estate()
WORLD, PLACES = World(ESTATE, lambda: 0.0), Places(ESTATE)


@pytest.mark.parametrize("device", ESTATE.devices, ids=lambda device: device.id)
def test_every_device_has_a_whole_configuration_in_its_vendors_words(device: Device) -> None:
    text = cleaned(configuration(WORLD, PLACES, device, "running"))
    dialect = told(text)
    assert dialect == ("comware" if ESTATE.models[device.model].family == "h3c" else "usg" if device.kind == "firewall" else "vrp")
    assert is_whole(text, DIALECTS[dialect])
    assert "simulated" not in text  # secrets are blanked
    assert text == cleaned(configuration(WORLD, PLACES, device, "startup"))


def test_somebody_who_configures_does_not_save() -> None:
    world = World(ESTATE, lambda: 0.0)
    world.switch("config-change", True)
    core = next(one for one in ESTATE.devices if one.id == "hq-core1")
    changed = compare(configuration(world, PLACES, core, "startup"), configuration(world, PLACES, core, "running")).changed
    assert "telnet server enable" in [row.right for row in changed]


def test_its_command_line_is_read_like_any_other(running: Running) -> None:
    core = next(one for one in ESTATE.devices if one.id == "hq-core1")
    asset = Asset(id="hq-core1", address=running.places.address(core), credentials={"cli": "c"})
    options = {"platform": PLATFORMS["huawei"], "port": running.places.ssh, "host_key": shown_key(running.site / "simulator")}
    polled = poll(collector("cli", options, c=Secret(username=USER, password=PASSWORD)), asset)
    assert polled.error is None
    assert "sysname hq-core1" in polled.snapshot("running-config")
    assert polled.snapshot("startup-config") == polled.snapshot("running-config")
