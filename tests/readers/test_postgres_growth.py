"""How the time of the PostgreSQL reader grows with hostile logs: as their size, and no faster."""

from __future__ import annotations

import re

import pytest

from slowquery.model import Batch, Portion
from slowquery.readers import postgres
from tests.readers.postgres_logs import FIRST, GALLERY
from tests.readers.test_growth import is_linear

STRETCH = 4096
"""A small one, so that a log of a few kilobytes is many stretches already."""

STAMP = b"2026-11-22 13:00:05 UTC"
CSV = (GALLERY / "csv_of_postgresql_12.csv").read_bytes()
JSON = (GALLERY / "json_statements.json").read_bytes().splitlines(keepends=True)[0]
LINE = FIRST + b"LOG:  duration: 1.000 ms  "

HOSTILE = {
    "no_line_end": b"x",
    "line_ends": b"\n",
    "digits": b"\n2",
    "tabs": b"\n\t",
    "stamps": STAMP + b"\n",
    "stamps_on_one_line": STAMP,
    "prefixes_alone": FIRST + b"\n",
    "prefixes_on_one_line": FIRST,
    "brackets": STAMP + b":[1]:" * 200 + b"\n",
    "at_signs": STAMP + b":" + b"@" * 3000 + b"\n",
    "colons": STAMP + b":" * 3000 + b"\n",
    "severities": STAMP + b":LOG: " * 500 + b"\n",
    "durations": LINE * 20 + b"\n",
    "names": LINE + b"bind " + b"x" * 3000 + b"\n",
    "colons_in_names": LINE + b"bind " + b":x" * 3000 + b"\n",
    "many_digits": FIRST + b"LOG:  duration: " + b"1" * 3000 + b"\n",
    "statements": LINE + b"statement: SELECT 1\n",
    "bare": FIRST + b"LOG:  duration: 1.000 ms\n",
    "parses": LINE + b"parse S_1: SELECT 1\n",
    "binds_and_executes": LINE + b"bind S: SELECT 1\n" + LINE + b"execute S: SELECT 1\n",
    "binds_and_statements": LINE + b"bind S: SELECT 1\n" + LINE + b"statement: SELECT 1\n",
    "binds_and_errors": LINE + b"bind S: SELECT 1\n" + FIRST + b"ERROR:  no\n",
    "foreign_lines": LINE + b"statement: SELECT 1\n" + b"x\n\n" * 900,
    "fetches": LINE + b"execute fetch from S: SELECT 1\n",
    "texts": FIRST + b"LOG:  statement: SELECT 1\n",
    "errors": FIRST + b"ERROR:  no\n",
    "rates": FIRST + b'LOG:  parameter "log_statement_sample_rate" changed to "0.5"\n',
    "samplings": FIRST + b"LOG:  parameter " + b'"' * 3000 + b"\n",
    "csv": CSV,
    "csv_quotes": CSV.replace(b"SELECT 1", b'""' * 3000),
    "csv_open": CSV.replace(b'SELECT 1"', b""),
    "csv_fields_of_quotes": STAMP + b"," + b'"' * 3001 + b"\n",
    "csv_commas": STAMP + b"," * 3000 + b"\n",
    "json": JSON,
    "json_escapes": JSON.replace(b"SELECT", b"\\\\" * 3000),
    "json_open": JSON.replace(b'",', b","),
    "json_pairs": b'{"timestamp":"' + STAMP + b'"' + b',"user":"x"' * 900 + b"\n",
}


def read(log: bytes) -> list[Batch]:
    return list(postgres.read([Portion("a.log", log)], stretch=STRETCH))


@pytest.mark.parametrize("before", [b"", LINE + b"statement: SELECT '\n"], ids=["alone", "open"])
@pytest.mark.parametrize("scrap", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_no_faster_than_the_log(scrap: bytes, before: bytes) -> None:
    assert is_linear(read, lambda size: before + scrap * -(-size // len(scrap)))


def test_time_grows_no_faster_than_the_number_of_portions() -> None:
    def read_bytes(log: bytes) -> list[Batch]:
        return list(postgres.read(Portion("a.log", byte) for byte in re.findall(rb"(?s).", log)))

    assert is_linear(read_bytes, lambda size: LINE + b"statement: " + b"x" * size)


def test_time_grows_no_faster_than_the_sessions() -> None:
    def binds(number: int) -> bytes:
        line = LINE + b"bind <unnamed>: SELECT 1\n"
        return b"".join(line.replace(b"21002", b"%d" % pid) for pid in range(number // 8 + 1))

    assert is_linear(read, binds)


def test_time_grows_no_faster_than_the_sessions_that_wait_for_an_error() -> None:
    """Statements of others stand between what was bound and what failed."""

    def waiting(number: int) -> bytes:
        pids = range(number // 8 + 1)
        lines = (
            LINE + b"bind <unnamed>: SELECT 1\n",
            LINE.replace(b"21002", b"1") + b"statement: SELECT 2\n",
            FIRST + b"ERROR:  no\n",
        )
        return b"".join(line.replace(b"21002", b"%d" % pid) for line in lines for pid in pids)

    assert is_linear(read, waiting)
