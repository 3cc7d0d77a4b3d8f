"""How many lines of a file to ask for, so that the portion comes whole.

The service cuts a line where its limit of bytes falls, and keeps the rest of it to itself.
So one that was cut is asked for again with fewer lines; what such cuts show of the limit,
and how long the lines are, tells how many to ask for next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LINES: Final = 10_000
"""Lines of a portion: the most that the service gives (API reference,
DownloadDBLogFilePortion)."""

PORTION: Final = 1024 * 1024
"""Bytes of a portion: likewise."""

_SAFETY: Final = 0.9
_UNCUT: Final = 16  # portions in a row without a cut, after which a larger one is tried
_STUCK: Final = 3  # portions in a row that hold nothing new
_MOST_FEWEST: Final = 32  # lines that are asked for at least, if fewer bring nothing new


@dataclass(slots=True)
class Lines:
    """The lines of the next call, and what the calls before have shown.

    ``asked`` are those of the next call, ``fewest`` the fewest that get on.
    """

    asked: int = LINES
    fewest: int = 1
    _limit: int | None = None
    _uncut: int = 0
    _bytes: float = 0.0
    _lines: float = 0.0
    _refused: int = 0
    _is_shortened: bool = False
    _again: int = 0

    @property
    def are_fewest(self) -> bool:
        """Whether fewer would be of no use."""
        return self.asked <= self.fewest

    def start_anew(self) -> None:
        """Ask for as many as there may be: this is another place."""
        self.asked, self._refused, self._is_shortened = LINES, 0, False

    def cut(self, data: bytes, at: int, *, is_limit: bool) -> None:
        """Ask for the lines in front of a cut ``at`` some byte; if that does not help, for half.

        ``is_limit``: it is at the end, where the service's limit is.
        """
        before, lines = data.count(b"\n", 0, at), max(1, data.count(b"\n"))
        if is_limit:
            self._limit, self._uncut = len(data), 0
        if self._is_shortened and before:
            before = min(self.asked, lines) // 2
        self._is_shortened = True
        self.asked = max(self.fewest, min(before, self.asked - 1))

    def refused(self) -> None:
        """Ask for half: something within as many is refused."""
        self._refused = self.asked
        self.asked = max(self.fewest, self.asked // 2)

    def more(self) -> bool:
        """Ask for one more than the fewest, if that is what was asked for; tell whether so."""
        if not self.are_fewest or self.fewest >= _MOST_FEWEST:
            return False
        self.fewest += 1
        self.asked = self.fewest
        return True

    def came(self, data: bytes, *, is_whole: bool, is_new: bool) -> None:
        """Ask for as many as the service will give without cutting one."""
        self._again = 0 if is_new else self._again + 1
        if self._again >= _STUCK:
            self.fewest, self._again = self.fewest + 1, 0
        lines = max(1, data.count(b"\n"))
        if is_whole:
            # What came last tells most.
            self._bytes, self._lines = self._bytes / 2 + len(data), self._lines / 2 + lines
        self._is_shortened = False
        self._refused = max(0, self._refused - lines)
        self.asked = LINES
        if self._limit is not None:
            self._uncut += 1
            if self._uncut > _UNCUT:
                self._limit, self._uncut = min(2 * self._limit, PORTION), 0
            if self._bytes:
                self._at_most(_SAFETY * self._limit * self._lines / self._bytes)
        if self._refused:
            self._at_most(self._refused / 2)

    def _at_most(self, lines: float) -> None:
        self.asked = min(self.asked, max(self.fewest, int(lines)))
