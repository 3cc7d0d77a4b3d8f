"""Fingerprints: what becomes of a statement, that no literal stays, and at what cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isqrt
from pathlib import Path
from random import Random

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from slowquery.fingerprint import (
    CUT_MARK,
    OUTLINE_LIMIT,
    REMEMBERED_BYTES,
    REMEMBERED_ENTRY,
    SHAPE_LIMIT,
    Fingerprint,
    Fingerprinter,
)
from slowquery.model import SqlMode
from tests import growth
from tests.rows import rows
from tests.sql import MARK, Twins, damaged, noise, statements, twins

MODES = [
    SqlMode(),
    SqlMode(ansi_quotes=True),
    SqlMode(no_backslash_escapes=True),
    SqlMode(ansi_quotes=True, no_backslash_escapes=True),
]
PAGE = Path(__file__).parent.parent / "docs" / "fingerprints.md"

STRINGS = [
    ("select 'a', \"b\", ''", "select ?, ?, ?"),
    ('select \'it\'\'s\', "say ""so"""', "select ?, ?"),
    (r"select 'it\'s', 'C:\\', 'b'", "select ?, ?, ?"),
    (r"select '\\\'', 'b'", "select ?, ?"),
    ("select 'say \"hi', 'x\"y'", "select ?, ?"),
    ("select 'a `b', 'c` d'", "select ?, ?"),
    ("select 'a;b', 'c'", "select ?, ?"),
    ("select 'a\nb\r\nc'", "select ?"),
    ("select 'multi\n;\n# Query_time: 9  Lock_time: 9\n'", "select ?"),
    ("select 'a' 'b'", "select ? ?"),
    ("select 'a'\"b\"", "select ??"),
    ("select 'a\0b', '\0'", "select ?, ?"),
    ("select '\1', a\1b", "select ?, a b"),
    ("select '-- a', '# b', '/* c', '*/'", "select ?, ?, ?, ?"),
    ("select '/*!', '$$', '/*+'", "select ?, ?, ?"),
    ("select 'a),(b', 'in (1)'", "select ?, ?"),
    ("select 'größe', '日本語', '😀'", "select ?, ?, ?"),
]
PREFIXED = [
    ("select x'0AFF', X'0AFF'", "select ?, x?"),
    ("select b'0101', B'0101'", "select ?, b?"),
    ("select N'a', n'it''s'", "select n?, n?"),
    ("select _utf8'a', _utf8mb4'a', _binary'a\\'b'", "select _utf??, _utf?m??, _binary?"),
    ("select DATE'2026-11-22', timestamp '2026-11-22 00:00:00'", "select date?, timestamp ?"),
]
NUMBERS = [
    ("select 0, 42, -1, +1, 1.5, .5, 1.", "select ?, ?, ?, ?, ?, ?, ?"),
    ("select 1e5, 1E5, 1.5e-3, 1.5E-3, 1.E+3, .5E3", "select ?, ?, ?, ?, ?, ?"),
    ("select 0xff, 0xFF, 0xDEADbeef, -0xFF, 0xfF", "select ?, ?, ?, ?, ?"),
    ("select 0b101, 0x", "select ?, ?"),
    ("select a - 1, a-1, a+1, a -1", "select a ? ?, a?, a?, a ?"),
    ("select a--1, a - -1", "select a?, a ? ?"),
    ("select a-0xFF, a+1E5", "select a?, a?"),
    ("limit 1E5,2E5", "limit ?"),
    ("select t1.c2, 1abc, x1, b2b, a_1", "select t?, ?, ?, ?, a_?"),
    ("select a1E5, a0xFF, 1E", "select a?e?, a?ff, ?"),
]
WORDS = [
    ("select null, NULL, is not null", "select ?, ?, is not ?"),
    ("select true, FALSE, a=true, (true)", "select ?, ?, a=?, (?)"),
    ("select a+false, a-TRUE, -false, a - true", "select a?, a?, ?, a ? ?"),
    ("select nullable, trueness, untrue, is_null", "select nullable, trueness, untrue, is_null"),
    ("SELECT  A ,\tB\r\nFROM\n T", "select a , b from t"),
    ("select größe from `Maße`", "select größe from `maße`"),
    ("select 'a' ", "select ? "),
    ("", ""),
]
NAMES = [
    ("select `a`.`b` from `c d`", "select `a`.`b` from `c d`"),
    ("select `it's`, 'b'", "select `it's`, ?"),
    ("select `a``b`, `'`, `\"`, 'c'", "select `a``b`, `'`, `\"`, ?"),
    ("select `-- a`, `/* b`, `# c`, `$$`, 'd'", "select `? a`, `/* b`, `# c`, `$$`, ?"),
    ("select `t1`, `a-b`, `a--b`", "select `t?`, `a?`, `a?`"),
    ("select `count(*)` from `x1y`", "select `count(*)` from `?y`"),
    ("select a$b$c, b$$d", "select a$b$c, b$$d"),
]
COMMENTS = [
    ("select a /* b */ from t", "select a from t"),
    ("/* a */ select b", "select b"),
    ("select /* it's */ a, 'b'", "select a, ?"),
    ("select /**/ a, /***/ b", "select a, b"),
    ("select /* a /* b */ c", "select c"),
    ("select a -- it's \"so\n, 'b'", "select a , ?"),
    ("select a --\n, b", "select a , b"),
    ("select a --", "select a "),
    ("select a # it's\n, 'b'", "select a , ?"),
    ("select a#b", "select a"),
    ("select /*!40001 sql_no_cache */ a", "select /*!? sql_no_cache */ a"),
    ("select /*! straight_join */* from t", "select /*! straight_join */* from t"),
    (
        "create table t (a int) /*!50100 partition by hash (a) partitions 4 */",
        "create table t (a int) /*!? partition by hash (a) partitions ? */",
    ),
    ("select /*!50000 'it''s', 0xFF */ a", "select /*!? ?, ? */ a"),
    ("select /*+ max_execution_time(5) bka('t') */ a", "select a"),
    ("select a/* b */* c", "select a * c"),
]
LISTS = [
    ("select a in (1,2), a in(3), a IN ( 'a' , 'b' )", "select a in(?+), a in(?+), a in(?+)"),
    ("select a in (1, -1, 1.5, null, true, 0xFF, 'it''s')", "select a in(?+)"),
    ("select a in (1, b)", "select a in (?, b)"),
    ("select a in (select 1)", "select a in (select ?)"),
    ("select min(1)", "select min(?)"),
    ("select (a,b) in ((1,2))", "select (a,b) in ((?,?))"),
    ("select (a,b) in ((1,2),(3,4))", "select (a,b) in ((?,?),(?,?))"),
    ("select (a,b) in ((1,2), (3,4), (5,6),\n(7,8))", "select (a,b) in ((?,?), (?,?))"),
    ("insert into t values (1,2)", "insert into t values(?+)"),
    ("INSERT INTO t(a) VALUES(1),(2),\n(3)", "insert into t(a) values(?+)"),
    ("insert ignore into t values ('a'),('b')", "insert ignore into t values(?+)"),
    ("replace into t values (1, now()), (2, now())", "replace into t values (?, now())"),
    ("insert into t values ('a),(b', now())", "insert into t values (?, now())"),
    ("insert into t values (`a),(b`, now())", "insert into t values (`a),(b`, now())"),
    ("insert into t set a = 1", "insert into t set a = ?"),
    (
        "insert into t values (1) on duplicate key update a = values(a)",
        "insert into t values(?+) on duplicate key update a = values(a)",
    ),
]
UNIONS = [
    ("select a union select a", "select a /*repeat union*/"),
    ("select 1 union all select 2 union all select 3", "select ? /*repeat union all*/"),
    ("select a union select a union all select a", "select a /*repeat union all*/"),
    ("select a union select b", "select a union select b"),
    ("select a union select a union select b", "select a /*repeat union*/ union select b"),
    (
        "select a union select a from b union select b union select b",
        "select a /*repeat union*/ from b union select b /*repeat union*/",
    ),
    ("select a from (select b union select b) c", "select a from (select b /*repeat union*/) c"),
    ("select a from (select b union select b", "select a from (select b /*repeat union*/"),
    ("select ` union select `, ` union select `", "select ` union select `, ` union select `"),
]
CLAUSES = [
    ("select a limit 5", "select a limit ?"),
    ("select a limit 5, 10", "select a limit ?"),
    ("select a limit 5,10", "select a limit ?"),
    ("select a limit 5 offset 10", "select a limit ?"),
    ("select a order by b asc, c ASC, d desc", "select a order by b, c, d desc"),
    ("select a order by b, ascii(c), d asc", "select a order by b, ascii(c), d"),
    ("select asc from t", "select asc from t"),
]
STATEMENTS = [
    ("call proc7(1, 'a')", "call proc7"),
    ("CALL db.proc7(f('a'), (1))", "call db.proc7"),
    ("call `db`.`proc7`('a')", "call `db`.`proc7`"),
    ("/* a */ call proc7(1)", "call proc7"),
    ("call /* a */ proc7(1)", "call proc7"),
    ("call null(1)", "call null"),
    ("call in (1)", "call in (?)"),
    ("call proc7", "call proc7"),
    ("call proc7 (1)", "call proc? (?)"),
    ("call `my proc`('a')", "call `my proc`(?)"),
    ("use db1", "use ?"),
    ("USE `db`", "use ?"),
    ("use index", "use ?"),
    ("SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`", "mysqldump"),
    ("REPLACE /*db.t:1/2*/ INTO checksums VALUES (1)", "percona-toolkit"),
    ("select '/*db.t:1/2*/'", "select ?"),
    ("prepare st from 'select ?'", "prepare st from ?"),
    ("set @a := 1, @b='x'", "set @a := ?, @b=?"),
    ("select ?, a = ?", "select ?, a = ?"),
]
DOLLARS = [
    ("select $$ it's $$, 'b'", "select ?, ?"),
    ("select $t$ $$ \" $t$, 'b'", "select ?, ?"),
    (
        "create function f() returns int language javascript as $js$ return '1' $js$",
        "create function f() returns int language javascript as ?",
    ),
    ("select $1$ a $1$", "select ?"),
    ("select $a, $b", "select $a, $b"),
    ("select é$$, 'a', b$$", "select é$$, ?, b$$"),
]
CASES = [
    *STRINGS,
    *PREFIXED,
    *NUMBERS,
    *WORDS,
    *NAMES,
    *COMMENTS,
    *LISTS,
    *UNIONS,
    *CLAUSES,
    *STATEMENTS,
    *DOLLARS,
]

