"""Work that is shared among processes gives the same table, to the byte."""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from slowquery import workers
from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.document import digest_document
from slowquery.fingerprint import Fingerprinter
from slowquery.model import Batch, Portion, SqlMode, Window
from slowquery.readers import mysql
from slowquery.window import parse_time

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "tests" / "logs"
LOG = gzip.decompress((LOGS / "mysql-9.7.log.gz").read_bytes())
COMMAND = [*(sys.executable, "-m", "slowquery", "digest"), *("--format", "json", "--limit", "0")]


def batches() -> list[Batch]:
    return [*mysql.read([Portion("log", LOG)], stretch=200_000)]


def told(table: Table) -> str:
    return json.dumps(digest_document(digest(table, engine="mysql")))


@pytest.mark.parametrize("share", [1, 300_000, 10**9])
def test_any_number_of_jobs_gives_the_same_table(
    monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    monkeypatch.setattr(workers, "SHARE", share)
    window = Window(parse_time("2026-11-22T04:38:17Z"), parse_time("2026-11-22T04:38:19Z"))
    selection = Selection(window, frozenset({"report-user"}))
    mode, keys = SqlMode(no_backslash_escapes=True), frozenset({"action"})
    alone, shared = (
        workers.table_of(batches(), selection, mode, tag_keys=keys, jobs=jobs) for jobs in (1, 3)
    )
    assert alone.classes
    assert any(stats.tags for stats in alone.classes.values())
    assert told(shared) == told(alone)


def test_no_log_at_all_is_an_empty_table() -> None:
    assert told(workers.table_of([], Selection(), SqlMode(), jobs=2)) == told(Table(Selection()))


def test_the_command_gives_the_same_bytes() -> None:
    outputs = {
        subprocess.check_output(
            [*COMMAND, *sorted(LOGS.glob("*.gz")), "--jobs", jobs],
            cwd=ROOT,
        )
        for jobs in ("1", "2", "3")
    }
    assert len(outputs) == 1


def test_a_fingerprinter_travels_without_what_it_has_learnt() -> None:
    mode = SqlMode(ansi_quotes=True)
    knowing = Fingerprinter(mode)
    statements = [b"select \"a\" from t%d where b = 'c%d';" % (n, n) for n in range(1000)]
    found = knowing.fingerprints(statements)
    travelled = pickle.dumps(knowing)
    assert len(travelled) < 1000
    again = pickle.loads(travelled).fingerprints(statements)  # noqa: S301 - our own
    assert [one.text for one in again] == [one.text for one in found]


def test_a_worker_that_dies_is_an_error_and_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_table", _die)
    with pytest.raises(workers.WorkerLost, match="try: --jobs 1"):
        workers.table_of(batches(), Selection(), SqlMode(), jobs=2)


def _die(*_: object) -> None:
    import os  # noqa: PLC0415 - in the worker

    os._exit(1)
