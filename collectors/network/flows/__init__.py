"""Flows: NetFlow v5 and v9, IPFIX and sFlow in, totals per minute out. See ``docs/flows.md``."""
