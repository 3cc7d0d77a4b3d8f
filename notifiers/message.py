"""What a channel delivers: a message made of values, never of markup.

A message is a tree of plain text. Each channel decides what a heading or a table
of lines looks like in its own medium, and escapes what its medium would interpret;
nothing in here is ever markup, so nothing in here can be injected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Heading:
    """The one line a reader sees first."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; line breaks are kept."""

    text: str


@dataclass(frozen=True, slots=True)
class Preformatted:
    """Lines whose columns must stay aligned, or code."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and their values, for a small table."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Footnote:
    """What a reader may skip."""

    text: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Bad news about the sender itself, set apart from the news it brings."""

    text: str


Part: TypeAlias = Heading | Paragraph | Preformatted | Facts | Footnote | Alert


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery to one channel.

    ``summary`` is one line of plain text: the notification on a phone's lock screen.
    ``replies`` belong in a thread under ``parts`` where the medium has threads, below
    them where it has none. ``document`` is the same content as JSON values, for a
    channel whose reader is a program.
    """

    summary: str
    parts: tuple[Part, ...]
    replies: tuple[tuple[Part, ...], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)


class DeliveryError(Exception):
    """A channel did not take a message, or not all of it.

    ``what`` says what arrived and what did not and why, ``hint`` what to try. Neither
    ever holds the message's text, an address that is a secret, or a token.
    """

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}; try: {self.hint}"


class CredentialRefused(DeliveryError):
    """The channel does not accept the credential: worth reading it again, once."""


class Notifier(Protocol):
    """A channel: the one thing it does is deliver a message or say why not."""

    def send(self, message: Message, remaining: Callable[[], float] = ...) -> None:
        """Deliver ``message``; raise :class:`DeliveryError` unless all of it arrived.

        ``remaining`` returns how many seconds there still are for it, by default no end of
        them: what cannot be sent in time has not arrived.
        """
        ...
