"""Which of an instance's files hold PostgreSQL's messages, and each of them once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from slowquery.model import SECOND, Engine, Loss, Window
from slowquery.sources import rds
from slowquery.sources.listing import LogFile, in_one_format, in_order, moves
from slowquery.sources.rds import RdsSource
from slowquery.window import parse_time
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.manners import Manners

LOG = "error/postgresql.log.2026-11-22-"
START = parse_time("2026-11-22T04:00Z")
WINDOW = Window(START, START + 3600 * SECOND)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield sandbox


def read(engine: Engine | None = None, lost: str | None = None) -> dict[str, bytes]:
    """Read an instance; a file that was ``lost`` is the only one of which something is."""
    source = RdsSource(rds.connect(None), lambda: 60.0, pause=lambda _: None)
    found: dict[str, bytes] = {}
    for piece in source.pieces("shop-db", WINDOW, engine):
        if isinstance(piece, Loss):
            assert piece.file == lost
            continue
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
    assert [file.name.removeprefix(LOG) for file in in_one_format(files, {})] == kept


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        ({"04": 5_000_000, "04.csv": 0}, "04"),
        ({"04": 5_000_000, "04.csv": 1_000_000}, "04"),
        ({"04": 5_000_000, "04.csv": 4_900_000}, "04.csv"),
        ({"04": 5_000_000, "04.json": 9_000_000, "04.csv": 0}, "04.json"),
        ({"04": 5_000_000, "04.csv.gz": 90_000}, "04.csv.gz"),
        ({"04": 1, "04.csv.gz": 0}, "04"),
        ({"04": 0, "04.csv": 0}, "04.csv"),
    ],
)
def test_a_format_that_was_switched_on_late_is_not_kept(listed: dict[str, int], kept: str) -> None:
    files = [LogFile(LOG + end, 0, size) for end, size in listed.items()]
    assert [file.name.removeprefix(LOG) for file in in_one_format(files, {})] == [kept]


@pytest.mark.parametrize("end", ["04", "04.csv", "0439", "0439.json", "04.csv.gz"])
def test_a_file_named_by_its_hour_keeps_its_name_while_it_grows(end: str) -> None:
    before, after = LogFile(LOG + end, 1, 10), LogFile(LOG + end, 2, 20)
    assert before.keeps_its_name
    assert moves([before], [after]).now == {before: after}


@pytest.mark.parametrize("again", [["04"], ["04", "04.csv"], ["04", "04.csv.gz"]])
def test_a_format_that_was_begun_stays_the_one_that_is_read(again: list[str]) -> None:
    kept: dict[str, int] = {}
    in_one_format([LogFile(f"{LOG}04.csv", 0, 1)], kept)
    found = in_one_format([LogFile(LOG + end, 0, 1) for end in again], kept)
    assert [file.name.removeprefix(LOG) for file in found] == [end for end in again if end != "04"]


def test_a_file_that_is_packed_while_it_is_read_is_the_same_file() -> None:
    before, after = LogFile(f"{LOG}0439", 1, 10), LogFile(f"{LOG}0439.gz", 2, 4)
    assert moves([before], [after]) == ({before: after}, [])


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


def test_messages_come_once_though_the_format_that_was_begun_vanishes(aws: Sandbox) -> None:
    csv, text, last = (LOG + end for end in ("04.csv", "04", "05"))
    logs = {csv: b"one\n" * 6, text: b"two\n" * 6, last: b"end\n"}
    manners = Manners(portion_lines=2, vanish_after=2)
    aws.add_instance("shop-db", logs=logs, manners=manners)
    assert read(lost=csv) == {csv: b"one\n" * 4, last: b"end\n"}


def test_an_instance_of_mysql_is_asked_for_nothing_else(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\n", "error/postgresql.log.x": b"no\n"})
    assert read() == {LIVE: b"one\n"}


def test_the_engine_in_the_settings_decides_what_is_looked_for(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\n", LOG + "04": b"two\n"})
    assert read("postgresql") == {LOG + "04": b"two\n"}
    assert read("mysql") == {LIVE: b"one\n"}
