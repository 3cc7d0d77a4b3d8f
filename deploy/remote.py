"""What is asked of a deployed stage: ``python -m deploy.remote COMMAND STAGE``.

Exit codes: 0, done; 1, it did not work, and why is said; 2, the settings cannot be used.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deploy import stage as stages
from deploy.result import result_of
from deploy.stage import ALIAS, SERVICE, Stage
from slowquery import hook, render
from slowquery.health import page
from slowquery.health.check import Check, Subject
from slowquery.settings import ConfigError
from slowquery.window import WindowError, parse_span, parse_time

Boto3: TypeAlias = Any
"""A client, whose class is made at run time."""

LONGEST_RUN: Final = 330.0
"""Seconds: the function's time-out and a bit."""
BUCKET: Final = "ServerlessDeploymentBucketName"
"""The output of the stack that names osls's bucket."""
_DEPLOYMENT = re.compile(r"/(?P<at>\d{13})-[^/]+/")


class NotDone(Exception):
    """It did not work: why, and what to try."""


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="deploy.remote")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("stage")
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--last", default="1h")
    options = parser.parse_args()
    try:
        stage = stages.read(options.stage, options.settings, os.environ, complete=False)
        session = boto3.Session(region_name=stage.region)
        for line in COMMANDS[options.command](session, stage, options.last):
            sys.stdout.write(f"{line}\n")
    except (ConfigError, WindowError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except NotDone as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"{error}\n  try: the stage, AWS_PROFILE and the rights of who you are\n")
        return 1
    return 0


def rehearse(session: boto3.Session, stage: Stage, _: str) -> Iterator[str]:
    """Try what the schedule calls, without posting."""
    problems = hook.rehearse(
        _lambda(session), f"{stage.function}:{ALIAS}", time.sleep, lambda: float("inf")
    )
    if problems:
        raise NotDone("\n".join(["The deployed version cannot do its work:", *problems]))
    yield f"Tried: {stage.function}:{ALIAS} reads its instances, and its channels are ready."


def invoke(session: boto3.Session, stage: Stage, last: str) -> Iterator[str]:
    """Yield the digest of the window up to now; nothing is posted."""
    parse_span(last)  # refused here, in words for a terminal
    answer = _answer(_lambda(session), {"last": last}, FunctionName=stage.function, Qualifier=ALIAS)
    yield render.text(result_of(answer), stage.settings).rstrip("\n")
    if answer["failures"]:
        msg = f"{len(answer['failures'])} of its parts failed"
        raise NotDone(msg)


def health(session: boto3.Session, stage: Stage, _: str) -> Iterator[str]:
    """Yield what the deployed health check finds; it emits its metrics, too."""
    answer = _answer(_lambda(session), {}, FunctionName=f"{SERVICE}-{stage.name}-healthCheck")
    checks = [
        Check(
            each["name"],
            each["status"],
            each["seen"],
            each["hint"] or "",
            Subject(each["kind"], each["where"] or ""),
        )
        for each in answer["checks"]
    ]
    width = shutil.get_terminal_size((100, 0)).columns
    yield page.text(checks, parse_time(answer["at"], 0), width=width).rstrip("\n")


def logs(session: boto3.Session, stage: Stage, last: str) -> Iterator[str]:
    """Yield what both functions wrote, each line with its time."""
    client = session.client("logs")
    since = time.time_ns() // 1_000_000 - parse_span(last) // 1000
    found = []
    for name in ("exportToChat", "healthCheck"):
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{SERVICE}-{stage.name}-{name}", startTime=since
        )
        found += [
            (event["timestamp"], name, event["message"].rstrip())
            for page in pages
            for event in page["events"]
        ]
    for stamp, name, message in sorted(found, key=lambda event: event[0]):
        moment = datetime.fromtimestamp(stamp / 1000, UTC)
        yield f"{moment:%Y-%m-%dT%H:%M:%SZ} {name} {message}"


def before(session: boto3.Session, stage: Stage, _: str) -> Iterator[str]:
    """Yield when the deployment before the last was made, as osls names it."""
    (stack,) = session.client("cloudformation").describe_stacks(StackName=stage.stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    yield earlier(session.client("s3"), outputs[BUCKET], stage)


def earlier(s3: Boto3, bucket: str, stage: Stage) -> str:
    """Return the deployment before the last that osls keeps in its bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"serverless/{SERVICE}/{stage.name}/"
    )
    keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
    made = sorted({found["at"] for key in keys if (found := _DEPLOYMENT.search(key))})
    if len(made) < 2:  # noqa: PLR2004 - the last and the one before
        msg = f"there is no deployment of {stage.stack} before the last"
        raise NotDone(msg)
    return made[-2]


def _answer(client: Boto3, event: dict[str, str], **function: str) -> dict[str, Any]:
    """Return what a function answers to ``event``; raise :class:`NotDone` if it raises."""
    told = client.invoke(Payload=json.dumps(event).encode(), **function)
    answer: dict[str, Any] = json.loads(told["Payload"].read())
    if "FunctionError" in told:
        msg = f"{answer.get('errorType')}: {answer.get('errorMessage')}"
        raise NotDone(msg)
    return answer


COMMANDS: Final = {
    "rehearse": rehearse,
    "invoke": invoke,
    "health": health,
    "logs": logs,
    "before": before,
}


def _lambda(session: boto3.Session) -> Boto3:
    config = Config(read_timeout=LONGEST_RUN, retries={"total_max_attempts": 1})
    return session.client("lambda", config=config)


if __name__ == "__main__":
    sys.exit(main())
