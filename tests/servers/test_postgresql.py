"""Statements that a real PostgreSQL ran are found in each of its logs, once, with their time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pg8000.exceptions
import pytest

from tests.servers.line import Document, Run, differences, digest
from tests.servers.server import PostgreSql, folder_of_a_server

SLEEP: Final = 0.02
FORMATS: Final = ("stderr", "csv", "json")
LOOKS_LIKE_AN_EVENT: Final = """say "hi"
2026-11-22 04:30:00 UTC:[local]:app@postgres:[1]:LOG:  duration: 9000.000 ms  statement: SELECT 1
"""
RUNS: Final = {
    'create table orders (id int, note text, "props ?" jsonb)': Run(1),
    "insert into orders values(?+)": Run(1),
    "insert into orders (id, note) values(?+)": Run(2),
    "select note from orders where id in(?+) order by id": Run(2),
    "select pg_sleep(?)": Run(4, SLEEP),
    "select id from orders where id = ? and note <> ?": Run(4),
    "select id from orders where id = any(?)": Run(2),
    "do ?": Run(1, SLEEP),
    "copy orders (id, note) from stdin": Run(1),
    "begin": Run(1),
    "declare c? cursor for select id from orders": Run(1),
    "fetch ? from c?": Run(2),
    "commit": Run(1),
    'select "props ?"->>? from orders where "props ?" @> ? and "props ?" ? ?': Run(1),
    "select ? /*repeat union*/": Run(1),
    "delete from orders": Run(1),
}


def run(server: PostgreSql) -> None:
    """Run what RUNS says, in two sessions by turns, by both protocols."""
    with closing(server.connect()) as a, closing(server.connect()) as b:
        a.run('CREATE TABLE orders (id INT, note TEXT, "Props 1" JSONB)')
        a.run("INSERT INTO orders VALUES (1, 'it''s', NULL), (2, E'C:\\\\', '{\"a\": 1}')")
        insert = "INSERT INTO orders (id, note) VALUES"
        b.run(f"{insert} (:id, :note)", id=3, note=LOOKS_LIKE_AN_EVENT)
        b.run(f"{insert} (4, 'größe 😀\n{LOOKS_LIKE_AN_EVENT}')")
        for session in (a, b):
            session.run(
                "SELECT note\n  FROM orders -- it's a comment\n WHERE id IN (1, 2)\n ORDER BY id"
            )
        for session in (a, b, a):
            session.run("SELECT pg_sleep(:seconds)", seconds=SLEEP)
        a.run(f"SELECT pg_sleep({SLEEP})")
        prepared = [
            session.prepare("SELECT id FROM orders WHERE id = :id AND note <> :note")
            for session in (a, b)
        ]
        for number in range(4):
            prepared[number % 2].run(id=number, note="a secret")
        for each in prepared:
            each.close()
        a.run("SELECT id FROM orders WHERE id = ANY(:ids)", ids=[1, 2])
        a.run("SELECT id FROM orders WHERE id = ANY('{1,2}')")
        a.run(f"DO $body$ BEGIN PERFORM pg_sleep({SLEEP}); END $body$")
        a.run("COPY orders (id, note) FROM STDIN", stream=io.StringIO("5\ta\n6\tb\n"))
        b.run("BEGIN")
        b.run("DECLARE c1 CURSOR FOR SELECT id FROM orders")
        b.run("FETCH 2 FROM c1")
        b.run("FETCH 3 FROM c1")
        b.run("COMMIT")
        with pytest.raises(pg8000.exceptions.DatabaseError, match="nothing"):
            b.run("SELECT nothing FROM orders WHERE note = 'a secret'")
        a.run(
            """SELECT "Props 1"->>'a' FROM orders WHERE "Props 1" @> '{"a": 1}' """
            """AND "Props 1" ? 'a'"""
        )
        a.run("SELECT 1 UNION SELECT 2")
        a.run("DELETE FROM orders /* all /* of them */ */;")


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, Document]]:
    """Return the digest of the logs of each format of one run."""
    with folder_of_a_server() as folder:
        server = PostgreSql(folder)
        with server.running():
            run(server)
        logs = {f"error/{name}": log for name, log in server.logs().items()}
        yield {
            each: digest(
                {name: log for name, log in logs.items() if format_of(name) == each},
                engine="postgres",
            )
            for each in FORMATS
        } | {"all": digest(logs, engine="postgres")}


def format_of(name: str) -> str:
    ending = name.rpartition(".")[2]
    return ending if ending in FORMATS else "stderr"


@pytest.mark.parametrize("log", [*FORMATS, "all"])
def test_every_statement_is_found_as_often_as_it_was_run_with_its_time(
    found: dict[str, Document], log: str
) -> None:
    assert differences(found[log], RUNS) == []
    assert found[log]["totals"]["count"] == sum(each.count for each in RUNS.values())
    assert found[log]["coverage"]["also"] == {"errors": 1}


@pytest.mark.parametrize("log", FORMATS)
def test_every_byte_of_a_log_is_understood(found: dict[str, Document], log: str) -> None:
    coverage = found[log]["coverage"]
    assert coverage["bytes_parsed"] == coverage["bytes_read"] > 0
    assert coverage["events_unreadable"] == coverage["events_truncated"] == 0


def test_the_three_formats_of_one_run_give_one_result(found: dict[str, Document]) -> None:
    stderr, csv, json, every = (told(each) for each in found.values())
    assert stderr == csv == json == every


def told(document: Document) -> list[object]:
    """Return what a digest says, times of day aside: a stderr log of RDS has no milliseconds."""
    queries = [
        {key: value for key, value in query.items() if key not in {"first_seen", "last_seen"}}
        for query in document["queries"]
    ]
    return [document["totals"], *queries]


def test_the_time_of_parse_and_bind_is_told_apart(found: dict[str, Document]) -> None:
    (query,) = [
        each
        for each in found["csv"]["queries"]
        if each["fingerprint"] == "select id from orders where id = ? and note <> ?"
    ]
    assert query["parse_time"]["sum"] > 0
    assert query["bind_time"]["sum"] > 0
    assert query["lock_time"] is query["rows_sent"] is None
    assert (query["users"], query["databases"]) == ({"app": 4}, {"postgres": 4})
