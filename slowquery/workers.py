"""Several processes that fingerprint and add up what one process reads.

Reading a log is one pass and stays one: what an event means may depend on any line before
it (``use``, a time that is left out, the offset of a file's clock). What comes behind the
reader depends on nothing but the event, so it is handed out in shares and the tables that
come back are merged, which in whatever order gives the same table.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from slowquery.aggregate import AnyFingerprinter, Selection, Table
from slowquery.errors import Unreadable
from slowquery.fingerprint import Fingerprinter
from slowquery.model import Batch, Engine, SqlMode

if TYPE_CHECKING:
    from concurrent.futures import Future


def _postgresql(_: SqlMode) -> AnyFingerprinter:
    from slowquery.postgres_sql import PostgresFingerprinter  # noqa: PLC0415 - as its reader is

    return PostgresFingerprinter()


FINGERPRINTERS: Final[Mapping[Engine, Callable[[SqlMode], AnyFingerprinter]]] = {
    "mysql": Fingerprinter,
    "postgresql": _postgresql,
}

SHARE: Final = 8 * 1024 * 1024
"""Bytes of log in a share, about: enough to be worth the way to another process."""


class WorkerLost(Unreadable):
    """A process that shared the work ended before it was done: why, and what to try."""


def table_of(  # noqa: PLR0913 - what decides of a class
    batches: Iterable[Batch],
    selection: Selection,
    mode: SqlMode,
    *,
    engine: Engine = "mysql",
    tag_keys: frozenset[str] = frozenset(),
    jobs: int = 1,
) -> Table:
    """Return the table of all batches, added up by ``jobs`` processes, or by this one.

    ``mode`` is that of a MySQL server.

    Raises :class:`WorkerLost`.
    """
    whole = Table(selection, FINGERPRINTERS[engine](mode), tag_keys=tag_keys)
    if jobs == 1:
        for batch in batches:
            whole.add(batch)
        return whole
    from concurrent.futures import process  # noqa: PLC0415 - most runs do without

    pool = process.ProcessPoolExecutor(jobs, initializer=_leave_interrupts_to_the_parent)
    try:
        under_way: deque[Future[Table]] = deque()
        for share in _shares(batches):
            # One share more than there are workers waits, so that none of them has to.
            if len(under_way) > jobs:
                whole.merge(under_way.popleft().result())
            under_way.append(pool.submit(_table, share, selection, engine, mode, tag_keys))
        for future in under_way:
            whole.merge(future.result())
    except process.BrokenProcessPool as error:
        msg = "a process that shared the work was ended, perhaps for want of memory; try: --jobs 1"
        raise WorkerLost(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)
    return whole


def _leave_interrupts_to_the_parent() -> None:
    import signal  # noqa: PLC0415 - most runs have no workers

    # A terminal interrupts every process of a command; one of them is enough to say so.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _shares(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    share: list[Batch] = []
    size = 0
    for batch in batches:
        share.append(batch)
        size += batch.bytes_read
        if size >= SHARE:
            yield share
            share, size = [], 0
    if share:
        yield share


def _table(
    share: list[Batch],
    selection: Selection,
    engine: Engine,
    mode: SqlMode,
    tag_keys: frozenset[str],
) -> Table:
    table = Table(selection, _fingerprinter(engine, mode), tag_keys=tag_keys)
    for batch in share:
        table.add(batch)
    return table


@cache
def _fingerprinter(engine: Engine, mode: SqlMode) -> AnyFingerprinter:
    """Keep what a worker has learnt from one share to the next."""
    return FINGERPRINTERS[engine](mode)
