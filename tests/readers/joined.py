"""What a reader makes of a log in all, however many batches it came in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from slowquery.model import Batch, Piece, Portion
from slowquery.readers import mysql


def joined(batches: Iterable[Batch]) -> Batch:
    """Return one batch with the columns and the accounts of all."""
    every = list(batches)
    skipped: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    for batch in every:
        skipped.update(batch.bytes_skipped)
        excluded.update(batch.events_excluded)
    return Batch(
        statements=[value for batch in every for value in batch.statements],
        ended_at=[value for batch in every for value in batch.ended_at],
        query_time=[value for batch in every for value in batch.query_time],
        lock_time=[value for batch in every for value in batch.lock_time or ()],
        rows_sent=[value for batch in every for value in batch.rows_sent or ()],
        rows_examined=[value for batch in every for value in batch.rows_examined or ()],
        clients=[value for batch in every for value in batch.clients],
        databases=[value for batch in every for value in batch.databases],
        bytes_read=sum(batch.bytes_read for batch in every),
        bytes_skipped=skipped,
        events_administrator=sum(batch.events_administrator for batch in every),
        events_excluded=excluded,
        events_unreadable=sum(batch.events_unreadable for batch in every),
        events_possibly_repeated=sum(batch.events_possibly_repeated for batch in every),
        sampled=max((batch.sampled for batch in every), default=1),
    )


def events(batch: Batch) -> int:
    """Return how many events were read, those that do not count among them."""
    return (
        len(batch.statements)
        + batch.events_administrator
        + sum(batch.events_excluded.values())
        + batch.events_unreadable
    )


def read(*pieces: Piece, stretch: int = mysql.STRETCH) -> Batch:
    """Read pieces of a log."""
    return joined(mysql.read(pieces, stretch=stretch))


def read_log(log: bytes, cuts: Sequence[int] = (), stretch: int = mysql.STRETCH) -> Batch:
    """Read one file, cut into portions at ``cuts``."""
    return read(*portions(log, cuts), stretch=stretch)


def portions(log: bytes, cuts: Sequence[int] = (), file: str = "slow.log") -> Iterator[Portion]:
    """Cut a file into portions."""
    for begin, end in pairwise([0, *sorted(cuts), len(log)]):
        yield Portion(file, log[begin:end])
