"""Events made up for tests, and the batches that a reader might cut them into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from slowquery.model import Batch, Client

HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """What a log tells of one statement; the times are microseconds."""

    statement: bytes = b"select a from t;"
    ended_at: int | None = 0
    query_time: int = 1_000_000
    lock_time: int = 0
    rows_sent: int = 0
    rows_examined: int = 0
    user: str = "shop"
    host: str = "10.0.0.1"
    database: str = "orders"


def batch(*events: Event, **account: object) -> Batch:
    """One batch of the events; ``account`` is whatever else a reader says of it."""
    columns: dict[str, object] = {
        "statements": [event.statement for event in events],
        "ended_at": [event.ended_at for event in events],
        "query_time": [event.query_time for event in events],
        "lock_time": [event.lock_time for event in events],
        "rows_sent": [event.rows_sent for event in events],
        "rows_examined": [event.rows_examined for event in events],
        "clients": [Client(event.user, event.host) for event in events],
        "databases": [event.database for event in events],
    }
    return Batch(**(columns | account))  # type: ignore[arg-type]  # the columns fit by name


def cut(events: Sequence[Event], places: Sequence[int]) -> Iterator[Batch]:
    """Cut events into batches at the places, which may lie anywhere."""
    edges = [0, *sorted(place % (len(events) + 1) for place in places), len(events)]
    for start, end in pairwise(edges):
        yield batch(*events[start:end])


STATEMENTS = (
    b"select a from t where b = 1;",
    b"select a from t where b = 'x';",  # the same class
    b"select a from t where b = 'x",  # the same, cut
    b"update u set v = 2;",
    b"insert into w values (1),(2);",
    b"delete from x;",
    b"call p(1);",
)

events = st.builds(
    Event,
    statement=st.sampled_from(STATEMENTS),
    ended_at=st.one_of(st.none(), st.integers(0, 3 * HOUR)),
    query_time=st.integers(0, 10**9),
    lock_time=st.integers(0, 10**6),
    rows_sent=st.integers(0, 10**4),
    rows_examined=st.integers(0, 10**7),
    user=st.sampled_from(["", "shop", "rdsadmin", "é"]),
    host=st.sampled_from(["", "10.0.0.1", "10.0.0.2"]),
    database=st.sampled_from(["", "orders", "stock"]),
)
cuts = st.lists(st.integers(0, 100), max_size=5)
logs = st.lists(events, max_size=40)
