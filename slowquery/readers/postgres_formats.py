"""How PostgreSQL writes a message: the text of a stderr log, records of a csvlog and a jsonlog.

A :class:`Format` finds where messages begin and splits off what stands in front of them; what
they say is the same in all three.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from slowquery.fingerprint import CUT_MARK, STATEMENT_LIMIT
from slowquery.model import Client
from slowquery.readers.memo import LIMIT

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

_SEVERITY: Final = (
    rb"(LOG|DETAIL|ERROR|STATEMENT|HINT|CONTEXT|WARNING|FATAL|PANIC|NOTICE|INFO|LOCATION|QUERY"
    rb"|BACKTRACE|DEBUG[1-5]?)"
)
_ZONE: Final = rb"(?:\.\d{3})?\ (?:[A-Za-z]{1,6}+|[+-]\d\d(?:\d\d)?)"
_STAMP: Final = rb"\d{4}-[\d-]{5}\ [\d:]{8}" + _ZONE
_EPOCH_STAMP: Final = rb"\d{1,12}+\.\d{3}"
_MESSAGE: Final = (
    rb"(?:duration:\ (\d{1,15}+\.\d{3})\ ms(?:\ \ "
    rb"(statement|(?:execute\ fetch\ from|execute|bind|parse)(?=\ )|plan|fastpath\ function\ call)"
    rb"(?::\ ?|\ ([^\n]{1,300}?):\ ))?+)?+"
)
COLUMNS: Final = 8
SEVERITY_GROUP: Final = 4
DURATION_GROUP: Final = 5
KIND_GROUP: Final = 6
SAID: Final = re.compile(rb"(?:[0-9A-Z]{5}:\ )?" + _MESSAGE)
"""What a message of a stderr log says behind its severity: duration, kind, name."""

_LINE_BREAK: Final = b"\n"[0]  # as a number it is looked for at a fraction of the cost


class Origin(NamedTuple):
    """Who wrote a message, as its prefix says: ``session`` tells sessions apart."""

    client: Client
    database: str
    session: bytes


class Plain(NamedTuple):
    """How each message of a stretch of a stderr log begins, if all have the same prefix.

    ``message`` splits the stretch fast at each line without a TAB, into what may be groups of:
    time, the rest up to the colon of the severity, duration, what follows its unit up to a
    colon. ``beginning`` tells whether that rest is one; its groups are zone, what tells of the
    origin, severity.
    """

    message: re.Pattern[bytes]
    beginning: re.Pattern[bytes]

    def begins(self, text: bytes) -> bool:
        """Tell whether the first message of a stretch begins so."""
        found = self.message.match(text)
        return found is not None and found[1] is not None


class Format(NamedTuple):
    """How a log is written: where messages begin, and what a body's text is.

    ``header`` has the groups: what stands before the time, the time, the rest that tells the
    origin, severity, duration, its kind, the name of a prepared statement and portal.
    ``line`` tells quickly where none begins. ``plain`` says how messages of a usual form begin.
    """

    header: re.Pattern[bytes]
    line: re.Pattern[bytes]
    origin: Callable[[bytes], Origin]
    text: Callable[[bytes], bytes]
    plain: Sequence[Plain] = ()


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
_STAMP_SIZES: Final = {"%t": 19, "%m": 23}
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


def stderr(prefixes: Sequence[str]) -> Format:
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
    return Format(header, line, origin, _stderr_text, tuple(_plain(prefixes)))


def _plain(prefixes: Sequence[str]) -> Iterator[Plain]:
    """Yield how messages begin that have one of these prefixes, all of which begin with a time.

    A prefix that another one goes on from is left out: it may end within a name of that.
    """
    forms = {form for one in prefixes for form in (one.replace("%q", ""), one.partition("%q")[0])}
    if any(form[:2] not in _STAMP_SIZES for form in forms):
        return
    for form in sorted(forms):
        if any(other.startswith(form) for other in forms - {form}):
            continue
        _, *pieces = _pieces(form)
        message = (
            rb"\n(?!\t)(?:((?s:.{%d}))(\ " % _STAMP_SIZES[form[:2]]
            + _up_to_next(pieces[0][0])
            + _fast_pattern(pieces)
            + rb"\w{1,10}+):\ \ (?:duration:\ (\d{1,15}+\.\d{3})\ ms\ \ ([^:\n]{1,300}+):\ )?+)?+"
        )
        beginning = b"(" + _ZONE + b")(" + _quick_pattern(pieces) + b")" + _SEVERITY
        yield Plain(re.compile(message), re.compile(beginning))


def _fast_pattern(pieces: Sequence[tuple[str, str]]) -> bytes:
    """Return a pattern that runs through a prefix, and may run on into the next line.

    Looking for one byte at a time it takes half the time of :func:`_quick_pattern`.
    """
    pattern = b""
    for index, (literal, escape) in enumerate(pieces):
        pattern += re.escape(literal.encode())
        if escape:
            pattern += _QUICK.get(escape) or _up_to_next(pieces[index + 1][0])
    return pattern


def _up_to_next(literal: str) -> bytes:
    return rb"[^%b]{0,300}+" % (re.escape(literal[:1].encode()) or rb"\n")


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
    return Origin(_client(user, host), _name(database), session)


# Sessions share these: what is the same object is told to be equal at once.
@lru_cache(LIMIT)
def _client(user: bytes, host: bytes) -> Client:
    return Client(_name(user), _name(host))


@lru_cache(LIMIT)
def _name(raw: bytes) -> str:
    text = raw.strip().decode(errors="replace")
    return "" if text == "[unknown]" else text


def _stderr_text(body: bytes) -> bytes:
    """Return the text of a body: without the TABs that the server put in front of lines."""
    if len(body) > STATEMENT_LIMIT:
        body = cut(body[:STATEMENT_LIMIT])
    return body.replace(b"\n\t", b"\n").strip() if _LINE_BREAK in body else body.strip()


def cut(text: bytes) -> bytes:
    """Mark a text as one that was cut."""
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


def _csv_text(body: bytes) -> bytes:
    """Return the text of a body, which begins in a field, up to where that ends."""
    return _quoted(_CSV_TEXT, body).replace(b'""', b'"').strip()


def _quoted(pattern: re.Pattern[bytes], body: bytes) -> bytes:
    """Return what stands before a closing quote; without one, or too far behind, it is cut."""
    found = pattern.match(body, 0, STATEMENT_LIMIT)
    if found is None:
        return b""
    is_whole = body[found.end() : found.end() + 1] == b'"' and found.end() < STATEMENT_LIMIT - 1
    return found[0] if is_whole else cut(found[0].rstrip(b"\r\n"))


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


def _json_text(body: bytes) -> bytes:
    """Return the text of a body, which begins in a string, up to where that ends."""
    return _json_value(_quoted(_JSON_TEXT, body)).strip()


def _json_value(text: bytes) -> bytes:
    return _JSON_ESCAPE.sub(_json_character, text) if b"\\" in text else text


def _json_character(escape: re.Match[bytes]) -> bytes:
    if escape[1]:
        return chr(int(escape[1], 16)).encode(errors="replace")
    return _JSON_CHARACTERS.get(escape[2], escape[2])


CSV: Final = Format(_CSV_HEADER, re.compile(rb"\n(?=" + _STAMP + rb",)"), _csv_origin, _csv_text)
STDERR: Final = stderr(KNOWN_PREFIXES)
JSON: Final = Format(_JSON_HEADER, re.compile(rb'\n(?=\{"timestamp":")'), _json_origin, _json_text)
