"""What must hold of any bytes whatever that are taken for a log.

A log goes through the reader as a whole and cut into portions, and each statement found in
it through the fingerprinter by both of its ways. ``tasks.py fuzz`` looks for a log that
breaks this for as long as it is told to; the tests try a round of dice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Final, NamedTuple

import pytest

from slowquery.aggregate import Selection, Table
from slowquery.fingerprint import Fingerprinter
from slowquery.model import Batch, Loss, Piece, Portion
from slowquery.postgres_sql import PostgresFingerprinter
from slowquery.readers import mysql, postgres

COLUMNS: Final = (
    *("statements", "ended_at", "query_time", "lock_time", "rows_sent", "rows_examined"),
    *("parse_time", "bind_time", "clients", "databases", "also"),
)


class Kind(NamedTuple):
    """A kind of log: how it is read, a little at a time, and what knows its SQL."""

    read: Callable[[Iterable[Piece]], Iterator[Batch]]
    fingerprinter: type[Fingerprinter | PostgresFingerprinter]


MYSQL: Final = Kind(lambda pieces: mysql.read(pieces, stretch=512), Fingerprinter)
POSTGRESQL: Final = Kind(lambda pieces: postgres.read(pieces, stretch=512), PostgresFingerprinter)


def of_a_log(log: bytes, kind: Kind = MYSQL) -> None:
    """Raise unless all that must hold of any log holds of this one."""
    whole = [*kind.read([Portion("log", log)])]
    pieces = [*cut(log)]
    if told([*kind.read(pieces)]) != told(whole):
        pytest.fail("where it was cut made a difference")
    table = Table(Selection(), kind.fingerprinter())
    for batch in kind.read([*pieces, Loss("log", "some"), Portion("log", log)]):
        table.add(batch)
    account = table.account
    if account.bytes_read != 2 * len(log) or account.skipped.total() > account.bytes_read:
        pytest.fail("the bytes do not add up")
    of_statements([statement for batch in whole for statement in batch.statements], kind)


def of_statements(statements: list[bytes], kind: Kind = MYSQL) -> None:
    """Raise unless both ways to a fingerprint agree, and a fingerprint is its own."""
    together = kind.fingerprinter().fingerprints(statements)
    by_itself = kind.fingerprinter()
    for statement, one in zip(statements, together, strict=True):
        alone = by_itself.fingerprint(statement)
        if (alone.text, alone.truncated) != (one.text, one.truncated):
            pytest.fail("the two ways to a fingerprint disagree")
        if by_itself.fingerprint(one.text.encode() + b";").text != one.text:
            pytest.fail("a fingerprint has another fingerprint")


def of_a_statement(statement: bytes, kind: Kind = MYSQL) -> None:
    """Raise unless what must hold of any statement holds of this one, also among others."""
    of_statements([statement, b"select 1;", statement + b";"], kind)


def cut(log: bytes) -> Iterable[Portion]:
    """Cut a log at places that it chooses itself."""
    random = Random(log)  # noqa: S311 - dice, no secret
    at = 0
    while at < len(log):
        size = random.choice((1, 7, 60, 300))
        yield Portion("log", log[at : at + size])
        at += size


def told(batches: list[Batch]) -> list[object]:
    """Return what batches say, wherever one ends and the next begins."""
    columns = [
        [value for batch in batches for value in getattr(batch, name) or ()] for name in COLUMNS
    ]
    numbers = [
        sum(getattr(batch, name) for batch in batches)
        for name in ("bytes_read", "events_administrator", "events_unreadable")
    ]
    skipped = sum(sum(batch.bytes_skipped.values()) for batch in batches)
    excluded = sum(sum(batch.events_excluded.values()) for batch in batches)
    return [*columns, *numbers, skipped, excluded]
