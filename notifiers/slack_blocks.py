"""A message as Block Kit: made of values, within every limit that Slack has.

Nothing is marked up. Text goes into ``rich_text`` and ``plain_text`` objects, which Slack
shows as they are: ``<!channel>``, ``@here``, back-ticks or ``&amp;`` in somebody's SQL are
letters there, code cannot close its own block, and nobody is pinged. The one field that
Slack would parse, the ``text`` of a notification, is escaped and its parsing switched off.

What does not fit is split: a text over several blocks, blocks over several messages. A
part that is blank is left out, Slack refuses empty texts.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final, TypeAlias, assert_never

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
from notifiers.visible import visible

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json]"
Block: TypeAlias = Mapping[str, Json]
Payload: TypeAlias = dict[str, Json]

BLOCKS_PER_MESSAGE: Final = 50
"""https://docs.slack.dev/reference/block-kit/blocks"""
CHARACTERS_PER_HEADER: Final = 150
"""https://docs.slack.dev/reference/block-kit/blocks/header-block"""
CHARACTERS_PER_TEXT: Final = 3_000
"""https://docs.slack.dev/reference/block-kit/composition-objects/text-object; none is
documented for the texts of a ``rich_text`` block, they are held to the same."""
CHARACTERS_PER_NOTIFICATION: Final = 4_000
"""The ``text`` of a message: longer ones are split from 4,000 on and cut at 40,000.
https://docs.slack.dev/reference/methods/chat.postMessage#truncating"""
WEIGHT_PER_MESSAGE: Final = 12_000
"""Over all blocks of a message Slack has a limit that it does not document: about 13,200,
less 125 for each block, and 11,341 characters in many ``rich_text`` elements were refused
(``msg_blocks_too_long``, slackapi/bolt-js issues 2509 and 2867). So blocks are weighed as
the JSON they are, in UTF-8 and escaped, which is never less than any way to count them."""
WEIGHT_PER_BLOCK: Final = 125
_GRAPHEME = 32
"""Code points that one visible character may have before it is cut after all."""
_FALLBACK = "A new message"
"""The notification of a message without any words."""


def thread(message: Message) -> list[Payload]:
    """Return the messages for a channel with threads: the first, then what goes below it."""
    parents = _packed([_parts(message)])
    replies = [blocks for reply in message.replies for blocks in _packed([_blocks(reply)])]
    return _payloads(message, [*parents, *replies])


def posts(message: Message) -> list[Payload]:
    """Return the messages for a channel without threads, in order, as few as fit."""
    replies = [[{"type": "divider"}, *blocks] for r in message.replies if (blocks := _blocks(r))]
    return _payloads(message, _packed([_parts(message), *replies]))


def _payloads(message: Message, messages: Iterable[Sequence[Block]]) -> list[Payload]:
    return [
        {
            "text": _notification(message.summary if number == 0 else next(_words(blocks), "")),
            "blocks": blocks,
            "parse": "none",
            "mrkdwn": False,
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
        }
        for number, blocks in enumerate(messages)
    ]


def _parts(message: Message) -> list[Block]:
    """Return the blocks of the first message, led by a summary that nothing else can hold."""
    blocks = _blocks(message.parts)
    if blocks and len(_lines(message.summary)) <= 1:
        return blocks
    return [*_blocks([Paragraph(message.summary)]), *blocks] or _blocks([Paragraph(_FALLBACK)])


def _notification(words: str) -> str:
    """Return ``words`` for the ``text`` field; what is too long for it stands in a block."""
    first, *more = _lines(words) or [_FALLBACK]
    return escape(first + "…" if more else first, quote=False)


def _lines(words: str) -> list[str]:
    return pieces(words, CHARACTERS_PER_NOTIFICATION - len("…"))


