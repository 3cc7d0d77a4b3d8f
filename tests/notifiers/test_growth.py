"""What channels make of a message takes time in proportion to its text, whatever it holds."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from notifiers import console, slack_blocks
from notifiers.message import Facts, Message, Paragraph, Part, Preformatted
from tests import growth

HOSTILE = {
    "a word without an end": "a",
    "lines": "a\n",
    "spaces": " ",
    "what markup is made of": "<!channel> & `*_~",
    "control characters": "\x1b[2J\u202e",
    "marks on one letter": "\u0301",
    "joined pictures": "\U0001f469\u200d",
    "flags": "\U0001f1e9",
    "lone surrogates": "\ud800",
}
PIECE = 3_000
"""Characters, about, from which on a text is cut into pieces: there a curve has a step."""

MEDIA: dict[str, Callable[[Message], object]] = {
    "Slack with threads": slack_blocks.thread,
    "Slack without threads": slack_blocks.posts,
    "a terminal": lambda message: console.Console(io.StringIO()).send(message),
}


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("medium", ["Slack with threads", "a terminal"])
def test_time_is_in_proportion_to_a_text(medium: str, hostile: str) -> None:
    def message(n: int) -> Message:
        text = HOSTILE[hostile] * (n * PIECE // len(HOSTILE[hostile]))
        return Message(text, (Paragraph(text), Preformatted(text), Facts(((text, text),))))

    assert growth.exponent(MEDIA[medium], message) < growth.LIMIT


@pytest.mark.parametrize("part", [Paragraph("a & b"), Preformatted("a"), Facts((("a", "b"),))])
@pytest.mark.parametrize("medium", MEDIA)
def test_time_is_in_proportion_to_the_number_of_parts(medium: str, part: Part) -> None:
    def message(n: int) -> Message:
        return Message("a", (part,) * n, ((part,),) * n)

    assert growth.exponent(MEDIA[medium], message) < growth.LIMIT
