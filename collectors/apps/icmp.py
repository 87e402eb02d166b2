"""ICMP echo: round trip and loss. Needs CAP_NET_RAW, or a group in the system setting net.ipv4.ping_group_range."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

import icmplib
from pydantic import Field

from collectors.apps.probe import up
from collectors.base import Options
from collectors.loop import wait
from core.errors import ConfigError, Unreachable
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset


class IcmpOptions(Options):
    """How many echoes, how far apart, how long each may take."""

    host: str = ""
    count: int = Field(default=3, ge=1, le=100)
    pause_s: float = Field(default=0.2, ge=0.01, le=10)
    timeout_s: float = Field(default=2, gt=0, le=30)


class IcmpCollector:
    """Echo requests to one asset."""

    Options: ClassVar = IcmpOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: IcmpOptions, secrets: Secrets) -> None:  # noqa: ARG002 - every collector is given them
        self._options = options
        self.deadline_s = options.count * (options.pause_s + options.timeout_s) + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Loss and round trips; raises Unreachable when nothing came back, ConfigError when this process may not send ICMP."""
        host = self._options.host or asset.address
        try:
            answer = self._ping(host)
        except icmplib.SocketPermissionError:
            raise ConfigError(
                "this process may not send ICMP: give it CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW) or widen net.ipv4.ping_group_range"
            ) from None
        except (icmplib.ICMPLibError, OSError) as err:
            yield from up(asset.id, host, now, is_up=False)
            raise Unreachable(asset.id, f"{host}: {err}") from err
        yield from up(asset.id, host, now, is_up=answer.is_alive, duration_s=answer.avg_rtt / 1000 if answer.is_alive else None)
        yield Sample(time=now, asset=asset.id, metric="icmp.loss", value=100.0 * answer.packet_loss, labels={"endpoint": host})
        if not answer.is_alive:
            raise Unreachable(asset.id, f"{host}: no echo came back ({self._options.count} sent)")
        for name, value in (("min", answer.min_rtt), ("max", answer.max_rtt), ("jitter", answer.jitter)):
            yield Sample(time=now, asset=asset.id, metric="icmp.rtt", value=value / 1000, labels={"endpoint": host, "stat": name})

    def close(self) -> None:
        """Nothing is held open."""

    def _ping(self, host: str) -> Any:
        options = self._options
        for privileged in (True, False):
            work = icmplib.async_ping(host, count=options.count, interval=options.pause_s, timeout=options.timeout_s, privileged=privileged)
            try:
                return wait(work, self.deadline_s - 2.0)
            except icmplib.SocketPermissionError:
                if not privileged:
                    raise
        raise AssertionError  # the loop returns or raises
