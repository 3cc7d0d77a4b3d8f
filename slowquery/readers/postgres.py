r"""The server log of PostgreSQL, RDS and Aurora PostgreSQL: text to batches.

**Where a message begins.** In a stderr log at a line that begins as ``log_line_prefix`` does,
with a time. The server puts a TAB in front of every other line of a message, so no literal
can hold such a line; a line with neither is of another program and is skipped. In a csvlog at
a line whose fields are those of a record up to the message, with an odd number of quotes
before that: inside a field every quote is doubled, so there is no such line in a literal
either. In a jsonlog at a line that is such an object.

**Where it ends.** Where the next one begins, at a loss, and at the end of a file.

**How it is read.** A whole stretch of log is split at its messages; the last one is kept back
until its end has been seen, so portions may be cut anywhere. The pattern of a format's header
splits any log of it. A stretch of a stderr log of which every line without a TAB begins with
the same usual prefix goes a shorter way to the same messages: a pattern that does not look
twice splits it, and what it takes for a beginning is understood once for each session. Messages
are heard in their order, for what one means depends on what its session did before.

**What an event is.** One execution, by its session (the process id, or ``%c``):

- ``statement`` and ``execute`` lines are one each. ``parse`` and ``bind`` lines are a part of
  the execution that follows them in their session, with the same name and text: their times
  stand in columns of their own and are in no query time.
- ``execute fetch from`` goes on with an execution: its time is added to that.
- A ``parse`` or ``bind`` line that no execution follows stands for one that was faster than
  what the server logs, and lends it its time. With an error right behind it in its session it
  stands for nothing: of what failed PostgreSQL logs no duration.
- A bare duration belongs to the text that ``log_statement`` wrote before it in its session.
  Without one it is an event of :data:`~slowquery.model.TEXT_NOT_LOGGED`; with
  ``log_duration`` alone parse, bind and execute look alike there.
- Plans of auto_explain are counted and are no events. Nor is anything but a ``LOG`` message:
  an error's ``STATEMENT`` may be text that looks like one.

**When it happened.** At the time of its line, which is its end. Times in UTC, GMT or with an
offset in digits are read. What a zone's other abbreviations mean is not the same everywhere:
such an event has no time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias

from slowquery.fingerprint import CUT_MARK, STATEMENT_LIMIT
from slowquery.model import SECOND, TEXT_NOT_LOGGED, Also, Batch, Client, Loss, Occurrence, Piece
from slowquery.readers.memo import Memo
from slowquery.readers.postgres_formats import (
    COLUMNS,
    CSV,
    DURATION_GROUP,
    JSON,
    KIND_GROUP,
    SAID,
    SEVERITY_GROUP,
    STDERR,
    Format,
    Origin,
    Plain,
    cut,
    stderr,
)
from slowquery.readers.postgres_sessions import Sessions, Step

STRETCH: Final = 1024 * 1024
"""Bytes that are read at a time: a portion's worth."""

LOOKED_AT: Final = 64 * 1024
"""Bytes at the beginning of a file that show its format."""

_HEADER_SIZE: Final = 64 * 1024  # more than a header can have
_BLOCK: Final = 16 * 1024
_LINE_LOOKS: Final = 60  # bytes that the pattern of a line looks at
_START: Final = b"\n"
_FOREIGN_LINE: Final = re.compile(rb"\n(?!\t|\Z)")
_LINE_BREAK: Final = _START[0]  # as a number it is looked for at a fraction of the cost
_NO_LINE: Final = b"."  # in place of the beginning of a line: no message begins behind it

_What: TypeAlias = Literal[
    "statement",
    "execute",
    "fetch",
    "parse",
    "bind",
    "function",
    "plan",
    "duration",
    "word",
    "error",
    "fatal error",
]
"""What a message is: ``duration`` is a bare one, ``word`` one of the server without any."""

