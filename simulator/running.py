"""What a network device of the estate is configured to do: cables, rules and accounts as Huawei and H3C write them.

A fault of kind ``config_change`` is somebody who configures the device and does not save it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulator.estate import Device
from simulator.mib import port_name
from simulator.places import Places
from simulator.world import World

PEOPLE: Final = ("wanglou", "zhangwei")
LOG_HOST: Final = "127.0.0.1"
ENTERED: Final = ("telnet server enable", "acl number 3900", " rule 5 permit ip", "local-user vendor password irreversible-cipher $1c$simulated$")


def configuration(world: World, places: Places, device: Device, which: str) -> str:
    """The running (or startup) configuration as the device prints it."""
    changed = which == "running" and world.active("config_change", device.id) is not None
    family = world.estate.models[device.model].family
    sections = _comware(world, places, device, changed) if family == "h3c" else _vrp(world, places, device, changed)
    return "\n#\n".join(["", *("\n".join(section) for section in sections), "return"]).lstrip("\n") + "\n"


def _ports(world: World, device: Device) -> Iterator[tuple[str, str]]:
    """(name, what hangs on it) of every port; empty where nothing does."""
    used = world.used(device.id)
    for port in range(1, device.ports + 1):
        link = used.get(port)
        yield port_name(device, port), "" if link is None else (link.b[0] if link.a[0] == device.id else link.a[0])


def _vrp(world: World, places: Places, device: Device, changed: bool) -> Iterator[list[str]]:
    firewall = device.kind == "firewall"
    yield [f"!Software Version {world.estate.models[device.model].version}"]
    yield [f"sysname {device.id}"]
    yield ['header login information "仅限授权人员使用，所有操作均被记录。"']
    yield [f"info-center loghost {LOG_HOST}"]
    if not changed:
        yield ["undo telnet server enable", "undo telnet ipv6 server enable"]
    else:
        yield [ENTERED[0]]
        yield list(ENTERED[1:3])
    yield ["ntp-service unicast-server 127.20.1.31"]
    yield ["acl number 2000", " rule 5 permit source 127.20.0.0 0.0.255.255", " rule 10 deny"]
    accounts = [" local-aaa-user password policy administrator", " local-aaa-user wrong-password retry-interval 5 retry-time 5 block-time 30"]
    accounts += [f" local-user {name} password irreversible-cipher $1c$simulated${name}$" for name in (*PEOPLE, *device.accounts)]
    if firewall:
        accounts = [" manager-user wanglou", "  password cipher simulated", "  service-type ssh", " lock-authentication enable"]
    yield ["aaa", *accounts, *([f" {ENTERED[3]}"] if changed else [])]
    for name, end in _ports(world, device):
        yield [f"interface {name}", *([f" description to {end}"] if end else [" shutdown"])]
    yield ["interface LoopBack0", f" ip address {places.address(device)} 255.255.255.255"]
    if firewall:
        yield [
            "security-policy",
            " default action deny",
            " rule name office-to-systems",
            "  source-zone trust",
            "  destination-zone dmz",
            "  service https",
            "  action permit",
        ]
    yield ["stelnet server enable", "ssh server cipher aes256_ctr aes128_ctr", "ssh server hmac sha2_256", "ssh user wanglou authentication-type password"]
    yield ["snmp-agent", "snmp-agent community read cipher simulated", "snmp-agent sys-info version v2c v3"]
    yield [
        "user-interface con 0",
        " authentication-mode aaa",
        "user-interface vty 0 4",
        " acl 2000 inbound",
        " authentication-mode aaa",
        " protocol inbound ssh",
    ]


def _comware(world: World, places: Places, device: Device, changed: bool) -> Iterator[list[str]]:
    yield [f" version {world.estate.models[device.model].version.replace(' ', ', ', 1)}"]
    yield [f" sysname {device.id}"]
    yield [" password-control enable", " password-control length 10", " password-control login-attempt 5 exceed lock-time 30"]
    if changed:
        yield [f" {ENTERED[0]}"]
    yield [f" info-center loghost {LOG_HOST}"]
    yield ["acl basic 2000", " rule 0 permit source 127.20.0.0 0.0.255.255", " rule 5 deny"]
    for name, end in _ports(world, device):
        yield [f"interface {name}", " port link-mode bridge", *([f" description to {end}"] if end else [" shutdown"])]
    yield ["interface LoopBack0", f" ip address {places.address(device)} 255.255.255.255"]
    yield ["line vty 0 63", " authentication-mode scheme", " user-role network-operator", " protocol inbound ssh", " idle-timeout 10 0"]
    yield [" snmp-agent", " snmp-agent community read cipher simulated", " snmp-agent sys-info version v2c v3"]
    yield [" ssh server enable", " ssh server acl 2000", " ssh2 algorithm cipher aes256-ctr aes128-ctr", " ssh2 algorithm mac sha2-256"]
    yield [" ntp-service enable", " ntp-service unicast-server 127.20.1.31"]
    for name in (*PEOPLE, *device.accounts):
        yield [f"local-user {name} class manage", " password hash $h$6$simulated$", " service-type ssh", " authorization-attribute user-role network-admin"]
