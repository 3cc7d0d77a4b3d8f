"""The slow logs of one instance, file after file, whatever is rotated meanwhile.

A name says nothing about whose bytes come under it: at a rotation another file takes it,
without an error. So what was read under a name that can change hands is held back until
another list shows that it did not; if it did, the file is found under its new name by what
it is, and those bytes are read again there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from slowquery.model import Loss, Piece, Portion
from slowquery.sources.download import Ask, Download
from slowquery.sources.listing import LogFile, chosen, in_order, moves
from slowquery.sources.refusal import Gone, Passing, SourceError

HELD: Final = 16 * 1024 * 1024
"""Bytes that are held back, but for a portion, before the list is looked at again."""

LOOKS: Final = 5
"""Times that the list is looked at for a file that ought to be there."""

RELISTS: Final = 2
"""Times that the list is looked at again for a file that is in it no more."""

_PAUSE: Final = 1.0
_LATE: Final = "the time for reading ran out"
_GONE: Final = "the file was rotated away while it was read"
_NO_TIME: Final = (
    f"{_LATE} before it began",
    "more memory or a longer timeout for the function, or fewer instances in one",
)
NO_LOGS: Final = (
    "there are no slow-query logs",
    (
        "set log_output=FILE and slow_query_log=1 in its parameter group; "
        "RDS for MySQL logs to a table by default"
    ),
)
"""Why there is nothing to read, and what to try."""


class InstanceLogs:
    """Reads the files of an instance that can hold events of a time, as long as there is time.

    ``list_files(since)`` lists the files that were written since then, microseconds since
    the epoch; ``ask`` asks for a portion. Both raise :class:`SourceError`. ``pause`` waits
    so many seconds. ``no_logs`` is what is said of an instance without any.
    """

    def __init__(
        self,
        list_files: Callable[[int], list[LogFile]],
        ask: Ask,
        remaining: Callable[[], float],
        pause: Callable[[float], None],
        no_logs: tuple[str, str] = NO_LOGS,
    ) -> None:
        self._list_files = list_files
        self._ask = ask
        self._remaining = remaining
        self._pause = pause
        self._no_logs = no_logs
        self._start = 0
        self._listed: list[LogFile] = []
        self._todo: list[LogFile] = []
        self._gone: list[LogFile] = []
        self._away: set[str] = set()
        self._labels: set[str] = set()
        self._reading: _Reading | None = None
        self._has_begun = False
        self._refused: SourceError | None = None

    def pieces(self, start: int) -> Iterator[Piece]:
        """Yield the pieces of the files that can hold events from ``start`` on, oldest first.

        Raises :class:`SourceError` if there are no files, if they cannot be listed, or if
        none of them can be read; what fails later is a loss.
        """
        if self._remaining() <= 0:
            raise SourceError(*_NO_TIME)
        self._start = start
        self._listed = self._list_files(start)
        if not self._listed and not self._list_files(0):
            raise SourceError(*self._no_logs)
        self._todo = chosen(self._listed, start)
        while self._todo or self._is_live_back():
            for piece in self._read(self._todo.pop(0)):
                self._has_begun = self._has_begun or isinstance(piece, Portion)
                yield piece
            while self._gone:
                file = self._gone.pop()
                yield Loss(file.name, _GONE, file.size or None)
        for name in sorted(self._away):
            yield Loss(name, "it was rotated, and no new one was found")

    def outstanding(self) -> list[Loss]:
        """Return what has not been read so far, as losses for want of time.

        Raises :class:`SourceError` if it is not known yet what there is to read.
        """
        if not self._listed:
            raise SourceError(*_NO_TIME)
        reading = self._reading
        rest = [] if reading is None else [reading.rest(_LATE)]
        return rest + [Loss(file.name, _LATE, file.size or None) for file in [*self._todo]]

    def _read(self, file: LogFile) -> Iterator[Piece]:
        reading = self._reading = _Reading(file, self._label(file))
        while not reading.is_over:
            try:
                if self._remaining() <= 0:
                    reading.give_up(_LATE)
                else:
                    self._go_on(reading)
            except SourceError as error:
                if not self._has_begun and not reading.held:
                    self._refused = self._refused or error
                    if isinstance(error, Passing) or not self._todo:
                        raise self._refused from None
                reading.give_up(str(error))
            yield from reading.released()
        self._reading = None
        if self._remaining() <= 0:
            yield from self.outstanding()
            self._todo.clear()

    def _go_on(self, reading: _Reading) -> None:
        """Make a call; look at the list where it is time to, or where the file is not there."""
        try:
            reading.held += reading.download.step(self._ask)
        except Gone:
            reading.misses += 1
        else:
            reading.misses = 0
            if reading.file.keeps_its_name:
                reading.confirm(reading.file)
                return
            if not reading.is_due():
                return
        found = self._look_again(reading.file)
        if found is None or reading.misses >= LOOKS:
            reading.give_up(_GONE)
        elif found.name != reading.file.name:
            reading.go_back(found)
            if not reading.has_label:
                self._labels.discard(reading.download.label)
                reading.download.label = self._label(found)
        else:
            reading.confirm(found)
            if reading.misses:
                self._wait()

    def _look_again(self, file: LogFile | None = None) -> LogFile | None:
        """List the files anew and return where ``file`` is now."""
        listed = self._list_files(self._start)
        now, new = moves(self._listed, listed)
        for _ in range(RELISTS):
            if file is None or now[file] is not None:
                break
            self._wait()  # a list may be behind
            listed = self._list_files(self._start)
            now, new = moves(self._listed, listed)
        self._listed = listed
        todo = [now[one] for one in self._todo]
        self._gone += [one for one in self._todo if now[one] is None]
        self._todo = in_order([one for one in todo if one] + chosen(new, self._start))
        closed = {old.name for old, one in now.items() if old.is_live and one and not one.is_live}
        self._away = (self._away | closed) - {one.name for one in listed}
        return now[file] if file else None

    def _is_live_back(self) -> bool:
        """Wait for the live file that a rotation has taken away; tell whether it is back."""
        for _ in range(LOOKS if self._away else 0):
            self._wait()
            try:
                self._look_again()
            except SourceError:
                return False  # the file is a loss, but those before it have been read
            if self._todo:
                return True
        return False

    def _wait(self) -> None:
        self._pause(max(0.0, min(_PAUSE, self._remaining())))

    def _label(self, file: LogFile) -> str:
        """Return what to call a file: by its name, unless another has been called so."""
        label, number = file.name, 1
        while label in self._labels:
            number += 1
            label = f"{file.name} ({number})"
        self._labels.add(label)
        return label


class _Reading:
    """One file while it is read: what came of it and is not sure yet, and where that began."""

    def __init__(self, file: LogFile, label: str) -> None:
        self.file = file
        self.download = Download(file.name, label, _size(file))
        self.held: list[Piece] = []
        self.misses = 0
        self.is_over = False
        self._safe = self.download.copy()
        self._sure: list[Piece] = []
        self.has_label = False

    def is_due(self) -> bool:
        """Whether the list should be looked at, for what came under this name."""
        held = sum(len(piece.data) for piece in self.held if isinstance(piece, Portion))
        return self.download.is_done or held >= HELD

    def rest(self, reason: str) -> Loss:
        """Return what is not sure to have been read as a loss."""
        return self._safe.rest(reason)

    def confirm(self, found: LogFile) -> None:
        """Take what came for sure: the file has the same name still."""
        self.file = found
        if self.download.is_done:
            self.held += self.download.account(_size(found))
            self.is_over = True
        else:
            self.download.size = _size(found)
        self._settle()

    def go_back(self, found: LogFile) -> None:
        """Read again, under the file's new name, what may have come from another file."""
        self.file, self.download = found, self._safe.copy()
        self.download.name, self.download.size = found.name, _size(found)
        self.held.clear()

    def give_up(self, reason: str) -> None:
        """Take what came and let the rest be a loss."""
        if not self.download.is_done:
            self.held += self.download.give_up(reason)
        self.is_over = True
        self._settle()

    def released(self) -> list[Piece]:
        """Return what has become sure."""
        sure, self._sure = self._sure, []
        return sure

    def _settle(self) -> None:
        self.has_label = self.has_label or bool(self.held)
        self._sure += self.held
        self.held.clear()
        self._safe = self.download.copy()


def _size(file: LogFile) -> int | None:
    return None if file.is_packed or file.size <= 0 else file.size