_QUIET: Final = frozenset(
    b"DETAIL STATEMENT HINT CONTEXT LOCATION QUERY BACKTRACE WARNING NOTICE INFO"
    b" DEBUG DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5".split()
)
_FAILED: Final[dict[bytes, _What]] = {
    b"ERROR": "error",
    b"FATAL": "fatal error",
    b"PANIC": "fatal error",
}
_TIMED: Final[dict[bytes, _What]] = {
    b"": "duration",
    b"statement": "statement",
    b"parse": "parse",
    b"bind": "bind",
    b"execute": "execute",
    b"execute fetch from": "fetch",
    b"fastpath function call": "function",
    b"plan": "plan",
}
_BY_ITSELF: Final = frozenset((b"statement", b"fastpath function call", None))  # None: bare
_TELLING: Final = re.compile(
    rb"""(?P<said> (?:statement | execute\ (?P<fetch>fetch\ from\ )?(?P<name>[^\n]{1,300}?)):\ )
    | (?P<waits> (?:process\ \d{1,10}+|recovery)\ (?:still\ waiting
        | detected\ deadlock\ while\ waiting | avoided\ deadlock) )
    | (?P<file> temporary\ file: )
    | (?P<over> disconnection: | connection\ (?:received|authorized): )
    | parameter\ "log_(?P<sampling>statement|transaction)_sample_rate"\ changed\ to
        \ "(?P<rate>\d{1,3}+(?:\.\d{1,20}+)?(?:e-\d{1,2}+)?)
    """,
    re.VERBOSE,
)
_LEAST_RATE: Final = 1e-9
_TEXT_NOT_LOGGED: Final = TEXT_NOT_LOGGED.encode()

_SECOND: Final = 19  # characters of a date and a time
_DAY: Final = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 253_402_300_799 * SECOND  # the last second that a datetime can hold


# When


def _second(raw: bytes) -> int:
    """Return the microseconds of ``2026-11-22 04:39:12`` in UTC, or of a time since the epoch.

    Raises ``ValueError`` if it is neither.
    """
    if b" " not in raw:
        return int(raw.replace(b".", b"")) * 1_000
    moment = datetime.fromisoformat(raw.decode("ascii")).replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _tail(raw: bytes) -> int:
    """Return the microseconds that ``.710 UTC`` adds to its second, read as UTC.

    Raises ``ValueError`` if the zone is not told by an offset.
    """
    fraction, _, zone = raw.partition(b" ")
    micros = int(fraction[1:]) * 1_000 if fraction else 0
    if zone in _UTC:
        return micros
    if zone[:1] not in {b"+", b"-"}:
        raise ValueError(zone)
    offset = (int(zone[1:3]) * 60 + int(zone[3:5] or b"0")) * 60 * SECOND
    return micros + (offset if zone.startswith(b"-") else -offset)


_UTC: Final = frozenset((b"UTC", b"GMT", b""))  # a time since the epoch has no zone
_PLAIN_STAMP = re.compile(rb"\d{4}-[\d-]{5} [\d:]{8}(?:\.\d{3})?")


def _plain_moment(stamp: bytes) -> int:
    """Return the microseconds of ``2026-11-22 04:39:12`` or ``… 04:39:12.710`` in UTC.

    Raises ``ValueError`` if it is neither, or so far off that its zone decides whether it is
    a point in time.
    """
    if not _PLAIN_STAMP.fullmatch(stamp):
        raise ValueError(stamp)
    micros = _second(stamp[:_SECOND]) + int(stamp[_SECOND + 1 :] or b"0") * 1_000
    if not _DAY <= micros < _LATEST - _DAY:
        raise ValueError(stamp)
    return micros


# What is said


_Execution: TypeAlias = tuple[bytes, int | None, int, int, int, Client, str]
"""Statement, end, duration, time to parse and to bind, client, database."""

_Message: TypeAlias = tuple[_What, bytes, int | None, bytes, Origin, bytes]
"""What a message is, its name, when it was written, its milliseconds, origin, and the rest."""


class _Beginning(NamedTuple):
    """What a message begins with, behind its time: what to add to that, whose it is, and what.

    ``what`` is ``None`` if the message tells of nothing, and a ``word`` may be more than that.
    """

    offset: int
    origin: Origin
    what: _What | None


