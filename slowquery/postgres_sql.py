r"""PostgreSQL's SQL to fingerprint: what :mod:`slowquery.fingerprint` promises, another lexis.

One principle here, too: **a statement is read once, left to right, by one grammar of tokens**
(``scan.l`` of PostgreSQL is its source), and whatever is a literal becomes ``?``: strings of
every kind, numbers, and ``$1``, so that a prepared statement and one with its values written
out share a class. Names stay, each run of digits in them ``?``. What comes of a statement
follows pt-query-digest where that has a rule: lower case, single spaces, ``(?+)`` for a list,
``limit ?``, ``/*repeat union*/``; ``docs/fingerprints.md`` lists the rest. No digit tells one
statement from another, those in the tag of a dollar quote aside.

**When a statement is whole.** A PostgreSQL log does not end it with ``;``. It was cut if it
ends inside a token or holds :data:`~slowquery.fingerprint.CUT_MARK`, which a reader writes where
it cuts one itself. A ``;`` at the end says nothing and goes.

For speed there are three ways to the same answer. A statement whose like was seen, all digits
being alike, has its fingerprint. The others of a batch, joined by NUL, have their literals
blanked in one pass; if nothing else is left that takes a closer look (a comment, a dollar
quote, a quote without its like), a dictionary leads from what is left to the fingerprint. The
rest goes through the whole grammar, each by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from slowquery.fingerprint import (
    CUT_MARK,
    LIST_OF_NUMBERS,
    OUTLINE_LIMIT,
    SHAPE_LIMIT,
    Fingerprint,
    Memory,
    places_of,
    statements_at,
    tags_of,
)

_SEPARATOR = b"\0"
_BLANK = b"\1"
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")

# What a name goes on with.
_W: Final = rb"\w$\x80-\xff"
_PLAIN: Final = rb"[^'\0]*+(?:''[^'\0]*+)*+'"
_ESCAPED: Final = rb"[^'\\\0]*+(?:(?:''|\\[^\0])[^'\\\0]*+)*+'"
# A string goes on behind a line break, with the escapes that it began with, and comments may
# stand in between (`quotecontinue` in scan.l).
_COMMENT: Final = rb"--[^\n\r\0]*+"
_GOES_ON: Final = (
    rb"(?:(?:[ \t\f\v]|%b)*+[\n\r](?:[ \t\n\r\f\v]++|%b[\n\r])*+'" % (_COMMENT, _COMMENT)
    + _ESCAPED
    + rb")*+"
)
_IS_NUMBER: Final = rb"(?:[xX][%b.]*+|[0-9_.]*+(?:[eE][+\-]?+[0-9])?+[%b.]*+)" % (_W, _W)

_LITERAL: Final = rb"""(?:
      (?<=')(?:
          (?<=[eE]')(?<![%(w)b][eE]') %(escaped)b %(goes_on)b
        | (?:(?<![eE]')|(?<=[%(w)b][eE]')) %(plain)b )
    | (?<=[0-9])(?<![%(w)b][0-9]) %(number)b
    | (?<=\$)(?<![%(w)b]\$) [0-9][%(w)b.]*+
    | (?<=\.)(?<![%(w)b"\])?.]\.) [0-9] %(number)b
)""" % {
    b"w": _W,
    b"escaped": _ESCAPED,
    b"goes_on": _GOES_ON,
    b"plain": _PLAIN,
    b"number": _IS_NUMBER,
}
"""What follows the first character of a literal, one that the cheap pattern understands too."""

_BLANKED = re.compile(rb"['0-9$.]" + _LITERAL, re.VERBOSE)
_DOLLAR_TAG: Final = rb"(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*+)?+\$"
_TOKEN = re.compile(
    rb"""['"0-9$./\-] (?:
        (?P<literal> %(literal)b
            | (?<=\$)(?<![%(w)b]\$) (?P<tag>%(tag)b) .*? \$(?P=tag) )
      | (?P<name> (?<=") [^"]*+ " )
      | (?P<line> (?<=-) - [^\n\r]*+ )
      | (?P<comment> (?<=/) \* )
      | (?P<open> (?<=['"]) .* | (?<=\$)(?<![%(w)b]\$) %(tag)b .* )
    )"""
    % {b"literal": _LITERAL, b"w": _W, b"tag": _DOLLAR_TAG},
    re.VERBOSE | re.DOTALL,
)
# Right behind a dollar quote: there its last sign is no part of a name.
_DOLLAR = re.compile(
    rb"\$(?:(?P<literal>(?P<tag>%(tag)b).*?\$(?P=tag))|(?P<open>%(tag)b.*))"
    % {b"tag": _DOLLAR_TAG},
    re.DOTALL,
)
# What the cheap pattern leaves standing and does not understand.
_STRANGE = re.compile(
    rb"['\-/$](?:(?<=')|(?<=-)-|(?<=/)\*|(?<=\$)(?<![%b]\$)%b)" % (_W, _DOLLAR_TAG)
)
_QUOTED = re.compile(rb"\"[^\"'\0]*+(?:\"|(['\0]))")
_COMMENT_EDGE = re.compile(rb"/\*|\*/")
_REPEAT = re.compile(rb"/\*repeat union(?: all)?\*/")
# Where it matters which digit it is.
_TELLING_DIGIT = re.compile(rb"\$[A-Za-z_\x80-\xff]++0")
# With ``standard_conforming_strings`` off, a string would go on behind such a quote.
_DOUBT = re.compile(rb"\\'(?=[A-Za-z_\x80-\xff])")
_DOUBTFUL_STRING = re.compile(rb"(?<!\\)(?:\\\\)*+\\'")
_WORD = re.compile(rb"[A-Za-z_\x80-\xff]")
_ESCAPES = re.compile(rb"(?<![%b])[eE]\Z" % _W)

_CONTROLS: Final = bytes(byte for byte in (*range(1, 32), 127) if byte != _BLANK[0])
_FLAT: Final = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_PREFIXED = re.compile(rb"(?:(?<![%b])(?:[ebxn]|u&))?+\x01" % _W)
_DIGITS_OF_NAME = re.compile(rb"0[0$]*+")
_SPACES = re.compile(rb"  ++")
_NAME = re.compile(rb"\"[^\"]*+\"")
# Within a quoted name nothing is a word or a sign to the patterns below: letters are upper
# case there for as long as everything else is lower case.
_SIGNS: Final = b" (),?[]\"+-;:'*/"
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"
_HIDDEN = bytes.maketrans(_SIGNS + _LETTERS, bytes(range(2, 2 + len(_SIGNS))) + _LETTERS.upper())
_SHOWN = bytes.maketrans(bytes(range(2, 2 + len(_SIGNS))) + _LETTERS.upper(), _SIGNS + _LETTERS)

_CONSTANT = re.compile(rb"(?<![?%b])(?:null|true|false)(?![?%b])" % (_W, _W))
_ASCENDING = re.compile(rb"(?: asc(?=[ ,)]|\Z))++")
_SIGN = re.compile(
    # One sign behind another is tried where their run begins, and nowhere else.
    rb"((?:\A|[(,=<>\[*/;:]|(?<![+-])(?<![+-] )[+-]|[%^|&~] "
    rb"|\b(?:select|distinct|and|or|not|between|then|else|when|where|on|by|limit|offset|return"
    rb"|returning|from|for|to|values|using|like|is|in) ) ?)(?:[+-] ?)++(?=\?)"
)
_ARRAY = re.compile(rb"\barray ?\[ ?(?:[ ?,]*+|(?:\[[ ?,]*+\](?: ?, ?)?+)++ ?)\]")
_ANY = re.compile(rb"\b(any|some|all) ?\( ?(?:array\[\?\+\]|\?)(?=[ ):])")
_TYPE: Final = (
    rb"[a-zA-Z_\x02-\x1f\x80-\xff][%b.?\x02-\x1f]*+"
    rb"(?: (?:precision|varying|with(?:out)? time zone))*+(?: ?\(\?(?: ?, ?\?)*+\))?+(?:\[\??\])*+"
    % _W
)
_ELEMENT: Final = rb"(?:\?(?: ?:: ?%b)*+|default\b)" % _TYPE
_LIST = re.compile(rb"\b(in|values) ?\( ?%b(?: ?, ?%b)*+ ?\)" % (_ELEMENT, _ELEMENT))
# Literals of a list behind its first, rows behind the first one. A quoted name is passed over.
_WS: Final = rb"[\x00\x02-\x20\x7f]*+"
_FLAT_ROW: Final = rb"\((?:[^()\"]++|\([^()\"]*+\))*+\)"
_LISTS = re.compile(
    rb"(\"[^\"]*+\")"
    rb"|((?i:\bin%(ws)b\(|\barray%(ws)b\[)%(ws)b\x01)(?:%(ws)b,%(ws)b\x01)++(?=%(ws)b[)\]])"
    rb"|((?i:\bvalues)%(ws)b%(row)b)(?:%(ws)b,%(ws)b%(row)b)++" % {b"ws": _WS, b"row": _FLAT_ROW}
)
_INSERT = re.compile(
    rb"%(ws)binsert%(ws)binto\b[^']*?\bvalues%(ws)b(?=\()" % {b"ws": _WS}, re.IGNORECASE
)
# What may stand in a row outside of its parentheses within, and is sure to be no more than that.
_STRING: Final = rb"'[^']*+(?<!\\)'"
_IN_ROW: Final = rb"%b(?:,%b)*+|[^'()\"$\\\0\1/\-]++|-(?!-)|/(?!\*)" % (_STRING, _STRING)
_ROW: Final = rb"\((?:%b|\((?:%b)*+\))*+\)" % (_IN_ROW, _IN_ROW)
_FIRST_ROW = re.compile(_ROW)
_LATER_ROWS: Final = rb"(?:%(ws)b,%(ws)b%%b)++" % {b"ws": _WS}
_ROWS = re.compile(_LATER_ROWS % _ROW)
_MANY_ROWS: Final = 32 * 1024  # bytes for which a pattern of their own is worth its making
_DIGITS = re.compile(rb"[0-9](?:[0-9]|\\\.)*+")
_STRANGE_SIGNS: Final = b'"$\0\1'
_ROW_EDGE = re.compile(rb"\bvalues ?\(|\bin ?\( ?\(|[()]")
_NEXT_ROW = re.compile(rb" ?, ?\(")
_LIMIT = re.compile(rb"(?<!\boffset \? )(?:\boffset \? )*+\blimit \?(?: offset \?)*+")
_UNION_EDGE = re.compile(rb"[();]| union(?: all)? (?=select )|\bselect ")
_BEHIND_UNIONS = re.compile(
    rb"(?: /\*repeat union(?: all)?\*/)?+(?:\Z|(?= (?:order by|limit|offset|fetch|for) ))"
)
_UNION_PASSES: Final = 16  # unions within unions: a hostile statement could ask for thousands
_MARKS: Final = (b" /*repeat union*/", b" /*repeat union all*/")


class PostgresFingerprinter:
    """Turns PostgreSQL's statements into fingerprints, and remembers those it has seen."""

    def __init__(self) -> None:
        self._shapes = Memory()
        self._outlines = Memory()

    def __reduce__(self) -> tuple[type[PostgresFingerprinter], tuple[()]]:
        """Let a copy for another process begin with nothing learnt."""
        return PostgresFingerprinter, ()

    def fingerprints(self, statements: Sequence[bytes]) -> list[Fingerprint]:
        """Return the fingerprint of each statement."""
        statements = [
            statement if len(statement) <= SHAPE_LIMIT else _abridged(statement)
            for statement in statements
        ]
        shapes = [
            statement.translate(_ANY_DIGIT) if len(statement) <= SHAPE_LIMIT else statement
            for statement in statements
        ]
        known = self._shapes.find(shapes)
        unknown = [index for index, fingerprint in enumerate(known) if fingerprint is None]
        first: dict[bytes, bytes] = {}
        for index in unknown:
            if _TELLING_DIGIT.search(shapes[index]):
                shapes[index] = statements[index]
            first.setdefault(shapes[index], statements[index])
        new = self._by_outline(list(first.values())) if first else []
        found = dict(zip(first, new, strict=True))
        for index in unknown:
            known[index] = found[shapes[index]]
        for shape, fingerprint in found.items():
            if len(shape) <= SHAPE_LIMIT and not _TELLING_DIGIT.search(shape):
                self._shapes.remember(shape, fingerprint)
        return [fingerprint for fingerprint in known if fingerprint is not None]

    def fingerprint(self, statement: bytes) -> Fingerprint:
        """Return the fingerprint of one statement."""
        outline, truncated = _outline(statement)
        # The cheap pattern may find the same outline in a statement that it does not
        # understand: those of the grammar are remembered behind a NUL.
        key = _SEPARATOR + (b"cut" if truncated else b"whole") + _SEPARATOR
        return self._of_outline(outline, key, truncated=truncated)

    def tags(self, statement: bytes, keys: frozenset[str]) -> list[tuple[str, str]]:
        """Return the tags of a statement whose keys are wanted, as they come.

        As :meth:`slowquery.fingerprint.Fingerprinter.tags` does. A statement that ends inside a
        token has none: a comment may be a part of a literal.
        """
        found: list[tuple[str, str]] = []
        for kind, start, end in _tokens(statement):
            if kind == "open":
                return []
            if kind == "comment":
                found += tags_of(statement[start + 2 : end - 2], keys)
        return found

    def _by_outline(self, statements: Sequence[bytes]) -> list[Fingerprint]:
        joined = _SEPARATOR.join(statements)
        aside = _aside(statements, joined)
        if aside:
            joined = _SEPARATOR.join(
                b"" if index in aside else statement for index, statement in enumerate(statements)
            )
        outlines = _BLANKED.sub(_BLANK, joined.translate(_ANY_DIGIT)).split(_SEPARATOR)
        return [
            self._learnt(statements[index], outlines[index], aside=index in aside)
            if fingerprint is None or index in aside
            else fingerprint
            for index, fingerprint in enumerate(self._outlines.find(outlines))
        ]

    def _learnt(self, statement: bytes, outline: bytes, *, aside: bool) -> Fingerprint:
        if aside or _STRANGE.search(outline):
            return self.fingerprint(statement)
        return self._of_outline(outline, b"", truncated=False)

    def _of_outline(self, outline: bytes, key: bytes, *, truncated: bool) -> Fingerprint:
        """Return the fingerprint of an outline, which is remembered behind ``key``."""
        # They stand for all, and outlines that differ in their number are normalised once.
        outline = _LISTS.sub(rb"\1\2\3", outline)
        (known,) = self._outlines.find([key + outline])
        if known is None:
            # What is no UTF-8 becomes U+FFFD first: selects may be alike then.
            known = Fingerprint(
                _normalise(outline.decode(errors="replace").encode()).decode(errors="replace"),
                truncated=truncated,
            )
            if len(outline) <= OUTLINE_LIMIT:
                self._outlines.remember(key + outline, known)
        return known


def _abridged(statement: bytes) -> bytes:
    """Leave out of a long statement what is sure not to matter, that it may be remembered."""
    first_row = _first_row(statement)
    if len(first_row) <= SHAPE_LIMIT or b'"' in first_row:
        return first_row
    return LIST_OF_NUMBERS.sub(b"(0)", first_row)


def _first_row(statement: bytes) -> bytes:
    """Drop the later rows of an ``insert``, if they are sure to be just rows.

    Outside of its strings nothing then begins a name, a comment or another kind of string.
    """
    insert = _INSERT.match(statement)
    if not insert or CUT_MARK in statement or _is_strange(_NAME.sub(b"", insert[0])):
        return statement
    first = _FIRST_ROW.match(statement, insert.end())
    if not first:
        return statement
    are_many = len(statement) > _MANY_ROWS and len(first[0]) < SHAPE_LIMIT
    rows = _rows_like(first[0]) if are_many else _ROWS
    later = rows.match(statement, first.end())
    return statement[: first.end()] + statement[later.end() :] if later else statement


def _rows_like(row: bytes) -> re.Pattern[bytes]:
    """Return :data:`_ROWS` with the form of this row tried first, which costs a third of it."""
    between_strings = [
        _DIGITS.sub(rb"[0-9.]++", re.escape(piece)) for piece in row.split(b"'")[::2]
    ]
    return re.compile(_LATER_ROWS % (rb"(?:%b|%b)" % (_STRING.join(between_strings), _ROW)))


def _is_strange(text: bytes) -> bool:
    return len(text.translate(None, _STRANGE_SIGNS)) < len(text) or b"--" in text or b"/*" in text


def _aside(statements: Sequence[bytes], joined: bytes) -> set[int]:
    """Return the statements in which the cheap pattern could take one thing for another.

    Those are the ones with a quote in a quoted name, one behind a backslash in a string, a byte
    that has a meaning of our own, or the mark of a cut; nearly always there are none, and scans
    of all of them tell.
    """
    if joined.count(_SEPARATOR) >= len(statements):
        # A NUL of the log's own stands among the separators: each is looked at by itself.
        return {
            index
            for index, statement in enumerate(statements)
            if _SEPARATOR in statement or _aside([statement], statement)
        }
    found = []
    if b'"' in joined:
        found += [match.start() for match in _QUOTED.finditer(joined + _SEPARATOR) if match[1]]
    if b"\\'" in joined:
        found += [match.start() for match in _DOUBT.finditer(joined)]
    return statements_at([*found, *places_of((_BLANK, CUT_MARK), joined)], joined)


def _tokens(statement: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the tokens that are no plain text: their kind and where they begin and end.

    Kinds are ``literal``, ``name`` (a quoted one), ``comment``, ``line`` (a comment to the end of
    its line), ``repeat`` (a comment of ours) and ``open``, a token that is not closed.
    """
    at = 0
    while match := _next_token(statement, at):
        kind, start, at = match.lastgroup or "", match.start(), match.end()
        if kind == "comment":
            if repeat := _REPEAT.match(statement, start):
                kind, at = "repeat", repeat.end()
            else:
                at = _comment_end(statement, at)
                kind = "comment" if at else "open"
                at = at or len(statement)
        yield kind, start, at


def _next_token(statement: bytes, at: int) -> re.Match[bytes] | None:
    """Return the next token from ``at`` on, where the one before has ended."""
    if at and statement.startswith(b"$", at - 1) and (found := _DOLLAR.match(statement, at)):
        return found
    return _TOKEN.search(statement, at)


def _comment_end(statement: bytes, start: int) -> int:
    """Return where a comment ends that began before ``start``, 0 if it does not: they nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(statement, start):
        depth += 1 if edge[0] == b"/*" else -1
        if not depth:
            return edge.end()
    return 0


def _outline(statement: bytes) -> tuple[bytes, bool]:
    """Blank literals and drop comments by the grammar; say whether the statement was cut."""
    statement, cut, _ = statement.partition(CUT_MARK)
    statement = statement.replace(_SEPARATOR, b" ").replace(_BLANK, b" ")
    outline, is_open = _blanked(statement)
    if is_open or _DOUBT.search(statement):
        doubtful = _doubtful(statement, if_read_askew=not is_open)
        if doubtful is not None:
            return _blanked(statement[:doubtful])[0] + _BLANK, True
    return outline, is_open or bool(cut)


def _blanked(statement: bytes) -> tuple[bytes, bool]:
    """Return the outline of a bare statement, and whether it ends inside a token."""
    pieces = []
    kind = ""
    passed = 0
    for kind, start, end in _tokens(statement):
        pieces += [statement[passed:start], _written(kind, statement[start:end])]
        passed = end
    outline = b"".join([*pieces, statement[passed:]]).translate(_ANY_DIGIT)
    return outline, kind == "open"


def _written(kind: str, token: bytes) -> bytes:
    """Return what stands for a token in an outline."""
    if kind == "literal" or (kind == "open" and not token.startswith(b"/")):
        return _BLANK
    if kind == "name":
        return _BLANKED.sub(_BLANK, token.translate(_ANY_DIGIT))
    return token if kind == "repeat" else b" "


def _doubtful(statement: bytes, *, if_read_askew: bool) -> int | None:
    """Return where the first string begins that may end elsewhere.

    It would with ``standard_conforming_strings`` off. With ``if_read_askew`` only if a word
    follows a string at once, from there on: then what is between two strings is taken for one.
    """
    first = None
    for kind, start, end in _tokens(statement):
        if kind == "literal" and statement[start : start + 1] == b"'":
            escapes = _ESCAPES.search(statement, max(start - 2, 0), start)
            if first is None and not escapes and _DOUBTFUL_STRING.search(statement, start, end):
                first = start
            if first is not None and (not if_read_askew or _WORD.match(statement, end)):
                return first
    return None


def _normalise(outline: bytes) -> bytes:
    """Bring an outline, in which all digits are noughts, into pt-query-digest's form."""
    text = _PREFIXED.sub(b"?", outline.translate(_FLAT).lower())
    text = _SPACES.sub(b" ", _DIGITS_OF_NAME.sub(b"?", text)).strip(b" ;")
    text = _NAME.sub(_hidden, text)
    text = _ASCENDING.sub(b"", _CONSTANT.sub(b"?", text))
    text = _SIGN.sub(rb"\1", text)
    text = _ANY.sub(rb"\1(?", _ARRAY.sub(b"array[?+]", text))
    text = _LIST.sub(rb"\1(?+)", _first_rows(text))
    text = _LIMIT.sub(b"limit ?", text)
    for _ in range(_UNION_PASSES):
        collapsed = _collapse_unions(text)
        if collapsed == text:
            break
        text = collapsed
    return text.translate(_SHOWN).strip(b" ;")


def _hidden(name: re.Match[bytes]) -> bytes:
    return name[0].translate(_HIDDEN)


def _first_rows(text: bytes) -> bytes:
    """Leave the first row of each list of rows: it stands for all."""
    kept = []
    copied = 0
    is_row: list[bool] = []
    next_row = -1
    dropped: tuple[int, int] | None = None  # from where, and how deep that lies
    for edge in _ROW_EDGE.finditer(text):
        if edge[0] != b")":
            is_row += [False] * (edge[0].count(b"(") - 1)
            is_row.append(edge[0] != b"(" or edge.end() == next_row)
        elif is_row and is_row.pop():
            if follows := _NEXT_ROW.match(text, edge.end()):
                next_row = follows.end()
                dropped = dropped or (edge.end(), len(is_row))
            elif dropped and dropped[1] == len(is_row):
                kept.append(text[copied : dropped[0]])
                copied, dropped = edge.end(), None
    kept.append(text[copied : dropped[0] if dropped else len(text)])
    return b"".join(kept)


class _Level:
    """What is known of the selects within one pair of parentheses: the last, and the one before.

    ``start`` is where the last begins, ``before`` where the one before begins and ends, and
    ``union`` where the ``union`` between them begins and ends.
    """

    __slots__ = ("before", "start", "union")

    def __init__(self, start: int) -> None:
        self.start = start
        self.before: tuple[int, int] | None = None
        self.union = (0, 0)


def _collapse_unions(text: bytes) -> bytes:
    """Write ``select … union select …`` with equal selects as one, ``/*repeat union*/``."""
    if b" union " not in text:
        return text
    parts: list[bytes] = []
    copied = 0
    for start, end, mark in sorted(_repeats(text)):
        if parts and start == copied:
            parts[-1] = mark
            copied = end
        elif start >= copied:
            parts += [text[copied:start], mark]
            copied = end
    return b"".join([*parts, text[copied:]])


def _repeats(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield where a select repeats the one before it, and the mark to write instead."""
    levels = [_Level(0)]
    for edge in _UNION_EDGE.finditer(text):
        level = levels[-1]
        if edge[0] == b"(":
            levels.append(_Level(edge.end()))
        elif edge[0] == b"select ":
            level.start = edge.start()
        elif edge[0] in {b")", b";"}:
            yield from _last_repeat(text, level, edge.start())
            if edge[0] == b")":
                levels.pop()
            if edge[0] == b";" or not levels:
                levels[-1:] = [_Level(edge.end())]
        else:
            this = level.start, _unmarked(text, level.start, edge.start())
            if level.before and _same(text, level.before, this):
                yield level.before[1], edge.start(), _marked(text, level.union)
            level.before, level.union = this, edge.span()
    for level in levels:
        yield from _last_repeat(text, level, len(text))


def _last_repeat(text: bytes, level: _Level, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield what to write for the last select of a level, if it is like the one before."""
    if level.before:
        size = level.before[1] - level.before[0]
        this = level.start, level.start + size
        if (
            this[1] <= end
            and _BEHIND_UNIONS.match(text, this[1], end)
            and _same(text, level.before, this)
        ):
            yield level.before[1], this[1], _marked(text, level.union)


def _same(text: bytes, one: tuple[int, int], other: tuple[int, int]) -> bool:
    # Their sizes first: to compare the parts of a hostile statement would be quadratic.
    return one[1] - one[0] == other[1] - other[0] and (
        text[one[0] : one[1]] == text[other[0] : other[1]]
    )


def _marked(text: bytes, union: tuple[int, int]) -> bytes:
    return b" /*repeat " + text[union[0] : union[1]].strip() + b"*/"


def _unmarked(text: bytes, start: int, end: int) -> int:
    """Return where a select ends, our own mark behind it left out."""
    for mark in _MARKS:
        if text.endswith(mark, start, end):
            return end - len(mark)
    return end
