"""Which of an instance's files hold PostgreSQL's messages, and each of them once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slowquery.model import SECOND, Engine, Portion, Window
from slowquery.sources import rds
from slowquery.sources.listing import LogFile, in_one_format, in_order, moves
from slowquery.sources.rds import RdsSource
from slowquery.window import parse_time
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE

LOG = "error/postgresql.log.2026-11-22-"
START = parse_time("2026-11-22T04:00Z")
WINDOW = Window(START, START + 3600 * SECOND)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield sandbox


def read(engine: Engine | None = None) -> dict[str, bytes]:
    source = RdsSource(rds.connect(None), lambda: 60.0, pause=lambda _: None)
    found: dict[str, bytes] = {}
    for piece in source.pieces("shop-db", WINDOW, engine):
        assert isinstance(piece, Portion)
        found[piece.file] = found.get(piece.file, b"") + piece.data
    return found


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        (["04", "04.csv", "05"], ["04.csv", "05"]),
        (["04.json", "04"], ["04.json"]),
        (["04.json", "04.csv", "04"], ["04.csv"]),
        (["0439.csv.gz", "0439", "0441.gz", "0441"], ["0439.csv.gz", "0441.gz"]),
        (["04.csv", "05.csv"], ["04.csv", "05.csv"]),
    ],
    ids=["csv", "json", "all_three", "packed", "one_format"],
)
def test_of_the_same_messages_one_format_is_kept(listed: list[str], kept: list[str]) -> None:
    files = [LogFile(LOG + end, 0, 1) for end in listed]
    assert [file.name.removeprefix(LOG) for file in in_one_format(files)] == kept


@pytest.mark.parametrize("end", ["04", "04.csv", "0439", "0439.json", "04.csv.gz"])
def test_a_file_named_by_its_hour_keeps_its_name_while_it_grows(end: str) -> None:
    before, after = LogFile(LOG + end, 1, 10), LogFile(LOG + end, 2, 20)
    assert before.keeps_its_name
    assert moves([before], [after]).now == {before: after}


def test_files_of_one_moment_come_in_the_order_of_their_names() -> None:
    files = [LogFile(LOG + end, 9, 1) for end in ("0441", "0439.csv", "0440")]
    assert [file.name.removeprefix(LOG) for file in in_order(files)] == ["0439.csv", "0440", "0441"]


@pytest.mark.parametrize("engine", [None, "postgresql"])
def test_the_files_of_postgresql_are_read_and_no_others(
    aws: Sandbox, engine: Engine | None
) -> None:
    logs = {LOG + "04": b"one\n", LOG + "05": b"two\n", "error/postgres.log": b"no\n"}
    aws.add_instance("shop-db", logs={**logs, "trace/alert.log": b"no\n"})
    assert read(engine) == {LOG + "04": b"one\n", LOG + "05": b"two\n"}


def test_of_two_formats_of_an_hour_one_is_downloaded(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LOG + "04": b"one\n", LOG + "04.csv": b"two\n"})
    assert read() == {LOG + "04.csv": b"two\n"}
    assert {call.file for call in aws.calls if call.file} == {LOG + "04.csv"}


def test_an_instance_of_mysql_is_asked_for_nothing_else(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\n", "error/postgresql.log.x": b"no\n"})
    assert read() == {LIVE: b"one\n"}


def test_the_engine_in_the_settings_decides_what_is_looked_for(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\n", LOG + "04": b"two\n"})
    assert read("postgresql") == {LOG + "04": b"two\n"}
    assert read("mysql") == {LIVE: b"one\n"}
