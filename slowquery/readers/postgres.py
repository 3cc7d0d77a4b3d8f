r"""The server log of PostgreSQL, RDS and Aurora PostgreSQL: text to batches.

**Where a message begins.** In a stderr log at a line that begins as ``log_line_prefix`` does,
with a time. The server puts a TAB in front of every other line of a message, so no literal
can hold such a line; a line with neither is of another program and is skipped. In a csvlog at
a line whose fields are those of a record up to the message, with an odd number of quotes
before that: inside a field every quote is doubled, so there is no such line in a literal
either. In a jsonlog at a line that is such an object.

**Where it ends.** Where the next one begins, at a loss, and at the end of a file.

**How it is read.** One pattern splits a whole stretch of log at its messages, and the pieces
fall into columns. The last message of a stretch is kept back until its end has been seen, so
portions may be cut anywhere. ``duration: … statement:``, by far the most, goes from column to
column; the others are looked at one by one, for what they mean depends on what the session
did before.

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
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from operator import itemgetter
from typing import Final, NamedTuple, TypeVar

from slowquery.fingerprint import CUT_MARK, STATEMENT_LIMIT
from slowquery.model import SECOND, TEXT_NOT_LOGGED, Also, Batch, Client, Loss, Occurrence, Piece
from slowquery.readers.memo import Memo

STRETCH: Final = 1024 * 1024
"""Bytes that are read at a time: a portion's worth."""

LOOKED_AT: Final = 64 * 1024
"""Bytes at the beginning of a file that show its format."""

OPEN_SIZE: Final = 8 * 1024 * 1024
"""Bytes of statements of sessions that are remembered; the longest idle are given up first."""

RDS_PREFIX: Final = "%t:%r:%u@%d:[%p]:"
"""What RDS sets and lets nobody change."""

KNOWN_PREFIXES: Final = (
    RDS_PREFIX,
    "%m [%p] %q%u@%d ",
    "%m [%p] ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
)
"""Prefixes that are known by their look: RDS's, Debian's, PostgreSQL's own and pgBadger's."""

_HEADER_SIZE: Final = 64 * 1024  # more than a header can have
_BLOCK: Final = 16 * 1024
_LINE_LOOKS: Final = 60  # bytes that the pattern of a line looks at
_OPEN_STEP: Final = 300  # what a remembered step takes up beside its statement, roughly
_OPEN_SESSION: Final = 1_000
_UNNAMED: Final = b"<unnamed>"
_START: Final = b"\n"
_FOREIGN_LINE: Final = re.compile(rb"\n(?!\t|\Z)")
_LINE_BREAK: Final = _START[0]  # as a number it is looked for at a fraction of the cost
_NO_LINE: Final = b"."  # in place of the beginning of a line: no message begins behind it

_SEVERITY: Final = (
    rb"(LOG|DETAIL|ERROR|STATEMENT|HINT|CONTEXT|WARNING|FATAL|PANIC|NOTICE|INFO|LOCATION|QUERY"
    rb"|BACKTRACE|DEBUG[1-5]?)"
)
_STAMP: Final = rb"\d{4}-[\d-]{5}\ [\d:]{8}(?:\.\d{3})?\ (?:[A-Za-z]{1,6}+|[+-]\d\d(?:\d\d)?)"
_EPOCH_STAMP: Final = rb"\d{1,12}+\.\d{3}"
_MESSAGE: Final = (
    rb"(?:duration:\ (\d{1,15}+\.\d{3})\ ms(?:\ \ "
    rb"(statement|(?:execute\ fetch\ from|execute|bind|parse)(?=\ )|plan|fastpath\ function\ call)"
    rb"(?::\ ?|\ ([^\n]{1,300}?):\ ))?+)?+"
)
_COLUMNS: Final = 8
_SEVERITY_GROUP: Final = 4
_DURATION_GROUP: Final = 5
_KIND_GROUP: Final = 6

_WITHOUT_EVENTS: Final = frozenset(
    b"DETAIL STATEMENT HINT CONTEXT LOCATION QUERY BACKTRACE WARNING NOTICE INFO"
    b" DEBUG DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5".split()
)
_FAILED: Final = frozenset((b"ERROR", b"FATAL", b"PANIC"))
_EXECUTE: Final = frozenset((b"execute", b"execute fetch from"))
_WITH_TEXT: Final = frozenset((*_EXECUTE, b"parse", b"bind", b"fastpath function call"))
_STEPS: Final = frozenset((b"parse", b"bind"))
_BY_ITSELF: Final = frozenset((b"statement", b"fastpath function call", None))  # None: bare
_TELLING: Final = re.compile(
    rb"""(?P<said> (?:statement | execute\ (?P<fetch>fetch\ from\ )?(?P<name>[^\n]{1,300}?)):\ )
    | (?P<waits> (?:process\ \d{1,10}+|recovery)\ (?:still\ waiting
        | detected\ deadlock\ while\ waiting | avoided\ deadlock) )
    | (?P<file> temporary\ file: )
    | (?P<over> disconnection: | connection\ (?:received|authorized): )
    | parameter\ \\?"{1,2}log_(?P<sampling>statement|transaction)_sample_rate\\?"{1,2}\ changed\ to
        \ \\?"{1,2}(?P<rate>\d{1,3}+(?:\.\d{1,20}+)?(?:e-\d{1,2}+)?)
    """,
    re.VERBOSE,
)
_LEAST_RATE: Final = 1e-9
_TEXT_NOT_LOGGED: Final = TEXT_NOT_LOGGED.encode()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 253_402_300_799 * SECOND  # the last second that a datetime can hold
_T = TypeVar("_T")


