"""A table of query classes to a digest: rank, cut, total.

Pure: the same table gives the same digest. Ties in the ranking are broken by query id and
whatever has names stands in the order of these or of their counts, so no order in a digest
depends on the order of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from slowquery.aggregate import OTHER_NAMES, Figure, Names, QueryStats, Table
from slowquery.model import (
    Coverage,
    Digest,
    Engine,
    LockTimes,
    Loss,
    Query,
    Rows,
    Sort,
    StepTimes,
    Times,
    Totals,
    Window,
)
from slowquery.sketch import quantiles

NAMES: Final = 50
"""Databases, users and hosts of a query that are listed, of each the most frequent."""


def _sum(figure: Figure | None) -> int:
    return figure.sum if figure else 0


def _p95(stats: QueryStats) -> int:
    return _within(quantiles(stats.query_time.sketch, (0.95,))[0], stats.query_time)


SORTS: Final[Mapping[Sort, Callable[[QueryStats], float]]] = {
    "query_time": lambda stats: stats.query_time.sum,
    "count": lambda stats: stats.count,
    "mean": lambda stats: stats.query_time.sum / stats.count,
    "max": lambda stats: stats.query_time.max,
    "p95": _p95,
    "lock_time": lambda stats: _sum(stats.lock_time),
    "rows_examined": lambda stats: _sum(stats.rows_examined),
    "rows_sent": lambda stats: _sum(stats.rows_sent),
}
"""What queries can be ranked by, the largest first."""


def digest(  # noqa: PLR0913 - each is a fact of its own that the digest states
    table: Table,
    *,
    engine: Engine,
    window: Window | None = None,
    instance: str | None = None,
    files: int = 0,
    losses: tuple[Loss, ...] = (),
    settled: bool = True,
    limit: int = 0,
    sort: Sort = "query_time",
    min_total_time: int = 0,
) -> Digest:
    """Return the digest of ``table``.

    ``limit`` is how many queries are listed, 0 for all; of those, queries whose total
    time is below ``min_total_time`` microseconds are not listed either. ``settled`` says
    that the log of the window can no longer grow. Coverage is complete if it cannot and
    nothing was lost on the way; what arrived and could not be read is counted, but no loss.
    """
    classes = list(table.classes.values())
    totals = _totals(table)
    listed = [stats for stats in classes if stats.query_time.sum >= min_total_time]
    by = SORTS[sort]
    listed.sort(key=lambda stats: (-by(stats), stats.fingerprint.query_id))
    if limit:
        del listed[limit:]
    return Digest(
        window=window,
        instance=instance,
        engine=engine,
        coverage=_coverage(table, totals, files, losses, settled=settled),
        totals=totals,
        queries=tuple(_query(stats, totals.query_time_sum) for stats in listed),
        queries_omitted=len(classes) - len(listed),
        events_folded=table.folded.count,
    )


def _totals(table: Table) -> Totals:
    everything = [*table.classes.values(), table.folded]

    def total(figure: Callable[[QueryStats], Figure | None]) -> int | None:
        logged = [found for stats in everything if (found := figure(stats)) is not None]
        return sum(found.sum for found in logged) if logged else None

    times = [stats.query_time for stats in everything if stats.count]
    return Totals(
        count=sum(stats.count for stats in everything),
        query_time_sum=sum(time.sum for time in times),
        query_time_min=min((time.min for time in times), default=None),
        query_time_max=max((time.max for time in times), default=None),
        lock_time_sum=total(lambda stats: stats.lock_time),
        rows_sent_sum=total(lambda stats: stats.rows_sent),
        rows_examined_sum=total(lambda stats: stats.rows_examined),
        distinct=len(table.classes),
        parse_time_sum=total(lambda stats: stats.parse_time),
        bind_time_sum=total(lambda stats: stats.bind_time),
    )


def _coverage(
    table: Table, totals: Totals, files: int, losses: tuple[Loss, ...], *, settled: bool
) -> Coverage:
    account = table.account
    skipped = account.skipped.total()
    excluded = account.excluded.total()
    return Coverage(
        bytes_read=account.bytes_read,
        bytes_parsed=account.bytes_read - skipped,
        bytes_skipped=skipped,
        events=totals.count
        + account.administrator
        + excluded
        + account.outside_window
        + account.unreadable,
        events_administrator=account.administrator,
        events_excluded=excluded,
        events_outside_window=account.outside_window,
        events_unreadable=account.unreadable,
        events_truncated=account.truncated,
        events_possibly_repeated=account.possibly_repeated,
        complete=settled and not losses,
        files=files,
        losses=losses,
        skipped=dict(sorted(account.skipped.items())),
        excluded=dict(sorted(account.excluded.items())),
        sampled=account.sampled,
        also=dict(sorted(account.also.items())),
    )


def _query(stats: QueryStats, whole: int) -> Query:
    from slowquery.statement import kind_and_tables  # noqa: PLC0415 - a quiet hour does without

    kind, tables = kind_and_tables(stats.fingerprint.text)
    time = stats.query_time
    p50, p95, p99 = quantiles(time.sketch, (0.50, 0.95, 0.99))
    return Query(
        query_id=stats.fingerprint.query_id,
        fingerprint=stats.fingerprint.text,
        kind=kind,
        tables=tables,
        count=stats.count,
        share=time.sum / whole if whole else 0.0,
        query_time=Times(
            sum=time.sum,
            min=time.min,
            max=time.max,
            mean=time.sum / stats.count,
            p50=_within(p50, time),
            p95=_within(p95, time),
            p99=_within(p99, time),
        ),
        lock_time=_locks(stats.lock_time),
        rows_sent=_rows(stats.rows_sent),
        rows_examined=_rows(stats.rows_examined),
        databases=_by_count(stats.databases),
        users=_by_count(stats.users),
        hosts=_by_count(stats.hosts),
        tags={key: _by_count(stats.tags[key]) for key in sorted(stats.tags)},
        first_seen=stats.first_seen,
        last_seen=stats.last_seen,
        parse_time=_step(stats.parse_time),
        bind_time=_step(stats.bind_time),
    )


def _within(value: int, figure: Figure) -> int:
    """Return the nearest value that can have been logged: the extremes are known exactly."""
    return min(max(value, figure.min), figure.max)


def _locks(figure: Figure | None) -> LockTimes | None:
    if figure is None:
        return None
    (p95,) = quantiles(figure.sketch, (0.95,))
    return LockTimes(sum=figure.sum, max=figure.max, p95=_within(p95, figure))


def _step(figure: Figure | None) -> StepTimes | None:
    return None if figure is None else StepTimes(sum=figure.sum, max=figure.max)


def _rows(figure: Figure | None) -> Rows | None:
    return None if figure is None else Rows(sum=figure.sum, max=figure.max)


def _by_count(names: Names) -> dict[str, int]:
    kept = names.kept()
    others = kept.pop(OTHER_NAMES, 0)
    ranked = sorted(kept.items(), key=lambda item: (-item[1], item[0]))
    others += sum(count for _, count in ranked[NAMES:])
    return dict(ranked[:NAMES]) | ({OTHER_NAMES: others} if others else {})
