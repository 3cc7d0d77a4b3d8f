"""Digests and results as the JSON that ``docs/digest.schema.json`` describes.

Outside, times are seconds and UTC in ISO 8601. A duration is a float that gives back its
microseconds exactly, up to seventy years of them: ``round(seconds * 1_000_000)``. What an
engine does not log is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

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
    StepTimes,
    Times,
    Totals,
    Window,
)
from slowquery.window import iso

Document: TypeAlias = dict[str, Any]
"""A JSON object; what it holds, the schema says."""

SCHEMA: Final = 1
"""The version of the document: it rises when a name changes or goes."""

LIMIT: Final = 256_000
"""Bytes that a result stays below: 256 KB, however that is counted. It is what Lambda takes
as the payload of an asynchronous invocation (Lambda quotas)."""

_FOR_LOSSES: Final = 4
"""Losses may take one fourth of the room, before queries get the rest."""

FINGERPRINT: Final = 10_000
"""Characters of a fingerprint that a shortened result keeps. There are some of hundreds of
thousands, and one of them would take the room of all other queries."""


def digest_document(digest: Digest) -> Document:
    """Return ``digest`` as the schema's ``digest``."""
    return {
        "window": _window(digest.window),
        "instance": digest.instance,
        "engine": digest.engine,
        "coverage": _coverage(digest.coverage),
        "totals": _totals(digest.totals),
        "queries": [_query(query) for query in digest.queries],
        "queries_omitted": digest.queries_omitted,
        "events_folded": digest.events_folded,
    }


def digest_json(digest: Digest) -> Iterator[str]:
    """Yield ``digest_document(digest)`` as indented JSON, a query at a time.

    Every query of a log may be thousands: none but the one that is written is held.
    """
    document = digest_document(digest._replace(queries=()))
    before, _, after = json.dumps(document, indent=2).partition('"queries": []')
    yield f'{before}"queries": ['
    separator = "\n    "
    for query in digest.queries:
        yield separator + json.dumps(_query(query), indent=2).replace("\n", "\n    ")
        separator = ",\n    "
    yield f"\n  ]{after}\n" if digest.queries else f"]{after}\n"


def result_document(result: Result) -> Document:
    """Return ``result`` as the schema's ``result``, whole, whatever its size."""
    return {
        "schema": SCHEMA,
        "window": _window(result.window),
        "digests": [digest_document(digest) for digest in result.digests],
        "digests_omitted": 0,
        "failures": [_failure(failure) for failure in result.failures],
        "failures_omitted": 0,
        "statuses": [
            {"instance": status.instance, "state": status.state} for status in result.statuses
        ],
    }