class Origin(NamedTuple):
    """Who wrote a message, as its prefix says: ``session`` tells sessions apart."""

    client: Client
    database: str
    session: bytes


@dataclass(frozen=True, slots=True)
class _Format:
    """How a log is written: where messages begin, and what a body's text is.

    ``header`` has the groups: what stands before the time, the time, the rest that tells the
    origin, severity, duration, its kind, the name of a prepared statement and portal.
    ``line`` tells quickly where none begins.
    """

    header: re.Pattern[bytes]
    line: re.Pattern[bytes]
    origin: Callable[[bytes], Origin]
    texts: Callable[[list[bytes]], list[bytes]]


# The prefix of a stderr log

_ESCAPE: Final = re.compile(r"%(-?\d{1,3})?([a-zA-Z%])")
_FORMS: Final[dict[str, bytes]] = {
    "r": rb"(?P<remote>\[local\]|[^()\s]*+\(\d++\)|)",
    "p": rb"(?P<pid>\d++)",
    "c": rb"(?P<session>[0-9a-f.]++)",
    "l": rb"\d++",
    "e": rb"[0-9A-Z]{5}",
    "s": _STAMP,
    "%": rb"%",
}
"""Patterns of the escapes that have a form; any other is any text."""
_NAMES: Final = {"u": b"?P<user>", "d": b"?P<database>", "h": b"?P<host>"}
_OF_RDS: Final = rb"(?=:(?:\[local\]|[^\s()]{1,300}+\(\d{1,5}+\)):)"
_QUICK: Final[dict[str, bytes]] = {"p": rb"\d++", "s": _STAMP}


def _origin_pattern(pieces: Sequence[tuple[str, str]]) -> re.Pattern[bytes]:
    """Return a pattern for what a prefix tells of a message's origin; its time is a NUL.

    What follows ``%q`` is left out by processes that have no session. A value ends where the
    text behind it in the prefix stands first, so its time grows as what is matched. The one
    that may hold that text is a user in front of ``@`` and a database: its last ``@`` counts.
    """
    seen: set[str] = set()
    pattern, closing = b"", b""
    for index, (literal, escape) in enumerate(pieces):
        pattern += re.escape(literal.encode())
        after, following = pieces[index + 1] if index + 1 < len(pieces) else ("", "")
        form = _FORMS.get(escape)
        if escape == "q":
            pattern, closing = pattern + b"(?:", b")?"
        elif escape in {"t", "m", "n"} and "time" not in seen:
            seen.add("time")
            pattern += b"\0?"  # nothing is said of it where nothing stands before it
        elif form:
            pattern += b" *+" + (re.sub(rb"\?P<\w+>", b"", form) if escape in seen else form)
            pattern += b"" if after.startswith(" ") else b" *+"
        elif escape:
            name = b"?:" if escape in seen else _NAMES.get(escape, b"?:")
            is_user = (escape, after, following) == ("u", "@", "d") and "u" not in seen
            value = b".*" if is_user else _up_to(after, no_at=escape == "d")
            pattern += b"(" + name + value + b")"
        seen.add(escape)
    return re.compile(pattern + closing, re.DOTALL)


def _up_to(literal: str, *, no_at: bool) -> bytes:
    """Return a pattern for all that stands before a text, to the end without one."""
    character = b"[^@]" if no_at else b"."
    ahead = rb"(?!" + re.escape(literal.encode()) + b")" if literal else b""
    return b"(?:" + ahead + character + b")*+"


def _quick_pattern(pieces: Sequence[tuple[str, str]]) -> bytes:
    """Return a pattern that runs through a prefix behind its time without looking back.

    It fails where a value holds what stands behind it, as an IPv6 address does.
    """
    pattern, closing = b"", b""
    for index, (literal, escape) in enumerate(pieces):
        pattern += re.escape(literal.encode())
        if escape == "q":
            pattern, closing = pattern + b"(?:", b")?"
        elif escape in _QUICK:
            pattern += _QUICK[escape]
        elif escape:
            after = pieces[index + 1][0][:1] if index + 1 < len(pieces) else ""
            pattern += rb"[^\n" + re.escape(after.encode()) + rb"]{0,300}+"
    return pattern + closing


