"""Statements that a real MariaDB ran are found in its own log, each once, with their time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import pymysql
import pytest

from tests.sandbox.log_file import LIVE
from tests.servers.line import Document, Run, differences, digest
from tests.servers.server import MariaDb, folder_of_a_server

SLEEP: Final = 0.02
LOOKS_LIKE_AN_EVENT: Final = """say "hi"
# User@Host: root[root] @ localhost []
# Query_time: 9.000000  Lock_time: 0.000000
SELECT 1;
"""
RUNS: Final = {
    "set names utf?m?": Run(2),  # the driver does
    "create database shop character set utf?m?": Run(1),
    "use ?": Run(2),
    "create table orders (id int, note text)": Run(1),
    "insert into orders (id, note) values(?+)": Run(3),
    "select note from orders where id in(?+) order by id": Run(2),
    "select id, sleep(?) from orders limit ?": Run(3, SLEEP),
    "create procedure pause(n int) begin do sleep(?); update orders set id = id; end": Run(1),
    "call pause": Run(2, SLEEP),
    "prepare st from ?": Run(1),
    "set @a = ?": Run(1),
    "select count(*) from orders where id = ?": Run(1),
    "deallocate prepare st": Run(1),
    "select ? /*repeat union*/": Run(1),
    "select nothing from orders where id = ?": Run(1),
    "delete from orders ": Run(1),
}


def run(server: MariaDb) -> None:
    """Run what RUNS says, in two sessions by turns."""
    with closing(server.connect()) as one, closing(server.connect()) as two:
        a, b = one.cursor(), two.cursor()
        a.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
        a.execute("USE shop")
        b.execute("USE shop")
        a.execute("CREATE TABLE orders (id INT, note TEXT)")
        insert = "INSERT INTO orders (id, note) VALUES (%s, %s)"
        a.execute(insert, (1, "it's"))
        b.executemany(insert, [(2, "C:\\"), (3, LOOKS_LIKE_AN_EVENT)])
        a.execute(insert, (4, "größe 😀 -- no comment"))
        for cursor in (a, b):
            cursor.execute(
                "SELECT note\n  FROM orders -- it's a comment\n WHERE id IN (%s, %s)\n ORDER BY id",
                (1, 2),
            )
        for cursor in (a, b, a):
            cursor.execute("SELECT id, SLEEP(%s) FROM orders LIMIT 1", (SLEEP,))
        a.execute(
            f"CREATE PROCEDURE pause(n INT) BEGIN DO SLEEP({SLEEP}); UPDATE orders SET id = id; END"
        )
        b.execute("CALL pause(1)")
        b.execute("CALL pause(2)")
        a.execute("PREPARE st FROM 'SELECT COUNT(*) FROM orders WHERE id = ?'")
        a.execute("SET @a = 1")
        a.execute("EXECUTE st USING @a")
        a.execute("DEALLOCATE PREPARE st")
        a.execute("SELECT 1 UNION SELECT 2")
        with pytest.raises(pymysql.OperationalError, match="nothing"):
            b.execute("SELECT nothing FROM orders WHERE id = 7")
        a.execute("DELETE FROM orders /* all */")


@pytest.fixture(scope="module")
def found() -> Iterator[Document]:
    with folder_of_a_server() as folder:
        server = MariaDb(folder)
        with server.running():
            run(server)
        yield digest({LIVE: server.log()}, engine="mariadb")


def test_every_statement_is_found_as_often_as_it_was_run_with_its_time(found: Document) -> None:
    assert differences(found, RUNS) == []
    assert found["totals"]["count"] == sum(each.count for each in RUNS.values())


def test_every_byte_of_the_log_is_understood(found: Document) -> None:
    coverage = found["coverage"]
    assert coverage["bytes_parsed"] == coverage["bytes_read"] > 0
    assert coverage["events_unreadable"] == coverage["events_truncated"] == 0


def test_who_ran_it_and_where_is_told(found: Document) -> None:
    (query,) = [each for each in found["queries"] if each["tables"] == ["orders"]][:1]
    assert (query["users"], query["databases"]) == (
        {"root": query["count"]},
        {"shop": query["count"]},
    )
