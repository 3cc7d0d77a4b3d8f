"""The package: what is in the zip, and which rights the template gives, to the letter."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKED = ROOT / ".serverless"
LARGEST_ZIP = 2_500_000
AARCH64 = 183
"""``e_machine`` of an ELF file for 64-bit Arm."""


@pytest.fixture(scope="module")
def _package() -> None:
    if shutil.which("npm") is None:
        pytest.skip("Node.js and its npm are not installed")
    command = [sys.executable, "tasks.py", "package"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def archive(_package: None) -> Iterator[zipfile.ZipFile]:
    """Return the zip that Lambda would get."""
    with zipfile.ZipFile(PACKED / "slowquery.zip") as opened:
        yield opened


@pytest.fixture(scope="module")
def resources(_package: None) -> dict[str, Any]:
    """Return the resources of the template that CloudFormation would get."""
    template = PACKED / "cloudformation-template-update-stack.json"
    found: dict[str, Any] = json.loads(template.read_text())["Resources"]
    return found


def test_the_zip_holds_the_product_and_its_libraries_alone(archive: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in archive.namelist()} - {"settings.yml"}
    ours = {"handler.py", "notifiers", "slowquery"}
    libraries = {"_yaml", "jinja2", "markupsafe", "slack", "slack_sdk", "sqlparse", "yaml"}
    assert tops == ours | libraries


def test_the_zip_holds_every_file_of_ours(archive: zipfile.ZipFile) -> None:
    ours = {
        str(file.relative_to(ROOT))
        for folder in ("slowquery", "notifiers")
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    packed = {name for name in archive.namelist() if name.startswith(("slowquery/", "notifiers/"))}
    assert packed == ours


def test_the_libraries_are_those_of_lambdas_machine(archive: zipfile.ZipFile) -> None:
    compiled = [name for name in archive.namelist() if name.endswith(".so")]
    assert compiled
    for name in compiled:
        assert ".cpython-313-aarch64-" in name
        (machine,) = struct.unpack_from("<H", archive.read(name), 18)
        assert machine == AARCH64, name


def test_the_zip_is_small(archive: zipfile.ZipFile) -> None:
    assert archive.filename is not None
    assert Path(archive.filename).stat().st_size <= LARGEST_ZIP


def test_the_zip_says_nothing_of_when_and_by_whom_it_was_made(archive: zipfile.ZipFile) -> None:
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}


def test_the_handler_runs_on_the_zip_and_what_lambda_brings(
    archive: zipfile.ZipFile, tmp_path: Path
) -> None:
    archive.extractall(tmp_path / "task")
    image = tmp_path / "image"
    image.mkdir()
    site_packages = Path(pytest.__file__).parent.parent
    brought = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
    for name in brought:
        (image / name).symlink_to(site_packages / name)
    # Compiled for another machine; their libraries have a slower way in Python.
    for library in (tmp_path / "task").rglob("*.so"):
        library.unlink()
    script = (
        "import sys; sys.path += sys.argv[1:]\n"
        "import handler, notifiers.slack, slowquery.app\n"
        "print(handler.export_to_chat.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, tmp_path / "task", image],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("export_to_chat\n", "")


def statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every statement of a role's policies."""
    return [
        statement
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def test_the_function_may_read_its_instances_logs_and_write_its_own(
    resources: dict[str, Any],
) -> None:
    read, write = statements(resources["ExportToChatRole"])
    instances = read.pop("Resource")
    assert read == {
        "Effect": "Allow",
        "Action": ["rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion"],
    }
    assert instances
    instance = r"arn:\$\{AWS::Partition\}:rds:\$\{AWS::Region\}:\$\{AWS::AccountId\}:db:[a-z0-9-]+"
    assert all(re.fullmatch(instance, arn["Fn::Sub"]) for arn in instances)
    assert write == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": {"Fn::GetAtt": ["ExportToChatLogGroup", "Arn"]},
    }


def test_the_schedule_may_invoke_the_function(resources: dict[str, Any]) -> None:
    assert statements(resources["ExportToChatScheduleRole"]) == [
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": {"Fn::GetAtt": ["ExportToChatLambdaFunction", "Arn"]},
        }
    ]


def test_each_role_is_for_one_service(resources: dict[str, Any]) -> None:
    trusted = {
        name: [
            statement["Principal"]
            for statement in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        ]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    assert trusted == {
        "ExportToChatRole": [{"Service": "lambda.amazonaws.com"}],
        "ExportToChatScheduleRole": [{"Service": "scheduler.amazonaws.com"}],
    }


def test_nothing_else_gives_rights(resources: dict[str, Any]) -> None:
    kinds = {resource["Type"] for resource in resources.values()}
    giving = {kind for kind in kinds if re.search(r"::IAM::|Permission|Policy", kind)}
    assert giving == {"AWS::IAM::Role", "AWS::S3::BucketPolicy"}
    assert "ManagedPolicyArns" not in json.dumps(resources)
    # osls's own bucket for the zip: its policy refuses what comes without TLS.
    bucket = resources["ServerlessDeploymentBucketPolicy"]["Properties"]["PolicyDocument"]
    assert {statement["Effect"] for statement in bucket["Statement"]} == {"Deny"}


def test_the_schedule_sends_the_time_that_picks_the_hour(resources: dict[str, Any]) -> None:
    schedule = resources["ExportToChatSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == "cron(10 * * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    target = schedule["Target"]
    assert target["Arn"] == {"Fn::GetAtt": ["ExportToChatLambdaFunction", "Arn"]}
    assert target["RoleArn"] == {"Fn::GetAtt": ["ExportToChatScheduleRole", "Arn"]}
    assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}


def test_the_function_is_what_was_agreed(resources: dict[str, Any]) -> None:
    function = resources["ExportToChatLambdaFunction"]["Properties"]
    assert function["Handler"] == "handler.export_to_chat"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert (function["MemorySize"], function["Timeout"]) == (512, 300)
    assert function["Role"] == {"Fn::GetAtt": ["ExportToChatRole", "Arn"]}


def test_a_failed_run_is_not_run_again_by_lambda(resources: dict[str, Any]) -> None:
    asynchronous = resources["ExportToChatLambdaEvConf"]["Properties"]
    assert asynchronous["FunctionName"] == {"Ref": "ExportToChatLambdaFunction"}
    assert asynchronous["MaximumRetryAttempts"] == 0


def test_the_log_is_not_kept_for_ever(resources: dict[str, Any]) -> None:
    group = resources["ExportToChatLogGroup"]["Properties"]
    function = resources["ExportToChatLambdaFunction"]["Properties"]
    assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
    assert group["RetentionInDays"] == 30
