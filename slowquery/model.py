"""The values that travel along the line, in the order in which they appear on it.

Times are integer microseconds: points in time since the Unix epoch in UTC, spans as
they are. Sums of integers are exact, so a digest does not depend on the order of the
events, on where portions were cut, or on how many workers read them.

Privacy is a type: raw SQL stands in ``Portion.data`` and ``Batch.statements`` and in no
other field of any type. What comes behind a batch has room for fingerprints only.

They are named tuples, as settings and views are: a dataclass takes six times as long to come
into being, and so many of them were a fifth of what a run takes before it reads a byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Literal, NamedTuple, TypeAlias

Engine: TypeAlias = Literal["mysql", "postgresql"]

Sort: TypeAlias = Literal[
    "query_time", "count", "mean", "max", "p95", "lock_time", "rows_examined", "rows_sent"
]
"""What the queries of a digest are ranked by; ``query_time`` is the sum over a class."""

Metric: TypeAlias = Literal["SlowQueries", "QueryTime", "DistinctQueries", "RowsExamined"]
"""The CloudWatch metrics that an instance can have."""

SECOND = 1_000_000
"""Microseconds in a second."""

TEXT_NOT_LOGGED = "statement text not logged"
"""Stands for every statement of which a log has the duration and not the text."""


class SqlMode(NamedTuple):
    """The two ``sql_mode`` flags of a server that change where a literal ends."""

    ansi_quotes: bool = False
    no_backslash_escapes: bool = False


class Window(NamedTuple):
    """A half-open span of time ``[start, end)``, microseconds since the epoch, UTC."""

    start: int
    end: int


class Portion(NamedTuple):
    """Some consecutive bytes of one log file, cut anywhere.

    ``doubtful`` of its first bytes may have been delivered before, at the end of the
    portion in front of it: nothing can tell, so they are kept.
    """

    file: str
    data: bytes
    doubtful: int = 0

    def __repr__(self) -> str:
        return f"Portion({self.file!r}, {len(self.data)} bytes, doubtful={self.doubtful})"


class Loss(NamedTuple):
    """A place where bytes of a log file are known to be missing.

    ``size`` is in bytes, ``None`` where nothing reveals it.
    """

    file: str
    reason: str
    size: int | None = None


Piece: TypeAlias = Portion | Loss
"""What a source yields: the bytes of a log in order, and the holes where they stand."""


class Client(NamedTuple):
    """Who ran a statement, from where, as the log names them; empty where it does not."""

    user: str
    host: str


Also: TypeAlias = Literal[
    "errors",
    "lock_waits",
    "temporary_files",
    "plans",
    "durations_without_text",
    "times_of_another_zone",
]
"""What a log tells of beside its events: errors, waits for locks of longer than the server's
``deadlock_timeout``, temporary files, plans of auto_explain; and what is wanting in it."""


class Occurrence(NamedTuple):
    """Something else that a log tells of, when, of whom and in which database.

    One without a time counts whatever the window.
    """

    what: Also
    at: int | None
    client: Client
    database: str


class Batch(NamedTuple):
    """Events of a stretch of log as parallel columns, with an account of every byte.

    The columns have one entry an event, the events that count: administrator commands
    and whatever could not be read are numbers below. Durations are microseconds.
    ``ended_at`` is when the statement ended, ``None`` where the log does not tell.
    A column is ``None`` where the engine does not log the figure. ``parse_time`` and
    ``bind_time`` are no part of the query time, but where they stand in for it.
    ``statements`` is raw SQL as bytes. In MySQL's logs it has its final ``;`` where it was
    logged whole, in PostgreSQL's the mark of a cut where it was not.
    """

    statements: Sequence[bytes] = ()
    ended_at: Sequence[int | None] = ()
    query_time: Sequence[int] = ()
    lock_time: Sequence[int] | None = None
    rows_sent: Sequence[int] | None = None
    rows_examined: Sequence[int] | None = None
    parse_time: Sequence[int] | None = None
    bind_time: Sequence[int] | None = None
    clients: Sequence[Client] = ()
    databases: Sequence[str] = ()
    bytes_read: int = 0
    bytes_skipped: Mapping[str, int] = {}
    events_administrator: int = 0
    events_excluded: Mapping[str, int] = {}
    events_unreadable: int = 0
    events_possibly_repeated: int = 0
    sampled: int = 1
    """The highest sampling rate that the log names: one in so many events was logged."""
    also: Sequence[Occurrence] = ()

    def __repr__(self) -> str:
        return f"Batch({len(self.statements)} events of {self.bytes_read} bytes)"

    def select(self, chosen: Sequence[bool]) -> Batch:
        """Return this batch with the chosen events only; its other accounts stay."""
        return self._replace(
            statements=list(compress(self.statements, chosen)),
            ended_at=list(compress(self.ended_at, chosen)),
            query_time=list(compress(self.query_time, chosen)),
            lock_time=_chosen(self.lock_time, chosen),
            rows_sent=_chosen(self.rows_sent, chosen),
            rows_examined=_chosen(self.rows_examined, chosen),
            parse_time=_chosen(self.parse_time, chosen),
            bind_time=_chosen(self.bind_time, chosen),
            clients=list(compress(self.clients, chosen)),
            databases=list(compress(self.databases, chosen)),
        )


def _chosen(column: Sequence[int] | None, chosen: Sequence[bool]) -> list[int] | None:
    return None if column is None else list(compress(column, chosen))


class Coverage(NamedTuple):
    """What was read, what it held, and what is missing.

    ``events`` is every event read: those counted in the totals, administrator commands,
    excluded, outside the window and unreadable ones. ``bytes_read`` is ``bytes_parsed``
    plus ``bytes_skipped``. ``skipped`` and ``excluded`` give the parts by reason. ``also``
    is how often the log told of something else.
    """

    bytes_read: int
    bytes_parsed: int
    bytes_skipped: int
    events: int
    events_administrator: int
    events_excluded: int
    events_outside_window: int
    events_unreadable: int
    events_truncated: int
    events_possibly_repeated: int
    complete: bool
    files: int
    losses: tuple[Loss, ...] = ()
    skipped: Mapping[str, int] = {}
    excluded: Mapping[str, int] = {}
    sampled: int = 1
    also: Mapping[Also, int] = {}

    @property
    def is_doubtful(self) -> bool:
        """Whether slow queries may be hidden in what could not be read.

        A few bytes are skipped where a file begins within an event: that is no doubt.
        """
        much_skipped = self.bytes_skipped > self.bytes_parsed // 10
        return bool(self.losses or self.events_unreadable) or much_skipped


class Times(NamedTuple):
    """Durations of the events of one query class, microseconds.

    The percentiles are within 1 % of a value that was logged (see ``slowquery.sketch``).
    """

    sum: int
    min: int
    max: int
    mean: float
    p50: int
    p95: int
    p99: int


class LockTimes(NamedTuple):
    """Time spent waiting for locks, microseconds."""

    sum: int
    max: int
    p95: int


class StepTimes(NamedTuple):
    """Time spent on a step before the execution, to parse or to bind, microseconds."""

    sum: int
    max: int


class Rows(NamedTuple):
    """Rows of the events of one query class."""

    sum: int
    max: int


class Query(NamedTuple):
    """One query class of a digest: all the events that share a fingerprint.

    ``query_id`` is the MD5 of the fingerprint, 32 upper-case hex digits. ``share`` is the
    class's part of the logged slow time, 0 to 1. ``databases``, ``users`` and ``hosts``
    say how many events each name had, the most frequent first; ``(others)`` stands for the
    names beyond the limit. ``tags`` says the same of the values of each tag that settings
    ask for.
    """

    query_id: str
    fingerprint: str
    kind: str
    tables: tuple[str, ...]
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks for
    share: float
    query_time: Times
    lock_time: LockTimes | None
    rows_sent: Rows | None
    rows_examined: Rows | None
    databases: Mapping[str, int]
    users: Mapping[str, int]
    hosts: Mapping[str, int]
    tags: Mapping[str, Mapping[str, int]]
    first_seen: int | None
    last_seen: int | None
    parse_time: StepTimes | None = None
    bind_time: StepTimes | None = None


class Totals(NamedTuple):
    """Sums over every event that counts, listed or not; ``distinct`` query classes."""

    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks for
    query_time_sum: int
    query_time_min: int | None
    query_time_max: int | None
    lock_time_sum: int | None
    rows_sent_sum: int | None
    rows_examined_sum: int | None
    distinct: int
    parse_time_sum: int | None = None
    bind_time_sum: int | None = None


class Digest(NamedTuple):
    """An instance's slow queries in a window; both are ``None`` for files without them.

    ``queries`` are ranked; ``queries_omitted`` classes are in the totals but not listed.
    ``events_folded`` events came after the class table was full: they are in the totals
    and in no class.
    """

    window: Window | None
    instance: str | None
    engine: Engine
    coverage: Coverage
    totals: Totals
    queries: tuple[Query, ...]
    queries_omitted: int
    events_folded: int = 0


Cause: TypeAlias = Literal["settings", "rights", "elsewhere"]
"""Whose doing a failure is: the settings', the rights', or that of a database or service."""


class Failure(NamedTuple):
    """Something that was tried and did not work, for the one who has to act.

    ``where`` is the instance or channel, ``event`` the invocation that repeats just the
    failed part, ``None`` where a repeat cannot help. A deployment is stopped by each
    ``cause`` but ``elsewhere``.
    """

    what: str
    where: str
    why: str
    hint: str
    event: Mapping[str, object] | None = None
    cause: Cause = "elsewhere"

    def __str__(self) -> str:
        return f"{self.what} ({self.where}): {self.why}; try: {self.hint}"


class Status(NamedTuple):
    """A configured instance without a digest that is nobody's failure: stopped, starting."""

    instance: str
    state: str


class Result(NamedTuple):
    """One run over one window: a digest, a status or a failure for each instance."""

    window: Window | None
    digests: tuple[Digest, ...]
    failures: tuple[Failure, ...] = ()
    statuses: tuple[Status, ...] = ()
