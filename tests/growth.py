"""How the time of a function grows with its input: the power of n, measured.

For whatever eats foreign text. CPU time of this thread, best of five, so that a busy
machine does not matter; and a fitted power, so that a slow one does not either.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from math import inf, log2
from time import thread_time
from typing import Final, TypeVar

LIMIT: Final = 1.2
"""The power that is still called linear."""

_MEASURABLE: Final = 0.001
_LARGEST: Final = 2**22
_REPEATS: Final = 5
_ATTEMPTS: Final = 8

_T = TypeVar("_T")


def exponent(work: Callable[[_T], object], make: Callable[[int], _T]) -> float:
    """Return k where the time of ``work(make(n))`` grows with the k-th power of n.

    The smallest n is the first power of two at which the work takes half a millisecond;
    the others are two, four and eight times as much. A power over the limit is measured
    again: noise passes, a square stays.
    """
    n = 1
    while _seconds(work, make(n)) < _MEASURABLE:
        n *= 2
        assert n <= _LARGEST, "no input was large enough to be measured"
    inputs = {size: make(size) for size in (n, 2 * n, 4 * n, 8 * n)}
    least = inf
    for _ in range(_ATTEMPTS):
        least = min(least, _fitted(work, inputs))
        if least < LIMIT:
            break
    return least


def _fitted(work: Callable[[_T], object], inputs: dict[int, _T]) -> float:
    # In turn, so that a moment in which the machine is slow meets every size.
    rounds = [[_seconds(work, made) for made in inputs.values()] for _ in range(_REPEATS)]
    times = [min(of_one_size) for of_one_size in zip(*rounds, strict=True)]
    return _slope([log2(size) for size in inputs], [log2(time) for time in times])


def _seconds(work: Callable[[_T], object], made: _T) -> float:
    gc.disable()
    try:
        start = thread_time()
        work(made)
        return thread_time() - start
    finally:
        gc.enable()


def _slope(xs: list[float], ys: list[float]) -> float:
    """Return the slope of the line with the least squares."""
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - x_mean) ** 2 for x in xs)
