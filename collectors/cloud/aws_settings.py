"""Settings of an AWS-compatible cloud that graded protection asks about: what security groups leave open to everybody, what is public, what is not encrypted.

A table of four columns (kind, name, fact, value), read with the least of rights (Describe*, List*, Get*); what the cloud does not offer or does not allow to be
read stands there as ``readable no``, so that a check cannot take it for in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

KIND: Final = "cloud.settings"
MOST_BUCKETS: Final = 200
EVERYBODY: Final = ("0.0.0.0/0", "::/0")
ALL_USERS: Final = "http://acs.amazonaws.com/groups/global/AllUsers"
Row = tuple[str, str, str, str]


def table(ec2: Any, s3: Callable[[], Any]) -> str:
    """The table; raises ClientError or BotoCoreError when the machines themselves cannot be read."""
    rows: list[Row] = [("part", "ec2", "readable", "yes"), *_groups(ec2), *_discs(ec2)]
    try:
        rows += [("part", "s3", "readable", "yes"), *_buckets(s3())]
    except (ClientError, BotoCoreError):
        rows = [*(row for row in rows if row[0] != "bucket" and row[1] != "s3"), ("part", "s3", "readable", "no")]
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in sorted(set(rows)))


def _groups(ec2: Any) -> Iterator[Row]:
    for page in ec2.get_paginator("describe_security_groups").paginate():
        for group in page["SecurityGroups"]:
            yield "security_group", group["GroupId"], "name", str(group.get("GroupName", ""))
            yield from (("security_group", group["GroupId"], "open", ports) for ports in _open(group["IpPermissions"]))


def _open(permissions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The ports that everybody may reach: one, a range, or all."""
    for rule in permissions:
        sources = [one.get("CidrIp") for one in rule.get("IpRanges", ())] + [one.get("CidrIpv6") for one in rule.get("Ipv6Ranges", ())]
        if not set(sources) & set(EVERYBODY):
            continue
        first, last = rule.get("FromPort"), rule.get("ToPort")
        if str(rule.get("IpProtocol")) == "-1" or first in (None, -1):
            yield "all" if str(rule.get("IpProtocol")) != "icmp" else "icmp"
        else:
            yield str(first) if first == last else f"{first}-{last}"


def _discs(ec2: Any) -> Iterator[Row]:
    for page in ec2.get_paginator("describe_volumes").paginate():
        yield from (("volume", one["VolumeId"], "encrypted", _word(one.get("Encrypted"))) for one in page["Volumes"])
    public = {one["SnapshotId"] for page in _snapshots(ec2, RestorableByUserIds=["all"]) for one in page["Snapshots"]}
    for page in _snapshots(ec2):
        for one in page["Snapshots"]:
            yield "snapshot", one["SnapshotId"], "encrypted", _word(one.get("Encrypted"))
            yield "snapshot", one["SnapshotId"], "public", _word(one["SnapshotId"] in public)


def _snapshots(ec2: Any, **asked: Any) -> Any:
    return ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], **asked)


def _buckets(s3: Any) -> Iterator[Row]:
    for bucket in s3.list_buckets()["Buckets"][:MOST_BUCKETS]:
        name = bucket["Name"]
        yield "bucket", name, "encrypted", _is_encrypted(s3, name)
        yield "bucket", name, "public", _is_public(s3, name)


def _is_encrypted(s3: Any, name: str) -> str:
    try:
        s3.get_bucket_encryption(Bucket=name)
    except ClientError as err:
        return "no" if _code(err) == "ServerSideEncryptionConfigurationNotFoundError" else "unknown"
    return "yes"


def _is_public(s3: Any, name: str) -> str:
    """Closed when the block is whole; else by policy and access list."""
    try:
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        if all(block.get(part) for part in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")):
            return "no"
    except ClientError as err:
        if _code(err) != "NoSuchPublicAccessBlockConfiguration":
            return "unknown"
    try:
        grants = s3.get_bucket_acl(Bucket=name)["Grants"]
        if any(grant.get("Grantee", {}).get("URI") == ALL_USERS for grant in grants):
            return "yes"
        return _word(s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"].get("IsPublic"))
    except ClientError as err:
        return "no" if _code(err) == "NoSuchBucketPolicy" else "unknown"


def _word(value: Any) -> str:
    return "unknown" if value is None else "yes" if value else "no"


def _code(err: ClientError) -> str:
    return str(err.response.get("Error", {}).get("Code", ""))
