"""What the function returns, emits and posts, and what it does where it can do little."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zipfile import ZipFile

import jsonschema
import pytest

import handler
from slowquery.invocation import InvocationError
from tests.health.planted import CLOSED, LOG, WELL
from tests.sandbox.aws import ACCOUNT, Sandbox
from tests.sandbox.demo import Context
from tests.sandbox.manners import Burst, Manners
from tests.sandbox.slack_stand_in import SlackStandIn, as_text

SCHEMA = json.loads((Path(__file__).parent.parent / "emf.schema.json").read_text(encoding="utf-8"))
SETTINGS = """\
instances: [shop-db, typo-bd]
channels:
  team: {{kind: slack, token: env/SLACK_TOKEN, channel: C0123456789, base_url: "{slack}"}}
  other: {{kind: slack, token: env/WRONG_TOKEN, channel: C0123456789, base_url: "{slack}"}}
health: {{metrics: true, alarms: true}}
"""
RUNS = "slowquery-dev-exportToChat"
ARN = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:{RUNS}"
"""The function whose runs are looked for; ``healthCheck`` is told of a version of it."""

WRITTEN = datetime.now(UTC) - timedelta(minutes=3)
SCOPES = ("chat:write", "channels:read")


class Function:
    """The deployed function: what it returned and wrote into its log."""

    def __init__(
        self, slack: SlackStandIn, aws: Sandbox, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.slack = slack
        self.aws = aws
        self._capsys = capsys

    def invoke(self, event: object) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        returned = handler.health_check(event, Context())
        said = self._capsys.readouterr().out
        assert "xoxb-" not in json.dumps(returned) + said + repr(self.slack.posts)
        lines = said.splitlines()
        return json.loads(json.dumps(returned)), list(map(json.loads, lines))


@pytest.fixture
def function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Function]:
    settings = tmp_path / "settings.yml"
    with (
        Sandbox() as aws,
        SlackStandIn(channels={"C0123456789": "slow-queries"}, scopes=SCOPES) as slack,
    ):
        settings.write_text(SETTINGS.format(slack=slack.url), encoding="utf-8")
        aws.add_instance("shop-db", logs={CLOSED: LOG}, parameters=WELL, last_written=WRITTEN)
        ours = {
            "SLACK_TOKEN": slack.token,
            "WRONG_TOKEN": "xoxb-withdrawn",
            "SLOWQUERY_SETTINGS": str(settings),
            "AWS_LAMBDA_FUNCTION_NAME": "slowquery-dev-healthCheck",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "SLOWQUERY_NEW_VERSION": f"{ARN}:7",
        }
        with patch.dict(os.environ, aws.environ | ours):
            yield Function(slack, aws, capsys)


def check(document: dict[str, Any], where: str | None, name: str) -> dict[str, Any]:
    (found,) = [
        each for each in document["checks"] if (each["where"], each["name"]) == (where, name)
    ]
    assert isinstance(found, dict)
    return found


def test_it_returns_every_check_and_posts_nothing(function: Function) -> None:
    document, _ = function.invoke({})
    assert document["schema"] == 1
    assert document["status"] == "fail"
    assert check(document, "shop-db", "events")["status"] == "ok"
    assert check(document, "typo-bd", "reachable")["status"] == "fail"
    assert check(document, "team", "may write")["status"] == "ok"
    assert check(document, "other", "authentication")["seen"] == "Slack answered invalid_auth"
    assert function.slack.posts == []


def test_the_schedule_may_send_its_time(function: Function) -> None:
    document, _ = function.invoke({"scheduled_time": "2026-11-22T06:00:00Z"})
    assert document["checks"]


def test_it_emits_whether_each_check_is_well_and_whether_all_are(function: Function) -> None:
    document, emitted = function.invoke({})
    for each in emitted:
        jsonschema.validate(each, SCHEMA)
        assert each["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "SlowQuery"
    known = [each for each in document["checks"] if each["status"] != "unknown"]
    assert len(emitted) == len(known) + 1
    assert emitted[-1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["FunctionName"], []]
    assert emitted[-1]["Healthy"] == 0
    of = {
        (each.get("DBInstanceIdentifier"), each.get("Channel"), each.get("Check")): each["Healthy"]
        for each in emitted
    }
    assert of["shop-db", None, "reachable"] == 1
    assert of["typo-bd", None, "reachable"] == 0
    assert of[None, "other", "authentication"] == 0
    assert ("typo-bd", None, "events") not in of


def test_it_posts_to_the_channels_that_an_event_names_and_says_what_became_of_it(
    function: Function,
) -> None:
    document, _ = function.invoke({"channels": ["team", "other"]})
    (post,) = function.slack.posts
    shown = as_text(post)
    assert "typo-bd, reachable: there is no instance typo-bd in this region" in shown
    assert "Try: " in shown
    assert check(document, "team", "this page")["status"] == "ok"
    assert check(document, "other", "this page")["status"] == "fail"


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ([], "no JSON object"),
        (None, "no JSON object"),
        (7, "no JSON object"),
        ({"last": "3h"}, "'last'"),
        ({"channels": "team"}, "no list of names"),
        ({"channels": ["tame"]}, "no channels tame"),
    ],
)
def test_an_event_that_means_nothing_is_refused(
    function: Function, event: object, says: str
) -> None:
    with pytest.raises(InvocationError, match=says):
        function.invoke(event)


def test_a_channel_that_settings_lack_is_refused_before_anything_is_asked(
    function: Function,
) -> None:
    with pytest.raises(InvocationError, match="no channels tame; try: team, other"):
        function.invoke({"channels": ["team", "tame"]})
    assert function.aws.calls == []
    assert function.slack.posts == []


def test_where_settings_cannot_be_read_the_page_stays_and_says_that_it_was_not_posted(
    function: Function,
) -> None:
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text("instances: [a]\ntopp: 5\n")
    document, emitted = function.invoke({"channels": ["team"]})
    unposted = check(document, None, "this page")
    assert unposted["status"] == "fail"
    assert unposted["seen"] == "not posted to team: the settings cannot be read"
    assert check(document, None, "settings")["status"] == "fail"
    assert emitted[-1]["Healthy"] == 0


def test_to_know_nothing_of_any_instance_is_not_to_be_healthy(function: Function) -> None:
    function.aws.add_instance(
        "throttled", logs={}, parameters=WELL, manners=Manners(throttled=Burst(1_000))
    )
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text("instances: [throttled]\n")
    document, emitted = function.invoke({})
    assert document["status"] == "unknown"
    assert emitted[-1]["Healthy"] == 0
    assert {each["Healthy"] for each in emitted[:-1]} == {1}
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text("instances: [throttled, shop-db]\n")
    document, emitted = function.invoke({})
    assert emitted[-1]["Healthy"] == 1


def deploy(aws: Sandbox, *, versions: int) -> Any:  # noqa: ANN401 - a client of boto3
    """Deploy so many versions of the digest's function; ``live`` is the first of them."""
    role = aws.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument="{}")["Role"]
    client = aws.client("lambda")
    client.create_function(
        FunctionName=RUNS,
        Role=role["Arn"],
        Runtime="python3.13",
        Handler="handler.export_to_chat",
        Code={"ZipFile": archive(b"0")},
    )
    for version in range(1, versions + 1):
        client.update_function_code(FunctionName=RUNS, ZipFile=archive(b"%d" % version))
        client.publish_version(FunctionName=RUNS)
    client.create_alias(FunctionName=RUNS, Name="live", FunctionVersion="1")
    return client