CUT = [
    (b"select a from t", "select a from t"),
    (b"select 'a', 'it", "select ?, ?"),
    (b"select 'a', \"it's", "select ?, ?"),
    (b"select 'a\\", "select ?"),
    (b"select 'a''", "select ?"),
    (b"select 'a;", "select ?"),
    (b"select 'a;\n", "select ?"),
    (b"select `a", "select ?"),
    (b"select a /* it's", "select a "),
    (b"select a /* it's;", "select a "),
    (b"select a -- it's", "select a "),
    (b"select $$ it's", "select ?"),
    (b"select $$ it's $", "select ?"),
    (b"select 1.5E", "select ?"),
    (b"select 1.5E-", "select ?"),
    (b"select 0xDEAD", "select ?"),
    (b"select a;# b", "select a"),
    (b"call p7('a', 'b", "call p7"),
    (b"\tcall p/* a", "call p"),
    (b"select a, 'b " + CUT_MARK + b" c', d;", "select a, ?"),
    (b"select a, b " + CUT_MARK, "select a, b "),
    (b"select a;" + CUT_MARK, "select a"),
    (b"select 'a\0b", "select ?"),
]

UNPAIRED = [
    ("insert into u values ('O'Brien', 'secret street', 'topsecret')", "insert into u values (?"),
    ("update u set a='it's SECRET'", "update u set a=?"),
    ("/*!99999 don't */ update u set token='SECRET' where a='x'", "/*!? don?"),
    ("selec broken 7 syntax 'open", "selec broken ? syntax ?"),
    ('select a, "b" from t where c = \'open', "select a, ?"),
    ("select `a, 'secret', `b`", "select ?"),
    ("select `a`, `b from t", "select `a`, ?"),
    ("/* app='x' */ select 'O'Brien'", "select ?"),
    ("-- it's\n/* it's */ update t set a = 'O'Brien'", "update t set a = ?"),
    ("select /*` = '*/ secret /*'", "select "),
    ("select /*', '*/ secret, 'b", "select "),
    ("select $$ it's secret", "select ?"),
    ("select 'a' /* it is", "select ?"),
    ("call p('O'Brien')", "call p"),
    (rf"select a, 'C:\' from t where b = '{MARK}'", "select a, ?"),
]

