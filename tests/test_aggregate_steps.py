"""What only PostgreSQL logs: times to parse and bind, and what is no execution at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.model import Batch, Client, Occurrence, StepTimes, Window
from slowquery.postgres_sql import PostgresFingerprinter

APP, ADMIN = Client("app", "web-1"), Client("rdsadmin", "localhost")
rows = st.lists(
    st.tuples(st.sampled_from([b"select $1", b"select 2", b"begin"]), *[st.integers(0, 9)] * 3)
)


def batch(rows: list[tuple[bytes, int, int, int]], *also: Occurrence) -> Batch:
    return Batch(
        statements=[row[0] for row in rows],
        ended_at=[5] * len(rows),
        query_time=[row[1] for row in rows],
        parse_time=[row[2] for row in rows],
        bind_time=[row[3] for row in rows],
        clients=[APP] * len(rows),
        databases=["shop"] * len(rows),
        also=also,
    )


def table(*batches: Batch, selection: Selection | None = None) -> Table:
    made = Table(selection or Selection(), PostgresFingerprinter())
    for one in batches:
        made.add(one)
    return made


@given(rows, rows)
def test_steps_are_added_up_apart_from_query_time_however_tables_are_merged(
    one: list[tuple[bytes, int, int, int]], other: list[tuple[bytes, int, int, int]]
) -> None:
    whole = digest(table(batch(one + other)), engine="postgresql")
    merged = table(batch(one))
    merged.merge(table(batch(other)))
    assert digest(merged, engine="postgresql") == whole
    every = one + other
    assert whole.totals.query_time_sum == sum(row[1] for row in every)
    assert whole.totals.parse_time_sum == sum(row[2] for row in every)
    assert whole.totals.bind_time_sum == sum(row[3] for row in every)
    for query in whole.queries:
        own = [row for row in every if row[0] == b"begin"]
        if query.fingerprint == "begin":
            assert query.parse_time == StepTimes(sum(r[2] for r in own), max(r[2] for r in own))
            assert query.bind_time == StepTimes(sum(r[3] for r in own), max(r[3] for r in own))


def test_a_log_without_events_tells_zero_from_what_it_never_tells() -> None:
    totals = digest(table(batch([])), engine="postgresql").totals
    assert (totals.parse_time_sum, totals.bind_time_sum) == (0, 0)
    assert (totals.lock_time_sum, totals.rows_sent_sum) == (None, None)


def test_what_else_is_told_counts_within_the_window_and_of_nobody_who_is_ignored() -> None:
    told = [
        Occurrence("errors", 4, APP, "shop"),
        Occurrence("errors", 5, APP, "shop"),
        Occurrence("errors", 5, ADMIN, "rdsadmin"),
        Occurrence("errors", 9, APP, "shop"),
        Occurrence("errors", 10, APP, "shop"),
        Occurrence("times_of_another_zone", None, APP, "shop"),
    ]
    chosen = Selection(Window(5, 10), ignored_users=frozenset({"rdsadmin"}))
    one, other = (table(batch([], *told[n::2]), selection=chosen) for n in range(2))
    one.merge(other)
    assert digest(one, engine="postgresql").coverage.also == {
        "errors": 2,
        "times_of_another_zone": 1,
    }
