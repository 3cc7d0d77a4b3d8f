"""The MySQL reader: what it promises of any log."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slowquery.fingerprint import STATEMENT_LIMIT
from slowquery.model import Batch, Loss, Portion
from slowquery.readers import mysql
from tests.readers import logs
from tests.readers.joined import events, joined, portions, read, read_log
from tests.readers.logs import BANNER, FIGURES, MARIADB, TIMES, TIMESTAMP, USER, event

MEBIBYTE = 1024 * 1024


def complete_headers(log: bytes) -> int:
    """Count the headers line by line, by what a complete header is."""
    seconds = rb"\d{1,20}(?:\.\d{1,9})?"
    figures = re.compile(
        rb"# Query_time: {1,9}%b {1,9}Lock_time: {1,9}%b {1,9}" % (seconds, seconds)
        + rb"Rows_sent: {1,9}\d{1,20} {1,9}Rows_examined: {1,9}\d{1,20}(?!\d)"
    )
    found = 0
    others = -1
    for line in log.split(b"\n"):
        if line.startswith(b"# User@Host: "):
            others = 0
        elif others >= 0 and figures.match(line):
            found += 1
            others = -1
        elif others >= 0 and line.startswith(b"#") and not line.startswith(b"# Query_time:"):
            others += 1
        else:
            others = -1
        if others > 200 or len(line) > 8700:
            others = -1
    return found


@given(st.data())
def test_how_a_log_is_cut_never_matters(data: st.DataObject) -> None:
    log = data.draw(logs.logs)
    cuts = data.draw(logs.cuts(log))
    # A stretch as long as the first portion ends just where that portion does.
    stretch = data.draw(st.integers(1, 3000) | st.just(max(1, min(cuts, default=1))))
    assert read_log(log, cuts, stretch) == read_log(log)


@given(logs.logs)
def test_every_byte_is_accounted_for(log: bytes) -> None:
    batch = read_log(log)
    assert batch.bytes_read == len(log)
    assert 0 <= sum(batch.bytes_skipped.values()) <= len(log)


@given(logs.logs)
def test_every_complete_header_is_an_event_and_nothing_else_is(log: bytes) -> None:
    assert events(read_log(log)) == complete_headers(log)


@example(["0.12"])
@example(["0.1234567", "10.12345"])
@given(st.lists(st.from_regex(r"\A[0-9]{1,6}(\.[0-9]{1,9})?\Z"), min_size=1, max_size=4))
def test_seconds_are_read_to_the_microsecond(figures: list[str]) -> None:
    log = b"".join(
        event(header=USER + FIGURES.replace(b"2.000000", figure.encode())) for figure in figures
    )
    expected = [int(Decimal(figure) * 1_000_000) for figure in figures]
    assert read_log(log).query_time == expected


@given(st.lists(st.binary() | logs.logs | st.none(), max_size=6))
@example([b"# User@Host: \n" + FIGURES + b"SET timestamp=" + b"9" * 5000 + b";\nSELECT 1;"])
@example([event(time=b"# Time: 9999-12-31T23:59:59.000000-14:00\n"), event(time=TIMES[2])])
def test_nothing_makes_it_raise(data: list[bytes | None]) -> None:
    pieces = [
        Loss(str(n), "lost") if part is None else Portion(str(n), part, doubtful=len(part) // 2)
        for n, part in enumerate(data)
    ]
    batch = read(*pieces)
    assert batch.bytes_read == sum(len(part) for part in data if part is not None)
    assert sum(batch.bytes_skipped.values()) <= batch.bytes_read
    for ended_at in batch.ended_at:
        assert ended_at is None or 0 <= ended_at < 253_402_300_800_000_000


@given(st.lists(logs.events.filter(lambda part: b"99999" not in part), max_size=9), st.data())
def test_an_event_may_begin_in_one_file_and_end_in_the_next(
    parts: list[bytes], data: st.DataObject
) -> None:
    long = event(statement=b"SELECT 'it goes on\nand on'\n;\n")
    log = b"".join([long, *parts, long])
    cut = data.draw(st.integers(0, len(log)))
    one = read(Portion("a", log))
    two = read(Portion("a", log[:cut]), Portion("b", log[cut:]))
    assert two.statements == one.statements
    assert two.query_time == one.query_time
    assert two.bytes_read == one.bytes_read


@pytest.mark.parametrize("beginning", [BANNER, event(statement=b"SELECT 2;\n")])
def test_a_log_that_begins_anew_ends_the_event_of_the_file_before(beginning: bytes) -> None:
    cut = event(statement=b"SELECT 'cut")
    batch = read(Portion("a", cut), *portions(beginning, range(len(beginning)), file="b"))
    assert batch.statements[0] == b"\nSELECT 'cut"
    assert not batch.bytes_skipped


def test_what_follows_a_whole_statement_in_another_file_is_no_part_of_it() -> None:
    batch = read(Portion("a", event()), Portion("b", b"noise\n"), Portion("c", event()))
    assert batch.statements == [b"\nSELECT 1;"] * 2
    assert batch.bytes_skipped == {"before the first event": len(b"noise")}


def test_a_loss_ends_the_open_event_and_what_follows_is_skipped_up_to_the_next() -> None:
    batch = read(
        Portion("a", event(statement=b"SELECT 'the rest is")),
        Loss("a", "lost"),
        Portion("a", b"gone';\n" + event(statement=b"SELECT 2;\n")),
    )
    assert batch.statements == [b"\nSELECT 'the rest is", b"\nSELECT 2;"]
    assert batch.bytes_skipped == {"after a loss": len(b"gone';")}


def test_the_database_goes_on_in_the_next_file() -> None:
    used = event(before=b"use shop;\n" + TIMESTAMP)
    batch = read(Portion("a", used), Portion("b", event()), Portion("c", BANNER + event()))
    assert batch.databases == ["shop", "shop", ""]


def test_events_that_may_be_repeated_are_counted_and_kept() -> None:
    twice = event()
    batch = read(Portion("a", twice * 3), Portion("a", twice * 2, doubtful=len(twice) + 9))
    assert batch.events_possibly_repeated == 2
    assert len(batch.statements) == 5


@pytest.mark.parametrize("size", [STATEMENT_LIMIT - 1, STATEMENT_LIMIT, STATEMENT_LIMIT + 1])
@pytest.mark.parametrize("portion", [5 * MEBIBYTE, 300_000])
def test_a_statement_over_the_limit_is_cut_and_has_no_semicolon(size: int, portion: int) -> None:
    statement = b"\n" + b"x" * (size - 2) + b";"
    log = event(statement=statement[1:] + b"\n") + event()
    batch = read_log(log, range(portion, len(log), portion), stretch=portion)
    assert batch.bytes_read == len(log)
    assert batch.statements[1] == b"\nSELECT 1;"
    kept = batch.statements[0]
    assert kept == (statement if size <= STATEMENT_LIMIT else statement[:STATEMENT_LIMIT])


@pytest.mark.parametrize(
    "tail",
    [
        b";\n" + event(),
        b";\n# Time: of no event\n# User@Host: x\n" + event(),
        b"\n# Time: of no event\n# User@Host: x\n" + event(),
        b";\n" + BANNER + b"noise\n" + event(),
        b"\n" + BANNER[:-20],
        b"\n# User@Host: app\n" + b"# more\n" * 201 + FIGURES + b"SELECT 2;\n",
        b"\n" + b"# more\n" * 250 + event(),
        b";\n# Ti",
    ],
)
def test_how_a_statement_over_the_limit_is_cut_does_not_matter(tail: bytes) -> None:
    log = event(statement=b"x" * (2 * MEBIBYTE + 777) + tail)
    whole = read_log(log, stretch=len(log))
    for cut in [len(log) - len(tail) + n for n in range(0, len(tail), len(tail) // 7 or 1)]:
        assert read_log(log, [cut], stretch=MEBIBYTE // 2) == whole


def test_a_statement_cut_at_a_semicolon_is_not_taken_for_whole() -> None:
    statement = b"x" * (STATEMENT_LIMIT - 2) + b";" + b"y" * 99 + b";\n"
    assert read_log(event(statement=statement)).statements[0].endswith(b"x")


def test_a_line_cut_with_its_statement_makes_no_header() -> None:
    header = b"\n" + USER + FIGURES[:-2]
    filler = b"x" * (STATEMENT_LIMIT - len(header))
    log = event(statement=filler + header + b"y" * (2 * MEBIBYTE) + b";\n")
    whole = read_log(log, stretch=len(log))
    assert events(whole) == 1
    assert read_log(log, stretch=MEBIBYTE // 2) == whole


def test_a_header_of_as_many_lines_as_it_may_have_can_be_cut_anywhere() -> None:
    header = USER + logs.SCHEMA + b"# more\n" * 200 + FIGURES
    log = b"noise\n" + event(header=header)
    assert read_log(log).statements == [b"\nSELECT 1;"]
    for cut in range(1, len(log), 9):
        assert read_log(log, [cut], stretch=cut) == read_log(log)


def long_statement(size: int, portion: int) -> Iterator[Portion]:
    yield Portion("a", event(statement=b"INSERT INTO t VALUES ("))
    for n in range(size // portion):
        yield Portion("a", b"%08d, 'an row of values'),\n" % n * (portion // 31))
    yield Portion("a", b";\n" + event())


@pytest.mark.parametrize("portion", [1024, MEBIBYTE])
def test_a_statement_of_any_size_is_read_in_bounded_memory(portion: int) -> None:
    def peak(size: int) -> int:
        tracemalloc.start()
        batch = joined(mysql.read(long_statement(size, portion)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert [len(statement) for statement in batch.statements] == [STATEMENT_LIMIT, 10]
        return most

    small, large = peak(6 * MEBIBYTE), peak(18 * MEBIBYTE)
    assert large < 1.05 * small
    assert large < 12 * MEBIBYTE


@pytest.mark.parametrize(
    "line", [b"x" * 5000, b"\n# " + b"x" * 5000, b"\n# User@Host: x", b"\n\n", b"\nTcp port: "]
)
def test_text_without_an_event_is_not_held(line: bytes) -> None:
    def noise(size: int) -> Iterator[Portion]:
        yield Portion("a", b"-" * size)
        for _ in range(size // MEBIBYTE):
            yield Portion("a", line * (MEBIBYTE // len(line)))

    tracemalloc.start()
    batch = joined(mysql.read(noise(12 * MEBIBYTE)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not batch.statements
    assert sum(batch.bytes_skipped.values()) == batch.bytes_read
    assert most < 48 * MEBIBYTE


class TestHeadersThatArePlain:
    """A pattern for plain headers splits most stretches; one odd header, and the other one does."""

    odd = event(time=b"", header=b"# User@Host: x\n# odd\n" + FIGURES, before=b"")
    neighbour = event()

    def check(self, log: bytes) -> None:
        alone = read_log(self.neighbour + log)
        beside = read_log(self.odd + self.neighbour + log)
        others = [True] * (len(beside.statements) - 1)
        assert beside.statements[0] == b"\nSELECT 1;"
        assert beside.select([False, *others])._replace(bytes_read=alone.bytes_read) == alone

    @given(logs.logs | logs.plain_logs)
    def test_both_ways_lead_to_the_same(self, log: bytes) -> None:
        self.check(log)

    @pytest.mark.parametrize("damage", [b"", b"\n", b"#", b" ", b";", b".", b"7", b"x", b"\r"])
    @pytest.mark.parametrize("whole", logs.PLAIN)
    def test_any_byte_of_a_header_may_be_another_one(self, whole: bytes, damage: bytes) -> None:
        for at in range(len(whole)):
            self.check(whole[:at] + damage + whole[at + 1 :] + self.neighbour)

    @pytest.mark.parametrize("line", [*logs.STATEMENTS, *TIMES, *logs.LINES])
    @pytest.mark.parametrize("whole", logs.PLAIN)
    def test_any_line_may_stand_between_those_of_a_header(self, whole: bytes, line: bytes) -> None:
        lines = whole.splitlines(keepends=True)
        for at in range(len(lines)):
            self.check(b"".join([*lines[:at], line, *lines[at:], self.neighbour]))
            self.check(b"".join([*lines[:at], line, *lines[at + 1 :], self.neighbour]))

    @pytest.mark.parametrize("limit", [20, 64, 200, 300, 8000])
    def test_both_ways_have_the_same_limits(self, limit: int) -> None:
        for size in (limit, limit + 1):
            self.check(event(time=b"# Time: %b\n" % (b"x" * size)))
            self.check(event(header=b"# User@Host: %b\n" % (b"x" * size) + FIGURES))
            self.check(event(header=USER + b"# Schema: %b\n" % (b"x" * size) + FIGURES))
            self.check(event(header=USER + FIGURES[:-1] + b"0" * (size - 2) + b"\n"))
            self.check(event(header=USER + FIGURES + b"#\n" * size))
            self.check(event(header=USER + FIGURES + b"#" + b"x" * size + b"\n"))
            self.check(event(before=b"use %b;\n" % (b"x" * size) + TIMESTAMP))


class TestWhoAndWhere:
    """What stands in a ``# User@Host:`` line and in a ``# Schema:`` line."""

    @pytest.mark.parametrize(
        ("line", "client"),
        [
            (b"app[app] @ web-1 [10.0.0.1]  Id:     8", ("app", "web-1")),
            (b"app[app] @ web-1 [10.0.0.1]  Id:     9 [x]", ("app", "web-1")),
            (b"rdsadmin[rdsadmin] @ localhost []", ("rdsadmin", "localhost")),
            (b"outer[app] @  [10.0.0.1]\r", ("app", "10.0.0.1")),
            (b"[app] @ web-1 [10.0.0.1]", ("app", "web-1")),
            (b"nobody[] @ web-1 []", ("nobody", "web-1")),
            (b"one] bracket", ("one] bracket", "")),
            (b"no [brackets] of, a [client]  Id: 8", ("no [brackets] of, a [client]", "")),
            (b"x", ("x", "")),
            (b"", ("", "")),
        ],
    )
    def test_a_client(self, line: bytes, client: tuple[str, str]) -> None:
        header = b"# User@Host: %b\n" % line + FIGURES
        assert read_log(event(header=header)).clients == [client]

    @pytest.mark.parametrize(
        ("line", "database"),
        [
            (b"Thread_id: 125  Schema: shop  QC_hit: No", "shop"),
            (b"Thread_id: 125  Schema: two words  QC_hit: No", "two words"),
            (b"Thread_id: 125  Schema:   QC_hit: No", ""),
            (b"Schema: shop  Last_errno: 0  Killed: 0", "shop"),
            (b"Schema: shop\r", "shop"),
            (b"Schema: ", ""),
        ],
    )
    def test_a_database(self, line: bytes, database: str) -> None:
        header = USER + b"# %b\n" % line + FIGURES
        used = event(before=b"use stock;\n" + TIMESTAMP)
        assert read_log(used + event(header=header)).databases == ["stock", database]


