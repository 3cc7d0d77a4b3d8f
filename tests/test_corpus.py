"""Logs of real servers: every figure to the microsecond, every class as pt-query-digest has it.

The logs lie outside the repository, where SLOWQUERY_CORPUS says. What pt-query-digest makes
of each stands beside it; where we differ stands in ``corpus_differences.tsv``, class by
class. Its administrator commands are no classes here: they are counted apart.
"""

from __future__ import annotations

import csv
import gzip
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.fingerprint import Fingerprint, Fingerprinter
from slowquery.model import Digest, Portion, Totals
from slowquery.readers import mysql

CORPUS = Path(os.environ.get("SLOWQUERY_CORPUS", ""))
DIFFERENCES = Path(__file__).parent / "corpus_differences.tsv"
ADMINISTRATOR = "administrator command: "

pytestmark = pytest.mark.skipif(
    not os.environ.get("SLOWQUERY_CORPUS"),
    reason="SLOWQUERY_CORPUS does not say where the logs of real servers are",
)


class Counted(NamedTuple):
    """What is in a log, counted line by line by those who wrote it; microseconds."""

    events: int
    administrator: int
    query_time: int
    lock_time: int
    rows_sent: int
    rows_examined: int


LOGS = {
    "mariadb-10.11-full": Counted(12_683, 0, 37_270_665, 858_544, 81_707, 7_477_096),
    "mariadb-10.11-plain": Counted(5_362, 0, 10_852_403, 444_833, 29_084, 3_186_387),
    "mysql-9.7-extra": Counted(3_905, 714, 12_237_326, 935_623, 18_346, 1_411_084),
    "mysql-9.7-plain": Counted(10_299, 1_879, 44_758_553, 5_888_909, 53_917, 6_478_982),
}


@dataclass(frozen=True)
class Class:
    """A query class as pt-query-digest has it; ``query_time`` is a sum in microseconds."""

    query_id: str
    count: int
    query_time: int
    fingerprint: str


@cache
def read(log: str) -> Digest:
    data = gzip.decompress((CORPUS / f"{log}.log.gz").read_bytes())
    table = Table(Selection())
    for batch in mysql.read([Portion(log, data)]):
        table.add(batch)
    return digest(table, engine="mysql")


@cache
def expected(log: str) -> list[Class]:
    with (CORPUS / f"{log}.log.expected.tsv").open(encoding="utf-8", newline="") as file:
        next(file)  # a comment, then the header
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Class(
            row["query_id"],
            int(row["count"]),
            int(row["query_time_sum"].replace(".", "")),
            row["fingerprint"],
        )
        for row in rows
    ]


def differences(log: str) -> dict[str, tuple[int, int]]:
    """Return what the table says of a log: id to their count and ours."""
    with DIFFERENCES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["log"] == log]
    assert all(row["reason"] for row in rows)
    found = {row["query_id"]: (int(row["pt"]), int(row["ours"])) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize(("log", "counted"), LOGS.items(), ids=LOGS)
def test_every_event_and_every_figure_is_counted(log: str, counted: Counted) -> None:
    found = read(log)
    assert found.coverage.events == counted.events
    assert found.coverage.events_administrator == counted.administrator
    assert sums(found.totals) == (counted.events - counted.administrator, *counted[2:])
    assert found.totals.distinct == len(found.queries)


def sums(totals: Totals) -> tuple[int | None, ...]:
    return (
        totals.count,
        totals.query_time_sum,
        totals.lock_time_sum,
        totals.rows_sent_sum,
        totals.rows_examined_sum,
    )


@pytest.mark.parametrize("log", LOGS)
def test_every_class_has_its_id_and_count_but_for_those_in_the_table(log: str) -> None:
    theirs = {
        each.query_id: each.count
        for each in expected(log)
        if not each.fingerprint.startswith(ADMINISTRATOR)
    }
    ours = {query.query_id: query.count for query in read(log).queries}
    found = {
        query_id: (theirs.get(query_id, 0), ours.get(query_id, 0))
        for query_id in theirs.keys() | ours.keys()
    }
    assert differences(log) == {
        query_id: counts for query_id, counts in found.items() if counts[0] != counts[1]
    }


@pytest.mark.parametrize("log", LOGS)
def test_a_class_of_the_same_events_took_the_same_time(log: str) -> None:
    ours = {query.query_id: query for query in read(log).queries}
    same = [
        (ours[each.query_id].query_time.sum, each.query_time, ours[each.query_id].fingerprint)
        for each in expected(log)
        if each.query_id in ours and ours[each.query_id].count == each.count
    ]
    assert len(same) > 70
    assert [time for time, _, _ in same] == [time for _, time, _ in same]


@pytest.mark.parametrize("log", LOGS)
def test_administrator_commands_are_as_many_and_no_classes(log: str) -> None:
    theirs = [each for each in expected(log) if each.fingerprint.startswith(ADMINISTRATOR)]
    found = read(log)
    assert found.coverage.events_administrator == sum(each.count for each in theirs)
    assert not {each.query_id for each in theirs} & {query.query_id for query in found.queries}


@pytest.mark.parametrize("log", LOGS)
def test_an_id_is_made_of_a_fingerprint_as_pt_query_digest_makes_it(log: str) -> None:
    for each in expected(log):
        assert Fingerprint(each.fingerprint).query_id == each.query_id


@pytest.mark.parametrize("log", LOGS)
def test_a_fingerprint_that_holds_no_literal_is_its_own(log: str) -> None:
    listed = differences(log)
    texts = [
        each.fingerprint
        for each in expected(log)
        if each.query_id not in listed and not each.fingerprint.startswith(ADMINISTRATOR)
    ]
    found = Fingerprinter().fingerprints([text.encode() + b";" for text in texts])
    assert [each.text for each in found] == texts


def test_the_table_speaks_of_these_logs_only() -> None:
    with DIFFERENCES.open(encoding="utf-8", newline="") as file:
        assert {row["log"] for row in csv.DictReader(file, delimiter="\t")} <= LOGS.keys()
