"""One log file of an instance, downloaded from its first byte to its last, call by call.

The loop believes nothing that it can check. ``AdditionalDataPending`` goes false early, so
a file ends where a call brings no data; the listed size says whether that came too soon. A
marker must lead onwards: where it does not, the loop asks once more, and then goes on at a
marker of its own. What the service leaves out stands in the pieces as a loss, with its size
where markers reveal it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from slowquery.model import Loss, Piece, Portion
from slowquery.sources import seam
from slowquery.sources.refusal import Binary, Invalid
from slowquery.sources.seam import Seam, Sizes

LINES: Final = 10_000
"""Lines of a portion: the most that the service gives (API reference,
DownloadDBLogFilePortion)."""

PORTION: Final = 1024 * 1024
"""Bytes of a portion: likewise."""

CALLS: Final = 20_000
"""Calls for one file, at most: 5 GB take some 8,000."""

SPARE: Final = 16 * PORTION
"""Bytes that may come beyond twice the listed size."""

IDLE_CALLS: Final = 5
"""Calls in a row that bring nothing although there should be more."""

PENDING_CALLS: Final = 3
"""The same where nothing is missing, and the service says only that there is more."""

TRUNCATED: Final = b"[Your log message was truncated]"
"""What the service writes, behind a space, where it leaves out the rest of a line; the rest
comes in no other portion."""

_MARK = re.compile(rb"\n? ?" + re.escape(TRUNCATED) + rb"\n?")
_TEXTS: Final = 20  # marks that were somebody's text, after which markers are believed at once
_SAFETY: Final = 0.9
_UNCUT: Final = 16  # portions in a row without a cut, after which a larger one is tried
_STUCK: Final = 3  # portions in a row that hold nothing new
_MOST_FEWEST: Final = 32  # lines that are asked for at least, if fewer bring nothing new
_FIRST_STEP: Final = 64
_FARTHEST_STEP: Final = 64 * PORTION
_IS_NO_CHANCE: Final = 256  # bytes that do not come twice by chance

_START: Final = Sizes(0, 0)
_NOTHING: Final = Seam()

_CUT: Final = "RDS cut a line that is longer than its limit"
_CIRCLE: Final = "its markers lead in a circle"

Ask = Callable[[str, str, int], Mapping[str, Any]]
"""Asks for a portion: the file's name, a marker, a number of lines."""


