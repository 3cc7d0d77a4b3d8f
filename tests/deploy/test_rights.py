"""The rights are enough, none is too much, and nobody else has any: out of the template."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core import enable_iam_authentication

import handler
from slowquery import hook
from slowquery.app import RunFailed
from tests.packed import STAGE, Package, package_of
from tests.sandbox.aws import ACCOUNT, Sandbox
from tests.sandbox.demo import Context
from tests.sandbox.log_file import LIVE
from tests.sandbox.web import Answer, Request, Server

SETTINGS = Path(__file__).with_name("settings.yml")
SCHEDULED = {"scheduled_time": "2026-11-22T05:10:00Z"}
FUNCTION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:slowquery-{STAGE}-exportToChat"
NEW_VERSION = f"{FUNCTION}:7"
HOOK = {"DeploymentId": "d-ABC", hook.EXECUTION: "an-execution"}

Policies = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return package_of(SETTINGS, tmp_path_factory)


@dataclass
class Account:
    """An account with two instances, a channel, and IAM that decides."""

    aws: Sandbox
    monkeypatch: pytest.MonkeyPatch
    posted: list[Request]

    def become(self, policies: Mapping[str, Any]) -> None:
        """Go on with the credentials of a role that has these policies alone."""
        iam, sts = self.aws.client("iam"), self.aws.client("sts")
        role = iam.create_role(RoleName="packed", AssumeRolePolicyDocument="{}")["Role"]
        for name, document in policies.items():
            iam.put_role_policy(
                RoleName="packed", PolicyName=name, PolicyDocument=json.dumps(document)
            )
        keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="run")["Credentials"]
        self.monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
        self.monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
        self.monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
        boto3.setup_default_session()  # it would remember who it was

    def run(self, event: object = SCHEDULED) -> dict[str, Any]:
        with enable_iam_authentication():
            return handler.export_to_chat(event, Context())


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    posted: list[Request] = []

    def take(request: Request) -> Answer:
        posted.append(request)
        return Answer()

    with Sandbox() as aws, Server(take) as receiver:
        for name, value in aws.environ.items():
            monkeypatch.setenv(name, value)
        settings = tmp_path / "settings.yml"
        settings.write_text(SETTINGS.read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setenv("SLOWQUERY_SETTINGS", str(settings))
        monkeypatch.setenv("INCIDENTS_URL", f"{receiver.url}/incidents")
        monkeypatch.setattr(handler, "_SECRETS", {})
        for name in ("shop-db", "billing-db", "other-db"):
            aws.add_instance(name, logs={LIVE: b"# nothing slow\n"})
        aws.client("ssm").put_parameter(
            Name="/slowquery/team-url", Value=f"{receiver.url}/team", Type="SecureString"
        )
        yield Account(aws, monkeypatch, posted)
    boto3.setup_default_session()


def actions(policies: Policies) -> set[str]:
    found: set[str] = set()
    for document in policies.values():
        for statement in document["Statement"]:
            given = statement["Action"]
            found |= {given} if isinstance(given, str) else set(given)
    return found


def without(policies: Policies, action: str) -> Policies:
    """Return the policies with one action taken away, wherever it stands."""
    left: Policies = {}
    for name, document in policies.items():
        kept = []
        for statement in document["Statement"]:
            given = statement["Action"]
            some = [one for one in ([given] if isinstance(given, str) else given) if one != action]
            if some:
                kept.append({**statement, "Action": some})
        left[name] = {**document, "Statement": kept}
    return left


# The run.

CALLED = ["rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion", "ssm:GetParameter"]
BY_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""Lambda itself writes the function's log, with the function's role."""


def test_the_packed_rights_are_enough_for_a_run(package: Package, account: Account) -> None:
    account.become(package.policies("ExportToChatRole"))
    result = account.run()
    assert [digest["instance"] for digest in result["digests"]] == ["shop-db", "billing-db"]
    assert result["failures"] == []
    assert [request.path for request in account.posted] == ["/team", "/incidents"]