IN_DOUBT = [
    (SqlMode(), rb"select a, 'C:\', 'secret'", "select a, ?"),
    (SqlMode(), rb"select a, 'C:\', 'secret", "select a, ?"),
    (SqlMode(), b"select a, 'C:\\', 'secret' -- it's\n;", "select a, ?"),
    (SqlMode(), b"select 'a', 'C:\\', ' secret' -- it's\n;", "select ?, ?"),
    (SqlMode(), rb"select 'C:\', 'secret #1' from t;", "select ?"),
    (MODES[2], rb"select a, 'it\'secret' from t", "select a, ?"),
    (MODES[2], rb"select a, 'it\'s secret, isn\'t it' from t;", "select a, ?"),
]

IN_A_MODE = [
    (SqlMode(), 'select "a_1" from t', "select ? from t"),
    (SqlMode(ansi_quotes=True), "select \"a_1\", 'c' from t", 'select "a_?", ? from t'),
    (SqlMode(ansi_quotes=True), "select \"it's\", 'b'", 'select "it\'s", ?'),
    (SqlMode(ansi_quotes=True), 'select "a""b", "c\\", \'d\'', 'select "a""b", "c\\", ?'),
    (SqlMode(ansi_quotes=True), 'select "`", `"`, \'d\'', 'select "`", `"`, ?'),
    (SqlMode(no_backslash_escapes=True), r"select 'C:\', 'b'", "select ?, ?"),
    (SqlMode(no_backslash_escapes=True), r"select 'C:\\', '''', 'b'", "select ?, ?, ?"),
    (SqlMode(no_backslash_escapes=True), r'select "C:\", "b"', "select ?, ?"),
    (MODES[3], "select \"C:\\\", 'C:\\', 'b'", 'select "c:\\", ?, ?'),
]

