"""The collector against a real snmpd, and against an agent whose counters can be set."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from collectors.base import Collector, make
from collectors.network.snmp import SnmpCollector
from collectors.network.snmp.access import Access, auth_protocol, privacy_protocol
from collectors.network.snmp.session import Engine, open_session
from core.catalogue import catalogue
from core.errors import AuthRefused, BadReply, ConfigError, DeviceError, NotFound, Unreachable
from core.records import Record, Sample, Snapshot
from core.secrets import NoSecrets, Secret
from inventory.asset import Asset
from tests.peers.snmp_agent import COUNTER, COUNTER64, GAUGE, INTEGER, TICKS, Agent, Bench, Silent, Table, Typed, switch
from tests.peers.snmpd import AUTH_KEY, COMMUNITY, PRIVACY_KEY, USER, Snmpd, snmpd

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
ENGINES: tuple[Engine, ...] = ("gufo", "pysnmp")


class Vault:
    """Credentials of the tests."""

    def get(self, name: str) -> Secret:
        known = {
            "v2": Secret(community=COMMUNITY),
            "v3": Secret(username=USER, auth_key=AUTH_KEY, auth_protocol="SHA-256", priv_key=PRIVACY_KEY, priv_protocol="AES"),
            "auth-only": Secret(username="plain", auth_key=AUTH_KEY, auth_protocol="SHA-512"),
            "wrong": Secret(username=USER, auth_key="not-the-right-key", auth_protocol="SHA-256", priv_key=PRIVACY_KEY, priv_protocol="AES"),
        }
        if name not in known:
            raise NotFound(name)
        return known[name]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    with snmpd(tmp_path_factory.mktemp("snmpd")) as running:
        yield running


def as_collector() -> type[Collector]:
    """The class as the runner sees it."""
    return cast("type[Collector]", SnmpCollector)


def collector(port: int, **options: object) -> SnmpCollector:
    made = make(as_collector(), {"port": port, "timeout_s": 1.0, "retries": 1, **options}, Vault())
    assert isinstance(made, SnmpCollector)
    return made


def asset(address: str = "127.0.0.1", credential: str = "v2") -> Asset:
    return Asset(id="peer", address=address, credentials={"snmp": credential})


def samples(records: list[Record]) -> Mapping[tuple[str, str], float]:
    return {(r.metric, "/".join(r.labels.values())): r.value for r in records if isinstance(r, Sample)}


@pytest.mark.peer
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["v2", "v3", "auth-only"])
def test_it_reads_a_real_snmpd(peer: Snmpd, name: str, engine: Engine) -> None:
    watched = collector(peer.port, engine=engine)
    first = list(watched.collect(asset(credential=name), NOW))
    kinds = {record.kind: json.loads(record.body) for record in first if isinstance(record, Snapshot)}
    assert set(kinds) == {"snmp.inventory", "snmp.neighbours", "snmp.topology"}
    assert kinds["snmp.topology"]["sysname"] == "peer-one"
    assert kinds["snmp.inventory"]["identity"]["sysname"] == "peer-one"
    assert kinds["snmp.inventory"]["identity"]["os"] == "linux"
    assert "lo" in [port["name"] for port in kinds["snmp.inventory"]["interfaces"]]
    got = samples(first)
    assert got["network.interface.oper", "lo"] == 1
    assert 0 < got["system.memory.utilization", ""] < 100
    second = list(watched.collect(asset(credential=name), NOW + timedelta(seconds=60)))
    assert not [record for record in second if isinstance(record, Snapshot)]
    assert samples(second)["network.interface.io", "lo/receive"] >= 0


@pytest.mark.peer
@pytest.mark.parametrize("engine", ENGINES)
def test_wrong_keys_are_told_apart_from_silence(peer: Snmpd, engine: Engine) -> None:
    with pytest.raises((AuthRefused, Unreachable)) as caught:
        list(collector(peer.port, engine=engine).collect(asset(credential="wrong"), NOW))
    assert caught.value.asset == "peer"
    assert "not-the-right-key" not in str(caught.value)


@pytest.mark.peer
@pytest.mark.parametrize("engine", ENGINES)
def test_two_devices_with_one_engine_id_are_both_read(engine: Engine, tmp_path: Path) -> None:
    """As after copying a configuration: the same engine id and user, but each with boots and a time of its own."""
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    with (
        snmpd(folders[0], extra="engineID copied\n") as one,
        snmpd(folders[1], extra="engineID copied\noldEngineID 0x80001f8804636f70696564\nengineBoots 7\n") as other,
    ):
        sessions = [open_session(device.v3, engine) for device in (one, other)]
        boots = "1.3.6.1.6.3.10.2.1.2.0"
        try:
            told = [session.get([boots, "1.3.6.1.6.3.10.2.1.1.0"]) for _ in range(3) for session in sessions]
        finally:
            for session in sessions:
                session.close()
    assert len({answer["1.3.6.1.6.3.10.2.1.1.0"] for answer in told}) == 1
    assert [answer[boots] for answer in told] == [1, 8] * 3


@pytest.mark.peer
def test_every_metric_it_emits_is_in_the_catalogue(peer: Snmpd) -> None:
    watched = collector(peer.port)
    emitted = {record.metric for _ in range(2) for record in watched.collect(asset(), NOW) if isinstance(record, Sample)}
    assert emitted - set(catalogue()) == set()


@pytest.mark.peer
def test_it_notices_when_the_agent_stops_and_comes_back(tmp_path: Path) -> None:
    with snmpd(tmp_path) as running:
        watched = collector(running.port, timeout_s=0.3, retries=0)
        assert list(watched.collect(asset(), NOW))
        port = running.port
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"no SNMP answer|refused"):
            list(watched.collect(asset(), NOW))
    with snmpd(tmp_path, port):
        assert samples(list(watched.collect(asset(), NOW)))["network.interface.oper", "lo"] == 1


class Watched:
    """An agent with changeable values, and a collector with a clock in hand."""

    def __init__(self, values: dict[str, Typed]) -> None:
        self.values, self.at = values, 1000.0
        self.agent = Agent(Table.of(values))
        self.bench = Bench({("127.0.0.1", 0): self.agent})
        options = SnmpCollector.Options(port=self.bench.addresses[0][1], timeout_s=1.0)
        self.collector = SnmpCollector(options, NoSecrets(), monotonic=lambda: self.at)

    def poll(self, changed: Mapping[str, Typed] | None = None, step_s: float = 60.0) -> Mapping[tuple[str, str], float]:
        self.at += step_s
        self.values |= changed or {}
        self.agent.table = Table.of(self.values)
        return samples(list(self.collector.collect(Asset(id="peer", address="127.0.0.1"), NOW)))


@pytest.fixture
def watched() -> Iterator[Watched]:
    given = Watched(switch("one", ports=2))
    yield given
    given.bench.close()


WIDE_IN, NARROW_IN, UPTIME = "1.3.6.1.2.1.31.1.1.1.6.1", "1.3.6.1.2.1.2.2.1.10.1", "1.3.6.1.2.1.1.3.0"
IO, USE = ("network.interface.io", "Gi0/1/receive"), ("network.interface.utilization", "Gi0/1/receive")


def test_counters_become_rates_and_shares_of_the_speed(watched: Watched) -> None:
    assert IO not in watched.poll()
    got = watched.poll({WIDE_IN: (COUNTER64, 5_000_000_001 + 60_000_000)})
    assert got[IO] == pytest.approx(1_000_000)
    assert got[USE] == pytest.approx(0.8)
    assert got["hw.temperature", "Inlet"] == 23
    assert got["system.cpu.utilization", ""] == 17
    assert got["system.memory.utilization", ""] == 25


def test_a_32_bit_counter_that_wrapped_is_still_a_rate(watched: Watched) -> None:
    none = {oid: (COUNTER64, 0) for oid in watched.values if oid.startswith(("1.3.6.1.2.1.31.1.1.1.6.", "1.3.6.1.2.1.31.1.1.1.10."))}
    watched.values |= none
    watched.poll({NARROW_IN: (COUNTER, 2**32 - 1_000)})
    assert watched.poll({NARROW_IN: (COUNTER, 5_000)})[IO] == pytest.approx(100)


def test_a_restart_gives_no_rate_once_and_no_spike_ever(watched: Watched) -> None:
    watched.poll()
    got = watched.poll({UPTIME: (TICKS, 50), WIDE_IN: (COUNTER64, 10)})
    assert IO not in got
    got = watched.poll({UPTIME: (TICKS, 6050), WIDE_IN: (COUNTER64, 610)})
    assert got[IO] == pytest.approx(10)


def test_a_rate_that_the_link_cannot_carry_is_a_lie(watched: Watched) -> None:
    watched.poll()
    odd = watched.poll({WIDE_IN: (COUNTER64, 5_000_000_001 + 10**13), "1.3.6.1.2.1.2.2.1.8.1": (INTEGER, 1)})
    assert IO not in odd


def test_what_seldom_changes_is_asked_once_an_hour(watched: Watched) -> None:
    watched.poll()
    first, watched.agent.asked = watched.agent.asked, 0
    watched.poll()
    assert watched.agent.asked < first / 2
    watched.agent.asked = 0
    watched.poll(step_s=3600)
    assert watched.agent.asked > first / 2


def test_after_work_on_it_a_device_is_read_whole_at_once(watched: Watched) -> None:
    def kinds() -> set[str]:
        watched.at += 60
        return {one.kind for one in watched.collector.collect(Asset(id="peer", address="127.0.0.1"), NOW) if isinstance(one, Snapshot)}

    first = kinds()
    assert "snmp.inventory" in first
    assert kinds() == set()
    watched.collector.anew()
    assert kinds() == first


def test_a_speed_may_change_between_two_polls(watched: Watched) -> None:
    watched.poll()
    watched.poll()
    change = {
        WIDE_IN: (COUNTER64, 5_000_000_001 + 60_000_000),
        "1.3.6.1.2.1.31.1.1.1.15.1": (GAUGE, 100),
        "1.3.6.1.2.1.2.2.1.5.1": (GAUGE, 10**8),
    }
    assert watched.poll(change)[USE] == pytest.approx(8.0)


def test_a_silent_device_is_asked_shortly_the_next_time() -> None:
    silent = Silent()
    with Bench({("127.0.0.1", 0): silent}) as bench:
        watched = collector(bench.addresses[0][1], timeout_s=0.1, retries=2)
        for _ in range(2):
            with pytest.raises(Unreachable):
                list(watched.collect(asset(), NOW))
    assert silent.asked == 3 + 1


def test_an_asset_without_an_address_is_told_so() -> None:
    with pytest.raises(BadReply, match="no address"):
        list(collector(161).collect(Asset(id="x"), NOW))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_name_that_does_not_resolve_is_unreachable(engine: Engine) -> None:
    with pytest.raises(Unreachable):
        list(collector(161, engine=engine).collect(asset(address="no-such-host.invalid"), NOW))


@pytest.mark.parametrize(
    ("options", "key"),
    [({"version": "4"}, "version"), ({"port": 0}, "port"), ({"comunity": "x"}, "comunity"), ({"engine": "net-snmp"}, "engine")],
)
def test_wrong_options_are_refused_by_name(options: Mapping[str, object], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(as_collector(), options, NoSecrets())
    assert caught.value.key == key


@pytest.mark.parametrize(
    "given",
    [
        {"version": "3"},
        {"version": "3", "user": "u", "privacy": "aes128", "privacy_key": "long enough"},
        {"version": "3", "user": "u", "auth": "sha256", "auth_key": "short"},
    ],
)
def test_half_an_access_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        Access("127.0.0.1", **given)  # type: ignore[arg-type]


def test_secrets_stay_out_of_representations() -> None:
    access = Access(
        "127.0.0.1", community="open-sesame", version="3", user="u", auth="sha256", auth_key="key-of-ten", privacy="aes128", privacy_key="key-of-two"
    )
    assert not {"open-sesame", "key-of-ten", "key-of-two"} & set(repr(access).split("'"))


def test_protocols_are_known_by_their_usual_names() -> None:
    assert [auth_protocol(name) for name in ("SHA-256", "sha", "MD5", "none", "SHA512")] == ["sha256", "sha1", "md5", "", "sha512"]
    assert [privacy_protocol(name) for name in ("AES", "aes-256", "DES", "")] == ["aes128", "aes256", "des", ""]
    for wrong in (auth_protocol, privacy_protocol):
        with pytest.raises(ConfigError, match="there are"):
            wrong("rot13")


@pytest.mark.peer
@pytest.mark.parametrize("engine", ENGINES)
def test_both_engines_give_the_same_values(peer: Snmpd, engine: Engine) -> None:
    session = open_session(peer.v2c, engine)
    try:
        got = session.get(["1.3.6.1.2.1.1.2.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.99.9.0"])
        rows = dict(session.walk("1.3.6.1.2.1.2.2.1.2"))
        address = dict(session.walk("1.3.6.1.2.1.4.20.1.1"))
    finally:
        session.close()
    assert got == {"1.3.6.1.2.1.1.2.0": "1.3.6.1.4.1.8072.3.2.10", "1.3.6.1.2.1.1.5.0": b"peer-one", "1.3.6.1.2.1.1.4.0": "值班室".encode()}
    assert b"lo" in rows.values()
    assert all(oid.startswith("1.3.6.1.2.1.2.2.1.2.") for oid in rows)
    assert "127.0.0.1" in address.values()


def test_errors_carry_the_asset() -> None:
    with Bench({("127.0.0.1", 0): Silent()}) as bench, pytest.raises(DeviceError) as caught:
        list(collector(bench.addresses[0][1], timeout_s=0.1, retries=0).collect(asset(), NOW))
    assert caught.value.asset == "peer"
