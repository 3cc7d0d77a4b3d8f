"""The document, posted as JSON."""

import json
from collections.abc import Callable, Iterator

import pytest

from notifiers.message import CredentialRefused, DeliveryError, Message
from notifiers.webhook import Webhook
from tests.sandbox.web import Answer, Request, Server

DOCUMENT = {"schema": 1, "digests": [{"instance": "shop-db", "text": "naïve 🐢 \ud800"}]}
MESSAGE = Message("38 min of slow time", (), document=DOCUMENT)
OK = Answer(204)


class Receiver:
    """Gives ``answers`` in order, then 204; keeps requests, and the waits of the channel."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Request] = []
        self.waits: list[float] = []

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else OK


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def send(receiver: Receiver) -> Iterator[Callable[[], None]]:
    with Server(receiver.answer) as server:
        yield lambda: Webhook(
            receiver.waits.append, url=f"{server.url}/in?key=1", headers={"X-Key": "a b"}
        ).send(MESSAGE)


def test_the_document_is_posted_as_json(receiver: Receiver, send: Callable[[], None]) -> None:
    send()
    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/in?key=1")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-key"] == "a b"
    expected = json.dumps(DOCUMENT).replace("\\ud800", "\\ufffd")
    assert json.loads(request.body.decode()) == json.loads(expected)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_later_means_again_with_growing_waits(
    receiver: Receiver, send: Callable[[], None], status: int
) -> None:
    receiver.answers = [Answer(status)] * 3
    send()
    assert receiver.waits == [1, 2, 4]


def test_retry_after_is_obeyed(receiver: Receiver, send: Callable[[], None]) -> None:
    receiver.answers = [Answer(429, {"Retry-After": "7"})]
    send()
    assert receiver.waits == [7]


@pytest.mark.parametrize(
    ("answers", "requests", "said"),
    [
        ([Answer(429, {"Retry-After": "3600"})], 1, "status 429"),
        ([Answer(503)] * 9, 4, "status 503"),
        ([Answer(400)], 1, "status 400"),
        ([Answer(drop=True)] * 9, 2, "no answer"),
    ],
    ids=["an hour", "for ever", "not like this", "cut off"],
)
def test_it_gives_up(
    receiver: Receiver,
    send: Callable[[], None],
    answers: list[Answer],
    requests: int,
    said: str,
) -> None:
    receiver.answers = answers
    with pytest.raises(DeliveryError, match=said):
        send()
    assert len(receiver.requests) == requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, send: Callable[[], None], status: int) -> None:
    receiver.answers = [Answer(status, {"Location": "/elsewhere"})]
    with pytest.raises(DeliveryError, match="redirects are not followed"):
        send()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_address_and_headers_are_credentials(
    receiver: Receiver, send: Callable[[], None], status: int
) -> None:
    receiver.answers = [Answer(status)]
    with pytest.raises(CredentialRefused):
        send()


def test_nobody_there_is_said_without_the_address() -> None:
    with Server(lambda _: OK) as server:
        url = server.url
    with pytest.raises(DeliveryError, match="ConnectionRefusedError") as raised:
        Webhook(lambda _: None, url=url).send(MESSAGE)
    assert "127.0.0.1" not in str(raised.value)
