"""What stands between two portions of a file: nothing, a repeat, or a hole.

A marker such as ``12:210510255`` names the byte of the file at which the next portion
begins. Held against the bytes that came, it shows what came twice and what never came.
**Markers decide how much**; equal contents decide nothing, for equal events are ordinary in
a log. Contents can only refute: what differs from the bytes before it is no repeat.

It is no exact science. ``?`` may stand for a character of up to four bytes, U+FFFD for one
to three bytes that were no text, and a line's CR may be lost, so sizes are ranges. Nearly
always, though, it is one byte each: where that fits, it decides. Still, what a range leaves
open is said to be doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

BEGINNING: Final = "0"
"""The marker from which a file is read as a whole."""

_OFFSET = re.compile(r"(\d{1,9}):(\d{1,18})", re.ASCII)
_REPLACED: Final = "\ufffd".encode()
_ASCII: Final = bytes(range(128))
_LAST: Final = 64
_TRIES: Final = 100

LONGEST_REPEAT: Final = 256 * 1024
"""Bytes in front of a seam that are looked at where nothing tells what comes twice. Seen are
repeats of the tail of a line."""

_OPEN: Final = 16 * 1024
"""The same where markers tell it within a range: how far that is followed."""


class Sizes(NamedTuple):
    """How many bytes of a file something stands for: at least, and at most."""

    least: int
    most: int


def sizes(data: bytes) -> Sizes:
    """Return the bytes of a file that ``data`` can have been made from."""
    size, unknown = len(data), data.count(b"?")
    if data.isascii():
        return Sizes(size, size + 3 * unknown)
    replaced = data.count(_REPLACED)
    if unknown and _has_others(data, replaced):
        unknown = 0  # where others come as they are, "?" stands for no character but itself
    return Sizes(size - 2 * replaced, size + 3 * unknown)


def _has_others(data: bytes, replaced: int) -> bool:
    """Tell whether there is a character beyond ASCII that is not U+FFFD."""
    return len(data.translate(None, _ASCII)) > replaced * len(_REPLACED)


def stands_for(data: bytes, span: int) -> bool:
    """Tell whether ``data`` can have been made from so many bytes of a file."""
    return _can_be(data, sizes(data), span)


def _can_be(data: bytes, whole: Sizes, span: int) -> bool:
    return whole.least <= span <= whole.most or span == len(data) + _lost_returns(data)


def _lost_returns(data: bytes) -> int:
    """Return how many CRs may be missing: all of them or, if there is one, none."""
    return 0 if b"\r" in data else data.count(b"\n")


def offset(marker: str) -> int | None:
    """Return the byte that a marker names, ``None`` if it names none."""
    if marker == BEGINNING:
        return 0
    found = _OFFSET.fullmatch(marker)
    return int(found[2]) if found else None


def made_up(marker: str, position: int) -> str:
    """Return the marker of another byte in the file of ``marker``."""
    number = marker.partition(":")[0] if ":" in marker else "0"
    return f"{number}:{position}"


_NOTHING: Final = Sizes(0, 0)


class Stretch(NamedTuple):
    """What a portion adds to a file.

    ``doubtful`` of its first bytes may be there already, and ``refuted`` are not, but only
    markers say so. ``missing`` bytes, at least, are left out behind it.
    """

    data: bytes
    doubtful: int = 0
    refuted: int = 0
    missing: int = 0


class _Repeat(NamedTuple):
    """So many bytes of a portion may be there already; ``is_usual``: at one byte each."""

    size: int
    is_usual: bool


@dataclass(frozen=True, slots=True)
class Seam:
    """The end of what came so far: its last portion, and the byte at which that began.

    ``is_rewound`` says that a marker did point to before the end: then that is its manner,
    and not that portions begin early.
    """

    before: bytes = b""
    begins_at: int | None = None
    is_rewound: bool = False
    whole: Sizes = _NOTHING

    def join(self, data: bytes, at: int | None, to: int | None) -> tuple[Stretch, Seam]:
        """Add the portion that came for ``at`` with a marker to ``to``; ``None``: untold."""
        if at is None or to is None:
            doubtful = longest_repeat(self.before, data)
            return Stretch(data, doubtful), Seam(data)
        mine = sizes(data)
        too_low = list(self._marker_too_low(data, at))
        repeated, doubtful = _decided(too_low)
        begins_at, is_rewound = at, self.is_rewound or repeated > 0
        if not too_low and self._must_be_repeated(at):
            repeated, doubtful = _decided(self._both(data, at))
            begins_at -= max(0, repeated - self._reach(at))
            is_rewound = True
            if not repeated:
                doubtful = longest_repeat(self.before, data)
        elif not repeated:
            early = list(self._begun_too_early(data, mine, to - at))
            if doubtful:
                # Of what either may be, it is what both are.
                sizes_too_low = {repeat.size for repeat in too_low}
                early = [repeat for repeat in early if repeat.size in sizes_too_low]
            again, doubtful_too = _decided(early)
            if self.is_rewound:
                doubtful = max(doubtful, again)
            elif again or not doubtful:
                repeated, doubtful = again, doubtful_too
                begins_at -= repeated
        missing = 0
        if not _can_be(data, mine, to - begins_at):
            missing = max(0, to - begins_at - mine.most)
        added = data[repeated:]
        refuted = 0 if repeated or doubtful else longest_repeat(self.before, data)
        after = Seam(data, begins_at, is_rewound, mine) if added else self
        return Stretch(added, doubtful, refuted, missing), Seam() if missing else after

    def is_all_there(self, data: bytes) -> bool:
        """Tell whether what came is the end of what had come before."""
        return self.before.endswith(data)

    def is_there(self, part: bytes) -> bool:
        """Tell whether a line that was cut had come whole: ``part``, and then the end of it."""
        at = self.before.rfind(part) if part else -1
        return at >= 0 and b"\n" not in self.before[at + len(part) : -1]

    def _must_be_repeated(self, at: int) -> bool:
        return self._reach(at) > 0

    def _reach(self, at: int) -> int:
        """Return by how many bytes at least what came reaches beyond ``at``."""
        return 0 if self.begins_at is None else self.whole.least - (at - self.begins_at)

    def _marker_too_low(self, data: bytes, at: int) -> Iterator[_Repeat]:
        """Yield what may be repeated because the marker points to before the end.

        The part of ``before`` in front of the marker is known, exactly or within a range.
        """
        if self.begins_at is None or at < self.begins_at:
            return
        span, before = at - self.begins_at, self.before
        whole, last = self.whole, len(before)
        if _can_be(before, whole, span):
            yield _Repeat(0, whole.least == span)
        first = max(0, span - min(whole.most - last, _OPEN))
        compared = 0
        for cut in range(first, min(last - 1, span + min(last - whole.least, _OPEN)) + 1):
            # Nearly every cut is none, and one byte tells.
            if data and before[cut] != data[0] and not _is_within_a_character(before[cut]):
                continue
            if not data.startswith(_shown(before, cut, _LAST)[: len(data)]):
                continue
            compared += 1
            again = _shown(before, cut, len(data))[: len(data)]
            if compared <= _TRIES and data.startswith(again):
                least, most = _without(whole, before[cut:])
                if least <= span <= most:
                    yield _Repeat(len(again), least == span)

    def _begun_too_early(self, data: bytes, whole: Sizes, span: int) -> Iterator[_Repeat]:
        """Yield what may be repeated because the portion begins before its marker."""
        before = self.before
        if _can_be(data, whole, span):
            yield _Repeat(0, whole.least == span)
        if self.begins_at is None:
            return
        longest = min(whole.most - span, len(before), len(data))
        if whole.most > whole.least:
            longest = min(longest, _OPEN)
        for size in range(max(1, whole.least - span), longest + 1):
            if before[-size] != data[0]:
                continue
            repeated = before[-size:]
            if data.startswith(repeated):
                least, most = _without(whole, repeated)
                if least <= span <= most:
                    yield _Repeat(size, least == span)

    def _both(self, data: bytes, at: int) -> Iterator[_Repeat]:
        """Yield what may be repeated because the portion begins even before a marker too low."""
        for size in _repeats(self.before, data):
            if size >= self._reach(at) and self.before.endswith(data[:size]):
                yield _Repeat(size, is_usual=True)


def _decided(found: Iterable[_Repeat]) -> tuple[int, int]:
    """Return how many bytes are repeated, and how many more may be."""
    repeats = list(found)
    every = [repeat.size for repeat in repeats] or [0]
    usual = [repeat.size for repeat in repeats if repeat.is_usual]
    repeated = usual[0] if len(usual) == 1 else min(every)
    return repeated, max(1, max(every) - repeated) if len(every) > 1 else 0


def _without(whole: Sizes, part: bytes) -> Sizes:
    least, most = sizes(part)
    return Sizes(whole.least - least, whole.most - most)


def _shown(before: bytes, cut: int, size: int) -> bytes:
    """Return how so many bytes from ``cut`` on look at the beginning of a portion.

    One that begins inside a character begins with U+FFFD, one for each byte left of it.
    """
    rest = cut
    while rest < len(before) and _is_within_a_character(before[rest]):
        rest += 1
    return _REPLACED * (rest - cut) + before[rest : rest + size]


def _is_within_a_character(byte: int) -> bool:
    return 0x80 <= byte < 0xC0  # noqa: PLR2004 - what goes on, in UTF-8


def longest_repeat(before: bytes, data: bytes) -> int:
    """Return how many bytes of ``data`` can be the end of ``before`` over again, at most."""
    return next(_repeats(before, data), 0)


def _repeats(before: bytes, data: bytes) -> Iterator[int]:
    """Yield each number of bytes that can be repeated, the largest first.

    Where there are too many, it yields one that those which were not tried do not exceed.
    """
    last, head = before[-_LAST:], data[:LONGEST_REPEAT]
    if len(last) == _LAST:
        end = len(head)
        for _ in range(_TRIES):
            found = head.rfind(last, 0, end)
            if found < 0:
                break
            end = found + _LAST - 1
            if before.endswith(head[: end + 1]):
                yield end + 1
        else:
            yield end
    for size in range(min(len(last), len(data)), 0, -1):
        if size < _LAST and last.endswith(data[:size]):
            yield size
