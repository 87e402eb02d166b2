"""Profiles: what is in a file is checked with file, line and key, and says what it should about a device."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from collectors.network.snmp.device import read_device
from collectors.network.snmp.identity import enterprise
from collectors.network.snmp.profile import profiles_in_force, read_folder, read_profiles, standard_profiles, use_site_profiles
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.reading import Reading
from collectors.network.snmp.recording import RecordedSession
from collectors.network.snmp.values import Value
from core.errors import ConfigError

OWN = "1.3.6.1.4.1.99999.7"
GOOD = f"""\
name: acme
base: {OWN}
match: {{oid: [{OWN}]}}
vendor: Acme
os: acmeos
reads: ['^Acme (?P<model>\\S+) v(?P<version>\\S+)']
serial: .1.1.0
sensors:
  - class: temperature
    value: .2.1.3
    descr: "{{name}} {{index}}"
    names: {{name: .2.1.2, there: .2.1.4}}
    only: {{there: ["1"]}}
    scale: 0.1
    skip: 0
    high: .2.1.5
states:
  - {{value: .3.1.2, descr: "Fan {{index}}", map: {{ok: 1, critical: [2, 3]}}, texts: {{broken: 3}}}}
memory:
  - {{total: .4.1.0, usage: .4.2.0, scale: 1024}}