def test_the_run_has_no_right_that_nothing_below_takes_away(package: Package) -> None:
    assert actions(package.policies("ExportToChatRole")) == {*CALLED} | BY_LAMBDA


@pytest.mark.parametrize("action", CALLED)
def test_without_one_action_the_run_fails_and_names_it(
    package: Package, account: Account, action: str
) -> None:
    account.become(without(package.policies("ExportToChatRole"), action))
    with pytest.raises(RunFailed, match=f"access denied for {action}"):
        account.run()


def test_another_instance_is_refused(package: Package, account: Account) -> None:
    account.become(package.policies("ExportToChatRole"))
    file = Path(os.environ["SLOWQUERY_SETTINGS"])
    file.write_text(file.read_text().replace("billing-db", "other-db"))
    with pytest.raises(RunFailed) as failed:
        account.run()
    (failure,) = failed.value.failures
    arn = f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:other-db"
    assert failure.why == f"access denied for rds:DescribeDBLogFiles on {arn}"
    assert failure.cause == "rights"


def test_another_parameter_is_refused(package: Package, account: Account) -> None:
    account.become(package.policies("ExportToChatRole"))
    file = Path(os.environ["SLOWQUERY_SETTINGS"])
    file.write_text(file.read_text().replace("team-url", "other-url"))
    with pytest.raises(RunFailed, match="ssm:/slowquery/other-url: access denied"):
        account.run()


# The hook of a deployment.


class HookContext:
    """Lambda's, with too little time to try anything a second time."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def verdicts(account: Account) -> dict[str, str]:
    """Let there be a new version that has nothing to complain of, and a deployment of it."""
    deployments = account.aws.deployments
    deployments.functions[NEW_VERSION] = lambda _: {"failures": []}
    deployments.groups["d-ABC"] = f"slowquery-{STAGE}/exportToChat"
    account.monkeypatch.setenv(hook.NEW_VERSION, NEW_VERSION)
    return deployments.verdicts


def test_the_packed_rights_are_enough_for_the_hook(
    package: Package, account: Account, verdicts: dict[str, str]
) -> None:
    account.become({"own": package.policies("HealthCheckRole")["answer-codedeploy"]})
    with enable_iam_authentication():
        handler.health_check(HOOK, HookContext())
    assert verdicts == {"an-execution": "Succeeded"}


def test_without_the_right_to_invoke_the_hook_lets_nothing_pass(
    package: Package, account: Account, verdicts: dict[str, str]
) -> None:
    account.become(without(package.policies("HealthCheckRole"), "lambda:InvokeFunction"))
    with enable_iam_authentication():
        verdict = handler.health_check(HOOK, HookContext())
    assert verdicts == {"an-execution": "Failed"}
    assert "lambda:InvokeFunction" in str(verdict["problems"])


def test_without_the_right_to_answer_the_hook_raises(
    package: Package, account: Account, verdicts: dict[str, str]
) -> None:
    answering = "codedeploy:PutLifecycleEventHookExecutionStatus"
    account.become(without(package.policies("HealthCheckRole"), answering))
    with enable_iam_authentication(), pytest.raises(ClientError, match=answering):
        handler.health_check(HOOK, HookContext())
    assert verdicts == {}


def test_the_hook_may_invoke_the_new_version_and_no_other(
    package: Package, account: Account, verdicts: dict[str, str]
) -> None:
    account.become(package.policies("HealthCheckRole"))
    account.aws.deployments.functions[f"{FUNCTION}:6"] = lambda _: {"failures": []}
    account.monkeypatch.setenv(hook.NEW_VERSION, f"{FUNCTION}:6")
    with enable_iam_authentication():
        handler.health_check(HOOK, HookContext())
    assert verdicts == {"an-execution": "Failed"}


def test_the_hook_may_answer_for_no_other_deployment(
    package: Package, account: Account, verdicts: dict[str, str]
) -> None:
    account.become(package.policies("HealthCheckRole"))
    account.aws.deployments.groups["d-ABC"] = "another/exportToChat"
    with enable_iam_authentication(), pytest.raises(ClientError, match="AccessDenied"):
        handler.health_check(HOOK, HookContext())
    assert verdicts == {}
