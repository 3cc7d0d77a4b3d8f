"""Reading ahead keeps the order, the errors and its bounds, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest

from slowquery.model import Loss, Piece, Portion
from slowquery.sources.ahead import AHEAD, read_ahead
from slowquery.sources.refusal import SourceError

NOTHING_MORE: list[Piece] = []
ERROR = ("why", "hint")


def portions(number: int, size: int = 1) -> Iterator[Portion]:
    for n in range(number):
        yield Portion("log", bytes([n % 256]) * size)


def test_pieces_come_in_order() -> None:
    pieces: list[Piece] = [*portions(300), Loss("log", "lost")]
    assert list(read_ahead(pieces, lambda: 60.0, lambda: NOTHING_MORE)) == pieces


def test_an_error_comes_behind_the_pieces_before_it() -> None:
    def failing() -> Iterator[Piece]:
        yield Portion("log", b"x")
        raise SourceError(*ERROR)

    pieces = read_ahead(failing(), lambda: 60.0, lambda: NOTHING_MORE)
    assert next(pieces) == Portion("log", b"x")
    with pytest.raises(SourceError, match="why"):
        next(pieces)


def test_the_next_pieces_are_fetched_while_nobody_asks_for_them_but_not_without_end() -> None:
    fetched: list[int] = []
    is_full = Event()
    size = AHEAD // 4

    def fetching() -> Iterator[Piece]:
        for n, portion in enumerate(portions(20, size)):
            fetched.append(n)
            if n == 5:
                is_full.set()
            yield portion

    pieces = read_ahead(fetching(), lambda: 60.0, lambda: NOTHING_MORE)
    next(pieces)
    assert is_full.wait(60)
    assert len(fetched) == 6
    assert len(list(pieces)) == 19


def test_when_time_is_up_a_call_that_is_stuck_is_not_waited_for() -> None:
    never = Event()
    left = [1.0, 1.0, 0.0]

    def stuck() -> Iterator[Piece]:
        yield Portion("log", b"x")
        never.wait()

    missing = Loss("log", "the time for reading ran out", 7)
    pieces = list(
        read_ahead(stuck(), lambda: left.pop(0) if len(left) > 1 else 0.0, lambda: [missing])
    )
    never.set()
    assert pieces[-1] == missing


def test_whoever_stops_reading_stops_the_fetching() -> None:
    ended = Event()

    def endless() -> Iterator[Piece]:
        try:
            while True:
                yield Portion("log", b"x" * AHEAD)
        finally:
            ended.set()

    pieces = read_ahead(endless(), lambda: 60.0, lambda: NOTHING_MORE)
    next(pieces)
    del pieces
    assert ended.wait(60)