class _Split(NamedTuple):
    """What a header's pattern splits a log into, a column for each of its groups."""

    befores: list[bytes]
    stamps: list[bytes]
    rests: list[bytes]
    severities: list[bytes | None]
    durations: list[bytes | None]
    kinds: list[bytes | None]
    names: list[bytes]
    bodies: list[bytes]

    def with_befores(self) -> _Split:
        """Return this with all that tells of the origin in one column."""
        rests = [
            before + b"\0" + (rest or b"")
            for before, rest in zip(self.befores, self.rests, strict=True)
        ]
        return self._replace(rests=rests)

    def without_foreign_lines(self) -> int:
        """Cut off the lines that the server did not write, and return their size.

        It puts a TAB in front of every line but the first; what another program writes into
        the same file has none. A mark that RDS put there stays.
        """
        size = 0
        for index in [at for at, body in enumerate(self.bodies) if _LINE_BREAK in body]:
            body = self.bodies[index]
            found = _FOREIGN_LINE.search(body, 0, STATEMENT_LIMIT)
            if found and self.severities[index]:
                text, rest = body[: found.start()], body[found.start() : STATEMENT_LIMIT]
                size += len(rest.removesuffix(b"\n"))
                self.bodies[index] = cut(text) if CUT_MARK in rest else text
        return size

    def size(self, index: int) -> int:
        """Return the size of a message that only begins like one; however long, it is limited."""
        length = sum(len(column[index]) for column in (self.befores, self.stamps, self.bodies))
        return min(len(b"\n") + length, STATEMENT_LIMIT)


# The log


def read(
    pieces: Iterable[Piece], *, log_line_prefix: str | None = None, stretch: int = STRETCH
) -> Iterator[Batch]:
    """Read the pieces of one instance's log, in order; no input makes it raise.

    ``log_line_prefix`` is that of the server, for stderr logs; without it the usual ones are
    known by their look. What cannot be read is counted in the batches. ``stretch`` is how many
    bytes are read at a time: it bounds the memory, and the result does not depend on it.
    """
    log = _ServerLog(stderr((log_line_prefix,)) if log_line_prefix else STDERR)
    file = None
    for piece in pieces:
        if isinstance(piece, Loss):
            yield from log.close("after a loss", is_cut=True)
            continue
        if piece.file != file:
            file = piece.file
            yield from log.close("before the first message")
            log.begin_file()
        if piece.doubtful:
            events = log.count_events(piece.data[: piece.doubtful])
            yield Batch(events_possibly_repeated=max(1, events))
        yield from log.take(piece.data, stretch)
    yield from log.close("")
    yield from log.end()