def _pieces(prefix: str) -> list[tuple[str, str]]:
    """Return the literal texts of a prefix, each with the escape behind it, the last with none."""
    pieces, at = [], 0
    for found in _ESCAPE.finditer(prefix):
        pieces.append((prefix[at : found.start()], found[2]))
        at = found.end()
    return [*pieces, (prefix[at:], "")]


def _ending(pieces: Sequence[tuple[str, str]]) -> bytes:
    """Return a pattern for what stands right before the severity, whatever values hold."""
    ends = [pieces[-1][0]]
    if any(escape == "q" for _, escape in pieces):
        at = next(index for index, (_, escape) in enumerate(pieces) if escape == "q")
        ends.append(pieces[at][0])
    patterns = [re.escape(end.encode()) for end in ends]
    if len(pieces) > 1 and pieces[-2][1] == "p":
        patterns[0] = re.escape(pieces[-2][0].encode()) + rb"\d++" + patterns[0]
    return b"(?:" + b"|".join(patterns) + b")"


def stderr(prefixes: Sequence[str]) -> _Format:
    """Return the format of a stderr log with one of these prefixes.

    A line that has a time where one of theirs has it begins a message whatever follows; what
    no prefix explains of it is read as well as it can be. A name may hold what looks like a
    message: where there is one prefix, and in a line that can only be RDS's, a severity is
    none unless the end of the prefix stands before it.
    """
    split = list(map(_pieces, prefixes))
    places = [
        next((index for index, (_, escape) in enumerate(one) if escape in {"t", "m", "n"}), 0)
        for one in split
    ]
    before = b"|".join(
        _quick_pattern([*one[:place], (one[place][0], "")])
        for place, one in zip(places, split, strict=True)
    )
    before = before.strip(b"|") and before + rb"|[^\n]{0,300}?"
    quick = b"|".join(
        _quick_pattern(one[place + 1 :]) for place, one in zip(places, split, strict=True)
    )
    unexplained = (
        rb"[^\n]{0,400}?" + _ending(split[0])
        if len(split) == 1
        else _OF_RDS
        + rb"[^\n]{0,400}?"
        + _ending(_pieces(RDS_PREFIX))
        + rb"|(?!"
        + _OF_RDS
        + rb")[^\n]{0,400}?"
    )
    epoch = any(one[place][1] == "n" for place, one in zip(places, split, strict=True))
    stamp = _STAMP + (b"|" + _EPOCH_STAMP if epoch else b"")
    header = re.compile(
        rb"\n(?!\t)("
        + before
        + rb")("
        + stamp
        + rb")(?:("
        + quick
        + rb"|"
        + unexplained
        + rb")"
        + _SEVERITY
        + rb":\ \ (?:[0-9A-Z]{5}:\ )?"
        + _MESSAGE
        + rb")?+"
    )
    patterns = list(map(_origin_pattern, split))

    def origin(raw: bytes) -> Origin:
        for pattern in patterns:
            if found := pattern.fullmatch(raw):
                named = {key: value or b"" for key, value in found.groupdict().items()}
                host = named.get("host") or named.get("remote", b"").partition(b"(")[0]
                return _origin(
                    named.get("user", b""),
                    named.get("database", b""),
                    host,
                    named.get("session") or named.get("pid", b""),
                )
        return _guessed(raw)

    line = re.compile(rb"\n(?![\t\n])" if before else rb"\n(?=" + stamp + rb")")
    return _Format(header, line, origin, _stderr_texts)


_PID: Final = re.compile(rb"\[(\d{1,10}+)\]")
_USER_AT_DATABASE: Final = re.compile(
    rb"(?<![^\s:@,\[\]])([^\s:@,\[\]]{1,200}+)@([^\s:@,\[\]]{1,200}+)"
)


def _guessed(raw: bytes) -> Origin:
    """Return what a prefix that nobody described seems to tell."""
    pid, names = _PID.search(raw), _USER_AT_DATABASE.search(raw)
    user, database = names.groups() if names else (b"", b"")
    return _origin(user, database, b"", pid[1] if pid else raw)


def _origin(user: bytes, database: bytes, host: bytes, session: bytes) -> Origin:
    return Origin(Client(_name(user), _name(host)), _name(database), session)


def _name(raw: bytes) -> str:
    text = raw.strip().decode(errors="replace")
    return "" if text == "[unknown]" else text


def _stderr_texts(bodies: list[bytes]) -> list[bytes]:
    """Return the texts of bodies: without the TABs that the server put in front of lines."""
    if max(map(len, bodies), default=0) > STATEMENT_LIMIT:
        bodies = [
            body if len(body) <= STATEMENT_LIMIT else _cut(body[:STATEMENT_LIMIT])
            for body in bodies
        ]
    return [
        body.replace(b"\n\t", b"\n").strip() if _LINE_BREAK in body else body.strip()
        for body in bodies
    ]


