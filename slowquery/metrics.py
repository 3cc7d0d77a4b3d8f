"""A run as CloudWatch metrics: Embedded Metric Format, as plain values.

A document is one JSON object on one line of the function's log, which CloudWatch turns
into metrics without any call or right (CloudWatch user guide, "Embedded metric format
specification"). The figures of a window bear the window's *start* as their time, so they
lie in the hour they tell of; those of the run itself bear the time of the run.

CloudWatch takes a document at least once, and an hour that is digested again adds to what
is there: look at Maximum, which a repeat does not change, never at Sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from slowquery.model import SECOND, Digest, Metric, Result

Document: TypeAlias = dict[str, Any]
Asked: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A check by its name, and the dimensions of what it is about."""

NAMESPACE: Final = "SlowQuery"
INSTANCE: Final = "DBInstanceIdentifier"
"""The dimension of an instance's metrics, named as AWS/RDS names it."""
CHANNEL: Final = "Channel"
CHECK: Final = "Check"
FUNCTION: Final = "FunctionName"
"""The dimension of what a function says of itself, named as AWS/Lambda names it: an account
may have several stages, and an alarm on one must not be silenced by another. It stands without
it, too, for whoever does not know which function it is."""

UNITS: Final[Mapping[str, str]] = {
    "SlowQueries": "Count",
    "QueryTime": "Seconds",
    "DistinctQueries": "Count",
    "RowsExamined": "Count",
    "RunDuration": "Seconds",
    "Failures": "Count",
    "DigestsDelivered": "Count",
    "Healthy": "Count",
}
"""Every metric there is, and its unit."""


def emf(  # noqa: PLR0913 - what there is to say about a run
    result: Result,
    *,
    names: Sequence[Metric],
    now: int,
    run_duration: int,
    delivered: Mapping[str, bool],
    function: str | None = None,
) -> Iterator[Document]:
    """Yield the documents of a scheduled run.

    ``names`` are the metrics of each instance. ``now`` and ``run_duration`` are in
    microseconds. ``delivered`` says of each channel that something was sent to whether it
    arrived, ``function`` which function ran. A figure that the engine does not log is left out.
    """
    for digest in result.digests:
        figures: dict[str, float] = {
            name: figure for name in names if (figure := _figure(digest, name)) is not None
        }
        if figures and digest.window and digest.instance:
            yield _document(digest.window.start, figures, {INSTANCE: digest.instance})
    run: dict[str, float] = {
        "RunDuration": run_duration / SECOND,
        "Failures": len(result.failures),
    }
    yield _of_the_function(now, run, function)
    for channel, arrived in delivered.items():
        yield _document(now, {"DigestsDelivered": int(arrived)}, {CHANNEL: channel})


def healthy(
    known: Mapping[Asked, bool], now: int, function: str | None = None, *, is_blind: bool = False
) -> Iterator[Document]:
    """Yield the documents of an examination: 1 for what is well, 0 for what is not.

    ``known`` says of each check, by its name and the dimension of what it is about, whether
    that is well; what is unknown is not in it. One figure of the ``function`` that asked tells
    of all of them together: its minimum is what an alarm needs. It is 0, too, where the check
    ``is_blind``: knowing nothing of any instance. ``now`` is in microseconds.
    """
    for (check, dimensions), is_well in known.items():
        yield _document(now, {"Healthy": int(is_well)}, {CHECK: check, **dict(dimensions)})
    yield _of_the_function(now, {"Healthy": int(all(known.values()) and not is_blind)}, function)


def _figure(digest: Digest, name: Metric) -> float | None:
    totals = digest.totals
    match name:
        case "SlowQueries":
            return totals.count
        case "QueryTime":
            return totals.query_time_sum / SECOND
        case "DistinctQueries":
            return totals.distinct
        case "RowsExamined":
            return totals.rows_examined_sum


def _of_the_function(micros: int, figures: Mapping[str, float], function: str | None) -> Document:
    """Return a document with the dimension of the function, and without."""
    document = _document(micros, figures, {FUNCTION: function} if function else {})
    if function:
        document["_aws"]["CloudWatchMetrics"][0]["Dimensions"].append([])
    return document


def _document(micros: int, figures: Mapping[str, float], dimensions: Mapping[str, str]) -> Document:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in figures],
    }
    described = {"Timestamp": micros // 1000, "CloudWatchMetrics": [directive]}
    return {"_aws": described, **dimensions, **figures}
