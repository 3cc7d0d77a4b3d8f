"""What every channel promises, tried on each of them over a real socket or stream."""

import io
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from notifiers.apprise import Apprise
from notifiers.console import Console
from notifiers.message import (
    Alert,
    CredentialRefused,
    DeliveryError,
    Facts,
    Footnote,
    Heading,
    Message,
    Notifier,
    Paragraph,
    Part,
    Preformatted,
)
from notifiers.slack import Slack
from notifiers.visible import visible
from notifiers.webhook import Webhook
from tests.sandbox.slack_stand_in import SlackStandIn, status, words
from tests.sandbox.web import Answer, Request, Server

HUSH = "zq7-hush-hush-zq7"


@dataclass
class Channel:
    """A channel under test: what arrived so far, and how to make it refuse what comes next.

    ``refuse`` takes ``"credential"`` or ``"message"``: what it is that is refused.
    """

    notifier: Notifier
    arrived: Callable[[], str]
    refuse: Callable[[str], None]
    shown: Callable[[str], str] = visible


@dataclass
class Brittle(io.StringIO):
    """A stream that can break."""

    broken: bool = field(default=False)

    def __post_init__(self) -> None:
        super().__init__()

    def write(self, text: str) -> int:
        if self.broken:
            raise BrokenPipeError(32, text)
        return super().write(text)


@contextmanager
def slack_bot() -> Iterator[Channel]:
    with SlackStandIn(token=f"xoxb-{HUSH}") as slack:
        notifier = Slack(
            without_waiting, token=slack.token, channel="#slow-queries", base_url=slack.url
        )
        yield Channel(notifier, lambda: posted(slack), lambda what: refuse_bot(slack, what))


@contextmanager
def slack_webhook() -> Iterator[Channel]:
    with SlackStandIn(webhook=f"/services/T0/B0/{HUSH}") as slack:
        notifier = Slack(without_waiting, webhook_url=slack.webhook_url)
        yield Channel(notifier, lambda: posted(slack), lambda what: refuse_hook(slack, what))


@contextmanager
def console() -> Iterator[Channel]:
    stream = Brittle()
    yield Channel(Console(stream), stream.getvalue, lambda _: setattr(stream, "broken", True))


@contextmanager
def webhook() -> Iterator[Channel]:
    taken: list[Request] = []
    answers: list[Answer] = []

    def answer(request: Request) -> Answer:
        taken.append(request)
        return answers[0] if answers else Answer(204)

    def refuse(what: str) -> None:
        # The answer echoes what it got, as the debug page of a web framework would.
        answers.append(Answer(403 if what == "credential" else 422, {}, f"{HUSH} {MARK}".encode()))

    with Server(answer) as server:
        notifier = Webhook(
            without_waiting,
            url=f"{server.url}/{HUSH}?key={HUSH}",
            headers={"Authorization": f"Bearer {HUSH}"},
        )
        yield Channel(notifier, lambda: documents(taken), refuse, lone_surrogates_replaced)


@contextmanager
def apprise() -> Iterator[Channel]:
    taken: list[Request] = []
    answers: list[Answer] = []

    def answer(request: Request) -> Answer:
        taken.append(request)
        return answers[0] if answers else Answer(204)

    def refuse(_: str) -> None:
        answers.append(Answer(422, {}, f"{HUSH} {MARK}".encode()))

    with Server(answer) as server:
        address = server.url.replace("http://", "json://")
        yield Channel(Apprise(url=f"{address}/{HUSH}"), lambda: posted_as_json(taken), refuse)


CHANNELS = {
    "apprise": apprise,
    "slack bot": slack_bot,
    "slack webhook": slack_webhook,
    "console": console,
    "webhook": webhook,
}
HAS_CREDENTIAL = sorted(CHANNELS.keys() - {"apprise", "console"})
"""Apprise does not say why a service took nothing."""


def no_time_left() -> float:
    """Stand in for a run that is about to be stopped."""
    return 1.0


def without_waiting(seconds: float) -> None:
    """Stand in for a sleep; what is waited for has tests of its own."""


def posted_as_json(taken: list[Request]) -> str:
    return "\n".join(json.loads(request.body)["message"] for request in taken)


def posted(slack: SlackStandIn) -> str:
    return "\n".join(text for post in slack.posts for text in words(post.blocks))


def refuse_bot(slack: SlackStandIn, what: str) -> None:
    error = "token_revoked" if what == "credential" else f"{HUSH} {MARK}"
    slack.script(status(200, json.dumps({"ok": False, "error": error})))


def refuse_hook(slack: SlackStandIn, what: str) -> None:
    slack.script(
        status(404, "no_service") if what == "credential" else status(400, f"{HUSH} {MARK}")
    )


def documents(taken: list[Request]) -> str:
    return "\n".join("\n".join(json.loads(request.body)["texts"]) for request in taken)


