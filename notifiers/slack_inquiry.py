"""What Slack tells a bot about itself and its channel, and what it leaves open.

``auth.test`` needs no scope and shows in a header which ones the app has. Whether the
channel is there and the bot in it, ``conversations.info`` tells an app with the scope
``channels:read`` (public channels) or ``groups:read`` (private ones), and by the channel's
id only. https://docs.slack.dev/reference/methods/conversations.info
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from notifiers.inquiry import Finding
from notifiers.patience import Refusal

Told: TypeAlias = Mapping[str, Any] | Refusal
"""An answer of Slack's, or why there is none."""

ID: Final = re.compile(r"[CGD][A-Z0-9]{8,}")
"""A channel's id; names have no capital letters."""

WRITE: Final = "chat:write"
PUBLIC: Final = "chat:write.public"

AUTHENTICATION: Final = "authentication"
CHANNEL: Final = "channel"
MAY_WRITE: Final = "may write"

INVITE: Final = "/invite the bot in the channel"

_BY_NAME: Final = Finding(
    CHANNEL,
    "unknown",
    "Slack tells about a channel by its id only, and settings have its name",
    "write the id, C…, that stands in the channel's details in Slack",
)
_ARCHIVED: Final = Finding(
    CHANNEL, "fail", "the channel is archived", "another channel, or unarchive this one"
)
_HIDDEN: Final = Finding(
    CHANNEL,
    "unknown",
    "it is no public channel",
    "the scope groups:read would tell whether it is a private one that the bot is in",
)
_NO_SCOPE_TO_WRITE: Final = Finding(
    MAY_WRITE,
    "fail",
    f"the app lacks the scope {WRITE}",
    f"add the scope {WRITE} to the app and install it again",
)
_SCOPES_UNTOLD: Final = Finding(
    MAY_WRITE,
    "unknown",
    "Slack did not say which scopes the app has",
    f"look in the app's settings for {WRITE}",
)
_OUTSIDE: Final = Finding(
    MAY_WRITE,
    "fail",
    f"the app has {WRITE}, but the bot is not in the channel",
    f"{INVITE}, or give the app the scope {PUBLIC} for public ones",
)
_PERHAPS: Final = Finding(
    MAY_WRITE,
    "unknown",
    f"the app has {WRITE}; whether the bot is in the channel is not known",
    f"{INVITE} if in doubt; the scope channels:read, or groups:read for a private channel, "
    "would tell by the channel's id",
)
_SILENT: Final = Finding(
    MAY_WRITE,
    "unknown",
    "an incoming webhook tells nothing before something is posted",
    "post something to it",
)

SAID: Final = (
    *(_BY_NAME, _ARCHIVED, _HIDDEN, _NO_SCOPE_TO_WRITE, _SCOPES_UNTOLD, _OUTSIDE, _PERHAPS),
    _SILENT,
)
"""All that is said here and is not well, for the documentation."""


def of_bot(auth: Told, info: Told | None, scopes: frozenset[str] | None) -> Sequence[Finding]:
    """Return the findings about a bot and its channel.

    ``info`` is ``None`` where the channel is known by its name only; ``scopes`` are the
    app's, ``None`` where Slack did not tell them.
    """
    if isinstance(auth, Refusal):
        return [_refused(AUTHENTICATION, auth)]
    who = f"{_name(auth.get('user'))} in the workspace {_name(auth.get('team'))}"
    channel, is_member, is_private = _channel(info, scopes or frozenset())
    return [
        Finding(AUTHENTICATION, "ok", who),
        channel,
        _may_write(scopes, is_member=is_member, is_private=is_private),
    ]


def of_webhook() -> Sequence[Finding]:
    """Return what is known of an incoming webhook: nothing."""
    return [_SILENT]


def _channel(info: Told | None, scopes: frozenset[str]) -> tuple[Finding, bool | None, bool | None]:
    """Return what is known of the channel, and whether the bot is in it and it is private."""
    if info is None:
        return _BY_NAME, None, None
    if isinstance(info, Refusal):
        return _unseen(info, scopes), None, None
    found = info.get("channel")
    if not isinstance(found, Mapping):
        return Finding(CHANNEL, "unknown", "Slack did not describe the channel"), None, None
    is_member, is_private = bool(found.get("is_member")), bool(found.get("is_private"))
    if found.get("is_archived"):
        return _ARCHIVED, is_member, is_private
    return Finding(CHANNEL, "ok", f"#{_name(found.get('name'))}"), is_member, is_private


def _unseen(refusal: Refusal, scopes: frozenset[str]) -> Finding:
    """Tell a channel that is not there from one that the app may not look at."""
    if "missing_scope" in refusal.why:
        hint = refusal.hint.removeprefix("to ")
        return Finding(CHANNEL, "unknown", "the app may not look at channels", hint)
    if "channel_not_found" in refusal.why and "groups:read" not in scopes:
        return _HIDDEN
    return _refused(CHANNEL, refusal)


def _refused(question: str, refusal: Refusal) -> Finding:
    """Return what a refusal means: where it may pass, nothing is known."""
    if not refusal.answered:
        return Finding(question, "unknown", refusal.why, "ask again; look at the way to Slack")
    return Finding(question, "unknown" if refusal.retries else "fail", refusal.why, refusal.hint)


def _may_write(
    scopes: frozenset[str] | None, *, is_member: bool | None, is_private: bool | None
) -> Finding:
    if scopes is None:
        return _SCOPES_UNTOLD
    if WRITE not in scopes:
        return _NO_SCOPE_TO_WRITE
    if is_member:
        return Finding(MAY_WRITE, "ok", f"the app has {WRITE}, and the bot is in the channel")
    if PUBLIC in scopes and is_private is False:
        return Finding(MAY_WRITE, "ok", f"the app has {PUBLIC}")
    return _PERHAPS if is_member is None else _OUTSIDE


def _name(told: object) -> str:
    """Return a name that Slack told, if it is one."""
    return told[:80] if isinstance(told, str) and told.isprintable() else "(unnamed)"