# What pt-query-digest 3.7.1 said of statements that real servers logged.
KNOWN_IDS = {
    "1FE1379FE2A31B8D16219655761820A2": "select 1",
    "DD749893CA4A219A6C099B0B73EA7633": "use shop",
    "82531C9F73051C99EFF583AC63C4FE3A": "CALL place_order(7, 'it''s')",
    "995F41A1456C1CF6746D96521AE5B82C": "SET NAMES utf8mb4",
    "3278A8B5882D3A84A1A94D3C6A2F90D1": "SELECT id FROM customers WHERE id IN (1, 2, 3)",
    "D3A7BDEDDAE0CD24FA14623F15267A86": "UPDATE customers SET avatar = X'4D' WHERE id = 7",
    "2A21AD01A746BCCE861848B90B1ECD02": "UPDATE customers SET avatar = _binary'a' WHERE id = 7",
    "25213A47B0F8514082EA64567C8019BE": "INSERT INTO customers (id,email) VALUES (1,'a'), (2,'b')",
    "4A363A711ED51FA54D97101227C970A1": "SELECT id FROM orders WHERE customer_id=7 -- it is so",
    "5F2CFECA930786016B5885B0798F1A8D": "CREATE TEMPORARY TABLE tmp_7 AS SELECT * FROM orders"
    " WHERE id < 9",
    "6F0DBB64458747F9C18BEC05D5757627": "SELECT COUNT(DISTINCT sid) FROM sessions_3\n"
    "WHERE touched > NOW() - INTERVAL 1 DAY",
    "56CDAA4B1D277857BE3B47A896C1FBEC": "SELECT * FROM shop.orders o STRAIGHT_JOIN shop.customers c"
    " ON (c.id=o.customer_id) WHERE c.id=1 AND (o.total, o.status) IN ((1,'a'),(2,'b'))",
}


def of(statement: str, mode: SqlMode | None = None) -> Fingerprint:
    return Fingerprinter(mode).fingerprint(statement.encode() + b";")


def told(fingerprints: list[Fingerprint]) -> list[tuple[str, bool]]:
    return [(each.text, each.truncated) for each in fingerprints]


def shown(case: str | bytes | SqlMode) -> str:
    """Name a case in a way that a terminal survives."""
    return ascii(case)


@pytest.mark.parametrize(("statement", "fingerprint"), CASES, ids=shown)
def test_a_whole_statement_has_this_fingerprint(statement: str, fingerprint: str) -> None:
    assert of(statement).text == fingerprint
    assert not of(statement).truncated


@pytest.mark.parametrize(("statement", "fingerprint"), CUT, ids=shown)
def test_a_cut_statement_has_that_of_its_whole_part(statement: bytes, fingerprint: str) -> None:
    found = Fingerprinter().fingerprint(statement)
    assert (found.text, found.truncated) == (fingerprint, True)


@pytest.mark.parametrize(("mode", "statement", "fingerprint"), IN_A_MODE, ids=shown)
def test_sql_mode_says_what_quotes_and_backslashes_mean(
    mode: SqlMode, statement: str, fingerprint: str
) -> None:
    assert of(statement, mode).text == fingerprint
    assert not of(statement, mode).truncated


@pytest.mark.parametrize(("query_id", "statement"), KNOWN_IDS.items(), ids=shown)
def test_the_id_is_the_one_that_pt_query_digest_gives(query_id: str, statement: str) -> None:
    assert of(statement).query_id == query_id


def test_the_batch_gives_the_whole_table_at_once() -> None:
    whole = [(statement.encode() + b";", text, False) for statement, text in CASES]
    batch = [*whole, *((statement, text, True) for statement, text in CUT)]
    found = Fingerprinter().fingerprints([statement for statement, _, _ in batch])
    assert told(found) == [(text, truncated) for _, text, truncated in batch]


def test_bytes_that_are_no_utf_8_stand_in_names_only() -> None:
    found = Fingerprinter().fingerprint(b"select '\xff\xfe', caf\xe9;")
    assert found.text == "select ?, caf�"


def test_no_statements_have_no_fingerprints() -> None:
    assert Fingerprinter().fingerprints([]) == []


@pytest.mark.parametrize(("statement", "fingerprint"), UNPAIRED, ids=shown)
def test_a_whole_statement_with_a_quote_too_many_is_cut_at_its_first_quote(
    statement: str, fingerprint: str
) -> None:
    found = Fingerprinter().fingerprints([statement.encode() + b";"])
    assert told(found) == [(fingerprint, True)]


@pytest.mark.parametrize(("mode", "statement", "fingerprint"), IN_DOUBT, ids=shown)
def test_a_statement_is_cut_at_a_backslash_that_may_have_another_meaning(
    mode: SqlMode, statement: bytes, fingerprint: str
) -> None:
    found = Fingerprinter(mode).fingerprints([statement])
    assert told(found) == [(fingerprint, True)]


