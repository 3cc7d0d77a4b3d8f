"""What a fingerprint does, and to which tables, in the words a person uses for it.

Read by sqlparse's lexer from the fingerprint, never from SQL with literals in it, and only
for the queries that a digest lists: the lexer takes about a millisecond. There is no
grammar behind it: a table is a name that stands where tables stand, and a statement that
makes no sense gets what little can be said of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

READ: Final = 4_000
"""Characters of a fingerprint that are looked at."""

TABLES: Final = 20
"""Tables that are named."""

_VERBS: Final = frozenset({"select", "insert", "update", "delete", "replace", "merge"})
_FUNCTIONS: Final = frozenset({"insert", "replace"})
_NO_VERB_AFTER: Final = frozenset({"key", "for", "then", "on", "before", "after"})

# ``CREATE UNIQUE INDEX`` is a ``CREATE INDEX``: what is made, not how.
_DEFINITIONS: Final = frozenset({"create", "alter", "drop"})
_DEFINED: Final = frozenset(
    {"table", "index", "view", "procedure", "function", "trigger", "event", "database", "schema"}
    | {"user", "role", "server", "sequence", "tablespace", "extension", "type"}
)
_TWO_WORDS: Final = frozenset({"show", "start", "lock", "unlock", "load", "rename"})
_BETWEEN: Final = frozenset({"full", "extended", "global", "session", "storage"})
_SHOWS_OF_TABLES: Final = frozenset(
    {"SHOW COLUMNS", "SHOW FIELDS", "SHOW INDEX", "SHOW INDEXES", "SHOW KEYS"}
)

_DIRECTLY: Final = frozenset(
    {"truncate", "describe", "desc", "handler", "table", "copy", "vacuum", "analyze", "cluster"}
)
_ONE_TABLE: Final = ("CREATE ", "ALTER ")
_OBJECTS: Final = frozenset({"table", "tables", "view"})
_CLAUSES: Final = frozenset(
    {"where", "set", "group", "group by", "order", "order by", "having", "limit", "offset"}
    | {"union", "union all", "except", "intersect", "window", "values", "value", "fetch"}
    | {"for", "lock", "procedure", "returning", "duplicate"}
)
_NO_TABLE: Final = frozenset(
    {"ignore", "low_priority", "delayed", "high_priority", "quick", "only", "lateral"}
    | {"verbose", "analyze", "freeze"}
    | {"if", "exists", "not", "if exists", "if not exists", "temporary", "concurrently", "dual"}
)
_NO_TABLES_INTO: Final = frozenset({"outfile", "dumpfile"})
_NO_DEFINITION: Final = frozenset({"recursive", "as", "not", "materialized"})


def kind_and_tables(fingerprint: str) -> tuple[str, tuple[str, ...]]:
    """Return the kind (``SELECT``, ``CREATE TABLE``) and the tables, in order, each once."""
    words = list(_words(fingerprint[:READ]))
    scan = _Scan(_kind([word for word in words if word[0] not in "(),;"]))
    for previous, word, following in zip(["", *words], words, [*words[1:], ""], strict=False):
        scan.take(previous, word, following)
    return scan.kind, tuple(table for table in scan.found if table not in scan.defined)[:TABLES]


def _words(text: str) -> Iterator[str]:
    """Yield names with all their parts, keywords, and what keeps them apart.

    ``db.`t?``` is one word, and so is ``left join``; operators and comments are none.
    """
    # A quiet hour has nothing to read, and need not pay for it.
    from sqlparse import lexer  # noqa: PLC0415 - as said
    from sqlparse import tokens as T  # noqa: N812, PLC0415 - the name its documentation uses

    name = ""
    for kind, value in lexer.tokenize(text):  # type: ignore[no-untyped-call]  # sqlparse has no types
        if kind in T.Keyword or kind in T.Name or kind in T.Literal or value in {".", "?", "@"}:
            name += value if value[0] in '`"' else value.lower()
            continue
        if name:
            yield name
            name = ""
        if value in {"(", ")", ",", ";"}:
            yield value
    if name:
        yield name


def _kind(words: list[str]) -> str:
    if not words:
        return "OTHER"
    first, *rest = [part for word in words[:10] for part in word.split()]
    if first in _DEFINITIONS:
        rest = [word for word in rest if word in _DEFINED]
    elif first in _TWO_WORDS:
        rest = [word for word in rest if word not in _BETWEEN]
    else:
        rest = []
    return " ".join([first, *rest[:1]]).upper()


class _Level:
    """What is known within one pair of parentheses."""

    __slots__ = ("defines", "expects_table", "is_query", "lists_tables")

    def __init__(
        self, *, is_query: bool = False, lists_tables: bool = False, expects_table: bool = False
    ) -> None:
        self.is_query = is_query
        self.lists_tables = lists_tables
        self.expects_table = expects_table
        self.defines = False


class _Scan:
    """Reads a statement's words from left to right, and keeps the tables it comes across.

    ``defined`` are the names of common table expressions, which are no tables.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.found: dict[str, None] = {}
        self.defined: set[str] = set()
        self._levels = [_Level(is_query=kind in _SHOWS_OF_TABLES)]

    def take(self, previous: str, word: str, following: str) -> None:
        level = self._levels[-1]
        if word == "(":
            expected = level.expects_table
            self._levels.append(_Level(lists_tables=expected, expects_table=expected))
        elif word == ")":
            if len(self._levels) > 1:
                self._levels.pop()
                self._levels[-1].expects_table = False
        elif word == ",":
            level.expects_table = level.lists_tables
        elif (
            word in _VERBS
            and (previous not in _NO_VERB_AFTER or self.kind == "DECLARE")
            and not (word in _FUNCTIONS and following == "(")
        ):
            self._verb(level, word)
        elif word in _CLAUSES:
            level.lists_tables = level.expects_table = False
        elif not self._leads_to_table(level, previous, word, following):
            self._name(level, word, following)

    def _verb(self, level: _Level, verb: str) -> None:
        if self.kind == "WITH" and len(self._levels) == 1:
            self.kind = verb.upper()
        level.is_query, level.defines = True, False
        level.lists_tables = verb == "update"
        level.expects_table = verb in {"update", "insert", "replace"}

    def _leads_to_table(self, level: _Level, previous: str, word: str, following: str) -> bool:
        """Take a word that says that tables follow; return whether it is one."""
        if word == "with":
            level.defines = following != "rollup"
        elif word == "from" and previous != "distinct":
            level.expects_table = level.lists_tables = level.is_query and not level.lists_tables
        elif word.endswith("join"):
            level.expects_table = level.lists_tables and previous != "for"
        elif word == "using" and level.is_query and following != "(":
            level.expects_table = level.lists_tables = True
        elif word == "into":
            level.expects_table = following not in _NO_TABLES_INTO
        elif word in _OBJECTS and len(self._levels) == 1:
            level.expects_table = not self.kind.startswith("SHOW") or previous == "create"
            level.lists_tables = level.expects_table and not self.kind.startswith(_ONE_TABLE)
        elif (
            word == "references"
            or (word == "on" and self.kind.endswith(" INDEX"))
            or (word in _DIRECTLY and not previous)
        ):
            level.expects_table = True
            level.lists_tables = level.lists_tables or word == "truncate"
        else:
            return False
        return True

    def _name(self, level: _Level, word: str, following: str) -> None:
        if level.defines and following in {"as", "("} and word not in _NO_DEFINITION:
            self.defined.add(_bare(word))
        if not level.expects_table or word in _NO_TABLE:
            return
        level.expects_table = False
        is_function = level.lists_tables and following == "("
        if not is_function and (word[0].isalpha() or word[0] in '_`"'):
            self.found[_bare(word)] = None


def _bare(name: str) -> str:
    return name.replace("`", "").replace('"', "").rstrip(".")