class _ServerLog:
    """What is known of a log at the place up to which it has been read.

    ``_held`` is the text from there on that has arrived. A message that has begun stands at
    its start, with the line break in front of it; ``_accounted`` is 1 where that break is
    ours and no byte of the log.
    """

    def __init__(self, stderr: Format) -> None:
        self._stderr = stderr
        self._format: Format | None = None
        self._looked_at = 0
        self._arrived: list[bytes] = []
        self._arrived_size = 0
        self._unreported = 0
        self._held = _START
        self._accounted = len(_START)
        self._skipping = "before the first message"
        self._sessions = Sessions()
        self._origins = {id(known): Memo(known.origin) for known in (stderr, CSV, JSON)}
        self._sampled = 1
        self._rates: dict[bytes, int] = {}
        self._executions: list[_Execution] = []
        self._also: list[Occurrence] = []
        self._seconds = Memo(_second)
        self._tails = Memo(_tail)
        self._moments = Memo(self._moment)
        self._plain_moments = Memo(_plain_moment)
        self._beginnings = {plain: Memo(partial(self._beginning, plain)) for plain in stderr.plain}

    def begin_file(self) -> None:
        """Look anew at how the log is written."""
        self._format = None
        self._looked_at = 0

    def count_events(self, data: bytes) -> int:
        """Count the executions of which lines begin in ``data``."""
        known = self._format or self._stderr
        kinds = Counter(
            found[KIND_GROUP]
            for found in known.header.finditer(_START + data)
            if found[DURATION_GROUP] and found[SEVERITY_GROUP] == b"LOG"
        )
        of_steps = max(kinds[b"parse"], kinds[b"bind"], kinds[b"execute"])
        return of_steps + sum(kinds[kind] for kind in _BY_ITSELF)

    def take(self, data: bytes, stretch: int) -> Iterator[Batch]:
        """Read what is there to be read when ``data`` has arrived."""
        self._arrived.append(data)
        self._arrived_size += len(data)
        self._unreported += len(data)
        if self._arrived_size < self._enough(stretch):
            return
        arrived = self._all_arrived()
        at = 0
        while len(arrived) - at >= (size := self._enough(stretch)):
            yield from self._read(arrived[at : at + size])
            at += size
        self._arrived, self._arrived_size = [arrived[at:]], len(arrived) - at

    def close(self, skipping: str, *, is_cut: bool = False) -> Iterator[Batch]:
        """Read what is left: nothing that follows belongs to the open message.

        ``skipping`` is the reason why what follows is skipped up to the next one. ``is_cut``
        says that a line that has no end was not logged so.
        """
        text = self._held + self._all_arrived()
        if self._format is None:
            self._format = self._seen_in(text, len(text))
            self._looked_at = 0
        yield from self._messages(text, is_cut=is_cut and not text.endswith(b"\n"))
        self._held, self._accounted = _START, len(_START)
        self._skipping = skipping

    def end(self) -> Iterator[Batch]:
        """Yield the executions that might have gone on: the log has ended."""
        self._sessions.all_over()
        self._take_ended()
        yield self._batch(Counter())

    def _enough(self, stretch: int) -> int:
        """Return how much to read: what is held is read again, so no less than that."""
        return max(stretch, len(self._held))

    def _all_arrived(self) -> bytes:
        arrived = b"".join(self._arrived)
        self._arrived.clear()
        self._arrived_size = 0
        return arrived

    def _seen_in(self, text: bytes, end: int) -> Format | None:
        """Return the format of the first message at the beginning of a file, if there is one.

        Its lines end at ``end``; those that were looked at before are not looked at again.
        """
        places = {
            found.start(): known
            for known in (self._stderr, JSON, CSV)
            for found in known.header.finditer(text, self._looked_at, min(end, LOOKED_AT))
            if found[SEVERITY_GROUP]
        }
        self._looked_at = end
        return places[min(places)] if places else None

    def _read(self, arrived: bytes) -> Iterator[Batch]:
        text = self._held + arrived
        if self._format is None:
            self._format = self._seen_in(text, _last_line(text))
            if self._format is None and len(text) < LOOKED_AT:
                self._held = text
                return
            self._format = self._format or self._stderr
        begun = _last_message(text, self._format)
        if begun == 0:
            self._held = _shortened(text, self._format.header)
            return
        end = begun if begun > 0 else _last_line(text)
        yield from self._messages(text[:end])
        self._held = text[end:]
        if not self._held:
            self._held, self._accounted = _NO_LINE, len(_NO_LINE)

    def _messages(self, text: bytes, *, is_cut: bool = False) -> Iterator[Batch]:
        """Yield what stands in ``text``, which ends where a message does."""
        known = self._format or self._stderr
        ours, self._accounted = self._accounted, 0 if text else self._accounted
        skipped: Counter[str] = Counter()
        messages = None if is_cut else self._plainly_split(known, text)
        if messages is None:
            messages, skipped = self._split(known, text, ours, is_cut=is_cut)
        self._hear(messages, known.text)
        yield self._batch(skipped)

    def _plainly_split(self, known: Format, text: bytes) -> Iterator[_Message] | None:
        """Return the messages of ``text``, if each begins as one of :attr:`Format.plain`."""
        plain = next((one for one in known.plain if one.begins(text)), None)
        if plain is None:
            return None
        _, *parts = plain.message.split(text.removesuffix(b"\n"))
        times, beginnings, durations, labels, bodies = (parts[n::5] for n in range(5))
        if None in times:
            return None
        try:
            moments = [*map(self._plain_moments.__getitem__, times)]
            begun = [*map(self._beginnings[plain].__getitem__, beginnings)]
        except ValueError:
            return None
        return _plain_messages(moments, begun, durations, labels, bodies)

    def _beginning(self, plain: Plain, raw: bytes) -> _Beginning:
        """Return what is said in ``raw``, between a time and the colon of the severity.

        Raises ``ValueError`` if that is not plain.
        """
        found = plain.beginning.fullmatch(raw)
        if found is None:
            msg = "no usual prefix"
            raise ValueError(msg)
        zone, rest, severity = found.groups()
        what = "word" if severity == b"LOG" else _FAILED.get(severity)
        return _Beginning(_tail(zone), self._origins[id(self._stderr)][rest], what)

    def _split(
        self, known: Format, text: bytes, ours: int, *, is_cut: bool
    ) -> tuple[Iterator[_Message], Counter[str]]:
        """Return the messages of ``text``, by the header's pattern, and the bytes skipped."""
        parts = known.header.split(text)
        columns = _Split(*(parts[n::COLUMNS] for n in range(1, COLUMNS + 1)))
        skipped = Counter({self._skipping: max(0, len(parts[0]) - ours)})
        if is_cut and columns.bodies and columns.severities[-1]:
            columns.bodies[-1] = cut(columns.bodies[-1])
        if any(columns.befores):
            columns = columns.with_befores()
        if known is self._stderr:
            skipped["line of another form"] += columns.without_foreign_lines()
        for place, severity in enumerate(columns.severities):
            if severity is None:
                skipped["line of another form"] += columns.size(place)
                if place == 0 and not parts[0]:
                    skipped["line of another form"] -= ours
        return self._split_messages(known, columns), skipped

    def _split_messages(self, known: Format, columns: _Split) -> Iterator[_Message]:
        origins = self._origins[id(known)]
        for _, stamp, rest, severity, took, kind, name, body in zip(*columns, strict=True):
            if severity is not None and severity not in _QUIET:
                failed = _FAILED.get(severity)
                what = failed or (_TIMED[kind or b""] if took else "word")
                timed = b"" if failed else took or b""
                yield what, name, self._moments[stamp], timed, origins[rest], body

    def _hear(self, messages: Iterable[_Message], text_of: Callable[[bytes], bytes]) -> None:
        """Take messages in order: what one means depends on what its session did before."""
        executions, sessions, rates = self._executions, self._sessions, self._rates
        ended, unproven, also = sessions.ended, sessions.unproven, self._also
        for what, name, moment, took, origin, body in messages:
            if rates and took:
                self._sampled = max(self._sampled, *rates.values())
            client, database, session = origin
            micros = int(took.replace(b".", b"")) if took else 0
            if what == "statement":
                executions.append((text_of(body), moment, micros, 0, 0, client, database))
                if moment is None:
                    self._tell("times_of_another_zone", None, origin)
                if session in unproven:
                    sessions.spoke(session)
            elif what == "error":
                sessions.failed(session)
                also.append(Occurrence("errors", moment, client, database))
            else:
                step = Step(text_of(body), moment, micros, origin)
                if what == "execute":
                    sessions.executed(name, step)
                elif what == "bind":
                    sessions.bound(name, step)
                else:
                    self._other(what, name, step)
            if ended:
                self._take_ended()

    def _take_ended(self) -> None:
        """Take the executions of steps that are over."""
        for step in self._sessions.ended:
            client, database, _ = step.origin
            self._executions.append(
                (step.text, step.ended_at, step.took, step.parse, step.bind, client, database)
            )
            if step.ended_at is None:
                self._tell("times_of_another_zone", None, step.origin)
        self._sessions.ended.clear()

    def _other(self, what: _What, name: bytes, step: Step) -> None:
        """Take a message that is neither a statement with its duration nor an error."""
        match what:
            case "parse":
                self._sessions.parsed(name, step)
            case "fetch":
                self._sessions.executed(name, step, is_fetch=True)
            case "fatal error":
                self._sessions.failed(step.origin.session)
                self._sessions.over(step.origin.session)
                self._tell("errors", step.ended_at, step.origin)
            case "duration":
                step.text = _TEXT_NOT_LOGGED
                if not self._sessions.took(step):
                    self._tell("durations_without_text", step.ended_at, step.origin)
            case "plan":
                self._tell("plans", step.ended_at, step.origin)
            case "function":  # one that is called without SQL
                step.text = b"fastpath function call: " + step.text
                self._sessions.ended.append(step)
            case _:
                self._word(step)

    def _word(self, step: Step) -> None:
        """Take a message without a duration."""
        found = _TELLING.match(step.text)
        if not found:
            return
        match found.lastgroup:
            case "waits":
                self._tell("lock_waits", step.ended_at, step.origin)
            case "file":
                self._tell("temporary_files", step.ended_at, step.origin)
            case "over":
                self._sessions.over(step.origin.session)
            case "rate":
                self._rates[found["sampling"]] = _one_in(found["rate"])
            case "said":
                step.text = step.text[found.end() :].strip()
                self._sessions.said(step, found["name"], is_fetch=bool(found["fetch"]))

    def _tell(self, what: Also, moment: int | None, origin: Origin) -> None:
        self._also.append(Occurrence(what, moment, origin.client, origin.database))

    def _batch(self, skipped: Counter[str]) -> Batch:
        """Return a batch of what was heard since the last one."""
        columns = [list(column) for column in zip(*self._executions, strict=True)]
        texts, moments, took, parse, bind, clients, databases = columns or [[] for _ in range(7)]
        self._executions.clear()
        also, self._also = self._also, []
        bytes_read, self._unreported = self._unreported, 0
        sampled, self._sampled = self._sampled, 1
        batch = Batch(
            statements=texts,
            ended_at=moments,
            query_time=took,
            parse_time=parse,
            bind_time=bind,
            clients=clients,
            databases=databases,
            bytes_read=bytes_read,
            bytes_skipped=+skipped,
            sampled=sampled,
            also=also,
        )
        if b"" not in texts:
            return batch
        # Drivers send empty statements to see whether the server is there.
        told = list(map(bool, texts))
        return batch.select(told)._replace(events_excluded={"empty statement": told.count(False)})

    def _moment(self, stamp: bytes) -> int | None:
        """Return the point in time of a stamp, ``None`` if nobody can tell."""
        try:
            micros = self._seconds[stamp[:_SECOND]] + self._tails[stamp[_SECOND:]]
        except ValueError:
            return None
        return micros if 0 <= micros < _LATEST else None


