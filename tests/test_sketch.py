"""The sketch: within 1 % of the exact quantile, and the same however it came about."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from slowquery.sketch import EXACT, buckets, quantiles, representative

ACCURACY = 0.01
FRACTIONS = (0.0, 0.25, 0.5, 0.95, 0.99, 1.0)

figures = st.one_of(
    st.integers(0, 300),  # lock times, and where exact buckets end
    st.integers(0, 10**8),  # query times up to 100 seconds
    st.integers(0, 2**70),  # more than any log holds
)
samples = st.lists(figures, min_size=1, max_size=200)


def sketch(values: list[int]) -> Counter[int]:
    return Counter(buckets(values))


def rank(fraction: float, count: int) -> int:
    """The nearest rank, from 1 up."""
    return max(1, math.ceil(fraction * count))


@given(samples)
def test_a_quantile_is_within_one_percent_of_the_value_of_its_rank(values: list[int]) -> None:
    ordered = sorted(values)
    found = quantiles(sketch(values), FRACTIONS)
    for fraction, value in zip(FRACTIONS, found, strict=True):
        exact = ordered[rank(fraction, len(values)) - 1]
        # In integers: a float of such a size is no longer exact.
        assert abs(value - exact) * 100 <= exact


@given(st.lists(st.integers(0, EXACT - 1), min_size=1))
def test_small_values_are_exact(values: list[int]) -> None:
    ordered = sorted(values)
    assert quantiles(sketch(values), FRACTIONS) == [
        ordered[rank(fraction, len(values)) - 1] for fraction in FRACTIONS
    ]


def test_values_below_a_hundred_are_small() -> None:
    assert EXACT >= 100


@given(st.lists(st.integers(1, 10**10), min_size=2, max_size=300))
def test_ddsketch_finds_the_same(values: list[int]) -> None:
    oracle = DDSketch(relative_accuracy=ACCURACY)
    for value in values:
        oracle.add(value)
    for fraction, ours in zip(FRACTIONS, quantiles(sketch(values), FRACTIONS), strict=True):
        # DDSketch counts ranks from 0 and rounds down: half a rank more names the same one.
        same_rank = min(1.0, (rank(fraction, len(values)) - 0.5) / (len(values) - 1))
        theirs = oracle.get_quantile_value(same_rank)
        # Each is within 1 % of the same value, so they are within 2 % of each other.
        assert ours == pytest.approx(theirs, rel=2 * ACCURACY / (1 - ACCURACY))


@given(samples, samples)
def test_merging_sketches_is_putting_all_values_into_one(one: list[int], other: list[int]) -> None:
    assert sketch(one) + sketch(other) == sketch(one + other)


@given(samples.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_the_order_of_the_values_does_not_matter(orders: tuple[list[int], list[int]]) -> None:
    one, other = orders
    assert sketch(one) == sketch(other)


@given(st.lists(figures, min_size=2, max_size=50))
def test_a_larger_value_never_has_a_lower_bucket(values: list[int]) -> None:
    assert all(one <= other for one, other in pairwise(buckets(sorted(values))))


@given(figures)
def test_the_value_that_stands_for_a_bucket_lies_in_it(value: int) -> None:
    (bucket,) = buckets([value])
    assert buckets([representative(bucket)]) == [bucket]


@given(samples)
def test_there_are_integers_and_nothing_else(values: list[int]) -> None:
    found = sketch(values)
    assert {type(figure) for figure in [*found, *quantiles(found, FRACTIONS)]} == {int}


@given(figures, st.integers(1, 1000))
def test_a_rare_query_is_small(value: int, count: int) -> None:
    assert sketch([value] * count) == {buckets([value])[0]: count}


def test_no_query_of_an_hour_takes_two_thousand_buckets() -> None:
    assert buckets([3_600_000_000])[0] < 2_000
