"""What the tasks ask of a deployed stage, of the local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

import handler
from deploy import remote
from deploy.result import result_of
from deploy.stage import Stage, read
from slowquery import render
from slowquery.document import result_document
from slowquery.model import Result
from slowquery.settings import Settings
from slowquery.window import WindowError
from tests import test_document
from tests.sandbox.aws import ACCOUNT, Boto3, Sandbox
from tests.sandbox.demo import Context
from tests.sandbox.log_file import LIVE

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
        self.session = boto3.Session(region_name=stage.region)


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


@pytest.mark.parametrize("result", [test_document.WHOLE, Result(None, ())])
def test_a_result_comes_back_from_its_document(result: Result) -> None:
    document = json.loads(json.dumps(result_document(result)))
    assert result_document(result_of(document)) == document
    settings = Settings(instances=())
    assert render.text(result_of(document), settings) == render.text(result, settings)


# What is deployed.


def test_what_the_schedule_calls_is_tried(deployed: Deployed) -> None:
    (line,) = remote.rehearse(deployed.session, deployed.stage, "")
    assert line.startswith("Tried: slowquery-prod-exportToChat:live")


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


def made_at(aws: Sandbox, *moments: str) -> Boto3:
    """Return a client of S3, whose bucket holds these deployments as osls puts them there."""
    s3 = aws.client("s3")
    place = {"LocationConstraint": "eu-central-1"}
    s3.create_bucket(Bucket="deployments", CreateBucketConfiguration=place)
    for moment in moments:
        key = f"serverless/slowquery/prod/{moment}-2026-11-22T04:30:00.000Z/slowquery.zip"
        s3.put_object(Bucket="deployments", Key=key, Body=b"")
    return s3


def test_to_go_back_is_to_go_to_the_deployment_before_the_last(deployed: Deployed) -> None:
    s3 = made_at(deployed.aws, "1795321800000", "1795321700000", "1795321600000")
    assert remote.earlier(s3, "deployments", deployed.stage) == "1795321700000"


def test_there_is_no_way_back_from_the_first_deployment(deployed: Deployed) -> None:
    s3 = made_at(deployed.aws, "1795321800000")
    with pytest.raises(remote.NotDone, match="no deployment of slowquery-prod before the last"):
        remote.earlier(s3, "deployments", deployed.stage)


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
        [sys.executable, "-m", "deploy.remote", "invoke", "--settings", file, stage],
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