class TestOffsetOfAFile:
    """Times without a zone are read with the offset that their file's events show."""

    def ended_at(self, *pieces: bytes) -> list[int | None]:
        batch = read(*(Portion(str(n), piece) for n, piece in enumerate(pieces)))
        return [None if micros is None else micros // 1_000_000 for micros in batch.ended_at]

    def both(self, hour: int, second: int = 5) -> bytes:
        """An event that ended at 13:00:05 UTC, with a stamp of another hour."""
        return event(time=b"# Time: 261122 %02d:00:%02d\n" % (hour, second))

    stamp_alone = event(time=b"# Time: 261122 15:00:05\n", before=b"")

    def test_many_odd_timestamps_do_no_harm_where_more_agree(self) -> None:
        odd = [self.both(hour) for hour in (3, 4, 5, 3, 4, 5, 3)]
        good = [self.both(15)] * 9
        assert self.ended_at(b"".join([*odd, *good, self.stamp_alone]))[-1] == 1795352405

    def test_stamps_wait_for_the_offset_and_keep_their_place(self) -> None:
        log = self.stamp_alone * 3 + self.both(15) * 12 + self.stamp_alone * 3
        assert self.ended_at(log) == [1795352405] * 18

    def test_every_file_has_an_offset_of_its_own(self) -> None:
        one = self.both(15) + self.stamp_alone
        other = self.both(13) + self.stamp_alone
        assert self.ended_at(one, other, self.stamp_alone) == [
            *(1795352405, 1795352405, 1795352405, 1795359605),
            None,
        ]

    def test_an_offset_that_leads_is_not_asked_again(self) -> None:
        log = self.both(15) * mysql.LEAD + self.both(18) * 99 + self.stamp_alone
        assert self.ended_at(log)[-1] == 1795352405

    def test_a_time_with_a_zone_goes_first_among_times_without(self) -> None:
        zoned = event(before=TIMESTAMP.replace(b"17953", b"11111"))
        log = self.both(15) * 20 + zoned + event(time=b"")
        batch = read_log(log, stretch=len(event()))
        assert batch.ended_at == [*[1795352405000000] * 20, 1795352405250000, 1795352405000000]

    def test_a_statement_without_any_time_ended_in_the_second_of_the_one_before(self) -> None:
        timeless = event(time=b"", before=b"")
        assert self.ended_at(event() + timeless, timeless) == [1795352405, 1795352405, None]

    def test_a_loss_hides_what_the_second_before_was(self) -> None:
        timeless = Portion("a", event(time=b"", before=b""))
        batch = read(Portion("a", event()), timeless, Loss("a", "lost"), timeless)
        assert batch.ended_at == [1795352405250000, 1795352405250000, None]

    def test_no_zone_is_farther_than_fourteen_hours(self) -> None:
        log = self.both(13).replace(b"261122", b"261121") + self.stamp_alone
        assert self.ended_at(log)[-1] is None

    def test_stamps_do_not_wait_for_ever(self) -> None:
        long = event(time=b"", statement=b"x" * 60_000 + b";\n")
        late = mysql.LOOK_AHEAD // 60_000 + 1
        assert self.ended_at(self.stamp_alone + long * (late - 3) + self.both(15))[0] is not None
        assert self.ended_at(self.stamp_alone + long * late + self.both(15))[0] is None

    @pytest.mark.parametrize("portion", [1000, MEBIBYTE])
    def test_how_long_stamps_wait_does_not_depend_on_portions(self, portion: int) -> None:
        long = event(time=b"", statement=b"x" * 300_000 + b";\n")
        log = self.stamp_alone + long * 9 + self.both(15) + self.stamp_alone
        cut = read_log(log, range(portion, len(log), portion), stretch=2 * portion)
        assert cut == read_log(log)


class TestWhatTimestampIs:
    """``SET timestamp`` is the start in MySQL from 8.0.14 on, and the end elsewhere."""

    def ended_at(self, *pieces: bytes) -> list[int]:
        batch: Batch = read(*(Portion(str(n), piece) for n, piece in enumerate(pieces)))
        return [(micros or 0) // 1_000_000 - 1795352405 for micros in batch.ended_at]

    timestamp_alone = event(time=b"")

    @pytest.mark.parametrize(
        ("version", "later"),
        [
            *((b"5.1.73-log", 0), (b"5.7.44-log", 0), (b"8.0.13", 0), (b"8.0.14", 2)),
            *((b"8.0.39", 2), (b"8.4.3", 2), (b"9.7.4-2", 2), (b"10.0.1", 2)),
            *((b"10.11.19-MariaDB-log", 0), (b"11.4.2-MariaDB", 0), (b"unheard of", 0)),
        ],
    )
    def test_the_version_of_the_banner_says_it(self, version: bytes, later: int) -> None:
        log = BANNER.replace(b"8.0.35", version) + self.timestamp_alone * 2
        assert self.ended_at(log) == [later, later]

    def test_a_line_of_log_slow_extra_says_it_for_what_follows(self) -> None:
        extra = event(header=USER + logs.EXTRA)
        log = self.timestamp_alone + extra + self.timestamp_alone
        assert self.ended_at(log) == [0, 0, 2]

    def test_every_file_says_it_anew(self) -> None:
        assert self.ended_at(BANNER + self.timestamp_alone, self.timestamp_alone) == [2, 0]

    def test_a_server_that_follows_in_the_same_file_says_it_anew(self) -> None:
        log = BANNER + self.timestamp_alone + MARIADB + self.timestamp_alone
        assert self.ended_at(log) == [2, 0]

    @pytest.mark.parametrize("time", TIMES[:2])
    @pytest.mark.parametrize("banner", [b"", BANNER, MARIADB])
    def test_a_time_with_a_zone_goes_first(self, time: bytes, banner: bytes) -> None:
        log = banner + event(time=time, before=TIMESTAMP.replace(b"17953", b"11111"))
        assert self.ended_at(log) == [0]

    @pytest.mark.parametrize(
        "damaged",
        [
            *(b"2026-11-22T13:00:05.250000.", b"2026-11-22T13:00:05Z250000Z"),
            *(b"2026-11-22T13:00:05.250000Zx", b"2026-11-22T13:00:05.25000Z0"),
            *(b"2026-11-22T13:00:05x250000Z", b"2026-11-22T13:00:05.2500x0Z"),
            *(b"2026-11-22T13:00:0x.250000Z", b"2026-11-22T13:00:05.250000"),
        ],
    )
    def test_a_damaged_time_among_whole_ones_is_none(self, damaged: bytes) -> None:
        before = TIMESTAMP.replace(b"405", b"403")
        odd = event(time=b"# Time: %b\n" % damaged, before=before)
        assert self.ended_at(event() + odd + event()) == [0, -2, 0]
        assert self.ended_at(event() * 2 + odd) == [0, 0, -2]

    def test_wrapped_and_absurd_figures_do_not_move_time_beyond_the_calendar(self) -> None:
        figures = FIGURES.replace(b" 2.0", b" 9000000000000.0")
        assert read_log(BANNER + event(time=b"", header=USER + figures)).ended_at == [None]


@pytest.mark.parametrize("data", [b"", b"t 1;\n", b"# User@Host: app[app] @ web []\n"])
def test_a_doubtful_place_without_a_header_may_still_repeat_an_event(data: bytes) -> None:
    pieces = [Portion("log", event()), Portion("log", data, doubtful=max(1, len(data)))]
    assert sum(batch.events_possibly_repeated for batch in mysql.read(pieces)) == 1