"""


def read(values: Mapping[str, Value], profile: str, tmp_path: Path) -> Reading:
    path = tmp_path / "own.yaml"
    path.write_text(profile, encoding="utf-8")
    session = RecordedSession({"1.3.6.1.2.1.1.1.0": b"Acme X9 v4.2", "1.3.6.1.2.1.1.2.0": f"{OWN}.3", "1.3.6.1.2.1.1.3.0": 100, **values})
    return read_device(Reader(session, time.monotonic, time.monotonic() + 30), read_profiles([path]))


def test_a_profile_reads_identity_sensors_states_and_memory(tmp_path: Path) -> None:
    values: dict[str, Value] = {f"{OWN}.1.1.0": b"SN1", f"{OWN}.4.1.0": 1000, f"{OWN}.4.2.0": 40}
    for row, (name, raw, there) in enumerate(((b"Inlet", 235, 1), (b"Gone", 110, 0), (b"Zero", 0, 1)), 1):
        values |= {f"{OWN}.2.1.2.{row}": name, f"{OWN}.2.1.3.{row}": raw, f"{OWN}.2.1.4.{row}": there, f"{OWN}.2.1.5.{row}": 450}
    values |= {f"{OWN}.3.1.2.1": 1, f"{OWN}.3.1.2.2": b"broken", f"{OWN}.3.1.2.3": 9}
    reading = read(values, GOOD, tmp_path)
    who = reading.identity
    assert (who.vendor, who.os, who.model, who.version, who.serial) == ("Acme", "acmeos", "X9", "4.2", "SN1")
    shown = [(sensor.cls, sensor.descr, sensor.value, sensor.status, sensor.high) for sensor in reading.sensors]
    assert shown == [
        ("temperature", "Inlet 1", 23.5, None, 45.0),
        ("state", "Fan 1", 1.0, "ok", None),
        ("state", "Fan 2", 3.0, "critical", None),
        ("state", "Fan 3", 9.0, "unknown", None),
    ]
    assert [(pool.total_bytes, pool.usage_pct) for pool in reading.memory] == [(1_024_000, 40.0)]
    assert reading.sensors[0].oid == f"{OWN}.2.1.3.1"


def test_an_own_oid_follows_the_sysobjectid_of_the_model(tmp_path: Path) -> None:
    profile = f'name: own\nmatch: {{oid: [{OWN}]}}\nsensors:\n  - {{class: humidity, value: "@.1.0"}}\n'
    reading = read({f"{OWN}.3.1.0": 44}, profile, tmp_path)
    assert [(sensor.oid, sensor.value) for sensor in reading.sensors] == [(f"{OWN}.3.1.0", 44.0)]


def test_a_class_may_stand_in_a_column_with_digits_beside_it(tmp_path: Path) -> None:
    profile = (
        f"name: mixed\nbase: {OWN}\nmatch: {{oid: [{OWN}]}}\nsensors:\n"
        "  - {by: type, value: .1.3, descr: '{index}', names: {type: .1.2, digits: .1.4}, decimals: digits, classes: {'1': voltage, '2': [power, 1000]}}\n"
    )
    values: dict[str, Value] = {f"{OWN}.1.2.1": 1, f"{OWN}.1.3.1": 2301, f"{OWN}.1.4.1": 1, f"{OWN}.1.2.2": 2, f"{OWN}.1.3.2": 15, f"{OWN}.1.4.2": 1}
    values |= {f"{OWN}.1.2.3": 9, f"{OWN}.1.3.3": 15}
    shown = [(sensor.cls, sensor.value) for sensor in read(values, profile, tmp_path).sensors]
    assert shown == [("voltage", 230.1), ("power", 1500.0)]


def test_a_class_may_be_told_by_the_words_of_a_name_and_a_power_of_ten(tmp_path: Path) -> None:
    profile = (
        f"name: worded\nbase: {OWN}\nmatch: {{oid: [{OWN}]}}\nsensors:\n"
        "  - {class: temperature, value: .1.3, descr: '{name}', names: {name: .1.2, power: .1.4}, exponent: power, like: {name: 'temp'}}\n"
    )
    values: dict[str, Value] = {f"{OWN}.1.2.1": b"CPU Temperature", f"{OWN}.1.3.1": 4150, f"{OWN}.1.4.1": -2, f"{OWN}.1.2.2": b"Fan", f"{OWN}.1.3.2": 15}
    shown = [(sensor.cls, sensor.descr, sensor.value) for sensor in read(values, profile, tmp_path).sensors]
    assert shown == [("temperature", "CPU Temperature", 41.5)]


def test_the_narrower_profile_speaks_first(tmp_path: Path) -> None:
    wide = f"name: wide\nmatch: {{oid: [1.3.6.1.4.1.99999]}}\nos: wide\nsensors: [{{class: voltage, value: {OWN}.1.0, descr: wide}}]\n"
    narrow = f"name: narrow\nmatch: {{oid: [{OWN}]}}\nos: narrow\nsensors: [{{class: voltage, value: {OWN}.1.0, descr: narrow, scale: 0.1}}]\n"
    reading = read({f"{OWN}.1.0": 120}, f"{wide}---\n{narrow}", tmp_path)
    assert reading.identity.os == "narrow"
    assert [(sensor.descr, sensor.value) for sensor in reading.sensors] == [("narrow", 12.0)]
    assert reading.profiles == ("narrow", "wide")


def test_a_child_has_what_its_parent_has(tmp_path: Path) -> None:
    text = f"name: parent\nvendor: P\nsensors: [{{class: count, value: {OWN}.5.0}}]\n---\nname: child\nmatch: {{oid: [{OWN}]}}\ninherit: parent\nos: c\n"
    reading = read({f"{OWN}.5.0": 3}, text, tmp_path)
    assert (reading.identity.vendor, reading.identity.os, len(reading.sensors)) == ("P", "c", 1)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("name: a\nmatch: {oid: [1.3.6]}\nvendr: X\n", 3, "vendr"),
        ("name: a\nsensors:\n  - {class: heat, value: 1.3.6.1}\n", 3, "sensors.0.class"),
        ("name: a\nsensors:\n  - class: voltage\n    value: 1.3.x\n", 4, "sensors.0.value"),
        ("name: a\nsensors:\n  - class: voltage\n    value: 1.3.6.1\n    descr: '{nme}'\n", 3, "sensors.0"),
        ("name: a\nsensors:\n  - class: voltage\n    value: 1.3.6.1\n    only: {there: [1]}\n", 3, "sensors.0"),
        ("name: a\nstates:\n  - value: 1.3.6.1\n    map: {fine: 1}\n", 4, "states.0.map"),
        ("name: a\nstates:\n  - value: 1.3.6.1\n    map: {ok: 1, critical: 1}\n", 4, "states.0.map"),
        ("name: a\nreads: '('\n", 2, "reads"),
        ("name: a\nmemory:\n  - {total: 1.3.6.1}\n", 3, "memory.0"),
        ("name: a\ninherit: [b]\n", 2, "inherit.0"),
        ("name: a\ninherit: [b]\n---\nname: b\ninherit: [a]\n", 5, "inherit.0"),
        ("name: a\n---\nname: a\n", 3, "name"),
    ],
)
def test_a_wrong_profile_is_refused_with_file_line_and_key(text: str, line: int, key: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_profiles([path])
    assert (caught.value.path, caught.value.line) == (path, line)
    assert caught.value.key.startswith(key)


@pytest.mark.parametrize(
    ("objectid", "vendor"),
    [
        ("1.3.6.1.4.1.2272.30", "Nortel"),  # our own word for it
        ("1.3.6.1.4.1.46242.1", "Netonix"),  # the register's
        ("1.3.6.1.4.1.590.1", "Royal Bank of Canada"),
        ("1.3.6.1.4.1.99999999.1", ""),
        ("1.3.6.1.4.1", ""),
        ("0.0", ""),
    ],
)
def test_an_unknown_device_has_the_vendor_of_its_enterprise_number(objectid: str, vendor: str) -> None:
    assert enterprise(objectid) == vendor


def test_one_broken_file_does_not_take_the_others_along(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: [\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("name: fine\nvendor: F\n", encoding="utf-8")
    profiles, errors = read_folder(tmp_path)
    assert [profile.name for profile in profiles] == ["fine"]
    assert [error.path for error in errors] == [tmp_path / "a.yaml"]


def test_the_profiles_of_a_site_speak_before_those_of_the_product(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\nvendor: F\n", encoding="utf-8")
    try:
        assert use_site_profiles(tmp_path) == ()
        assert profiles_in_force()[0].name == "own"
    finally:
        use_site_profiles(tmp_path / "absent")
    assert profiles_in_force() == standard_profiles()


def test_every_profile_of_the_product_holds_for_something_and_says_something() -> None:
    profiles = standard_profiles()
    parents = {parent for profile in profiles for parent in profile.inherit}
    assert len(profiles) > 200
    assert [profile.name for profile in profiles if not profile.match and profile.name not in parents] == []
    says = ("vendor", "os", "model", "reads", "sensors", "states", "processors", "memory", "wireless")
    assert [profile.name for profile in profiles if not any(getattr(profile, part) for part in says)] == []