@dataclass(slots=True)
class Download:
    """A file, and how far it has been read.

    ``name`` is what the file is called now, ``label`` what it is called in the pieces.
    ``size`` is as listed, ``None`` where the list does not tell. ``position`` is how many
    bytes of the file have been passed.
    """

    name: str
    label: str
    size: int | None
    marker: str = seam.BEGINNING
    position: Sizes = _START
    calls: int = 0
    is_done: bool = False
    _is_given_up: bool = False
    _seam: Seam = _NOTHING
    _received: int = 0
    _idle: int = 0

    # How many lines to ask for: the limit that cuts showed, bytes a line, and within how
    # many lines something is refused.
    _lines: int = LINES
    _limit: int | None = None
    _uncut: int = 0
    _dense: tuple[float, float] = (0.0, 0.0)
    _refused: int = 0
    _largest: int = 0
    _is_shortened: bool = False
    _fewest: int = 1
    _again: int = 0

    # What shows that markers say less than they seem to.
    _is_again: bool = False
    _spare: tuple[bytes, str] | None = None
    _doubtful: int = 0
    _refuted: int = 0
    _refuted_seams: int = 0
    _texts: int = 0
    _seen: set[str] = field(default_factory=set)
    _hashes: set[int] = field(default_factory=set)

    def copy(self) -> Download:
        """Return the same, to go back to."""
        return replace(self, _seen=set(self._seen), _hashes=set(self._hashes))

    def step(self, ask: Ask) -> list[Piece]:
        """Make a call or, at a line that is refused, some; return what it brought.

        Raises what ``ask`` raises, and may then be called again: with the same name, or
        with another once the file has one.
        """
        if self.calls >= CALLS:
            return self.give_up(f"it did not end within {CALLS:,} calls")
        if self.size is not None and self._received > 2 * self.size + SPARE:
            return self.give_up("far more came than the file holds")
        try:
            answer = self._ask(ask, self.marker, self._lines)
        except Binary:
            return self._corner(ask)
        except Invalid:
            return self.give_up("RDS does not accept its marker")
        data = (answer.get("LogFileData") or "").encode()
        following = answer.get("Marker") or self.marker
        if data:
            return self._take(data, following)
        return self._wait(following, is_pending=bool(answer.get("AdditionalDataPending")))

    def rest(self, reason: str) -> Loss:
        """Return what has not been read yet as a loss."""
        return Loss(self.label, reason, self._missing() or None)

    def give_up(self, reason: str) -> list[Piece]:
        """End here: the rest is a loss."""
        self._is_given_up = True
        return [*self._end(), self.rest(reason)]

    def account(self, size: int | None) -> list[Piece]:
        """Say what does not add up in a file that was read to its end and is listed so now."""
        if size is None or self.size is None or self._is_given_up:
            return []
        least, most = self.position
        surplus = least - self._doubtful - size, most - self._doubtful - size
        found: list[Piece] = []
        if (self._missing() or least > size) and self._refuted:
            # Markers that count what they deliver refute nothing, and hide what is missing.
            found += [Portion(self.label, b"", doubtful=1)] * self._refuted_seams
        if self._missing():
            found.append(self.rest("RDS gave nothing more, although the file is longer"))
        elif least <= size <= most or surplus[0] <= 0 <= surplus[1]:
            pass
        elif self._texts:
            found.append(Loss(self.label, "a line may be cut: it ends as RDS marks it"))
        elif self._doubtful or self._refuted not in {0, least - size}:
            found.append(Loss(self.label, "its markers do not tell whether all of it came"))
        return found

    def _ask(self, ask: Ask, marker: str, lines: int) -> Mapping[str, Any]:
        self.calls += 1
        return ask(self.name, marker, lines)

    def _missing(self) -> int:
        return 0 if self.size is None else max(0, self.size - self.position.most)

    def _end(self) -> list[Piece]:
        """End; return the answer that another was to replace, if that did not come."""
        self.is_done = True
        if self._spare is None:
            return []
        data, following = self._spare
        self._spare = None
        return self._joined(_MARK.split(data), seam.offset(self.marker), seam.offset(following))

    # An answer with data

    def _take(self, data: bytes, following: str) -> list[Piece]:
        self._idle = 0
        self._received += len(data)
        self._largest = max(self._largest, len(data))
        at, to = seam.offset(self.marker), seam.offset(following)
        parts = [data]
        if TRUNCATED in data:
            parts = self._without_marks(data, None if at is None or to is None else to - at)
            if not parts:
                self._spare = data, following
                return []
        leads_on = to > at if at is not None and to is not None else following != self.marker
        if not leads_on or (to is None and following in self._seen):
            if self._asks_for_more(data) or not self._is_again:
                self._is_again = True
                self._spare = data, following
                return []
            if at is None or to is None:
                self._spare = None
                return [*self._joined(parts, at, to), *self.give_up(_CIRCLE)]
            to = at + seam.sizes(b"".join(parts)).least
            following = seam.made_up(self.marker, to)
        self._is_again, self._spare = False, None
        if not self._seam.is_all_there(data):
            self._again = 0
        elif (again := self._again + 1) < _STUCK:
            self._again = again
        else:
            self._fewest, self._again = self._fewest + 1, 0
        if self._has_gone_round(data):
            return self.give_up(_CIRCLE)
        pieces = self._joined(parts, at, to)
        if to is None:
            self._seen.add(self.marker)
        self.marker = following
        self._set_lines(data, is_whole=len(parts) == 1)
        return pieces

    def _asks_for_more(self, data: bytes) -> bool:
        """Ask for more lines where a portion begins so early that it gets no further."""
        is_more = self._lines > self._fewest or self._fewest >= _MOST_FEWEST
        if is_more or not self._seam.is_all_there(data):
            return False
        self._fewest += 1
        self._lines = self._fewest
        return True

    def _has_gone_round(self, data: bytes) -> bool:
        """Tell whether all this came before, in a file that should have ended by now."""
        if len(data) < _IS_NO_CHANCE:
            return False
        known = hash(data)
        came_before = known in self._hashes
        self._hashes.add(known)
        return came_before and self.size is not None and self.position.least > self.size

    def _joined(self, parts: list[bytes], at: int | None, to: int | None) -> list[Piece]:
        """Return the pieces of an answer, which is in parts where lines of it were cut."""
        came = b"".join(parts)
        if at is not None and to is not None and to - at <= seam.sizes(came).least:
            parts = [came]  # nothing is missing, whatever is marked
        first, *others = parts
        end = to if not any(others) or at is None else at + len(first)
        stretch, self._seam = self._seam.join(first, at, end)
        self._doubtful += stretch.doubtful
        self._refuted += stretch.refuted
        self._refuted_seams += stretch.refuted > 0
        pieces: list[Piece] = []
        if stretch.data:
            pieces.append(Portion(self.label, stretch.data, stretch.doubtful))
        missing = stretch.missing
        if any(others) and at is not None and to is not None:
            missing = max(0, to - at - seam.sizes(came).most)
        if others and (at is None or to is None or to - at > seam.sizes(came).least):
            pieces.append(Loss(self.label, _CUT, missing or None))
            self._seam = _NOTHING
        elif missing:
            pieces.append(Loss(self.label, "RDS left something out", missing))
        for part in filter(None, others):
            pieces.append(Portion(self.label, part))
            self._seam = _NOTHING
        if to is None:
            least, most = seam.sizes(came)
            self.position = Sizes(self.position.least + least, self.position.most + most)
        else:
            self.position = Sizes(to, to)
        return pieces

    def _without_marks(self, data: bytes, span: int | None) -> list[bytes]:
        """Return the parts between the marks in ``data``; none to ask for fewer lines.

        A mark may be somebody's text. Then it is a part of what the markers span.
        """
        marks = list(_MARK.finditer(data))
        at_end = marks[-1].end() == len(data)
        is_text = span == seam.sizes(data).least
        if self._lines > self._fewest and not (is_text and not at_end and self._texts >= _TEXTS):
            self._shorten(data)
            return []
        unmarked = [_MARK.sub(b"", data), data[: marks[-1].start()]]
        for joined in unmarked[: 1 + at_end]:
            if span == seam.sizes(joined).least:
                return [joined]  # the next portion goes on where the line was cut
        # A line is cut where the limit is: what is shorter than another answer was not.
        is_line = data.count(b"\n") <= 1 and len(data) < self._largest
        if span is None:
            is_text = not at_end
        elif is_line:
            is_text = span <= seam.sizes(data).most  # the next portion may repeat its end
        elif at_end:
            is_text = False
        if is_text:
            self._texts += 1
            return [data]
        return _MARK.split(data)

    def _shorten(self, data: bytes) -> None:
        """Ask for the lines in front of the first cut one; if that does not help, for half."""
        mark = _MARK.search(data)
        cut = mark.start() if mark else 0
        before, lines = data.count(b"\n", 0, cut), max(1, data.count(b"\n"))
        most = min(self._lines, lines)
        if mark and mark.end() == len(data):
            self._limit, self._uncut = len(data), 0
        if self._is_shortened and before:
            before = most // 2
        self._is_shortened = True
        self._lines = max(self._fewest, min(before, self._lines - 1))

    def _set_lines(self, data: bytes, *, is_whole: bool) -> None:
        """Ask for as many lines as the service will give without cutting one."""
        lines = max(1, data.count(b"\n"))
        self._is_shortened = False
        if is_whole:
            self._dense = self._dense[0] / 2 + len(data), self._dense[1] / 2 + lines
        self._refused = max(0, self._refused - lines)
        self._lines = LINES
        if self._limit is not None:
            self._uncut += 1
            if self._uncut > _UNCUT:
                self._limit, self._uncut = min(2 * self._limit, PORTION), 0
            size, count = self._dense
            if size:
                self._lines = min(
                    LINES, max(self._fewest, int(_SAFETY * self._limit * count / size))
                )
        if self._refused:
            self._lines = min(self._lines, max(self._fewest, self._refused // 2))

    # An answer without data

    def _wait(self, following: str, *, is_pending: bool) -> list[Piece]:
        """End, or ask again where there should be more: no data is no sure sign."""
        self._idle += 1
        moved = following != self.marker and following not in self._seen
        patience = 1
        if self._missing() or (is_pending and moved):
            patience = IDLE_CALLS
        elif is_pending:
            patience = PENDING_CALLS
        if self._idle >= patience:
            return self._end()
        if moved:
            at, to = seam.offset(self.marker), seam.offset(following)
            if at is not None and to is not None and to > at:
                return self._skip(following, to - at)
            if at is None or to is None or to == at:
                self._seen.add(self.marker)
                self.marker = following
        return []

    def _skip(self, following: str, size: int) -> list[Piece]:
        """Go on behind a hole that a marker leads over, after asking for it once more."""
        if self._idle == 1:
            return []
        return [self._leap(following, size, "RDS left something out")]

    def _leap(self, following: str, size: int, reason: str) -> Loss:
        self.marker = following
        to = seam.offset(following) or 0
        self.position, self._seam = Sizes(to, to), _NOTHING
        self._lines, self._refused, self._is_shortened = LINES, 0, False
        return Loss(self.label, reason, size)

    # No answer, because of what would be in it

    def _corner(self, ask: Ask) -> list[Piece]:
        """Ask for half the lines; step over what is refused when it is alone."""
        if self._lines > self._fewest:
            self._refused = self._lines
            self._lines = max(self._fewest, self._lines // 2)
            return []
        at = seam.offset(self.marker)
        size = None if at is None else self._refused_bytes(ask, at)
        reason = "RDS refuses a line for its binary data"
        if at is None or size is None:
            return self.give_up(f"{reason}, and what follows")
        return [self._leap(seam.made_up(self.marker, at + size), size, reason)]

    def _refused_bytes(self, ask: Ask, at: int) -> int | None:
        """Return how many bytes to leave out so that an answer comes, ``None`` if none does."""
        refused, taken, step = 0, None, _FIRST_STEP
        while taken is None or taken - refused > 1:
            try:
                self._ask(ask, seam.made_up(self.marker, at + step), self._fewest)
            except Binary:
                refused = step
                if step > (self._missing() or _FARTHEST_STEP):
                    return None
            except Invalid:
                return None
            else:
                taken = step
            step = 2 * refused if taken is None else (refused + taken) // 2
        return taken
