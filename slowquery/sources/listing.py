"""The log files of an instance, and what two lists of them say of the time in between.

Names do not stay with files. At a rotation the live file gets a closed name and another
takes its own; MariaDB shifts its numbers, ``.1`` to ``.2``; MySQL's ``.0`` to ``.23`` come
again every day. A closed file is told by when it was last written and by its size, which do
not change any more.

PostgreSQL names a file by the time at which it was begun, and that name stays. The same
messages may be in several of them: as text, as ``.csv`` and as ``.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Final, NamedTuple

from slowquery.model import SECOND

MARGIN: Final = 900 * SECOND
"""Files that were last written so long before a window are looked at too:
``LastWritten`` is a hint (seen on closed files)."""

_NUMBERED = re.compile(r"\.(\d{1,3})(?:\.gz)?\Z", re.ASCII)
_DATED = re.compile(r"\.\d{4}-\d\d-\d\d[.-]\d{2,4}(?:\.csv|\.json)?(?:\.gz)?\Z", re.ASCII)
_PREFERRED: Final = (".csv", ".json", "")  # a csvlog and a jsonlog tell milliseconds
_MUCH_SMALLER: Final = 2
_PACKED: Final = ".gz"
_PACKS: Final = 1_000  # more than gzip can make of any text, nearly


class LogFile(NamedTuple):
    """A file as a list shows it: microseconds since the epoch, bytes."""

    name: str
    last_written: int
    size: int

    @property
    def keeps_its_name(self) -> bool:
        """Whether no other file can come under this name."""
        return _DATED.search(self.name) is not None

    @property
    def is_live(self) -> bool:
        """Whether the server is still writing to it, as its name tells."""
        return not self.keeps_its_name and _NUMBERED.search(self.name) is None

    @property
    def is_packed(self) -> bool:
        """Whether the size is that of the gzipped bytes, which the service unpacks."""
        return self.name.endswith(_PACKED)


def in_order(files: Iterable[LogFile]) -> list[LogFile]:
    """Return files as they were written, the oldest first; of numbers the highest is that."""

    def age(file: LogFile) -> tuple[int, bool, int, str]:
        numbered = None if file.keeps_its_name else _NUMBERED.search(file.name)
        return file.last_written, file.is_live, -int(numbered[1]) if numbered else 0, file.name

    return sorted(files, key=age)


def in_one_format(files: Iterable[LogFile], kept: MutableMapping[str, int]) -> list[LogFile]:
    """Return files without those of which there is another that holds the same messages.

    The first of the preferred formats is kept that is not much smaller than another, as it is
    where it was switched on late: a csvlog says more than the text, so it is no less.
    ``kept`` remembers the format of each, and is to be given again with the next list: a file
    that is gone by then is not made up for by one whose messages may have been read in it.
    """
    formats = [(file, *_format(file.name)) for file in files]
    largest: dict[str, int] = {}
    for file, begun, _ in formats:
        largest[begun] = max(file.size, largest.get(begun, 0))
    best: dict[str, int] = {}
    for file, begun, rank in formats:
        if _most_size(file) * _MUCH_SMALLER >= largest[begun]:
            best[begun] = min(rank, best.get(begun, rank))
    found: dict[str, LogFile] = {}
    for file, begun, rank in formats:
        if rank == kept.setdefault(begun, best[begun]):
            found.setdefault(begun, file)
    return [*found.values()]


def _most_size(file: LogFile) -> int:
    """Return how many bytes of log a file can hold at most."""
    return max(0, file.size) * (_PACKS if file.is_packed else 1)


def _format(name: str) -> tuple[str, int]:
    """Return what a name has in common with those of other formats, and the rank of its own."""
    name = name.removesuffix(_PACKED)
    rank = next(rank for rank, ending in enumerate(_PREFERRED) if name.endswith(ending))
    return name.removesuffix(_PREFERRED[rank]), rank


def chosen(files: Iterable[LogFile], start: int) -> list[LogFile]:
    """Return the files that can hold events from ``start`` on, in order."""
    return in_order(file for file in files if file.last_written >= start - MARGIN)


class Moves(NamedTuple):
    """What became of files: where each is now, ``None`` if it is gone, and which are new."""

    now: dict[LogFile, LogFile | None]
    new: list[LogFile]


def moves(before: Sequence[LogFile], after: Sequence[LogFile]) -> Moves:
    """Compare two lists of one instance; what is new is in order."""
    now: dict[LogFile, LogFile | None] = {}
    left = in_order(after)
    # What is surest goes first: what is left is less and less to choose from.
    for one in (_unchanged, _moved, _closed, _grown):
        for file in in_order(before):
            if now.get(file) is None and (found := one(file, left)):
                left.remove(found)
                now[file] = found
    return Moves({file: now.get(file) for file in before}, left)


def _unchanged(file: LogFile, left: Sequence[LogFile]) -> LogFile | None:
    """Find a closed file where it was."""
    named = next((other for other in left if other.name == file.name), None)
    return (
        named if named and (file.keeps_its_name or (named == file and not file.is_live)) else None
    )


def _moved(file: LogFile, left: Sequence[LogFile]) -> LogFile | None:
    """Find a closed file under another name; one that keeps its own can only be packed."""
    if file.keeps_its_name:
        return next((other for other in left if other.name == file.name + _PACKED), None)
    same = (other for other in left if other[1:] == file[1:] and not other.is_live)
    return None if file.is_live else next(same, None)


def _closed(file: LogFile, left: Sequence[LogFile]) -> LogFile | None:
    """Find the live file as one that was closed since."""
    found = (
        other
        for other in left
        if other.name.startswith(file.name) and not other.is_live and _can_be(file, other)
    )
    return next(found, None) if file.is_live else None


def _grown(file: LogFile, left: Sequence[LogFile]) -> LogFile | None:
    """Find what has its name and can be it: the live file does grow."""
    return next((other for other in left if other.name == file.name and _can_be(file, other)), None)


def _can_be(file: LogFile, other: LogFile) -> bool:
    return other.last_written >= file.last_written and other.size >= file.size
