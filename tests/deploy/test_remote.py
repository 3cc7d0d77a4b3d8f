"""What the tasks ask of a deployed stage, of the local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import boto3
import pytest
from botocore.handlers import add_expect_header

import handler
from deploy import remote
from deploy.result import result_of
from deploy.stage import Stage, read
from slowquery import render
from slowquery.document import result_document
from slowquery.line import digest_of
from slowquery.model import Portion, Result
from slowquery.settings import Settings
from slowquery.window import WindowError
from tests import test_document
from tests.sandbox.aws import ACCOUNT, Sandbox
from tests.sandbox.demo import Context
from tests.sandbox.log_file import LIVE
from tests.sandbox.web import Answer, Request, Server

ROOT = Path(__file__).resolve().parent.parent.parent
FUNCTION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:slowquery-prod-exportToChat"
SETTINGS = "instances: [shop-db]\nregion: eu-central-1\n"
AT = 1_795_321_800_000
"""Milliseconds."""


class Deployed:
    """A stage that is deployed to the local AWS."""

    def __init__(self, aws: Sandbox, stage: Stage) -> None:
        self.aws = aws
        self.stage = stage
        self.session = _session(stage.region)


@cache
def _session(region: str) -> boto3.Session:
    """One for all, since a session reads the model of a service once."""
    return boto3.Session(region_name=region)


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    file = tmp_path / "settings.prod.yml"
    file.write_text(SETTINGS, encoding="utf-8")
    with Sandbox() as aws:
        for name, value in aws.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SLOWQUERY_SETTINGS", str(file))
        aws.add_instance("shop-db", logs={LIVE: b""})
        aws.deployments.functions[f"{FUNCTION}:live"] = lambda event: handler.export_to_chat(
            event, Context()
        )
        yield Deployed(aws, read("prod", file, {}, complete=True))


# A digest on a terminal.


def test_invoke_prints_the_digest_of_the_window(deployed: Deployed) -> None:
    (text,) = remote.invoke(deployed.session, deployed.stage, "3h")
    assert "shop-db" in text


def test_invoke_prints_the_digest_and_then_fails_if_a_part_did(deployed: Deployed) -> None:
    settings = Path(os.environ["SLOWQUERY_SETTINGS"])
    settings.write_text(SETTINGS.replace("shop-db", "shop-db, not-there"), encoding="utf-8")
    lines = remote.invoke(deployed.session, deployed.stage, "3h")
    assert "not-there" in next(lines)
    with pytest.raises(remote.NotDone, match="1 of its parts failed"):
        next(lines)


def test_invoke_says_what_the_function_raised(deployed: Deployed) -> None:
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text("instances: []\n", encoding="utf-8")
    with pytest.raises(remote.NotDone, match=r"ConfigError: .*no instance is listed"):
        list(remote.invoke(deployed.session, deployed.stage, "3h"))


def test_a_span_that_is_none_is_refused_before_anything_is_asked(deployed: Deployed) -> None:
    with pytest.raises(WindowError):
        list(remote.invoke(deployed.session, deployed.stage, "yesterday"))
    assert deployed.aws.calls == []


POSTGRESQL = "".join(
    f"2026-11-22 04:30:00 UTC:[local]:app@shop:[77]:LOG:  duration: 9.900 ms  {step}: select 1\n"
    for step in ("parse <unnamed>", "bind <unnamed>", "execute <unnamed>")
)
OF_POSTGRESQL = digest_of(
    [Portion("a", POSTGRESQL.encode())],
    Settings(instances=()),
    engine="postgresql",
    window=None,
    instance="crm-db",
)


@pytest.mark.parametrize(
    "result", [test_document.WHOLE, Result(None, (OF_POSTGRESQL,)), Result(None, ())]
)
def test_a_result_comes_back_from_its_document(result: Result) -> None:
    document = json.loads(json.dumps(result_document(result)))
    assert result_document(result_of(document)) == document
    settings = Settings(instances=())
    assert render.text(result_of(document), settings) == render.text(result, settings)


# What is deployed.


def test_what_the_schedule_calls_is_tried(deployed: Deployed) -> None:
    (line,) = remote.rehearse(deployed.session, deployed.stage, "")
    assert line == (
        "Tried: slowquery-prod-exportToChat:live reads its instances,"
        " and its channels can be set up."
    )


def test_what_the_trial_let_pass_is_named_and_nothing_is_called_ready(deployed: Deployed) -> None:
    deployed.aws.add_instance("down-db", logs={}, status="stopped")
    text = SETTINGS.replace("shop-db", "shop-db, down-db")
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text(text, encoding="utf-8")
    first, second = remote.rehearse(deployed.session, deployed.stage, "")
    assert first == (
        "Tried: slowquery-prod-exportToChat:live can do its work, but for what is not its doing:"
    )
    assert second.startswith("  down-db was not read: ")


def test_what_cannot_do_its_work_is_said(deployed: Deployed) -> None:
    Path(os.environ["SLOWQUERY_SETTINGS"]).write_text("instances: [shop_db]\n", encoding="utf-8")
    with pytest.raises(remote.NotDone, match=r"ConfigError: .*:1: instances\[0\]"):
        list(remote.rehearse(deployed.session, deployed.stage, ""))


def test_what_the_deployed_health_check_finds_is_shown(deployed: Deployed) -> None:
    check = FUNCTION.replace("exportToChat", "healthCheck")
    functions = deployed.aws.deployments.functions
    functions[check] = lambda event: handler.health_check(event, Context())
    (shown,) = remote.health(deployed.session, deployed.stage, "")
    assert "shop-db" in shown


def test_the_logs_of_both_functions_come_in_the_order_of_time(deployed: Deployed) -> None:
    client = deployed.aws.client("logs")
    for number, name in enumerate(("healthCheck", "exportToChat")):
        group = {"logGroupName": f"/aws/lambda/slowquery-prod-{name}"}
        client.create_log_group(**group)
        client.create_log_stream(**group, logStreamName="one")
        event = {"timestamp": AT + number * 1000, "message": f"said by {name}\n"}
        client.put_log_events(**group, logStreamName="one", logEvents=[event])
    lines = list(remote.logs(deployed.session, deployed.stage, "9999d"))
    assert lines == [
        "2026-11-22T04:30:00Z healthCheck said by healthCheck",
        "2026-11-22T04:30:01Z exportToChat said by exportToChat",
    ]


# The way back.

FIRST, SECOND, THIRD, FOURTH = "1795321600000", "1795321700000", "1795321800000", "1795321900000"


def template(at: str, description: str) -> str:
    """Return as much of a deployment's template as tells what it deploys."""
    key = f"serverless/slowquery/prod/{at}-2026-11-22T04:30:00.000Z/slowquery.zip"
    function = {"Description": description, "Code": {"S3Bucket": "deployments", "S3Key": key}}
    return json.dumps({"Resources": {"ExportToChatLambdaFunction": {"Properties": function}}})