def lone_surrogates_replaced(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


@pytest.fixture(params=CHANNELS)
def channel(request: pytest.FixtureRequest) -> Iterator[Channel]:
    with CHANNELS[request.param]() as made:
        yield made


@pytest.fixture(params=HAS_CREDENTIAL)
def guarded(request: pytest.FixtureRequest) -> Iterator[Channel]:
    with CHANNELS[request.param]() as made:
        yield made


def texts(part: Part) -> list[str]:
    if isinstance(part, Facts):
        return [text for pair in part.pairs for text in pair]
    return [part.text]


def message(*parts: Part, replies: tuple[tuple[Part, ...], ...] = ()) -> Message:
    every = [text for section in (parts, *replies) for part in section for text in texts(part)]
    document: dict[str, Any] = {"texts": every}
    return Message("38 min of slow time", parts, replies, document)


def without_blanks(text: str) -> str:
    return "".join(text.split())


def assert_arrives_in_order(channel: Channel, sent: Message) -> None:
    channel.notifier.send(sent)
    arrived = without_blanks(channel.arrived())
    place = 0
    for text in sent.document["texts"]:
        expected = without_blanks(channel.shown(text))
        place = arrived.find(expected, place)
        assert place >= 0, f"{text[:60]!r} is not there, or not in its place"
        place += len(expected)


MARK = "s3lect-mark"
ORDINARY = message(
    Heading("shop-db · 13:00 UTC"),
    Paragraph("1,204 slow queries\n18 kinds"),
    Preformatted("1  SELECT orders   62 %\n2  UPDATE stock    21 %"),
    Facts((("mean", "1.8 s"), ("rows examined", "181,000"))),
    Alert("ledger-db could not be read"),
    Footnote("Read all 41 MB."),
    replies=((Heading("1"), Preformatted(MARK)), (Heading("2"), Paragraph("last"))),
)


def test_everything_arrives_in_order(channel: Channel) -> None:
    assert_arrives_in_order(channel, ORDINARY)


HOSTILE = {
    "mentions": "<!channel> <!here> @channel @here @everyone <@U024BE7LH> #general <#C1|x>",
    "links": "<https://example.com|click> https://example.com mailto:a@example.com",
    "entities": "&amp; &lt;!channel&gt; a && b < c > d",
    "fences": "```\nnot code\n``` `x` *bold* _it_ ~no~ :turtle: > quote",
    "terminal": "\x1b[31mred\x1b[0m\x07\r\x9b2J\x1b]0;title\x07",
    "reordering": "\u202eSELECT\u202c \u2066x\u2069",
    "surrogates": "a\ud800b\udc00c",
    "nul": "a\x00b",
    "emoji": "🐢 👩\u200d👩\u200d👧 🇩🇪 e\u0301 🏳️\u200d🌈",
    "separators": "a\u2028b\u2029c\x85d\r\ne",
    "long word": "x" * 9000,
    "huge": "\n".join(f"{n:06} FROM t WHERE a < ? && b" for n in range(5000)),
    "huge line": "😀" * 30_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_arrives_in_every_part(channel: Channel, text: str) -> None:
    facts = Facts(((text, "value"), ("name", text)))
    every = (Heading(text), Paragraph(text), Preformatted(text), facts, Alert(text), Footnote(text))
    assert_arrives_in_order(channel, message(*every, replies=((Paragraph(text),),)))


def test_many_parts_and_replies_arrive(channel: Channel) -> None:
    parts = [Paragraph(f"part {n}.") for n in range(300)]
    replies = tuple((Heading(f"reply {n}."), Preformatted(f"code {n}.")) for n in range(60))
    assert_arrives_in_order(channel, message(*parts, replies=replies))


@pytest.mark.parametrize(
    "sent",
    [
        message(),
        message(Heading("")),
        message(Paragraph(" \n "), Alert(""), Facts(()), Footnote("\t"), Preformatted("\n")),
        message(Facts((("", ""), ("name", ""), ("", "value")))),
        message(Paragraph("parts"), replies=((), (Paragraph(""),), (Paragraph("last"),))),
        Message("", ()),
        Message("x" * 50_000, (Paragraph("parts"),), document={"texts": ["parts"]}),
    ],
    ids=["nothing", "no heading", "blanks", "odd facts", "empty replies", "empty", "long summary"],
)
def test_what_is_empty_does_no_harm(channel: Channel, sent: Message) -> None:
    if "texts" not in sent.document:
        sent = Message(sent.summary, (), document={"texts": []})
    assert_arrives_in_order(channel, sent)


def failure(channel: Channel) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        channel.notifier.send(ORDINARY)
    return raised.value


def test_a_refusal_is_an_error_that_says_what_and_what_to_try(channel: Channel) -> None:
    channel.refuse("message")
    error = failure(channel)
    assert not isinstance(error, CredentialRefused)
    assert error.what
    assert error.hint
    assert str(error) == f"{error.what}; try: {error.hint}"


def test_what_there_is_no_time_for_has_not_arrived_and_is_said(guarded: Channel) -> None:
    with pytest.raises(DeliveryError) as error:
        guarded.notifier.send(ORDINARY, no_time_left)
    assert "there was no time left" in error.value.what
    assert "time-out" in error.value.hint
    assert not guarded.arrived()


def test_a_refused_credential_is_told_apart(guarded: Channel) -> None:
    guarded.refuse("credential")
    assert isinstance(failure(guarded), CredentialRefused)


def test_nothing_tells_a_secret(
    channel: Channel, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    channel.notifier.send(ORDINARY)
    channel.refuse("message")
    error = failure(channel)
    trace = "".join(traceback.format_exception(error))
    chain = repr([error.__cause__, error.__context__])
    told = [repr(channel.notifier), repr(error), str(error), trace, chain, caplog.text]
    for text in [*told, *capfd.readouterr()]:
        assert HUSH not in text
        assert MARK not in text
