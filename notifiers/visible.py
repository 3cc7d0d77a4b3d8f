r"""Hostile text, made harmless by showing what it holds.

Texts come from logs, and thus from anybody who can send a statement to a database. A
control character moves a terminal's cursor, a bidirectional mark reorders a line on the
screen, a lone surrogate is refused by UTF-8. None of them is dropped: each becomes one
character that shows it was there.
"""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_SHOWN: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},  # C0's pictures
    0x7F: "\N{SYMBOL FOR DELETE}",
    **dict.fromkeys(range(0x80, 0xA0), REPLACEMENT),  # C1
    **dict.fromkeys(map(ord, "\u061c\u200e\u200f"), REPLACEMENT),  # bidirectional marks, UAX #9
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), REPLACEMENT),
    **dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT),  # lone surrogates
    **dict.fromkeys((0x2028, 0x2029), "\n"),
}


def visible(text: str) -> str:
    """Return ``text`` with nothing in it that acts: only tabs, newlines and what shows."""
    return text.replace("\r\n", "\n").translate(_SHOWN)


def columns(text: str) -> int:
    """Return how many columns ``text`` takes in a terminal (Unicode UAX #11)."""
    return sum(
        0
        if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )
