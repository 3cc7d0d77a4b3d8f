"""The hook of a deployment: what lets a version pass, what stops it, and what may wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import handler
from slowquery import hook
from slowquery.rehearsal import rehearse
from slowquery.settings_file import load
from tests.sandbox.aws import ACCOUNT, Sandbox
from tests.sandbox.demo import Context
from tests.sandbox.log_file import LIVE
from tests.sandbox.runtime_api import Raised
from tests.sandbox.slack_stand_in import SlackStandIn

VERSION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:f:7"
SETTINGS = """\
instances: [shop-db]
channels:
  team: {kind: slack, token: ssm:/slack/token, channel: "#slow", base_url: "SLACK"}
"""


class Deployment:
    """A new version, the world that it would work in, and the hook that tries it."""

    def __init__(self, aws: Sandbox, slack: SlackStandIn, file: Path) -> None:
        self.aws = aws
        self.slack = slack
        self.file = file
        self.paused: list[float] = []
        self.seconds = 900.0

    def settings(self, text: str) -> None:
        self.file.write_text(text.replace("SLACK", self.slack.url), encoding="utf-8")

    def secret(self, value: str) -> None:
        self.aws.client("ssm").put_parameter(
            Name="/slack/token", Value=value, Type="SecureString", Overwrite=True
        )

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.seconds -= seconds

    def rehearsal(self) -> hook.Rehearsal:
        client = self.aws.client("lambda")
        return hook.rehearse(client, VERSION, self.pause, lambda: self.seconds)

    def problems(self) -> list[str]:
        return self.rehearsal().problems


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    with Sandbox() as aws, SlackStandIn() as slack:
        for name, value in aws.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SLOWQUERY_SETTINGS", str(tmp_path / "settings.yml"))
        monkeypatch.setattr(handler, "_SECRETS", {})
        aws.add_instance("shop-db", logs={LIVE: b""})
        aws.deployments.functions[VERSION] = lambda event: handler.export_to_chat(event, Context())
        found = Deployment(aws, slack, tmp_path / "settings.yml")
        found.settings(SETTINGS)
        found.secret(slack.token)
        yield found


def test_a_version_that_can_do_its_work_passes_and_nothing_is_posted(
    deployment: Deployment,
) -> None:
    assert deployment.rehearsal() == hook.Rehearsal([], [])
    assert deployment.slack.requests == []
    assert deployment.aws.calls[0].action == "DescribeDBLogFiles"


def test_a_database_that_is_down_stops_nothing(deployment: Deployment) -> None:
    deployment.settings(SETTINGS.replace("shop-db", "{name: down-db, required: true}"))
    deployment.aws.add_instance("down-db", logs={}, status="stopped")
    problems, let_pass = deployment.rehearsal()
    assert problems == []
    (passed,) = let_pass
    assert "down-db" in passed


def test_an_instance_that_may_be_away_is_named(deployment: Deployment) -> None:
    deployment.settings(SETTINGS.replace("shop-db", "down-db"))
    deployment.aws.add_instance("down-db", logs={}, status="stopped")
    problems, let_pass = deployment.rehearsal()
    assert problems == []
    (passed,) = let_pass
    assert passed.startswith("down-db was not read: ")


def test_a_slack_that_does_not_take_the_token_stops_nothing(deployment: Deployment) -> None:
    deployment.secret("xoxb-of-yesterday")
    assert deployment.problems() == []


def test_settings_that_cannot_be_used_stop_it(deployment: Deployment) -> None:
    deployment.settings(SETTINGS.replace("kind", "kin"))
    (problem,) = deployment.problems()
    assert problem.startswith("ConfigError: ")
    assert "channels.team.kind" in problem


def test_an_instance_that_is_not_there_stops_it(deployment: Deployment) -> None:
    deployment.settings(SETTINGS.replace("shop-db", "shop-cluster"))
    (problem,) = deployment.problems()
    assert "there is no instance shop-cluster in this region" in problem
    assert "try: " in problem
    assert deployment.paused == []


def test_a_secret_that_is_not_there_stops_it(deployment: Deployment) -> None:
    deployment.settings(SETTINGS.replace("/slack/token", "/slack/tokn"))
    (problem,) = deployment.problems()
    assert "the channel cannot be used (team): ssm:/slack/tokn: it does not exist" in problem


def test_an_address_that_the_channel_does_not_take_stops_it(deployment: Deployment) -> None:
    deployment.settings(
        "instances: [shop-db]\nchannels: {team: {kind: webhook, url: ssm:/slack/token}}\n"
    )
    deployment.secret("no-address")
    (problem,) = deployment.problems()
    assert "webhook: url is no address" in problem
    assert "no-address" not in problem


def test_what_the_runtime_says_stops_it(deployment: Deployment) -> None:
    def broken(_: object) -> None:
        kind, message = "Runtime.ImportModuleError", "No module named 'yaml'"
        raise Raised(kind, message)

    deployment.aws.deployments.functions[VERSION] = broken
    assert deployment.problems() == ["Runtime.ImportModuleError: No module named 'yaml'"]


# What may pass by itself.

DENIED = {
    "what": "the log was not read",
    "where": "shop-db",
    "why": "access denied for rds:DescribeDBLogFiles",
    "try": "allow it",
    "cause": "rights",
    "event": None,
}


def answers(deployment: Deployment, *results: list[dict[str, Any]]) -> None:
    """Let the new version answer with these failures, one list after the other."""
    left = list(results)
    deployment.aws.deployments.functions[VERSION] = lambda _: {
        "failures": left.pop(0) if len(left) > 1 else left[0]
    }


def test_a_right_that_is_not_known_everywhere_yet_is_waited_for(deployment: Deployment) -> None:
    answers(deployment, [DENIED], [DENIED], [])
    assert deployment.problems() == []
    assert deployment.paused == [5.0, 10.0]


def test_a_right_that_stays_away_stops_it(deployment: Deployment) -> None:
    answers(deployment, [DENIED])
    (problem,) = deployment.problems()
    assert "access denied for rds:DescribeDBLogFiles; try: allow it" in problem
    assert sum(deployment.paused) <= 900


def test_a_version_that_cannot_be_invoked_is_tried_again(deployment: Deployment) -> None:
    functions = deployment.aws.deployments.functions
    function = functions.pop(VERSION)

    def appear(seconds: float) -> None:
        deployment.paused.append(seconds)
        functions[VERSION] = function

    client = deployment.aws.client("lambda")
    assert hook.rehearse(client, VERSION, appear, lambda: 900.0).problems == []
    assert deployment.paused == [5.0]


def test_there_is_time_left_to_answer_codedeploy(deployment: Deployment) -> None:
    answers(deployment, [DENIED])
    deployment.seconds = 350.0
    assert deployment.problems()
    assert deployment.seconds > 330


# The rehearsal.


@pytest.mark.parametrize(
    "more", ["", "top: 0\nsort: rows_examined\nmin_total_time: 100\ntags: [controller]\n"]
)
def test_the_made_up_event_goes_through_every_room(more: str) -> None:
    found = rehearse(load(f"instances: [a]\n{more}", {}, file="settings.yml"))
    assert [query.fingerprint for query in found.queries] == [
        "select name from rehearsals where id = ?"
    ]
    assert found.coverage.bytes_skipped == 0


def test_the_event_of_the_rehearsal_is_json() -> None:
    assert json.loads(json.dumps(hook.REHEARSAL)) == {
        "last": "5m",
        "channels": [],
        "rehearse": True,
    }
