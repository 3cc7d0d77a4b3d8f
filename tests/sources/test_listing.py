"""What two lists say: files are told by what they are, never by their names alone."""

from __future__ import annotations

import pytest

from slowquery.model import SECOND
from slowquery.sources.listing import MARGIN, LogFile, chosen, in_order, moves

LIVE = "slowquery/mysql-slowquery.log"
HOUR = 3600 * SECOND


def file(suffix: str, hour: int, size: int = 100) -> LogFile:
    return LogFile(LIVE + suffix, hour * HOUR, size)


def test_files_come_in_the_order_in_which_they_were_written() -> None:
    files = [file("", 9), file(".1", 9), file(".2", 9), file(".2026-11-22.08", 8)]
    assert [one.name.removeprefix(LIVE) for one in in_order(files)] == [
        *(".2026-11-22.08", ".2", ".1", ""),
    ]


def test_a_file_written_a_little_before_the_window_is_read_too() -> None:
    late, early = LogFile("a", 9 * HOUR - MARGIN, 1), LogFile("b", 9 * HOUR - MARGIN - 1, 1)
    assert chosen([late, early], 9 * HOUR) == [late]


def test_the_live_file_grows_and_stays_itself() -> None:
    before, after = file("", 9, 100), file("", 9, 200)
    assert moves([before], [after]) == ({before: after}, [])


def test_a_dated_rotation_closes_the_live_file_and_opens_another() -> None:
    old, live = file(".2026-11-22.08", 8), file("", 9)
    closed, new = file(".2026-11-22.09", 9, 120), file("", 10, 5)
    found = moves([old, live], [old, closed, new])
    assert found.now == {old: old, live: closed}
    assert found.new == [new]


def test_a_numbered_rotation_shifts_all_of_them() -> None:
    before = [file("", 9, 90), file(".1", 8, 80), file(".2", 7, 70)]
    after = [file("", 10, 1), file(".1", 9, 95), file(".2", 8, 80), file(".3", 7, 70)]
    found = moves(before, after)
    assert [found.now[one] for one in before] == after[1:]
    assert found.new == [after[0]]


def test_two_rotations_at_once_leave_one_more_file_to_read() -> None:
    before = [file("", 9, 90), file(".1", 8, 80)]
    after = [file("", 11, 1), file(".1", 10, 100), file(".2", 9, 95), file(".3", 8, 80)]
    found = moves(before, after)
    assert [found.now[one] for one in before] == [after[2], after[3]]
    assert found.new == [after[1], after[0]]


def test_a_name_that_comes_again_every_day_is_another_file() -> None:
    yesterday, live = file(".9", 9, 80), file("", 33, 90)
    today, new = file(".9", 33, 90), file("", 34, 0)
    found = moves([yesterday, live], [today, new])
    assert found.now == {yesterday: None, live: today}


def test_what_is_in_no_list_any_more_is_gone() -> None:
    live = file("", 9)
    assert moves([live], []).now == {live: None}


def test_a_live_file_that_shrank_is_another_one() -> None:
    live, shrunk = file("", 9, 100), file("", 9, 10)
    assert moves([live], [shrunk]) == ({live: None}, [shrunk])


def test_a_closed_file_may_still_grow_under_its_dated_name() -> None:
    before, after = file(".2026-11-22.08", 8, 100), file(".2026-11-22.08", 8, 130)
    assert moves([before], [after]) == ({before: after}, [])


@pytest.mark.parametrize(
    ("name", "is_live", "keeps"),
    [
        (LIVE, True, False),
        (f"{LIVE}.7", False, False),
        (f"{LIVE}.2026-11-22.07", False, True),
        ("error/postgresql.log.2026-11-22-0710.gz", False, True),
    ],
)
def test_a_name_tells_whether_it_can_change_hands(name: str, is_live: bool, keeps: bool) -> None:  # noqa: FBT001 - the row
    found = LogFile(name, 0, 0)
    assert (found.is_live, found.keeps_its_name) == (is_live, keeps)
