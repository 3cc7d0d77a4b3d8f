"""moto's IAM decides over the log calls as AWS does: by action and by the instance's ARN."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from moto.core import enable_iam_authentication

from tests.sandbox.aws import ACCOUNT, Boto3, Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.naive_reader import read

ARN = f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:shop-db"
LIST, DOWNLOAD = "rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion"


@pytest.fixture
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.add_instance("shop-db", logs={LIVE: b"one\n"})
        sandbox.add_instance("other-db", logs={LIVE: b"two\n"})
        yield sandbox


def assume(aws: Sandbox, *actions: str, resource: str = ARN) -> dict[str, str]:
    """The credentials, as boto3's options, of a role that may do ``actions``."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resource}],
    }
    iam = aws.client("iam")
    role = iam.create_role(RoleName="bot", AssumeRolePolicyDocument="{}")["Role"]
    iam.put_role_policy(RoleName="bot", PolicyName="own", PolicyDocument=json.dumps(policy))
    sts = aws.client("sts")
    keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="run")["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def list_files(rds: Boto3, instance: str = "shop-db") -> None:
    rds.describe_db_log_files(DBInstanceIdentifier=instance)


def denial(action: str, resource: str) -> str:
    return (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/bot/run is not authorized to perform: "
        f"{action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )


def test_two_actions_on_one_instance_are_enough_to_read_its_logs(aws: Sandbox) -> None:
    rds = aws.client("rds", **assume(aws, LIST, DOWNLOAD))
    with enable_iam_authentication():
        list_files(rds)
        assert read(rds, "shop-db", LIVE) == "one\n"


def test_without_the_one_there_is_no_list(aws: Sandbox) -> None:
    rds = aws.client("rds", **assume(aws, DOWNLOAD))
    with enable_iam_authentication():
        assert read(rds, "shop-db", LIVE) == "one\n"
        with pytest.raises(ClientError) as error:
            list_files(rds)
    assert error.value.response["Error"]["Code"] == "AccessDenied"
    assert error.value.response["Error"]["Message"] == denial(LIST, ARN)
    assert aws.calls[-1].outcome == "AccessDenied"


def test_without_the_other_there_is_no_portion(aws: Sandbox) -> None:
    rds = aws.client("rds", **assume(aws, LIST))
    with enable_iam_authentication():
        list_files(rds)
        with pytest.raises(ClientError) as error:
            read(rds, "shop-db", LIVE)
    assert error.value.response["Error"]["Message"] == denial(DOWNLOAD, ARN)
    assert aws.undelivered


def test_another_instance_is_refused(aws: Sandbox) -> None:
    rds = aws.client("rds", **assume(aws, LIST, DOWNLOAD))
    with enable_iam_authentication(), pytest.raises(ClientError, match="db:other-db"):
        list_files(rds, "other-db")


def test_a_parameter_is_named_by_its_arn(aws: Sandbox) -> None:
    arn = f"arn:aws:ssm:eu-central-1:{ACCOUNT}:parameter/bot/"
    for name in ("/bot/token", "/bot/other"):
        aws.client("ssm").put_parameter(Name=name, Value="v", Type="SecureString")
    ssm = aws.client("ssm", **assume(aws, "ssm:GetParameter", resource=f"{arn}token"))
    with enable_iam_authentication():
        assert ssm.get_parameter(Name="/bot/token")["Parameter"]["Name"] == "/bot/token"
        with pytest.raises(ClientError) as error:
            ssm.get_parameter(Name="/bot/other")
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert error.value.response["Error"]["Message"] == denial("ssm:GetParameter", f"{arn}other")


def test_a_key_that_nobody_made_is_refused(aws: Sandbox) -> None:
    with enable_iam_authentication(), pytest.raises(ClientError, match="InvalidClientTokenId"):
        list_files(aws.client("rds"))