@pytest.mark.parametrize(
    ("statement", "fingerprint"),
    [
        (rb"select 'a', 'b\n', \"c' from 'open", r"select ?, ?, \?"),
        (rb"select 'a', 'it''s' from 'open", "select ?, ? from ?"),
        (rb"select 'a', 'it\'s' from 'open", "select ?, ? from ?"),
        (rb"select 'C:\\', 'open", "select ?, ?"),
    ],
    ids=shown,
)
def test_a_string_that_ends_alike_in_both_modes_is_certain(
    statement: bytes, fingerprint: str
) -> None:
    assert Fingerprinter().fingerprint(statement).text == fingerprint


def test_escaped_quotes_alone_are_no_reason_to_cut() -> None:
    found = of(r"select 'he said \'no\', \'yes\' (\'so\')', 'b' from t")
    assert told([found]) == [("select ?, ? from t", False)]


@given(st.lists(statements | damaged | noise, max_size=5), st.sampled_from(MODES))
@example([b"/* a */ call p(1);", b"use  db;", b"/*a.b:1/2*/;"], SqlMode())
@example([b"select a union select a union select anull;", b"a-true1;"], SqlMode())
@example([b"order by a limit asc 1, 2;", b"values, (1) x ),( y;"], SqlMode())
@example([b"select x in union select x in (1);", b"$/**/a$;"], SqlMode())
@example([b"select \xdd union select \xff;"], SqlMode())
def test_the_fingerprint_of_a_fingerprint_is_itself(batch: list[bytes], mode: SqlMode) -> None:
    first = Fingerprinter(mode).fingerprints(batch)
    second = Fingerprinter(mode).fingerprints([each.text.encode() + b";" for each in first])
    assert told(second) == [(each.text, False) for each in first]
    assert [each.query_id for each in second] == [each.query_id for each in first]


@given(st.lists(statements | damaged | noise, max_size=8), st.sampled_from(MODES))
@example([b"select `a\0b`;", b"'", b"it's;"], SqlMode())
@example([b"select 'C:\\', 'a' -- it's\n;", b"select 'a\\'a, isn\\'t';"], SqlMode())
@example([b"select $1$ a $1$;", b"1E5;", b"`1E5`;", b"a-false.5;"], SqlMode())
def test_a_batch_gives_what_its_statements_give_one_by_one(
    batch: list[bytes], mode: SqlMode
) -> None:
    together = Fingerprinter(mode).fingerprints(batch)
    alone = [Fingerprinter(mode).fingerprint(statement) for statement in batch]
    assert told(together) == told(alone)


@given(st.lists(statements | noise, max_size=12), statements | noise)
@example([b"select `1E5`;", b"1$x$ secret $x$;"], b"'s'$x$ secret $x$;")
@example([b"`1E5`"], b"1E5")
def test_what_was_seen_before_changes_no_answer(before: list[bytes], statement: bytes) -> None:
    knowing = Fingerprinter()
    knowing.fingerprints(before)
    for each in before:
        knowing.fingerprint(each)
    fresh = Fingerprinter().fingerprint(statement)
    assert told(knowing.fingerprints([statement])) == told([fresh])
    assert told([knowing.fingerprint(statement)]) == told([fresh])


@given(statements | noise, st.randoms(use_true_random=False))
@example(b"select 0x1F, 1x1F;", Random(7))  # noqa: S311 - dice
@example(b"call p1(", Random(7))  # noqa: S311 - dice
@example(b"select $1$ a $2$ b $1$;", Random(7))  # noqa: S311 - dice
@example(b"SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`;", Random(7))  # noqa: S311 - dice
def test_a_statement_that_was_seen_with_other_digits_changes_no_answer(
    statement: bytes, random: Random
) -> None:
    def other(_: re.Match[bytes]) -> bytes:
        return b"%d" % random.randrange(10)

    knowing = Fingerprinter()
    for _ in range(3):
        knowing.fingerprints([re.sub(rb"[0-9]", other, statement)])
    fresh = Fingerprinter().fingerprint(statement)
    assert told(knowing.fingerprints([statement])) == told([fresh])


_HEADS = st.sampled_from(
    [
        b"insert into t values ",
        b"\n  Replace\tinto `a),(b` (`values (`, c)\n VALUES\n,",
        b"insert ignore into t (a) values",
        b"insert into t /* values (1),(2) */ select `),(` from u where x in ",
        b"insert into t values (1) on duplicate key update a = values(a), b = ",
        b"insert into t select 'values (' from u where x in ",
    ]
)
_ROWS = st.lists(
    st.sampled_from(
        [
            b"(1, 'a),(b')",
            b"(now(), '')",
            b"( `),(`, 2 )",
            b"(1",
            b")",
            b"('it''s', 'O\\'Brien', 'C:\\\\')",
            b"('\"', '--', '/*', '#', '`', '$$', '\0\1\2')",
            b'("it\'s")',
            b"(0xFF, -1, null) -- '",
            b"('\\')",
            b"(\\'1)",
            b"(1) /* ' */",
            b"(2) # '\n",
            b"($$'$$)",
            CUT_MARK,
        ]
    )
    | rows
)
_LONG = b"('" + b"a" * SHAPE_LIMIT + b"')"


