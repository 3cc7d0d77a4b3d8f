"""The table of query classes: exact, whatever the order and the cuts, and bounded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowquery.aggregate import (
    IGNORED,
    NAME_LIMIT,
    OTHER_NAMES,
    Names,
    QueryStats,
    Selection,
    Table,
)
from slowquery.digest import digest
from slowquery.fingerprint import CUT_MARK, OUTLINE_LIMIT, Fingerprinter
from slowquery.model import Batch, Digest, Window
from slowquery.sketch import buckets
from tests.batches import HOUR, STATEMENTS, Event, batch, cut, cuts, events, logs

EVERYTHING = Selection()
LETTERS = [letter.encode() for letter in "abcdefghijklmnopqrstuvwxyz"]
FINGERPRINTS = {statement: Fingerprinter().fingerprint(statement) for statement in STATEMENTS}
IDS = [fingerprint.query_id for fingerprint in FINGERPRINTS.values()]

few = settings(max_examples=40)

selections = st.builds(
    Selection,
    window=st.sampled_from([None, Window(0, HOUR), Window(HOUR, 2 * HOUR)]),
    ignored_users=st.sampled_from([frozenset(), frozenset({"rdsadmin"})]),
    ignored_databases=st.sampled_from([frozenset(), frozenset({"stock"})]),
    ignored_query_ids=st.sampled_from([frozenset(), frozenset({IDS[0]}), frozenset({IDS[3][16:]})]),
)


def table(
    batches: Iterable[Batch], selection: Selection = EVERYTHING, *, class_limit: int = 100
) -> Table:
    filled = Table(selection, class_limit=class_limit)
    for one in batches:
        filled.add(one)
    return filled


def said(filled: Table) -> Digest:
    """All that can be learnt from a table."""
    return digest(filled, engine="mysql")


def only_class(filled: Table) -> QueryStats:
    (stats,) = filled.classes.values()
    return stats


def merged(*tables: Table) -> Table:
    whole, *others = tables
    for other in others:
        whole.merge(other)
    return whole


# Neither order, nor cuts, nor workers matter.


@few
@given(logs.flatmap(lambda log: st.tuples(st.just(log), st.permutations(log))), cuts, selections)
def test_neither_the_order_of_the_events_nor_the_cuts_matter(
    orders: tuple[list[Event], list[Event]], places: list[int], selection: Selection
) -> None:
    log, shuffled = orders
    whole = said(table([batch(*log)], selection))
    assert said(table(cut(shuffled, places), selection)) == whole


@few
@given(logs, cuts, st.randoms(use_true_random=False), selections)
def test_merging_tables_is_adding_all_their_events_to_one(
    log: list[Event], places: list[int], random: Random, selection: Selection
) -> None:
    tables = [table([part], selection) for part in cut(log, places)]
    random.shuffle(tables)
    assert said(merged(*tables)) == said(table([batch(*log)], selection))


@few
@given(logs, logs, logs)
def test_a_table_is_not_changed_by_being_merged_into_another(
    one: list[Event], other: list[Event], third: list[Event]
) -> None:
    source = table([batch(*one)])
    before = said(source)
    target = merged(table([]), source, table([batch(*other)]))
    target.add(batch(*third))
    assert said(source) == before


@few
@given(logs, st.lists(st.sampled_from(["lock_time", "rows_sent", "rows_examined"])), cuts)
def test_figures_that_some_batches_lack_are_counted_where_they_are(
    log: list[Event], lacking: list[str], places: list[int]
) -> None:
    lacks: dict[str, object] = dict.fromkeys(lacking)
    apart = merged(table([batch(*log, **lacks)]), table(cut(log, places)))
    together = table([batch(*log), batch(*log, **lacks)])
    assert said(apart) == said(together)


def test_batches_without_events_are_nothing_but_their_account() -> None:
    filled = table([Batch(), batch(), Batch(bytes_read=7, lock_time=None)])
    assert not filled.classes
    assert filled.account.bytes_read == 7


# Figures are exact.


def count_by_hand(log: Sequence[Event]) -> dict[str, QueryStats]:
    """What an hour of work with pencil and paper gives."""
    classes: dict[str, QueryStats] = {}
    for event in log:
        found = FINGERPRINTS[event.statement]
        stats = classes.setdefault(found.text, QueryStats(found))
        stats.count += 1
        stats.query_time.add([event.query_time], buckets([event.query_time]))
        stats.seen(event.ended_at, event.ended_at)
        stats.users.add(event.user, 1)
        stats.hosts.add(event.host, 1)
        stats.databases.add(event.database, 1)
    return classes


@few
@given(logs, cuts)
def test_every_class_has_the_exact_figures_of_its_events(
    log: list[Event], places: list[int]
) -> None:
    expected = count_by_hand(log)
    found = table(cut(log, places)).classes
    assert found.keys() == expected.keys()
    for text, stats in found.items():
        by_hand = expected[text]
        of_class = [event for event in log if FINGERPRINTS[event.statement].text == text]
        assert stats.count == by_hand.count
        assert stats.query_time.sketch == by_hand.query_time.sketch
        assert stats.query_time.sum == sum(event.query_time for event in of_class)
        assert stats.query_time.min == min(event.query_time for event in of_class)
        assert stats.query_time.max == max(event.query_time for event in of_class)
        assert stats.lock_time is not None
        assert stats.lock_time.sum == sum(event.lock_time for event in of_class)
        assert stats.rows_sent is not None
        assert stats.rows_sent.sum == sum(event.rows_sent for event in of_class)
        assert stats.rows_examined is not None
        assert stats.rows_examined.max == max(event.rows_examined for event in of_class)
        assert (stats.users, stats.hosts) == (by_hand.users, by_hand.hosts)
        assert stats.databases == by_hand.databases
        assert (stats.first_seen, stats.last_seen) == (by_hand.first_seen, by_hand.last_seen)


def test_sums_beyond_what_a_float_holds_are_exact() -> None:
    large = 2**62 + 1
    stats = only_class(table([batch(*[Event(query_time=large)] * 5)]))
    assert stats.query_time.sum == 5 * large


def test_events_of_one_fingerprint_are_one_class_however_their_literals_differ() -> None:
    log = [Event(b"select 1;"), Event(b"select 'x';"), Event(b"SELECT  2.5;")]
    assert only_class(table([batch(*log)])).count == 3


def test_truncated_events_are_counted_and_share_the_class_of_whole_ones() -> None:
    log = [Event(b"select 1;"), Event(b"select 1"), Event(b"select 2" + CUT_MARK)]
    filled = table([batch(*log)])
    assert only_class(filled).count == 3
    assert filled.account.truncated == 2


def test_truncated_events_that_do_not_count_are_not_counted_as_truncated() -> None:
    log = [Event(b"select 1", user="rdsadmin"), Event(b"select 1", ended_at=HOUR)]
    selection = Selection(Window(0, HOUR), ignored_users=frozenset({"rdsadmin"}))
    assert table([batch(*log)], selection).account.truncated == 0


def test_what_readers_account_for_is_added_up() -> None:
    one = Batch(
        bytes_read=100,
        bytes_skipped={"after a loss": 3},
        events_administrator=1,
        events_excluded={"throttled": 2},
        events_unreadable=4,
        events_possibly_repeated=5,
        sampled=10,
    )
    other = Batch(bytes_read=1, bytes_skipped={"after a loss": 1, "unfinished header": 9})
    for filled in (table([one, other]), merged(table([other]), table([one]))):
        account = filled.account
        assert account.bytes_read == 101
        assert account.skipped == {"after a loss": 4, "unfinished header": 9}
        assert account.administrator == 1
        assert account.excluded == {"throttled": 2}
        assert account.unreadable == 4
        assert account.possibly_repeated == 5
        assert account.sampled == 10


# Which events count.


def test_a_window_holds_its_start_and_not_its_end() -> None:
    ends = [HOUR - 1, HOUR, 2 * HOUR - 1, 2 * HOUR]
    log = [Event(ended_at=moment) for moment in ends]
    filled = table([batch(*log)], Selection(Window(HOUR, 2 * HOUR)))
    stats = only_class(filled)
    assert (stats.count, stats.first_seen, stats.last_seen) == (2, HOUR, 2 * HOUR - 1)
    assert filled.account.outside_window == 2


@few
@given(logs, st.integers(0, 3 * HOUR), st.integers(0, 3 * HOUR))
def test_adjacent_windows_share_out_all_events(log: list[Event], one: int, other: int) -> None:
    first, middle, last = 0, min(one, other), max(one, other)
    edges = (first, middle, last, 3 * HOUR + 1)
    placed = [event for event in log if event.ended_at is not None]
    counts = [
        said(table([batch(*log)], Selection(Window(start, end)))).totals.count
        for start, end in pairwise(edges)
    ]
    assert sum(counts) == len(placed)


def test_an_event_that_the_log_gives_no_time_counts_unless_a_window_asks_for_it() -> None:
    log = [Event(ended_at=None), Event(ended_at=5)]
    whole = table([batch(*log)])
    assert only_class(whole).count == 2
    assert (only_class(whole).first_seen, only_class(whole).last_seen) == (5, 5)
    part = table([batch(*log)], Selection(Window(0, HOUR)))
    assert only_class(part).count == 1
    assert (part.account.unreadable, part.account.outside_window) == (1, 0)


def test_a_class_whose_events_have_no_time_was_seen_at_no_time() -> None:
    stats = only_class(table([batch(Event(ended_at=None))]))
    assert (stats.first_seen, stats.last_seen) == (None, None)


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param(Selection(ignored_users=frozenset({"shop"})), id="user"),
        pytest.param(Selection(ignored_databases=frozenset({"orders"})), id="database"),
        pytest.param(Selection(ignored_query_ids=frozenset({IDS[0]})), id="whole-id"),
        pytest.param(Selection(ignored_query_ids=frozenset({IDS[0][16:]})), id="end-of-id"),
    ],
)
def test_what_settings_ignore_is_in_no_class_and_is_counted(selection: Selection) -> None:
    log = [
        Event(STATEMENTS[0]),
        Event(STATEMENTS[1]),
        Event(STATEMENTS[3], user="batch", database="stock"),
    ]
    filled = table([batch(*log)], selection)
    assert only_class(filled).fingerprint.query_id == IDS[3]
    assert filled.account.excluded == {IGNORED: 2}


@pytest.mark.parametrize(
    "selection",
    [
        Selection(ignored_users=frozenset({"Shop", "sho", "orders", ""})),
        Selection(ignored_databases=frozenset({"shop", "order"})),
        Selection(ignored_query_ids=frozenset({IDS[0][:16], IDS[0][:31], IDS[0].lower()})),
    ],
)
def test_names_and_ids_are_ignored_as_a_whole_or_not_at_all(selection: Selection) -> None:
    filled = table([batch(Event(STATEMENTS[0]))], selection)
    assert only_class(filled).count == 1
    assert not filled.account.excluded


# What a class and a table hold is bounded.


def test_a_rare_query_is_small() -> None:
    stats = only_class(table([batch(Event(query_time=7, lock_time=3))]))
    assert stats.query_time.sketch == {7: 1}
    assert stats.lock_time is not None
    assert stats.lock_time.sketch == {3: 1}
    # Nobody asks for percentiles of rows.
    assert stats.rows_sent is not None
    assert stats.rows_sent.sketch == {}


@few
@given(st.lists(events, min_size=1, max_size=60), st.integers(0, 5), cuts)
def test_above_the_class_limit_totals_stay_exact_and_what_is_folded_is_said(
    log: list[Event], limit: int, places: list[int]
) -> None:
    whole = said(table([batch(*log)]))
    bounded = said(table(cut(log, places), class_limit=limit))
    parts = (table([part], class_limit=limit) for part in cut(log, places))
    for found in (bounded, said(merged(table([], class_limit=limit), *parts))):
        assert len(found.queries) == found.totals.distinct == min(limit, whole.totals.distinct)
        assert found.events_folded == len(log) - sum(query.count for query in found.queries)
        assert found.totals.count == whole.totals.count
        assert found.totals.query_time_sum == whole.totals.query_time_sum
        assert found.totals.query_time_min == whole.totals.query_time_min
        assert found.totals.query_time_max == whole.totals.query_time_max
        assert found.totals.lock_time_sum == whole.totals.lock_time_sum
        assert found.totals.rows_sent_sum == whole.totals.rows_sent_sum
        assert found.totals.rows_examined_sum == whole.totals.rows_examined_sum
        assert found.coverage == whole.coverage
        if limit >= whole.totals.distinct:
            assert found == whole


def test_a_class_that_has_its_place_goes_on_counting_when_the_table_is_full() -> None:
    filled = table([batch(Event(b"a;"), Event(b"b;")), batch(Event(b"a;"))], class_limit=1)
    assert only_class(filled).count == 2
    assert filled.folded.count == 1


def test_the_text_of_all_classes_is_bounded() -> None:
    long = Event(b"select " + b"a, " * 40 + b"a from t;")
    short = [Event(b"select a;"), Event(b"select b;")]
    filled = Table(EVERYTHING, text_limit=20)
    filled.add(batch(short[0], long, long, short[1]))
    # What found no place takes none: the second short one still does.
    assert sorted(filled.classes) == ["select a", "select b"]
    assert filled.folded.count == 2


def distinct(size: int) -> Iterator[Batch]:
    """Batches of statements that never come again, too long for a fingerprinter to remember."""
    blanks = b" " * OUTLINE_LIMIT
    words = map(b"".join, product(LETTERS, repeat=3))
    for _ in range(0, size, 100):
        yield batch(*[Event(b"select%s %s;" % (blanks, next(words))) for _ in range(100)])


def test_memory_is_bounded_when_no_two_statements_are_equal() -> None:
    limit = 200
    peaks = []
    for size in (2 * limit, 8 * limit):
        tracemalloc.start()
        filled = table(distinct(size), class_limit=limit)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert filled.folded.count == size - limit
    assert peaks[1] < 1.1 * peaks[0]


# Names.


def names(counts: Iterable[tuple[str, int]]) -> Names:
    found = Names()
    for name, count in counts:
        found.add(name, count)
    return found


def test_events_without_a_name_are_not_counted_under_one() -> None:
    assert names([("", 3), ("shop", 2)]).kept() == {"shop": 2}


def test_a_class_tells_only_so_many_names_apart_and_counts_the_others() -> None:
    counts = [(f"host-{number:05}", number) for number in range(5 * NAME_LIMIT)]
    found = names(counts)
    assert len(found) <= 2 * NAME_LIMIT
    kept = found.kept()
    assert len(kept) == NAME_LIMIT + 1
    others = kept.pop(OTHER_NAMES)
    assert kept == dict(counts[:NAME_LIMIT])
    assert others == sum(count for _, count in counts[NAME_LIMIT:])


@pytest.mark.parametrize("seed", range(5))
def test_which_names_are_told_apart_does_not_depend_on_order_or_merging(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a shuffle, no secret
    counts = [(f"host-{number % (3 * NAME_LIMIT)}", 1) for number in range(6 * NAME_LIMIT)]
    expected = names(counts).kept()
    random.shuffle(counts)
    assert names(counts).kept() == expected
    place = random.randrange(len(counts))
    one, other = names(counts[:place]), names(counts[place:])
    one.merge(other)
    assert one.kept() == expected


def test_clients_are_named_in_the_class_of_their_events_only() -> None:
    log = [
        Event(b"a;", user="u", host="h", database="d"),
        Event(b"a;", user="u", host="i", database=""),
        Event(b"b;", user="v", host="h", database="d"),
    ]
    classes = table([batch(*log)]).classes
    assert (classes["a"].users, classes["b"].users) == ({"u": 2}, {"v": 1})
    assert (classes["a"].hosts, classes["b"].hosts) == ({"h": 1, "i": 1}, {"h": 1})
    assert (classes["a"].databases, classes["b"].databases) == ({"d": 1}, {"d": 1})
