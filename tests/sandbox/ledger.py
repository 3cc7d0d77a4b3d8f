"""The account of what the log service was asked, what it gave, and what it kept.

Two clients may read the same file, and one client may ask the same marker again with fewer
lines; so the last answer at a marker is taken for the one that its client kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.sandbox.portions import Denial, Region


class FileKey(NamedTuple):
    """A file by the name it was added under, whatever it is called after a rotation."""

    instance: str
    file: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the RDS API, as it was answered.

    ``outcome`` is ``"ok"``, the wire code of the error, ``"dropped"`` or ``"cut short"``.
    ``source`` is the file that ``file`` named at the time. ``regions`` are the bytes of it
    that the answer held, ``delivered`` the length of the answer's data, ``denials`` what
    the answer left out.
    """

    action: str
    outcome: str = "ok"
    instance: str = ""
    file: str = ""
    marker: str | None = None
    lines: int | None = None
    next_marker: str | None = None
    pending: bool = False
    source: FileKey | None = None
    delivered: int = 0
    regions: tuple[Region, ...] = ()
    denials: tuple[Denial, ...] = ()


class Span(NamedTuple):
    """The bytes ``[start, end)`` of a file, and for what the service kept back, why."""

    instance: str
    file: str
    start: int
    end: int
    reason: str = ""


@dataclass(slots=True)
class Ledger:
    """All calls so far, and what follows from them."""

    calls: list[Call] = field(default_factory=list)

    def withheld(self) -> list[Span]:
        """What the service kept back and, as far as the client asked, never gave."""
        given = self._given()
        kept: dict[FileKey, list[Denial]] = defaultdict(list)
        for call in self.calls:
            if call.source:
                kept[call.source].extend(call.denials)
        return [
            Span(*key, *region, reason)
            for key, denials in sorted(kept.items())
            for reason in sorted({denial.reason for denial in denials})
            for region in without(
                (Region(d.start, d.end) for d in denials if d.reason == reason),
                given.get(key, ()),
            )
        ]

    def undelivered(self, sizes: Mapping[FileKey, int]) -> list[Span]:
        """What was never given of files of these sizes, withheld or never asked for."""
        given = self._given()
        return [
            Span(*key, *region)
            for key, size in sorted(sizes.items())
            for region in without([Region(0, size)], given.get(key, ()))
        ]

    def repeated(self) -> list[Span]:
        """What was given more than once, by answers at different markers."""
        return [
            Span(*key, *region)
            for key, regions in sorted(self._given().items())
            for region in _twice(regions)
        ]

    def _given(self) -> dict[FileKey, list[Region]]:
        last: dict[tuple[FileKey, str, str | None], tuple[Region, ...]] = {}
        for call in self.calls:
            if call.source and call.outcome == "ok" and call.regions:
                last[call.source, call.file, call.marker] = call.regions
        given: dict[FileKey, list[Region]] = defaultdict(list)
        for (source, _, _), regions in last.items():
            given[source].extend(regions)
        return given


def without(regions: Iterable[Region], taken: Iterable[Region]) -> list[Region]:
    """The union of ``regions`` less ``taken``, in order, without touching neighbours."""
    removed = _union(taken)
    left = []
    for region in _union(regions):
        start = region.start
        for hole in removed:
            if start < hole.end and hole.start < region.end:
                if start < hole.start:
                    left.append(Region(start, hole.start))
                start = hole.end
        if start < region.end:
            left.append(Region(start, region.end))
    return left


def _union(regions: Iterable[Region]) -> list[Region]:
    merged: list[Region] = []
    for region in sorted(regions):
        if merged and region.start <= merged[-1].end:
            merged[-1] = Region(merged[-1].start, max(merged[-1].end, region.end))
        elif region.start < region.end:
            merged.append(region)
    return merged


def _twice(regions: Iterable[Region]) -> list[Region]:
    overlaps = []
    reached = 0
    for region in sorted(regions):
        if region.start < min(reached, region.end):
            overlaps.append(Region(region.start, min(reached, region.end)))
        reached = max(reached, region.end)
    return _union(overlaps)
