"""The site folder that makes the product watch the estate: assets as any site would declare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from core.errors import ConfigError
from simulator import dumps
from simulator.estate import Attached, BackupJob, Estate, Standing, System
from simulator.fabric import FACILITIES, MANAGEMENT, OFFICE, SERVERS, VLANS
from simulator.places import Places
from simulator.sensors import points

FILE = "simulated.yaml"
DUMPS = "simulator/backups"
INTERVAL_S = 30
CLI_INTERVAL_S = 300
CREDENTIAL = "simulated-devices"
MANAGED, FACILITY, DESKS = "设备管理区", "动环监控区", "办公区"
Entry = dict[str, Any]


def _rule(id: str, layer: str, point: str, point_en: str, zh: str, en: str, **speaks: list[str]) -> Entry:
    """One requirement of the bureau's baseline."""
    decides = {"decides": "telemetry"} if "checks" in speaks else {}
    return {"id": id, "layer": layer, "point": {"zh": point, "en": point_en}, "zh": zh, "en": en, **speaks, **decides}


PLATFORMS = {"huawei": "huawei", "h3c": "hp_comware"}
WINDOWS = [{"days": ["every"], "from": "22:00", "until": "06:00", "kinds": ["switch", "router", "firewall"]}]
TEMPLATE = {
    "name": "remote-login",
    "title": {"zh": "远程登录基线", "en": "Baseline of remote logins"},
    "kinds": ["switch", "router", "firewall"],
    "platforms": ["vrp", "usg", "comware"],
    "must": [
        {"pattern": "^info-center loghost ", "why": {"zh": "日志须集中", "en": "logs are kept in one place"}},
        {"line": "protocol inbound ssh", "inside": "^(?:user-interface|line) vty"},
    ],
    "must_not": [{"pattern": "^telnet server enable$", "why": {"zh": "口令明文传输", "en": "passwords travel in clear text"}}],
}
BASELINE: Final = {
    "id": "bureau-baseline",
    "name": {"zh": "本局运维安全基线", "en": "The bureau's own baseline"},
    "standard": "环信〔2025〕9 号（演示）",
    "layers": [{"code": "dev", "zh": "网络设备", "en": "Network devices"}, {"code": "org", "zh": "管理", "en": "Management"}],
    "items": [
        _rule("BL-01", "dev", "远程登录", "Remote login", "设备不开 Telnet，日志集中", "No telnet, logs in one place", checks=["net-telnet", "net-log-host"]),
        _rule("BL-02", "dev", "时间", "Time", "设备时间同步", "Devices follow a time source", checks=["net-ntp"]),
        _rule("BL-03", "org", "人员", "People", "离岗当日收回全部权限", "Whoever leaves loses every right that day", same_as=["G.HRS.DEP.1"]),
        _rule("BL-04", "org", "演练", "Drills", "每年至少演练一次", "A drill at least once a year", same_as=["G.MMS.EMP.3"]),
    ],
}
REPORTS: Final = [
    {"id": "monthly-summary", "object": "platform", "kind": "summary", "format": "pdf"},
    {"id": "quarterly-plan", "object": "platform", "kind": "rectification", "format": "xlsx", "every": "quarter"},
]


def write_site(folder: Path, places: Places, authority: Path | None = None, host_key: str = "") -> Path:
    """Write the estate's files (assets, address plan) below ``folder``; the path of the assets. Other files of the site stay as they are.

    ``authority`` is the certificate file that makes the pages' certificates trusted, ``host_key`` the key of the devices' command lines; without it these
    are not read. What people decide (searches, windows, templates, connections, a baseline, reports) is written once and then left to them. Raises ConfigError.
    """
    _write(folder / "networks" / FILE, {"networks": list(networks(places))})
    _write(folder / "zones" / FILE, {"zones": list(zones(places))})
    _write(folder / "vlans" / FILE, {"vlans": [{"id": MANAGEMENT, "name": VLANS[MANAGEMENT]}, {"id": FACILITIES, "name": VLANS[FACILITIES]}]})
    _write_once(folder / "discovery.yaml", {"searches": [search(places)]})
    _write_once(folder / "connections.yaml", {"connections": list(connections(places))})
    _write_once(folder / "frameworks" / "bureau-baseline.yaml", BASELINE)
    _write_once(folder / "reports.yaml", {"reports": REPORTS})
    if host_key:
        _write_once(folder / "calendar.yaml", {"change_windows": WINDOWS})
        _write_once(folder / "templates" / FILE, TEMPLATE)
    return _write(folder / "assets" / FILE, {"assets": list(assets(places, authority, host_key, folder.resolve() / DUMPS))})


