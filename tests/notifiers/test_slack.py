"""Delivery to Slack, by bot token and by incoming webhook."""

import json
import logging
from collections.abc import Iterator

import pytest

from notifiers.message import CredentialRefused, DeliveryError, Heading, Message, Paragraph
from notifiers.slack import BURST, Slack
from tests.sandbox.slack_stand_in import (
    PASS,
    Fault,
    SlackStandIn,
    as_text,
    dropped,
    ratelimited,
    refused,
    status,
    words,
)

MESSAGE = Message(
    "<38> min & more",
    (Heading("shop-db"), Paragraph("18 kinds")),
    tuple((Paragraph(f"reply {n}"),) for n in (1, 2, 3)),
)


@pytest.fixture
def slack() -> Iterator[SlackStandIn]:
    with SlackStandIn() as slack:
        yield slack


def bot(slack: SlackStandIn, waits: list[float], channel: str = "C0SLOWQUERY") -> Slack:
    return Slack(waits.append, token=slack.token, channel=channel, base_url=slack.url)


def failure(slack: SlackStandIn, *faults: Fault | None) -> tuple[DeliveryError, list[float]]:
    waits: list[float] = []
    slack.script(*faults)
    with pytest.raises(DeliveryError) as raised:
        bot(slack, waits).send(MESSAGE)
    return raised.value, waits


@pytest.mark.parametrize("channel", ["C0SLOWQUERY", "slow-queries", "#slow-queries"])
def test_a_bot_posts_replies_into_the_thread(slack: SlackStandIn, channel: str) -> None:
    bot(slack, [], channel).send(MESSAGE)
    parent, *replies = slack.posts
    assert parent.thread_ts is None
    assert [reply.thread_ts for reply in replies] == [parent.ts] * 3
    assert [words(post.blocks) for post in slack.posts] == [
        ["shop-db", "18 kinds"],
        ["reply 1"],
        ["reply 2"],
        ["reply 3"],
    ]


def test_a_webhook_has_replies_below_in_one_message(slack: SlackStandIn) -> None:
    Slack(webhook_url=slack.webhook_url).send(MESSAGE)
    (post,) = slack.posts
    assert words(post.blocks) == ["shop-db", "18 kinds", "reply 1", "reply 2", "reply 3"]
    kinds = [block["type"] for block in post.blocks]
    assert kinds == ["header", "rich_text", *["divider", "rich_text"] * 3]


def test_the_notification_is_escaped_and_nothing_is_parsed_or_unfurled(slack: SlackStandIn) -> None:
    bot(slack, []).send(MESSAGE)
    body = slack.posts[0].body
    assert body["text"] == "&lt;38&gt; min &amp; more"
    assert body["parse"] == "none"
    switches = ("mrkdwn", "link_names", "unfurl_links", "unfurl_media")
    assert [body[name] for name in switches] == [False] * 4
    assert "mrkdwn" not in json.dumps(body["blocks"])


def test_a_person_can_read_what_the_channel_got(slack: SlackStandIn) -> None:
    bot(slack, []).send(MESSAGE)
    assert [as_text(post) for post in slack.posts[:2]] == ["shop-db\n\n18 kinds", "    reply 1"]


# Trying again


@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        ([ratelimited(2)], [2]),
        ([status(429, Retry_After="soon")], [1]),
        ([status(500), status(502, "<html>"), status(503)], [1, 2, 4]),
        ([refused("internal_error")], [1]),
        ([dropped()], [1]),
        ([PASS, ratelimited(20), PASS, ratelimited(40)], [20, 40]),
    ],
)
def test_what_passes_is_tried_again(
    slack: SlackStandIn, faults: list[Fault | None], waits: list[float]
) -> None:
    waited: list[float] = []
    slack.script(*faults)
    bot(slack, waited).send(MESSAGE)
    assert len(slack.posts) == 4
    assert waited == waits


@pytest.mark.parametrize(
    ("faults", "requests", "said"),
    [
        ([ratelimited(3600)], 1, "to wait 3600 s"),
        ([ratelimited(30)] * 3, 3, "limits the rate"),
        ([status(503)] * 9, 4, "status 503"),
        ([dropped()] * 9, 2, "did not answer"),
        ([status(200, "<html>")], 1, "not one of Slack's"),
        ([status(200, "[1]")], 1, "not one of Slack's"),
        ([status(200, "?", Content_Type="text/html; charset=x-none")], 1, "not one of Slack's"),
    ],
    ids=["an hour", "too much", "for ever", "cut off", "html", "list", "charset"],
)
def test_it_gives_up(
    slack: SlackStandIn, faults: list[Fault | None], requests: int, said: str
) -> None:
    error, _ = failure(slack, *faults)
    assert said in error.what
    assert len(slack.requests) == requests
    assert not slack.posts


