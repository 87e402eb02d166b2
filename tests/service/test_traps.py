"""Traps in the service: who may send, our engine id, names of ports, hastened polls."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.events.traps.usm import User
from core.clock import ManualClock
from core.errors import NotFound
from core.records import Event, Snapshot
from core.secrets import Secret
from core.settings import CollectSettings, read_settings
from inventory.asset import Asset
from service.hasten import Hasten
from service.traps import PortNames, access, own_engine, port_names
from store.open import open_store
from store.snapshots import save_snapshot

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Drawer:
    def __init__(self, **secrets: Secret) -> None:
        self.secrets = secrets

    def get(self, name: str) -> Secret:
        if name not in self.secrets:
            raise NotFound(f"there is no credential called {name!r}")
        return self.secrets[name]


def event(kind: str, asset: str = "core1") -> Event:
    return Event(id=kind, time=NOW, asset=asset, kind=kind, message="")


def test_the_engine_id_stays_and_its_starts_are_counted(tmp_path: Path) -> None:
    first, second = own_engine(tmp_path / "engine.json"), own_engine(tmp_path / "engine.json")
    assert (second.id, second.boots) == (first.id, first.boots + 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"engine": "zz", "boots": 1}', '{"engine": "00", "boots": 1}', '{"engine": "8000000001", "boots": -5}'])
def test_a_damaged_engine_id_makes_a_new_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)
    found = own_engine(tmp_path / "engine.json")
    assert (len(found.id), found.boots) == (13, 1)


def test_senders_are_the_named_credentials_and_the_users_of_polled_devices() -> None:
    vault = Drawer(
        traps=Secret(community="secret"),
        network=Secret(community="polling", username="wang", auth_key="authentic-key", priv_key="private-key-1"),
        short=Secret(username="li", auth_key="short"),
    )
    polled = [Asset(id="a", credentials={"snmp": "network"}), Asset(id="b", credentials={"snmp": "short"}), Asset(id="c", credentials={"snmp": "gone"})]
    communities, users, complaints = access(CollectSettings(trap_credentials=("traps",)), polled, vault)
    assert communities == {"secret"}
    assert users == {User("wang", "sha256", "authentic-key", "aes128", "private-key-1")}
    assert sorted(text.split(":")[0] for text in complaints) == ["gone", "short"]
    assert "authentic-key" not in repr(users)


def test_credentials_in_the_environment_are_parted_by_commas(tmp_path: Path) -> None:
    found = read_settings(None, {"WANGLOU_DATA": str(tmp_path), "WANGLOU_COLLECT__TRAP_CREDENTIALS": "one, two"})
    assert found.collect.trap_credentials == ("one", "two")


def test_ports_are_called_as_their_series_are() -> None:
    inventory = {"interfaces": [{"index": 1, "name": "lan"}, {"index": 2, "name": "lan"}, {"index": 3, "name": None}, {"index": "x"}, None]}
    assert port_names(inventory) == {1: "lan #1", 2: "lan #2", 3: "3"}


def test_names_of_ports_come_from_the_newest_inventory(tmp_path: Path) -> None:
    store = open_store("embedded", tmp_path, "service")
    body = json.dumps({"interfaces": [{"index": 7, "name": "Gi0/7"}, {"index": 8, "name": "Te1"}, {"index": 9, "name": "TenGigE1"}]})
    save_snapshot(store, Snapshot(time=NOW, asset="core1", kind="snmp.inventory", body=body))
    save_snapshot(store, Snapshot(time=NOW, asset="odd", kind="snmp.inventory", body="no JSON"))
    names = PortNames(store)
    assert [names.written("core1", said) for said in ("GigabitEthernet0/7", "XGE1", "vlan 3")] == ["Gi0/7", "XGE1", "vlan 3"]
    assert names.written("unknown", "GE1/0/1") == "GE1/0/1"
    assert [names.name("core1", 7), names.name("core1", 10), names.name("odd", 7), names.name("unknown", 7)] == ["Gi0/7", "", "", ""]
    store.close()


def test_what_a_device_says_hastens_its_poll_and_a_storm_does_not_hasten_it_more() -> None:
    polled: list[str] = []
    clock = ManualClock(NOW)
    hasten = Hasten(polled.append, clock.monotonic)
    hasten.take([event("link_down"), event("link_up"), event("log", "web1")])
    hasten.tick()
    assert polled == ["core1"]
    hasten.take([event("bgp_down")] * 100)
    hasten.tick()
    assert polled == ["core1"]
    clock.advance(5)
    hasten.tick()
    hasten.tick()
    assert polled == ["core1", "core1"]
