"""Traps and informs of SNMP v1, v2c and v3: taken apart, named by own tables, made into events. See ``docs/traps.md``."""
