"""A sketch of a distribution: counts in buckets whose width grows with the value.

The guarantee: a quantile read from the sketch is within 0.8 % of the value of that rank,
whatever was put in, in whatever order, and however many sketches were merged on the way.
Values below 128 are exact. Buckets are integers computed from integers, so the same
values give the same sketch on every machine.

The idea is DDSketch's (Masson, Rim, Lee, PVLDB 12(12), 2019), with the buckets of an HDR
histogram: each doubling of the value has 64 of the same width, which takes a shift where a
logarithm takes a table. A plain ``dict`` of counts keeps a rare query small.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

_BITS: Final = 7
"""Leading bits of a value that tell its bucket: its middle is within 1 in 128 of either end."""

_DOUBLING: Final = _BITS - 1
"""A doubling of the value has two to the power of this buckets."""

EXACT: Final = 1 << _BITS
"""Values below this one have a bucket of their own."""


def buckets(values: Iterable[int]) -> list[int]:
    """Return the bucket of each value; values are integers from 0 up."""
    return [
        value
        if value < EXACT
        else ((shift := value.bit_length() - _BITS) << _DOUBLING) + (value >> shift)
        for value in values
    ]


def representative(bucket: int) -> int:
    """Return the value that stands for all values of a bucket: its middle."""
    if bucket < EXACT:
        return bucket
    shift = (bucket >> _DOUBLING) - 1
    lowest = (bucket - (shift << _DOUBLING)) << shift
    return lowest + ((1 << shift) - 1) // 2


def quantiles(sketch: Mapping[int, int], fractions: Iterable[float]) -> list[int]:
    """Return the values at ``fractions`` (ascending, 0 to 1) of a sketch that is not empty.

    The rank is the nearest one: the smallest value such that at least this fraction of
    all values is not larger.
    """
    ordered = sorted(sketch)
    total = sum(sketch.values())
    result = []
    position = 0
    seen = sketch[ordered[0]]
    for fraction in fractions:
        rank = max(1, math.ceil(fraction * total))
        while seen < rank:
            position += 1
            seen += sketch[ordered[position]]
        result.append(representative(ordered[position]))
    return result