def fit(document: Document, limit: int = LIMIT) -> Document:
    """Return a result's document, shortened to fewer than ``limit`` bytes of JSON.

    Queries are left out from the end: every digest keeps its first before any keeps its
    second, and so on. Losses share a fourth of the room in the same way. Digests and
    failures themselves are left out, from the end, only where they alone are too much.
    What is left out is counted in ``queries_omitted``, ``losses_omitted`` and so on, and
    of a long fingerprint in ``fingerprint_omitted``. Statuses are kept whatever comes:
    there are no more than instances, and each is short.

    JSON is measured as ``json.dumps`` writes it by default. Lambda's runtime writes the
    same with characters beyond ASCII as they are, which is never longer. Each item is
    written once, so the cost is linear.
    """
    if _size(document) < limit:
        return document
    short = dict(document)
    short["digests"] = digests = [
        {
            **digest,
            "coverage": dict(digest["coverage"]),
            "queries": list(map(_shortened, digest["queries"])),
        }
        for digest in document["digests"]
    ]
    queries = [_Shelf(digest, "queries") for digest in digests]
    losses = [_Shelf(digest["coverage"], "losses") for digest in digests]
    shelves = [_Shelf(short, "failures")], [_Shelf(short, "digests")]
    room = limit - 1 - _size(short)
    for shelf in shelves:
        room -= _fill(shelf, room)
    kept = len(short["digests"])
    room -= _fill(losses[:kept], room // _FOR_LOSSES)
    _fill(queries[:kept], room)
    return short


def _shortened(query: Document) -> Document:
    fingerprint = query["fingerprint"]
    omitted = len(fingerprint) - FINGERPRINT
    if omitted <= 0:
        return query
    return {**query, "fingerprint": fingerprint[:FINGERPRINT], "fingerprint_omitted": omitted}


class _Shelf:
    """A list of a document that is emptied to be filled again as far as there is room.

    Next to the list stands how many items it lacks. That number only falls while the list
    is filled, so it never takes more room than when the list was empty.
    """

    def __init__(self, owner: Document, name: str) -> None:
        self._owner = owner
        self._name = name
        self._items: Iterator[Document] = iter(owner[name])
        owner[_omitted(name)] += len(owner[name])
        owner[name] = []

    def take(self) -> Document | None:
        return next(self._items, None)

    def put(self, item: Document) -> None:
        self._owner[self._name].append(item)
        self._owner[_omitted(self._name)] -= 1


def _fill(shelves: Iterable[_Shelf], room: int) -> int:
    """Fill shelves side by side, one item a round; return the room that was taken.

    A shelf is closed by the first of its items that does not fit: what is left out is
    always left out from the end.
    """
    taken = 0
    opened = list(shelves)
    while opened:
        still = []
        for shelf in opened:
            item = shelf.take()
            if item is None:
                continue
            size = _size(item) + len(", ")
            if taken + size <= room:
                taken += size
                shelf.put(item)
                still.append(shelf)
        opened = still
    return taken


def _omitted(name: str) -> str:
    return f"{name}_omitted"


def _size(value: Document) -> int:
    return len(json.dumps(value))


def _window(window: Window | None) -> Document | None:
    return None if window is None else {"start": iso(window.start), "end": iso(window.end)}


def _coverage(coverage: Coverage) -> Document:
    return {
        "bytes_read": coverage.bytes_read,
        "bytes_parsed": coverage.bytes_parsed,
        "bytes_skipped": coverage.bytes_skipped,
        "events": coverage.events,
        "events_administrator": coverage.events_administrator,
        "events_excluded": coverage.events_excluded,
        "events_outside_window": coverage.events_outside_window,
        "events_unreadable": coverage.events_unreadable,
        "events_truncated": coverage.events_truncated,
        "events_possibly_repeated": coverage.events_possibly_repeated,
        "complete": coverage.complete,
        "files": coverage.files,
        "sampled": coverage.sampled,
        "skipped": dict(coverage.skipped),
        "excluded": dict(coverage.excluded),
        "also": dict(coverage.also),
        "losses": [_loss(loss) for loss in coverage.losses],
        "losses_omitted": 0,
    }


def _loss(loss: Loss) -> Document:
    size = "unknown size" if loss.size is None else loss.size
    return {"file": loss.file, "reason": loss.reason, "bytes": size}


def _totals(totals: Totals) -> Document:
    return {
        "count": totals.count,
        "query_time_sum": _seconds(totals.query_time_sum),
        "query_time_min": _logged(totals.query_time_min),
        "query_time_max": _logged(totals.query_time_max),
        "lock_time_sum": _logged(totals.lock_time_sum),
        "rows_sent_sum": totals.rows_sent_sum,
        "rows_examined_sum": totals.rows_examined_sum,
        "parse_time_sum": _logged(totals.parse_time_sum),
        "bind_time_sum": _logged(totals.bind_time_sum),
        "distinct": totals.distinct,
    }


def _query(query: Query) -> Document:
    return {
        "query_id": query.query_id,
        "fingerprint": query.fingerprint,
        "kind": query.kind,
        "tables": list(query.tables),
        "count": query.count,
        "share": query.share,
        "query_time": _times(query.query_time),
        "lock_time": query.lock_time and _lock_times(query.lock_time),
        "rows_sent": query.rows_sent and _rows(query.rows_sent),
        "rows_examined": query.rows_examined and _rows(query.rows_examined),
        "parse_time": query.parse_time and _step_times(query.parse_time),
        "bind_time": query.bind_time and _step_times(query.bind_time),
        "databases": dict(query.databases),
        "users": dict(query.users),
        "hosts": dict(query.hosts),
        "tags": {key: dict(values) for key, values in query.tags.items()},
        "first_seen": None if query.first_seen is None else iso(query.first_seen),
        "last_seen": None if query.last_seen is None else iso(query.last_seen),
    }


def _times(times: Times) -> Document:
    return {
        "sum": _seconds(times.sum),
        "min": _seconds(times.min),
        "max": _seconds(times.max),
        "mean": _seconds(times.mean),
        "p50": _seconds(times.p50),
        "p95": _seconds(times.p95),
        "p99": _seconds(times.p99),
    }


def _lock_times(times: LockTimes) -> Document:
    return {"sum": _seconds(times.sum), "max": _seconds(times.max), "p95": _seconds(times.p95)}


def _step_times(times: StepTimes) -> Document:
    return {"sum": _seconds(times.sum), "max": _seconds(times.max)}


def _rows(rows: Rows) -> Document:
    return {"sum": rows.sum, "max": rows.max}


def _failure(failure: Failure) -> Document:
    return {
        "what": failure.what,
        "where": failure.where,
        "why": failure.why,
        "try": failure.hint,
        "cause": failure.cause,
        "event": None if failure.event is None else dict(failure.event),
    }


def _seconds(micros: float) -> float:
    return micros / SECOND


def _logged(micros: int | None) -> float | None:
    return None if micros is None else _seconds(micros)