@given(
    _HEADS, _ROWS, statements | noise, st.sampled_from([b";", b"", b"\n;"]), st.sampled_from(MODES)
)
@example(b"insert into t values ", [b"(1)"], b"", b";", SqlMode())
def test_what_is_dropped_from_a_long_insert_is_what_does_not_matter(
    head: bytes, rows: list[bytes], rest: bytes, end: bytes, mode: SqlMode
) -> None:
    for place in (0, len(rows)):
        long = head + b" , ".join([*rows[:place], _LONG, *rows[place:]]) + rest + end
        as_it_is = Fingerprinter(mode).fingerprint(long)
        assert told(Fingerprinter(mode).fingerprints([long])) == told([as_it_is])


@given(
    st.sampled_from(
        [b"select a from t where a in ", b"call in ", b"select 'x in ", b"select `x in "]
    ),
    st.sampled_from([b"", b" ", b"(", b"'", b"-", b"0x"]),
    st.sampled_from([b"", b"'", b"`", b", 'x'"]),
)
def test_what_is_dropped_from_a_long_list_of_numbers_is_what_does_not_matter(
    head: bytes, before: bytes, after: bytes
) -> None:
    long = head + before + b"(" + b", ".join([b"17"] * SHAPE_LIMIT) + b")" + after + b";"
    as_it_is = Fingerprinter().fingerprint(long)
    assert told(Fingerprinter().fingerprints([long])) == told([as_it_is])


@given(statements)
def test_no_literal_gets_out(statement: bytes) -> None:
    assert MARK not in Fingerprinter().fingerprint(statement + b";").text


@given(statements, st.data())
def test_no_literal_gets_out_wherever_the_statement_is_cut(
    statement: bytes, data: st.DataObject
) -> None:
    cut = statement[: data.draw(st.integers(0, len(statement)))]
    assert MARK[:2] not in Fingerprinter().fingerprint(cut).text


def before_the_first_quote(statement: bytes) -> str:
    return re.split(rb"['\"]", statement, maxsplit=1)[0].decode(errors="replace").lower()


@given(st.sampled_from([b"select ", b"/* it's */ update t set a = "]), damaged)
@example(b"insert into t ", f"values ('O'Brien', '{MARK}', 'b')".encode())
@example(b"select ", f"`a, '{MARK}', `b`".encode())
@example(b"select ", f"*/ {MARK} /*', '*/ {MARK} /*'".encode())
def test_nothing_behind_the_first_quote_gets_out_of_a_whole_statement_that_ends_inside_a_token(
    front: bytes, statement: bytes
) -> None:
    found = Fingerprinter().fingerprint(front + statement + b";")
    event("ends inside a token" if found.truncated else "its quotes come out even")
    if found.truncated:
        assert found.text.count(MARK) <= before_the_first_quote(statement).count(MARK)


def test_a_literal_without_its_first_quote_stands_before_the_first_quote() -> None:
    assert of(f"select {MARK}', 'b'").text == f"select {MARK}?"


@given(twins())
@example(Twins(b"select 'a';", b"select 'it''s -- \\' \0 /* 0xFF';"))
@example(Twins(b"select -1;", b"select 1E-5;"))
def test_what_a_literal_holds_does_not_change_the_shape(pair: Twins) -> None:
    one, other = Fingerprinter().fingerprints(list(pair))
    assert (one.text, one.truncated) == (other.text, other.truncated)


@given(st.lists(st.binary(), max_size=5), st.sampled_from(MODES))
def test_any_bytes_have_a_fingerprint(batch: list[bytes], mode: SqlMode) -> None:
    found = Fingerprinter(mode).fingerprints(batch)
    assert len(found) == len(batch)
    assert all(re.fullmatch("[0-9A-F]{32}", each.query_id) for each in found)


def test_what_is_remembered_is_bounded() -> None:
    fingerprinter = Fingerprinter()
    first = fingerprinter.fingerprint(b"select a;")
    # Letters that are no digits of any kind, so that each name is a fingerprint of its own.
    letters = str.maketrans("0123456789", "ghijklmnop")
    enough = REMEMBERED_BYTES // REMEMBERED_ENTRY
    texts = [f"select {str(n).translate(letters)}" for n in range(enough)]
    for text in texts[:100]:
        assert fingerprinter.fingerprint(text.encode() + b";").text == text
    assert fingerprinter.fingerprint(b"select a;") is first
    for text in texts[100:]:
        assert fingerprinter.fingerprint(text.encode() + b";").text == text
    again = fingerprinter.fingerprint(b"select a;")
    assert again is not first
    assert again.text == first.text


def test_long_outlines_are_not_remembered() -> None:
    fingerprinter = Fingerprinter()
    short, long = (b"select " + b"a" * size + b";" for size in (9, OUTLINE_LIMIT))
    assert fingerprinter.fingerprint(short) is fingerprinter.fingerprint(short)
    assert fingerprinter.fingerprint(long) is not fingerprinter.fingerprint(long)