def _write_once(path: Path, content: Mapping[str, Any]) -> None:
    if not path.exists():
        _write(path, content)


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    text = yaml.safe_dump(dict(content), allow_unicode=True, sort_keys=False, width=160)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            fresh = path.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(path)
    except OSError as err:
        raise ConfigError(f"the site folder cannot be written: {err.strerror}", path=path) from err
    return path


def search(places: Places) -> Entry:
    """A search of both sites, once a day: what is not declared is found."""
    return {
        "name": "全部站点",
        "ranges": [f"127.{places.net}.{site.octet}.1-254" for site in places.estate.sites],
        "snmp_ports": [places.snmp],
        "ports": [places.ssh, places.http, places.https, places.exporter, places.modbus],
        "every": "24h",
    }


def networks(places: Places) -> Iterator[Entry]:
    """The address plan: devices, servers and facilities by site, desks of the headquarters; those of the station are left out, as plans have gaps."""
    yield {"prefix": "127.0.0.0/24", "name": "本系统", "zone": MANAGED}
    for site in places.estate.sites:
        prefix = f"127.{places.net}.{site.octet}"
        servers = {"vlan": SERVERS, "site": site.name, "gateway": f"{prefix}.1"}
        yield {"prefix": f"{prefix}.0/24", "name": f"{site.name}{VLANS[SERVERS]}", "zone": f"{site.name}服务器区"} | servers
        yield {"prefix": f"{prefix}.0/26", "name": f"{site.name}{VLANS[MANAGEMENT]}", "zone": MANAGED, "vlan": MANAGEMENT, "site": site.name}
        yield {"prefix": f"{prefix}.192/26", "name": f"{site.name}{VLANS[FACILITIES]}", "zone": FACILITY, "vlan": FACILITIES, "site": site.name}
    for desks in places.estate.desks[:2]:
        yield {"prefix": f"{desks.net}.0/24", "name": f"{VLANS[OFFICE]} {desks.switch}", "zone": DESKS, "vlan": OFFICE, "dynamic": [f"{desks.net}.10-99"]}


def connections(places: Places) -> Iterator[Entry]:
    """What may talk to what; that the desks reach the station's servers was allowed until last year only."""
    approved = {"approved_by": "郑海"}
    head, station = (f"{site.name}服务器区" for site in places.estate.sites[:2])
    yield {"from": DESKS, "to": head, "why": "办公终端访问业务系统 / desks use the systems"} | approved
    yield {"from": DESKS, "to": station, "why": "监测站系统试运行 / trial of the station's systems", "until": date(2025, 12, 31)} | approved
    yield {"from": head, "to": station, "why": "监测数据汇聚 / monitoring data comes together"} | approved
    yield from ({"from": MANAGED, "to": zone, "why": "运维与监控 / operation"} | approved for zone in (head, station, FACILITY, DESKS))


def zones(places: Places) -> Iterator[Entry]:
    """What each of them is for."""
    yield {"name": MANAGED, "role": "management"}
    yield from ({"name": f"{site.name}服务器区", "role": "important"} for site in places.estate.sites)
    yield from ({"name": name} for name in (FACILITY, DESKS))


