"""The cloud collector against moto's server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from collectors.base import Rereads
from compliance.evaluate import evaluate
from compliance.load import load_checks
from compliance.verdict import Outcome
from core.errors import ConfigError, Unreachable
from core.records import Snapshot, ended
from core.secrets import Secret
from inventory.asset import Asset
from tests.collectors.support import collector, poll
from tests.peers.moto import moto

KEYS = Secret(username="testing", password="testing")
ASSET = Asset(id="cloud", kind="cloud", credentials={"aws": "keys"})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto(Path(tmp_path_factory.mktemp("moto"))) as url:
        yield url


def client(service: str, endpoint: str):  # type: ignore[no-untyped-def]
    return boto3.client(service, region_name="cn-north-1", endpoint_url=endpoint, aws_access_key_id="testing", aws_secret_access_key="testing")


@pytest.mark.peer
def test_machines_and_their_figures_are_read(endpoint: str) -> None:
    ec2 = client("ec2", endpoint)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "办公系统"}]}]
    ids = [item["InstanceId"] for item in ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, TagSpecifications=tags)["Instances"]]
    ec2.stop_instances(InstanceIds=ids[1:])
    now = datetime.now(UTC)
    dimensions = [{"Name": "InstanceId", "Value": ids[0]}]
    data = [
        {"MetricName": "CPUUtilization", "Dimensions": dimensions, "Value": 42.0, "Timestamp": now - timedelta(minutes=6)},
        {"MetricName": "NetworkIn", "Dimensions": dimensions, "Value": 3000.0, "Timestamp": now - timedelta(minutes=6)},
    ]
    client("cloudwatch", endpoint).put_metric_data(Namespace="AWS/EC2", MetricData=data)
    polled = poll(collector("aws", {"region": "cn-north-1", "endpoint": endpoint}, keys=KEYS), ASSET, now)
    assert polled.error is None
    assert polled.value("cloud.instances.count", state="running") == 1.0
    assert polled.value("cloud.instances.count", state="stopped") == 1.0
    assert {(item["id"], item["name"], item["state"]) for item in json.loads(polled.snapshot("cloud.instances"))} == {
        (ids[0], "办公系统", "running"),
        (ids[1], "办公系统", "stopped"),
    }
    assert polled.value("cloud.cpu.utilization", instance=ids[0]) == 42.0
    assert polled.value("cloud.network.io", instance=ids[0], direction="receive") == 10.0


@pytest.mark.peer
def test_what_the_cloud_leaves_open_public_or_plain_is_read_and_judged(endpoint: str) -> None:
    ec2, s3 = client("ec2", endpoint), client("s3", endpoint)
    group = ec2.create_security_group(GroupName="admin", Description="x")["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    volume = ec2.create_volume(AvailabilityZone="cn-north-1a", Size=1, Encrypted=False)["VolumeId"]
    for name, acl in (("open-one", "public-read"), ("closed-one", "private")):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "cn-north-1"})
        s3.put_bucket_acl(Bucket=name, ACL=acl)
    now = datetime.now(UTC)
    aws = collector("aws", {"region": "cn-north-1", "endpoint": endpoint, "metrics": False}, keys=KEYS)
    body = poll(aws, ASSET, now).snapshot("cloud.settings")
    assert {f"security_group\t{group}\topen\t22", f"volume\t{volume}\tencrypted\tno", "bucket\topen-one\tpublic\tyes", "bucket\tclosed-one\tpublic\tno"} <= set(
        body.splitlines()
    )
    assert not [one for one in poll(aws, ASSET, now + timedelta(minutes=5)).records if getattr(one, "kind", "") == "cloud.settings"]
    assert isinstance(aws, Rereads)
    aws.anew()
    assert poll(aws, ASSET, now + timedelta(minutes=6)).snapshot("cloud.settings") == body
    checks = load_checks().checks
    text = Snapshot(time=now, asset="cloud", kind="cloud.settings", body=ended(body))
    for name in ("cld-open-ports", "cld-public", "cld-encrypted"):
        assert evaluate(checks[name], "cloud", [text], now).outcome is Outcome.FAIL


def test_a_cloud_that_is_not_there_is_unreachable() -> None:
    polled = poll(collector("aws", {"region": "cn-north-1", "endpoint": "http://127.0.0.1:9", "timeout_s": 1}, keys=KEYS), ASSET)
    assert isinstance(polled.error, Unreachable)


def test_without_keys_the_reader_is_told_what_to_write() -> None:
    polled = poll(collector("aws", {"region": "cn-north-1", "endpoint": "http://127.0.0.1:9"}), Asset(id="cloud"))
    assert isinstance(polled.error, ConfigError)
    assert "access key" in str(polled.error)
