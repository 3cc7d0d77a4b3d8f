"""How the log service cuts a portion out of a file: a pure function of bytes and manners.

Nothing here depends on the length of the file: a portion is found from its offset, and at
most ``portion_bytes`` are looked at, so a file of gigabytes is served in linear time.
"""

from __future__ import annotations

from mmap import mmap
from typing import NamedTuple, TypeAlias

from tests.sandbox.manners import Manners, Place

Content: TypeAlias = bytes | mmap

TRUNCATED = b" [Your log message was truncated]"
"""What stands in the data where the service cut a line."""


class Region(NamedTuple):
    """The bytes ``[start, end)`` of a file."""

    start: int
    end: int


class Denial(NamedTuple):
    """Bytes that an answer leaves out, and the switch or limit that is why."""

    start: int
    end: int
    reason: str


class Cut(NamedTuple):
    """One portion: its data, the regions the data came from, and where the next begins."""

    data: bytes
    regions: tuple[Region, ...]
    next: int
    denials: tuple[Denial, ...]


def offset(content: Content, place: Place) -> int:
    """The byte offset of a place."""
    return int(place * len(content)) if isinstance(place, float) else place


def tail(content: Content, lines: int) -> int:
    """Where the last ``lines`` lines begin."""
    start = len(content)
    if content[-1:] == b"\n":
        start -= 1
    for _ in range(lines):
        start = content.rfind(b"\n", 0, start)
        if start < 0:
            break
    return start + 1


def line_start(content: Content, position: int) -> int:
    """Where the line that holds the byte at ``position`` begins."""
    return content.rfind(b"\n", 0, position) + 1


def line_end(content: Content, position: int) -> int:
    """Behind the newline of the line that holds the byte at ``position``."""
    newline = content.find(b"\n", position)
    return len(content) if newline < 0 else newline + 1


def cut(content: Content, start: int, lines: int, manners: Manners) -> Cut:
    """The portion of at most ``lines`` lines that begins at ``start``, a byte offset.

    Where the limit of bytes falls inside a line, the line is cut and marked, and the next
    portion begins behind it. ``start`` may stand anywhere, as a client may make it up.
    """
    gaps = _gaps(content, manners)
    start, denials = _leap(gaps, start)
    stop = min((gap.start for gap in gaps if gap.start >= start), default=len(content))
    limit = min(start + manners.portion_bytes, stop)
    window = content[start:limit]
    end = start + _length(window, lines)
    behind = end
    limited = end == limit < stop and not window.endswith(b"\n")
    if limited:
        rest = min(line_end(content, limit), stop)
        if manners.rest_follows_cut:
            rest = limit
        else:
            denials.append(Denial(limit, rest, "limit"))
        behind = rest

    mark = TRUNCATED + b"\n"
    if manners.mark_on_own_line:
        mark = b"\n" + mark
    data = b""
    regions = []
    for line in _weak_lines(content, Region(start, end), manners):
        middle = (line.start + line.end) // 2
        data += content[start:middle] + mark
        regions.append(Region(start, middle))
        denials.append(Denial(middle, line.end, "cut_midway"))
        start = line.end
    if end > start:
        data += content[start:end]
        regions.append(Region(start, end))
    if limited:
        data += mark
    behind, leapt = _leap(gaps, behind)
    return Cut(data, tuple(regions), behind, (*denials, *leapt))


def _length(window: bytes, lines: int) -> int:
    """The length of the first ``lines`` lines of ``window``, or of all of it."""
    parts = window.split(b"\n", lines)
    return len(window) - len(parts[-1]) if len(parts) > lines else len(window)


def _gaps(content: Content, manners: Manners) -> list[Region]:
    starts = sorted(offset(content, place) for place in manners.gaps)
    return [Region(at, min(at + manners.gap_bytes, len(content))) for at in starts]


def _leap(gaps: list[Region], position: int) -> tuple[int, list[Denial]]:
    """Over the gaps at ``position``, if there are any."""
    denials = []
    for gap in gaps:
        if gap.start <= position < gap.end:
            denials.append(Denial(*gap, "gaps"))
            position = gap.end
    return position, denials


def _weak_lines(content: Content, portion: Region, manners: Manners) -> list[Region]:
    """The lines of ``portion`` to be cut midway, in order; never its last one."""
    found = set()
    for place in manners.cut_midway:
        at = offset(content, place)
        if portion.start <= at < portion.end:
            line = Region(
                max(line_start(content, at), portion.start),
                min(line_end(content, at), portion.end),
            )
            if line.end < portion.end:
                found.add(line)
    return sorted(found)
