"""One log file of an instance, downloaded from its first byte to its last, call by call.

The loop believes nothing that it can check. ``AdditionalDataPending`` goes false early, so
a file ends where a call brings no data; the listed size says whether that came too soon. A
marker must lead onwards, and not past the end: where it does not, the loop asks once more,
and then goes on at a marker of its own. What the service leaves out stands in the pieces as
a loss, with its size where markers reveal it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from slowquery.model import Loss, Piece, Portion
from slowquery.sources import seam
from slowquery.sources.lines import PORTION, Lines
from slowquery.sources.refusal import Binary, Invalid
from slowquery.sources.seam import Seam, Sizes

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

_TEXTS: Final = 20  # marks that were somebody's text, after which markers are believed at once
_FIRST_STEP: Final = 64
_FARTHEST_STEP: Final = 64 * PORTION
_IS_NO_CHANCE: Final = 256  # bytes that do not come twice by chance

_START: Final = Sizes(0, 0)
_NOTHING: Final = Seam()

_CUT: Final = "RDS cut a line that is longer than its limit"
_CIRCLE: Final = "its markers lead in a circle"
_LEFT_OUT: Final = "RDS left something out"

Ask = Callable[[str, str, int], Mapping[str, Any]]
"""Asks for a portion: the file's name, a marker, a number of lines."""


