r"""Hostile text, made harmless by showing what it holds.

Texts come from logs, and thus from anybody who can send a statement to a database. A
control character moves a terminal's cursor, a bidirectional mark reorders a line on the
screen, a lone surrogate is refused by UTF-8. None of them is dropped: each becomes one
character that shows it was there.
"""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, UAX #9
    "\ud800-\udfff]"
)
_BREAKS = re.compile("\r\n|[\u2028\u2029]")


def visible(text: str) -> str:
    """Return ``text`` with nothing in it that acts: only tabs, newlines and what shows."""
    return _ACTING.sub(_shown, _BREAKS.sub("\n", text))


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:  # noqa: PLR2004 - the C0 controls; U+2400 begins their pictures
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if match[0] == "\x7f" else REPLACEMENT


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
