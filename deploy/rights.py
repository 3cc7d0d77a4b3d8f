"""Which rights a stage's settings call for, as statements of IAM policies.

Actions and the resources they can be narrowed to are those of the Service Authorization
Reference: both log calls take an instance's ARN, ``GetParameter`` a parameter's, and
``DescribeDBInstances`` and ``DescribeDBClusters`` list under ``db:*`` and ``cluster:*``.
"""

from __future__ import annotations

from typing import Any, Final

from slowquery.parameters import references
from slowquery.settings import ByCluster, ByTag, Settings

Statement = dict[str, Any]

READ: Final = ["rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion"]


def of_the_run(settings: Settings) -> list[Statement]:
    """Return what reading the logs and posting the digests takes."""
    return [*reading(settings), *secrets(settings)]


def of_the_health_check(settings: Settings) -> list[Statement]:
    """Return what its questions take: what the run does, and what settings opt in to."""
    found = of_the_run(settings)
    asked = settings.health
    regions = {instance.region for instance in settings.instances} or {settings.region}
    if asked.parameters:
        found += [
            _allow(
                ["rds:DescribeDBInstances"],
                [_arn("rds", region, "db:*") for region in sorted(regions, key=str)],
            ),
            _allow(
                ["rds:DescribeDBParameters"],
                [_arn("rds", region, "pg:*") for region in sorted(regions, key=str)],
            ),
        ]
    if asked.metrics:
        found.append(_allow(["cloudwatch:GetMetricData"], ["*"]))
    if asked.alarms:
        found.append(_allow(["cloudwatch:DescribeAlarms"], ["*"]))
    return found


def reading(settings: Settings) -> list[Statement]:
    """Return what the logs take: of the listed instances, or to find them as well."""
    match settings.finds:
        case ByTag(key, value):
            same = {"StringEquals": {f"aws:ResourceTag/{key}": value}}
            every = [_arn("rds", settings.region, "db:*")]
            return [
                {**_allow(READ, every), "Condition": same},
                _allow(["rds:DescribeDBInstances"], every),
            ]
        case ByCluster(name, prefix):
            return [
                _allow(READ, [_arn("rds", settings.region, f"db:{prefix}*")]),
                _allow(
                    ["rds:DescribeDBClusters"], [_arn("rds", settings.region, f"cluster:{name}")]
                ),
            ]
        case None:
            instances = [
                _arn("rds", instance.region, f"db:{instance.name}")
                for instance in settings.instances
            ]
            return [_allow(READ, instances)]


def secrets(settings: Settings) -> list[Statement]:
    """Return what the parameters take that channels refer to; nothing where none does."""
    names = {name for channel in settings.channels for name in references(channel.options)}
    if not names:
        return []
    parameters = [_arn("ssm", settings.region, f"parameter{name}") for name in sorted(names)]
    found = [_allow(["ssm:GetParameter"], parameters)]
    if settings.kms_key:
        # What SSM tells KMS it decrypts for (Systems Manager user guide, "How AWS Systems
        # Manager Parameter Store uses AWS KMS"): the key opens these parameters, no more.
        only = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": parameters}}
        found.append({**_allow(["kms:Decrypt"], [settings.kms_key]), "Condition": only})
    return found


def _allow(actions: list[str], resources: list[Any]) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _arn(service: str, region: str | None, resource: str) -> dict[str, str]:
    place = f"{region or '${AWS::Region}'}:${{AWS::AccountId}}"
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{place}:{resource}"}