def _words(value: Json) -> Iterator[str]:
    """Yield the texts of blocks, in order."""
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), str):
            yield str(value["text"])
        else:
            for inner in value.values():
                yield from _words(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _words(inner)


# Parts to blocks


def _blocks(parts: Iterable[Part]) -> list[Block]:
    return [block for part in parts for block in _part(part)]


def _part(part: Part) -> list[Block]:
    match part:
        case Heading(text=words):
            lines = pieces(visible(words).replace("\n", " "), CHARACTERS_PER_HEADER)
            return [{"type": "header", "text": _plain(piece)} for piece in lines]
        case Paragraph(text=words):
            return _rich("rich_text_section", words)
        case Preformatted(text=words):
            return _rich("rich_text_preformatted", words)
        case Footnote(text=words):
            lines = pieces(words, CHARACTERS_PER_TEXT)
            return [{"type": "context", "elements": [_plain(piece)]} for piece in lines]
        case Alert(text=words):
            return _rich("rich_text_quote", f"⚠ {words}") if visible(words).strip() else []
        case Facts(pairs=pairs):
            return _facts(pairs)
    assert_never(part)


def _rich(kind: str, words: str) -> list[Block]:
    return [_rich_text(kind, [_text(piece)]) for piece in pieces(words, CHARACTERS_PER_TEXT)]


def _facts(pairs: Iterable[tuple[str, str]]) -> list[Block]:
    """Return a line a pair, its name bold; a new block where the next would not fit."""
    blocks: list[list[Json]] = []
    left = 0
    for name, value in pairs:
        texts = [_text(piece, bold=True) for piece in pieces(name, CHARACTERS_PER_TEXT)]
        texts += [_text(piece) for piece in pieces(value, CHARACTERS_PER_TEXT)]
        for number, words in enumerate(texts):
            between = _text("  " if number else "\n")
            size = _wire(between) + _wire(words)
            if size > left:
                blocks.append([words])
                left = CHARACTERS_PER_TEXT
            else:
                blocks[-1] += [between, words]
            left -= size
    return [_rich_text("rich_text_section", block) for block in blocks]


def _rich_text(kind: str, elements: Sequence[Json]) -> Block:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": elements}]}


def _text(words: str, *, bold: bool = False) -> Block:
    element: dict[str, Json] = {"type": "text", "text": words}
    return {**element, "style": {"bold": True}} if bold else element


def _plain(words: str) -> Block:
    return {"type": "plain_text", "text": words, "emoji": False}


# Within the limits


def _size(character: str) -> int:
    """Return the length of a character by the longest count: escaped, in UTF-16 units."""
    if character == "&":
        return len("&amp;")
    if character in "<>":
        return len("&lt;")
    return 1 if character <= "\uffff" else 2


def pieces(words: str, limit: int) -> list[str]:
    """Return ``words``, made visible, in pieces of at most ``limit`` characters.

    It is cut at a newline, which is dropped; else after a blank, else between characters
    as a reader sees them. A piece that is blank is left out. No other character is lost.
    """
    shown = visible(words)
    found = []
    start = 0
    while start < len(shown):
        end = _fitting(shown, start, limit)
        if end < len(shown):
            end = _cut(shown, start, end)
        piece = shown[start:end]
        if piece.strip():
            found.append(piece)
        start = end + 1 if shown[end : end + 1] == "\n" else end
    return found


def _fitting(shown: str, start: int, limit: int) -> int:
    size = 0
    for end in range(start, len(shown)):
        size += _size(shown[end])
        if size > limit:
            return end
    return len(shown)


def _cut(shown: str, start: int, end: int) -> int:
    """Return the best place to cut in the second half of ``shown[start:end]``."""
    half = start + (end - start) // 2
    newline = shown.rfind("\n", half, end + 1)
    if newline > start:
        return newline
    blank = shown.rfind(" ", half, end)
    if blank > start:
        return blank + 1
    for cut in range(end, max(half, end - _GRAPHEME), -1):
        if not _joined(shown[cut - 1], shown[cut]):
            return cut
    return end


def _joined(left: str, right: str) -> bool:
    """Tell whether two code points may be one character to the eye (UAX #29, roughly)."""
    return (
        left == "\N{ZERO WIDTH JOINER}"
        or right == "\N{ZERO WIDTH JOINER}"
        or unicodedata.category(right) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= right <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= right <= "\U000e007f"  # tags of a flag
        or (_is_regional(left) and _is_regional(right))
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _wire(value: Json) -> int:
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(escape(written, quote=False).encode())


def _weight(block: Block) -> int:
    return _wire(block) + WEIGHT_PER_BLOCK


def _packed(groups: Iterable[Sequence[Block]]) -> list[list[Block]]:
    """Return blocks as messages within the limits; a group that can stays in one piece."""
    messages: list[list[Block]] = []
    count, weight = BLOCKS_PER_MESSAGE, 0
    for group in groups:
        weights = [_weight(block) for block in group]
        whole = len(group) <= BLOCKS_PER_MESSAGE and sum(weights) <= WEIGHT_PER_MESSAGE
        for number, block in enumerate(group):
            coming = (len(group), sum(weights)) if whole and not number else (1, weights[number])
            if count + coming[0] > BLOCKS_PER_MESSAGE or weight + coming[1] > WEIGHT_PER_MESSAGE:
                messages.append([])
                count, weight = 0, 0
            messages[-1].append(block)
            count, weight = count + 1, weight + weights[number]
    return messages
