"""What each setting of ``health`` takes, and that nothing without it is more than unknown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import product
from unittest.mock import patch

import pytest
from moto.core import enable_iam_authentication

from deploy.rights import Statement, of_the_health_check
from slowquery.health.answers import Deployed
from slowquery.health.aws import RIGHTS
from slowquery.health.check import Check, worst
from slowquery.health.examination import World, examine
from slowquery.settings import Channel, HealthRights, Instance, Settings, SsmParameter
from tests.health.planted import AT, CLOSED, LOG, NOW, WELL
from tests.sandbox.aws import ACCOUNT, Sandbox

REGION = f"eu-central-1:{ACCOUNT}"
SECRET = "https://example.com/zqzq"
RUNS = Deployed("slowquery-dev-exportToChat", "7")
ALWAYS = ("rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion", "ssm:GetParameter")
ALIAS = {
    "Effect": "Allow",
    "Action": ["lambda:GetAlias"],
    "Resource": f"arn:aws:lambda:{REGION}:function:{RUNS.function}",
}
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


def asked_of(rights: HealthRights) -> Settings:
    channel = Channel("hook", "webhook", {"url": SsmParameter("/slowquery/hook")})
    return Settings((Instance("shop-db"),), (channel,), health=rights)


def role_of(rights: HealthRights) -> list[Statement]:
    """Return what the role of ``healthCheck`` is given for these settings, as deployed."""
    text = json.dumps(of_the_health_check(asked_of(rights)))
    place = {"AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": ACCOUNT}
    for name, value in place.items():
        text = text.replace(f"${{{name}}}", value)
    resolved: list[Statement] = json.loads(text, object_hook=lambda each: each.get("Fn::Sub", each))
    return resolved


def without(statements: list[Statement], *actions: str) -> list[Statement]:
    left = (
        {**each, "Action": [action for action in each["Action"] if action not in actions]}
        for each in statements
    )
    return [each for each in left if each["Action"]]


def as_role(aws: Sandbox, statements: list[Statement]) -> Mapping[str, str]:
    """Return the environment of somebody who has these rights and no others."""
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


def checks(
    aws: Sandbox,
    rights: HealthRights,
    statements: list[Statement],
    *,
    deployed: Deployed | None = None,
) -> list[Check]:
    function = "slowquery-dev-healthCheck" if deployed else ""
    world = World("the tests", NOW, lambda: 300.0, {}, function, 30.0, deployed)
    role = as_role(aws, statements)
    with patch.dict(os.environ, {**aws.environ, **role}), enable_iam_authentication():
        found = examine(asked_of(rights), "settings.yml", world)
    assert SECRET not in repr(found)
    return found


def status(found: list[Check], where: str, name: str) -> str:
    return worst(check for check in found if (check.where.name, check.name) == (where, name))


@pytest.mark.parametrize("asked", list(product((False, True), repeat=3)), ids=str)
def test_the_deployed_role_suffices_for_each_combination_and_has_no_other_right(
    aws: Sandbox, asked: tuple[bool, bool, bool]
) -> None:
    rights = HealthRights(*asked)
    opted = [name for name, is_asked in zip(RIGHTS, asked, strict=True) if is_asked]
    role = role_of(rights)
    granted = {action for statement in role for action in statement["Action"]}
    assert granted == {*ALWAYS, *(action for name in opted for action in RIGHTS[name])}
    found = checks(aws, rights, role)
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
    withheld = {action for actions in RIGHTS.values() for action in actions}.difference(granted)
    found = checks(aws, every, without(role_of(every), *withheld))
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
    found = checks(aws, HealthRights(), without(role_of(HealthRights()), missing))
    (denied,) = [check for check in found if f"access denied for {missing}" in check.seen]
    assert denied.status == "fail"
    assert f"allow {missing}" in denied.hint


@pytest.mark.parametrize(
    ("more", "says"), [([], "access denied for lambda:GetAlias"), ([ALIAS], "Lambda refused")]
)
def test_the_alias_is_asked_for_and_where_that_is_denied_the_right_is_named(
    aws: Sandbox, more: list[Statement], says: str
) -> None:
    found = checks(aws, HealthRights(), [*role_of(HealthRights()), *more], deployed=RUNS)
    (version,) = [check for check in found if check.name == "version"]
    assert version.status == "unknown"
    assert says in version.seen
    assert ("allow lambda:GetAlias" in version.hint) == (not more)
