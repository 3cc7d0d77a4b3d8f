"""A result read back from its document: what the function returned, for a terminal.

The inverse of ``slowquery.document`` as far as a document tells: what was left out of one
that was too long is left out here, and counted where it counts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slowquery.model import (
    SECOND,
    Coverage,
    Digest,
    Failure,
    LockTimes,
    Loss,
    Query,
    Result,
    Rows,
    Status,
    StepTimes,
    Times,
    Totals,
    Window,
)
from slowquery.window import parse_time

Document = Mapping[str, Any]


def result_of(document: Document) -> Result:
    """Return the result that a document describes."""
    return Result(
        window=_window(document["window"]),
        digests=tuple(map(_digest, document["digests"])),
        failures=tuple(
            Failure(
                found["what"],
                found["where"],
                found["why"],
                found["try"],
                found["event"],
                found["cause"],
            )
            for found in document["failures"]
        ),
        statuses=tuple(Status(**found) for found in document["statuses"]),
    )


def _digest(document: Document) -> Digest:
    return Digest(
        window=_window(document["window"]),
        instance=document["instance"],
        engine=document["engine"],
        coverage=_coverage(document["coverage"]),
        totals=_totals(document["totals"]),
        queries=tuple(map(_query, document["queries"])),
        queries_omitted=document["queries_omitted"],
        events_folded=document["events_folded"],
    )


def _coverage(document: Document) -> Coverage:
    same = dict(document)
    del same["losses_omitted"]
    losses = tuple(
        Loss(found["file"], found["reason"], _known(found["bytes"])) for found in same["losses"]
    )
    return Coverage(**{**same, "losses": losses})


def _known(size: int | str) -> int | None:
    return size if isinstance(size, int) else None


def _totals(document: Document) -> Totals:
    return Totals(
        **{name: _micros(value) if "_time_" in name else value for name, value in document.items()}
    )


def _query(document: Document) -> Query:
    given = dict(document)
    given.pop("fingerprint_omitted", None)
    lock_time, sent, examined = (
        given[name] for name in ("lock_time", "rows_sent", "rows_examined")
    )
    times = {name: _micros(value) for name, value in given["query_time"].items()}
    mean = given["query_time"]["mean"] * SECOND
    return Query(
        **{
            **given,
            "tables": tuple(given["tables"]),
            "query_time": Times(**{**times, "mean": mean}),
            "lock_time": lock_time
            and LockTimes(**{name: _micros(value) for name, value in lock_time.items()}),
            "parse_time": _step_times(given["parse_time"]),
            "bind_time": _step_times(given["bind_time"]),
            "rows_sent": sent and Rows(**sent),
            "rows_examined": examined and Rows(**examined),
            "first_seen": _moment(given["first_seen"]),
            "last_seen": _moment(given["last_seen"]),
        }
    )


def _step_times(document: Document | None) -> StepTimes | None:
    if document is None:
        return None
    return StepTimes(**{name: _micros(value) for name, value in document.items()})


def _window(document: Document | None) -> Window | None:
    if document is None:
        return None
    return Window(parse_time(document["start"], 0), parse_time(document["end"], 0))


def _moment(text: str | None) -> int | None:
    return None if text is None else parse_time(text, 0)


def _micros(seconds: float | None) -> Any:  # noqa: ANN401 - an integer where there is one
    return None if seconds is None else round(seconds * SECOND)
