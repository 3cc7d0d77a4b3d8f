"""No literal of any query leaves by any door: the whole line, over made-up SQL.

Each literal bears a mark. What comes out of the line (a message as every channel sends it,
text, Markdown, the document, metrics) is searched for it.
"""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers import console, webhook
from notifiers.slack_blocks import posts, thread
from slowquery import metrics, render
from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.document import digest_json, result_document
from slowquery.fingerprint import Fingerprinter
from slowquery.line import READERS
from slowquery.model import Engine, Loss, Piece, Portion, Result, SqlMode, Window
from slowquery.readers import mysql
from slowquery.settings import Settings
from slowquery.window import parse_time
from slowquery.workers import table_of
from tests.sql import MARK, damaged, statements
from tests.test_postgres_sql import statements as postgresql_statements

START = parse_time("2026-11-22T04:00Z")
HOUR = Window(START, START + 3600 * 1_000_000)
TAGS = frozenset({MARK, "a", "controller"})


def log_of(found: list[bytes]) -> bytes:
    header = (
        b"# Time: 2026-11-22T04:30:00.000000Z\n"
        b"# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n"
        b"# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
        b"SET timestamp=1795321800;\n"
    )
    return b"".join(header + statement + b";\n" for statement in found)


def everything_that_leaves(log: bytes, cut: int, engine: Engine = "mysql") -> str:
    loss = Loss("log", "cut", 7)
    pieces: list[Piece] = [Portion("log", log[:cut]), loss, Portion("log", log[cut:])]
    read = READERS[engine]
    table = table_of(read(pieces, None), Selection(HOUR), SqlMode(), engine=engine)
    found = digest(table, engine=engine, window=HOUR, instance="shop-db", losses=(loss,))
    result = Result(HOUR, (found,))
    message = render.message(result, Settings(instances=()))
    emitted = metrics.emf(
        result, names=Settings(instances=()).metrics, now=START, run_duration=1, delivered={}
    )
    return "\n".join(
        [
            console.text(message),
            webhook.payload(message).decode(),
            json.dumps([*thread(message), *posts(message)], ensure_ascii=False),
            render.text(result, Settings(instances=()), width=90, colour=True),
            render.markdown(result, Settings(instances=())),
            json.dumps(result_document(result), ensure_ascii=False),
            "".join(digest_json(found)),
            json.dumps([*emitted]),
            repr(table.classes.keys()),
            repr(found),
        ]
    )


@settings(max_examples=60)
@given(st.lists(statements, min_size=1, max_size=6), st.data())
def test_no_literal_leaves(found: list[bytes], data: st.DataObject) -> None:
    log = log_of(found)
    cut = data.draw(st.integers(0, len(log)))
    assert MARK not in everything_that_leaves(log, cut)


def postgresql_log_of(found: list[bytes]) -> bytes:
    """Return what a server writes of statements, in each of the ways in which it shows one."""
    prefix = b"2026-11-22 04:30:00 UTC:10.0.0.7(80):app@shop:[77]:"
    return b"".join(
        prefix + way.replace(b"%b", statement.replace(b"\n", b"\n\t")) + b"\n"
        for statement in found
        for way in (
            b"LOG:  duration: 900.000 ms  statement: %b",
            b"LOG:  duration: 1.000 ms  execute <unnamed>: %b",
            b"DETAIL:  parameters: $1 = '" + MARK.encode() + b"', $2 = %b",
            b'ERROR:  syntax error at or near "' + MARK.encode() + b'"',
            b"STATEMENT:  %b",
            b"LOG:  duration: 9.000 ms  plan:\n\tQuery Text: %b",
            b"LOG:  statement: %b",
            b"LOG:  duration: 2.000 ms",
        )
    )


@settings(max_examples=60)
@given(st.lists(postgresql_statements, min_size=1, max_size=4), st.data())
def test_no_literal_of_a_postgresql_log_leaves(found: list[bytes], data: st.DataObject) -> None:
    log = postgresql_log_of(found)
    cut = data.draw(st.integers(0, len(log)))
    assert MARK not in everything_that_leaves(log, cut, "postgresql")


def ends_inside_a_token(statement: bytes) -> bool:
    return Fingerprinter().fingerprint(statement + b";").truncated


@settings(max_examples=25)
@given(damaged.map(b"select ' it', ".__add__).filter(ends_inside_a_token))
def test_no_literal_of_a_whole_statement_that_ends_inside_a_token_leaves(found: bytes) -> None:
    """A header within it is an event to the reader, which leaves the statement cut: not here."""
    log = log_of([found.replace(b"# Query_time", b"")])
    assert MARK not in everything_that_leaves(log, len(log))


def test_what_is_searched_would_show_a_mark() -> None:
    """A name is no literal, so a marked one does come out by every door but metrics."""
    log = log_of([f"select a from {MARK}".encode()])
    assert everything_that_leaves(log, 0).count(MARK) >= 9


def test_a_tag_is_the_one_thing_of_a_comment_that_can_leave() -> None:
    table = Table(Selection(), tag_keys=TAGS)
    log = log_of([f"select 1 /*a='{MARK} secret',controller='{MARK}'*/".encode()])
    for batch in mysql.read([Portion("log", log)]):
        table.add(batch)
    (stats,) = table.classes.values()
    assert {key: dict(values) for key, values in stats.tags.items()} == {"controller": {MARK: 1}}