def _plain_messages(
    times: list[int],
    begun: list[_Beginning],
    durations: list[bytes | None],
    labels: list[bytes],
    bodies: list[bytes],
) -> Iterator[_Message]:
    """Yield what tells of something among messages that begin plainly.

    A label is what stands between a duration and the body.
    """
    known = Memo(_labelled).__getitem__
    for time, (offset, origin, begins), took, label, body in zip(
        times, begun, durations, labels, bodies, strict=True
    ):
        if begins != "word":
            if begins:
                yield begins, b"", time + offset, b"", origin, b""
        elif took and (labelled := known(label)):
            what, name = labelled
            yield what, name, time + offset, took, origin, body
        else:
            said = b"duration: %b ms  %b: %b" % (took, label, body) if took else body
            what, name, milliseconds, rest = _said(said)
            yield what, name, time + offset, milliseconds, origin, rest


def _labelled(label: bytes) -> tuple[_What, bytes] | None:
    """Return what a label says of its message and its name, ``None`` if it is none."""
    what, name, _, rest = _said(b"duration: 0.000 ms  %b: " % label)
    return None if rest else (what, name)


def _said(said: bytes) -> tuple[_What, bytes, bytes, bytes]:
    """Return what a message of the ``LOG`` severity says: what, name, milliseconds, the rest."""
    found = SAID.match(said)
    if not found:
        return "word", b"", b"", said
    took, kind, name = found.groups(b"")
    return _TIMED[kind] if took else "word", name, took, said[found.end() :]


def _one_in(rate: bytes) -> int:
    """Return how many events one stands for, 1 where the rate is none."""
    share = float(rate)
    return round(1 / share) if _LEAST_RATE < share < 1 else 1


def _last_line(text: bytes) -> int:
    """Return where the last line begins with its break, the end if it is too long to matter."""
    at = text.rfind(b"\n")
    return at if at >= 0 and len(text) - at < _HEADER_SIZE else len(text)


def _last_message(text: bytes, known: Format) -> int:
    """Return where the last message begins whose first line is whole, -1 if none does."""
    end = _last_line(text)  # a line that has no end yet may become a header
    while end > 0:
        begin = max(0, end - _BLOCK)
        found = known.line.finditer(text, begin, end + _LINE_LOOKS)
        for at in reversed([line.start() for line in found if line.start() < end]):
            if known.header.match(text, at):
                return at
        end = begin
    return -1


def _shortened(text: bytes, header: re.Pattern[bytes]) -> bytes:
    """Drop the middle of a body over the limit, the one message of ``text``."""
    begun = header.match(text)
    kept = (begun.end() if begun else 0) + STATEMENT_LIMIT + 1
    end = _last_line(text)
    return text[:kept] + _NO_LINE + text[end:] if kept < end else text
