"""Devices that speak SNMP: what they are, how they fare, who is beside them."""

from collectors.network.snmp.collector import SnmpCollector

__all__ = ["SnmpCollector"]
