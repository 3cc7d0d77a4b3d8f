"""Reading ahead: a thread fetches the next pieces while those before are made use of.

Two bounds hold. What waits is no more than ``AHEAD`` bytes and a piece, so a slow reader
slows the download down. And whoever waits for a piece stops waiting when time is up, even
if the thread is stuck in a call: it is left to itself and ends at its next piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Condition, Thread
from types import TracebackType
from typing import Final, Self

from slowquery.model import Piece, Portion

AHEAD: Final = 16 * 1024 * 1024
"""Bytes that wait to be read before the next piece is fetched."""

_LONGEST_WAIT: Final = 10.0  # seconds, so that a clock that is put back does no harm


def read_ahead(
    pieces: Iterable[Piece],
    remaining: Callable[[], float],
    outstanding: Callable[[], Iterable[Piece]],
) -> Iterator[Piece]:
    """Yield ``pieces``, fetched in a thread; once no seconds remain, what is ``outstanding``.

    Raises what the fetching raises.
    """
    with _Fetching(pieces) as fetching:
        while True:
            piece = fetching.next(remaining)
            if piece is None:
                return
            if isinstance(piece, _Late):
                yield from outstanding()
                return
            yield piece


class _Late:
    """There was no piece in time."""


class _Fetching:
    """The pieces that wait, between the thread that fetches and the one that reads."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = pieces
        self._changed = Condition()
        self._waiting: deque[Piece] = deque()
        self._size = 0
        self._has_ended = False
        self._is_left = False
        self._error: BaseException | None = None
        # A daemon: a program that is done does not wait for a call that is stuck.
        self._thread = Thread(target=self._fetch, name="read-ahead", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._is_left = True
            self._waiting.clear()
            self._changed.notify_all()

    def next(self, remaining: Callable[[], float]) -> Piece | _Late | None:
        """Return the next piece, ``None`` at the end."""
        with self._changed:
            while not self._waiting and not self._has_ended:
                left = remaining()
                if left <= 0:
                    return _Late()
                self._changed.wait(min(left, _LONGEST_WAIT))
            if self._waiting:
                piece = self._waiting.popleft()
                self._size -= _size(piece)
                self._changed.notify_all()
                return piece
            if self._error is not None:
                raise self._error
            return None

    def _fetch(self) -> None:
        with _Ending(self):
            for piece in self._pieces:
                if not self._put(piece):
                    return

    def _put(self, piece: Piece) -> bool:
        """Add a piece when there is room; return whether anybody still wants more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_left or self._size < AHEAD)
            if self._is_left:
                return False
            self._waiting.append(piece)
            self._size += _size(piece)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None) -> None:
        """Say that nothing more comes, and why if it is an error."""
        with self._changed:
            self._has_ended, self._error = True, error
            self._changed.notify_all()


class _Ending:
    """Takes whatever the fetching raises over to the thread that reads, as futures do."""

    def __init__(self, fetching: _Fetching) -> None:
        self._fetching = fetching

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._fetching.end(error)
        return True


def _size(piece: Piece) -> int:
    return len(piece.data) if isinstance(piece, Portion) else 0