@dataclass
class History:
    """Deployments as osls keeps them, the stack, and the versions that came of them.

    moto's CloudFormation takes libraries that are not installed here; the stack is told of by
    a server of its own.
    """

    deployed: Deployed
    template: str = ""

    def __post_init__(self) -> None:
        place = {"LocationConstraint": "eu-central-1"}
        self.s3 = self.deployed.aws.client("s3")
        # It would wait a second for a server that says go on.
        self.s3.meta.events.unregister("before-call.s3", add_expect_header)
        self.functions = self.deployed.aws.client("lambda")
        self.s3.create_bucket(Bucket="deployments", CreateBucketConfiguration=place)
        role = self.deployed.aws.client("iam").create_role(
            RoleName="runs", AssumeRolePolicyDocument="{}"
        )["Role"]
        self.functions.create_function(
            FunctionName=self.deployed.stage.function,
            Runtime="python3.13",
            Role=role["Arn"],
            Handler="handler.export_to_chat",
            Code={"ZipFile": b"zip"},
        )

    def deployment(self, at: str, *, version: bool = True) -> None:
        """Keep a deployment; one that failed has left no version."""
        key = f"serverless/slowquery/prod/{at}-2026-11-22T04:30:00.000Z"
        for name in ("slowquery.zip", "compiled-cloudformation-template.json"):
            self.s3.put_object(
                Bucket="deployments", Key=f"{key}/{name}", Body=template(at, f"of {at}").encode()
            )
        if version:
            name = self.deployed.stage.function
            self.functions.update_function_configuration(FunctionName=name, Description=f"of {at}")
            self.functions.publish_version(FunctionName=name)

    def live(self, at: str) -> None:
        self.template = template(at, f"of {at}")

    def before(self, to: str = "") -> list[str]:
        return list(remote.before(self.deployed.session, self.deployed.stage, to))

    def tell(self, request: Request) -> Answer:
        """Answer for the stack, as CloudFormation's API reference has it."""
        asked = parse_qs(request.body.decode())
        assert asked["StackName"] == ["slowquery-prod"]
        (action,) = asked["Action"]
        told = {
            "GetTemplate": f"<TemplateBody>{escape(self.template)}</TemplateBody>",
            "DescribeStacks": "<Stacks><member><StackName>slowquery-prod</StackName>"
            "<CreationTime>2026-11-22T04:30:00Z</CreationTime>"
            "<StackStatus>UPDATE_COMPLETE</StackStatus><Outputs><member>"
            "<OutputKey>ServerlessDeploymentBucketName</OutputKey>"
            "<OutputValue>deployments</OutputValue></member></Outputs></member></Stacks>",
        }[action]
        namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
        body = (
            f'<{action}Response xmlns="{namespace}"><{action}Result>{told}</{action}Result>'
            f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
        )
        return Answer(headers={"Content-Type": "text/xml"}, body=body.encode())


