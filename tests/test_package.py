"""The package: what is in the zip, and what the template deploys, to the letter."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasks
from deploy.page import iam_page
from tests.conftest import Golden
from tests.packed import Package, package_of

ROOT = Path(__file__).resolve().parent.parent
LARGEST_ZIP = 2_500_000
AARCH64 = 183
"""``e_machine`` of an ELF file for 64-bit Arm."""
EXPORT, CHECK = "ExportToChatLambdaFunction", "HealthCheckLambdaFunction"
HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Return the package of somebody who has just cloned this."""
    return package_of(ROOT / "settings.example.yml", tmp_path_factory)


@pytest.fixture(scope="module")
def archive(package: Package) -> Iterator[zipfile.ZipFile]:
    """Return the zip that Lambda would get."""
    with zipfile.ZipFile(package.archive) as opened:
        yield opened


@pytest.fixture(scope="module")
def resources(package: Package) -> dict[str, Any]:
    """Return the resources of the template that CloudFormation would get."""
    return package.resources


def get(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


# The zip.


def test_the_zip_holds_the_product_and_its_libraries_alone(archive: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in archive.namelist()}
    ours = {"handler.py", "notifiers", "settings.yml", "slowquery"}
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


def test_the_handlers_run_on_the_zip_and_what_lambda_brings(
    package: Package, tmp_path: Path
) -> None:
    task, image = package.unpack(tmp_path)
    script = (
        "import sys; sys.path += sys.argv[1:]\n"
        "import handler, notifiers.slack, slowquery.app\n"
        "print(handler.export_to_chat.__name__, handler.health_check.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, task, image],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("export_to_chat health_check\n", "")


def test_a_run_pays_for_no_channel_and_no_engine_that_it_does_not_need(
    package: Package, tmp_path: Path
) -> None:
    task, image = package.unpack(tmp_path)
    script = (
        "import sys; sys.path += sys.argv[1:]\n"
        "import handler, slowquery.app\n"
        "unneeded = ('slack', 'apprise', 'jinja2', 'sqlparse', 'slowquery.readers.')\n"
        "print([name for name in sys.modules if name.startswith(unneeded)])"
    )
    command: list[str | Path] = [sys.executable, "-I", "-S", "-c", script, task, image]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"[]\n"


@pytest.mark.parametrize(
    ("channel", "lock"),
    [
        ("{kind: apprise, url: ssm:/mail}", "requirements-lambda-apprise.txt"),
        ("\n    kind: apprise\n    url: ssm:/mail", "requirements-lambda-apprise.txt"),
        ("{kind: console}  # kind: apprise", "requirements-lambda.txt"),
        ('{"kind": "apprise", url: ssm:/mail}', "requirements-lambda-apprise.txt"),
        ("{kind: env/CHAT_KIND, url: ssm:/mail}", "requirements-lambda-apprise.txt"),
        ("{kind: console}\nlog_line_prefix: '%t %p kind: apprise'", "requirements-lambda.txt"),
    ],
)
def test_apprise_is_packed_only_where_settings_use_it(
    tmp_path: Path, channel: str, lock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_KIND", "apprise")
    settings = tmp_path / "settings.yml"
    settings.write_text(f"instances: [a]\nchannels:\n  mail: {channel}\n", encoding="utf-8")
    assert tasks.lock_for(settings).name == lock


def test_the_settings_that_are_packed_are_the_stages(archive: zipfile.ZipFile) -> None:
    assert archive.read("settings.yml") == (ROOT / "settings.example.yml").read_bytes()


# The rights, to the letter.


def policies(resources: dict[str, Any], role: str) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of a role's policies by name."""
    return {
        policy["PolicyName"]: policy["PolicyDocument"]["Statement"]
        for policy in resources[role]["Properties"]["Policies"]
    }


def allow(*actions: str, on: Any) -> dict[str, Any]:  # noqa: ANN401 - a text or a reference
    listed: str | list[str] = list(actions) if len(actions) > 1 else actions[0]
    return {"Effect": "Allow", "Action": listed, "Resource": on}


READ = [
    allow(
        "rds:DescribeDBLogFiles",
        "rds:DownloadDBLogFilePortion",
        on=[
            {"Fn::Sub": f"arn:${{AWS::Partition}}:rds:{region}:${{AWS::AccountId}}:db:{name}"}
            for region, name in (("eu-central-1", "shop-db"), ("eu-central-1", "billing-db"))
        ],
    ),
    {
        "Effect": "Allow",
        "Action": ["ssm:GetParameter"],
        "Resource": [
            {
                "Fn::Sub": "arn:${AWS::Partition}:ssm:eu-central-1:${AWS::AccountId}"
                ":parameter/slowquery/slack-token"
            }
        ],
    },
]


def test_the_function_may_read_its_instances_logs_and_write_its_own(
    resources: dict[str, Any],
) -> None:
    assert policies(resources, "ExportToChatRole") == {
        "read-slow-logs": READ,
        "write-own-log": [
            allow(*("logs:CreateLogStream", "logs:PutLogEvents"), on=get("ExportToChatLogGroup"))
        ],
    }


def test_the_health_check_may_try_the_new_version_and_say_so(
    package: Package, resources: dict[str, Any]
) -> None:
    group = "deploymentgroup:slowquery-test/exportToChat"
    assert policies(resources, "HealthCheckRole") == {
        "answer-codedeploy": [
            allow("lambda:InvokeFunction", on={"Ref": package.version}),
            allow(
                "codedeploy:PutLifecycleEventHookExecutionStatus",
                on={"Fn::Sub": HERE % ("codedeploy", group)},
            ),
        ],
        "ask-questions": READ,
        "write-own-log": [
            allow(*("logs:CreateLogStream", "logs:PutLogEvents"), on=get("HealthCheckLogGroup"))
        ],
    }


def test_the_schedules_may_invoke_what_they_are_for_and_put_an_event_aside(
    resources: dict[str, Any],
) -> None:
    assert policies(resources, "ScheduleRole") == {
        "hand-events-over": [
            allow("lambda:InvokeFunction", on=[{"Ref": "ExportToChatLive"}, get(CHECK)]),
            allow("sqs:SendMessage", on=get("DeadLetters")),
        ]
    }


def test_codedeploy_may_move_the_alias_and_ask_the_hook(resources: dict[str, Any]) -> None:
    assert policies(resources, "CodeDeployRole") == {
        "move-the-alias": [
            allow("lambda:GetAlias", "lambda:UpdateAlias", on=get(EXPORT)),
            allow(
                "lambda:GetProvisionedConcurrencyConfig", on={"Fn::Sub": f"${{{EXPORT}.Arn}}:live"}
            ),
            allow("lambda:InvokeFunction", on=get(CHECK)),
        ]
    }


def test_each_role_is_for_one_service_of_this_account(resources: dict[str, Any]) -> None:
    trusted = {
        name: resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
    }
    ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}

    def may(service: str) -> dict[str, Any]:
        principal = {"Service": f"{service}.amazonaws.com"}
        return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}

    assert trusted == {
        "ExportToChatRole": [may("lambda")],
        "HealthCheckRole": [may("lambda")],
        "ScheduleRole": [{**may("scheduler"), "Condition": ours}],
        "CodeDeployRole": [{**may("codedeploy"), "Condition": ours}],
    }


RIGHTLESS = {
    *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::CodeDeploy::Application"),
    *("AWS::CodeDeploy::DeploymentGroup", "AWS::Lambda::Alias", "AWS::Lambda::Function"),
    *("AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Version", "AWS::Logs::LogGroup"),
    *("AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Scheduler::Schedule"),
}
"""Kinds of resource that give nobody a right."""


def test_nothing_else_gives_rights(resources: dict[str, Any]) -> None:
    kinds = {resource["Type"] for resource in resources.values()}
    assert kinds - RIGHTLESS == {"AWS::IAM::Role", "AWS::S3::BucketPolicy"}
    # osls's own bucket for the zip: its policy refuses what comes without TLS.
    bucket = resources["ServerlessDeploymentBucketPolicy"]["Properties"]["PolicyDocument"]
    assert {statement["Effect"] for statement in bucket["Statement"]} == {"Deny"}


def test_a_role_has_inline_policies_alone(resources: dict[str, Any]) -> None:
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Role":
            assert set(resource["Properties"]) == {"AssumeRolePolicyDocument", "Policies"}


def test_no_action_has_a_star(resources: dict[str, Any]) -> None:
    written = json.dumps(
        [one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Role"]
    )
    found = re.findall(r'"[a-z0-9]+:[A-Z*][A-Za-z*]*"', written)
    assert len(found) > 10
    assert not [action for action in found if "*" in action]


def test_the_page_about_rights_is_made_from_the_template(
    resources: dict[str, Any], golden: Golden
) -> None:
    shown = json.loads(
        json.dumps({"Resources": resources}).replace("slowquery-test", "slowquery-dev")
    )
    golden.check(ROOT / "docs" / "iam.md", iam_page(shown))


# The schedule, and what it calls.


def test_the_schedule_sends_the_time_that_picks_the_hour_to_the_alias(
    resources: dict[str, Any],
) -> None:
    schedule = resources["ExportToChatSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == "cron(10 * * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    target = schedule["Target"]
    assert target["Arn"] == {"Ref": "ExportToChatLive"}
    assert target["RoleArn"] == get("ScheduleRole")
    assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}


def test_an_event_that_cannot_be_handed_over_is_tried_again_and_then_kept(
    resources: dict[str, Any],
) -> None:
    target = resources["ExportToChatSchedule"]["Properties"]["Target"]
    assert target["RetryPolicy"] == {
        "MaximumRetryAttempts": 5,
        "MaximumEventAgeInSeconds": 3600,
    }
    assert target["DeadLetterConfig"] == {"Arn": get("DeadLetters")}


@pytest.mark.parametrize(
    ("name", "handler", "timeout"),
    [("ExportToChat", "export_to_chat", 300), ("HealthCheck", "health_check", 900)],
)
def test_the_functions_are_what_was_agreed(
    resources: dict[str, Any], name: str, handler: str, timeout: int
) -> None:
    function = resources[f"{name}LambdaFunction"]["Properties"]
    assert function["Handler"] == f"handler.{handler}"
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert (function["MemorySize"], function["Timeout"]) == (512, timeout)
    assert function["Role"] == get(f"{name}Role")
    assert "ReservedConcurrentExecutions" not in function


def test_a_failed_run_is_not_run_again_by_lambda(resources: dict[str, Any]) -> None:
    retries = {
        (json.dumps(given["FunctionName"]), given["Qualifier"]): given["MaximumRetryAttempts"]
        for given in (
            one["Properties"]
            for one in resources.values()
            if one["Type"] == "AWS::Lambda::EventInvokeConfig"
        )
    }
    export = json.dumps({"Ref": EXPORT})
    assert retries[export, "$LATEST"] == retries[export, "live"] == 0


def test_no_log_is_kept_for_ever(resources: dict[str, Any]) -> None:
    for name in ("ExportToChat", "HealthCheck"):
        group = resources[f"{name}LogGroup"]["Properties"]
        function = resources[f"{name}LambdaFunction"]["Properties"]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
        assert group["RetentionInDays"] == 30


def test_what_is_kept_is_encrypted(resources: dict[str, Any]) -> None:
    """Log groups, topics and variables of functions AWS encrypts by itself."""
    assert resources["DeadLetters"]["Properties"]["SqsManagedSseEnabled"] is True
    bucket = resources["ServerlessDeploymentBucket"]["Properties"]["BucketEncryption"]
    assert "AES256" in json.dumps(bucket)


# The deployment.


def test_a_version_is_tried_by_the_health_check_before_the_alias_moves(
    package: Package, resources: dict[str, Any]
) -> None:
    live = resources["ExportToChatLive"]
    assert live["UpdatePolicy"] == {
        "CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": "Deployments"},
            "DeploymentGroupName": {"Ref": "DeploymentGroup"},
            "BeforeAllowTrafficHook": {"Ref": CHECK},
        }
    }
    assert live["Properties"] == {
        "Name": "live",
        "FunctionName": {"Ref": EXPORT},
        "FunctionVersion": get(package.version, "Version"),
    }
    variables = resources[CHECK]["Properties"]["Environment"]["Variables"]
    assert variables["SLOWQUERY_NEW_VERSION"] == {"Ref": package.version}
    group = resources["DeploymentGroup"]["Properties"]
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"


def test_the_function_changes_with_its_version(package: Package, resources: dict[str, Any]) -> None:
    """Or Lambda would publish none, and CloudFormation would fail."""
    version_id = package.version.removeprefix("ExportToChatVersion")
    assert version_id
    assert resources[EXPORT]["Properties"]["Description"].endswith(f" [{version_id}]")


def test_the_hook_answers_for_the_group_that_deploys(resources: dict[str, Any]) -> None:
    application = resources["Deployments"]["Properties"]["ApplicationName"]
    group = resources["DeploymentGroup"]["Properties"]["DeploymentGroupName"]
    (_, answer) = policies(resources, "HealthCheckRole")["answer-codedeploy"]
    assert answer["Resource"]["Fn::Sub"].endswith(f":deploymentgroup:{application}/{group}")


# The alarms.


def alarms(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: one["Properties"]
        for name, one in resources.items()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_each_alarm_is_told_to_the_one_topic(resources: dict[str, Any]) -> None:
    found = alarms(resources)
    assert set(found) == {
        *("FailuresAlarm", "SilenceAlarm", "DeadLettersAlarm", "DurationAlarm", "HealthAlarm"),
        "HealthErrorsAlarm",
    }
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_two_hours_without_a_finished_run_are_an_alarm(resources: dict[str, Any]) -> None:
    silence = resources["SilenceAlarm"]["Properties"]
    assert (silence["Namespace"], silence["MetricName"]) == ("SlowQuery", "RunDuration")
    assert silence["Period"] * silence["EvaluationPeriods"] == 2 * 3600
    assert silence["TreatMissingData"] == "breaching"
    assert silence["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": EXPORT}}]


