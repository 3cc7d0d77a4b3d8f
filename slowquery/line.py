"""One log, from its pieces to its digest: reader, fingerprint, aggregate and digest in a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, TypeAlias

from slowquery.aggregate import Selection
from slowquery.digest import digest
from slowquery.model import Batch, Digest, Engine, Loss, Piece, Portion, Window
from slowquery.settings import Settings
from slowquery.workers import table_of

Watch: TypeAlias = Callable[[Iterable[Batch]], Iterable[Batch]]
"""Passes batches on, and may count what they hold."""


# A log is of one engine, and need not wait for the grammars of the other.


def _mysql(pieces: Iterable[Piece], _: str | None) -> Iterator[Batch]:
    from slowquery.readers import mysql  # noqa: PLC0415 - as said

    return mysql.read(pieces)


def _postgresql(pieces: Iterable[Piece], prefix: str | None) -> Iterator[Batch]:
    from slowquery.readers import postgres  # noqa: PLC0415 - as said

    return postgres.read(pieces, log_line_prefix=prefix)


READERS: Final[Mapping[Engine, Callable[[Iterable[Piece], str | None], Iterator[Batch]]]] = {
    "mysql": _mysql,
    "postgresql": _postgresql,
}
"""The readers; the second argument is PostgreSQL's ``log_line_prefix``, if it is known."""

_NO_LOG: Final[Mapping[Engine, str]] = {
    "mysql": "nothing there is a slow log",
    "postgresql": "no line there begins as a PostgreSQL log does",
}

_LOOKED_AT: Final = 1024 * 1024
_POSTGRESQL_FILE: Final = "postgresql.log"
# What comes first tells: behind it anything may stand in a statement.
_BEGINNING = re.compile(
    rb"""^(?:
        (?P<mysql> \#\ (?:User@Host|Time|Query_time):\ | [^\n,]{1,300}+,\ Version:\ [^\n]{0,300}?
            started\ with:[ \r]*$ )
      | (?P<postgresql> \{"timestamp":" | [^\n]{0,300}?\b\d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d\b
            [^\n]{0,400}?(?:LOG|ERROR|FATAL|STATEMENT|DETAIL|WARNING|HINT)(?::\ \ |,) )
    )""",
    re.MULTILINE | re.VERBOSE,
)


def digest_of(  # noqa: PLR0913 - what there is to say about a log
    pieces: Iterable[Piece],
    settings: Settings,
    *,
    engine: Engine | None,
    window: Window | None,
    instance: str | None,
    log_line_prefix: str | None = None,
    settled: bool = True,
    watch: Watch | None = None,
    jobs: int = 1,
) -> Digest:
    """Return the digest of the pieces of one log; ``engine`` is what wrote it, if known.

    ``log_line_prefix`` is that of a PostgreSQL server, where it is not that of the settings.
    ``jobs`` processes share the work behind the reader.
    """
    if engine is None:
        engine, pieces = _seen_from(pieces)
    files: set[str] = set()
    losses: list[Loss] = []

    def seen() -> Iterator[Piece]:
        for piece in pieces:
            files.add(piece.file)
            if isinstance(piece, Loss):
                losses.append(piece)
            yield piece

    ignore = settings.ignore
    selection = Selection(window, ignore.users, ignore.databases, ignore.query_ids)
    batches: Iterable[Batch] = READERS[engine](seen(), log_line_prefix or settings.log_line_prefix)
    table = table_of(
        watch(batches) if watch else batches,
        selection,
        settings.sql_mode,
        engine=engine,
        tag_keys=frozenset(settings.tags),
        jobs=jobs,
    )
    skipped = table.account.skipped.total()
    if skipped and skipped == table.account.bytes_read:
        losses.append(Loss(", ".join(sorted(files)), _NO_LOG[engine], skipped))
    return digest(
        table,
        engine=engine,
        window=window,
        instance=instance,
        files=len(files),
        losses=tuple(losses),
        settled=settled,
        limit=settings.top,
        sort=settings.sort,
        min_total_time=settings.min_total_time,
    )


def _seen_from(pieces: Iterable[Piece]) -> tuple[Engine, Iterable[Piece]]:
    """Return what wrote a log, as its name or its beginning shows, and all of its pieces."""
    pieces = iter(pieces)
    begun: list[Piece] = []
    beginning = b""
    looked_at = 0
    for piece in pieces:
        begun.append(piece)
        if _POSTGRESQL_FILE in piece.file:
            return "postgresql", chain(begun, pieces)
        if isinstance(piece, Portion):
            beginning += piece.data
            # Looking again at each small piece would be quadratic.
            if len(beginning) >= 2 * looked_at:
                looked_at = len(beginning)
                if engine := _engine_of(beginning):
                    return engine, chain(begun, pieces)
            if len(beginning) >= _LOOKED_AT:
                break
    return _engine_of(beginning) or "mysql", chain(begun, pieces)


def _engine_of(beginning: bytes) -> Engine | None:
    found = _BEGINNING.search(beginning)
    if found is None:
        return None
    return "mysql" if found["mysql"] else "postgresql"
