"""Virtual machines and their figures from an AWS-compatible cloud: EC2 for what there is, CloudWatch for what it does.

``endpoint`` points at a private cloud that speaks the same interface. Needs the extra ``aws``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError
from pydantic import Field

from collectors.base import Options, credential
from collectors.cloud import aws_settings
from core.errors import AuthRefused, BadReply, ConfigError, DeviceError, Unreachable
from core.records import Record, Sample, Snapshot, ended
from core.secrets import Secrets
from inventory.asset import Asset

# CloudWatch name -> our metric, labels, and factor from its unit to ours
METRICS: Final[Mapping[str, tuple[str, Mapping[str, str], str]]] = {
    "CPUUtilization": ("cloud.cpu.utilization", {}, "Average"),
    "NetworkIn": ("cloud.network.io", {"direction": "receive"}, "Sum"),
    "NetworkOut": ("cloud.network.io", {"direction": "transmit"}, "Sum"),
    "DiskReadBytes": ("cloud.disk.io", {"direction": "read"}, "Sum"),
    "DiskWriteBytes": ("cloud.disk.io", {"direction": "write"}, "Sum"),
    "StatusCheckFailed": ("cloud.status_check.failed", {}, "Maximum"),
}
PERIOD_S: Final = 300
SETTINGS_EVERY: Final = timedelta(hours=1)
LOOK_BACK: Final = timedelta(minutes=15)
QUERIES: Final = 500  # in one GetMetricData call, by its documentation
REFUSED: Final = ("AuthFailure", "UnauthorizedOperation", "InvalidClientTokenId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken")


class AwsOptions(Options):
    """Which region of which cloud. The credential's username is the access key, its password the secret key."""

    region: str
    endpoint: str = ""
    credential: str = ""
    metrics: bool = True
    settings: bool = True
    timeout_s: float = Field(default=10, gt=0, le=60)


class AwsCollector:
    """One region."""

    Options: ClassVar = AwsOptions
    default_interval_s: ClassVar[float] = 300.0
    deadline_s: ClassVar[float] = 60.0

    def __init__(self, options: AwsOptions, secrets: Secrets) -> None:
        self._options, self._secrets = options, secrets
        self._settings_read = datetime.min.replace(tzinfo=UTC)

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """The machines as one Snapshot ``cloud.instances`` (JSON), their number by state, newest figures; once an hour ``cloud.settings``."""
        try:
            instances = [_plain(item) for page in self._client("ec2", asset).get_paginator("describe_instances").paginate() for item in _instances(page)]
            yield Snapshot(time=now, asset=asset.id, kind="cloud.instances", body=json.dumps(instances, ensure_ascii=False, indent=1, sort_keys=True))
            for state in sorted({str(item["state"]) for item in instances} | {"running", "stopped"}):
                count = sum(item["state"] == state for item in instances)
                yield Sample(time=now, asset=asset.id, metric="cloud.instances.count", value=float(count), labels={"state": state})
            if self._options.settings and now - self._settings_read >= SETTINGS_EVERY:
                body = aws_settings.table(self._client("ec2", asset), lambda: self._client("s3", asset))
                yield Snapshot(time=now, asset=asset.id, kind=aws_settings.KIND, body=ended(body))
                self._settings_read = now
            if self._options.metrics:
                yield from self._figures(asset, [str(item["id"]) for item in instances if item["state"] == "running"], now)
        except (ClientError, BotoCoreError) as err:
            raise _translated(asset.id, err) from err

    def anew(self) -> None:
        """Read the settings with the next poll."""
        self._settings_read = datetime.min.replace(tzinfo=UTC)

    def close(self) -> None:
        """Nothing is held open."""

    def _client(self, service: str, asset: Asset) -> Any:
        secret = credential(asset, "aws", self._options.credential, self._secrets)
        if not secret.username or not secret.password:
            raise ConfigError("the collector aws needs a credential: username is the access key, password the secret key", key="credential")
        limits = Config(connect_timeout=self._options.timeout_s, read_timeout=self._options.timeout_s, retries={"total_max_attempts": 1}, proxies={})
        return boto3.client(
            service,
            region_name=self._options.region,
            endpoint_url=self._options.endpoint or None,
            aws_access_key_id=secret.username,
            aws_secret_access_key=secret.password,
            aws_session_token=secret.token or None,
            config=limits,
        )

    def _figures(self, asset: Asset, instances: list[str], now: datetime) -> Iterator[Sample]:
        wanted = [(instance, name) for instance in instances for name in METRICS]
        client = self._client("cloudwatch", asset)
        for start in range(0, len(wanted), QUERIES):
            part = wanted[start : start + QUERIES]
            queries = [_query(number, instance, name) for number, (instance, name) in enumerate(part)]
            for page in client.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, StartTime=now - LOOK_BACK, EndTime=now):
                for result in page["MetricDataResults"]:
                    instance, name = part[int(result["Id"][1:])]
                    if result["Values"]:
                        time, value = max(zip(result["Timestamps"], result["Values"], strict=True))
                        yield _sample(asset.id, instance, name, time, value)


def _instances(page: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for reservation in page["Reservations"]:
        yield from reservation["Instances"]


def _plain(instance: Mapping[str, Any]) -> dict[str, Any]:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    return {
        "id": instance["InstanceId"],
        "name": tags.get("Name", ""),
        "state": instance["State"]["Name"],
        "type": instance["InstanceType"],
        "image": instance.get("ImageId", ""),
        "zone": instance.get("Placement", {}).get("AvailabilityZone", ""),
        "private_address": instance.get("PrivateIpAddress", ""),
        "public_address": instance.get("PublicIpAddress", ""),
        "launched": instance["LaunchTime"].isoformat(),
        "tags": tags,
    }


def _query(number: int, instance: str, name: str) -> dict[str, Any]:
    metric = {"Namespace": "AWS/EC2", "MetricName": name, "Dimensions": [{"Name": "InstanceId", "Value": instance}]}
    return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": PERIOD_S, "Stat": METRICS[name][2]}}


def _sample(asset: str, instance: str, name: str, time: datetime, value: float) -> Sample:
    metric, labels, statistic = METRICS[name]
    return Sample(time=time, asset=asset, metric=metric, value=value / PERIOD_S if statistic == "Sum" else value, labels={"instance": instance, **labels})


def _translated(asset: str, err: Exception) -> DeviceError:
    if isinstance(err, EndpointConnectionError | HTTPClientError):
        return Unreachable(asset, str(err))
    if isinstance(err, ClientError) and any(word in str(err) for word in REFUSED):
        return AuthRefused(asset, f"the cloud refused: {err.response['Error'].get('Code', '')}")
    return BadReply(asset, str(err))
