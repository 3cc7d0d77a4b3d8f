"""PostgreSQL logs of a real server: every execution once, every figure to the microsecond.

The logs lie outside the repository, where SLOWQUERY_CORPUS says. What must be found in one
is counted here line by line, by another way than the reader's.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from slowquery.line import digest_of
from slowquery.model import Digest, Portion
from slowquery.settings import Settings
from tests.readers.postgres_logs import read_log

CORPUS = Path(os.environ.get("SLOWQUERY_CORPUS", ""))

pytestmark = pytest.mark.skipif(
    not os.environ.get("SLOWQUERY_CORPUS"),
    reason="SLOWQUERY_CORPUS does not say where the logs of real servers are",
)


class Lines(NamedTuple):
    """How many lines of each kind are in a log."""

    statement: int
    parse: int
    bind: int
    execute: int
    plan: int
    errors: int
    temporary_files: int


LOGS = {
    "postgres-15-rds": Lines(10_268, 1_421, 3_702, 3_702, 0, 5_522, 0),
    "postgres-15-rds-autoexplain": Lines(1_173, 124, 334, 334, 1_224, 480, 15),
    "postgres-15-other-prefix": Lines(1_336, 190, 509, 509, 0, 499, 0),
}
DURATION = re.compile(r"[^\t].*?LOG:  duration: (\d+)\.(\d{3}) ms  (\w+)")


def log_of(name: str) -> bytes:
    return gzip.decompress((CORPUS / f"{name}.log.gz").read_bytes())


@cache
def durations(name: str) -> dict[str, list[int]]:
    """Return the durations of each kind of line, microseconds."""
    found: dict[str, list[int]] = {}
    for line in log_of(name).decode(errors="replace").split("\n"):
        if match := DURATION.match(line):
            found.setdefault(match[3], []).append(int(match[1] + match[2]))
    return found


@cache
def digest(name: str, jobs: int = 1) -> Digest:
    return digest_of(
        [Portion(f"{name}.log", log_of(name))],
        Settings(instances=(), top=0),
        engine=None,
        window=None,
        instance=None,
        jobs=jobs,
    )


@pytest.mark.parametrize(("name", "lines"), LOGS.items(), ids=LOGS)
def test_every_execution_and_every_figure_is_counted(name: str, lines: Lines) -> None:
    logged = durations(name)
    found = digest(name)
    assert found.engine == "postgresql"
    assert (len(logged["statement"]), len(logged["execute"])) == (lines.statement, lines.execute)
    totals = found.totals
    assert totals.count == found.coverage.events == lines.statement + lines.execute
    executions = logged["statement"] + logged["execute"]
    assert totals.query_time_sum == sum(executions)
    assert (totals.query_time_min, totals.query_time_max) == (min(executions), max(executions))
    assert (len(logged["parse"]), len(logged["bind"])) == (lines.parse, lines.bind)
    assert totals.parse_time_sum == sum(logged["parse"])
    assert totals.bind_time_sum == sum(logged["bind"])
    assert (totals.lock_time_sum, totals.rows_sent_sum, totals.rows_examined_sum) == (None,) * 3


@pytest.mark.parametrize(("name", "lines"), LOGS.items(), ids=LOGS)
def test_what_else_the_log_tells_is_counted_too(name: str, lines: Lines) -> None:
    told = Counter(digest(name).coverage.also)
    assert told == +Counter(
        {
            "errors": lines.errors,
            "plans": lines.plan,
            "temporary_files": lines.temporary_files,
        }
    )


@pytest.mark.parametrize("name", LOGS)
def test_every_byte_is_understood(name: str) -> None:
    coverage = digest(name).coverage
    assert coverage.bytes_parsed == coverage.bytes_read == len(log_of(name))
    assert coverage.events_truncated == coverage.events_unreadable == 0


@pytest.mark.parametrize("name", LOGS)
def test_where_it_is_cut_does_not_matter(name: str) -> None:
    log = log_of(name)[:1_000_000]
    whole = read_log(log)
    assert read_log(log, range(1, len(log), 9_973)) == whole
    assert read_log(log, range(1, len(log), 997), stretch=1) == whole


def test_steps_and_executions_of_one_statement_share_its_class() -> None:
    """What a driver prepares and what psql sends with its literals is one query."""
    found = digest("postgres-15-rds")
    prepared = [query for query in found.queries if query.bind_time and query.bind_time.sum]
    assert 3 <= len(prepared) <= 10
    assert all("$" not in query.fingerprint for query in found.queries)
    assert {query.first_seen is not None for query in found.queries} == {True}


def test_any_number_of_jobs_gives_the_same_digest() -> None:
    assert digest("postgres-15-rds", 2) == digest("postgres-15-rds")