def _cut(text: bytes) -> bytes:
    return text if CUT_MARK in text else text + b" " + CUT_MARK


# csvlog and jsonlog

_FIELD: Final = rb'(?:"[^"\n]{0,300}+(?:""[^"\n]{0,300}+){0,9}+")?+'
_PLAIN: Final = rb"[^,\"\n]{0,60}+"
_CSV_HEADER: Final = re.compile(
    rb"\n()("
    + _STAMP
    + rb"),"
    rb"(FIELD,FIELD,\d{0,10}+,FIELD,PLAIN),\d{0,20}+,FIELD,PLAIN,PLAIN,\d{0,20}+,".replace(
        b"FIELD", _FIELD
    ).replace(b"PLAIN", _PLAIN)
    + _SEVERITY
    + rb',[0-9A-Z]{0,5}+,"(?=(?:"")*+(?!"))'
    + _MESSAGE
)
_CSV_ORIGIN: Final = re.compile(
    rb"(FIELD),(FIELD),(\d*+),(FIELD),(PLAIN)".replace(b"FIELD", _FIELD).replace(b"PLAIN", _PLAIN)
)
_CSV_TEXT: Final = re.compile(rb'[^"]*+(?:""[^"]*+)*+')


def _csv_origin(raw: bytes) -> Origin:
    found = _CSV_ORIGIN.fullmatch(raw)
    fields = found.groups() if found else (b"",) * 5
    user, database, pid, remote, session = (
        one[1:-1].replace(b'""', b'"') if one[:1] == b'"' else one for one in fields
    )
    host = remote if remote.startswith(b"[") else remote.rpartition(b":")[0]
    return _origin(user, database, host or remote, session or pid)


def _csv_texts(bodies: list[bytes]) -> list[bytes]:
    """Return the texts of bodies, which begin in a field, up to where that ends."""
    return [_quoted(_CSV_TEXT, body).replace(b'""', b'"').strip() for body in bodies]


def _quoted(pattern: re.Pattern[bytes], body: bytes) -> bytes:
    """Return what stands before a closing quote; without one, or too far behind, it is cut."""
    found = pattern.match(body, 0, STATEMENT_LIMIT)
    if found is None:
        return b""
    is_whole = body[found.end() : found.end() + 1] == b'"' and found.end() < STATEMENT_LIMIT - 1
    return found[0] if is_whole else _cut(found[0].rstrip(b"\r\n"))


_STRING: Final = rb'"[^"\\\n]{0,300}+(?:\\.[^"\\\n]{0,300}+){0,9}+"'
_VALUE: Final = rb"(?:" + _STRING + rb"|-?\d{1,20}+)"
_JSON_HEADER: Final = re.compile(
    rb'\n()\{"timestamp":"('
    + _STAMP
    + rb')"((?:,"(?:user|dbname|pid|remote_host|remote_port|session_id)":VALUE){0,6}+)'
    rb'(?:,"(?!error_severity")\w{1,30}+":VALUE){0,9}+,"error_severity":"'.replace(b"VALUE", _VALUE)
    + _SEVERITY
    + rb'"(?:,"state_code":"[0-9A-Z]{0,5}+")?,"message":"'
    + _MESSAGE
)
_JSON_PAIR: Final = re.compile(rb',"(\w{1,30}+)":(VALUE)'.replace(b"VALUE", _VALUE))
_JSON_TEXT: Final = re.compile(rb'[^"\\\n]*+(?:\\.[^"\\\n]*+)*+')
_JSON_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))")
_JSON_CHARACTERS: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f"}


def _json_origin(raw: bytes) -> Origin:
    pairs = {key: _json_value(value.strip(b'"')) for key, value in _JSON_PAIR.findall(raw)}
    return _origin(
        pairs.get(b"user", b""),
        pairs.get(b"dbname", b""),
        pairs.get(b"remote_host", b""),
        pairs.get(b"session_id") or pairs.get(b"pid", b""),
    )


def _json_texts(bodies: list[bytes]) -> list[bytes]:
    """Return the texts of bodies, which begin in a string, up to where that ends."""
    return [_json_value(_quoted(_JSON_TEXT, body)).strip() for body in bodies]


def _json_value(text: bytes) -> bytes:
    return _JSON_ESCAPE.sub(_json_character, text) if b"\\" in text else text


