"""A stand-in for Slack on a loopback port: it keeps what is posted and is as strict as Slack.

``SlackStandIn`` answers the Web API methods a bot needs and one incoming webhook. What is
wrong with a message is decided by ``complaint``, from Slack's documentation and from what
people report of the limits that are not documented, independently of the code under test.
``as_text`` shows a kept post to a person.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from tests.sandbox.web import Answer, Request, Server

Json = Mapping[str, Any]

_TEXT_LIMITS = {"header": 150, "section": 3000, "field": 2000, "context": 3000}
_SUBELEMENTS = {"rich_text_section", "rich_text_preformatted", "rich_text_quote"}


@dataclass(frozen=True)
class Post:
    """A message that was taken; ``body`` is all that was sent with it."""

    ts: str
    channel: str
    thread_ts: str | None
    text: str
    blocks: tuple[Json, ...]
    body: Json


@dataclass(frozen=True)
class Fault:
    """An answer out of the ordinary; with ``keeps`` the message is taken all the same."""

    answer: Answer
    keeps: bool = False


PASS = None
"""In a script: serve this request as usual."""


def refused(error: str, **more: str) -> Fault:
    """The Web API's manner: status 200 and ``ok: false``."""
    return Fault(_json({"ok": False, "error": error, **more}))


def status(code: int, body: str = "", **headers: str) -> Fault:
    """An answer with an HTTP status; ``Retry_After`` becomes ``Retry-After``."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(Answer(code, names, body.encode()))


def ratelimited(seconds: int) -> Fault:
    """Status 429, as both ways in give it."""
    return status(429, '{"ok":false,"error":"ratelimited"}', Retry_After=str(seconds))


def dropped(*, keeps: bool = False) -> Fault:
    """A connection that breaks before the answer."""
    return Fault(Answer(drop=True), keeps=keeps)


class SlackStandIn:
    """A workspace with ``channels`` (id → name) that a bot with ``token`` may post to.

    ``script`` holds faults for the next requests; ``posts`` what was taken, in order.
    """

    def __init__(
        self,
        token: str = "xoxb-stand-in",  # noqa: S107 - nobody's
        channels: Mapping[str, str] | None = None,
        scopes: tuple[str, ...] = ("chat:write",),
        webhook: str = "/services/T000/B000/stand-in",
    ) -> None:
        self.token = token
        self.channels = dict(channels or {"C0SLOWQUERY": "slow-queries"})
        self.outside: set[str] = set()
        """Ids of channels that the bot is not a member of."""
        self.scopes = scopes
        self.posts: list[Post] = []
        self.requests: list[Request] = []
        self._script: deque[Fault | None] = deque()
        self._webhook = webhook
        self._server = Server(self._answer)

    @property
    def url(self) -> str:
        """The base address of the Web API."""
        return f"{self._server.url}/api/"

    @property
    def webhook_url(self) -> str:
        """The address of the incoming webhook."""
        return f"{self._server.url}{self._webhook}"

    def script(self, *faults: Fault | None) -> None:
        """Answer the next requests with these, in order."""
        self._script.extend(faults)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        fault = self._script.popleft() if self._script else PASS
        if fault and not fault.keeps:
            return fault.answer
        if request.path.startswith("/api/"):
            said = self._api(request)
        elif request.path == self._webhook:
            said = self._hook(request)
        else:
            said = Answer(404, {}, b"no_service")
        return fault.answer if fault else said

    def _hook(self, request: Request) -> Answer:
        try:
            body = json.loads(request.body)
        except ValueError:
            return Answer(400, {}, b"invalid_payload")
        if error := complaint(body):
            return Answer(400, {}, error.encode())
        self._keep(next(iter(self.channels)), {**body, "thread_ts": None})
        return Answer(200, {}, b"ok")

    def _api(self, request: Request) -> Answer:
        said = self._method(request)
        is_known = said.get("error") not in {"not_authed", "invalid_auth"}
        return _json(said, {"x-oauth-scopes": ",".join(self.scopes)} if is_known else {})

    def _method(self, request: Request) -> Json:  # noqa: PLR0911 - one answer a method
        credential = request.headers.get("authorization", "")
        if not credential:
            return {"ok": False, "error": "not_authed"}
        if credential != f"Bearer {self.token}":
            return {"ok": False, "error": "invalid_auth"}
        body = _arguments(request)
        if body is None:
            return {"ok": False, "error": "invalid_form_data"}
        match request.path.removeprefix("/api/"):
            case "chat.postMessage":
                return self._post_message(body)
            case "auth.test":
                return {"ok": True, "team": "stand-in", "user": "bot", "bot_id": "B000"}
            case "conversations.info":
                return self._info(body)
        return {"ok": False, "error": "unknown_method"}

    def _channel(self, named: object) -> str | None:
        ids = {
            **{name: key for key, name in self.channels.items()},
            **{k: k for k in self.channels},
        }
        return ids.get(str(named).removeprefix("#"))

    def _info(self, body: Json) -> Json:
        if not {"channels:read", "groups:read"} & set(self.scopes):
            return self._lacks("channels:read")
        channel = str(body.get("channel"))  # an id: this method knows no names
        if channel not in self.channels:
            return {"ok": False, "error": "channel_not_found"}
        member = channel not in self.outside
        found = {"id": channel, "name": self.channels[channel], "is_member": member}
        return {"ok": True, "channel": {**found, "is_archived": False}}

    def _post_message(self, body: Json) -> Json:
        if "chat:write" not in self.scopes:
            return self._lacks("chat:write")
        channel = self._channel(body.get("channel"))
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        if channel in self.outside:
            return {"ok": False, "error": "not_in_channel"}
        if error := complaint(body):
            return {"ok": False, "error": error}
        if body.get("thread_ts") not in {None, *(post.ts for post in self.posts)}:
            return {"ok": False, "error": "thread_not_found"}
        post = self._keep(channel, body)
        return {"ok": True, "channel": channel, "ts": post.ts, "message": {"text": post.text}}

    def _lacks(self, scope: str) -> Json:
        provided = ",".join(self.scopes)
        return {"ok": False, "error": "missing_scope", "needed": scope, "provided": provided}

    def _keep(self, channel: str, body: Json) -> Post:
        post = Post(
            ts=f"1700000000.{len(self.posts):06}",
            channel=channel,
            thread_ts=body.get("thread_ts"),
            text=body.get("text", ""),
            blocks=tuple(body.get("blocks", ())),
            body=body,
        )
        self.posts.append(post)
        return post


def _json(value: Json, headers: Mapping[str, str] | None = None) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(200, {**kind, **(headers or {})}, json.dumps(value).encode())


def _arguments(request: Request) -> Json | None:
    kind = request.headers.get("content-type", "").partition(";")[0]
    if not request.body:
        return {}
    if kind == "application/json":
        found = json.loads(request.body)
        return found if isinstance(found, dict) else None
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body.decode()))
    return None


# What Slack would say of a message


def complaint(body: Json) -> str:
    """Return the error that Slack has for a message, empty if it takes it.

    Limits: https://docs.slack.dev/reference/block-kit/blocks, and about 13,200 over all
    blocks as observed by users (``msg_blocks_too_long``).
    """
    text, blocks = body.get("text", ""), body.get("blocks", [])
    if not isinstance(text, str) or not isinstance(blocks, list):
        return "invalid_arguments"
    if not text and not blocks:
        return "no_text"
    if len(text) > 40_000:
        return "msg_too_long"
    if len(blocks) > 50 or not all(_is_sound(block) for block in blocks):
        return "invalid_blocks"
    written = json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))
    return "msg_blocks_too_long" if len(written) > 13_200 else ""


def _is_sound(block: Json) -> bool:
    match block.get("type"):
        case "divider":
            return True
        case "header":
            text = block["text"]
            return text["type"] == "plain_text" and _is_text(text, _TEXT_LIMITS["header"])
        case "section":
            fields = block.get("fields", [])
            return (
                ("text" in block or bool(fields))
                and ("text" not in block or _is_text(block["text"], _TEXT_LIMITS["section"]))
                and len(fields) <= 10
                and all(_is_text(field, _TEXT_LIMITS["field"]) for field in fields)
            )
        case "context":
            elements = block["elements"]
            limit = _TEXT_LIMITS["context"]
            return 1 <= len(elements) <= 10 and all(_is_text(each, limit) for each in elements)
        case "rich_text":
            return bool(block["elements"]) and all(_is_rich(each) for each in block["elements"])
    return False


def _is_text(text: Json, limit: int) -> bool:
    known = text.get("type") in ("plain_text", "mrkdwn")
    return known and bool(text["text"].strip()) and len(text["text"]) <= limit


def _is_rich(element: Json) -> bool:
    return (
        element.get("type") in _SUBELEMENTS
        and bool(element["elements"])
        and all(
            inner.get("type") == "text" and isinstance(inner["text"], str) and inner["text"]
            for inner in element["elements"]
        )
    )


# What a person sees


def as_text(post: Post) -> str:
    """Return a post as it looks in the channel, drawn with characters; replies indented."""
    blocks = ["\n".join(_drawn(block)) for block in post.blocks] or [post.text]
    indent = "    " if post.thread_ts else ""
    return "\n".join((indent + line).rstrip() for line in "\n\n".join(blocks).split("\n"))


def _drawn(block: Json) -> Iterator[str]:
    match block["type"]:
        case "divider":
            yield "─" * 60
        case "header":
            yield block["text"]["text"]
        case "section":
            texts = [block["text"]] if "text" in block else block["fields"]
            for text in texts:
                yield from text["text"].split("\n")
        case "context":
            for text in block["elements"]:
                yield from (f"· {line}" for line in text["text"].split("\n"))
        case "rich_text":
            for element in block["elements"]:
                words = "".join(inner["text"] for inner in element["elements"])
                margin = {"rich_text_preformatted": "│ ", "rich_text_quote": "▌ "}
                before = margin.get(element["type"], "")
                yield from (before + line for line in words.split("\n"))


def words(blocks: Sequence[Json]) -> list[str]:
    """Return the texts of blocks, in order."""
    return list(_texts(blocks))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _texts(inner)
