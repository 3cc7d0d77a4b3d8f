"""A digest: ranked, cut, totalled, and every byte and event accounted for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowquery.aggregate import OTHER_NAMES, Selection, Table
from slowquery.digest import NAMES, SORTS, digest
from slowquery.document import digest_document
from slowquery.model import Batch, Digest, Loss, Query, Sort, Window
from tests.batches import HOUR, Event, batch, cut, cuts, logs

few = settings(max_examples=50)

MEASURES: Mapping[Sort, Callable[[Query], float]] = {
    "query_time": lambda query: query.query_time.sum,
    "count": lambda query: query.count,
    "mean": lambda query: query.query_time.mean,
    "max": lambda query: query.query_time.max,
    "p95": lambda query: query.query_time.p95,
    "lock_time": lambda query: query.lock_time.sum if query.lock_time else 0,
    "rows_examined": lambda query: query.rows_examined.sum if query.rows_examined else 0,
    "rows_sent": lambda query: query.rows_sent.sum if query.rows_sent else 0,
}


def of(*batches: Batch, selection: Selection | None = None, **options: Any) -> Digest:  # noqa: ANN401 - whatever it takes
    table = Table(selection or Selection())
    for one in batches:
        table.add(one)
    return digest(table, engine="mysql", **options)


def statements(found: Digest) -> list[str]:
    return [query.fingerprint for query in found.queries]


# Ranking.


def test_there_is_a_measure_for_every_sort() -> None:
    assert set(SORTS) == set(get_args(Sort)) == set(MEASURES)


@few
@given(logs, st.sampled_from(sorted(MEASURES)))
def test_queries_are_ranked_by_what_is_asked_the_largest_first(
    log: list[Event], sort: Sort
) -> None:
    found = of(batch(*log), sort=sort)
    measure = MEASURES[sort]
    assert list(found.queries) == sorted(
        found.queries, key=lambda query: (-measure(query), query.query_id)
    )


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("query_time", "in_sum"),
        ("count", "often"),
        ("mean", "on_average"),
        ("max", "once"),
        ("p95", "now_and_then"),
        ("lock_time", "locked"),
        ("rows_examined", "examined"),
        ("rows_sent", "sent"),
    ],
)
def test_each_sort_puts_another_query_first(sort: Sort, first: str) -> None:
    log = [
        *[Event(b"in_sum;", query_time=1_000)] * 10,
        *[Event(b"often;", query_time=1)] * 50,
        *[Event(b"on_average;", query_time=4_000)] * 2,
        *[Event(b"once;", query_time=time) for time in [5_000, *[1] * 29]],
        *[Event(b"now_and_then;", query_time=time) for time in [4_500, *[1] * 9]],
        Event(b"locked;", query_time=1, lock_time=9),
        Event(b"examined;", query_time=1, rows_examined=9),
        Event(b"sent;", query_time=1, rows_sent=9),
    ]
    assert statements(of(batch(*log), sort=sort))[0] == first


@few
@given(st.permutations([b"a;", b"b;", b"c;", b"d;", b"e;"]), st.sampled_from(sorted(MEASURES)))
def test_ties_are_broken_by_the_query_id(order: list[bytes], sort: Sort) -> None:
    found = of(batch(*map(Event, order)), sort=sort)
    ids = [query.query_id for query in found.queries]
    assert ids == sorted(ids)


@few
@given(logs, st.integers(0, 8), st.sampled_from(sorted(MEASURES)))
def test_a_limit_lists_the_first_and_counts_the_rest(
    log: list[Event], limit: int, sort: Sort
) -> None:
    whole = of(batch(*log), sort=sort)
    found = of(batch(*log), sort=sort, limit=limit)
    shown = limit or len(whole.queries)
    assert found.queries == whole.queries[:shown]
    assert found.queries_omitted == len(whole.queries) - len(found.queries)
    assert found.totals == whole.totals


def test_queries_below_a_total_time_are_counted_and_not_listed() -> None:
    log = [Event(b"a;", query_time=5), Event(b"a;", query_time=5), Event(b"b;", query_time=9)]
    found = of(batch(*log), min_total_time=10)
    assert statements(found) == ["a"]
    assert found.queries_omitted == 1
    assert (found.totals.count, found.totals.query_time_sum) == (3, 19)


def test_the_least_total_time_goes_before_the_limit() -> None:
    log = [Event(b"a;", query_time=5), *[Event(b"b;", query_time=1)] * 2]
    assert statements(of(batch(*log), sort="count", limit=1, min_total_time=5)) == ["a"]


# What is said of a query.


@few
@given(logs, cuts)
def test_a_query_has_the_figures_of_its_events(log: list[Event], places: list[int]) -> None:
    found = of(*cut(log, places))
    for query in found.queries:
        assert query.query_id == hashlib.md5(query.fingerprint.encode()).hexdigest().upper()  # noqa: S324 - an id
        time = query.query_time
        assert time.min <= time.p50 <= time.p95 <= time.p99 <= time.max
        assert time.mean == time.sum / query.count
        assert query.share == (
            time.sum / found.totals.query_time_sum if found.totals.query_time_sum else 0
        )
        assert query.lock_time is not None
        assert 0 <= query.lock_time.p95 <= query.lock_time.max <= query.lock_time.sum
    assert sum(query.share for query in found.queries) == pytest.approx(
        1 if found.totals.query_time_sum else 0
    )


def test_one_event_is_all_its_percentiles_exactly() -> None:
    # Its bucket is some thousands wide: the extremes are known better than that.
    (query,) = of(batch(Event(query_time=1_234_567, lock_time=765_432))).queries
    time = query.query_time
    assert {time.min, time.p50, time.p95, time.p99, time.max} == {1_234_567}
    assert query.lock_time is not None
    assert query.lock_time.p95 == 765_432


def test_no_share_is_lost_when_no_time_passed_at_all() -> None:
    (query,) = of(batch(Event(query_time=0))).queries
    assert query.share == 0


def test_what_the_log_does_not_tell_is_none() -> None:
    found = of(batch(Event(ended_at=None), lock_time=None, rows_sent=None, rows_examined=None))
    (query,) = found.queries
    assert (query.lock_time, query.rows_sent, query.rows_examined) == (None, None, None)
    assert (query.first_seen, query.last_seen) == (None, None)
    totals = found.totals
    assert totals.lock_time_sum is None
    assert (totals.rows_sent_sum, totals.rows_examined_sum) == (None, None)


def test_nothing_slow_is_a_digest_too() -> None:
    found = of(batch())
    assert found.queries == ()
    assert (found.totals.count, found.totals.query_time_sum, found.totals.distinct) == (0, 0, 0)
    assert found.totals.query_time_min is found.totals.query_time_max is None


def test_names_stand_with_their_counts_the_most_frequent_first() -> None:
    log = [Event(user=user) for user in ("b", "a", "c", "c", "")]
    (query,) = of(batch(*log)).queries
    assert list(query.users.items()) == [("c", 2), ("a", 1), ("b", 1)]


def test_the_most_frequent_of_many_names_are_listed_and_the_others_counted() -> None:
    counts = {f"host-{number:03}": number for number in range(1, NAMES + 21)}
    log = [Event(host=host) for host, count in counts.items() for _ in range(count)]
    (query,) = of(batch(*log)).queries
    others = query.hosts[OTHER_NAMES]
    assert list(query.hosts) == [*sorted(counts, reverse=True)[:NAMES], OTHER_NAMES]
    assert others == sum(range(1, 21))
    assert sum(query.hosts.values()) == len(log)


# Totals and coverage.


@few
@given(logs, st.integers(0, 5))
def test_totals_are_the_sums_of_all_queries_and_of_what_was_folded(
    log: list[Event], class_limit: int
) -> None:
    table = Table(Selection(), class_limit=class_limit)
    table.add(batch(*log))
    totals = digest(table, engine="mysql").totals
    times = [event.query_time for event in log]
    assert totals.count == len(log)
    assert totals.query_time_sum == sum(times)
    assert totals.query_time_min == min(times, default=None)
    assert totals.query_time_max == max(times, default=None)
    assert (totals.lock_time_sum or 0) == sum(event.lock_time for event in log)
    assert (totals.rows_sent_sum or 0) == sum(event.rows_sent for event in log)
    assert (totals.rows_examined_sum or 0) == sum(event.rows_examined for event in log)
    assert totals.distinct == len(table.classes)


accounts = st.fixed_dictionaries(
    {
        "bytes_read": st.integers(1000, 10**6),
        "bytes_skipped": st.dictionaries(st.sampled_from("abc"), st.integers(1, 300)),
        "events_administrator": st.integers(0, 9),
        "events_excluded": st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)),
        "events_unreadable": st.integers(0, 9),
    }
)
selections = st.builds(
    Selection,
    window=st.sampled_from([None, Window(HOUR, 2 * HOUR)]),
    ignored_users=st.sampled_from([frozenset(), frozenset({"rdsadmin"})]),
)


@few
@given(st.lists(st.tuples(logs, accounts), max_size=4), selections)
def test_every_event_and_every_byte_is_accounted_for(
    parts: list[tuple[list[Event], dict[str, Any]]], selection: Selection
) -> None:
    found = of(*(batch(*log, **account) for log, account in parts), selection=selection)
    coverage = found.coverage
    assert coverage.events == sum(
        len(log)
        + account["events_administrator"]
        + sum(account["events_excluded"].values())
        + account["events_unreadable"]
        for log, account in parts
    )
    assert coverage.events == (
        found.totals.count
        + coverage.events_administrator
        + coverage.events_excluded
        + coverage.events_outside_window
        + coverage.events_unreadable
    )
    assert coverage.events_excluded == sum(coverage.excluded.values())
    assert coverage.events_truncated <= found.totals.count
    assert coverage.bytes_read == sum(account["bytes_read"] for _, account in parts)
    assert coverage.bytes_read == coverage.bytes_parsed + coverage.bytes_skipped
    assert coverage.bytes_skipped == sum(coverage.skipped.values())


@pytest.mark.parametrize(
    ("settled", "losses", "complete"),
    [
        (True, (), True),
        (False, (), False),
        (True, (Loss("a.log", "cut"),), False),
        (False, (Loss("a.log", "cut"),), False),
    ],
)
def test_coverage_is_complete_if_the_log_is_settled_and_nothing_was_lost(
    settled: bool,  # noqa: FBT001 - a column of the table above
    losses: tuple[Loss, ...],
    complete: bool,  # noqa: FBT001 - another one
) -> None:
    found = of(batch(Event()), settled=settled, losses=losses, files=3)
    assert found.coverage.complete is complete
    assert found.coverage.losses == losses
    assert found.coverage.files == 3


def test_what_arrived_and_could_not_be_read_is_counted_but_no_loss() -> None:
    odd = batch(
        Event(b"select 'cut"), bytes_read=9, bytes_skipped={"after": 9}, events_unreadable=1
    )
    coverage = of(odd, settled=True).coverage
    assert coverage.complete
    assert (coverage.bytes_skipped, coverage.events_unreadable) == (9, 1)
    assert coverage.events_truncated == 1


@few
@given(
    st.lists(st.tuples(logs, accounts), max_size=4).flatmap(
        lambda parts: st.tuples(st.just(parts), st.permutations(parts))
    )
)
def test_the_same_events_give_the_same_digest_to_the_byte(
    orders: tuple[list[tuple[list[Event], dict[str, Any]]], ...],
) -> None:
    one, other = (
        json.dumps(digest_document(of(*(batch(*log, **account) for log, account in parts))))
        for parts in orders
    )
    assert one == other


def test_a_digest_says_what_it_is_a_digest_of() -> None:
    window = Window(HOUR, 2 * HOUR)
    found = digest(Table(Selection()), engine="postgresql", window=window, instance="shop-db")
    assert (found.engine, found.window, found.instance) == ("postgresql", window, "shop-db")