def archive(content: bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w") as opened:
        opened.writestr("handler.py", content)
    return made.getvalue()


def test_the_version_is_the_one_that_the_schedule_calls(function: Function) -> None:
    client = deploy(function.aws, versions=2)

    def version(newest: str) -> tuple[str, str]:
        with patch.dict(os.environ, {"SLOWQUERY_NEW_VERSION": newest}):
            found = check(function.invoke({})[0], None, "version")
        return found["status"], found["seen"]

    assert version(f"{ARN}:1") == ("ok", f"live is version 1 of {RUNS}")
    status, seen = version(f"{ARN}:2")
    assert (status, "version 2 was deployed" in seen) == ("warn", True)
    client.update_alias(FunctionName=RUNS, Name="live", FunctionVersion="2")
    assert version(f"{ARN}:2") == ("ok", f"live is version 2 of {RUNS}")
    status, seen = version("")
    assert status == "unknown"
    assert "slowquery-dev-healthCheck, version $LATEST; which version" in seen


def test_runs_of_another_stage_are_not_ours(function: Function) -> None:
    cloudwatch = function.aws.client("cloudwatch")
    for dimensions in ([{"Name": "FunctionName", "Value": "slowquery-prod-exportToChat"}], []):
        datum = {"MetricName": "RunDuration", "Dimensions": dimensions, "Value": 2.0}
        when = {"Timestamp": datetime.now(UTC) - timedelta(hours=1)}
        cloudwatch.put_metric_data(Namespace="SlowQuery", MetricData=[{**datum, **when}])
    assert check(function.invoke({})[0], None, "last run")["status"] == "warn"
    with patch.dict(os.environ, {"SLOWQUERY_NEW_VERSION": ""}):
        found = check(function.invoke({})[0], None, "last run")
    assert found["status"] == "ok"
    assert found["seen"].endswith("ago; it may be another stage's")


def test_a_region_that_aws_does_not_have_is_a_failure_and_its_neighbours_are_named(
    function: Function,
) -> None:
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text(
        "region: eu-centrall-1\ninstances: [shop-db, {name: far-db, region: us-eest-1}]\n"
    )
    with patch.dict(os.environ, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        document, emitted = function.invoke({})
    for where, name, near in (
        (None, "identity", "eu-central-1"),
        ("shop-db", "reachable", "eu-central-1"),
        ("far-db", "reachable", "us-east-1"),
    ):
        found = check(document, where, name)
        assert found["status"] == "fail"
        assert "AWS has no region" in found["seen"]
        assert near in found["hint"]
    assert emitted[-1]["Healthy"] == 0


def test_a_region_that_aws_has_and_nobody_answers_from_is_unknown(function: Function) -> None:
    with patch.dict(os.environ, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        document, _ = function.invoke({})
    assert check(document, None, "identity")["status"] == "unknown"
    assert check(document, "shop-db", "reachable")["status"] == "unknown"


def test_settings_that_cannot_be_used_are_a_check_for_each_mistake(function: Function) -> None:
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text("instances: [a]\ntopp: 5\nquiet: maybe\n")
    document, emitted = function.invoke({})
    mistakes = [each for each in document["checks"] if each["name"] == "settings"]
    assert [each["status"] for each in mistakes] == ["fail", "fail"]
    assert "topp: there is no such key" in mistakes[0]["seen"]
    assert "known here" in mistakes[0]["hint"]
    assert check(document, None, "identity")["status"] == "ok"
    assert {each["Healthy"] for each in emitted if each.get("Check") == "settings"} == {0}


def test_without_a_region_whatever_needs_none_is_still_asked(function: Function) -> None:
    with patch.dict(os.environ):
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            del os.environ[name]
        document, _ = function.invoke({})
    assert check(document, None, "identity")["status"] == "fail"
    assert "AWS_DEFAULT_REGION" in check(document, None, "identity")["hint"]
    assert check(document, "shop-db", "reachable")["status"] == "fail"
    assert "client cannot be made" in check(document, None, "last run")["seen"]
    assert check(document, "team", "authentication")["status"] == "ok"


def test_the_last_run_the_last_digests_and_alarms_are_read_from_cloudwatch(
    function: Function,
) -> None:
    cloudwatch = function.aws.client("cloudwatch")
    at = datetime.now(UTC)

    def put(name: str, hours: int, value: float, **dimensions: str) -> None:
        named = [{"Name": key, "Value": each} for key, each in dimensions.items()]
        datum = {"MetricName": name, "Dimensions": named, "Value": value}
        when = {"Timestamp": at - timedelta(hours=hours)}
        cloudwatch.put_metric_data(Namespace="SlowQuery", MetricData=[{**datum, **when}])

    document, _ = function.invoke({})
    assert "in the last two weeks" in check(document, None, "last run")["seen"]
    assert check(document, "team", "last digest")["status"] == "unknown"
    put("RunDuration", 5, 2.0, FunctionName=RUNS)
    put("DigestsDelivered", 5, 1, Channel="team")
    put("DigestsDelivered", 6, 1, Channel="other")
    put("DigestsDelivered", 5, 0, Channel="other")
    for name, namespace in (("slowquery-dev-errors", "AWS/Lambda"), ("foreign", "AWS/EC2")):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace=namespace,
            MetricName="Errors",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=300,
            Threshold=0,
            Statistic="Maximum",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    document, _ = function.invoke({})
    late = check(document, None, "last run")
    assert late["status"] == "fail"
    assert "the schedule is disabled" in late["hint"]
    assert check(document, "team", "last digest")["status"] == "ok"
    assert check(document, "other", "last digest")["status"] == "fail"
    assert check(document, None, "alarms")["seen"] == "on: slowquery-dev-errors"
    put("RunDuration", 1, 2.0, FunctionName=RUNS)
    document, _ = function.invoke({})
    assert check(document, None, "last run")["status"] == "ok"