@pytest.fixture
def history(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    found = History(deployed)
    with Server(found.tell) as cloudformation:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.url)
        yield found


def test_to_go_back_is_to_go_to_the_one_before_what_is_live(
    history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in (FIRST, SECOND, THIRD, FOURTH):
        history.deployment(at)
    history.live(THIRD)
    assert history.before() == [SECOND]
    told = capsys.readouterr().err
    assert told == (
        f"Live: {THIRD} (2026-11-22 04:30:00 UTC). Going to: {SECOND} (2026-11-22 04:28:20 UTC).\n"
    )


def test_a_deployment_that_failed_is_not_gone_back_to(history: History) -> None:
    history.deployment(FIRST)
    history.deployment(SECOND, version=False)
    history.deployment(THIRD)
    history.live(THIRD)
    assert history.before() == [FIRST]


def test_there_is_no_way_back_from_the_first_deployment(history: History) -> None:
    history.deployment(FIRST)
    history.live(FIRST)
    with pytest.raises(remote.NotDone, match="no deployment of slowquery-prod before the live one"):
        history.before()


def test_a_stack_without_a_function_has_no_way_back(history: History) -> None:
    history.template = '{"Resources": {"ServerlessDeploymentBucket": {}}}'
    with pytest.raises(remote.NotDone, match="slowquery-prod has no function"):
        history.before()


def test_one_can_go_to_any_deployment_that_is_kept(history: History) -> None:
    for at in (FIRST, SECOND, THIRD):
        history.deployment(at)
    history.live(SECOND)
    assert history.before(THIRD) == [THIRD]


@pytest.mark.parametrize(
    ("to", "why"), [(SECOND, f"{SECOND} is live already"), (FOURTH, f"{FOURTH} is not kept")]
)
def test_where_one_is_or_what_is_not_kept_is_refused(history: History, to: str, why: str) -> None:
    for at in (FIRST, SECOND):
        history.deployment(at)
    history.live(SECOND)
    with pytest.raises(remote.NotDone, match=why):
        history.before(to)


def test_a_way_back_that_moved_nothing_is_said(history: History) -> None:
    history.live(SECOND)
    assert list(remote.moved(history.deployed.session, history.deployed.stage, SECOND)) == [
        f"Live: {SECOND} (2026-11-22 04:28:20 UTC)."
    ]
    with pytest.raises(remote.NotDone, match=f"nothing moved: {SECOND} is live, and not {FIRST}"):
        list(remote.moved(history.deployed.session, history.deployed.stage, FIRST))


# The door.


@pytest.mark.parametrize(
    ("stage", "text", "code", "says"),
    [
        ("prod", SETTINGS, 0, "shop-db"),
        ("elsewhere", SETTINGS, 1, "try: the stage, AWS_PROFILE"),
        ("prod", "instances: []\n", 2, "settings.yml:1: instances"),
    ],
)
def test_the_command_ends_with_a_code_and_a_word(  # noqa: PLR0913, PLR0917 - a table
    deployed: Deployed, tmp_path: Path, stage: str, text: str, code: int, says: str
) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "deploy.remote",
            "invoke",
            "--settings",
            file,
            stage,
            "--last",
            "1h",
        ],
        cwd=ROOT,
        env={**os.environ, **deployed.aws.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert says in done.stdout
    assert "Traceback" not in done.stdout
