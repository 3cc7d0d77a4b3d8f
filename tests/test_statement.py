"""Kinds and tables of fingerprints: what people would call a query, whatever its shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowquery.fingerprint import Fingerprinter
from slowquery.model import SqlMode
from slowquery.postgres_sql import PostgresFingerprinter
from slowquery.statement import READ, TABLES, kind_and_tables
from tests.growth import LIMIT, exponent
from tests.sql import noise, statements

SHAPES = [
    # Where tables stand.
    ("select a from t", "SELECT t"),
    ("select ?", "SELECT"),
    ("select now() from dual", "SELECT"),
    ("select a from sbtest? where id in(?+)", "SELECT sbtest?"),
    ("select a from db.t?", "SELECT db.t?"),
    ("select a from `order items`", "SELECT order items"),
    ("select a from `db`.`t?`", "SELECT db.t?"),
    ('select a from "t"', "SELECT t"),
    ("select é from ünï", "SELECT ünï"),
    ("select a from user join role on a = b", "SELECT user, role"),
    ("select a from t, t as x", "SELECT t"),
    # Joins and lists.
    ("select a from t as x, u as y, db.v", "SELECT t, u, db.v"),
    ("select a from t x left outer join u y using (id) inner join v", "SELECT t, u, v"),
    ("select a from t natural join u cross join v", "SELECT t, u, v"),
    ("select a from t straight_join u on t.a = u.a", "SELECT t, u"),
    ("select straight_join a from t join u", "SELECT t, u"),
    ("select a from t join u on t.a = u.a, v", "SELECT t, u, v"),
    ("select a from t left join (u, v) on t.a = u.a", "SELECT t, u, v"),
    ("select a from ((t join u on a = b) join v on a = b)", "SELECT t, u, v"),
    ("select a from t use index (i, j), u", "SELECT t, u"),
    ("select a from t force index for join (i) where b = ?", "SELECT t"),
    ("select a from t partition (p?) x join u", "SELECT t, u"),
    ("select a, b from t order by a, b limit ?", "SELECT t"),
    ("select a from t group by a, b having c, d", "SELECT t"),
    ("select a from t for update", "SELECT t"),
    ("select a from t lock in share mode", "SELECT t"),
    ("select a from t window w as (partition by b, c)", "SELECT t"),
    # Subqueries.
    ("select a from (select b from u) as x join t on t.a = x.b", "SELECT u, t"),
    ("select a, (select max(b) from u where u.c = t.c) from t", "SELECT u, t"),
    ("select a from t where b in (select c from u, v) order by d, e", "SELECT t, u, v"),
    ("select a from t, lateral (select b from u) x, w", "SELECT t, u, w"),
    ("select a from t union select b from u union all select c from v", "SELECT t, u, v"),
    ("(select a from t) union (select b from u) limit ?", "SELECT t, u"),
    # Functions and words that look like clauses and are none.
    ("select extract(year from d), trim(both ? from e) from t", "SELECT t"),
    ("select replace(a, ?, ?), insert(b, ?, ?, ?), left(c, ?) from t", "SELECT t"),
    ("select a from json_table(?, ?) as j join t", "SELECT t"),
    ("select a from t where b is distinct from c", "SELECT t"),
    ("select t as x from t as y", "SELECT t"),
    ("select a.update, b.from, c.with from t", "SELECT t"),
    ("select a from t where update_time > ?", "SELECT t"),
    ("select group_concat(a order by b separator ?) from t", "SELECT t"),
    ("select a into outfile ? from t", "SELECT t"),
    ("select a into @x, @y from t", "SELECT t"),
    ("select /*!? sql_no_cache */ * from t", "SELECT t"),
    ("select a, count(*) from t group by a with rollup", "SELECT t"),
    # Other verbs.
    ("insert into t (a, b) select c, d from u", "INSERT t, u"),
    ("insert into t values(?+)", "INSERT t"),
    ("insert ignore into t set a = ?, b = ?", "INSERT t"),
    ("insert t (a, b) values(?+)", "INSERT t"),
    ("insert into t (a) values(?+) on duplicate key update a = ?, b = values(b)", "INSERT t"),
    ("insert into t select a from u on duplicate key update a = ?, b = ?", "INSERT t, u"),
    ("replace into t values(?+)", "REPLACE t"),
    ("replace t (a) values(?+)", "REPLACE t"),
    ("update t set a = ?, b = ? where c = ?", "UPDATE t"),
    ("update low_priority ignore t, u set t.b = u.b", "UPDATE t, u"),
    ("update t join u on t.a = u.a set t.b = u.b", "UPDATE t, u"),
    ("update t set a = (select max(b) from u), c = ?", "UPDATE t, u"),
    ("delete from t where a = ?", "DELETE t"),
    ("delete quick from t", "DELETE t"),
    ("delete x, y from t x join u y on x.a = y.a", "DELETE t, u"),
    ("delete from t using t join u on t.a = u.a", "DELETE t, u"),
    ("load data infile ? into table t fields terminated by ?", "LOAD DATA t"),
    ("merge into t using u on a = b when matched then update set c = ?", "MERGE t, u"),
    ("call db.p?", "CALL"),
    ("do sleep(?)", "DO"),
    ("explain select a from t", "EXPLAIN t"),
    ("describe t", "DESCRIBE t"),
    ("values row(?)", "VALUES"),
    # What a WITH defines is no table.
    ("with x as (select a from t) select * from x join u on x.a = u.a", "SELECT t, u"),
    (
        "with recursive x (n) as (select a from t union all select b from x) select * from x",
        "SELECT t",
    ),
    (
        "with x as (select a from t), y as (select b from x) delete from v using v, y",
        "DELETE t, v",
    ),
    ("with x as (select replace(a, ?, ?) from t) update v set a = ?", "UPDATE t, v"),
    ("insert into t with x as (select a from u) select * from x", "INSERT t, u"),
    ("select a from (with x as (select b from u) select * from x) y join t", "SELECT u, t"),
    # Definitions.
    (
        "create table t (a int not ?, key k (a), foreign key (b) references u (b))",
        "CREATE TABLE t, u",
    ),
    ("create table if not exists db.t (a int on update current_timestamp)", "CREATE TABLE db.t"),
    ("create temporary table t as select a from u", "CREATE TABLE t, u"),
    ("create or replace view v as select a from t", "CREATE VIEW v, t"),
    ("create unique index i on t (a, b)", "CREATE INDEX t"),
    ("create definer = `a`@`b` procedure p() begin select a from t; end", "CREATE PROCEDURE t"),
    ("create trigger x before insert on t for each row set @a = ?", "CREATE TRIGGER"),
    ("alter table t add column a int, add key (a), drop column b", "ALTER TABLE t"),
    ("drop table if exists t, db.u", "DROP TABLE t, db.u"),
    ("drop index i on t", "DROP INDEX t"),
    ("truncate table t", "TRUNCATE t"),
    ("truncate t", "TRUNCATE t"),
    ("truncate t, u restart identity", "TRUNCATE t, u"),
    ("rename table t to u", "RENAME TABLE t"),
    ("optimize table t, u", "OPTIMIZE t, u"),
    # The rest of a log.
    ("show full columns from `t`", "SHOW COLUMNS t"),
    ("show create table t", "SHOW CREATE t"),
    ("show global status like ?", "SHOW STATUS"),
    ("show tables from db", "SHOW TABLES"),
    ("show table status from db", "SHOW TABLE"),
    ("lock tables t read, u write", "LOCK TABLES t, u"),
    ("unlock tables", "UNLOCK TABLES"),
    ("set names ?", "SET"),
    ("set @a = ?, @b = (select c from t)", "SET t"),
    ("use ?", "USE"),
    ("commit", "COMMIT"),
    ("start transaction", "START TRANSACTION"),
    ("mysqldump", "MYSQLDUMP"),
    # Cut, or no SQL at all.
    ("", "OTHER"),
    ("(((", "OTHER"),
    ("?", "?"),
    (")", "OTHER"),
    ("select a from", "SELECT"),
    ("select a from t,", "SELECT t"),
    ("select a from db.", "SELECT db"),
    ("select a from t where b = ? and (c", "SELECT t"),
    ("select a from )))) t", "SELECT t"),
    ("from from from", "FROM"),
    ("selec a form t", "SELEC"),
]


# What PostgreSQL alone knows.
OF_POSTGRESQL = [
    ("copy t (a, b) from stdin", "COPY t"),
    ("copy (select a from t) to stdout", "COPY t"),
    ("declare c cursor for select a from t", "DECLARE t"),
    ("fetch forward ? from c", "FETCH"),
    ("vacuum verbose analyze t", "VACUUM t"),
    ("analyze t (a)", "ANALYZE t"),
    ("cluster t using i", "CLUSTER t"),
    ("prepare st as select a from t", "PREPARE t"),
    ("create materialized view v as select a from t", "CREATE VIEW v, t"),
    ("create unique index concurrently i on only t using gin (a)", "CREATE INDEX t"),
    ("select distinct on (a, b) c from only t", "SELECT t"),
    ('select ?::text from "s?"."t" t where a->>? = ? and b ? ?', "SELECT s?.t"),
    ("select a from t where b = any(?::int[]) for update of t skip locked", "SELECT t"),
    ("select a from t where b = any(array(select c from u))", "SELECT t, u"),
    ("select a from generate_series(?, ?) g, unnest(?) u, t", "SELECT t"),
    ("select a from t cross join lateral jsonb_array_elements(t.b) x", "SELECT t"),
    ("update only t set a = ? from u where t.a = u.a returning b", "UPDATE t, u"),
    ("insert into t as x (a) values(?+) on conflict (a) do update set b = excluded.b", "INSERT t"),
    ("with d as (delete from t returning *) insert into u select * from d", "INSERT t, u"),
    ("comment on table t is ?", "COMMENT t"),
    ("refresh materialized view concurrently v", "REFRESH v"),
    ("explain (analyze, buffers) select a from t", "EXPLAIN t"),
]


@pytest.mark.parametrize(("fingerprint", "said"), [*SHAPES, *OF_POSTGRESQL], ids=str)
def test_a_fingerprint_has_a_kind_and_tables(fingerprint: str, said: str) -> None:
    kind, tables = kind_and_tables(fingerprint)
    assert f"{kind} {', '.join(tables)}".rstrip() == said


@pytest.mark.parametrize("shape", [shape for shape, _ in SHAPES])
def test_the_shapes_are_fingerprints(shape: str) -> None:
    mode = SqlMode(ansi_quotes=True)
    assert Fingerprinter(mode).fingerprint(shape.encode() + b";").text == shape


@pytest.mark.parametrize("shape", [shape for shape, _ in OF_POSTGRESQL])
def test_the_shapes_of_postgresql_are_fingerprints(shape: str) -> None:
    assert PostgresFingerprinter().fingerprint(shape.encode()).text == shape


@given(st.one_of(statements, noise))
def test_any_statement_has_a_kind_and_only_tables_that_stand_in_it(statement: bytes) -> None:
    text = Fingerprinter().fingerprint(statement).text
    kind, tables = kind_and_tables(text)
    assert kind
    assert kind == kind.upper()
    assert len(set(tables)) == len(tables) <= TABLES
    bare = text.lower().replace("`", "").replace('"', "")
    for table in tables:
        assert table in bare


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    kind, _ = kind_and_tables(text)
    assert kind


def test_no_more_than_so_many_tables_are_named() -> None:
    many = ", ".join(f"t_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    _, tables = kind_and_tables(f"select a from {many}")
    assert tables == tuple(f"t_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"[:TABLES])


def test_what_comes_after_the_first_thousands_of_characters_is_not_looked_at() -> None:
    columns = "a, " * READ
    assert kind_and_tables(f"select {columns} b from t") == ("SELECT", ())


HOSTILE = ["(select a from ", ")", "/* ", "$a$", "natural left ", "with a as ("]


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_cost_is_linear(piece: str) -> None:
    assert exponent(kind_and_tables, lambda size: f"select a from {piece * size}") < LIMIT