def assets(places: Places, authority: Path | None, host_key: str = "", dumped: Path = Path(DUMPS)) -> Iterator[Entry]:
    """Every asset of the estate; ``dumped`` is where backup jobs leave their files."""
    estate = places.estate
    for room in estate.rooms:
        yield {"id": room.id, "name": room.name, "kind": "room", "site": _site_name(estate, room.site), "simulated": True}
    edge = next(device for device in estate.devices if device.kind == "router")
    line = {"id": "internet-line", "name": "互联网专线", "kind": "carrier", "site": _site_name(estate, estate.room_of(edge).site), "connected_to": [edge.id]}
    yield line | {"vendor": "运营商（演示）", "simulated": True}
    for device in (one for one in estate.devices if one.declared):
        model = estate.models[device.model]
        entry = _standing(places, device, device.kind) | {"vendor": model.vendor, "model": model.model} | _snmp(places) | _reached(estate, device)
        entry |= {"tags": ["filters"]} if device.filters else {}
        if host_key:
            cli = {"platform": PLATFORMS[model.family], "port": places.ssh, "host_key": host_key, "interval": CLI_INTERVAL_S}
            entry |= {"collect": {**entry["collect"], "cli": cli}, "credentials": {"cli": CREDENTIAL}}
        yield entry
    for server in estate.servers:
        url = f"http://{places.address(server)}:{places.exporter}/metrics"
        how = _snmp(places) if server.how == "snmp" else {"collect": {"prometheus": {"url": url, "interval": INTERVAL_S}}}
        if sets := [_backup(job, dumped) for job in estate.backups if job.keeper == server.id]:
            how = {"collect": {**how["collect"], "backups": {"local": True, "sets": sets}}}
        yield _standing(places, server, "server") | how | _reached(estate, server)
    for supply in estate.supplies:
        yield _standing(places, supply, "ups") | {"model": supply.model} | _snmp(places) | _reached(estate, supply)
    for post in estate.sensors:
        collect = {"modbus": {"port": places.modbus, "points": points(post), "interval": INTERVAL_S}}
        yield _standing(places, post, "sensor") | {"collect": collect} | _reached(estate, post)
    for system in estate.systems:
        yield _system(places, system, authority)


def _site_name(estate: Estate, site: str) -> str:
    return next(one.name for one in estate.sites if one.id == site)


def _standing(places: Places, one: Standing, kind: str) -> Entry:
    estate, room = places.estate, places.estate.room_of(one)
    entry: Entry = {"id": one.id, "name": one.name, "kind": kind, "address": places.address(one), "site": _site_name(estate, room.site), "room": room.name}
    entry |= {name: value for name, value in (("rack", one.rack), ("unit", one.unit)) if value}
    entry |= {"importance": one.importance, "located_in": room.id, "simulated": True}
    supplies = [supply.id for supply in estate.supplies if supply.room == room.id and supply.id != one.id]
    return entry | ({"powered_by": supplies} if supplies and kind != "sensor" else {})


def _snmp(places: Places) -> Entry:
    return {"collect": {"snmp": {"version": "2c", "port": places.snmp, "interval": INTERVAL_S, "topology_every_s": 2 * INTERVAL_S}}}


def _backup(job: BackupJob, dumped: Path) -> Entry:
    away = {"elsewhere": job.elsewhere} if job.elsewhere else {}
    return {"name": job.id, "tool": "files", "place": dumps.pattern(dumped, job), "of": list(job.of), "every_h": job.every_h, "min_bytes": 1000} | away


def _reached(estate: Estate, one: Standing) -> Entry:
    if isinstance(one, Attached):
        return {"reached_by": [one.switch]}
    ways = estate.upstream(one.id)
    return {"reached_by": ways} if ways else {}


def _system(places: Places, system: System, authority: Path | None) -> Entry:
    page: Entry = {"url": places.url(system), "contains": [system.word], "interval": INTERVAL_S}
    if system.secure and authority:
        page["ca_file"] = str(authority)
    estate = places.estate
    server = estate.by_id[system.server]
    return {
        "id": system.id,
        "name": system.name,
        "kind": "system",
        "address": places.address(server),
        "site": _site_name(estate, estate.room_of(server).site),
        "business": system.name,
        "level": system.level,
        "grading": f"S{system.level}A{system.level}",
        "runs_on": {"any": [system.server, *system.also]} if system.also else [system.server],
        "simulated": True,
        "collect": {"http": page},
    } | ({"depends_on": list(system.depends_on)} if system.depends_on else {})