class _Answer(NamedTuple):
    """What a call brought: data, and the marker of what follows.

    ``start`` and ``end`` are the bytes of the file that the marker of the call and this one
    name, ``None`` where they name none.
    """

    data: bytes
    following: str
    start: int | None
    end: int | None
    is_pending: bool

    @property
    def span(self) -> int | None:
        """Bytes from one marker to the other."""
        return None if self.start is None or self.end is None else self.end - self.start


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
    _lines: Lines = field(default_factory=Lines)
    _received: int = 0
    _largest: int = 0
    _idle: int = 0
    _spare: _Answer | None = None
    """An answer that another is to replace."""

    _is_again: bool = False
    _is_early: bool = False
    """Portions have begun before their markers."""

    _seen: set[str] = field(default_factory=set)
    _hashes: set[int] = field(default_factory=set)
    _known: int = 0

    # What shows that markers say less than they seem to.
    _doubtful: int = 0
    _refuted: int = 0
    _refuted_seams: int = 0
    _texts: int = 0

    def copy(self) -> Download:
        """Return the same, to go back to."""
        return replace(
            self, _lines=replace(self._lines), _seen={*self._seen}, _hashes={*self._hashes}
        )

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
            came = self._ask(ask, self.marker, self._lines.asked)
        except Binary:
            return self._corner(ask)
        except Invalid:
            return self.give_up("RDS does not accept its marker")
        following = came.get("Marker") or self.marker
        answer = _Answer(
            data=(came.get("LogFileData") or "").encode(),
            following=following,
            start=seam.offset(self.marker),
            end=None if following == seam.BEGINNING else seam.offset(following),
            is_pending=bool(came.get("AdditionalDataPending")),
        )
        return self._take(answer) if answer.data else self._wait(answer)

    def rest(self, reason: str) -> Loss:
        """Return what has not been read yet as a loss."""
        return Loss(self.label, reason, self._missing() or None)

    def give_up(self, reason: str) -> list[Piece]:
        """End here: the rest is a loss."""
        self._is_given_up = True
        return [*self._end(), self.rest(reason)]

    def account(self, size: int | None) -> list[Piece]:
        """Say what does not add up in a file that was read to its end and is listed so now."""
        if size is None or self.size is None:
            return []
        least, most = self.position
        is_short = bool(self._missing()) and not self._is_given_up
        found: list[Piece] = []
        if (is_short or least > size) and self._refuted:
            # Markers that count what they deliver refute nothing, and hide what is missing.
            found += [Portion(self.label, b"", doubtful=1)] * self._refuted_seams
        surplus = least - self._doubtful - size, most - self._doubtful - size
        if self._is_given_up:
            pass
        elif is_short:
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
        spare, self._spare = self._spare, None
        return (
            [] if spare is None else self._joined(spare, _unmarked(spare.data, _marks(spare.data)))
        )

    # An answer with data

    def _take(self, answer: _Answer) -> list[Piece]:
        self._idle = 0
        self._received += len(answer.data)
        self._largest = max(self._largest, len(answer.data))
        parts = self._parts(answer)
        if not parts:
            return self._put_by(answer)
        if not self._leads_on(answer):
            if self._asks_for_more(answer.data) or not self._is_again:
                self._is_again = True
                return self._put_by(answer)
            if answer.start is None:
                self._spare = None
                return [*self._joined(answer, parts), *self._end_of_markers(answer)]
            came = b"".join(parts)
            end = answer.start + seam.sizes(came).least
            if self._is_early:
                end -= min(seam.longest_repeat(self._seam.before, came), len(came) - 1)
            answer = answer._replace(following=seam.made_up(self.marker, end), end=end)
        self._is_again, self._spare = False, None
        if self._has_gone_round(answer):
            return self.give_up(_CIRCLE)
        is_new = not self._seam.is_all_there(answer.data)
        pieces = self._joined(answer, parts)
        if answer.end is None:
            self._seen.add(self.marker)
        self.marker = answer.following
        self._lines.came(answer.data, is_whole=len(parts) == 1, is_new=is_new)
        return pieces

    def _put_by(self, answer: _Answer) -> list[Piece]:
        """Keep an answer, for want of a better one."""
        self._spare = answer
        return []

    def _leads_on(self, answer: _Answer) -> bool:
        """Tell whether the marker leads to where nothing has been read, in this file."""
        if answer.following == seam.BEGINNING or answer.following in self._seen:
            return False
        if answer.start is None or answer.end is None:
            return answer.following != self.marker
        is_hole = answer.end - answer.start > seam.sizes(answer.data).most
        return answer.end > answer.start and not (is_hole and self._is_past_the_end(answer.end))

    def _is_past_the_end(self, position: int) -> bool:
        return self.size is not None and position > self.size

    def _end_of_markers(self, answer: _Answer) -> list[Piece]:
        """End where no marker leads on, which is as it should be when all is there."""
        if self.size is None or self._missing() or answer.is_pending:
            return self.give_up(_CIRCLE)
        return self._end()

    def _asks_for_more(self, data: bytes) -> bool:
        """Ask for more lines where a portion begins so early that it gets no further."""
        return self._seam.is_all_there(data) and self._lines.more()

    def _has_gone_round(self, answer: _Answer) -> bool:
        """Tell whether a circle is why more came than the file holds.

        Equal portions are ordinary, so it takes many in a row, measured by what is too much.
        """
        known = hash(answer.data)
        self._known = self._known + len(answer.data) if known in self._hashes else 0
        self._hashes.add(known)
        if self.size is None:
            return answer.end is None and self._known > SPARE
        surplus = self.position.least - self.size
        return surplus > 0 and self._known >= max(_IS_NO_CHANCE, surplus // 2)

    def _joined(self, answer: _Answer, parts: list[bytes]) -> list[Piece]:
        """Return the pieces of an answer, which is in parts where lines of it were cut."""
        at, to, span = answer.start, answer.end, answer.span
        early = 0
        if len(parts) > 1 and span is not None:
            parts, early = self._told_apart(answer.data, parts, span)
        came = b"".join(parts)
        first, *others = parts
        is_cut = any(others) or early > 0
        end = at + len(first) - early if is_cut and at is not None else to
        stretch, self._seam = self._seam.join(first, at, end)
        begins_at = self._seam.begins_at
        self._is_early |= at is not None and begins_at is not None and begins_at < at
        self._doubtful += stretch.doubtful
        self._refuted += stretch.refuted
        self._refuted_seams += stretch.refuted > 0
        pieces: list[Piece] = []
        if stretch.data:
            pieces.append(Portion(self.label, stretch.data, stretch.doubtful))
        missing = stretch.missing
        if is_cut and span is not None:
            missing = max(0, span + early - seam.sizes(came).most)
        if others:
            pieces.append(Loss(self.label, _CUT, missing or None))
            self._seam = _NOTHING
        elif missing:
            pieces.append(Loss(self.label, _LEFT_OUT, missing))
        for part in filter(None, others):
            pieces.append(Portion(self.label, part))
            self._seam = _NOTHING
        if to is None:
            least, most = seam.sizes(came)
            self.position = Sizes(self.position.least + least, self.position.most + most)
        else:
            self.position = Sizes(to, to)
        return pieces

    def _told_apart(self, data: bytes, parts: list[bytes], span: int) -> tuple[list[bytes], int]:
        """Tell what is cut from what comes again.

        Returns the parts without what had come whole before it was cut, and how many bytes
        before its marker the first of them begins.
        """
        first, rest, came = parts[0], b"".join(parts[1:]), b"".join(parts)
        is_enough = span <= seam.sizes(came).least
        least = seam.sizes(rest).least
        if is_enough and rest and least <= span and self._seam.is_there(first):
            self._is_early = True
            return [rest] if least == span else parts[1:], 0
        early = seam.longest_repeat(self._seam.before, first) if self._is_early else 0
        missing = span + early - seam.sizes(came).most
        if early and missing == len(data) - len(came):
            return [data], 0  # the marks are somebody's text
        if early and missing > 0:
            return parts, early
        return [came] if is_enough else parts, 0  # if so, it is whole, whatever is marked

    # Cut lines

    def _parts(self, answer: _Answer) -> list[bytes]:
        """Return the parts between the cuts in an answer; none to ask for fewer lines.

        A mark may be somebody's text. Then it is a part of what the markers span.
        """
        data, span = answer.data, answer.span
        if TRUNCATED not in data:
            return [data]
        marks = _marks(data)
        (first, behind_first), (last, end) = marks[0], marks[-1]
        if span is not None and self._is_early:
            span += seam.longest_repeat(self._seam.before, data[:first])
        is_at_end = end == len(data)
        is_text = span == seam.sizes(data).least
        cuts = _unmarked(data, marks)
        for unmarked in (
            b"".join(cuts),
            b"".join(_unmarked(data, _marks(data, line_breaks=False))),
            *([data[:last]] if is_at_end else []),
        ):
            if span == seam.sizes(unmarked).least:
                return [unmarked]  # the next portion goes on where the line was cut
        are_texts = is_text and not is_at_end and self._texts >= _TEXTS
        if not self._lines.are_fewest and not are_texts:
            self._lines.cut(data, first, is_limit=behind_first == len(data))
            return []
        # A line is cut where the limit is: what is shorter than another answer was not.
        is_line = data.count(b"\n") <= 1 and len(data) < self._largest
        if span is None:
            is_text = not is_at_end
        elif is_line:
            is_text = span <= seam.sizes(data).most  # the next portion may repeat its end
        elif is_at_end:
            is_text = False
        if is_text:
            self._texts += 1
            return [data]
        return cuts

    # An answer without data

    def _wait(self, answer: _Answer) -> list[Piece]:
        """End, or ask again where there should be more: no data is no sure sign."""
        self._idle += 1
        is_other = (
            answer.following not in {self.marker, seam.BEGINNING}
            and answer.following not in self._seen
        )
        patience = 1
        if self._missing() or (answer.is_pending and is_other):
            patience = IDLE_CALLS
        elif answer.is_pending:
            patience = PENDING_CALLS
        if self._idle >= patience:
            return self._end()
        if not is_other:
            return []
        span = answer.span
        if span is None or span == 0:
            self._seen.add(self.marker)
            self.marker = answer.following
        elif span > 0 and self._idle > 1 and not self._is_past_the_end(answer.end or 0):
            return [self._leap(answer.following, span, _LEFT_OUT)]  # it was asked for once more
        return []

    def _leap(self, following: str, size: int, reason: str) -> Loss:
        """Go on behind a hole."""
        self.marker = following
        to = seam.offset(following) or 0
        self.position, self._seam = Sizes(to, to), _NOTHING
        self._lines.start_anew()
        return Loss(self.label, reason, size)

    # No answer, because of what would be in it

    def _corner(self, ask: Ask) -> list[Piece]:
        """Ask for half the lines; step over what is refused when it is alone."""
        if not self._lines.are_fewest:
            self._lines.refused()
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
                self._ask(ask, seam.made_up(self.marker, at + step), self._lines.fewest)
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


def _marks(data: bytes, *, line_breaks: bool = True) -> list[tuple[int, int]]:
    """Return where marks begin and end, with the space and the line breaks that belong to them.

    Whether the line break in front is the service's only sizes can tell.
    """
    found = []
    behind = 0
    at = data.find(TRUNCATED)
    while at >= 0:
        begin, end = at, at + len(TRUNCATED)
        if begin > behind and data.startswith(b" ", begin - 1):
            begin -= 1
        if line_breaks and begin > behind and data.startswith(b"\n", begin - 1):
            begin -= 1
        if data.startswith(b"\n", end):
            end += 1
        found.append((begin, end))
        behind = end
        at = data.find(TRUNCATED, end)
    return found


def _unmarked(data: bytes, marks: list[tuple[int, int]]) -> list[bytes]:
    """Return what stands between the marks."""
    begins = [0, *(end for _, end in marks)]
    ends = [*(begin for begin, _ in marks), len(data)]
    return [data[begin:end] for begin, end in zip(begins, ends, strict=True)]