def test_no_other_alarm_rings_where_there_is_nothing_to_see(resources: dict[str, Any]) -> None:
    quiet = {
        name
        for name, alarm in alarms(resources).items()
        if alarm["TreatMissingData"] == "notBreaching"
    }
    assert quiet == {
        *("FailuresAlarm", "DeadLettersAlarm", "DurationAlarm", "HealthErrorsAlarm"),
    }


def test_a_health_check_that_does_not_answer_is_an_alarm(resources: dict[str, Any]) -> None:
    errors = resources["HealthErrorsAlarm"]["Properties"]
    assert (errors["Namespace"], errors["MetricName"]) == ("AWS/Lambda", "Errors")
    assert errors["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": CHECK}}]
    assert (errors["Statistic"], errors["Threshold"]) == ("Sum", 1)


def test_the_alarm_of_the_health_check_changes_only_with_a_check(
    resources: dict[str, Any],
) -> None:
    health = resources["HealthAlarm"]["Properties"]
    assert (health["MetricName"], health["Statistic"]) == ("Healthy", "Minimum")
    assert health["Dimensions"] == [
        {"Name": "FunctionName", "Value": {"Ref": "HealthCheckLambdaFunction"}}
    ]
    assert health["TreatMissingData"] == "ignore"


def test_the_health_check_runs_once_a_day(resources: dict[str, Any]) -> None:
    schedule = resources["HealthCheckSchedule"]["Properties"]
    assert schedule["ScheduleExpression"] == "cron(40 6 * * ? *)"
    assert schedule["Target"]["Arn"] == get(CHECK)
    assert json.loads(schedule["Target"]["Input"]) == {}
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": get("DeadLetters")}


def test_a_run_that_nears_its_time_out_is_an_alarm(resources: dict[str, Any]) -> None:
    timeout = resources[EXPORT]["Properties"]["Timeout"]
    assert resources["DurationAlarm"]["Properties"]["Threshold"] == timeout * 1000 * 0.8
