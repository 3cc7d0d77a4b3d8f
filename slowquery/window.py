"""Points in time and windows, from the words of an event or a command line.

Every point in time carries a zone or is refused: an hour that is off by a time zone looks
like a quiet one. ``13:00Z`` is short for that time on the day of ``at``, the moment that
the caller gives: nothing here reads a clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from slowquery.errors import Unusable
from slowquery.model import SECOND, Window

HOUR: Final = 3600 * SECOND
LONGEST: Final = 31 * 24 * HOUR
"""No RDS engine keeps its logs for longer than two weeks."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(?:(\d{4}-\d\d-\d\d)[T ])?(\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?)(Z|z|[+-]\d\d:?\d\d)", re.ASCII
)
_SPAN = re.compile(r"(\d{1,6})(m|h|d)", re.ASCII)
_UNITS = {"m": 60 * SECOND, "h": HOUR, "d": 24 * HOUR}


class WindowError(Unusable, ValueError):
    """A time or a window that cannot be used: what was given, and what to write instead."""


def to_micros(moment: datetime) -> int:
    """Return a moment with a zone as microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(micros: int) -> datetime:
    """Return microseconds since the epoch as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def iso(micros: int) -> str:
    """Return ``2026-11-22T13:00:00Z``, with a fraction only where there is one."""
    return to_datetime(micros).isoformat().replace("+00:00", "Z")


def parse_time(text: str, at: int | None = None) -> int:
    """Return the microseconds of ``2026-11-22T13:00Z`` or, on the day of ``at``, ``13:00Z``.

    The day is the one that ``at`` has in the zone of the time. Without ``at`` a time needs
    a day of its own.
    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        msg = f"{text[:40]!r} is not a time with a zone; try: 2026-11-22T13:00Z, or 13:00Z"
        raise WindowError(msg)
    day, clock, zone = found.groups(default="")
    zone = zone.upper()
    try:
        moment = datetime.fromisoformat(f"{day or _day(at, zone)}T{clock}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = f"{text[:40]!r} is not a time: {error}; try: 2026-11-22T13:00Z"
        raise WindowError(msg) from None
    if moment < _EPOCH:
        msg = f"{text[:40]!r} is before 1970; try: 2026-11-22T13:00Z"
        raise WindowError(msg)
    return to_micros(moment)


def _day(at: int | None, zone: str) -> str:
    if at is None:
        msg = "its day is missing"
        raise ValueError(msg)
    return to_datetime(at).astimezone(datetime.strptime(zone, "%z").tzinfo).date().isoformat()


def parse_span(text: str) -> int:
    """Return the microseconds of ``90m``, ``3h`` or ``2d``."""
    found = _SPAN.fullmatch(text.strip())
    if not found or not int(found[1]):
        msg = f"{text[:40]!r} is not a span of time; try: 90m, 3h or 2d"
        raise WindowError(msg)
    return int(found[1]) * _UNITS[found[2]]


def between(start: int, end: int) -> Window:
    """Return ``[start, end)``; refuse one that is empty, reversed or absurdly long."""
    if not start < end:
        msg = (
            f"the window starts at {iso(start)} and ends at {iso(end)}, so it is empty; "
            "try: an end after the start"
        )
        raise WindowError(msg)
    if end - start > LONGEST:
        msg = f"the window is longer than {LONGEST // (24 * HOUR)} days; try: a shorter one"
        raise WindowError(msg)
    return Window(start, end)


def hour_before(moment: int) -> Window:
    """Return the full clock hour before ``moment``, in UTC."""
    end = moment // HOUR * HOUR
    return Window(end - HOUR, end)
