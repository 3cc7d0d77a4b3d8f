"""PostgreSQL's fingerprints: what becomes of a statement, that no literal stays, at what cost."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from slowquery.fingerprint import (
    CUT_MARK,
    OUTLINE_LIMIT,
    REMEMBERED_BYTES,
    REMEMBERED_ENTRY,
    SHAPE_LIMIT,
    Fingerprint,
)
from slowquery.postgres_sql import PostgresFingerprinter
from tests import growth
from tests.rows import rows

MARK = "zqzq"
"""Stands in every literal and in nothing else: where it shows up, a literal has got out."""

PAGE = Path(__file__).parent.parent / "docs" / "fingerprints.md"

STRINGS = [
    ("select 'a', ''", "select ?, ?"),
    ("select 'it''s', '''', 'say \"hi'", "select ?, ?, ?"),
    ("select 'C:\\', 'b'", "select ?, ?"),
    (r"select E'it\'s', e'C:\\', 'b'", "select ?, ?, ?"),
    (r"select E'\\\'', E'it''s', 'b'", "select ?, ?, ?"),
    ("select E'a'\n  'b\\'c', 'd'", "select ?, ?"),
    ("select E'a' 'b', 'c\\'", "select ? ?, ?"),
    ("select E'a' -- c\n -- d\n'b\\' or secret=\\''", "select ?"),
    (r"select U&'d\0061t', u&'!0041' UESCAPE '!'", "select ?, ? uescape ?"),
    ("select B'01', X'1FF', b'', N'a', n'it''s'", "select ?, ?, ?, ?, ?"),
    ("select date '2026-11-22', timestamptz'2026-11-22'", "select date ?, timestamptz?"),
    (
        "select interval '1 day', now() - interval '1' day",
        "select interval ?, now() - interval ? day",
    ),
    ("select some'a', type'a\\', xe'a\\'", "select some?, type?, xe?"),
    ("select '-- a', '/* b', '*/', '$$'", "select ?, ?, ?, ?"),
    ("select 'a\nb\r\nc', 'größe', '😀'", "select ?, ?, ?"),
    ("select 'a' 'b', 'a'\n'b'", "select ? ?, ? ?"),
    ("select '\1', a\1b", "select ?, a b"),
]
DOLLARS = [
    ("select $$ it's $$, 'b'", "select ?, ?"),
    ('select $t$ $$ " $t$, $t_1$ $t_2$ $t_1$', "select ?, ?"),
    ("select $$$$, 'a'$$b$$, ?$$c$$", "select ?, ??, ??"),
    ("select $été$ it's $été$", "select ?"),
    (
        "DO $body$ begin raise notice 'hi %', 1; end $body$ language plpgsql",
        "do ? language plpgsql",
    ),
    (
        "create function f() returns int as $$ select 1 $$ language sql",
        "create function f() returns int as ? language sql",
    ),
    ("select a$b$c, b$$d, é$$, x$1$", "select a$b$c, b$$d, é$$, x$?"),
    ("select $a, $ $", "select $a, $ $"),
]
NUMBERS = [
    ("select 0, 42, 1.5, .5, 1., 1e5, 1E-5, 1.5e+3", "select ?, ?, ?, ?, ?, ?, ?, ?"),
    ("select 1_000, 0x1F, 0xFF_FF, 0b01, 0o17", "select ?, ?, ?, ?, ?"),
    ("select 0x1e-5, 1e5-5", "select ?-?, ?-?"),
    ("select $1, $2::int, f($3)", "select ?, ?::int, f(?)"),
    ("select a[1], a[1:2], a[-1]", "select a[?], a[?:?], a[?]"),
    ("select t1.c2, tab1e, _1, a_1b2, é1", "select t?.c?, tab?e, _?, a_?b?, é?"),
    ("select * from events_2026_11, tmp_7", "select * from events_?_?, tmp_?"),
    ("deallocate pdo_stmt_00000012", "deallocate pdo_stmt_?"),
    ("select 1from t", "select ? t"),
]
SIGNS = [
    ("select -1, +1, - 1, (-1), a = -1, a=-1", "select ?, ?, ?, (?), a = ?, a=?"),
    ("select a-1, a - 1, a + 1, (a) - 1, 2 - 1", "select a-?, a - ?, a + ?, (a) - ?, ? - ?"),
    ("select a - -1, - - 1, a * -1, a % -1, a || - 1", "select a - ?, ?, a * ?, a % ?, a || ?"),
    ("where a between -1 and -2 and not -3 limit -4", "where a between ? and ? and not ? limit ?"),
    ("select a->-1, a #- '{b}', -a, a[1:-1]", "select a->?, a #- ?, -a, a[?:?]"),
]
WORDS = [
    ("select null, NULL, is not null, true, FALSE", "select ?, ?, is not ?, ?, ?"),
    (
        "select nullable, untrue, a_null, true$, null1",
        "select nullable, untrue, a_null, true$, null?",
    ),
    ("SELECT  A ,\tB\r\nFROM\n T", "select a , b from t"),
    ("  select 1 ;\n; ", "select ?"),
    ("select 0; SELECT 0 AS two;", "select ?; select ? as two"),
    ("", ""),
]
NAMES = [
    ('select "a"."B" from "Audit Log"', 'select "a"."b" from "audit log"'),
    (
        'select "it\'s", \'b\', "a""b", "-- a", "/* b", "$$"',
        'select "it\'s", ?, "a""b", "-- a", "/* b", "$$"',
    ),
    (
        'select "t1", "1st", "a  b", "in (1, 2)", "null"',
        'select "t?", "?", "a b", "in (?, ?)", "null"',
    ),
    ('select U&"d\\0061t", "$1", "a-1", "a.5"', 'select u&"d\\?", "?", "a-?", "a.?"'),
    (
        'select "union select a" union select "limit 1"',
        'select "union select a" union select "limit ?"',
    ),
]
COMMENTS = [
    ("select a /* b */ from t", "select a from t"),
    ("/* a /* it's */ \" */ select b", "select b"),
    ("select a -- it's\n, 'b' --", "select a , ?"),
    ("select a -- b\r, c", "select a , c"),
    ("select a/**/b, a--1\n", "select a b, a"),
    ("select 1/* a */2, a /-- b\n* c, -/**/-1", "select ? ?, a / * c, ?"),
    ("select a /*+ hint */ /*! no */", "select a"),
    ("select a from t /*action='show',controller='orders'*/;", "select a from t"),
]
OPERATORS = [
    ("select a->'b'->>'c', a #> '{b}', a #>> '{b,c}'", "select a->?->>?, a #> ?, a #>> ?"),
    ("where a @> '{\"b\": 1}' and a <@ $1 and b ? 'c'", "where a @> ? and a <@ ? and b ? ?"),
    (
        "where a ?| array['b', 'c'] and a ?& $1 and c ~* 'd'",
        "where a ?| array[?+] and a ?& ? and c ~* ?",
    ),
    ("select :name, :1, %s, %(name)s, @a, a::text", "select :name, :?, %s, %(name)s, @a, a::text"),
    (
        "select '1'::int, $1::text[], 1::numeric(10,2), cast('a' as text)",
        "select ?::int, ?::text[], ?::numeric(?,?), cast(? as text)",
    ),
]
LISTS = [
    (
        "where a in (1,2) and b in(3) and c NOT IN ( 'a' , $1 )",
        "where a in(?+) and b in(?+) and c not in(?+)",
    ),
    ("where a in ('a'::uuid, 'b'::\"My T1\"[], null, -1)", "where a in(?+)"),
    ("where a in ('a'::timestamp with time zone, 1::numeric(10, 2))", "where a in(?+)"),
    ("where a in (1, b) or a in (select 1)", "where a in (?, b) or a in (select ?)"),
    ("where (a, b) in ((1,'a'),(2,'b'), (3, f(4)))", "where (a, b) in ((?,?))"),
    ("where a = any('{1,2}') or a = ANY ($1)", "where a = any(?) or a = any(?)"),
    (
        "where a = any ('{1,2}'::int[]) or a <> ALL(ARRAY[1,2]::int[])",
        "where a = any(?::int[]) or a <> all(?::int[])",
    ),
    ("where a = any(array[1, 2]) or a = any (array['b'])", "where a = any(?) or a = any(?)"),
    ("where a = any(b) or a = any(select 1)", "where a = any(b) or a = any(select ?)"),
    (
        "select ARRAY[1,2], array [ 'a' ], array[[1,2],[3,4]], array[]",
        "select array[?+], array[?+], array[?+], array[?+]",
    ),
    ("select array[a, 1], array(select 1)", "select array[a, ?], array(select ?)"),
    ("insert into t values (1, 'a'), (2, 'b')", "insert into t values(?+)"),
    (
        "insert into t(a) values (1, default) returning id",
        "insert into t(a) values(?+) returning id",
    ),
    (
        "insert into t values (1, now()), (2, (3)) on conflict do nothing",
        "insert into t values (?, now()) on conflict do nothing",
    ),
    (
        "select * from (values (1, 'a'), (2, 'b')) as v (a, b)",
        "select * from (values(?+)) as v (a, b)",
    ),
    (
        "with v as (values (f(1)), (f(2))) select * from v where a in (1)",
        "with v as (values (f(?))) select * from v where a in(?+)",
    ),
    ("select values (a), (b in ((1), (2)), (c)) , (d) , e", "select values (a) , e"),
]
CLAUSES = [
    ("select a limit 5", "select a limit ?"),
    ("select a limit 5 offset 10", "select a limit ?"),
    ("select a offset 5 limit $1", "select a limit ?"),
    (
        "select a offset 5 rows fetch first 10 rows only",
        "select a offset ? rows fetch first ? rows only",
    ),
    ("select (select a limit 1) limit 5 offset 6", "select (select a limit ?) limit ?"),
    (
        "select a order by b asc, c ASC, d desc, e asc nulls last",
        "select a order by b, c, d desc, e nulls last",
    ),
    ("create index i on t (a asc, b)", "create index i on t (a, b)"),
    ("select a order by b, ascii(c)", "select a order by b, ascii(c)"),
]
UNIONS = [
    ("select a union select a", "select a /*repeat union*/"),
    ("select 1 union all select 2 union all select 3", "select ? /*repeat union all*/"),
    (
        "select a union select a union all select a order by b",
        "select a /*repeat union all*/ order by b",
    ),
    ("select a union select ab", "select a union select ab"),
    ("select a union select b union select b", "select a union select b /*repeat union*/"),
    ("select a from (select b union select b) c", "select a from (select b /*repeat union*/) c"),
    (
        "select (select a union select a) union select (select a) ",
        "select (select a /*repeat union*/) union select (select a)",
    ),
    (
        "select (select a union select a) union select (select a union select a union select a)",
        "select (select a /*repeat union*/) /*repeat union*/",
    ),
    (
        "insert into t select a union select a limit 1",
        "insert into t select a /*repeat union*/ limit ?",
    ),
    (
        "select a; select b union select b; select b",
        "select a; select b /*repeat union*/; select b",
    ),
    (
        "with x as (select a) select b union select b",
        "with x as (select a) select b /*repeat union*/",
    ),
]
STATEMENTS = [
    ("CALL p7(1, 'a')", "call p?(?, ?)"),
    ("COPY customers (email,name) FROM STDIN", "copy customers (email,name) from stdin"),
    (
        "COPY t TO '/tmp/a' WITH (FORMAT csv, DELIMITER ',')",
        "copy t to ? with (format csv, delimiter ?)",
    ),
    ("PREPARE st1 (int, text) AS SELECT $1, $2", "prepare st? (int, text) as select ?, ?"),
    ("EXECUTE st1(1, 'a')", "execute st?(?, ?)"),
    ("SET statement_timeout=0", "set statement_timeout=?"),
    ('set search_path to "$user", public', 'set search_path to "$user", public'),
    ("savepoint sp_1", "savepoint sp_?"),
    ("EXPLAIN (ANALYZE, BUFFERS) SELECT 1", "explain (analyze, buffers) select ?"),
    ("notify c, 'payload'", "notify c, ?"),
    ("alter user a password 'md5secret'", "alter user a password ?"),
]
CASES = [
    *STRINGS,
    *DOLLARS,
    *NUMBERS,
    *SIGNS,
    *WORDS,
    *NAMES,
    *COMMENTS,
    *OPERATORS,
    *LISTS,
    *CLAUSES,
    *UNIONS,
    *STATEMENTS,
]

CUT = [
    (b"select 'a', 'it", "select ?, ?"),
    (b"select 'a''", "select ?"),
    (b"select 'a;\n", "select ?"),
    (b"select E'a\\'", "select ?"),
    (b"select E'a\\", "select ?"),
    (b"select E'a\\' -- b", "select ?"),
    (b'select "a', "select ?"),
    (b"select a /* it's", "select a"),
    (b"select a /* b /* c */ d", "select a"),
    (b"select $$ it's", "select ?"),
    (b"select $a$ it's $b$ $a", "select ?"),
    (b"insert into t values (1, f(2)), (3, 'a", "insert into t values (?, f(?))"),
    (b"select a, 'b " + CUT_MARK + b" c', d;", "select a, ?"),
    (b"select a, b " + CUT_MARK, "select a, b"),
    (b"select 'a\0b", "select ?"),
]

IN_DOUBT = [
    (rb"select a, 'C:\', 'secret", "select a, ?"),
    (rb"select a, 'C:\'O secret', 'b'", "select a, ?"),
    (rb"select a, 'it\'s secret, isn\'t it' from t", "select a, ?"),
    (rb"select a, 'C:\', E'b', 'secret", "select a, ?"),
]
"""With ``standard_conforming_strings`` off, the string would go on."""


def told(fingerprints: list[Fingerprint]) -> list[tuple[str, bool]]:
    return [(each.text, each.truncated) for each in fingerprints]


def shown(case: str | bytes) -> str:
    """Name a case in a way that a terminal survives."""
    return ascii(case)


@pytest.mark.parametrize(("statement", "fingerprint"), CASES, ids=shown)
def test_a_whole_statement_has_this_fingerprint(statement: str, fingerprint: str) -> None:
    found = PostgresFingerprinter().fingerprint(statement.encode())
    assert (found.text, found.truncated) == (fingerprint, False)


@pytest.mark.parametrize("statement", [statement for statement, _ in CASES], ids=shown)
def test_a_semicolon_at_the_end_says_nothing(statement: str) -> None:
    bare, ended = PostgresFingerprinter().fingerprints(
        [statement.encode(), statement.encode() + b"\n;"]
    )
    assert (bare.text, bare.truncated) == (ended.text, ended.truncated)


@pytest.mark.parametrize(("statement", "fingerprint"), CUT, ids=shown)
def test_a_cut_statement_has_that_of_its_whole_part(statement: bytes, fingerprint: str) -> None:
    found = PostgresFingerprinter().fingerprint(statement)
    assert (found.text, found.truncated) == (fingerprint, True)


@pytest.mark.parametrize(("statement", "fingerprint"), IN_DOUBT, ids=shown)
def test_a_statement_is_cut_at_a_backslash_that_may_have_another_meaning(
    statement: bytes, fingerprint: str
) -> None:
    found = PostgresFingerprinter().fingerprints([statement])
    assert told(found) == [(fingerprint, True)]


@pytest.mark.parametrize(
    "statement", [rb"select E'it\'s', 'b' from t", rb"select '\d+', 'C:\' from t where a = 'b'"]
)
def test_a_backslash_alone_is_no_reason_to_cut(statement: bytes) -> None:
    assert not PostgresFingerprinter().fingerprints([statement])[0].truncated


def test_the_batch_gives_the_whole_table_at_once() -> None:
    batch = [
        *((statement.encode(), text, False) for statement, text in CASES),
        *((statement, text, True) for statement, text in CUT + IN_DOUBT),
    ]
    found = PostgresFingerprinter().fingerprints([statement for statement, _, _ in batch])
    assert told(found) == [(text, truncated) for _, text, truncated in batch]


def test_bytes_that_are_no_utf_8_stand_in_names_only() -> None:
    found = PostgresFingerprinter().fingerprint(b"select '\xff\xfe', caf\xe9")
    assert found.text == "select ?, caf�"


def test_no_statements_have_no_fingerprints() -> None:
    assert PostgresFingerprinter().fingerprints([]) == []


def test_a_copy_for_another_process_gives_the_same() -> None:
    fingerprinter = PostgresFingerprinter()
    first = fingerprinter.fingerprints([b"select 1"])
    copy = pickle.loads(pickle.dumps(fingerprinter))  # noqa: S301 - our own
    assert told(copy.fingerprints([b"select 1"])) == told(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a from t where b = $1", "select a from t where b = 'it''s'"),
        ("select a from t where b = $1::int", "select a from t where b = '7'::int"),
        ("select a from t where b = any($1)", "select a from t where b = ANY ('{1,2}')"),
        ("select a from t where b = any($1)", "select a from t where b = any(ARRAY[1, 2])"),
        ("insert into t values ($1, $2)", "insert into t values (1, 'a'), (2, null);"),
        ("select a limit $1 offset $2", "select a limit 10"),
    ],
)
def test_a_prepared_statement_and_one_with_its_values_share_a_class(one: str, other: str) -> None:
    found = PostgresFingerprinter().fingerprints([one.encode(), other.encode()])
    assert found[0].query_id == found[1].query_id


# Statements made up: like SQL, unlike SQL, and with literals that bear the mark.

_CONTENTS = st.sampled_from(
    [
        *("", MARK, f"{MARK} it''s", f"a\\\\{MARK}", f"--{MARK}", f"-- {MARK}\n", f"/* {MARK} */"),
        *(f"*/ {MARK} /*", f"{MARK}; drop", f"{MARK}),({MARK}", f'"{MARK}"', f'"{MARK}'),
        *(
            f"{MARK}\nLOG:  duration: 1.0 ms\n",
            f"\1{MARK}",
            f"é{MARK}😀",
            f"$$ {MARK} $$",
            f"$1{MARK}",
        ),
        *(f"{MARK} in (1,2) union select", f'{{"{MARK}": [1, "{MARK}"]}}'),
    ]
)
_plain = _CONTENTS.map("'{}'".format)
_escaped = st.one_of(
    _CONTENTS, st.sampled_from([f"{MARK}\\'{MARK}", f"\\'{MARK}", "\\\\", f"\\n{MARK}\\'"])
)
KINDS = {
    "plain": _plain,
    "escaped": _escaped.map("E'{}'".format),
    "escaped and going on": st.tuples(_escaped, _escaped).map(
        lambda two: "e'{}'\n '{}'".format(*two)
    ),
    "unicode": _CONTENTS.map("U&'{}'".format),
    "bits": st.sampled_from(["B'0101'", "X'0AFF'", "x''", "b'1'"]),
    "national": _CONTENTS.map("N'{}'".format),
    "number": st.sampled_from(
        [
            "4111111111111111",
            "7",
            "1.5e-3",
            "1E5",
            "1.5E-3",
            ".5",
            "1.",
            "1E+5",
            "0xDEADBEEF",
            "1_000",
            "$1",
            "$23",
        ]
    ),
    "boolean": st.sampled_from(["true", "FALSE", "Null"]),
    "dollar": st.sampled_from(
        ["$$$$", f"$$ it's {MARK} $$", f"$t$ $$ {MARK} $t$", f"$q1$ {MARK} $q2$ {MARK} $q1$"]
    ),
    "typed": _plain.map("date {}".format),
    "adjacent": st.tuples(_plain, _plain).map(" ".join),
    "array": st.lists(_plain, max_size=3).map(lambda all_of: f"array[{', '.join(all_of)}]"),
}
"""Literals by kind: two of one kind are one shape."""

_PIECES = st.sampled_from(
    [
        *("select ", "SELECT * from t_1 ", "where a = ", ' and "b c" in (', ", ", ",", ")", "("),
        *("),(",),
        *(" union ", " union all ", "union select a from t", "insert into x values ("),
        *("values (", "in ("),
        *(" order by a asc, b ASC", " limit ", " offset ", "\n", "\t", "  ", " / ", " * ", " $ "),
        *(" asc",),
        *(" /* it's */ ", '-- no"te\n', "/* a /* b */ */", "/*+ HINT('x') */"),
        *("/*repeat union*/", "in (("),
        *("call p1(", '"it\'s"', '"a""b"', '"/*"', '"-- "', "null", "is not null", "in"),
        *("array[", "]", "["),
        *("tab1e.x2", "a-b", "a.b", "xb1", "-", "+", "??", ";", "\r\n", "é", "as asc", "true"),
        *("any(", "::int"),
        *("::numeric(10,2)", "default", "->", "->>", "#-", "@>", "?|", ":a", "a$1$b", "x$1"),
        *("$a", "=", "u&", "e"),
    ]
)

_WITH_DASHES = frozenset(('-- no"te\n', '"-- "'))


def _joined(parts: list[str]) -> bytes:
    return "".join(parts).encode()


statements = st.lists(
    st.one_of(_PIECES, st.one_of(*KINDS.values()).map(" {} ".format)), max_size=14
).map(_joined)
noise = st.lists(
    st.sampled_from(
        [
            *(b"'", b'"', b"\\", b"--", b"-", b" ", b"\n", b"/*", b"*/", b"*", b"/", b"$$", b"$"),
            *(b"a$",),
            *(b"$a$", b"$1", b"$a1$", b"a", b"e'", b"E'", b"x", b"u&'", b".", b"1", b"F", b"0x"),
            *(b"e", b"\0"),
            *(b"\1", b"\2", b"?", b"(", b")", b",", b"),(", b"in", b";", b"+", b"[", b"]", b":"),
            *(b"::", b"\x0b"),
            *(b"\xff", b"select ", b"select a", b" union ", b"null", b"true", b"values("),
            *(b"in((", b"limit ?"),
            *(b" asc", b"array[", b"any(", b"/*repeat union*/", b"?", b" offset ?", b"default"),
            *(b"int", b"=", b"\r"),
        ]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)


class Twins(NamedTuple):
    """Two statements that differ in the contents of their literals alone."""

    one: bytes
    other: bytes


@st.composite
def twins(draw: st.DrawFn) -> Twins:
    """Draw a shape, and fill its literals twice."""
    one: list[str] = []
    other: list[str] = []
    parts = draw(st.lists(st.one_of(_PIECES, st.sampled_from(sorted(KINDS))), max_size=12))
    # Two pieces may begin a comment together, and what stands there is no literal.
    sql = "".join(" " if part in KINDS or part in _WITH_DASHES else part for part in parts)
    assume("--" not in sql)
    for part in parts:
        for side in (one, other):
            side.append(f" {draw(KINDS[part])} " if part in KINDS else part)
    return Twins(_joined(one), _joined(other))


@given(st.lists(statements | noise, max_size=5))
@example([b"$a$$a$$a$", b"$$$$ $$", b"select $a$b$a$$c$d$c$"])
@example([b"select \xdd union select \xff"])
def test_the_fingerprint_of_a_fingerprint_is_itself(batch: list[bytes]) -> None:
    first = PostgresFingerprinter().fingerprints(batch)
    second = PostgresFingerprinter().fingerprints([each.text.encode() for each in first])
    assert told(second) == [(each.text, False) for each in first]


@given(st.lists(statements | noise, max_size=8))
def test_a_batch_gives_what_its_statements_give_one_by_one(batch: list[bytes]) -> None:
    together = PostgresFingerprinter().fingerprints(batch)
    alone = [PostgresFingerprinter().fingerprint(statement) for statement in batch]
    assert told(together) == told(alone)


@given(st.lists(statements | noise, max_size=12), statements | noise)
def test_what_was_seen_before_changes_no_answer(before: list[bytes], statement: bytes) -> None:
    knowing = PostgresFingerprinter()
    knowing.fingerprints(before)
    for each in before:
        knowing.fingerprint(each)
    fresh = PostgresFingerprinter().fingerprint(statement)
    assert told(knowing.fingerprints([statement])) == told([fresh])
    assert told([knowing.fingerprint(statement)]) == told([fresh])


@given(statements | noise, st.randoms(use_true_random=False))
@example(b"select $t1$ a $t2$ b $t1$", Random(7))  # noqa: S311 - dice
@example(b"select 0x1F, 1x1F, 1e-5", Random(7))  # noqa: S311 - dice
def test_a_statement_that_was_seen_with_other_digits_changes_no_answer(
    statement: bytes, random: Random
) -> None:
    def other(_: re.Match[bytes]) -> bytes:
        return b"%d" % random.randrange(10)

    knowing = PostgresFingerprinter()
    for _ in range(3):
        knowing.fingerprints([re.sub(rb"[0-9]", other, statement)])
    fresh = PostgresFingerprinter().fingerprint(statement)
    assert told(knowing.fingerprints([statement])) == told([fresh])


@given(statements)
def test_no_literal_gets_out(statement: bytes) -> None:
    assert MARK not in PostgresFingerprinter().fingerprint(statement).text


@given(statements, st.data())
def test_no_literal_gets_out_wherever_the_statement_is_cut(
    statement: bytes, data: st.DataObject
) -> None:
    cut = statement[: data.draw(st.integers(0, len(statement)))]
    assert MARK[:2] not in PostgresFingerprinter().fingerprint(cut).text


@given(twins())
def test_what_a_literal_holds_does_not_change_the_shape(pair: Twins) -> None:
    one, other = PostgresFingerprinter().fingerprints(list(pair))
    event("cut" if one.truncated else "whole")
    assert (one.text, one.truncated) == (other.text, other.truncated)


@given(st.lists(st.binary(), max_size=5))
def test_any_bytes_have_a_fingerprint(batch: list[bytes]) -> None:
    found = PostgresFingerprinter().fingerprints(batch)
    assert len(found) == len(batch)
    assert all(re.fullmatch("[0-9A-F]{32}", each.query_id) for each in found)


@given(
    statements | noise,
    st.lists(
        st.sampled_from(
            [
                b"(1, 'a),(b')",
                b"(now(), '')",
                b'( "),(", 2 )',
                b"(f((1)))",
                b"(1",
                b"-1",
                b"'a'",
                b")",
            ]
        )
    ),
)
def test_what_is_dropped_early_from_a_long_statement_is_what_does_not_matter(
    rest: bytes, parts: list[bytes]
) -> None:
    for head in (b"p values ", b"p in (", b"p array [ ", b'p in (("values (a)", '):
        statement = head + b" , ".join(parts) + rest
        short, long = PostgresFingerprinter().fingerprints(
            [statement, b"p" * OUTLINE_LIMIT + statement]
        )
        assert long.text == "p" * OUTLINE_LIMIT + short.text


_HEADS = st.sampled_from(
    [
        b"insert into t values ",
        b'\n  Insert\tinto "a),(b" ("values (", c)\n VALUES\n',
        b"insert into t (a) values",
        b'insert into t /* values (1),(2) */ select "),(" from u where x in ',
        b"insert into t select 'values (' from u where x in ",
        b"with a as (values (1), (2)) insert into t values ",
        b"select a from t where a in ",
        b'select "x in ',
    ]
)
_ROWS = st.lists(
    st.sampled_from(
        [
            b"(1, 'a),(b')",
            b"(now(), '', default)",
            b'( "),(", 2 )',
            b"(1",
            b")",
            b"('it''s', E'O\\'Brien', 'C:\\')",
            b"('\"', '--', '/*', '$$', '\1\2')",
            b"((1), ((2)), f(g(1)))",
            b"(1) -- '",
            b"(1) /* ' */",
            b"($$'$$), ($1)",
            b"(U&'a', B'1') on conflict (a) do update set b = 'x' where c in (1, 2)",
            b"(1, 2, 3)",
            CUT_MARK,
        ]
    )
    | rows
)
_INTO = b"insert into t values "
_LONG = [b"('" + b"a" * SHAPE_LIMIT + b"')", b"(" + b", ".join([b"17"] * SHAPE_LIMIT) + b")"]


@given(_HEADS, _ROWS, st.sampled_from(_LONG), statements | noise)
@example(_INTO, [b"('),(','it''s')", rb"('a','\\\'','/* c */')", b"('),(',x'aa')"], _LONG[1], b"")
@example(_INTO, [rb"(1,\',1)", rb"('a\'b')", rb"('\\\'')", b"('/* c */','--x')"], _LONG[1], b"")
def test_what_is_dropped_from_a_long_list_of_rows_is_what_does_not_matter(
    head: bytes, rows: list[bytes], long: bytes, rest: bytes
) -> None:
    for place in (0, len(rows)):
        statement = head + b" , ".join([*rows[:place], long, *rows[place:]]) + rest
        as_it_is = PostgresFingerprinter().fingerprint(statement)
        assert told(PostgresFingerprinter().fingerprints([statement])) == told([as_it_is])


@settings(max_examples=25)
@given(rows, st.lists(rows, max_size=3), st.sampled_from([b"", b" returning 1", b" -- '"]))
@example(b"('it''s',1.5,-3,now(),E'a')", [b"('a',2,-0,now(),E'b\\')"], b"")
@example(b"(" + b"1," * SHAPE_LIMIT + b"1)", [], b"")
def test_rows_by_the_thousand_give_what_all_of_them_give(
    usual: bytes, others: list[bytes], behind: bytes
) -> None:
    many = [usual] * (2**15 // len(usual) + 1)
    statement = _INTO + b",\n".join([*many[:99], *others, *many]) + behind
    as_it_is = PostgresFingerprinter().fingerprint(statement)
    assert told(PostgresFingerprinter().fingerprints([statement])) == told([as_it_is])


def test_what_is_remembered_is_bounded() -> None:
    fingerprinter = PostgresFingerprinter()
    (first,) = fingerprinter.fingerprints([b"select a"])
    # Letters, for digits would make them one.
    letters = str.maketrans("0123456789", "ghijklmnop")
    texts = [
        f"select {str(n).translate(letters)}" for n in range(REMEMBERED_BYTES // REMEMBERED_ENTRY)
    ]
    fingerprinter.fingerprints([text.encode() for text in texts[:100]])
    assert fingerprinter.fingerprints([b"select a"]) == [first]
    found = [fingerprinter.fingerprints([text.encode()])[0].text for text in texts]
    assert found == texts
    (again,) = fingerprinter.fingerprints([b"select a"])
    assert again is not first
    assert again.text == first.text


@pytest.mark.parametrize(
    ("statement", "tags"),
    [
        ("select 1 /*controller='users',action='show'*/", ["controller users", "action show"]),
        ("select 1 /* controller=users, action=show */;", ["controller users", "action show"]),
        ("/*route='%2Fusers%2F%3Aid'*/ select 1", ["route /users/:id"]),
        ("select 1 /*controller='a'*/ from t /*controller='b'*/", ["controller a", "controller b"]),
        ("select '/*controller=users*/', \"/*controller=users*/\", $$/*controller=users*/$$", []),
        ("select 1 -- /*controller=users*/", []),
        ("select 1 /* a /*controller=users*/ */", []),
        ("select 1 /*controller='it is secret',action='a%27b'*/", []),
        (f"select 1 /*controller={'a' * 101}*/", []),
        ("select 1 /*other=users*/", []),
        ("select 1 /*controller", []),
        ("select 'O'Brien', '/*controller=secret*/'", []),
    ],
)
def test_tags_are_read_from_comments_alone(statement: str, tags: list[str]) -> None:
    keys = frozenset({"controller", "action", "route"})
    found = PostgresFingerprinter().tags(statement.encode(), keys)
    assert [" ".join(tag) for tag in found] == tags


@given(statements | noise)
def test_a_tag_holds_no_more_than_it_may(statement: bytes) -> None:
    for key, value in PostgresFingerprinter().tags(statement, frozenset({"a"})):
        assert key == "a"
        assert re.fullmatch(r"[A-Za-z0-9_./#:]{1,100}", value)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "an unclosed quote": lambda n: b"select '" + b"a" * n,
    "quotes": lambda n: b"'" * n,
    "quotes of both kinds": lambda n: b"'\"" * n,
    "strings with escapes that are not closed": lambda n: b"E'\\'" * n,
    "signs": lambda n: b"select " + b"+ " * n + b"a",
    "signs of both kinds": lambda n: b"select a " + b"- + " * n + b"a",
    "orders that end otherwise": lambda n: b"select a order by a" + b" asc" * n + b"x",
    "a string that could go on behind comments": lambda n: b"E'a' " + b"-- \n" * n,
    "comments that could be in a string": lambda n: b"E'a'" + b" --" * n,
    "strings that go on": lambda n: b"E'a'" + b"\n'b'" * n,
    "a string that could go on": lambda n: b"E'a'" + b"\n" * n,
    "doubt": lambda n: b"select " + b"'\\'a, " * n + b"'",
    "backslashes": lambda n: b"select '" + b"\\" * n + b"'",
    "escaped quotes": lambda n: b"select E'" + b"\\'" * n,
    "doubled quotes": lambda n: b"select '" + b"''" * n,
    "comments that begin": lambda n: b"/*" * n,
    "nested comments": lambda n: b"/*" * n + b"*/" * n,
    "comments": lambda n: b"/**/" * n,
    "line comments": lambda n: b"-- a\n" * n,
    "ends of comments": lambda n: b"*/" * n,
    "dashes": lambda n: b" -" * n + b"1",
    "digits": lambda n: b"select " + b"1" * n,
    "exponents": lambda n: b"1e" * n,
    "digits and dots": lambda n: b"1." * n,
    "names with digits": lambda n: b"a1$" * n,
    "names with quotes": lambda n: b'"\'" ' * n,
    "an unclosed name": lambda n: b'"' + b"a" * n + b"'",
    "dollar tags": lambda n: b"".join(b"$a%d$ " % i for i in range(n // 4)),
    "one dollar tag": lambda n: b"$" + b"a" * n + b"$",
    "dollars": lambda n: b"$a " * n,
    "NUL": lambda n: b"\0" * n,
    "blanks": lambda n: b"\1" * n,
    "marks that are cut": lambda n: CUT_MARK[:-1] * n,
    "IN": lambda n: b"in(" * n,
    "IN lists": lambda n: b"select in (" + b"1," * n + b"b)",
    "casts in lists": lambda n: b"in (" + b"1::a::b (1)[]," * n + b"b)",
    "types": lambda n: b"in (1" + b"::a precision" * n,
    "rows of IN": lambda n: b"select in (" + b"(1,2)," * n + b"(1))",
    "nested rows": lambda n: b"in (" + b"(" * n + b")" * n + b")",
    "nested lists of rows": lambda n: b"values ((a), (" * n,
    "rows of VALUES": lambda n: b"insert into t values " + b"(1,f(2))," * n + b"(1)",
    "many VALUES": lambda n: b"insert into t " + b"values (" * n,
    "VALUES in VALUES": lambda n: b"values (" + b"values (1), " * n,
    "arrays": lambda n: b"array[" * n,
    "arrays of arrays": lambda n: b"array[" + b"[1]," * n + b"a]",
    "any": lambda n: b"any(" * n,
    "unions": lambda n: b"select a union " * n,
    "unions of selects": lambda n: b"select a" + b" union select a" * n,
    "unions that begin alike": lambda n: b"select a" + b" union select ab" * n,
    "unions within unions": lambda n: b"(select a union select " * n + b"a" + b")" * n,
    "unions behind unions": lambda n: b"(select " * n + b"a" + b") union select b" * n,
    "orders": lambda n: b"order by a " + b" asc" * n,
    "limits": lambda n: b"limit 1" + b" offset 1" * n + b" limit 1",
    "offsets": lambda n: b"offset 1 " * n,
    "spaces": lambda n: b" " * n + b"a",
    "ends": lambda n: b";" * n + b"a",
    "nulls": lambda n: b"null" * n + b" null" * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_time_is_in_proportion_to_a_statement(make: Callable[[int], bytes]) -> None:
    def work(statement: bytes) -> None:
        PostgresFingerprinter().fingerprints([statement])

    assert growth.exponent(work, make) < growth.LIMIT


@pytest.mark.parametrize("hostile", [b"a=", b"a='", b"a=%2F,", b",", b"/*", b"/**/"])
def test_time_for_tags_is_in_proportion_to_a_statement(hostile: bytes) -> None:
    def work(statement: bytes) -> None:
        PostgresFingerprinter().tags(statement, frozenset({"a"}))

    assert growth.exponent(work, lambda n: b"/*" + hostile * n + b"*/") < growth.LIMIT


@pytest.mark.parametrize("statement", [b"it's", b"select 'a', 1", b'select "\'" -- 1', b"\0"])
def test_time_is_in_proportion_to_the_statements_of_a_batch(statement: bytes) -> None:
    # Letters in front, so that none has the shape of another.
    letters = bytes.maketrans(b"0123456789", b"ghijklmnop")

    def work(batch: list[bytes]) -> None:
        PostgresFingerprinter().fingerprints(batch)

    def make(size: int) -> list[bytes]:
        return [b"%d " % n + statement for n in range(size)]

    assert (
        growth.exponent(work, lambda n: [each.translate(letters) for each in make(n)])
        < growth.LIMIT
    )


def examples(after: str, before: str) -> list[tuple[str, str]]:
    """Return the examples of the page between two of its sentences: statement, fingerprint."""
    page = PAGE.read_text(encoding="utf-8")
    part = page[page.index(after) : page.index(before, page.index(after))]
    return re.findall(r"^\| [^|`]+(?:`[^`|]+`[^|`]*)* \| `(.*)` \| `(.*)` \|$", part, re.MULTILINE)


WHOLE_ON_THE_PAGE = examples("\n## PostgreSQL\n", "**When a statement is whole.**")
CUT_ON_THE_PAGE = examples("**When a statement is whole.**", "What is **not** found out is")


def test_the_page_has_examples_of_both_kinds() -> None:
    assert len(WHOLE_ON_THE_PAGE) > 20
    assert len(CUT_ON_THE_PAGE) == 4


@pytest.mark.parametrize(("statement", "fingerprint"), WHOLE_ON_THE_PAGE, ids=shown)
def test_an_example_of_the_page_is_true(statement: str, fingerprint: str) -> None:
    found = PostgresFingerprinter().fingerprint(statement.encode())
    assert (found.text, found.truncated) == (fingerprint, False)


@pytest.mark.parametrize(("statement", "fingerprint"), CUT_ON_THE_PAGE, ids=shown)
def test_an_example_of_a_cut_statement_is_true(statement: str, fingerprint: str) -> None:
    found = PostgresFingerprinter().fingerprint(statement.removesuffix("…").encode())
    assert (found.text, found.truncated) == (fingerprint, True)
