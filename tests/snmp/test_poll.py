"""Polling many targets: every one is answered, and the recorded devices are read as well as promised."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from collectors.network.snmp.access import Access
from collectors.network.snmp.poll import access_of, main, poll_line, poll_targets
from collectors.network.snmp.profile import standard_profiles
from collectors.network.snmp.recording import read_recording
from collectors.network.snmp.walk import record, shown, try_profiles
from core.errors import BadReply, ConfigError
from tests.peers.snmp_agent import Agent, Answer, Bench, Circles, Silent, Table, recorded, switch
from tests.peers.snmpd import snmpd
from tests.snmp import score

pytestmark = pytest.mark.slow

needs_recordings = pytest.mark.skipif(not (score.SHARED / "truth").is_dir(), reason="the recordings are not beside the repository")


def targets_file(folder: Path, targets: list[dict[str, Any]]) -> Path:
    path = folder / "targets.jsonl"
    path.write_text("".join(json.dumps(target) + "\n" for target in targets), encoding="utf-8")
    return path


def lines(path: Path) -> dict[str, Any]:
    return {line["target"]: line for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def test_every_target_gets_a_line_whatever_it_does(tmp_path: Path) -> None:
    table = Table.of(switch("many", ports=4))
    agents: dict[tuple[str, int], Answer] = {(f"127.0.3.{number}", 0): Agent(table, f"d{number}") for number in range(1, 31)}
    agents |= {("127.0.3.40", 0): Silent(), ("127.0.3.41", 0): Circles(table)}
    with Bench(agents) as bench:
        targets = [
            {"target": f"d{number}", "host": host, "port": port, "version": "2c", "community": f"d{number}", "timeout_s": 0.5}
            for number, (host, port) in enumerate(bench.addresses, 1)
        ]
        targets += [{"target": "no-host"}, {"target": "v9", "host": "127.0.0.1", "version": "9"}, {"target": "odd", "host": "127.0.0.1", "port": "x"}]
        started = time.monotonic()
        answered = poll_targets(targets_file(tmp_path, targets), tmp_path / "out.jsonl", concurrency=16)
        took = time.monotonic() - started
    got = lines(tmp_path / "out.jsonl")
    assert len(got) == 35
    assert answered == 31
    assert {name for name, line in got.items() if not line["ok"]} == {"d31", "no-host", "v9", "odd"}
    assert "no SNMP answer" in got["d31"]["error"]
    assert got["no-host"]["error"] == "host: is missing"
    assert got["d7"]["identity"]["sysname"] == "many"
    assert [port["name"] for port in got["d7"]["interfaces"]] == ["Gi0/1", "Gi0/2", "Gi0/3", "Gi0/4"]
    assert got["d7"]["interfaces"][0]["mac"] == "02:00:00:00:00:01"
    assert took < 30


def test_an_agent_that_was_busy_gets_a_second_chance(tmp_path: Path) -> None:
    class Late(Agent):
        def __call__(self, data: bytes) -> bytes | None:
            self.asked += 1
            return self.respond_later(data) if self.asked > 3 else None

        def respond_later(self, data: bytes) -> bytes | None:
            return super().__call__(data)

    with Bench({("127.0.0.1", 0): Late(Table.of(switch("late")))}) as bench:
        host, port = bench.addresses[0]
        targets = [{"target": "late", "host": host, "port": port, "timeout_s": 0.2}]
        assert poll_targets(targets_file(tmp_path, targets), tmp_path / "out.jsonl") == 1


def test_a_version_1_agent_is_read_without_bulk() -> None:
    with Bench({("127.0.0.1", 0): Agent(Table.of(switch("old", ports=3)))}) as bench:
        host, port = bench.addresses[0]
        line = poll_line({"target": "old", "host": host, "port": port, "version": "1", "timeout_s": 1}, standard_profiles())
    assert line["ok"]
    assert len(line["interfaces"]) == 3


@pytest.mark.parametrize(("text", "number"), [("{}\n[1]\n", 2), ("{}\n{oops\n", 2)])
def test_a_broken_targets_file_is_refused_with_its_line(text: str, number: int, tmp_path: Path) -> None:
    path = tmp_path / "targets.jsonl"
    path.write_text(text, encoding="utf-8")
    said: list[str] = []
    assert main(["--targets", str(path), "--out", str(tmp_path / "out")], said.append) == 2
    assert f"targets.jsonl:{number}: " in said[0]


def test_a_target_may_ask_for_version_3() -> None:
    access = access_of({"host": "h", "version": "3", "user": "u", "auth": "SHA-256", "auth_key": "12345678", "privacy": "AES", "privacy_key": "12345678"})
    assert (access.auth, access.privacy) == ("sha256", "aes128")
    with pytest.raises(ConfigError, match="user name"):
        access_of({"host": "h", "version": "3"})


@pytest.mark.peer
def test_a_recording_of_a_real_agent_reads_as_the_agent_itself(tmp_path: Path) -> None:
    path = tmp_path / "peer.snmprec"
    with snmpd(tmp_path) as peer:
        written = record(Access("127.0.0.1", peer.port, "2c", peer.v2c.community), path)
        live = poll_line({"target": "t", "host": "127.0.0.1", "port": peer.port, "community": peer.v2c.community}, standard_profiles())
    assert written > 200
    replayed = try_profiles(path)
    assert replayed.identity.sysname == "peer-one"
    assert [port.name for port in replayed.interfaces] == [port["name"] for port in live["interfaces"]]
    assert '"peer-one"' in shown(replayed)


def test_recording_an_agent_in_circles_ends_and_keeps_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "circles.snmprec"
    with Bench({("127.0.0.1", 0): Circles(Table.of(switch("c")))}) as bench, pytest.raises(BadReply, match="does not end"):
        record(Access(*bench.addresses[0], timeout_s=0.5), path)
    assert path.read_text(encoding="utf-8").count("\n") >= 3


def test_a_recording_with_a_broken_line_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.snmprec"
    path.write_text("1.3.6.1|2|5\nhello\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_recording(path)
    assert caught.value.line == 2


def test_a_site_profile_is_tried_on_a_recording(tmp_path: Path) -> None:
    (tmp_path / "x.snmprec").write_text(
        "1.3.6.1.2.1.1.1.0|4|Thing 5\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99998.1\n1.3.6.1.4.1.99998.1.7.0|2|41\n", encoding="utf-8"
    )
    profile = "name: thing\nmatch: {oid: [1.3.6.1.4.1.99998]}\nvendor: Things\nsensors: [{class: temperature, value: '@.7.0', descr: Core}]\n"
    (tmp_path / "own.yaml").write_text(profile, encoding="utf-8")
    reading = try_profiles(tmp_path / "x.snmprec", tmp_path / "own.yaml")
    assert (reading.identity.vendor, [(sensor.descr, sensor.value) for sensor in reading.sensors]) == ("Things", [("Core", 41.0)])


@needs_recordings
def test_the_recorded_devices_are_read_as_promised() -> None:
    documents = {name: score.read_directly(name) for name in score.names()}
    marks = score.summary(score.score(documents))
    false, rows = score.false_sensors(documents)
    assert len(documents) == 42
    assert marks["all"] >= 95
    assert marks["interfaces"] >= 99
    assert false / rows < 0.01


@needs_recordings
def test_the_recorded_devices_are_read_the_same_over_the_network(tmp_path: Path) -> None:
    names = [name for name in score.names() if name not in ("timos_ixr-s", "arista_eos", "vrp_power", "vrp_5720-32x-ei")]
    agents: dict[tuple[str, int], Answer] = {}
    for number, name in enumerate(names, 1):
        agents[f"127.0.4.{number}", 0] = Agent(Table.of(recorded(score.SHARED / "recordings" / f"{name}.snmprec")), name)
    with Bench(agents) as bench:
        targets = [
            {"target": name, "host": host, "port": port, "version": "2c", "community": name} for name, (host, port) in zip(names, bench.addresses, strict=True)
        ]
        assert poll_targets(targets_file(tmp_path, targets), tmp_path / "out.jsonl", concurrency=8) == len(names)
    marks = score.summary(score.score(lines(tmp_path / "out.jsonl")))
    assert marks["all"] >= 95
    assert marks["interfaces"] >= 99
