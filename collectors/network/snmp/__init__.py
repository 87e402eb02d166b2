"""Devices that speak SNMP: what they are, how they fare, who is beside them."""
