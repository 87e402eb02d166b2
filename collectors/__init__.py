"""Collectors: asset -> records. The registry below is the whole list; each is imported on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLLECTORS: Final[Mapping[str, str]] = {
    "aws": "collectors.cloud.aws:AwsCollector",
    "backups": "collectors.servers.backups:BackupsCollector",
    "cli": "collectors.network.cli:CliCollector",
    "dns": "collectors.apps.dns:DnsCollector",
    "host": "collectors.servers.host:HostCollector",
    "http": "collectors.apps.http:HttpCollector",
    "icmp": "collectors.apps.icmp:IcmpCollector",
    "modbus": "collectors.room.modbus:ModbusCollector",
    "mysql": "collectors.databases.mysql:MysqlCollector",
    "nut": "collectors.room.nut:NutCollector",
    "postgresql": "collectors.databases.postgresql:PostgresqlCollector",
    "prometheus": "collectors.apps.prometheus:PrometheusCollector",
    "redis": "collectors.databases.redis:RedisCollector",
    "snmp": "collectors.network.snmp:SnmpCollector",
    "ssh": "collectors.servers.ssh:SshCollector",
    "tcp": "collectors.apps.tcp:TcpCollector",
    "tls": "collectors.apps.tls:TlsCollector",
    "windows": "collectors.servers.windows:WindowsCollector",
}
