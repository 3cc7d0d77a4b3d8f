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
from collections.abc import Iterator, Mapping
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
OSLS_TEMPLATE: Final = "compiled-cloudformation-template.json"
"""What osls calls a deployment's template in there."""
_DEPLOYMENT = re.compile(r"/(?P<at>\d{13})-[^/]+/")


class NotDone(Exception):
    """It did not work: why, and what to try."""


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="deploy.remote")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("stage")
    parser.add_argument("--settings", type=Path, required=True)
    about = parser.add_mutually_exclusive_group()
    about.add_argument("--last", dest="about", default="")
    about.add_argument("--to", dest="about", default="")
    options = parser.parse_args()
    try:
        stage = stages.read(options.stage, options.settings, os.environ, complete=False)
        session = boto3.Session(region_name=stage.region)
        for line in COMMANDS[options.command](session, stage, options.about):
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
    found = hook.rehearse(
        _lambda(session), f"{stage.function}:{ALIAS}", time.sleep, lambda: float("inf")
    )
    if found.problems:
        raise NotDone("\n".join(["The deployed version cannot do its work:", *found.problems]))
    tried = f"Tried: {stage.function}:{ALIAS}"
    if not found.let_pass:
        yield f"{tried} reads its instances, and its channels can be set up."
        return
    yield f"{tried} can do its work, but for what is not its doing:"
    yield from (f"  {words}" for words in found.let_pass)


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


def before(session: boto3.Session, stage: Stage, to: str) -> Iterator[str]:
    """Yield the deployment to go back to, as osls names it, and say where from and where to.

    ``to`` names one; without it, it is the newest before the live one that made a version.
    """
    live = live_deployment(session, stage)
    s3, bucket = session.client("s3"), _bucket(session, stage)
    kept = _kept(s3, bucket, stage)
    if to == live:
        msg = f"{to} is live already"
        raise NotDone(msg)
    if to and to not in kept:
        msg = f"{to} is not kept; there are: {', '.join(kept)}"
        raise NotDone(msg)
    goal = to or _newest(
        s3, bucket, {at: folder for at, folder in kept.items() if at < live}, _made(session, stage)
    )
    if not goal:
        msg = (
            f"there is no deployment of {stage.stack} before the live one ({_shown(live)}) that"
            f" is kept and has succeeded; kept are: {', '.join(kept)}"
        )
        raise NotDone(msg)
    # What is printed is taken for the deployment; this is for whoever looks on.
    sys.stderr.write(f"Live: {_shown(live)}. Going to: {_shown(goal)}.\n")
    yield goal


def moved(session: boto3.Session, stage: Stage, to: str) -> Iterator[str]:
    """Yield what is live now; raise :class:`NotDone` if it is not the deployment ``to``."""
    live = live_deployment(session, stage)
    if live != to:
        msg = f"nothing moved: {live} is live, and not {to}; look at the stack's events"
        raise NotDone(msg)
    yield f"Live: {_shown(live)}."


def live_deployment(session: boto3.Session, stage: Stage) -> str:
    """Return the deployment whose zip the stack has, in milliseconds, as osls names it."""
    told = session.client("cloudformation").get_template(StackName=stage.stack)
    key = _function(told["TemplateBody"]).get("Code", {}).get("S3Key", "")
    found = _DEPLOYMENT.search(key)
    if found is None:
        msg = f"{stage.stack} has no function with a zip that a deployment has put there"
        raise NotDone(msg)
    return str(found["at"])


def _function(template: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a text, or what boto3 has made of it
    parsed = json.loads(template) if isinstance(template, str) else template
    # A stack whose first deployment failed has osls's bucket and nothing else.
    function = parsed["Resources"].get("ExportToChatLambdaFunction", {})
    found: Mapping[str, Any] = function.get("Properties", {})
    return found


def _bucket(session: boto3.Session, stage: Stage) -> str:
    (stack,) = session.client("cloudformation").describe_stacks(StackName=stage.stack)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    bucket: str = outputs[BUCKET]
    return bucket


def _kept(s3: Boto3, bucket: str, stage: Stage) -> dict[str, str]:
    """Return the deployments that osls keeps, the oldest first, each with its folder."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"serverless/{SERVICE}/{stage.name}/"
    )
    keys = [each["Key"] for page in pages for each in page.get("Contents", ())]
    found = {hit["at"]: key[: hit.end()] for key in keys if (hit := _DEPLOYMENT.search(key))}
    return dict(sorted(found.items()))


def _made(session: boto3.Session, stage: Stage) -> set[str]:
    """Return the descriptions of the function's versions."""
    pages = (
        session.client("lambda")
        .get_paginator("list_versions_by_function")
        .paginate(FunctionName=stage.function)
    )
    return {
        each["Description"]
        for page in pages
        for each in page["Versions"]
        if each["Version"] != "$LATEST"
    }


def _newest(s3: Boto3, bucket: str, kept: dict[str, str], made: set[str]) -> str | None:
    """Return the newest of these deployments that has succeeded.

    osls keeps those that failed as well. But a version that a failed one made went with it,
    and a version bears the description of its function, in which its id stands.
    """
    for at, folder in reversed(kept.items()):
        told = s3.get_object(Bucket=bucket, Key=folder + OSLS_TEMPLATE)["Body"].read()
        if _function(told.decode()).get("Description") in made:
            return at
    return None


def _shown(deployment: str) -> str:
    moment = datetime.fromtimestamp(int(deployment) / 1000, UTC)
    return f"{deployment} ({moment:%Y-%m-%d %H:%M:%S} UTC)"


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
    "moved": moved,
}


def _lambda(session: boto3.Session) -> Boto3:
    config = Config(read_timeout=LONGEST_RUN, retries={"total_max_attempts": 1})
    return session.client("lambda", config=config)


if __name__ == "__main__":
    sys.exit(main())
