"""The tables that give traps their names, and what they make of traps."""

from pathlib import Path

import pytest

from collectors.events.traps.message import Trap
from collectors.events.traps.names import Tables, load_tables, meaning, shown, tables
from collectors.network.snmp.values import Value
from core.errors import ConfigError
from detectors.rules.told import conditions

FIELDS = {
    "",
    "interface.index",
    "network.interface",
    "network.peer.address",
    "hw.sensor",
    "user.name",
    "source.ip",
    "host.hostname",
    "source.mac",
    "wireless.access_point",
}


@pytest.mark.parametrize("oid", sorted(tables().notifications))
def test_what_decides_about_a_trap_is_a_known_variable_with_these_values(oid: str) -> None:
    row = tables().notifications[oid]
    known = {variable.name: set(variable.values.values()) for variable in tables().variables.values()}
    assert set(row.kinds) <= known.get(row.by, set())
    assert bool(row.by) == bool(row.kinds)


def test_values_go_into_known_fields() -> None:
    assert {name for row in tables().variables.values() for name in (row.field, row.index)} <= FIELDS


def test_no_two_variables_share_a_name() -> None:
    names = [row.name for row in tables().variables.values()]
    assert len(names) == len(set(names))


def test_what_a_trap_begins_another_can_end() -> None:
    kinds = {kind for row in tables().notifications.values() for kind in (row.kind, *row.kinds.values())}
    assert [row.id for row in conditions() if row.begins in kinds and row.ends not in kinds] == []


def trap(oid: str, **variables: Value) -> Trap:
    names = {row.name: at for at, row in tables().variables.items()}
    found: dict[str, Value] = {}
    for name, value in variables.items():
        base, _, index = name.partition("_")
        found[f"{names[base]}.{index.replace('_', '.') or '0'}"] = value
    return Trap("2c", oid, found)


@pytest.mark.parametrize(
    ("given", "kind", "text", "fields"),
    [
        (
            trap("1.3.6.1.4.1.9.9.13.3.0.9", ciscoEnvMonSupplyStatusDescr_1=b"PSU 1", ciscoEnvMonSupplyState_1=3),
            "power_supply_failed",
            "ciscoEnvMonSuppStatusChangeNotif: ciscoEnvMonSupplyStatusDescr.1=PSU 1, ciscoEnvMonSupplyState.1=critical",
            {"hw.sensor": "PSU 1", "observer.vendor": "Cisco"},
        ),
        (trap("1.3.6.1.4.1.9.9.13.3.0.9", ciscoEnvMonSupplyState_1=1), "power_supply_recovered", "", {}),
        (trap("1.3.6.1.2.1.14.16.2.2", ospfNbrIpAddr_10_0_0_2_0="10.0.0.2", ospfNbrState_10_0_0_2_0=8), "ospf_up", "", {"network.peer.address": "10.0.0.2"}),
        (trap("1.3.6.1.2.1.14.16.2.2", ospfNbrIpAddr_10_0_0_2_0="10.0.0.2", ospfNbrState_10_0_0_2_0=1), "ospf_down", "", {"network.peer.address": "10.0.0.2"}),
        (
            trap("1.3.6.1.2.1.15.7.2", bgpPeerState_10_0_0_9=1),
            "bgp_down",
            "bgpBackwardTransition: bgpPeerState.10.0.0.9=idle",
            {"network.peer.address": "10.0.0.9"},
        ),
        (
            trap("1.3.6.1.2.1.33.2.3", upsAlarmDescr_1="1.3.6.1.2.1.33.1.6.3.2"),
            "ups_on_battery",
            "upsTrapAlarmEntryAdded: upsAlarmDescr.1=upsAlarmOnBattery",
            {},
        ),
        (trap("1.3.6.1.2.1.33.2.4", upsAlarmDescr_1="1.3.6.1.2.1.33.1.6.3.13"), "ups_fault_over", "", {}),
        (
            trap("1.3.6.1.4.1.2011.5.25.219.2.5.3", entPhysicalName_9="电源1".encode("gb18030")),
            "power_supply_failed",
            "",
            {"hw.sensor": "电源1", "observer.vendor": "Huawei"},
        ),
        (
            trap("1.3.6.1.4.1.14823.2.3.1.11.1.2.1053", wlsxTrapTargetAPBSSID=bytes.fromhex("02a10b000001"), wlsxTrapTargetAPSSID=b"free"),
            "rogue_found",
            "wlsxUnsecureAPDetected: wlsxTrapTargetAPBSSID=02:a1:0b:00:00:01, wlsxTrapTargetAPSSID=free",
            {"source.mac": "02:a1:0b:00:00:01", "observer.vendor": "Aruba"},
        ),
        (
            trap("1.3.6.1.4.1.14823.2.3.1.11.1.2.1041", wlsxTrapAPMacAddress=b"\x02\xa1\x0b\0\0\x02"),
            "access_point_down",
            "",
            {"wireless.access_point": "02:a1:0b:00:00:02"},
        ),
        (trap("1.3.6.1.4.1.2011.6.139.18.1.1.1.2"), "wireless_join_failed", "", {"observer.vendor": "Huawei"}),
        (trap("1.3.6.1.4.1.25461.2.1.3.2.0.801", panSystemDescription=b"state changed"), "ha_role_changed", "", {"observer.vendor": "Palo Alto"}),
        (trap("1.3.6.1.4.1.3375.2.4.0.10", bigipNotifyObjNode=b"192.0.2.8"), "pool_member_down", "", {"network.peer.address": "192.0.2.8"}),
        (trap("1.3.6.1.4.1.232.0.6050"), "power_supply_failed", "cpqHe4FltTolPowerSupplyFailed", {}),
        (
            trap("1.3.6.1.4.1.4881.1.1.10.2.1.2.25", ruijieSystemFanStatus_1_2_1=2),
            "fan_failed",
            "ruijieSystemFanTableStateChange: ruijieSystemFanStatus.1.2.1=existnopower",
            {"hw.sensor": "1.2.1", "observer.vendor": "Ruijie"},
        ),
        (trap("1.3.6.1.4.1.4881.1.1.10.2.1.2.25", ruijieSystemFanStatus_1_2_1=4), "fan_recovered", "", {"hw.sensor": "1.2.1"}),
        (trap("1.3.6.1.4.1.4881.1.1.10.2.1.2.18", ruijieSystemPowerIndex=2), "power_supply_failed", "", {"hw.sensor": "2"}),
        (trap("1.3.6.1.4.1.28557.3.19"), "config_changed", "hillstoneConfigurationChange", {"observer.vendor": "Hillstone"}),
        (trap("1.3.6.1.4.1.14988.1.1.9.0.2"), "temperature_high", "mtxrTemperatureException", {"observer.vendor": "MikroTik"}),
        (
            trap("1.3.6.1.4.1.674.11000.5000.100.4.1.3.1.5", os10AlmVarString=b"PSU 1 down"),
            "power_supply_failed",
            "os10AlmPowerSupplyDown: os10AlmVarString=PSU 1 down",
            {"observer.vendor": "Dell"},
        ),
        (trap("1.3.6.1.6.3.1.1.5.5", authAddr="192.0.2.66"), "snmp_auth_failure", "", {"source.ip": "192.0.2.66"}),
        (Trap("2c", "1.3.6.1.4.1.99999.1.2", {"1.3.6.1.4.1.99999.3.0": b"\x01\x02"}), "trap", "1.3.6.1.4.1.99999.1.2: 1.3.6.1.4.1.99999.3.0=01:02", {}),
    ],
)
def test_a_trap_means_what_its_table_says(given: Trap, kind: str, text: str, fields: dict[str, str]) -> None:
    found = meaning(given, tables())
    assert found.kind == kind
    assert not text or found.text == text
    assert {key: found.fields.get(key) for key in fields} == fields


