r"""SQL to fingerprint: a statement with its literals taken out, equal for equal shapes.

One principle: **a statement is read once, left to right, by one grammar of tokens**, and
whatever is a literal, wholly or in part, becomes ``?``. Strings, names, comments and
numbers are told apart by that grammar alone, so nothing inside a literal can look like
SQL and nothing outside one can be mistaken for it. Everything else follows the rules of
pt-query-digest (``QueryRewriter::fingerprint``), oddities included, because the MD5 of
the fingerprint is the id under which people know a query: a digit in a name is ``?``, a
sign is ``?``, one ``x``, ``b`` or ``.`` before a ``?`` goes, ``IN`` and ``VALUES`` lists
are ``(?+)``, a repeated ``UNION`` is one, a procedure call keeps its name alone. Where
that tool lets a part of a literal stay, or lets a literal's content change the shape,
``docs/fingerprints.md`` lists what is done here instead.

For speed there are two other ways to the same answer. A statement whose like was seen, all
digits being alike, has its fingerprint: which digit it is matters next to nowhere. The
other statements of a batch, joined by NUL, go through one cheaper pattern that blanks
strings and numbers. What is left of a statement, its *outline*, says whether the statement
holds anything the cheap pattern does not understand (a comment, a quote in a quoted name).
If it does not, the fingerprint depends on the outline alone and a dictionary knows it; if it
does, the statement goes through the grammar. No token crosses the NUL.

The fingerprint of a fingerprint is itself: whatever a step below writes, no step before it
would read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import md5
from typing import Final

from slowquery.model import SqlMode

STATEMENT_LIMIT: Final = 1024 * 1024
"""Bytes of a statement that are kept; the rest is read, and the event marked truncated."""

CUT_MARK: Final = b"[Your log message was truncated]"
"""What DownloadDBLogFilePortion writes in place of the rest of a line it cuts."""

OUTLINE_LIMIT: Final = 4096
"""Bytes of an outline that is worth remembering: longer ones rarely come again."""

SHAPE_LIMIT: Final = 1024
"""Bytes of a statement that is remembered by its shape: longer ones rarely come again."""

REMEMBERED_BYTES: Final = 8 * 1024 * 1024
"""Outlines are remembered up to this size in all, then forgotten and learnt anew."""

REMEMBERED_ENTRY: Final = 400
"""What one remembered outline costs beyond its own text, bytes, rounded up."""


class Fingerprint:
    """A fingerprint and whether the statement it came from was cut.

    Two of them are the same object or they are not: compare ``text``.
    """

    __slots__ = ("query_id", "text", "truncated")

    def __init__(self, text: str, *, truncated: bool = False) -> None:
        self.text: Final = text
        self.truncated: Final = truncated
        # As pt-query-digest derives it: the MD5 of the text in upper-case hex.
        self.query_id: Final = md5(text.encode(), usedforsecurity=False).hexdigest().upper()


LIST_OF_NUMBERS: Final = re.compile(
    rb"\((?:(?<=\b[iI][nN]\()|(?<=\b[iI][nN] \())[0-9]++(?:, ?[0-9]++)++\)"
)
"""A list that is ``in(?+)`` however long it is, even if it stands in a string."""

_SEPARATOR = b"\0"
_BLANK = b"\1"
_ANY_DIGIT = bytes.maketrans(b"123456789", b"000000000")
# Where it matters which digit it is: 0x, a dollar quote, a version of MySQL, a call.
_TELLING_DIGIT = re.compile(rb"0[xX]|\$|/\*!|(?i:call)(?!\s++[A-Za-z_]++\()[\s/#-]")

_TRUE_OR_FALSE: Final = rb"(?:(?i:true|false)\b)"


def _number(minus: bytes) -> bytes:
    """Return a pattern for what follows the first digit or sign of a number.

    pt-query-digest's number: it goes on while there are such characters, names included.
    """
    run = _TRUE_OR_FALSE + rb"?+[0-9a-f.xb]*+"
    return rb"(?:(?<=[+\-])%b)?+[0-9a-f.xb]*+(?:(?:\+|%b)%b)*+" % (_TRUE_OR_FALSE, minus, run)


def _string(quote: bytes, *, escapes: bool, stop: bytes = b"") -> bytes:
    """Return a pattern for what follows an opening quote, up to before the closing one."""
    plain = b"[^" + quote + (rb"\\" if escapes else b"") + stop + b"]*+"
    pair = quote + quote
    if escapes:
        pair += rb"|\\[^" + stop + b"]" if stop else rb"|\\."
    return plain + b"(?:(?:" + pair + b")" + plain + b")*+"


class _Grammar:
    """The compiled patterns of one SQL mode.

    Each begins with one set of characters, which lets the engine skip what begins no
    token at the speed of a scan; the token is then told apart by looking back at it.
    Repeats are possessive throughout: a hostile statement cannot make them go back.
    """

    def __init__(self, mode: SqlMode) -> None:
        self.escapes = escapes = not mode.no_backslash_escapes
        single = _string(b"'", escapes=escapes)
        double = _string(b'"', escapes=escapes and not mode.ansi_quotes) + b'"'
        double_name, double_string = (double, b"(?!)") if mode.ansi_quotes else (b"(?!)", double)
        # Upper-case digits are no part of pt-query-digest's number.
        hexadecimal = rb"(?:X|x[0-9a-f]*+[A-F])\w*+"
        exponent = rb"(?:\.[0-9]*+)?+E(?:[+\-]?+[0-9]\w*+|[+\-]?+\Z)"
        self.token = re.compile(
            rb"""['"`0-9+\-/\#$] (?:
              (?P<name> (?<=`) [^`]*+ ` | (?<=") """
            + double_name
            + rb""" )
            | (?P<kept> (?<=/) \* (?:
                  ! (?:[0-9]++(?![\w.]))?+ [^'"`0-9+\-/\#$*]*+ (?:\*/)?+
                | repeat\ union(?:\ all)?\*/ ) )
            | (?P<comment> (?<=/) \*.*?\*/ | (?<=\#) [^\n]*+ | (?<=-)-(?=[\x00-\x20]|\Z) [^\n]*+ )
            | (?P<literal>
                  (?<=') """
            + single
            + rb"""' | (?<=") """
            + double_string
            + rb"""
                | (?<=[0-9+\-]) (?: (?<=0)(?<![\w$]0) """
            + hexadecimal
            + rb""" | (?<=[0-9])(?<![\w$][0-9]) [0-9]*+ """
            + exponent
            + rb""" )?+
                  (?: (?<![\w$]) 0 """
            + hexadecimal
            + rb""" | (?<![\w$]) [0-9]++ """
            + exponent
            + rb"""
                    | (?<=[+\-])"""
            + _TRUE_OR_FALSE
            + rb"""
                    | [0-9a-f.xb+]
                    | -(?!-(?:[\x00-\x20]|\Z)) )*+
                | (?<=\$)(?<![\w$?\x80-\xff]\$) (?P<tag>\w*+)\$ .*? \$(?P=tag)\$
              )
            | (?P<open> (?<=['"`]) .* | (?<=/) \*.* | (?<=\$)(?<![\w$?\x80-\xff]\$) \w*+\$.* )
            )""",
            re.VERBOSE | re.DOTALL,
        )
        # A quote that looks as if the other mode had been meant: the grammar looks closer.
        # It seems to end a string, for the next one follows what a string follows.
        self.doubt = re.compile(
            rb"\\'(?=[ \n\t\r\f,)][^'\"\\\0]*+(?<=[ \n\t\r\f,(=])')(?<!\\\\')"
            if escapes
            else rb"\\'(?=[A-Za-z_\x80-\xff])"
        )
        stop = _SEPARATOR
        end = rb"(?=\\?+(?:\0|\Z))"
        blanked = (
            rb"(?<=')" + _string(b"'", escapes=escapes, stop=stop) + rb"(?:'|" + end + rb")"
            rb"|(?:(?<=[0-9+])|(?<=-)(?!-))(?:(?<=0)(?<![\w$]0)"
            + hexadecimal
            + rb")?+"
            + _number(minus=b"-(?!-)")
        )
        first = rb"'0-9+\-"
        # What the cheap pattern does not understand and leaves standing: a comment, the
        # `-` of one, a dollar quote, the upper-case digits of a number.
        strange = rb"(?<=[#\-\\])|(?<=/)\*|(?<=\$)[\w\x01]*+\$|(?<=\x01)[A-FX]"
        strange_first = rb"#\-\\/$\x01"
        if mode.ansi_quotes:
            strange += b'|(?<=")'
            strange_first += b'"'
        else:
            first += b'"'
            blanked += (
                rb'|(?<=")' + _string(b'"', escapes=escapes, stop=stop) + rb'(?:"|' + end + b")"
            )
        self.blanked = re.compile(b"[" + first + b"](?:" + blanked + b")", re.DOTALL)
        self.strange = re.compile(b"[" + strange_first + b"](?:" + strange + b")")
        # Looking for quotes alone is fast; one behind two backslashes is left to the grammar.
        row_string = rb"'[^']*+'" + (rb"(?:(?<=[^\\]\\')[^']*+')*+(?<!\\')" if escapes else b"")
        plain = rb"-(?!-)|[^'\-`%b%%b]++" % re.escape(_STRANGE)
        in_first_row = rb"%b|\)(?!%b)|" % (row_string, _NEXT_LONG_ROW) + plain % rb"\)"
        # What stands between most strings is taken with the one behind it.
        in_rows = rb"\)?+,\(?+%b|%b|" % (row_string, row_string) + plain % b""
        self.rows = re.compile(
            rb"((?:%b)*+\)%b)(?:%b)*+\Z" % (in_first_row, _NEXT_LONG_ROW, in_rows)
        )


_TICKED = re.compile(rb"`[^`'\"\0]*+(?:`|(['\"\0]))")
_NAME: Final = rb"`[^`]*+`|\"[^\"]*+\""
_NUMBER_IN_NAME = re.compile(rb"[0-9+\-]" + _number(minus=b"-"))
# A string that ends elsewhere in the other mode, where a string may end: before no word.
_DOUBTFUL_STRING = re.compile(rb"(['\"]).*?(?<!\\)(?:\\\\)*+\\\1(?![\w\x80-\xff])", re.DOTALL)
_QUOTE = re.compile(rb"['\"]")
_WORD = re.compile(rb"[A-Za-z_\x80-\xff]")
_CALL_BEGINS = re.compile(rb"\s*+call\s", re.IGNORECASE)
_CALL = re.compile(
    rb"\s*+(call\s++(?:[A-Za-z_\x80-\xff][\w$.\x80-\xff]*+|`[\w$.\x80-\xff]++`\.?+)++)(?:\(|\Z)",
    re.IGNORECASE,
)
# What would begin a token with the text in front of a comment, if that went.
_JOINING = re.compile(rb"\*|\w*+\$")
_DUMP: Final = b"SELECT /*!40001 SQL_NO_CACHE */ * FROM `"
# Statements that are no longer what they were with their digits blanked.
_SPECIAL = re.compile(rb"\s*+call\s|\s*+percona\x01toolkit", re.IGNORECASE)
_TOOLKIT = re.compile(rb"/\*\w+\.\w+:[0-9]/[0-9]\*/")
_TOOLKIT_STATEMENT: Final = b"percona-toolkit"
_BOOLEAN = re.compile(rb"(?<![\w?\x01])(?:true|false)(?![\w?\x01])", re.IGNORECASE)
_LITERAL = re.compile(rb"[xb.]?+\x01")
_WHITE_SPACE = re.compile(rb"[ \n\t\r\f]+")
_ORDER_BY = re.compile(rb"\border by ")
# Not where what would then meet begins a token.
_ASCENDING = re.compile(rb"(?: asc\b)++(?![$*])")
_INSERT = re.compile(rb"(?:insert|replace)(?: ignore)? into .+?values[ ,]*+\(", re.DOTALL)
_NEXT_ROW = re.compile(_NAME + rb"|\)( ?, ?\()")
_TAG = re.compile(rb"([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*+=\s*+('?)([^']*+)\2")
_TAG_VALUE = re.compile(rb"[A-Za-z0-9_./#:]{1,100}")
_LONG_INSERT = re.compile(
    rb"[ \n\t\r\f\v]*+(?:insert|replace)(?:[ \n\t\r\f]++ignore)?+[ \n\t\r\f]++into[ \n\t\r\f]"
    rb".+?values[ \n\t\r\f,]*+\(",
    re.DOTALL | re.IGNORECASE,
)
_NEXT_LONG_ROW: Final = rb"[ \n\t\r\f]*+,[ \n\t\r\f]*+\("
# What could begin a name, a comment or a string in double quotes.
_STRANGE: Final = b'"\\#/$\0\1'
_NULL = re.compile(rb"\bnull\b")
_LIST = re.compile(rb"(?<!\Acall )\b(in|values?)(?:[ ,]*+\([ ?,]*+\))++")
_ROWS = re.compile(rb"(\bin ?\( ?(\([ ?,]*+\)) ?, ?\2)(?: ?, ?\2)++")
_UNION = re.compile(_NAME + rb"|( union(?: all)?) (?=select )")
_SELECT = re.compile(_NAME + rb"|\b(select) ")
_REPEAT: Final = b" /*repeat"
_SELECTS: Final = 64
# Cut off from what came before it, this would be read as something else.
_NO_REMAINDER = re.compile(rb"(?:true|false|null|in|values?|limit|order)\b|\$|\(?\??\+")
_LIMIT = re.compile(rb"\blimit \?(?:, ?\?| offset \?)*+")
_USE = re.compile(rb"use \S+\Z")


def _begins(after: bytes, select: bytes) -> bool:
    return after.startswith(select) and not _NO_REMAINDER.match(after, len(select))


def _repeated(before: bytes, after: bytes) -> bytes:
    """Return the longest end of ``before`` that is a select and begins ``after``."""
    after = after.partition(_REPEAT)[0]
    starts = [match.start(1) for match in _SELECT.finditer(before) if match[1]]
    # Trying every select of a hostile statement would be quadratic.
    for start in starts[-_SELECTS:]:
        select = before[start:]
        if _begins(after, select):
            return select
    return b""


def _collapse_unions(text: bytes) -> bytes:
    """Write ``select … union select …`` with equal selects as one, ``/*repeat union*/``."""
    unions = [match for match in _UNION.finditer(text) if match[1]]
    ends = [*(union.start() for union in unions), len(text)]
    parts = [text[: ends[0]]]
    before = parts[0].rpartition(_REPEAT)[2]
    select = b""
    for union, end in zip(unions, ends[1:], strict=True):
        after = text[union.end() : end]
        again = bool(select) and not before and _begins(after, select)
        if not again:
            select = _repeated(before, after)
        if again:
            del parts[-2:]
        if select:
            before = after[len(select) :]
            parts += [_REPEAT + union[1] + b"*/", before]
        else:
            before = after.rpartition(_REPEAT)[2]
            parts += [union[0], after]
    return b"".join(parts)


def _normalise(outline: bytes) -> bytes:
    """Bring an outline into pt-query-digest's form."""
    if call := _CALL.fullmatch(outline):
        return _WHITE_SPACE.sub(b" ", call[1]).lower()
    text = _LITERAL.sub(b"?", _BOOLEAN.sub(_BLANK, outline.lstrip().removesuffix(b"\n")))
    text = _WHITE_SPACE.sub(b" ", text).lower()
    if ordered := _ORDER_BY.search(text):
        text = text[: ordered.end()] + _ASCENDING.sub(b"", text[ordered.end() :])
    if insert := _INSERT.match(text):
        rows = (match for match in _NEXT_ROW.finditer(text, insert.end()) if match[1])
        if next_row := next(rows, None):
            text = text[: next_row.start(1)]
    text = _ROWS.sub(rb"\1", _LIST.sub(rb"\1(?+)", _NULL.sub(b"?", text)))
    has_unions = b" union " in text
    if has_unions:
        text = _collapse_unions(text)
    text, limits = _LIMIT.subn(b"limit ?", text, count=1)
    if has_unions and limits:
        text = _collapse_unions(text)
    return b"use ?" if _USE.match(text) else text


def _is_strange(text: bytes) -> bool:
    return len(text.translate(None, _STRANGE + b"'")) < len(text) or b"--" in text


def _abridged(statement: bytes, grammar: _Grammar) -> bytes:
    """Leave out of a long statement what is sure not to matter, that it may be remembered."""
    first_row = _first_row(statement, grammar)
    if len(first_row) <= SHAPE_LIMIT or _CALL_BEGINS.match(first_row):
        return first_row
    return LIST_OF_NUMBERS.sub(b"(0)", first_row)


def _first_row(statement: bytes, grammar: _Grammar) -> bytes:
    """Cut a whole ``insert`` down to its first row, if the others are sure to be just rows.

    What is outside of its strings then begins nothing but strings in single quotes.
    """
    insert = _LONG_INSERT.match(statement)
    if (
        not insert
        or not statement.endswith(b";")
        or _is_strange(insert[0])
        or insert[0].count(b"`") % 2
        or CUT_MARK in statement
        or (b"\\" in statement and grammar.doubt.search(statement))
    ):
        return statement
    rows = grammar.rows.match(statement, insert.end())
    return statement[: rows.end(1)] + b";" if rows else statement


def _confusing(statements: Sequence[bytes], joined: bytes, doubt: re.Pattern[bytes]) -> set[int]:
    """Return the statements in which the cheap pattern could take one thing for another.

    Those are the ones with a quote in a quoted name, one behind a backslash that may end a
    string, a byte that has a meaning of our own, or the mark of a cut; nearly always there
    are none, and scans of all of them tell.
    """
    if joined.count(_SEPARATOR) >= len(statements):
        # A NUL of the log's own stands among the separators: each is looked at by itself.
        return {
            index
            for index, statement in enumerate(statements)
            if _SEPARATOR in statement or _confusing([statement], statement, doubt)
        }
    found = []
    if b"`" in joined:
        found += [match.start() for match in _TICKED.finditer(joined + _SEPARATOR) if match[1]]
    if b"\\'" in joined:
        found += [match.start() for match in doubt.finditer(joined)]
    return statements_at([*found, *places_of((_BLANK, CUT_MARK), joined)], joined)


class Memory:
    """Remembers fingerprints by what their statements have in common, for a while.

    The young ones grow old together, and the old ones are forgotten unless they are asked for
    again in time.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, Fingerprint] = {}
        self._old: dict[bytes, Fingerprint] = {}
        self._left = REMEMBERED_BYTES // 2

    def find(self, keys: list[bytes]) -> list[Fingerprint | None]:
        """Return what is remembered of each key."""
        found = list(map(self._young.get, keys))
        if self._old and None in found:
            for index in [index for index, one in enumerate(found) if one is None]:
                if old := self._old.get(keys[index]):
                    self.remember(keys[index], old)
                    found[index] = old
        return found

    def remember(self, key: bytes, fingerprint: Fingerprint) -> None:
        """Take note of a key."""
        self._left -= len(key) + REMEMBERED_ENTRY
        if self._left < 0:
            self._old, self._young = self._young, {}
            self._left = REMEMBERED_BYTES // 2
        self._young[key] = fingerprint


def statements_at(places: Iterable[int], joined: bytes) -> set[int]:
    """Return which of the statements, joined by NUL, the places are in."""
    indexes = set()
    index = passed = 0
    for at in sorted(places):
        index += joined.count(_SEPARATOR, passed, at)
        passed = at
        indexes.add(index)
    return indexes


def places_of(signs: Iterable[bytes], joined: bytes) -> Iterator[int]:
    """Yield where the signs begin."""
    for sign in signs:
        at = joined.find(sign)
        while at >= 0:
            yield at
            at = joined.find(sign, at + 1)


def tags_of(comment: bytes, keys: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the tags in the text of a comment whose keys are wanted, as they come."""
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - few settings ask for tags

    for pair in comment.split(b","):
        tag = _TAG.fullmatch(pair.strip())
        value = unquote_to_bytes(tag[3]) if tag else b""
        if tag and _TAG_VALUE.fullmatch(value) and tag[1].decode() in keys:
            yield tag[1].decode(), value.decode()


class Fingerprinter:
    """Turns statements into fingerprints, and remembers the outlines it has seen."""

    def __init__(self, mode: SqlMode | None = None) -> None:
        self._mode = mode or SqlMode()
        self._shapes = Memory()
        self._known: dict[bytes, Fingerprint] = {}
        self._texts: dict[tuple[str, bool], Fingerprint] = {}
        self._remembered = 0

    @cached_property
    def _grammar(self) -> _Grammar:
        """Compile it for the first statement: a quiet hour has none."""
        return _Grammar(self._mode)

    def __reduce__(self) -> tuple[type[Fingerprinter], tuple[SqlMode]]:
        """Let a copy for another process begin with nothing learnt."""
        return Fingerprinter, (self._mode,)

    def fingerprints(self, statements: Sequence[bytes]) -> list[Fingerprint]:
        """Return the fingerprint of each statement; a whole statement ends with ``;``."""
        statements = [
            statement if len(statement) <= SHAPE_LIMIT else _abridged(statement, self._grammar)
            for statement in statements
        ]
        shapes = [
            statement.translate(_ANY_DIGIT) if len(statement) <= SHAPE_LIMIT else statement
            for statement in statements
        ]
        known = self._shapes.find(shapes)
        unknown = [index for index, fingerprint in enumerate(known) if fingerprint is None]
        found = self._by_outline([statements[index] for index in unknown]) if unknown else ()
        for index, fingerprint in zip(unknown, found, strict=True):
            known[index] = fingerprint
            if len(shapes[index]) <= SHAPE_LIMIT and not _TELLING_DIGIT.search(shapes[index]):
                self._shapes.remember(shapes[index], fingerprint)
        return [fingerprint for fingerprint in known if fingerprint is not None]

    def tags(self, statement: bytes, keys: frozenset[str]) -> list[tuple[str, str]]:
        """Return the tags of a statement whose keys are wanted, as they come.

        A tag is a ``key=value`` in a ``/* */`` comment, its value bare or as sqlcommenter
        writes it: in quotes, percent-encoded. A value that holds anything but letters,
        digits and ``_./#:``, or that is long, is no tag: it may be a literal. A whole
        statement whose quotes do not pair up has none: a comment may be a part of a literal.
        """
        found: list[tuple[str, str]] = []
        whole = statement.rstrip(b"\r\n").endswith(b";")
        for match in self._grammar.token.finditer(statement):
            if whole and match.lastgroup == "open":
                return []
            if match.lastgroup == "comment" and match[0].startswith(b"/*"):
                found += tags_of(match[0][2:-2], keys)
        return found

    def _by_outline(self, statements: Sequence[bytes]) -> list[Fingerprint]:
        joined = _SEPARATOR.join(statements)
        aside = _confusing(statements, joined, self._grammar.doubt)
        if aside:
            joined = _SEPARATOR.join(
                b"" if index in aside else statement for index, statement in enumerate(statements)
            )
        outlines = self._grammar.blanked.sub(_BLANK, joined).split(_SEPARATOR)
        known = map(self._known.get, outlines)
        return [
            self._learnt(statements[index], outlines[index], aside=index in aside)
            if fingerprint is None or index in aside
            else fingerprint
            for index, fingerprint in enumerate(known)
        ]

    def fingerprint(self, statement: bytes) -> Fingerprint:
        """Return the fingerprint of one statement; a whole one ends with ``;``."""
        # The cheap pattern may find the same outline in another statement, where it means
        # something else: those of the grammar are remembered behind a NUL.
        return self._of_outline(self._outline(statement), _SEPARATOR)

    def _learnt(self, statement: bytes, outline: bytes, *, aside: bool) -> Fingerprint:
        if aside or not self._understood(outline):
            return self.fingerprint(statement)
        return self._of_outline(outline)

    def _understood(self, outline: bytes) -> bool:
        """Whether the cheap pattern reads every statement of this outline as the grammar does."""
        return (
            outline.rstrip(b"\r\n").endswith(b";")
            and self._grammar.strange.search(outline) is None
            and _SPECIAL.match(outline) is None
        )

    def _outline(self, statement: bytes) -> bytes:
        """Blank literals and drop comments by the grammar; a cut statement has no ``;``."""
        statement, cut, _ = statement.replace(_SEPARATOR, b" ").partition(CUT_MARK)
        statement = statement.replace(_BLANK, b" ").strip(b"\r\n")
        whole = not cut and statement.endswith(b";")
        statement = statement.removesuffix(b";")
        if statement.startswith(_DUMP):
            return b"mysqldump;"
        outline, found = self._blanked(statement)
        if "open" in found:
            untrusted = self._unpaired(statement) if whole else self._doubtful(statement)
            whole = False
        elif self._grammar.doubt.search(statement):
            untrusted = self._doubtful(statement, if_read_askew=True)
        else:
            untrusted = None
        if untrusted:
            whole = False
            statement = statement[: untrusted.start()]
            outline, found = self._blanked(statement)
            outline += b"" if untrusted[0].startswith((b"/", b"#", b"-")) else _BLANK
        if "toolkit" in found or statement == _TOOLKIT_STATEMENT:
            outline = _TOOLKIT_STATEMENT
        elif _CALL_BEGINS.match(outline):
            call = _CALL.match(self._grammar.token.sub(_uncommented, statement))
            outline = call[1] if call else outline
        return outline + b";" if whole else outline.rstrip(b";\r\n")

    def _blanked(self, statement: bytes) -> tuple[bytes, set[str | None]]:
        """Return the outline of a bare statement, and which kinds of token are in it."""
        found: set[str | None] = set()

        def blank(match: re.Match[bytes]) -> bytes:
            kind, token = match.lastgroup, match[0]
            found.add(kind)
            if kind == "literal":
                return _BLANK
            if kind in {"name", "kept"}:
                return _NUMBER_IN_NAME.sub(_BLANK, token)
            if kind == "open":
                return b"" if token.startswith(b"/") else _BLANK
            if kind == "comment" and _TOOLKIT.fullmatch(token):
                found.add("toolkit")
            return _uncommented(match)

        return self._grammar.token.sub(blank, statement), found

    def _unpaired(self, statement: bytes) -> re.Match[bytes] | None:
        """Return the first token to mistrust where a whole statement ends inside a token.

        It has a quote too many or too few, and nobody knows where: from the first quote on
        a literal may be read as SQL. Comments in front of it all may hold quotes of their own.
        """
        front: int | None = 0
        for match in self._grammar.token.finditer(statement):
            in_front = front is not None and not statement[front : match.start()].strip()
            front = match.end() if in_front and match.lastgroup == "comment" else None
            if front is None and _QUOTE.search(match[0]):
                return match
        return None

    def _doubtful(self, statement: bytes, *, if_read_askew: bool = False) -> re.Match[bytes] | None:
        """Return the first string that may end elsewhere, as under another ``sql_mode``.

        With ``if_read_askew`` only if a word follows a string at once, from there on: then what
        is between two strings is taken for a string.
        """
        first = None
        for match in self._grammar.token.finditer(statement):
            if match.lastgroup == "literal" and match[0][:1] in {b"'", b'"'}:
                if first is None and _DOUBTFUL_STRING.match(match[0]):
                    first = match
                if first and (not if_read_askew or _WORD.match(statement, match.end())):
                    return first
        return None

    def _of_outline(self, outline: bytes, key: bytes = b"") -> Fingerprint:
        """Return the fingerprint of an outline, which is remembered behind ``key``."""
        known = self._known.get(key + outline)
        if known is not None:
            return known
        # What is no UTF-8 becomes U+FFFD first: selects may be alike then.
        body = outline.strip(b"\r\n").decode(errors="replace").encode()
        text = _normalise(body.removesuffix(b";")).decode(errors="replace")
        described = text, not body.endswith(b";")
        fingerprint = self._texts.get(described)
        if fingerprint is None:
            text, truncated = described
            fingerprint = Fingerprint(text, truncated=truncated)
        if len(outline) <= OUTLINE_LIMIT:
            self._remembered += len(outline) + len(text) + REMEMBERED_ENTRY
            if self._remembered > REMEMBERED_BYTES:
                self._known.clear()
                self._texts.clear()
                self._remembered = 0
            self._known[key + outline] = self._texts[described] = fingerprint
        return fingerprint


def _uncommented(match: re.Match[bytes]) -> bytes:
    """Return the token, or nothing for a comment, unless that kept apart what must not join."""
    if match.lastgroup != "comment":
        return match[0]
    text, start, end = match.string, match.start(), match.end()
    closing = text[start - 1 : start] == b"*" and text[end : end + 1] == b"/"
    return b" " if closing or _JOINING.match(text, end) else b""
