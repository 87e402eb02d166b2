"""The box answers real tools: net-snmp, an HTTP client, a Modbus client, a syslog socket, and the product's own collectors."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pymodbus.client import ModbusTcpClient

from collectors import COLLECTORS
from core.errors import Unreachable
from core.records import Sample, Snapshot
from core.registry import resolve
from core.secrets import Secret
from inventory.asset import Asset
from inventory.sitefiles import read_site
from simulator.chatter import ATTACKER
from tests.simulator.conftest import NET, ROOT, Running, free_port

pytestmark = pytest.mark.slow

WALK_S = 20


class NoSecrets:
    def get(self, name: str) -> Secret:
        raise KeyError(name)


def collect(running: Running, id: str) -> list[Any]:
    asset = next(asset for asset in read_site(running.site).assets if asset.id == id)
    return read(asset)


def read(asset: Asset) -> list[Any]:
    name, options = next(iter(asset.collect.items()))  # the command line of devices is read elsewhere
    made = resolve(COLLECTORS, name, "collector")
    collector = made(made.Options(**{key: value for key, value in options.items() if key != "interval"}), NoSecrets())
    try:
        return list(collector.collect(asset, datetime.now(UTC)))
    finally:
        collector.close()


def values(records: list[Any], metric: str, **labels: str) -> list[float]:
    return [r.value for r in records if isinstance(r, Sample) and r.metric == metric and labels.items() <= dict(r.labels).items()]


def walk(running: Running, id: str, oid: str, tool: str = "snmpbulkwalk", version: str = "2c") -> list[str]:
    if shutil.which(tool) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{tool} is missing")
        pytest.skip(f"{tool} is not installed")
    where = f"{running.places.address_of(id)}:{running.places.snmp}"
    done = subprocess.run(
        [tool, f"-v{version}", "-c", "public", "-On", "-Oe", "-t", "2", "-r", "1", where, oid], capture_output=True, timeout=WALK_S, check=False
    )
    return done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []


def until(holds: Callable[[], bool], what: str, within_s: float = 10) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def test_every_device_answers_net_snmp(running: Running) -> None:
    for device in running.places.estate.devices:
        lines = walk(running, device.id, "1.3.6.1.2.1.1")
        assert any(running.places.estate.models[device.model].object_id in line for line in lines), device.id


@pytest.mark.parametrize(("tool", "version"), [("snmpwalk", "1"), ("snmpwalk", "2c"), ("snmpbulkwalk", "2c")])
def test_a_whole_walk_ends_and_its_names_rise(running: Running, tool: str, version: str) -> None:
    lines = walk(running, "hq-core1", "1.3.6.1", tool, version)
    names = [tuple(map(int, line.split(" ")[0].strip(".").split("."))) for line in lines if line.startswith(".1.") and "No more variables" not in line]
    assert len(names) > 300
    assert names == sorted(set(names))


def test_counters_of_64_bits_move(running: Running) -> None:
    def octets() -> int:
        (line,) = [line for line in walk(running, "hq-core1", "1.3.6.1.2.1.31.1.1.1.6") if ".1.6.1 = " in line]
        assert "Counter64" in line
        return int(line.rpartition(" ")[2])

    first = octets()
    assert first > 2**32
    until(lambda: octets() > first, "the counter stands still")


def test_neighbours_are_those_of_the_declared_cables(running: Running) -> None:
    names = {line.rpartition("STRING: ")[2].strip('"') for line in walk(running, "hq-core1", "1.0.8802.1.1.2.1.4.1.1.9")}
    assert names == {"hq-core2", "hq-fw1", "hq-acc1", "hq-acc2", "hq-srv1", "hq-srv2"}


def test_a_wrong_community_is_met_with_silence(running: Running) -> None:
    where = f"{running.places.address_of('hq-core1')}:{running.places.snmp}"
    done = subprocess.run(
        ["snmpget", "-v2c", "-c", "wrong", "-t", "1", "-r", "0", where, "1.3.6.1.2.1.1.1.0"], capture_output=True, timeout=WALK_S, check=False
    )
    assert done.returncode != 0


def test_every_page_shows_its_word_and_those_over_tls_are_of_the_bureaus_authority(running: Running) -> None:
    trusted = ssl.create_default_context(cafile=str(running.site / "simulator" / "ca.crt"))
    with httpx2.Client(verify=trusted) as client:
        for system in running.places.estate.systems:
            answer = client.get(running.places.url(system))
            assert answer.status_code == 200
            assert system.word in answer.text
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(running.places.url(running.places.estate.systems[0]))


def test_the_site_is_read_without_a_problem_and_every_asset_with_the_products_own_collectors(running: Running) -> None:
    site = read_site(running.site)
    assert not site.problems
    kinds = [asset.kind for asset in site.assets]
    assert kinds.count("server") == 20
    assert kinds.count("system") == 12
    assert sum(kind in ("switch", "router", "firewall") for kind in kinds) == 13
    assert len({asset.site for asset in site.assets}) == 2
    for asset in site.assets:
        assert asset.simulated
        if asset.collect:
            assert any(isinstance(record, Sample) for record in read(asset)), asset.id


def test_the_collector_sees_what_the_device_is(running: Running) -> None:
    records = collect(running, "hq-acc1")
    (inventory,) = [r.body for r in records if isinstance(r, Snapshot) and r.kind == "snmp.inventory"]
    assert "S5130-28S-EI" in inventory
    assert "H3C" in inventory
    assert values(records, "system.cpu.utilization")


def test_room_sensors_answer_modbus(running: Running) -> None:
    client: Any = ModbusTcpClient(running.places.address_of("hq-room-env"), port=running.places.modbus)
    assert client.connect()
    found = client.read_holding_registers(100, count=3).registers
    client.close()
    assert 220 <= found[0] <= 250
    assert 400 <= found[1] <= 560
    assert found[2] == 0


def test_a_cut_line_silences_everything_behind_it_and_shows_at_the_port(running: Running) -> None:
    assert running.fault("uplink-cut", on=True).json() == {"fault": "uplink-cut", "on": True}
    try:
        until(lambda: not walk(running, "lab-core", "1.3.6.1.2.1.1.5"), "the station still answers")
        port = [line for line in walk(running, "hq-r1", "1.3.6.1.2.1.2.2.1.8") if line.startswith(".1.3.6.1.2.1.2.2.1.8.3 ")]
        assert port[0].endswith("INTEGER: 2")
        for name in ("air", "lab-room-env", "lab-air"):
            with pytest.raises(Unreachable):
                collect(running, name)
        assert values(collect(running, "oa"), "http.client.up") == [1.0]
    finally:
        running.fault("uplink-cut", on=False)
    until(lambda: bool(walk(running, "lab-core", "1.3.6.1.2.1.1.5")), "the station stays away")
    until(lambda: values(collect(running, "air"), "http.client.up") == [1.0], "the page stays away")
    assert collect(running, "lab-room-env")


def test_losing_one_core_switch_takes_nothing_along(running: Running) -> None:
    running.fault("core2-off", on=True)
    try:
        until(lambda: not walk(running, "hq-core2", "1.3.6.1.2.1.1.5"), "it still answers")
        assert walk(running, "hq-acc1", "1.3.6.1.2.1.1.5")
        assert walk(running, "lab-acc2", "1.3.6.1.2.1.1.5")
    finally:
        running.fault("core2-off", on=False)


def test_a_stopped_service_a_broken_page_and_a_bad_certificate_are_seen(running: Running) -> None:
    for name in ("service-stop", "page-broken", "certificate-expiring", "certificate-expired"):
        running.fault(name, on=True)
    try:
        time.sleep(2.5)
        with pytest.raises(Unreachable):
            collect(running, "oa")
        assert values(collect(running, "complaints"), "http.client.up") == [0.0]
        assert 2.9 < values(collect(running, "mobile-law"), "tls.certificate.days_left")[0] <= 3
        assert values(collect(running, "portal"), "tls.certificate.valid") == [0.0]
    finally:
        for name in ("service-stop", "page-broken", "certificate-expiring", "certificate-expired"):
            running.fault(name, on=False)
    until(lambda: values(collect(running, "portal"), "tls.certificate.valid") == [1.0], "the certificate stays bad")


def test_mains_failing_shows_in_the_ups_mib_and_to_the_collector(running: Running) -> None:
    usual = collect(running, "hq-ups")
    assert values(usual, "hw.ups.on_battery") == [0.0]
    assert values(usual, "hw.ups.runtime") == [60.0]
    running.fault("ups-on-battery", on=True)
    try:
        until(lambda: any(line.endswith("INTEGER: 5") for line in walk(running, "hq-ups", "1.3.6.1.2.1.33.1.4.1")), "the source stays the mains", 6)
        until(lambda: values(collect(running, "hq-ups"), "hw.ups.on_battery") == [1.0], "the collector does not see it", 6)
    finally:
        running.fault("ups-on-battery", on=False)


def test_water_and_an_open_door_are_bits(running: Running) -> None:
    running.fault("leak", on=True)
    try:
        assert values(collect(running, "hq-room-env"), "hw.state", sensor="leak") == [2.0]
    finally:
        running.fault("leak", on=False)
    assert values(collect(running, "hq-room-env"), "hw.state", sensor="leak") == [0.0]


def test_guessing_passwords_speaks_from_the_servers_own_address(running: Running) -> None:
    running.fault("brute-force", on=True)
    try:
        for _ in range(100):
            line, (source, _) = running.syslog.recvfrom(4096)
            if b"Failed password" in line:
                break
        assert ATTACKER in line.decode()
        assert source == running.places.address_of("hq-web")
    finally:
        running.fault("brute-force", on=False)


def test_an_unknown_fault_is_refused_on_the_command_line(running: Running) -> None:
    command = [sys.executable, "-m", "simulator", "fault", "earthquake", "--control", str(running.places.control)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert b"no fault 'earthquake'" in done.stderr
    listed = subprocess.run([*command[:3], "faults", *command[5:]], cwd=ROOT, capture_output=True, timeout=30, check=True)
    assert b"uplink-cut" in listed.stdout


def test_a_second_one_on_the_same_addresses_says_what_to_do(running: Running, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulator", "--site", str(tmp_path), "--net", str(NET), "--control", str(free_port()), "--speed", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert done.returncode == 78
    assert b"is another one running?" in done.stderr
    assert b"Traceback" not in done.stderr


def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    arguments = ["-m", "simulator", "--site", str(tmp_path), "--net", str(NET + 1), "--control", str(free_port()), "--speed", "0"]
    code = f"import subprocess, sys, time; print(subprocess.Popen([sys.executable, *{arguments!r}]).pid, flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(3)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    until(lambda: not alive(child), "it outlives its parent")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_is_light(running: Running) -> None:
    def spent() -> float:
        fields = Path(f"/proc/{running.process.pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = spent()
    time.sleep(5)
    assert spent() - before < 0.5
