"""Instances that are found by a tag or in a cluster, and not listed: opt-in.

It takes one right more, ``rds:DescribeDBInstances`` or ``rds:DescribeDBClusters``. A tag
and a cluster's members come with the descriptions themselves; RDS filters by neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from slowquery.settings import ByCluster, ByTag, Finds, Instance
from slowquery.sources.rds import connect
from slowquery.sources.refusal import NoInstance, SourceError, refusal

PAGES: Final = 100
"""Pages of a description, at most; one is a hundred instances."""

_Description: TypeAlias = Mapping[str, Any]


def instances(finds: Finds, region: str | None) -> tuple[Instance, ...]:
    """Return what is there now: cluster by cluster, the writer first, then by name.

    Raises :class:`SourceError` where RDS does not tell, and where there is nothing.
    """
    client: Any = connect(region)
    try:
        found = _tagged(client, finds) if isinstance(finds, ByTag) else _members(client, finds)
        ordered = sorted(found, key=_place)
    except ClientError as error:
        told = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        if code == "DBClusterNotFoundFault" and isinstance(finds, ByCluster):
            why = f"there is no cluster {finds.name} in this region"
            hint = "the cluster's own identifier, and the region in the settings"
            raise NoInstance(why, hint) from None
        raise refusal(
            code,
            str(told.get("Message", "")),
            action=f"rds:{error.operation_name}",
            instance="*" if isinstance(finds, ByTag) else finds.name,
        ) from None
    except BotoCoreError as error:
        why = f"no answer from RDS ({type(error).__name__})"
        raise SourceError(why, "look at region, network and credentials") from None
    if not ordered:
        why = "there is no instance that settings ask for"
        raise SourceError(why, "look at the tag or cluster under instances, and at the region")
    return tuple(ordered)


def _tagged(client: Any, finds: ByTag) -> Iterator[Instance]:  # noqa: ANN401 - boto3 makes it at run time
    tag = {"Key": finds.key, "Value": finds.value}
    for described in _pages(client.describe_db_instances, "DBInstances"):
        if tag in described.get("TagList", ()):
            replica = "ReadReplicaSourceDBInstanceIdentifier" in described
            yield Instance(
                str(described["DBInstanceIdentifier"]),
                found=True,
                cluster=described.get("DBClusterIdentifier"),
                role="replica" if replica else None,
            )


def _members(client: Any, finds: ByCluster) -> Iterator[Instance]:  # noqa: ANN401 - as above
    for described in _pages(
        client.describe_db_clusters, "DBClusters", DBClusterIdentifier=finds.name
    ):
        for member in described.get("DBClusterMembers", ()):
            name = str(member["DBInstanceIdentifier"])
            if name.startswith(finds.prefix):
                role = "writer" if member.get("IsClusterWriter") else "reader"
                yield Instance(name, found=True, cluster=finds.name, role=role)


def _pages(call: Any, kind: str, **asked: str) -> Iterator[_Description]:  # noqa: ANN401 - as above
    for _ in range(PAGES):
        page = call(**asked)
        yield from page.get(kind, ())
        if not page.get("Marker"):
            return
        asked["Marker"] = page["Marker"]


def _place(instance: Instance) -> tuple[str, bool, str]:
    return instance.cluster or "", instance.role != "writer", instance.name