def _json_character(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return chr(int(escape[1], 16)).encode(errors="replace")
    return _JSON_CHARACTERS.get(escape[2], escape[2])


CSV: Final = _Format(_CSV_HEADER, re.compile(rb"\n(?=" + _STAMP + rb",)"), _csv_origin, _csv_texts)
STDERR: Final = stderr(KNOWN_PREFIXES)
JSON: Final = _Format(
    _JSON_HEADER, re.compile(rb'\n(?=\{"timestamp":")'), _json_origin, _json_texts
)


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
_SECOND: Final = 19  # characters of a date and a time


# Sessions


@dataclass(slots=True)
class _Step:
    """A line with a duration: its text, its own duration and those of steps before it, µs."""

    text: bytes
    ended_at: int | None
    took: int
    origin: Origin
    parse: int = 0
    bind: int = 0


class _Events(NamedTuple):
    """Executions as columns."""

    texts: list[bytes]
    ended_at: list[int | None]
    took: list[int]
    parse: list[int]
    bind: list[int]
    origins: list[Origin]

    def with_others(self, steps: Sequence[_Step], places: Sequence[int]) -> _Events:
        """Return what stands at these places of these and, behind them, the others."""
        return _Events(
            _at(places, [*self.texts, *(step.text for step in steps)]),
            _at(places, [*self.ended_at, *(step.ended_at for step in steps)]),
            _at(places, [*self.took, *(step.took for step in steps)]),
            _at(places, [*self.parse, *(step.parse for step in steps)]),
            _at(places, [*self.bind, *(step.bind for step in steps)]),
            _at(places, [*self.origins, *(step.origin for step in steps)]),
        )


def _at(places: Sequence[int], column: list[_T]) -> list[_T]:
    return [*map(column.__getitem__, places)]


class _Columns(NamedTuple):
    """What a header's pattern splits a log into, a column for each of its groups."""

    befores: list[bytes]
    stamps: list[bytes]
    rests: list[bytes]
    severities: list[bytes | None]
    durations: list[bytes]
    kinds: list[bytes | None]
    names: list[bytes]
    bodies: list[bytes]

    def with_befores(self) -> _Columns:
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
                self.bodies[index] = _cut(text) if CUT_MARK in rest else text
        return size

    def size(self, index: int) -> int:
        """Return the size of a message that only begins like one; however long, it is limited."""
        length = sum(len(column[index]) for column in (self.befores, self.stamps, self.bodies))
        return min(len(b"\n") + length, STATEMENT_LIMIT)


class _Session:
    """What a session has begun: texts that wait for a duration, steps for an execution."""

    __slots__ = ("bound", "is_idle", "last", "parsed", "running", "said")

    def __init__(self) -> None:
        self.said: tuple[bytes, bytes | None, bool] | None = None
        self.parsed: dict[bytes, _Step] = {}
        self.bound: dict[bytes, _Step] = {}
        self.running: dict[bytes, _Step] = {}
        self.last: tuple[dict[bytes, _Step], bytes] | None = None
        self.is_idle = False


class _Sessions:
    """Joins the lines of sessions into executions; ``ended`` holds those that are over.

    ``unproven`` are the sessions whose last line is a step that may have failed yet.

    What is open takes ``OPEN_SIZE`` at most. Beyond it sessions are given up, as if they had
    ended, in the order in which they began; one that was heard of meanwhile has another turn.
    """

    def __init__(self) -> None:
        self.ended: list[_Step] = []
        self.unproven: set[bytes] = set()
        self._sessions: dict[bytes, _Session] = {}
        self._size = 0

    def parsed(self, name: bytes, step: _Step) -> None:
        """Take note of a statement that was prepared, under its name."""
        session = self._session(step)
        self._over(session.parsed.pop(name, None))
        step.parse = step.took
        self._keep(session.parsed, name, step)
        self._may_fail(session, session.parsed, name, step)

    def bound(self, name: bytes, step: _Step) -> None:
        """Take note of a portal that was made of it."""
        session = self._session(step)
        self._over(session.running.pop(name, None))
        self._over(session.bound.pop(name, None))
        step.parse = self._parse_of(session, name, step.text)
        step.bind = step.took
        self._keep(session.bound, name, step)
        self._may_fail(session, session.bound, name, step)

    def executed(self, name: bytes, step: _Step, *, is_fetch: bool = False) -> None:
        """Take note of an execution, or of the rest of one that has begun."""
        session = self._session(step)
        running = session.running.pop(name, None)
        if running and is_fetch and running.text == step.text:
            self._taken(running)
            step.took += running.took
            step.parse, step.bind = running.parse, running.bind
        else:
            self._over(running)
            bound = session.bound.pop(name, None)
            if bound and bound.text == step.text:
                self._taken(bound)
                step.parse, step.bind = bound.parse, bound.bind
            else:
                self._over(bound)
                step.parse = self._parse_of(session, name, step.text)
        self._keep(session.running, name, step)

    def said(self, step: _Step, name: bytes | None = None, *, is_fetch: bool = False) -> None:
        """Take note of a text whose duration comes on a line of its own, if at all."""
        session = self._session(step)
        self._unsaid(session)
        session.said = step.text, name, is_fetch
        self._grow(len(step.text))

    def took(self, step: _Step) -> bool:
        """Take note of a bare duration; tell whether there was a text, which it gets then."""
        said = self._unsaid(self._session(step))
        if said is None:
            self.ended.append(step)
            return False
        step.text, name, is_fetch = said
        if name is None:
            self.ended.append(step)
        else:
            self.executed(name, step, is_fetch=is_fetch)
        return True

    def spoke(self, key: bytes) -> None:
        """Take note of a plain statement: the step before it ran, and what has no name is gone."""
        session = self._sessions.get(key)
        if session and session.last:
            self._proven(session, key)
            for name in [name for name in session.bound if b"/" not in name]:
                self._over(session.bound.pop(name))
            self._over(session.parsed.pop(_UNNAMED, None))

    def failed(self, key: bytes) -> None:
        """Forget what failed: a step right before it, or a text that has no duration yet."""
        session = self._sessions.get(key)
        if session:
            if session.last:
                steps, name = session.last
                self._taken(steps.pop(name))
                self._proven(session, key)
            self._unsaid(session)

    def over(self, key: bytes) -> None:
        """End a session."""
        session = self._sessions.pop(key, None)
        if session:
            self._size -= _OPEN_SESSION
            self._proven(session, key)
            self._unsaid(session)
            for steps in (session.running, session.bound, session.parsed):
                for step in steps.values():
                    self._over(step)

    def all_over(self) -> None:
        """End every session: the log has ended."""
        for key in [*self._sessions]:
            self.over(key)

    def _session(self, step: _Step) -> _Session:
        session = self._sessions.get(step.origin.session)
        if session is None:
            session = self._sessions[step.origin.session] = _Session()
            self._size += _OPEN_SESSION
        session.is_idle = False
        self._proven(session, step.origin.session)
        return session

    def _may_fail(
        self, session: _Session, steps: dict[bytes, _Step], name: bytes, step: _Step
    ) -> None:
        if step.origin.session in self._sessions:  # it may have been given up for its size
            session.last = steps, name
            self.unproven.add(step.origin.session)

    def _proven(self, session: _Session, key: bytes) -> None:
        if session.last:
            session.last = None
            self.unproven.discard(key)

    def _parse_of(self, session: _Session, name: bytes, text: bytes) -> int:
        """Return the time of a statement's parsing, if it is not told yet."""
        for key in (name, name.partition(b"/")[0]) if session.parsed else ():
            parsed = session.parsed.get(key)
            if parsed and parsed.text == text:
                del session.parsed[key]
                self._taken(parsed)
                return parsed.parse
        return 0

    def _keep(self, steps: dict[bytes, _Step], name: bytes, step: _Step) -> None:
        steps[name] = step
        self._grow(len(step.text) + _OPEN_STEP)

    def _taken(self, step: _Step) -> None:
        self._size -= len(step.text) + _OPEN_STEP

    def _over(self, step: _Step | None) -> None:
        if step:
            self._taken(step)
            self.ended.append(step)

    def _unsaid(self, session: _Session) -> tuple[bytes, bytes | None, bool] | None:
        said, session.said = session.said, None
        self._size -= len(said[0]) if said else 0
        return said

    def _grow(self, size: int) -> None:
        self._size += size
        while self._size > OPEN_SIZE:
            key = next(iter(self._sessions))
            session = self._sessions[key]
            if session.is_idle or len(self._sessions) == 1:
                self.over(key)
            else:
                session.is_idle = True
                self._sessions[key] = self._sessions.pop(key)  # the last of them now


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

    def __init__(self, stderr: _Format) -> None:
        self._stderr = stderr
        self._format: _Format | None = None
        self._looked_at = 0
        self._arrived: list[bytes] = []
        self._arrived_size = 0
        self._unreported = 0
        self._held = _START
        self._accounted = len(_START)
        self._skipping = "before the first message"
        self._sessions = _Sessions()
        self._origins = {id(known): Memo(known.origin) for known in (stderr, CSV, JSON)}
        self._sampled = 1
        self._rates: dict[bytes, int] = {}
        self._changes: list[tuple[int, bytes, int]] = []
        self._seconds = Memo(_second)
        self._tails = Memo(_tail)
        self._moments = Memo(self._moment)

    def begin_file(self) -> None:
        """Look anew at how the log is written."""
        self._format = None
        self._looked_at = 0

    def count_events(self, data: bytes) -> int:
        """Count the executions of which lines begin in ``data``."""
        known = self._format or self._stderr
        kinds = Counter(
            found[_KIND_GROUP]
            for found in known.header.finditer(_START + data)
            if found[_DURATION_GROUP] and found[_SEVERITY_GROUP] == b"LOG"
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
        order = [*range(len(self._sessions.ended))]
        yield self._batch(_Events([], [], [], [], [], []), order, [], Counter())

    def _enough(self, stretch: int) -> int:
        """Return how much to read: what is held is read again, so no less than that."""
        return max(stretch, len(self._held))

    def _all_arrived(self) -> bytes:
        arrived = b"".join(self._arrived)
        self._arrived.clear()
        self._arrived_size = 0
        return arrived

    def _seen_in(self, text: bytes, end: int) -> _Format | None:
        """Return the format of the first message at the beginning of a file, if there is one.

        Its lines end at ``end``; those that were looked at before are not looked at again.
        """
        places = {
            found.start(): known
            for known in (self._stderr, JSON, CSV)
            for found in known.header.finditer(text, self._looked_at, min(end, LOOKED_AT))
            if found[_SEVERITY_GROUP]
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
        parts = known.header.split(text)
        columns = _Columns(*(parts[n::_COLUMNS] for n in range(1, _COLUMNS + 1)))
        ours, self._accounted = self._accounted, 0 if text else self._accounted
        skipped = Counter({self._skipping: max(0, len(parts[0]) - ours)})
        if is_cut and columns.bodies and columns.severities[-1]:
            columns.bodies[-1] = _cut(columns.bodies[-1])
        if any(columns.befores):
            columns = columns.with_befores()
        plain, others = [], []
        for index, (severity, kind) in enumerate(
            zip(columns.severities, columns.kinds, strict=True)
        ):
            if kind == b"statement" and severity == b"LOG":
                plain.append(index)
            elif severity is None:
                skipped["line of another form"] += columns.size(index)
                if index == 0 and not parts[0]:
                    skipped["line of another form"] -= ours
            elif severity not in _WITHOUT_EVENTS:
                others.append(index)
        if known is self._stderr:
            skipped["line of another form"] += columns.without_foreign_lines()
        whose = self._whose(known, [columns.rests[index] for index in plain])
        order, also = self._heard(known, columns, self._proving(columns, plain, whose, others))
        self._sampled = max(self._sampled, self._sampled_by(columns, plain, others))
        events = _Events(
            known.texts([columns.bodies[index] for index in plain]),
            [self._moments[columns.stamps[index]] for index in plain],
            _micros([columns.durations[index] for index in plain]),
            [0] * len(plain),
            [0] * len(plain),
            whose,
        )
        yield self._batch(events, [*plain, *order], also, skipped)

    def _proving(
        self, columns: _Columns, plain: list[int], whose: list[Origin], others: list[int]
    ) -> list[int]:
        """Return the others and, in order, the plain statements of sessions that have steps."""
        known = self._origins[id(self._format or self._stderr)]
        steps = {
            known[columns.rests[index]].session
            for index in others
            if columns.kinds[index] in _STEPS
        }
        unproven = self._sessions.unproven
        if not steps and not unproven:
            return others
        proving = [
            index
            for index, origin in zip(plain, whose, strict=True)
            if origin.session in steps or origin.session in unproven
        ]
        return sorted([*others, *proving]) if proving else others

    def _sampled_by(self, columns: _Columns, plain: list[int], others: list[int]) -> int:
        """Return the highest rate under which something was timed; go on with the last one."""
        changes, self._changes = self._changes, []
        if not changes and not self._rates:
            return 1
        timed = [index for index in others if columns.durations[index]]
        timed = sorted([*plain, *(index for index in timed if columns.severities[index] == b"LOG")])
        highest, passed = 1, 0
        for at, what, rate in [*changes, (len(columns.bodies), b"", 1)]:
            upto = bisect(timed, at)
            if upto > passed:
                highest, passed = max(highest, self._rate()), upto
            if what:
                self._rates[what] = rate
        return highest

    def _rate(self) -> int:
        return max(self._rates.values(), default=1)

    def _heard(
        self, known: _Format, columns: _Columns, others: list[int]
    ) -> tuple[list[int], list[tuple[int, Occurrence]]]:
        """Take the messages that are no plain statements, one by one.

        Returns for each execution that was over by then at which of them, and what they tell
        of, each with its place.
        """
        order: list[int] = []
        also: list[tuple[int, Occurrence]] = []
        ended = self._sessions.ended
        moments = [self._moments[columns.stamps[index]] for index in others]
        durations = _micros([columns.durations[index] or b"0" for index in others])
        whose = self._whose(known, [columns.rests[index] for index in others])
        with_text = [
            index
            for index in others
            if columns.kinds[index] in _WITH_TEXT and columns.severities[index] not in _FAILED
        ]
        texts = iter(known.texts([columns.bodies[index] for index in with_text]))
        for index, moment, took, origin in zip(others, moments, durations, whose, strict=True):
            what: Also | None = None
            if columns.severities[index] in _FAILED:
                self._sessions.failed(origin.session)
                what = "errors"
                if columns.severities[index] != b"ERROR":
                    self._sessions.over(origin.session)
            elif columns.kinds[index] == b"statement":
                self._sessions.spoke(origin.session)
            elif columns.durations[index]:
                kind = columns.kinds[index]
                text = next(texts) if kind in _WITH_TEXT else _TEXT_NOT_LOGGED
                step = _Step(text, moment, took, origin)
                what = self._timed(kind, columns.names[index], step)
            else:
                step = _Step(columns.bodies[index], moment, 0, origin)
                what = self._told(known, index, step)
            if what:
                also.append((index, Occurrence(what, moment, origin.client, origin.database)))
            if len(ended) > len(order):
                order += repeat(index, len(ended) - len(order))
        return order, also

    def _whose(self, known: _Format, rests: list[bytes]) -> list[Origin]:
        origins = self._origins[id(known)]
        return [origins[rest] for rest in rests]

    def _batch(
        self,
        events: _Events,
        order: list[int],
        also: list[tuple[int, Occurrence]],
        skipped: Counter[str],
    ) -> Batch:
        """Return a batch of plain statements and of the other executions that are over.

        All stand in the ``order`` of the lines that ended them, and so does what else there is.
        """
        if ended := self._sessions.ended:
            self._sessions.ended = []
            places = sorted(range(len(order)), key=order.__getitem__)
            events = events.with_others(ended, places)
        if None in events.ended_at:
            also += [
                (at, Occurrence("times_of_another_zone", None, origin.client, origin.database))
                for at, moment, origin in zip(
                    sorted(order), events.ended_at, events.origins, strict=True
                )
                if moment is None
            ]
            also.sort(key=itemgetter(0))
        bytes_read, self._unreported = self._unreported, 0
        sampled, self._sampled = self._sampled, 1
        batch = Batch(
            statements=events.texts,
            ended_at=events.ended_at,
            query_time=events.took,
            parse_time=events.parse,
            bind_time=events.bind,
            clients=[origin.client for origin in events.origins],
            databases=[origin.database for origin in events.origins],
            bytes_read=bytes_read,
            bytes_skipped=+skipped,
            sampled=sampled,
            also=[occurrence for _, occurrence in also],
        )
        if b"" not in events.texts:
            return batch
        # Drivers send empty statements to see whether the server is there.
        told = list(map(bool, events.texts))
        return replace(batch.select(told), events_excluded={"empty statement": told.count(False)})

    def _timed(self, kind: bytes | None, name: bytes, step: _Step) -> Also | None:
        """Take a line with a duration that is no plain statement; return what it tells of."""
        if kind == b"plan":
            return "plans"
        if kind is None:
            return None if self._sessions.took(step) else "durations_without_text"
        if kind == b"parse":
            self._sessions.parsed(name, step)
        elif kind == b"bind":
            self._sessions.bound(name, step)
        elif kind in _EXECUTE:
            self._sessions.executed(name, step, is_fetch=kind != b"execute")
        else:  # a function that is called without SQL
            step.text = kind + b": " + step.text
            self._sessions.ended.append(step)
        return None

    def _told(self, known: _Format, index: int, step: _Step) -> Also | None:
        """Take the message there, without a duration; return what it tells of, if anything."""
        found = _TELLING.match(step.text)
        if not found:
            return None
        match found.lastgroup:
            case "waits":
                return "lock_waits"
            case "file":
                return "temporary_files"
            case "over":
                self._sessions.over(step.origin.session)
            case "rate":
                self._changes.append((index, found["sampling"], _one_in(found["rate"])))
            case "said":
                (step.text,) = known.texts([step.text[found.end() :]])
                self._sessions.said(step, found["name"], is_fetch=bool(found["fetch"]))
        return None

    def _moment(self, stamp: bytes) -> int | None:
        """Return the point in time of a stamp, ``None`` if nobody can tell."""
        try:
            micros = self._seconds[stamp[:_SECOND]] + self._tails[stamp[_SECOND:]]
        except ValueError:
            return None
        return micros if 0 <= micros < _LATEST else None


def _micros(durations: list[bytes]) -> list[int]:
    """Return microseconds of milliseconds that have three digits behind the point."""
    return list(map(int, b" ".join(durations).replace(b".", b"").split(b" "))) if durations else []


def _one_in(rate: bytes) -> int:
    """Return how many events one stands for, 1 where the rate is none."""
    share = float(rate)
    return round(1 / share) if _LEAST_RATE < share < 1 else 1


def _last_line(text: bytes) -> int:
    """Return where the last line begins with its break, the end if it is too long to matter."""
    at = text.rfind(b"\n")
    return at if at >= 0 and len(text) - at < _HEADER_SIZE else len(text)


def _last_message(text: bytes, known: _Format) -> int:
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
