"""A channel on Slack, by one of the two ways in.

A *bot token* posts the parts as a message and each reply into its thread. An *incoming
webhook* belongs to one channel and is told nothing about what it posted, so it has no
threads: replies follow below the parts.

A repeat after a connection that broke before its answer can post a message twice; Slack
has no key that would tell it (see ``RETRIES_WHEN_CUT`` for the choice).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from typing import Final, Protocol
from urllib.error import URLError

from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from notifiers import slack_inquiry
from notifiers.inquiry import Finding
from notifiers.message import CredentialRefused, DeliveryError, Message
from notifiers.options import OptionError, address, text, word
from notifiers.patience import (
    RETRIES,
    RETRIES_WHEN_CUT,
    SECONDS_TO_ANSWER,
    Patience,
    Refusal,
    Remaining,
    unhurried,
)
from notifiers.slack_blocks import Payload, posts, thread

BURST: Final = 10
"""Messages that go out at once. Slack allows one a second and channel, and short bursts:
https://docs.slack.dev/apis/web-api/rate-limits"""
SECONDS_PER_MESSAGE: Final = 1.0

SLACK: Final = "https://slack.com/api/"

_CHANNEL = "the channel's id in its details in Slack, and /invite the bot there"
_TOKEN = "the token of the app in this workspace; install the app again if it was removed"  # noqa: S105 - words
_HOOK = "a new webhook address from the app's page in Slack; this one is wrong or withdrawn"
_ADMIN = "an administrator of the workspace, whose settings forbid it"
_DEFECT = "to report this with the error's name, it is a defect of this channel"
_LATER = "again later, see https://slack-status.com"

_HINTS: Final = {
    "account_inactive": _TOKEN,
    "invalid_auth": _TOKEN,
    "invalid_token": _HOOK,
    "no_active_hooks": _HOOK,
    "no_service": _HOOK,
    "no_service_id": _HOOK,
    "no_team": _HOOK,
    "not_authed": _TOKEN,
    "token_expired": _TOKEN,
    "token_revoked": _TOKEN,
    "channel_is_archived": "another channel, or to unarchive this one",
    "channel_not_found": _CHANNEL,
    "is_archived": "another channel, or to unarchive this one",
    "not_in_channel": "/invite the bot in the channel, or give it the scope chat:write.public",
    "action_prohibited": _ADMIN,
    "access_denied": _ADMIN,
    "ekm_access_denied": _ADMIN,
    "posting_to_general_channel_denied": _ADMIN,
    "restricted_action": _ADMIN,
    "restricted_action_read_only_channel": _ADMIN,
    "restricted_action_thread_only_channel": _ADMIN,
    "team_access_not_granted": _ADMIN,
    "team_disabled": _ADMIN,
    "missing_scope": "to add the scope chat:write to the app and install it again",
    "not_allowed_token_type": "a bot token, it begins with xoxb-",
    "invalid_blocks": _DEFECT,
    "invalid_blocks_format": _DEFECT,
    "invalid_payload": _DEFECT,
    "msg_blocks_too_long": _DEFECT,
    "msg_too_long": _DEFECT,
    "no_text": _DEFECT,
    "fatal_error": _LATER,
    "internal_error": _LATER,
    "ratelimited": "again later, or fewer messages to this channel",
    "rate_limited": "again later, or fewer messages to this channel",
    "rollup_error": _LATER,
    "service_unavailable": _LATER,
}
"""Slack's error → what to try. Names from
https://docs.slack.dev/reference/methods/chat.postMessage#errors and, of webhooks,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors"""

_CREDENTIAL = frozenset(name for name, hint in _HINTS.items() if hint in (_TOKEN, _HOOK))
_ONE_MESSAGE = frozenset(name for name, hint in _HINTS.items() if hint in (_DEFECT, _LATER))
"""Errors after which another message may still be taken."""

_SILENT = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - without a parent
"""slack_sdk logs payloads and webhook addresses at DEBUG, its loggers' own level being the
lowest, and quotes bodies it cannot read at ERROR. This logger takes nothing."""