@pytest.mark.parametrize(
    ("statement", "tags"),
    [
        ("select 1 /*controller='users',action='show'*/", ["controller users", "action show"]),
        ("select 1 /* controller=users, action=show */", ["controller users", "action show"]),
        ("/*route='%2Fusers%2F%3Aid'*/ select 1", ["route /users/:id"]),
        ("select 1 /*controller='a'*/ from t /*controller='b'*/", ["controller a", "controller b"]),
        ("select 1 /*route=a/b_c.d#e:f*/", ["route a/b_c.d#e:f"]),
        ("select '/*controller=users*/', `/*controller=users*/`", []),
        ("select 1 -- /*controller=users*/", []),
        ("select 1 # controller=users", []),
        ("select 1 /*! controller=users */", []),
        ("select 1 /*+ controller=users */", []),
        ("select 1 /*controller='it is secret',action='a%27b'*/", []),
        ("select 1 /*controller='users'x,action=''*/", []),
        (f"select 1 /*controller={'a' * 101}*/", []),
        ("select 1 /*other=users*/", []),
        ("select 1 /*controller", []),
        ("select 'O'Brien', '/*controller=secret*/'", []),
    ],
)
def test_tags_are_read_from_comments_alone(statement: str, tags: list[str]) -> None:
    keys = frozenset({"controller", "action", "route"})
    found = Fingerprinter().tags(statement.encode() + b";", keys)
    assert [" ".join(tag) for tag in found] == tags


