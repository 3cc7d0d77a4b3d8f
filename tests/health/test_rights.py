"""What each setting of ``health`` takes, and that nothing without it is more than unknown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import product
from unittest.mock import patch

import pytest
from moto.core import enable_iam_authentication

from slowquery.health.aws import RIGHTS
from slowquery.health.check import Check, worst
from slowquery.health.examination import World, examine
from slowquery.settings import Channel, HealthRights, Instance, Settings, SsmParameter
from tests.health.planted import AT, CLOSED, LOG, NOW, WELL
from tests.sandbox.aws import ACCOUNT, Sandbox

REGION = f"eu-central-1:{ACCOUNT}"
SECRET = "https://example.com/zqzq"
SSM = f"arn:aws:ssm:{REGION}:parameter/slowquery/hook"
ON = {
    "rds:DescribeDBLogFiles": f"arn:aws:rds:{REGION}:db:shop-db",
    "rds:DownloadDBLogFilePortion": f"arn:aws:rds:{REGION}:db:shop-db",
    "ssm:GetParameter": SSM,
    "rds:DescribeDBInstances": f"arn:aws:rds:{REGION}:db:*",
    "rds:DescribeDBParameters": f"arn:aws:rds:{REGION}:pg:*",
    "cloudwatch:GetMetricData": "*",
    "cloudwatch:DescribeAlarms": "*",
}
"""The resource that each action is granted on."""

ALWAYS = tuple(ON)[:3]
CHECKS = {
    "parameters": ("shop-db", "parameters"),
    "metrics": ("", "last run"),
    "alarms": ("", "alarms"),
}
"""The check that each setting is about."""


@pytest.fixture
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.add_instance("shop-db", logs={CLOSED: LOG}, parameters=WELL, last_written=AT)
        sandbox.client("ssm").put_parameter(
            Name="/slowquery/hook", Value=SECRET, Type="SecureString"
        )
        yield sandbox


def as_role(aws: Sandbox, actions: tuple[str, ...]) -> Mapping[str, str]:
    """Return the environment of somebody who may do ``actions`` and nothing else."""
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": ON[action]} for action in actions
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam = aws.client("iam")
    role = iam.create_role(RoleName="bot", AssumeRolePolicyDocument="{}")["Role"]
    iam.put_role_policy(RoleName="bot", PolicyName="own", PolicyDocument=policy)
    keys = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="run")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def checks(aws: Sandbox, rights: HealthRights, actions: tuple[str, ...]) -> list[Check]:
    channel = Channel("hook", "webhook", {"url": SsmParameter("/slowquery/hook")})
    settings = Settings((Instance("shop-db"),), (channel,), health=rights)
    world = World("the tests", NOW, lambda: 300.0, {}, limit=30.0)
    role = as_role(aws, actions)
    with patch.dict(os.environ, {**aws.environ, **role}), enable_iam_authentication():
        found = examine(settings, "settings.yml", world)
    assert SECRET not in repr(found)
    return found


def status(found: list[Check], where: str, name: str) -> str:
    return worst(check for check in found if (check.where.name, check.name) == (where, name))


@pytest.mark.parametrize("asked", list(product((False, True), repeat=3)), ids=str)
def test_each_combination_takes_its_rights_and_no_others(
    aws: Sandbox, asked: tuple[bool, bool, bool]
) -> None:
    rights = HealthRights(*asked)
    opted = [name for name, is_asked in zip(RIGHTS, asked, strict=True) if is_asked]
    actions = (*ALWAYS, *(action for name in opted for action in RIGHTS[name]))
    found = checks(aws, rights, actions)
    assert "access denied" not in repr(found)
    assert "fail" not in {check.status for check in found}
    assert status(found, "shop-db", "events") == "ok"
    assert status(found, "hook", "secrets") == "ok"
    for name, (where, check) in CHECKS.items():
        expected = {"ok", "warn"} if name in opted else {"unknown", "ok"}
        assert status(found, where, check) in expected


@pytest.mark.parametrize("granted", [(), ("rds:DescribeDBInstances",)], ids=len)
def test_what_is_asked_for_and_not_granted_is_unknown_and_names_the_action(
    aws: Sandbox, granted: tuple[str, ...]
) -> None:
    every = HealthRights(parameters=True, metrics=True, alarms=True)
    found = checks(aws, every, (*ALWAYS, *granted))
    assert "fail" not in {check.status for check in found}
    first = {name: next(each for each in RIGHTS[name] if each not in granted) for name in RIGHTS}
    for name, (where, check) in CHECKS.items():
        (denied,) = [each for each in found if (each.where.name, each.name) == (where, check)]
        assert denied.status == "unknown"
        assert f"access denied for {first[name]}" in denied.seen
        assert f"allow {first[name]}" in denied.hint


@pytest.mark.parametrize("missing", ALWAYS)
def test_a_right_that_the_digest_needs_is_a_failure_and_is_named(
    aws: Sandbox, missing: str
) -> None:
    found = checks(aws, HealthRights(), tuple(action for action in ALWAYS if action != missing))
    (denied,) = [check for check in found if f"access denied for {missing}" in check.seen]
    assert denied.status == "fail"
    assert f"allow {missing}" in denied.hint
