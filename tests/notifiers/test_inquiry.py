"""A channel is asked how it is, and nothing is posted; what it does not tell is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from notifiers import create
from notifiers.inquiry import Finding, Inquirable
from notifiers.slack import Slack
from tests.sandbox.slack_stand_in import PASS, Fault, SlackStandIn, dropped, refused, status
from tests.sandbox.web import Answer

ID = "C0123456789"
READ = ("chat:write", "channels:read", "groups:read")


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with SlackStandIn(channels={ID: "slow-queries"}, scopes=READ) as slack:
        yield slack


def inquire(slack: SlackStandIn, channel: str = ID, token: str | None = None) -> dict[str, Finding]:
    bot = Slack(token=token or slack.token, channel=channel, base_url=slack.url)
    findings = bot.inquire()
    assert slack.posts == []
    return {finding.question: finding for finding in findings}


def test_a_bot_that_may_write_is_known_to(slack: SlackStandIn) -> None:
    found = inquire(slack)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert found["authentication"].seen == "bot in the workspace stand-in"
    assert found["channel"].seen == "#slow-queries"
    assert "chat:write, and the bot is in the channel" in found["may write"].seen


def test_a_token_that_slack_does_not_take_fails_and_is_not_shown(slack: SlackStandIn) -> None:
    (finding,) = inquire(slack, token="xoxb-withdrawn").values()
    assert (finding.question, finding.state) == ("authentication", "fail")
    assert finding.seen == "Slack answered invalid_auth"
    assert "the token of the app" in finding.hint
    assert "withdrawn" not in repr(finding)


def test_a_channel_that_is_not_there_fails(slack: SlackStandIn) -> None:
    found = inquire(slack, "C9999999999")["channel"]
    assert (found.state, found.seen) == ("fail", "Slack answered channel_not_found")
    assert "the channel's id" in found.hint


def test_a_channel_that_may_be_a_private_one_is_unknown(slack: SlackStandIn) -> None:
    slack.scopes = ("chat:write", "channels:read")
    found = inquire(slack, "C9999999999")
    assert found["channel"].state == "unknown"
    assert "the scope groups:read would tell" in found["channel"].hint


def test_a_channel_that_is_archived_fails(slack: SlackStandIn) -> None:
    answer = {"ok": True, "channel": {"id": ID, "is_archived": True, "is_member": True}}
    slack.script(PASS, Fault(Answer(body=json.dumps(answer).encode())))
    assert inquire(slack)["channel"].seen == "the channel is archived"


def test_a_bot_outside_of_its_channel_may_not_write(slack: SlackStandIn) -> None:
    slack.outside.add(ID)
    found = inquire(slack)["may write"]
    assert found.state == "fail"
    assert "/invite the bot" in found.hint


def test_a_bot_may_write_to_public_channels_from_outside_if_it_has_the_scope(
    slack: SlackStandIn,
) -> None:
    slack.outside.add(ID)
    slack.scopes = (*READ, "chat:write.public")
    answer = {"ok": True, "channel": {"id": ID, "is_member": False, "is_private": False}}
    slack.script(PASS, Fault(Answer(body=json.dumps(answer).encode())))
    assert inquire(slack)["may write"].state == "ok"


def test_an_app_without_the_scope_to_write_is_told_so(slack: SlackStandIn) -> None:
    slack.scopes = ("channels:read",)
    found = inquire(slack)["may write"]
    assert (found.state, found.seen) == ("fail", "the app lacks the scope chat:write")


def test_without_the_scope_to_look_the_scope_that_would_tell_is_named(slack: SlackStandIn) -> None:
    slack.scopes = ("chat:write",)
    found = inquire(slack)
    assert found["channel"].state == found["may write"].state == "unknown"
    assert "the scope channels:read" in found["channel"].hint
    assert "the scope channels:read, or groups:read" in found["may write"].hint


def test_a_channel_that_is_known_by_its_name_only_is_unknown(slack: SlackStandIn) -> None:
    found = inquire(slack, "#slow-queries")
    assert found["channel"].state == found["may write"].state == "unknown"
    assert "write the id, C…" in found["channel"].hint
    assert len(slack.requests) == 1


def test_scopes_that_slack_does_not_tell_are_unknown(slack: SlackStandIn) -> None:
    slack.script(Fault(Answer(body=b'{"ok": true, "user": "bot", "team": "shop"}')))
    assert inquire(slack)["may write"].seen == "Slack did not say which scopes the app has"


@pytest.mark.parametrize("fault", [dropped(), status(503), refused("internal_error")], ids=repr)
def test_what_may_pass_is_unknown(slack: SlackStandIn, fault: Fault) -> None:
    slack.script(*[fault] * 3)
    (finding,) = inquire(slack).values()
    assert finding.state == "unknown"
    assert finding.hint


def test_a_foreign_answer_is_no_success(slack: SlackStandIn) -> None:
    slack.script(Fault(Answer(body=b"<html>")))
    (finding,) = inquire(slack).values()
    assert finding.state == "fail"
    assert "html" not in repr(finding)


def test_an_incoming_webhook_tells_nothing(slack: SlackStandIn) -> None:
    (finding,) = Slack(webhook_url=slack.webhook_url).inquire()
    assert (finding.question, finding.state) == ("may write", "unknown")
    assert slack.requests == []


def test_a_console_takes_what_comes_and_a_webhook_cannot_be_asked() -> None:
    console = create("console")
    assert isinstance(console, Inquirable)
    assert [finding.state for finding in console.inquire()] == ["ok"]
    assert not isinstance(create("webhook", url="https://example.com/x"), Inquirable)
