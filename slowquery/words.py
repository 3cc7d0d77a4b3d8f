"""Figures, times and names in the words that people use, in lines that line up.

Everything is computed with integers, so the same values give the same words everywhere.
Foreign text (names, fingerprints) stands on one line, shows its control characters instead
of letting them act, and is measured in columns of a terminal, not in characters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from notifiers.visible import columns, visible
from slowquery.model import SECOND, Window
from slowquery.window import to_datetime

WIDTH: Final = 100
"""Columns of a terminal that does not tell how many it has."""

_MINUTE: Final = 60 * SECOND

_UNITS: Final = (
    (1_000, "ms", 10, 1_000),
    (SECOND, "s", 60, 60),
    (_MINUTE, "min", 10, 60),
    (60 * _MINUTE, "h", 10, None),
)
"""Microseconds of a unit, its name, below how many it has a decimal, from how many on the
next unit is better."""

_SIZES: Final = ((10**3, "kB"), (10**6, "MB"), (10**9, "GB"))

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
"""Not ``strftime``'s, which depend on the machine's language."""

_NAME: Final = 48
"""Columns of a name from a log; a longer one is cut."""

_DENSE: Final = 4
"""Characters that may share a column: marks over and under a letter take none of their own."""

_ON_ONE_LINE: Final = str.maketrans({"\n": "␊", "\t": "␉"})


def duration(micros: int) -> str:
    """Return ``185 µs``, ``1.8 ms``, ``12.1 s``, ``38 min`` or ``52 h``."""
    if micros < _UNITS[0][0]:
        return f"{micros} µs" if micros else "0 s"
    for unit, name, precise_below, until in _UNITS:
        tenths = _rounded(micros * 10, unit)
        if tenths < precise_below * 10:
            return f"{tenths // 10}.{tenths % 10} {name}"
        if until is None or _rounded(micros, unit) < until:
            break
    return f"{_rounded(micros, unit):,} {name}"


def percent(part: int, whole: int) -> str:
    """Return ``62 %``; ``0 %`` and ``100 %`` only where they are true."""
    if not part:
        return "0 %"
    hundredths = _rounded(part * 100, whole)
    if not hundredths:
        return "<1 %"
    if hundredths >= 100 and part < whole:  # noqa: PLR2004 - per cent
        return ">99 %"
    return f"{hundredths} %"


def ratio(part: int, whole: int) -> str:
    """Return how many times ``whole`` goes into ``part``: ``1.3``, ``250``, ``181,000``."""
    tenths = _rounded(part * 10, whole)
    if not tenths:
        return "<0.1" if part else "0"
    if tenths < 100:  # noqa: PLR2004 - ten, in tenths
        return f"{tenths // 10}.{tenths % 10}"
    number = _rounded(part, whole)
    step = 10 ** max(0, len(str(number)) - 3)
    return f"{_rounded(number, step) * step:,}"


def size(count: int) -> str:
    """Return bytes as ``231 B``, ``4.1 kB`` or ``41 MB``."""
    if count < _SIZES[0][0]:
        return f"{count} B"
    for unit, name in _SIZES:
        tenths = _rounded(count * 10, unit)
        if tenths < 100:  # noqa: PLR2004 - ten, in tenths
            return f"{tenths // 10}.{tenths % 10} {name}"
        if _rounded(count, unit) < 1_000:  # noqa: PLR2004 - the next unit's
            break
    return f"{_rounded(count, unit):,} {name}"


def number_of(count: int, one: str, many: str) -> str:
    """Return ``1 slow query`` or ``1,204 slow queries``."""
    return f"{count:,} {one if count == 1 else many}"


def some(shown: Sequence[str], top: int) -> str:
    """Return ``shop, batch and 3 others``."""
    first = list(shown[:top])
    if len(shown) > top:
        first.append(number_of(len(shown) - top, "other", "others"))
    *before, last = first
    return f"{', '.join(before)} and {last}" if before else last


def span(window: Window, zone: tzinfo) -> str:
    """Return ``22 Nov 13:00–14:00 UTC``; a day ends at 24:00."""
    start, end = _local(window.start, zone), _local(window.end, zone)
    clock = "%H:%M:%S" if start.second or end.second else "%H:%M"
    first, last = start.strftime(clock), end.strftime(clock)
    zones = start.tzname(), end.tzname()
    if zones[0] != zones[1]:
        first = f"{first} {_zone(start)}"
    last = f"{last} {_zone(end)}"
    if end.date() == start.date():
        return f"{_day(start)} {first}–{last}"
    if end.time() == end.time().min and end.date() - start.date() == timedelta(days=1):
        return f"{_day(start)} {first}–24{last[2:]}"
    return f"{_day(start)} {first} – {_day(end)} {last}"


def moment(micros: int, zone: tzinfo) -> str:
    """Return ``22 Nov 2026 13:02:11 UTC``."""
    local = _local(micros, zone)
    return f"{_day(local)} {local.year} {local:%H:%M:%S} {_zone(local)}"


def _local(micros: int, zone: tzinfo) -> datetime:
    return to_datetime(micros).astimezone(zone)


def _day(local: datetime) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]}"


def _zone(local: datetime) -> str:
    """Return ``CET``; zones without letters of their own, such as ``-03``, as ``UTC-03``."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{name}"


def _rounded(part: int, whole: int) -> int:
    """Divide, halves rounded up."""
    return (2 * part + whole) // (2 * whole)


def one_line(text: str) -> str:
    """Return foreign text on one line, with nothing in it that acts."""
    return visible(text).translate(_ON_ONE_LINE)


def name(text: str) -> str:
    """Return a name from a log, fit to stand among words."""
    return cut(one_line(text), _NAME)


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns, an ellipsis where something is missing."""
    taken = fits = 0
    for position, character in enumerate(text):
        taken += columns(character)
        if taken > width or position >= _DENSE * width:
            return f"{text[:fits]}…"
        if taken < width:
            fits = position + 1
    return text


def padded(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> list[tuple[str, ...]]:
    """Return the cells of ``rows`` filled up to the width of their column.

    Cells end at the same place; those of the columns ``left`` begin there.
    """
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    return [
        tuple(
            cell + blanks if number in left else blanks + cell
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            for blanks in (" " * (width - columns(cell)),)
        )
        for row in rows
    ]


def wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width`` columns, broken at blanks where possible."""
    return _filled(text.split(" "), " ", width)


def joined(items: Iterable[str], width: int) -> list[str]:
    """Return ``shop · app`` in lines of at most ``width`` columns, an item whole if possible."""
    return _filled(items, " · ", width)


def _filled(items: Iterable[str], between: str, width: int) -> list[str]:
    lines: list[str] = []
    taken = width
    for item in items:
        needed = columns(between) + columns(item)
        if taken + needed <= width:
            lines[-1] += between + item
            taken += needed
        else:
            lines += _chopped(item, width)
            taken = columns(lines[-1])
    return lines


def _chopped(text: str, width: int) -> Iterator[str]:
    """Yield ``text`` in pieces of at most ``width`` columns, or of one character that is wider."""
    start = taken = 0
    for position, character in enumerate(text):
        needed = columns(character)
        if taken + needed > width and position > start:
            yield text[start:position]
            start, taken = position, 0
        taken += needed
    yield text[start:]
