"""Which address and port everything answers on."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.estate import Estate, Standing, System


@dataclass(frozen=True, slots=True)
class Places:
    """Loopback addresses 127.<net>.<octet of the site>.<number>; unprivileged ports, the same on every address."""

    estate: Estate
    net: int = 20
    snmp: int = 1161
    http: int = 8080
    https: int = 8443
    exporter: int = 9100
    modbus: int = 1502
    ssh: int = 2222
    control: int = 8899

    def address(self, one: Standing) -> str:
        """Of a device, server, supply or sensor post."""
        site = next(site for site in self.estate.sites if site.id == self.estate.room_of(one).site)
        return f"127.{self.net}.{site.octet}.{one.number}"

    def address_of(self, id: str) -> str:
        """The same by id."""
        return self.address(self.estate.by_id[id])

    def url(self, system: System) -> str:
        """The page of a business system."""
        scheme, port = ("https", self.https) if system.secure else ("http", self.http)
        return f"{scheme}://{self.address_of(system.server)}:{port}/"
