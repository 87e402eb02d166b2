"""Prometheus exporters: node_exporter under our own names, everything else that ``include`` asks for under the exporter's.

A counter becomes a rate per second, named without ``_total`` and with ``.rate``; buckets of histograms are left out.
"""

from __future__ import annotations

import math
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import httpx2
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from pydantic import Field, field_validator

from collectors.apps.certificates import trusting_context
from collectors.apps.http import AGENT, is_web, translated
from collectors.apps.node import Families, figures
from collectors.base import Options, credential
from collectors.loop import wait
from collectors.rates import Rates
from core.errors import AuthRefused, BadReply
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.8"


class PrometheusOptions(Options):
    """The page of an exporter. ``include`` and ``exclude`` are patterns such as ``nginx_*`` over names of families."""

    url: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    credential: str = ""
    ca_file: str = ""
    max_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    max_series: int = Field(default=5000, ge=1, le=100_000)
    timeout_s: float = Field(default=10, gt=0, le=60)

    _is_web = field_validator("url")(is_web)


class PrometheusCollector:
    """One exporter of an asset."""

    Options: ClassVar = PrometheusOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: PrometheusOptions, secrets: Secrets) -> None:
        self._options, self._secrets, self._rates = options, secrets, Rates()
        self.deadline_s = options.timeout_s + 10.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """The page's numbers; raises Unreachable, AuthRefused or BadReply."""
        try:
            status, kind, body = wait(self._fetch(asset), self._options.timeout_s)
        except (OSError, httpx2.TransportError) as err:
            raise translated(asset.id, self._options.url, err) from err
        if status in (401, 403):
            raise AuthRefused(asset.id, f"{self._options.url}: status {status}")
        if status != 200:
            raise BadReply(asset.id, f"{self._options.url}: status {status}")
        at = time.monotonic()
        families = self._parsed(asset.id, kind, body)
        for metric, value, labels in figures(_by_name(families), self._rates, at):
            yield Sample(time=now, asset=asset.id, metric=metric, value=value, labels=labels)
        yield from self._included(families, asset.id, now, at)

    def close(self) -> None:
        """Nothing is held open."""

    async def _fetch(self, asset: Asset) -> tuple[int, str, str]:
        secret = credential(asset, "prometheus", self._options.credential, self._secrets)
        headers = {"User-Agent": AGENT, "Accept": ACCEPT} | ({"Authorization": f"Bearer {secret.token}"} if secret.token else {})
        auth = (secret.username, secret.password) if secret.password else None
        context = trusting_context(self._options.ca_file)
        async with (
            httpx2.AsyncClient(verify=context, headers=headers, auth=auth, timeout=self._options.timeout_s, trust_env=False) as client,
            client.stream("GET", self._options.url) as response,
        ):
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > self._options.max_bytes:
                    raise BadReply(asset.id, f"{self._options.url}: more than {self._options.max_bytes:,} bytes")
            return response.status_code, response.headers.get("Content-Type", ""), body.decode("utf-8", "replace")

    def _parsed(self, asset: str, kind: str, body: str) -> list[Any]:
        parse = parse_openmetrics if "openmetrics" in kind else parse_text
        try:
            return list(parse(body))
        except (ValueError, KeyError, IndexError) as err:
            raise BadReply(asset, f"{self._options.url}: is no page of metrics: {err}") from err

    def _included(self, families: list[Any], asset: str, now: datetime, at: float) -> Iterator[Sample]:
        wanted = (family for family in families if self._is_wanted(family.name))
        samples = ((family.type, sample) for family in wanted for sample in family.samples if not sample.name.endswith(("_bucket", "_created")))
        for number, (kind, sample) in enumerate(samples):
            if number >= self._options.max_series:
                return
            is_counter = kind == "counter" or (kind in ("histogram", "summary") and sample.name.endswith(("_count", "_sum")))
            labels = {str(name): str(value) for name, value in sample.labels.items()}
            value: float | None = float(sample.value)
            if is_counter:
                value = self._rates.per_second((sample.name, *sorted(labels.items())), float(sample.value), at)
            if value is not None and math.isfinite(value):
                name = re.sub(r"_total$", "", sample.name) + ".rate" if is_counter else sample.name
                yield Sample(time=now, asset=asset, metric=name, value=value, labels=labels)

    def _is_wanted(self, name: str) -> bool:
        return any(fnmatchcase(name, item) for item in self._options.include) and not any(fnmatchcase(name, item) for item in self._options.exclude)


def _by_name(families: list[Any]) -> Families:
    found: dict[str, list[Any]] = defaultdict(list)
    for family in families:
        for sample in family.samples:
            found[sample.name].append(sample)
    return found
