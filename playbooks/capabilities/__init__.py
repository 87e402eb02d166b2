"""What playbooks can do: one line here for each capability, imported when it is first used."""

from __future__ import annotations

from typing import Final, cast

from core.registry import resolve
from playbooks.capability import Capability

CAPABILITIES: Final[dict[str, str]] = {
    "account.lock": "playbooks.capabilities.accounts:AccountLock",
    "ansible.run": "playbooks.capabilities.ansible:AnsibleRun",
    "blocklist.add": "playbooks.capabilities.blocklist:BlockListAdd",
    "device.backup": "playbooks.capabilities.switches:DeviceBackup",
    "device.configure": "playbooks.capabilities.switches:DeviceConfigure",
    "disk.room": "playbooks.capabilities.commands:DiskRoom",
    "evidence.collect": "playbooks.capabilities.commands:EvidenceCollect",
    "files.clean": "playbooks.capabilities.cleaning:FilesClean",
    "firewall.block": "playbooks.capabilities.packets:FirewallBlock",
    "host.shutdown": "playbooks.capabilities.power:HostShutdown",
    "http.call": "playbooks.capabilities.web:HttpCall",
    "http.get": "playbooks.capabilities.web:HttpGet",
    "logs.rotate": "playbooks.capabilities.cleaning:LogsRotate",
    "mail.send": "playbooks.capabilities.mail:MailSend",
    "port.down": "playbooks.capabilities.switches:PortDown",
    "port.vlan": "playbooks.capabilities.switches:PortVlan",
    "remedy.apply": "playbooks.capabilities.remedies:RemedyApply",
    "service.restart": "playbooks.capabilities.services:ServiceRestart",
    "service.state": "playbooks.capabilities.services:ServiceState",
    "service.stop": "playbooks.capabilities.services:ServiceStop",
    "snmp.set": "playbooks.capabilities.objects:SnmpSet",
    "sql.drill": "playbooks.capabilities.drills:SqlDrill",
    "sql.end_idle": "playbooks.capabilities.databases:SqlEndIdle",
    "sql.read": "playbooks.capabilities.databases:SqlRead",
    "ssh.command": "playbooks.capabilities.commands:SshCommand",
    "ticket.close": "playbooks.capabilities.tickets:TicketClose",
    "ticket.open": "playbooks.capabilities.tickets:TicketOpen",
}


def capability(name: str) -> Capability:
    """The capability called ``name``; raises ConfigError for an unknown one and for one whose package is not installed."""
    return cast("Capability", resolve(CAPABILITIES, name, "capability")())
