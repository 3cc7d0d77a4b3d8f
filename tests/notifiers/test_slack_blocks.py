"""Whatever a message holds, its payloads are within Slack's limits and lose nothing."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifiers.message import (
    Alert,
    Facts,
    Footnote,
    Heading,
    Message,
    Paragraph,
    Part,
    Preformatted,
)
from notifiers.slack_blocks import pieces, posts, thread
from notifiers.visible import visible
from tests.sandbox.slack_stand_in import complaint, words

FRAGMENTS = (
    "\n",
    " ",
    "&",
    "<!channel>",
    "```",
    "\x1b[1m",
    "👩\u200d👧",
    "e\u0301",
    '"',
    "\\",
    "日",
)

lengths = st.sampled_from([1, 2, 149, 150, 151, 2999, 3001])
texts = st.lists(
    st.one_of(
        st.text(st.characters(), max_size=20),
        st.builds(str.__mul__, st.sampled_from(FRAGMENTS), lengths),
    ),
    max_size=3,
).map("".join)
parts = st.one_of(
    *(st.builds(kind, texts) for kind in (Heading, Paragraph, Preformatted, Footnote, Alert)),
    st.builds(Facts, st.lists(st.tuples(texts, texts), max_size=3).map(tuple)),
    st.builds(Facts, st.integers(0, 300).map(lambda n: (("n", "v"),) * n)),
)
crowds = st.builds(tuple.__mul__, st.tuples(st.builds(Heading, texts)), st.integers(40, 60))
sections = st.lists(parts, max_size=4).map(tuple)
messages = st.builds(
    Message,
    texts,
    st.one_of(sections, crowds),
    st.lists(st.one_of(sections, crowds), max_size=3).map(tuple),
    st.just({}),
)


def without_blanks(text: str) -> str:
    return "".join(text.split())


def said(part: Part) -> str:
    if isinstance(part, Facts):
        return "".join(name + value for name, value in part.pairs)
    return f"⚠{part.text}" if isinstance(part, Alert) and visible(part.text).strip() else part.text


@pytest.mark.parametrize("way", [thread, posts])
@settings(deadline=None)
@given(message=messages)
@example(message=Message("a", (Alert("\r"),)))
def test_every_payload_is_within_every_limit_and_nothing_is_lost(way, message) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    payloads = way(message)
    assert payloads
    shown = ""
    for payload in payloads:
        json.dumps(payload, ensure_ascii=False).encode()
        assert complaint(payload) == ""
        assert payload["blocks"]
        assert payload["text"].strip()
        assert len(payload["text"]) <= 4000
        shown += "".join(words(payload["blocks"]))
    everything = [part for section in (message.parts, *message.replies) for part in section]
    assert without_blanks(shown).endswith(
        without_blanks(visible("".join(said(part) for part in everything)))
    )


@given(text=texts, limit=st.integers(20, 200))
def test_pieces_fit_and_lose_nothing_but_newlines_at_cuts(text: str, limit: int) -> None:
    found = pieces(text, limit)
    assert without_blanks("".join(found)) == without_blanks(visible(text))
    for piece in found:
        escaped = piece.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert len(escaped.encode("utf-16-le")) // 2 <= limit
        assert piece.strip()


def test_a_cut_falls_at_a_line_else_after_a_word() -> None:
    assert pieces("aaaa\nbbbb\ncc", 10) == ["aaaa\nbbbb", "cc"]
    assert pieces("aaaa bbbb cc", 10) == ["aaaa bbbb ", "cc"]
    assert pieces("a" * 12, 10) == ["a" * 10, "aa"]


@pytest.mark.parametrize(
    "one", ["👩\u200d👩\u200d👧", "e\u0301\u0323", "👍🏽", "🇩🇪", "🏴\U000e0067\U000e007f"]
)
def test_a_cut_never_falls_inside_what_the_eye_takes_as_one_character(one: str) -> None:
    for before in range(1, 30):
        for left, right in pairwise(pieces("x" * before + one + "y" * 30, 30)):
            assert one in left + right
            assert one in left or one in right


def test_a_notification_that_is_cut_stands_in_full_in_the_message() -> None:
    (payload,) = thread(Message("x" * 5000 + "end", (Paragraph("parts"),)))
    text = payload["text"]
    assert isinstance(text, str)
    assert text.endswith("…")
    assert "".join(words(payload["blocks"])) == "x" * 5000 + "end" + "parts"  # type: ignore[arg-type]