def test_the_port_is_found_by_index_and_by_instance() -> None:
    assert meaning(trap("1.3.6.1.6.3.1.1.5.3", ifIndex_7=7), tables()).interface == 7
    assert meaning(trap("1.3.6.1.6.3.1.1.5.3", ifOperStatus_12=2), tables()).interface == 12


def test_a_v1_sender_may_put_the_zero_before_its_number_or_not(tmp_path: Path) -> None:
    assert tables().notification("1.3.6.1.2.1.15.7.0.2") == tables().notifications["1.3.6.1.2.1.15.7.2"]
    assert tables().notification("1.3.6.1.4.1.318.5") == tables().notifications["1.3.6.1.4.1.318.0.5"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"GE0/1\0", "GE0/1"),
        ("交换机".encode(), "交换机"),
        ("交换机".encode("gb18030"), "交换机"),
        (b"\x07\xea\x01", "07:ea:01"),
        (1.5, "1.5"),
        (None, ""),
        (b"a\x1b[2J", "61:1b:5b:32:4a"),
    ],
)
def test_octets_are_shown_as_text_where_they_are_text(value: Value, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source: x\nnotifications:\n  ifIndex: {name: a}\n", r"x.yaml:3: notifications.ifIndex: is no OID"),
        ("source: x\nnotifications:\n  1.3.6: {name: a, kind: Odd Kind}\n", r"x.yaml:3: .*kind"),
        ("source: x\nnotifications:\n  1.3.6: {name: a, colour: red}\n", r"x.yaml:3: .*colour"),
        ("source: x\n", "holds no table of traps"),
    ],
)
def test_a_broken_table_is_refused_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_tables(tmp_path)


def test_an_oid_stands_in_one_table_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("source: x\nnotifications:\n  1.3.6: {name: a}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"b.yaml:3: .*another table"):
        load_tables(tmp_path)
    assert isinstance(tables(), Tables)
