"""What a channel delivers: a message made of values, never of markup.

A message is a tree of plain text. Each channel decides what a heading or a table
of lines looks like in its own medium, and escapes what its medium would interpret;
nothing in here is ever markup, so nothing in here can be injected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias


class _Text:
    """A part that is nothing but its text; a dataclass for each would take long to load."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: Final = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Text) and type(other) is type(self) and other.text == self.text

    def __hash__(self) -> int:
        return hash((type(self), self.text))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"


class Heading(_Text):
    """The one line a reader sees first."""

    __slots__ = ()


class Paragraph(_Text):
    """Running text; line breaks are kept."""

    __slots__ = ()


class Preformatted(_Text):
    """Lines whose columns must stay aligned, or code."""

    __slots__ = ()


class Facts(NamedTuple):
    """Names and their values, for a small table."""

    pairs: tuple[tuple[str, str], ...]


class Footnote(_Text):
    """What a reader may skip."""

    __slots__ = ()


class Alert(_Text):
    """Bad news about the sender itself, set apart from the news it brings."""

    __slots__ = ()


Part: TypeAlias = Heading | Paragraph | Preformatted | Facts | Footnote | Alert


class Message(NamedTuple):
    """One delivery to one channel.

    ``summary`` is one line of plain text: the notification on a phone's lock screen.
    ``replies`` belong in a thread under ``parts`` where the medium has threads, below
    them where it has none. ``document`` is the same content as JSON values, for a
    channel whose reader is a program.
    """

    summary: str
    parts: tuple[Part, ...]
    replies: tuple[tuple[Part, ...], ...] = ()
    document: Mapping[str, Any] = {}


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