@given(statements | noise)
def test_a_tag_holds_no_more_than_it_may(statement: bytes) -> None:
    for key, value in Fingerprinter().tags(statement, frozenset({"a"})):
        assert key == "a"
        assert re.fullmatch(r"[A-Za-z0-9_./#:]{1,100}", value)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "an unclosed quote": lambda n: b"select '" + b"a" * n,
    "quotes": lambda n: b"'" * n,
    "quotes of both kinds": lambda n: b"'\"" * n,
    "strings that are not closed in turn": lambda n: b"'\\'\"" * n,
    "doubt": lambda n: b"select " + b"'\\'a', " * n + b"';",
    "backslashes": lambda n: b"select '" + b"\\" * n,
    "backslashes outside": lambda n: b"\\" * n + b";",
    "escaped quotes": lambda n: b"select '" + b"\\'" * n,
    "doubled quotes": lambda n: b"select '" + b"''" * n,
    "comments that begin": lambda n: b"/*" * n,
    "comments": lambda n: b"/**/" * n + b";",
    "comments before a dollar": lambda n: b"/**/a" * n + b"$;",
    "line comments": lambda n: b"-- a\n" * n + b";",
    "version comments": lambda n: b"/*!" * n + b";",
    "ends of comments": lambda n: b"*/" * n + b";",
    "dashes": lambda n: b"-" * n + b";",
    "pairs of dashes": lambda n: b"--1" * n + b";",
    "digits": lambda n: b"select " + b"1" * n + b";",
    "upper-case hex": lambda n: b"0x" * n + b"F;",
    "exponents": lambda n: b"1E" * n + b";",
    "digits and dots": lambda n: b"1." * n + b";",
    "signs": lambda n: b"+true" * n + b";",
    "back-ticks": lambda n: b"`" * n + b";",
    "names with quotes": lambda n: b"`'` " * n + b";",
    "an unclosed name": lambda n: b"`" + b"a" * n + b"'",
    "dollar tags": lambda n: b"".join(b"$%d$ " % i for i in range(n // 4)),
    "one dollar tag": lambda n: b"$" + b"a" * n + b"$;",
    "dollars": lambda n: b"$a " * n + b";",
    "NUL": lambda n: b"\0" * n + b";",
    "marks that are cut": lambda n: CUT_MARK[:-1] * n + b";",
    "IN": lambda n: b"in(" * n + b";",
    "IN lists": lambda n: b"select in (" + b"1," * n + b"b);",
    "rows of IN": lambda n: b"select in (" + b"(1,2)," * n + b"(1));",
    "rows of rows": lambda n: b"in ((1),(1),(1" * n + b";",
    "nested rows": lambda n: b"in (" + b"(" * n + b")" * n + b");",
    "rows of VALUES": lambda n: b"insert into t values " + b"(1,f(2))," * n + b"(1);",
    "many VALUES": lambda n: b"insert into t " + b"values (" * n + b";",
    "no VALUES": lambda n: b"insert into " + b"value " * n + b";",
    "unions": lambda n: b"select a union " * n + b";",
    "unions of selects": lambda n: b"select a" + b" union select a" * n + b";",
    "unions that differ": lambda n: b" union ".join(b"select " + b"a" * (i % 7) for i in range(n)),
    "unions that begin alike": lambda n: b"select a" + b" union select ab" * n + b";",
    "unions that end as others begin": lambda n: b" union ".join(
        b"select %c select %c" % (97 + i % 26, 97 + (i + 1) % 26) for i in range(n)
    ),
    "selects before a union": lambda n: b"select a " * n + b"union select b;",
    "orders": lambda n: b"order by a " + b" asc" * n + b";",
    "orders of orders": lambda n: b"order by asc " * n + b";",
    "limits": lambda n: b"limit 1" + b",1" * n + b" limit 1;",
    "a call of names": lambda n: b"call " + b"a." * n + b";",
    "a call of quoted names": lambda n: b"call " + b"`a`." * n + b" ;",
    "a call of spaces": lambda n: b"call " + b" " * n + b";",
    "spaces": lambda n: b" " * n + b"a;",
    "line breaks": lambda n: b"\r\n" * n + b"a" + b"\r\n" * n + b";",
    "nulls": lambda n: b"null" * n + b" null" * n + b";",
    "truths": lambda n: b"true" * n + b" true" * n + b";",
    "blanks": lambda n: b"\1" * n + b";",
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_time_is_in_proportion_to_a_statement(make: Callable[[int], bytes]) -> None:
    def work(statement: bytes) -> None:
        Fingerprinter().fingerprints([statement])

    assert growth.exponent(work, make) < growth.LIMIT


@pytest.mark.parametrize("hostile", [b"a=", b"a='", b"a=%2F,", b"a ", b",", b" "])
def test_time_for_tags_is_in_proportion_to_a_statement(hostile: bytes) -> None:
    def work(statement: bytes) -> None:
        Fingerprinter().tags(statement, frozenset({"a"}))

    assert growth.exponent(work, lambda n: b"/*" + hostile * n + b"*/") < growth.LIMIT


@pytest.mark.parametrize("statement", [b"it's", b"select 'a', 1;", b"select `'` -- 1;", b"\0"])
def test_time_is_in_proportion_to_the_statements_of_a_batch(statement: bytes) -> None:
    def work(batch: list[bytes]) -> None:
        Fingerprinter().fingerprints(batch)

    assert growth.exponent(work, lambda n: [statement] * n) < growth.LIMIT


def test_the_ruler_tells_a_line_from_a_curve() -> None:
    assert 0.8 < growth.exponent(lambda n: sum(range(n)), lambda n: n) < growth.LIMIT
    assert growth.exponent(lambda n: sum(range(n * isqrt(n))), lambda n: n) > 1.3


def table_rows(after: str = "") -> list[list[str]]:
    """Return the examples of each row of the page's tables, ``after`` a heading, that has some."""
    span = re.compile(r"(?:^|(?<= ))\| (?:`` (.*?) ``|`(.*?)`)(?= \|)")
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in page[page.index(after) :].splitlines() if line[:3] == "| `"]
    return [[one or other for one, other in span.findall(row)] for row in rows]


ROWS = table_rows()
IDS = [row for row in ROWS if len(row) == 3 and len(row[1]) == 32]
ODD = [row for row in table_rows("\n## Odd quotes\n") if len(row) == 2]
ALIKE = [row for row in ROWS if len(row) == 2]
DIFFERENT = [row for row in ROWS if len(row) == 3 and len(row[1]) != 32]


def written(example_text: str) -> bytes:
    """Return an example as it would stand in a log: cut where it says so, else with ``;``."""
    text = example_text.replace("↵", "\n").replace("␀", "\0")
    return text[:-1].encode() if text.endswith("…") else text.removesuffix(";").encode() + b";"


def test_the_page_has_examples_of_all_three_kinds() -> None:
    assert len(IDS) == 2
    assert len(ALIKE) > 30
    assert len(ODD) > 5
    assert len(DIFFERENT) > 20
    assert len(ROWS) == len(IDS) + len(ALIKE) + len(DIFFERENT)


@pytest.mark.parametrize(("fingerprint", "query_id", "in_pmm"), IDS)
def test_an_id_of_the_page_is_the_id(fingerprint: str, query_id: str, in_pmm: str) -> None:
    assert Fingerprint(fingerprint).query_id == query_id
    assert query_id[16:] == in_pmm


@pytest.mark.parametrize(("statement", "fingerprint"), ALIKE, ids=shown)
def test_an_example_of_the_page_is_true(statement: str, fingerprint: str) -> None:
    found = Fingerprinter().fingerprint(written(statement))
    assert found.text == fingerprint
    cut = statement.endswith("…") or CUT_MARK.decode() in statement
    assert found.truncated == (cut or [statement, fingerprint] in ODD)


@pytest.mark.parametrize(("statement", "theirs", "ours"), DIFFERENT, ids=shown)
def test_a_difference_of_the_page_is_one(statement: str, theirs: str, ours: str) -> None:
    assert Fingerprinter().fingerprint(written(statement)).text == ours
    assert theirs != ours


def test_the_statement_in_doubt() -> None:
    (statement, fingerprint) = re.findall(
        r"The statement\s+`(.*)` is then `(.*)`\.", PAGE.read_text(encoding="utf-8")
    )[0]
    assert of(statement).text == fingerprint
