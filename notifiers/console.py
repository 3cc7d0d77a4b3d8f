"""A channel for a person at a terminal: plain text, laid out by blanks and rules alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO, assert_never

from notifiers.inquiry import Finding
from notifiers.message import (
    Alert,
    DeliveryError,
    Facts,
    Footnote,
    Heading,
    Message,
    Paragraph,
    Part,
    Preformatted,
)
from notifiers.patience import Remaining, unhurried
from notifiers.visible import columns, visible

_LABELS = 32
"""Columns that names in a table of facts may claim; a longer one pushes its value out."""
_RULE = 60
"""Columns of the rule above a reply."""


def text(message: Message) -> str:
    """Return ``message`` as lines for a terminal, replies below the parts."""
    sections = [_section(message.parts) or visible(message.summary)]
    replies = [section for reply in message.replies if (section := _section(reply))]
    for number, reply in enumerate(replies, 1):
        count = f" {number} of {len(replies)} "
        sections.append(f"──{count}{'─' * (_RULE - 2 - len(count))}\n\n{reply}")
    return "\n\n".join(sections) + "\n"


def _section(parts: Iterable[Part]) -> str:
    return "\n\n".join(shown for part in parts if (shown := _part(part)).strip())


def _part(part: Part) -> str:
    match part:
        case Heading(text=words):
            line = visible(words).replace("\n", " ")
            return f"{line}\n{'─' * columns(line)}"
        case Paragraph(text=words):
            return visible(words)
        case Preformatted(text=words):
            return _indented(words, "    ")
        case Footnote(text=words):
            return _indented(words, "· ")
        case Alert(text=words):
            return _indented(words, "⚠ ")
        case Facts(pairs=pairs):
            return _table(pairs)
    assert_never(part)


def _indented(words: str, first: str) -> str:
    shown = visible(words)
    return first + shown.replace("\n", "\n" + " " * len(first)) if shown.strip() else ""


def _table(pairs: tuple[tuple[str, str], ...]) -> str:
    names = [visible(name).replace("\n", " ") for name, _ in pairs]
    width = min(_LABELS, max(map(columns, names), default=0))
    below = "\n" + " " * (width + 4)
    values = [visible(value).replace("\n", below) for _, value in pairs]
    return "\n".join(
        f"  {name}{' ' * (width - columns(name))}  {value}"
        for name, value in zip(names, values, strict=True)
    )


class Console:
    """Writes messages to ``stream``, by default to what is standard output at the time."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def inquire(self) -> Sequence[Finding]:
        """Tell that a stream takes what comes."""
        return [Finding("may write", "ok", "it is standard output")]

    def send(self, message: Message, remaining: Remaining = unhurried) -> None:
        """Write ``message``; a character that the stream's encoding lacks becomes ``?``."""
        del remaining  # a stream takes no time
        stream = sys.stdout if self._stream is None else self._stream
        encoding = stream.encoding or "utf-8"
        lines = text(message).encode(encoding, "replace").decode(encoding)
        failure = _write(stream, lines)
        if failure:
            what = f"the message was not written to the console: {failure}"
            raise DeliveryError(what, "a stream that is open and has room")


def _write(stream: TextIO, lines: str) -> str:
    try:
        stream.write(lines)
        stream.flush()
    except (OSError, ValueError) as error:  # ValueError: the stream is closed
        return type(error).__name__
    return ""