def test_an_answer_lost_on_the_way_may_post_twice_but_never_not_at_all(slack: SlackStandIn) -> None:
    slack.script(dropped(keeps=True))
    bot(slack, []).send(MESSAGE)
    assert [words(post.blocks)[-1] for post in slack.posts[:2]] == ["18 kinds", "18 kinds"]
    assert {post.thread_ts for post in slack.posts[2:]} == {slack.posts[1].ts}


def test_after_a_burst_it_keeps_to_one_message_a_second(slack: SlackStandIn) -> None:
    waits: list[float] = []
    replies = tuple((Paragraph(f"reply {n}"),) for n in range(BURST + 2))
    bot(slack, waits).send(Message("many", (Paragraph("parts"),), replies))
    assert len(slack.posts) == BURST + 3
    assert waits == [1.0] * 3


# Partial failure


def test_a_reply_that_fails_does_not_keep_the_others_from_being_tried(slack: SlackStandIn) -> None:
    error, _ = failure(slack, PASS, refused("invalid_blocks"))
    assert "3 of 4 messages arrived in Slack channel C0SLOWQUERY: " in error.what
    assert "invalid_blocks" in error.what
    assert [words(post.blocks)[0] for post in slack.posts] == ["shop-db", "reply 2", "reply 3"]


@pytest.mark.parametrize(
    "fault", [ratelimited(3600), refused("is_archived"), refused("token_revoked")]
)
def test_what_would_hit_the_other_replies_too_ends_it(slack: SlackStandIn, fault: Fault) -> None:
    error, _ = failure(slack, PASS, PASS, fault)
    assert "2 of 4 messages arrived" in error.what
    assert len(slack.requests) == 3
    assert not isinstance(error, CredentialRefused), "what arrived would arrive twice"


# What to try


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("channel_not_found", "channel's id"),
        ("not_in_channel", "/invite"),
        ("is_archived", "unarchive"),
        ("restricted_action", "administrator"),
        ("msg_blocks_too_long", "defect"),
        ("not_allowed_token_type", "xoxb-"),
    ],
)
def test_a_bots_errors_say_what_to_try(slack: SlackStandIn, name: str, hint: str) -> None:
    error, _ = failure(slack, refused(name))
    assert f"Slack answered {name}" in error.what
    assert hint in error.hint
    assert not isinstance(error, CredentialRefused)


@pytest.mark.parametrize("name", ["invalid_auth", "token_revoked", "account_inactive"])
def test_a_refused_token_is_worth_reading_again(slack: SlackStandIn, name: str) -> None:
    error, _ = failure(slack, refused(name))
    assert isinstance(error, CredentialRefused)


def test_the_stand_in_checks_token_channel_membership_and_scope(slack: SlackStandIn) -> None:
    wrong = Slack(token="xoxb-wrong", channel="C0SLOWQUERY", base_url=slack.url)
    with pytest.raises(CredentialRefused, match="invalid_auth"):
        wrong.send(MESSAGE)
    with pytest.raises(DeliveryError, match="channel_not_found"):
        bot(slack, [], "elsewhere").send(MESSAGE)
    slack.outside.add("C0SLOWQUERY")
    with pytest.raises(DeliveryError, match="not_in_channel"):
        bot(slack, []).send(MESSAGE)
    slack.scopes = ()
    with pytest.raises(DeliveryError, match=r"missing_scope; try: to add the scope chat:write "):
        bot(slack, []).send(MESSAGE)


@pytest.mark.parametrize(
    ("fault", "said", "hint", "credential"),
    [
        (status(404, "no_service"), "no_service", "new webhook address", True),
        (status(403, "invalid_token"), "invalid_token", "new webhook address", True),
        (status(410, "channel_is_archived"), "channel_is_archived", "unarchive", False),
        (status(400, "invalid_payload"), "invalid_payload", "defect", False),
        (status(403, "<html>No!"), "status 403", "proxy", False),
        (status(200, "<html>Hello"), "not one of Slack's", "proxy", False),
    ],
)
def test_a_webhooks_errors_say_what_to_try(
    slack: SlackStandIn, fault: Fault, said: str, hint: str, *, credential: bool
) -> None:
    slack.script(fault)
    with pytest.raises(DeliveryError, match=said) as raised:
        Slack(webhook_url=slack.webhook_url).send(MESSAGE)
    assert hint in raised.value.hint
    assert isinstance(raised.value, CredentialRefused) == credential


def test_nobody_there_is_an_error_of_the_network() -> None:
    with SlackStandIn() as gone:
        channels = [bot(gone, []), Slack(lambda _: None, webhook_url=gone.webhook_url)]
    for channel in channels:
        with pytest.raises(DeliveryError, match="cannot be reached"):
            channel.send(MESSAGE)


def test_the_sdk_logs_nothing(slack: SlackStandIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slack.script(status(503), dropped())
    bot(slack, []).send(MESSAGE)
    Slack(webhook_url=slack.webhook_url).send(MESSAGE)
    assert not caplog.records
