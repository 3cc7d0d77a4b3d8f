r"""The slow query log of MySQL, MariaDB, Percona Server and Aurora MySQL: text to batches.

**Where an event begins.** A complete header always begins one: a ``# User@Host:`` line,
perhaps with a ``# Time:`` line right before it, then, other ``#`` lines aside, a
``# Query_time:`` line with Query_time, Lock_time, Rows_sent and Rows_examined. Anything
less never does, for a literal may hold any text. So a quote that is never closed costs
one event and not the hour, and a literal that holds a complete header is the one thing
that is read wrongly.

**Where it ends.** At the next complete header, at the three lines of a server's banner, at
a loss, and at the end of a file if its statement has its ``;`` by then. A header that was
begun after that ``;`` and never completed is no part of it.

**How it is read.** One pattern splits a whole stretch of log at its headers, and the
pieces fall into columns. Where every ``# User@Host:`` line begins a header as servers
mostly write them, a plainer and faster pattern does it, to the same columns. The last
event of a stretch is kept back until its end has been seen, so portions may be cut
anywhere, within a header or across files.

**When it happened.** At its end:

- ``# Time:`` with a zone is the end, in every server that writes one (MySQL from 5.7 on).
- ``End:``, which ``log_slow_extra`` adds, is the end too.
- ``SET timestamp=`` is the end as well, but in MySQL from 8.0.14 on the start, to which
  the query time is added. A banner's version says which of them it is in this file, and so
  does a line of ``log_slow_extra``, which came with 8.0.14. Where neither does it is taken
  for the end: the servers that mean the start put a ``# Time:`` with its zone into every
  event, so that theirs is wanted only where that line is damaged.
- ``# Time:`` without a zone is read with the offset of its file, see :class:`_Offset`.
- A statement with none of these ended in the second of the ``# Time:`` before it: MySQL to
  5.6 and MariaDB leave that line out while the second is the same.

A session or a replica may set ``timestamp`` itself. MySQL from 8.0.14 on logs what was set,
but its ``# Time:`` goes first. MariaDB shifts its ``# Time:`` alike, so nothing in its log
tells, and such a statement is placed where the session wanted to be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from operator import add, itemgetter
from typing import Any, Final, TypeGuard

from slowquery.fingerprint import STATEMENT_LIMIT
from slowquery.model import SECOND, Batch, Client, Loss, Piece
from slowquery.readers.memo import Memo

STRETCH: Final = 2 * 1024 * 1024
"""Bytes that are read at a time: what a batch costs, however few its events, is shared by many."""

WRAPPED: Final = 2**63
"""A figure from here on is a negative one that an unsigned counter wrapped around."""

LOOK_AHEAD: Final = 1024 * 1024
"""Bytes of statements that may wait for what comes behind them to say when they ended."""

LEAD: Final = 10
"""Events by which an offset must lead before the rest of its file is read with it."""

_LINES: Final = 200
_LINE_LENGTH: Final = 8000
# A header has at most so many other lines on either side of its Query_time, and its lines
# are no longer than this: enough for any explain block, and a bound for hostile input.
# `$` and `\b` say here what a look-ahead would, for a fraction of its cost.
_REST = rb"[^\n]{0,%d}+" % _LINE_LENGTH
_LINE = _REST + rb"$"
_LONGEST_LINE: Final = 2 * _LINE_LENGTH  # with the names and figures in front


def _header(pattern: bytes) -> re.Pattern[bytes]:
    parts = {b"LINES": b"%d" % _LINES, b"LINE": _LINE, b"REST": _REST}
    for name, part in parts.items():
        pattern = pattern.replace(name, part)
    return re.compile(pattern, re.VERBOSE | re.MULTILINE)


_HEADER = _header(
    rb"""
    \n\#\ (?: Time:\ ([^\n]{0,64}+)\n\#\ )?+
    User@Host:\ (LINE)
    (?: \n\#\ (?:Thread_id:\ \d{1,20}+\ {1,9}+)?+ Schema:\ (LINE) )?+
    (?: \n\#(?!\ (?:Query_time|User@Host):) LINE ){0,LINES}+
    \n\#\ Query_time:\ {1,9}+(\d{1,20}+\b\.?+\d{0,9}+)
    \ {1,9}+Lock_time:\ {1,9}+(\d{1,20}+\b\.?+\d{0,9}+)
    \ {1,9}+Rows_sent:\ {1,9}+(\d{1,20}+)\ {1,9}+Rows_examined:\ {1,9}+(\d{1,20}+)(?!\d) (LINE)
    (?: \n\#(?!\ (?:administrator\ command|User@Host|Time):) LINE ){0,LINES}+
    (?: \nuse\ ([^\n;]{1,300}+);\r?+$ )?+
    (?: \nSET\ (?:(?:last_insert_id|insert_id)=\d++,)*+ timestamp=(\d{1,10}+)\b\.?+\d*+;
        \r?+$ )?+
    """
)
# As servers mostly write it, in what `re` does fastest. It takes what the one above takes, to the
# byte, or else nothing behind `User@Host:`, and so tells that the stretch is not for it.
_PLAIN_HEADER = _header(
    rb"""
    \n\#\ (?: Time:\ ([^\n]{0,64}+)\n\#\ )?+
    User@Host:\ (?: (REST)
    (?: \n\#\ (?:Thread_id:\ \d{1,20}+\ \ )?+Schema:\ (REST) )?+
    \n\#\ Query_time:\ (\d{1,20}+\.\d{6})\ \ Lock_time:\ (\d{1,20}+\.\d{6})
    \ {1,2}+Rows_sent:\ (\d{1,20}+)\ \ Rows_examined:\ (\d{1,20}+)\b (REST)
    (?: \n\#(?!\ (?:administrator\ command|User@Host|Time):) REST ){0,LINES}+
    (?: \nuse\ ([^\n;]{1,300}+); )?+
    \nSET\ (?:(?:last_insert_id|insert_id)=\d++,)*+ timestamp=(\d{10});$ )?+
    """
)
_COLUMNS: Final = _HEADER.groups + 1
_USER: Final = 2  # the column of what stands behind `User@Host:`

_BANNER_SIGN: Final = b"started with:"
_BANNER = re.compile(
    rb"\n(?!#)[^\n,]{1,300}+, Version: ([^\n]{0,300}?)started with:[ \r]{0,9}+"
    rb"\n[Tt][Cc][Pp] [Pp]ort: [^\n]{0,300}+"
    rb"\nTime[ \t]{1,99}+Id Command[ \t]{1,99}+Argument[ \r]{0,9}+(?=\n|\Z)"
)
_VERSION = re.compile(rb"(\d{1,4})\.(\d{1,4})\.(\d{1,4})")
_TIMESTAMP_IS_START: Final = (8, 0, 14)  # MySQL's worklog 12393, which made log_slow_extra too
_EXTRA = re.compile(rb" Thread_id: \d++ Errno: [^\n]* End: (\S++)")

_START: Final = b"\n"
_USER_LINE: Final = b"\n# User@Host: "
_TIME_LINE: Final = b"\n# Time: "
_FIGURES_LINE: Final = b"\n# Query_time: "
_BEGINNING = re.compile(
    rb"# (?:Time|User@Host): |[^\n,]{1,300}+, Version: [^\n]{0,300}?started with:"
)
_BEGINNING_SIZE: Final = 700  # enough for the first line of a banner
_HEADER_LINES: Final = (_TIME_LINE, _USER_LINE)
_FILLER: Final = b"." * _LONGEST_LINE
# In place of what is dropped from a statement: no line that it stands in can be of a header.
_EVENT_SIZE: Final = 200  # what an event takes up beside its statement, roughly
_EMPTY: Final = b"\r\n\t ;"
_SHORTEST: Final = 4
_SECOND: Final = len("2026-11-22T04:37:52")
_ADMINISTRATOR: Final = b"\n# administrator command: "
_NO_END = re.compile(rb"[^;]")
_UNUSUAL = re.compile(rb"[#t]")  # the second byte of a statement that may not count
_SUPPRESSED = re.compile(rb"\nthrottle: +\d+ '[^'\n]*' warning\(s\) suppressed")
_SAMPLING: Final = b" Log_slow_rate_limit: "
_SAMPLED = re.compile(rb"\n#[^\n]* Log_slow_rate_limit: (\d{1,9})\b")
_BRACKETS = re.compile(rb"[^\]]{0,300}+\][^\]]{0,300}+\]")
_CLIENT = re.compile(rb"\s*+([^\[]*+)\[([^\]]*+)\] @ {1,9}+(\S*) *+\[([^\]\[]*+)\]")
_SCHEMA = re.compile(rb"[^ \r]{0,300}+(?:\ [^ \r]{1,300}+){0,9}+")
_ZONED_TIME = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)\r?"
)
_UNZONED_TIME = re.compile(rb"(\d\d)(\d\d)(\d\d) +(\d\d?):(\d\d):(\d\d)(?:\.(\d{1,6})\d*)?\r?")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 253_402_300_799 * SECOND  # the last second that a datetime can hold
_QUARTER: Final = 15 * 60 * SECOND
_FARTHEST: Final = 14 * 3600 * SECOND  # no zone is farther from UTC


class _Offset:
    """How far the unzoned ``# Time:`` of one file are from UTC, as its own events show.

    An event with both such a stamp and a ``SET timestamp`` shows it, rounded to a quarter
    of an hour. An offset holds for the whole file once it leads by ``LEAD`` events, else
    the one that leads at the end of the file does, so that an odd timestamp does no harm.
    Stamps without a ``SET timestamp`` wait for it, but for no more than ``LOOK_AHEAD``;
    if no offset leads by then they stay without an end.
    """

    def __init__(self) -> None:
        self.settled = False
        self.waiting: list[tuple[list[int | None], int, int]] = []
        self._offset: int | None = None
        self._shown: Counter[int] = Counter()
        self._passed = 0

    def show(self, stamp: int, end: int) -> None:
        """Take into account an event that tells its end in both ways, microseconds."""
        offset = (stamp - end + _QUARTER // 2) // _QUARTER * _QUARTER
        if not self.settled and abs(offset) <= _FARTHEST:
            self._shown[offset] += 1
            if self._lead() >= LEAD:
                self.settle()

    def place(self, column: list[int | None], index: int, stamp: int) -> None:
        """Put the end of an event that has nothing but a stamp into a column, now or later."""
        self.waiting.append((column, index, stamp))
        if self.settled:
            self.settle()

    def passed(self, size: int) -> None:
        """Take note of ``size`` bytes of statement that went by."""
        self._passed += size if self.waiting else 0
        if self._passed > LOOK_AHEAD:
            self.settle()

    def settle(self) -> None:
        """Read the file with the offset that leads by now; if none does, with none."""
        if not self.settled and self._lead():
            self._offset = self._shown.most_common(1)[0][0]
        self.settled = True
        for column, index, stamp in self.waiting:
            if self._offset is not None:
                column[index] = stamp - self._offset
        self.waiting.clear()

    def _lead(self) -> int:
        first, second = [*(count for _, count in self._shown.most_common(2)), 0, 0][:2]
        return first - second


def _text(raw: bytes) -> str:
    return raw.strip(b" \r`").decode(errors="replace")


def _client(raw: bytes) -> Client:
    """``user[user] @ host [ip]``: the user in brackets, the host or else the address."""
    found = _CLIENT.match(raw)
    if not found:
        return Client(_text(raw), "")
    outer, user, host, address = found.groups()
    return Client(_text(user or outer), _text(host or address))


def _clients() -> Memo[Client]:
    """Return a memory of the clients of ``# User@Host:`` lines.

    What stands behind the brackets is not looked at: MySQL writes the connection there.
    """
    known = Memo(_client)

    def client(line: bytes) -> Client:
        brackets = _BRACKETS.match(line)
        return known[brackets[0] if brackets else line]

    return Memo(client)


def _schema(line: bytes) -> str:
    """``shop  QC_hit: No``: the name, in which there may be single blanks."""
    found = _SCHEMA.match(line)
    return _text(found[0]) if found else ""


def _possible(micros: int) -> int | None:
    """Return a point in time if it lies in the years 1970 to 9999, else ``None``."""
    return micros if 0 <= micros < _LATEST else None


def _micros_of(moment: datetime) -> int | None:
    return _possible((moment - _EPOCH) // timedelta(microseconds=1))


def _zoned(raw: bytes) -> int | None:
    """Return the microseconds of a ``# Time:`` value that names its zone, else ``None``."""
    found = _ZONED_TIME.fullmatch(raw)
    if not found:
        return None
    second, fraction, zone = found.groups(default=b"0")
    try:
        micros = _micros_of(datetime.fromisoformat((second + zone).decode("ascii")))
    except ValueError:
        return None
    return None if micros is None else micros + int(fraction.ljust(6, b"0"))


def _unzoned(raw: bytes) -> int | None:
    """Return the microseconds of ``YYMMDD H:MM:SS`` as if it were UTC, else ``None``."""
    found = _UNZONED_TIME.fullmatch(raw)
    if not found:
        return None
    *parts, fraction = found.groups(default=b"0")
    year, month, day, hour, minute, second = map(int, parts)
    microsecond = int(fraction.ljust(6, b"0"))
    try:
        moment = datetime(2000 + year, month, day, hour, minute, second, microsecond, UTC)
    except ValueError:
        return None
    return _micros_of(moment)


def _seconds(zone: bytes) -> Memo[int]:
    """Return a memory of the microseconds of ``2026-11-22T04:37:52`` in a zone."""

    def second(raw: bytes) -> int:
        micros = _zoned(raw + zone)
        if micros is None:
            raise ValueError(raw)
        return micros

    return Memo(second)


def _micros(column: list[bytes]) -> list[int]:
    """Return microseconds of seconds written with or without a fraction."""
    joined = b" ".join(column)
    step = len(column[0]) + 1 if column else 0
    if (
        # Nearly always all are like 0.017446, of one width, which three looks can tell.
        len(joined) + 1 == step * len(column) > 8 * len(column)
        and joined[step - 8 :: step] == b"." * len(column)
        and joined[step - 1 :: step] == b" " * (len(column) - 1)
    ) or {figure[-7:-6] for figure in column} == {b"."}:
        return list(map(int, joined.translate(None, b".").split()))
    return list(map(_duration, column))


def _duration(figure: bytes) -> int:
    whole, _, fraction = figure.partition(b".")
    return int(whole) * SECOND + int(fraction[:6].ljust(6, b"0"))


def _is_whole(column: list[bytes | None]) -> TypeGuard[list[bytes]]:
    return all(column) or None not in column  # `all` is by far the faster of the two


def read(pieces: Iterable[Piece], *, stretch: int = STRETCH) -> Iterator[Batch]:
    """Read the pieces of one instance's log, in order; no input makes it raise.

    What cannot be read is counted in the batches. ``stretch`` is how many bytes are read
    at a time: it bounds the memory, and the result does not depend on it.
    """
    log = _SlowLog()
    file = None
    for piece in pieces:
        if isinstance(piece, Loss):
            yield from log.close("after a loss")
            continue
        if piece.file != file:
            file = piece.file
            yield from log.next_file()
        if piece.doubtful:
            # The tail of an event that comes again holds no header, and spoils one event.
            headers = _headers_before(piece.data, piece.doubtful)
            yield Batch(events_possibly_repeated=max(1, headers))
        yield from log.take(piece.data, stretch)
    yield from log.close("")
    yield from log.settle()


class _SlowLog:
    """What is known of a log at the place up to which it has been read.

    ``_held`` is the text from there on that has arrived. It always begins with a line
    break, of the log or, at its start, of our own: that is where a header may begin.
    ``_accounted`` is 1 where that break is no byte to skip: it is ours, or a banner's.
    The database goes on from file to file, as ``use`` stands only where it changes; how
    its times are to be understood each file says anew.
    """

    def __init__(self) -> None:
        self._arrived: list[bytes] = []
        self._arrived_size = 0
        self._unreported = 0
        self._held = _START
        self._accounted = len(_START)
        self._at_seam = False
        self._skipping = "before the first event"
        self._database = ""
        self._time: bytes | None = None
        self._timestamp_is_start = False
        self._offset = _Offset()
        self._waiting: list[Batch] = []
        self._clients = _clients()
        self._schemas = Memo(_schema)
        self._names = Memo(_text)
        self._figures = Memo(int)
        self._durations = Memo(_duration)
        self._zone = b"Z"
        self._seconds = _seconds(self._zone)

    def take(self, data: bytes, stretch: int) -> Iterator[Batch]:
        """Add bytes to the log and read it as far as its events are known to be whole."""
        self._arrived.append(data)
        self._arrived_size += len(data)
        self._unreported += len(data)
        if self._at_seam and self._arrived_size >= _BEGINNING_SIZE:
            yield from self._cross_seam()
        if self._at_seam or self._arrived_size < self._enough(stretch):
            return
        arrived = self._all_arrived()
        at = 0
        while len(arrived) - at >= (size := self._enough(stretch)):
            yield from self._read(arrived[at : at + size])
            at += size
        self._arrived, self._arrived_size = [arrived[at:]], len(arrived) - at

    def next_file(self) -> Iterator[Batch]:
        """Go on in another file: with the open event, unless that has ended in this one."""
        yield from self._cross_seam()
        yield from self._read(self._all_arrived())
        header = _HEADER.match(self._held)
        if header and self._held[header.end() :].rstrip().endswith(b";"):
            yield from self.close("before the first event")
        yield from self.settle()
        self._at_seam = not self._held.endswith(b"\n")
        self._timestamp_is_start = False
        self._offset = _Offset()

    def close(self, skipping: str) -> Iterator[Batch]:
        """Read what is left: nothing that follows belongs to the open event.

        ``skipping`` is the reason why what follows is skipped up to the next event.
        """
        yield from self._cross_seam()
        text = self._held + self._all_arrived()
        yield from self._events(text, _banners(text, len(text)))
        self._held, self._accounted = _START, len(_START)
        self._time = None
        self._skipping = skipping

    def settle(self) -> Iterator[Batch]:
        """Yield what has waited for the offset of this file: it has ended."""
        self._offset.settle()
        yield from self._released()

    def _enough(self, stretch: int) -> int:
        """Return how much to read: what is held is read again, so no less than that."""
        return max(stretch, len(self._held))

    def _all_arrived(self) -> bytes:
        arrived = b"".join(self._arrived)
        self._arrived.clear()
        self._arrived_size = 0
        return arrived

    def _cross_seam(self) -> Iterator[Batch]:
        """Join two files in the middle of a line, unless the other begins as a log does."""
        if self._at_seam:
            self._at_seam = False
            arrived = self._all_arrived()
            if _BEGINNING.match(arrived):
                yield from self.close("before the first event")
            self._arrived, self._arrived_size = [arrived], len(arrived)

    def _read(self, arrived: bytes) -> Iterator[Batch]:
        text = self._held + arrived
        whole = text.rfind(b"\n")  # a line that has no end yet may become another one
        end = _last_header(text, whole)
        banners = _banners(text, whole)
        if end < 0 or (banners and end < banners[-1].start()):
            end = _unfinished(text)
        elif end == 0:
            text = _shortened(text)
        yield from self._events(text[:end], banners)
        self._held = text[end:]

    def _events(self, text: bytes, banners: list[re.Match[bytes]]) -> Iterator[Batch]:
        """Yield the events of ``text``, which ends where one ends or at a banner."""
        begin = 0
        for banner in takewhile(lambda banner: banner.start() < len(text), banners):
            yield from self._released(self._batch(text[begin : banner.start()]))
            self._accounted = len(b"\n")  # the banner's last line has an end too
            self._skipping = "after a server start"
            # A server that opens its log anew names the database anew.
            self._database = ""
            self._timestamp_is_start = _logs_the_start(banner[1])
            begin = banner.end()
        yield from self._released(self._batch(text[begin:]))

    def _released(self, *batches: Batch) -> Iterator[Batch]:
        self._waiting += batches
        if not self._offset.waiting:
            released, self._waiting = self._waiting, []
            yield from map(_counted, released)

    def _batch(self, text: bytes) -> Batch:
        """Return the events of a text without banners."""
        parts = _split(text)
        times, users, schemas = (parts[n::_COLUMNS] for n in range(1, 4))
        query_times, lock_times, rows_sent, rows_examined = (
            parts[n::_COLUMNS] for n in range(4, 8)
        )
        extras, uses, timestamps, bodies = (parts[n::_COLUMNS] for n in range(8, 12))
        accounted = self._accounted if parts[0].startswith(b"\n") else 0
        skipped = Counter({self._skipping: len(parts[0]) - accounted})
        skipped["unfinished header"] = _tidied(bodies)
        if text:
            self._accounted = 0
        query_time = _micros(query_times)
        figures = self._figures.__getitem__
        bytes_read, self._unreported = self._unreported, 0
        return Batch(
            statements=bodies,
            ended_at=self._ended_at(times, timestamps, query_time, extras, bodies),
            query_time=query_time,
            # Locks are short and rows are few, so that figures come again; query times do not.
            lock_time=list(map(self._durations.__getitem__, lock_times)),
            rows_sent=list(map(figures, rows_sent)),
            rows_examined=list(map(figures, rows_examined)),
            clients=list(map(self._clients.__getitem__, users)),
            databases=self._databases(schemas, uses),
            bytes_read=bytes_read,
            bytes_skipped=+skipped,
            sampled=_sampled(text),
        )

    def _databases(self, schemas: list[bytes | None], uses: list[bytes | None]) -> list[str]:
        names = self._names
        if _is_whole(schemas):
            self._database = names[next(filter(None, reversed(uses)), b"")] or self._database
            return list(map(self._schemas.__getitem__, schemas))
        if not any(uses) and schemas.count(None) == len(schemas):
            return [self._database] * len(schemas)
        databases = []
        for schema, use in zip(schemas, uses, strict=True):
            if use is not None:
                self._database = names[use]
            databases.append(self._database if schema is None else self._schemas[schema])
        return databases

    def _ended_at(
        self,
        times: list[bytes | None],
        timestamps: list[bytes | None],
        query_time: list[int],
        extras: list[bytes],
        bodies: list[bytes],
    ) -> list[int | None]:
        """Return the column of ends; those that wait for the file's offset come later."""
        if not self._offset.waiting:
            ends = self._all_zoned(times, extras)
            if ends is None:
                ends = self._all_by_timestamp(times, timestamps, extras)
            if ends is not None:
                self._time = next(filter(None, reversed(times)), self._time)
                return ends
        column: list[int | None] = []
        rows = zip(times, timestamps, query_time, extras, bodies, strict=True)
        for index, (time, timestamp, took, extra, body) in enumerate(rows):
            self._time = time or self._time
            stamp = time or (b"" if timestamp else self._time or b"")
            end = _zoned(stamp)
            if extended := _EXTRA.match(extra):
                self._timestamp_is_start = True
                end = _zoned(extended[1]) if end is None else end
            if end is None and timestamp:
                after = took if self._timestamp_is_start else 0
                end = _possible(int(timestamp) * SECOND + after)
            column.append(end)
            unzoned = _unzoned(stamp)
            if unzoned is not None and end is None:
                self._offset.place(column, index, unzoned)
            elif unzoned is not None and end is not None:
                self._offset.show(unzoned, end)
            self._offset.passed(_EVENT_SIZE + min(len(body), STATEMENT_LIMIT))
        return column

    def _all_zoned(self, times: list[bytes | None], extras: list[bytes]) -> list[int | None] | None:
        """Return the ends if all are like ``2026-11-22T04:37:52.603316Z``, in one zone."""
        if not times or not _is_whole(times):
            return None
        zone = times[0][26:]
        if zone != self._zone:
            self._zone, self._seconds = zone, _seconds(zone)
        width = len(times[0])
        joined = b"".join(times)
        if (
            not zone
            or set(map(len, times)) != {width}
            or joined[_SECOND::width] != b"." * len(times)
            or joined.count(b".") != len(times)
        ):
            return None
        # Seconds and fractions in turn, and nothing behind the last zone.
        parts = joined.replace(zone, b".").split(b".")
        fractions = parts[1::2]
        if len(parts) != 2 * len(times) + 1 or parts[-1] or not b"".join(fractions).isdigit():
            return None
        try:
            seconds = list(map(self._seconds.__getitem__, parts[:-1:2]))
        except ValueError:
            return None
        if not self._timestamp_is_start and any(extras):
            self._timestamp_is_start = any(map(_EXTRA.match, extras))
        return [*map(add, seconds, map(int, fractions))]

    def _all_by_timestamp(
        self, times: list[bytes | None], timestamps: list[bytes | None], extras: list[bytes]
    ) -> list[int | None] | None:
        """Return the ends if every ``SET timestamp`` is there and is one."""
        stamps = [*filter(None, times)]
        if (
            self._timestamp_is_start
            or (stamps and not self._offset.settled)
            or any(b"T" in stamp for stamp in stamps)
            or (any(extras) and any(map(_EXTRA.match, extras)))
            or not _is_whole(timestamps)
        ):
            return None
        return [*map(self._durations.__getitem__, timestamps)]


def _split(text: bytes) -> list[bytes | Any]:
    """Return what stands before the first header, then the columns of each event in turn."""
    parts = _PLAIN_HEADER.split(text)
    return parts if _is_whole(parts[_USER::_COLUMNS]) else _HEADER.split(text)


def _logs_the_start(version: bytes) -> bool:
    """Whether a server of this version sets ``timestamp`` to the start of a statement."""
    found = _VERSION.match(version)
    return (
        found is not None
        and b"MariaDB" not in version
        and tuple(map(int, found.groups())) >= _TIMESTAMP_IS_START
    )


def _sampled(text: bytes) -> int:
    """Return the highest sampling rate that the headers in ``text`` name."""
    if _SAMPLING not in text:
        return 1
    rates = (rate for header in _HEADER.finditer(text) for rate in _SAMPLED.findall(header[0]))
    return max(map(int, rates), default=1)


def _places(sign: re.Pattern[bytes], at: int, values: Sequence[bytes]) -> Iterable[int]:
    """Return where the values are whose byte at ``at`` is a sign; all, if one has no such byte."""
    try:
        column = bytes(map(itemgetter(at), values))
    except IndexError:
        return range(len(values))
    return [found.start() for found in sign.finditer(column)]


def _tidied(bodies: list[bytes]) -> int:
    """Cut bodies down to their statements and return the size of the headers cut off.

    A statement loses what is over the limit, and the ``;`` that says it is whole with it.
    """
    skipped = 0
    for index in _places(_NO_END, -1, bodies):
        body = bodies[index]
        if body.endswith(b";"):
            continue
        half = _unfinished(body)
        statement, rest = body[:half].rstrip(b"\r"), body[half:]
        begun = any(rest.startswith(line) or line.startswith(rest) for line in _HEADER_LINES)
        if len(rest) > 1 and begun and (not half or statement.endswith(b";")):
            skipped += len(rest)
            bodies[index] = statement
        else:
            bodies[index] = body.rstrip(b"\r\n")
    if max(map(len, bodies), default=0) > STATEMENT_LIMIT:
        bodies[:] = [
            body if len(body) <= STATEMENT_LIMIT else body[:STATEMENT_LIMIT].rstrip(b";\r\n")
            for body in bodies
        ]
    return skipped


def _kind(statement: bytes) -> str | None:
    """Return what a statement is that does not count, ``None`` if it does."""
    if statement.startswith(_ADMINISTRATOR):
        return "administrator"
    if _SUPPRESSED.match(statement):
        return "throttled"
    return None if statement.strip(_EMPTY) else "unreadable"


def _counted(batch: Batch) -> Batch:
    """Take out of the columns what does not count, and count it."""
    kinds: dict[int, str] = {}
    may_not_count = (
        range(len(batch.statements))
        if min(map(len, batch.statements), default=0) < _SHORTEST
        else _places(_UNUSUAL, 1, batch.statements)
    )
    for index in may_not_count:
        if kind := _kind(batch.statements[index]):
            kinds[index] = kind
    figures = (batch.query_time, batch.lock_time, batch.rows_sent, batch.rows_examined)
    for column in figures:
        if column and max(column) >= WRAPPED:
            for index, figure in enumerate(column):
                if figure >= WRAPPED:
                    kinds.setdefault(index, "wrapped figure")
    if not kinds:
        return batch
    counts = Counter(kinds.values())
    return batch.select([index not in kinds for index in range(len(batch.statements))])._replace(
        events_administrator=counts.pop("administrator", 0),
        events_unreadable=counts.pop("unreadable", 0),
        events_excluded=counts,
    )


def _headers_before(text: bytes, end: int) -> int:
    """Count the headers that begin in the first ``end`` bytes of a portion."""
    headers = _HEADER.finditer(_START + text)
    return sum(1 for _ in takewhile(lambda header: header.start() < end, headers))


def _last_header(text: bytes, end: int) -> int:
    """Return where the last complete header before ``end`` begins, -1 if there is none."""
    at = text.rfind(_FIGURES_LINE, 0, end)
    while at >= 0:
        at = text.rfind(_USER_LINE, 0, at)
        line = text.rfind(b"\n", max(0, at - _LONGEST_LINE), max(0, at))
        for begin in (line, at):
            if begin >= 0 and _HEADER.match(text, begin):
                return begin
        at = text.rfind(_FIGURES_LINE, 0, max(0, at))
    return -1


def _banners(text: bytes, end: int) -> list[re.Match[bytes]]:
    """Find the banners before ``end``, in order."""
    found = []
    at = text.find(_BANNER_SIGN)
    while at >= 0:
        line = text.rfind(b"\n", max(0, at - _BEGINNING_SIZE), at)
        banner = _BANNER.match(text, line, end) if line >= 0 else None
        if banner:
            found.append(banner)
        at = text.find(_BANNER_SIGN, banner.end() if banner else at + 1)
    return found


def _shortened(text: bytes) -> bytes:
    """Drop the middle of a statement over the limit, the one event of ``text``."""
    header = _HEADER.match(text)
    kept = (header.end() if header else 0) + STATEMENT_LIMIT + 1
    tail = _unfinished(text) - len(b";\r")
    dropped = tail - kept - len(_FILLER)
    return text[:kept] + _FILLER + text[tail:] if dropped > 0 else text


def _unfinished(text: bytes) -> int:
    """Return where the last lines begin that may be a part of a header or a banner."""
    last = text.rfind(b"\n")
    if len(text) - last > _LONGEST_LINE:
        return len(text)
    header = last
    for _ in range(_LINES + 3):
        line = text.rfind(b"\n", max(0, header - _LONGEST_LINE), header)
        if line < 0 or not text.startswith(b"\n#", line):
            break
        header = line
    if header < last:
        return header
    banner = last
    for _ in range(2):
        line = text.rfind(b"\n", max(0, banner - _LONGEST_LINE), banner)
        if line >= 0 and text[line:banner].rstrip(b" \r").endswith(_BANNER_SIGN):
            return line
        banner = line
    return max(last, 0)
