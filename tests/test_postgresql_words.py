"""What a person reads of a PostgreSQL log, and that it is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifiers.message import Facts
from slowquery import render
from slowquery.line import digest_of
from slowquery.model import Digest, Portion, Result
from slowquery.settings import Settings
from tests.readers.postgres_logs import FILES, FIRST, GALLERY

SETTINGS = Settings(instances=(), top=0)
FOREIGN = {"log_of_mysql", "empty"}


def digest(log: bytes) -> Digest:
    return digest_of([Portion("a", log)], SETTINGS, engine=None, window=None, instance="shop-db")


def words(log: bytes) -> str:
    return " ".join(render.text(Result(None, (digest(log),)), SETTINGS, width=100).split())


@pytest.mark.parametrize(
    "log", [log for log in FILES if log.stem not in FOREIGN], ids=lambda log: log.name
)
def test_a_log_is_seen_to_be_of_postgresql_in_every_format(log: Path) -> None:
    assert digest(log.read_bytes()).engine == "postgresql"


def test_a_log_of_mysql_is_not() -> None:
    assert digest((GALLERY / "log_of_mysql.log").read_bytes()).engine == "mysql"


def test_what_it_takes_to_prepare_a_statement_is_said_where_it_is_much() -> None:
    step = FIRST + b"LOG:  duration: %d.000 ms  %b <unnamed>: select a from t where b = $1\n"
    much = step % (300, b"parse") + step % (200, b"bind") + step % (1000, b"execute")
    assert "500 ms to parse and bind it" in words(much)
    little = step % (3, b"parse") + step % (2, b"bind") + step % (1000, b"execute")
    assert "to parse and bind" not in words(little)


def test_the_facts_of_a_query_tell_parse_and_bind_apart() -> None:
    step = FIRST + b"LOG:  duration: %d.000 ms  %b <unnamed>: select a from t where b = $1\n"
    log = step % (300, b"parse") + step % (200, b"bind") + step % (1000, b"execute")
    message = render.message(Result(None, (digest(log),)), SETTINGS)
    (facts,) = (part for part in message.replies[0] if isinstance(part, Facts))
    told = dict(facts.pairs)
    assert told["Time"].startswith("1.0 s")
    assert (told["Parse"], told["Bind"]) == ("300 ms · max 300 ms", "200 ms · max 200 ms")


def test_what_else_the_log_tells_is_one_sentence() -> None:
    log = (GALLERY / "waits_errors_and_files.log").read_bytes()
    assert "The log also tells of 2 errors, 2 long waits for locks, 1 temporary file." in words(log)


def test_a_log_that_is_a_sample_is_called_one() -> None:
    log = (GALLERY / "sampling_is_told_when_it_changes.log").read_bytes()
    assert "a sample, one event of 4" in words(log)
