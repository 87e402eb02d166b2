"""Collectors: asset -> records. The registry below is the whole list; each is imported on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLLECTORS: Final[Mapping[str, str]] = {
    "host": "collectors.servers.host:HostCollector",
    "snmp": "collectors.network.snmp:SnmpCollector",
}
