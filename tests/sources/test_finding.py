"""Instances that are found and not listed: which, in what order, and with what rights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import enable_iam_authentication

import handler
from deploy import rights
from slowquery.app import RunFailed
from slowquery.settings import ByCluster, ByTag, ConfigError
from slowquery.settings_file import load
from slowquery.sources import finding
from slowquery.sources.refusal import NoInstance, SourceError
from tests.sandbox.aws import ACCOUNT, Sandbox
from tests.sandbox.demo import Context
from tests.sandbox.log_file import LIVE
from tests.sandbox.slack_stand_in import SlackStandIn, as_text

REGION = "eu-central-1"
EVENT = {"scheduled_time": "2026-11-22T05:10:00Z"}
SLOW = b"""\
# Time: 2026-11-22T04:30:00.000000Z
# User@Host: app[app] @ web-1 [10.0.0.7]  Id: 7
# Query_time: 1.500000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500
SET timestamp=1795321800;
select * from orders where id = 1;
"""
CHANNEL = """
quiet: false
channels: {team: {kind: slack, token: env/SLACK_TOKEN, channel: "#slow-queries", base_url: "SLACK"}}
"""
BY_TAG = ByTag("digest", "yes")
BY_CLUSTER = ByCluster("shop", "shop-")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield sandbox
    boto3.setup_default_session()


def tag(aws: Sandbox, arn: str, value: str = "yes") -> None:
    tags = [{"Key": "digest", "Value": value}]
    aws.client("rds").add_tags_to_resource(ResourceName=arn, Tags=tags)


def cluster(aws: Sandbox, *members: str) -> None:
    """Let there be the Aurora cluster ``shop``, whose writer is its first member."""
    rds = aws.client("rds")
    engine = {"Engine": "aurora-mysql"}
    rds.create_db_cluster(
        DBClusterIdentifier="shop", MasterUsername="u", MasterUserPassword="p" * 9, **engine
    )
    for name in members:
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.r6g.large",
            DBClusterIdentifier="shop",
            **engine,
        )


# What is found.


def test_who_bears_the_tag_is_found_by_name_and_nobody_else(aws: Sandbox) -> None:
    for name, value in (("b-db", "yes"), ("a-db", "yes"), ("c-db", "no")):
        tag(aws, aws.add_instance(name, logs={}), value)
    aws.add_instance("d-db", logs={})
    found = finding.instances(BY_TAG, REGION)
    assert [(each.name, each.found) for each in found] == [("a-db", True), ("b-db", True)]


def test_a_clusters_members_are_found_the_writer_first_as_far_as_the_prefix_goes(
    aws: Sandbox,
) -> None:
    cluster(aws, "shop-2", "shop-1", "application-autoscaling-1")
    found = finding.instances(BY_CLUSTER, REGION)
    assert [(each.name, each.role, each.cluster) for each in found] == [
        ("shop-2", "writer", "shop"),
        ("shop-1", "reader", "shop"),
    ]


def test_a_replica_is_called_one(aws: Sandbox) -> None:
    tag(aws, aws.add_instance("a-db", logs={}))
    rds = aws.client("rds")
    replica = rds.create_db_instance_read_replica(
        DBInstanceIdentifier="a-replica", SourceDBInstanceIdentifier="a-db"
    )
    tag(aws, replica["DBInstance"]["DBInstanceArn"])
    roles = {each.name: each.role for each in finding.instances(BY_TAG, REGION)}
    assert roles["a-replica"] == "replica"


@pytest.mark.parametrize("finds", [BY_TAG, ByCluster("shop", "web-")])
def test_to_find_nothing_is_an_error(aws: Sandbox, finds: ByTag | ByCluster) -> None:
    cluster(aws, "shop-1")
    with pytest.raises(SourceError, match="no instance that settings ask for"):
        finding.instances(finds, REGION)


@pytest.mark.usefixtures("aws")
def test_a_cluster_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NoInstance, match="there is no cluster shop in this region"):
        finding.instances(BY_CLUSTER, REGION)


# The rights, as IAM decides.


def become(aws: Sandbox, monkeypatch: pytest.MonkeyPatch, statements: list[Any]) -> None:
    """Go on as a role with these rights.

    moto knows no condition on a resource's tags: a statement that has one is narrowed to
    the instances of which it is true.
    """
    rds = aws.client("rds")
    narrowed = []
    for statement in statements:
        told = json.dumps(statement).replace("${AWS::Partition}", "aws")
        told = told.replace("${AWS::AccountId}", ACCOUNT)
        found = json.loads(told)
        found["Resource"] = [one["Fn::Sub"] for one in found["Resource"]]
        if condition := found.pop("Condition", None):
            ((key, value),) = condition["StringEquals"].items()
            wanted = {"Key": key.removeprefix("aws:ResourceTag/"), "Value": value}
            found["Resource"] = [
                each["DBInstanceArn"]
                for each in rds.describe_db_instances()["DBInstances"]
                if wanted in each["TagList"]
            ]
        narrowed.append(found)
    policy = json.dumps({"Version": "2012-10-17", "Statement": narrowed})
    iam = aws.client("iam")
    role = iam.create_role(RoleName="bot", AssumeRolePolicyDocument="{}")["Role"]
    iam.put_role_policy(RoleName="bot", PolicyName="own", PolicyDocument=policy)
    sts = aws.client("sts")
    keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="run")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    boto3.setup_default_session()


FOUND = {
    "rds:DescribeDBInstances": "instances: {tag: digest=yes}\nregion: eu-central-1\n",
    "rds:DescribeDBClusters": "instances: {cluster: shop}\nregion: eu-central-1\n",
}


@pytest.fixture
def settings(
    aws: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, SlackStandIn]]:
    """Let there be a cluster whose members bear the tag, and a Slack."""
    cluster(aws, "shop-1", "shop-2")
    rds = aws.client("rds")
    for each in rds.describe_db_instances()["DBInstances"]:
        tag(aws, each["DBInstanceArn"])
        aws.serve(each["DBInstanceIdentifier"], logs={LIVE: SLOW})
    with SlackStandIn() as slack:
        monkeypatch.setenv("SLACK_TOKEN", slack.token)
        monkeypatch.setenv("SLOWQUERY_SETTINGS", str(tmp_path / "settings.yml"))
        yield tmp_path / "settings.yml", slack


def run(settings: tuple[Path, SlackStandIn], text: str) -> dict[str, Any]:
    file, slack = settings
    file.write_text(text + CHANNEL.replace('"SLACK"', f'"{slack.url}"'), encoding="utf-8")
    with enable_iam_authentication():
        return handler.export_to_chat(EVENT, Context())


@pytest.mark.parametrize("describe", FOUND)
def test_the_rights_are_enough_and_the_roles_are_shown(
    aws: Sandbox,
    settings: tuple[Path, SlackStandIn],
    monkeypatch: pytest.MonkeyPatch,
    describe: str,
) -> None:
    text = FOUND[describe]
    become(aws, monkeypatch, rights.of_the_run(load(text, {}, file="settings.yml")))
    result = run(settings, text)
    assert [digest["instance"] for digest in result["digests"]] == ["shop-1", "shop-2"]
    chat = as_text(settings[1].posts[0])
    shown = "shop-1 (writer of shop)" if "Cluster" in describe else "shop-1 (part of shop)"
    assert shown in chat


@pytest.mark.parametrize("describe", FOUND)
def test_without_the_right_to_find_the_run_fails_and_names_it(
    aws: Sandbox,
    settings: tuple[Path, SlackStandIn],
    monkeypatch: pytest.MonkeyPatch,
    describe: str,
) -> None:
    text = FOUND[describe]
    statements = rights.of_the_run(load(text, {}, file="settings.yml"))
    left = [one for one in statements if one["Action"] != [describe]]
    assert len(left) == len(statements) - 1
    become(aws, monkeypatch, left)
    with pytest.raises(RunFailed, match=f"the instances were not found .* denied for {describe}"):
        run(settings, text)
    assert "the instances were not found" in as_text(settings[1].posts[0])


def test_a_member_that_the_prefix_does_not_cover_may_not_be_read(
    aws: Sandbox, settings: tuple[Path, SlackStandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FOUND["rds:DescribeDBClusters"]
    narrow = text.replace("shop}", "shop, prefix: shop-1}")
    become(aws, monkeypatch, rights.of_the_run(load(narrow, {}, file="settings.yml")))
    with pytest.raises(RunFailed, match="db:shop-2"):
        run(settings, text)


def test_an_instance_that_is_gone_by_the_time_it_is_read_is_a_line(
    aws: Sandbox, settings: tuple[Path, SlackStandIn]
) -> None:
    text = FOUND["rds:DescribeDBClusters"]
    rds = aws.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="shop-3",
        DBInstanceClass="db.r6g.large",
        DBClusterIdentifier="shop",
        Engine="aurora-mysql",
    )
    file, slack = settings
    file.write_text(text + CHANNEL.replace('"SLACK"', f'"{slack.url}"'), encoding="utf-8")
    result = handler.export_to_chat(EVENT, Context())
    assert result["statuses"] == [{"instance": "shop-3", "state": "gone since it was found"}]
    assert "shop-3 (reader of shop) is gone since it was found" in as_text(slack.posts[0])


def test_the_instances_of_a_cluster_stand_together_where_its_slowest_stands(
    aws: Sandbox, settings: tuple[Path, SlackStandIn]
) -> None:
    for name, seconds in (("alone-db", b"5.0"), ("shop-2", b"9.0")):
        if name == "alone-db":
            tag(aws, aws.add_instance(name, logs={}))
        aws.serve(name, logs={LIVE: SLOW.replace(b"1.500000", seconds)})
    text = FOUND["rds:DescribeDBInstances"]
    file, slack = settings
    file.write_text(text + CHANNEL.replace('"SLACK"', f'"{slack.url}"'), encoding="utf-8")
    handler.export_to_chat(EVENT, Context())
    chat = as_text(slack.posts[0])
    shown = [name for name in re.findall(r"(\S+-db|shop-\d)(?: \(| )", chat) if name in chat]
    assert list(dict.fromkeys(shown)) == ["shop-2", "shop-1", "alone-db"]


# The settings.

REFUSED = {
    "{tag: digest}": "instances.tag: this is not a tag of instances",
    "{tag: 'aws:x=y'}": "instances.tag: this is not a tag of instances",
    "{tag: a=b, cluster: c}": "instances: instances are found in one way",
    "{tag: a=b, prefix: c}": "instances.prefix: a tag has no prefix",
    "{cluster: a_b}": "instances.cluster: this is not a cluster's identifier",
    "{cluster: a, prefix: '*'}": "instances.prefix: this is not the beginning",
    "{prefix: a}": "instances: instances are found in one way",
    "{}": "instances: instances are found in one way",
}


@pytest.mark.parametrize("instances", REFUSED)
def test_settings_that_find_nothing_sensible_are_refused(instances: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[instances]):
        load(f"instances: {instances}\n", {}, file="settings.yml")


def test_groups_need_instances_by_name() -> None:
    group = "groups: {all: {instances: [a], channels: [c]}}\nchannels: {c: {kind: console}}\n"
    with pytest.raises(ConfigError, match="groups need instances by name"):
        load(f"instances: {{tag: a=b}}\n{group}", {}, file="settings.yml")
