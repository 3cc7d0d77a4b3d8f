"""The hook of a deployment: the new version is tried before the schedule gets it.

CodeDeploy invokes the hook with an execution id and waits for a verdict. The new version
is asked to rehearse: to read each instance for a short window and to make each channel
ready, without posting. What is wrong with settings, rights, imports or packaging stops the
deployment. A database that is down does not, nor Slack: the version before would not do
better.

It knows AWS's library and nothing of the line, so that it can answer where the rest of the
package cannot even be imported. CodeDeploy would wait an hour for one that does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

EXECUTION: Final = "LifecycleEventHookExecutionId"
"""The key by which an event is CodeDeploy's (CodeDeploy user guide, "AppSpec 'hooks'")."""

NEW_VERSION: Final = "SLOWQUERY_NEW_VERSION"
"""The variable that holds the ARN of the version to try; the template sets it."""

REHEARSAL: Final = {"last": "5m", "channels": [], "rehearse": True}
"""The event that the new version gets."""

PAUSES: Final = (5.0, 10.0, 20.0, 40.0)
"""Seconds between tries. A role that was just changed is not known everywhere at once (IAM
user guide, "Eventual consistency"), and that looks like a missing right."""

LONGEST_RUN: Final = 330.0
"""Seconds that a rehearsal may take: the function's time-out and a bit."""

Status: TypeAlias = Literal["Succeeded", "Failed"]
Boto3: TypeAlias = Any
"""A client, whose class is made at run time."""


class Rehearsal(NamedTuple):
    """What stops a version, and what is amiss and was let pass, each in words."""

    problems: list[str]
    let_pass: list[str]


class NotRehearsed(Exception):
    """The new version could not be invoked; that may pass."""


def answer(
    event: Mapping[str, Any],
    environ: Mapping[str, str],
    pause: Callable[[float], None],
    remaining: Callable[[], float],
) -> dict[str, object]:
    """Try the new version, tell CodeDeploy, and return the verdict with its reasons."""
    found = rehearse(_client("lambda"), environ.get(NEW_VERSION, ""), pause, remaining)
    status: Status = "Failed" if found.problems else "Succeeded"
    _client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event[EXECUTION],
        status=status,
    )
    return {"status": status, **found._asdict()}


def rehearse(
    client: Boto3,
    function: str,
    pause: Callable[[float], None],
    remaining: Callable[[], float],
) -> Rehearsal:
    """Have ``function``, an ARN with a version or alias, rehearse; return what is wrong.

    What can be for want of time is asked again, as long as seconds ``remaining()`` allow.
    """
    for seconds in (*PAUSES, None):
        try:
            found, may_pass = _problems(*_invoked(client, function))
        except NotRehearsed as error:
            found, may_pass = Rehearsal([str(error)], []), True
        if not may_pass or seconds is None or remaining() < seconds + LONGEST_RUN:
            return found
        pause(seconds)
    return found


def _invoked(client: Boto3, function: str) -> tuple[bool, Any]:
    """Return whether the function raised, and what it answered."""
    try:
        told = client.invoke(FunctionName=function, Payload=json.dumps(REHEARSAL).encode())
        return "FunctionError" in told, json.loads(told["Payload"].read())
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        why = "look at lambda:InvokeFunction and at reserved concurrency"
        msg = f"the new version cannot be invoked ({code}); try: {why}"
        raise NotRehearsed(msg) from None
    except BotoCoreError as error:
        msg = f"no answer from the new version ({type(error).__name__}); try: its log"
        raise NotRehearsed(msg) from None


def _problems(raised: bool, told: Any) -> tuple[Rehearsal, bool]:  # noqa: ANN401, FBT001 - what _invoked returns
    """Return what was found, and whether what stops a deployment may pass by itself."""
    if raised:
        problem = f"{told.get('errorType', 'Error')}: {told.get('errorMessage', '')}"
        return Rehearsal([problem], []), False
    found = Rehearsal(
        [],
        [
            f"{status['instance']} was not read: {status['state']}"
            for status in told.get("statuses", ())
        ],
    )
    for failure in told["failures"]:
        words = f"{failure['what']} ({failure['where']}): {failure['why']}; try: {failure['try']}"
        (found.let_pass if failure["cause"] == "elsewhere" else found.problems).append(words)
    return found, any(failure["cause"] == "rights" for failure in told["failures"])


def _client(service: str) -> Boto3:
    config = Config(
        connect_timeout=10,
        read_timeout=LONGEST_RUN,
        retries={"mode": "standard", "total_max_attempts": 1 if service == "lambda" else 5},
    )
    return boto3.client(service, config=config)