class _Door(Protocol):
    """A way into Slack: what it posts, where, and how one message goes out."""

    where: str

    def payloads(self, message: Message) -> list[Payload]: ...

    def post(self, payload: Payload, below: str) -> str | Refusal:
        """Return what a reply names as its parent, which may be empty, or a refusal."""
        ...

    def inquire(self) -> Sequence[Finding]: ...


class Slack:
    """Posts to one Slack channel.

    Either ``token`` (a bot's, with the scope ``chat:write``) and ``channel`` (its id or
    name), or ``webhook_url``. ``base_url`` is the address of Slack's Web API.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        *,
        token: str | None = None,
        channel: str | None = None,
        webhook_url: str | None = None,
        base_url: str = SLACK,
    ) -> None:
        self._sleep = sleep
        self._door: _Door
        if webhook_url is not None and token is None and channel is None:
            self._door = _Hook(address("slack", "webhook_url", webhook_url))
        elif token is not None and channel is not None and webhook_url is None:
            self._door = _Bot(
                word("slack", "token", token),
                text("slack", "channel", channel),
                address("slack", "base_url", base_url),
            )
        else:
            msg = "slack: no way in, or two; try: token and channel, or webhook_url alone"
            raise OptionError(msg)

    def send(self, message: Message, remaining: Remaining = unhurried) -> None:
        """Post ``message``; raise :class:`DeliveryError` unless every piece of it arrived.

        Where the first piece arrived and another did not, the rest is tried still, unless
        what went wrong would go wrong for it too.
        """
        payloads = self._door.payloads(message)
        patience = Patience(self._sleep, remaining)
        refusals: list[Refusal] = []
        parent = ""
        arrived = 0
        for number, payload in enumerate(payloads):
            if number >= BURST:
                self._sleep(SECONDS_PER_MESSAGE)
            answer = self._post(patience, payload, parent)
            if isinstance(answer, Refusal):
                refusals.append(answer)
                if answer.everywhere or not arrived:
                    break
            else:
                parent = parent or answer
                arrived += 1
        if refusals:
            raise self._error(refusals, arrived, len(payloads))

    def inquire(self) -> Sequence[Finding]:
        """Ask Slack about the token, the channel, and whether the bot may write there."""
        return self._door.inquire()

    def _post(self, patience: Patience, payload: Payload, parent: str) -> str | Refusal:
        return patience.insist(lambda: self._door.post(payload, parent))

    def _error(self, refusals: list[Refusal], arrived: int, total: int) -> DeliveryError:
        reasons = ", ".join(dict.fromkeys(refusal.why for refusal in refusals))
        hint = "; ".join(dict.fromkeys(refusal.hint for refusal in refusals))
        if arrived:
            what = f"{arrived} of {total} messages arrived in {self._door.where}: {reasons}"
            return DeliveryError(what, hint)
        error = CredentialRefused if refusals[0].credential else DeliveryError
        return error(f"nothing arrived in {self._door.where}: {reasons}", hint)


class _Bot:
    def __init__(self, token: str, channel: str, base_url: str) -> None:
        self.where = f"Slack channel {channel}"
        self._channel = channel
        # No retry handlers: the SDK's own wait as long as Retry-After says, an hour too.
        self._client = WebClient(
            token, base_url, SECONDS_TO_ANSWER, logger=_SILENT, retry_handlers=[]
        )

    def payloads(self, message: Message) -> list[Payload]:
        return thread(message)

    def post(self, payload: Payload, below: str) -> str | Refusal:
        body = {**payload, "channel": self._channel}
        if below:
            body["thread_ts"] = below
        answer = self._call("chat.postMessage", json=body)
        return answer if isinstance(answer, Refusal) else str(answer.get("ts", ""))

    def inquire(self) -> Sequence[Finding]:
        auth = self._call("auth.test")
        info: slack_inquiry.Told | None = None
        if not isinstance(auth, Refusal) and slack_inquiry.ID.fullmatch(self._channel):
            # As a form: methods that only read take no JSON.
            info = _told(self._call("conversations.info", data={"channel": self._channel}))
        return slack_inquiry.of_bot(_told(auth), info, _scopes(auth))

    def _call(self, method: str, **body: Mapping[str, object]) -> SlackResponse | Refusal:
        try:
            return self._client.api_call(method, **body)  # type: ignore[arg-type]  # json or data
        except SlackApiError as error:
            response = error.response
            return _refusal(
                response.status_code,
                response.get("error"),
                response.headers.get("Retry-After"),
                response.get("needed"),
            )
        except (OSError, HTTPException) as error:
            return _unanswered(error)
        except (ValueError, LookupError, AttributeError):  # from reading a foreign answer
            return _refusal(0, None, None)


class _Hook:
    where = "Slack's webhook"

    def __init__(self, url: str) -> None:
        self._client = WebhookClient(url, SECONDS_TO_ANSWER, logger=_SILENT, retry_handlers=[])

    def payloads(self, message: Message) -> list[Payload]:
        return posts(message)

    def post(self, payload: Payload, below: str) -> str | Refusal:
        del below
        try:
            answer = self._client.send_dict(payload)
        except (OSError, HTTPException) as error:
            return _unanswered(error)
        except (ValueError, LookupError):  # from reading a foreign answer
            return _refusal(0, None, None)
        if answer.status_code == 200 and answer.body == "ok":  # noqa: PLR2004 - Slack's "taken"
            return ""
        return _refusal(answer.status_code, answer.body, answer.headers.get("Retry-After"))

    def inquire(self) -> Sequence[Finding]:
        return slack_inquiry.of_webhook()


def _told(answer: SlackResponse | Refusal) -> slack_inquiry.Told:
    """Return the fields of an answer, if it has some."""
    if isinstance(answer, Refusal):
        return answer
    return answer.data if isinstance(answer.data, Mapping) else {}


def _scopes(answer: SlackResponse | Refusal) -> frozenset[str] | None:
    """Return the scopes of the app, which stand in a header of every answer."""
    if isinstance(answer, Refusal):
        return None
    headers = {name.lower(): value for name, value in answer.headers.items()}
    told = headers.get("x-oauth-scopes")
    return None if told is None else frozenset(re.split(r"[ ,]+", str(told)))


def _refusal(status: int, error: object, retry_after: str | None, needed: object = None) -> Refusal:
    """Return what an answer means; nothing of it is quoted but the name of an error."""
    name = error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error) else ""
    if name:
        why = f"Slack answered {name}"
    elif status >= 300:  # noqa: PLR2004 - RFC 9110, 15.4
        why = f"Slack answered with status {status}"
    else:
        why = "the answer is not one of Slack's"
    if status == 429 or name in ("ratelimited", "rate_limited"):  # noqa: PLR2004 - RFC 6585
        asked = f", to wait {retry_after} s" if re.fullmatch("[0-9]+", retry_after or "") else ""
        return Refusal(
            f"Slack limits the rate{asked}",
            _HINTS["ratelimited"],
            retries=RETRIES,
            retry_after=retry_after,
            everywhere=True,
        )
    if status >= 500 or _HINTS.get(name) == _LATER:  # noqa: PLR2004 - RFC 9110, 15.6
        return Refusal(why, _LATER, retries=RETRIES, retry_after=retry_after)
    hint = _HINTS.get(name, "the address, or the proxy between" if not name else _DEFECT)
    if name == "missing_scope" and isinstance(needed, str) and re.fullmatch(r"[a-z:._,-]+", needed):
        hint = f"to add the scope {needed} to the app and install it again"
    return Refusal(
        why,
        hint,
        credential=name in _CREDENTIAL,
        everywhere=name in _HINTS and name not in _ONE_MESSAGE,
    )


def _unanswered(error: OSError | HTTPException) -> Refusal:
    if isinstance(error, URLError):  # raised up to the end of sending, never after it
        return Refusal(
            f"Slack cannot be reached ({type(error.reason).__name__})",
            "the way from this network to Slack: name resolution, proxy, certificates",
            retries=RETRIES_WHEN_CUT,
            everywhere=True,
            answered=False,
        )
    late = isinstance(error, TimeoutError)
    return Refusal(
        f"Slack did not answer ({type(error).__name__})",
        "to look whether the message is there after all before sending it again",
        retries=0 if late else RETRIES_WHEN_CUT,
        everywhere=late,
        answered=False,
    )
