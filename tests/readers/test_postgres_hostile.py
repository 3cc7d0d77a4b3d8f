"""What others can write into a PostgreSQL log: it forges no event, and hides none."""

from __future__ import annotations

from collections import Counter

import pytest

from slowquery.fingerprint import CUT_MARK
from slowquery.model import Portion
from slowquery.readers import postgres, postgres_formats
from tests.readers.postgres_logs import FIRST, GALLERY, Found, read, read_log
from tests.readers.test_growth import is_linear

STATEMENT = b"LOG:  duration: 1.000 ms  statement: "
OTHER = FIRST.replace(b"21002", b"21003")


def lines(*messages: bytes) -> bytes:
    """Return a log of one session's messages."""
    return b"".join(FIRST + message + b"\n" for message in messages)


def timed(text: bytes) -> bytes:
    return b"LOG:  duration: 5.000 ms  " + text


def statements(found: Found) -> list[bytes]:
    return [one.statement for one in found.executions]


@pytest.mark.parametrize(
    ("stamp", "prefix"),
    [
        (b"0001-01-01 00:00:00 +1400", None),
        (b"9999-12-31 23:59:59 -1400", None),
        (b"1969-12-31 23:59:59 UTC", None),
        (b"999999999999.000", "%n:%r:%u@%d:[%p]:"),
    ],
)
def test_a_time_that_no_calendar_has_is_none(stamp: bytes, prefix: str | None) -> None:
    log = stamp + b"::u@d:[1]:" + STATEMENT + b"select 1\n"
    (one,) = read(Portion("a.log", log), prefix=prefix).executions
    assert one.ended_at is None


@pytest.mark.parametrize("kind", [b"statement", b"execute a", b"bind a", b"parse a"])
@pytest.mark.parametrize("severity", [b"STATEMENT", b"DETAIL", b"ERROR", b"NOTICE", b"FATAL"])
def test_only_what_the_server_logs_by_itself_is_an_execution(kind: bytes, severity: bytes) -> None:
    text = b":  duration: 5000.000 ms  " + kind + b": drop secret words"
    found = read_log(lines(b"ERROR:  syntax error", severity + text))
    assert not found.executions
    errors = Counter(one.what for one in found.also)["errors"]
    assert errors == 1 + (severity in {b"ERROR", b"FATAL"})


FORGED = b"LOG:  duration: 9999999.000 ms  statement: drop x"


@pytest.mark.parametrize(
    "user", [b"u@" + FORGED, FORGED + b"@d", b"u@:" + FORGED, b"u@d " + FORGED]
)
def test_a_name_forges_no_event(user: bytes) -> None:
    before = FIRST.replace(b"app@shop", user)
    for prefix in (None, postgres_formats.RDS_PREFIX):
        found = read(
            Portion("a.log", before + b'FATAL:  database "..." does not exist\n'), prefix=prefix
        )
        assert not found.executions
        assert [one.what for one in found.also] == ["errors"]


def test_a_named_prefix_ends_where_its_last_text_stands() -> None:
    log = b"2026-11-22 13:00:05 UTC u=a|LOG:  duration: 9.000 ms  statement: x|7> FATAL:  no\n"
    found = read(Portion("a.log", log), prefix="%t u=%u|%p> ")
    assert not found.executions
    assert [one.what for one in found.also] == ["errors"]


ANY = "%t [%p] %u %d %a "


@pytest.mark.parametrize("prefix", [ANY, "%t %h %a %u@%d %a ", *postgres_formats.KNOWN_PREFIXES])
@pytest.mark.parametrize("filling", [b" ", b",", b"@", b",db="])
def test_the_time_for_an_origin_grows_no_faster_than_it(prefix: str, filling: bytes) -> None:
    origin = postgres_formats.stderr((prefix,)).origin

    def read_origin(raw: bytes) -> None:
        for before in (b" [1] u d ", b" [1]: user=", b":1.1.1.1(5):"):
            origin(before + raw + b",db=x")

    assert is_linear(read_origin, lambda size: filling * (size // len(filling)))


def test_a_prefix_of_blanks_is_read() -> None:
    log = b"2026-11-22 10:00:00 UTC [1] u d " + b" " * 60 + b"xLOG:   " + STATEMENT + b"select 1\n"
    assert statements(read(Portion("a.log", log), prefix=ANY)) == [b"select 1"]


@pytest.mark.parametrize(
    ("messages", "events"),
    [
        ([b"bind <unnamed>: a", b"statement: b", None], 2),
        ([b"parse <unnamed>: a", b"statement: b", None], 2),
        ([b"bind <unnamed>: a", b"parse <unnamed>: b", None], 1),
        ([b"bind S_1: a", b"bind S_2: b", None], 1),
        ([b"bind <unnamed>: a", b"execute S_2: b", None], 2),
        ([b"bind <unnamed>: a", None], 0),
        ([b"parse <unnamed>: a", b"bind <unnamed>: a", None], 0),
        ([b"bind <unnamed>: a", None, b"execute <unnamed>: a"], 1),
        ([b"bind S_1: a", b"statement: b", b"execute S_1: a"], 3),
        ([b"bind S_1/C_1: a", b"statement: b", b"execute S_1/C_1: a"], 2),
    ],
)
def test_an_error_undoes_what_stands_right_before_it_and_no_more(
    messages: list[bytes | None], events: int
) -> None:
    log = lines(*(timed(one) if one else b"ERROR:  later" for one in messages))
    assert len(read_log(log).executions) == events
    assert read_log(log, range(1, len(log)), stretch=1) == read_log(log)


def test_a_statement_of_another_session_saves_nothing_from_an_error() -> None:
    log = lines(timed(b"bind <unnamed>: a")) + OTHER + timed(b"statement: b") + b"\n"
    log += lines(b"ERROR:  no")
    assert statements(read_log(log)) == [b"b"]


@pytest.mark.parametrize(
    "end",
    [
        b"FATAL:  terminating connection due to administrator command",
        b"LOG:  connection received: host=10.0.0.1 port=5",
        b"LOG:  connection authorized: user=app database=shop",
        b"LOG:  disconnection: session time: 0:00:00.001",
    ],
)
def test_a_process_id_that_comes_again_is_another_session(end: bytes) -> None:
    found = read_log(
        lines(timed(b"parse S_1: a"), timed(b"statement: b"), end, timed(b"execute S_1: a"))
    )
    assert [one.parse_time for one in found.executions if one.statement == b"a"][-1] == 0


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_records_tell_sessions_apart_by_more_than_the_process_id(ending: str) -> None:
    log = (GALLERY / f"{ending}_statements.{ending}").read_bytes()
    record = next(line for line in log.splitlines(keepends=True) if b"bind <unnamed>" in line)
    execute = record.replace(b"bind <unnamed>", b"execute <unnamed>")
    same = read_log(record + execute).executions
    other = read_log(record + execute.replace(b"6a1b2c.520a", b"6a1b2d.520a")).executions
    assert [one.bind_time for one in same] == [1000]
    assert sorted(one.bind_time for one in other) == [0, 1000]


FOREIGN = b"cp: cannot stat '/secret/abc': No such file\n"


def test_a_line_that_the_server_did_not_write_is_no_part_of_a_statement() -> None:
    log = lines(STATEMENT + b"select\n\t1") + FOREIGN + lines(STATEMENT + b"select 2") + FOREIGN
    found = read_log(log)
    assert statements(found) == [b"select\n1", b"select 2"]
    assert found.bytes_skipped == {"line of another form": 2 * len(FOREIGN)}
    assert read_log(log, range(1, len(log)), stretch=1) == found


def test_a_mark_of_a_cut_on_a_line_of_its_own_is_kept() -> None:
    log = lines(STATEMENT + b"select 1\n [Your log message was truncated]")
    assert statements(read_log(log)) == [b"select 1 " + CUT_MARK]


RATE = b'LOG:  parameter "log_%s_sample_rate" changed to "%s"'


@pytest.mark.parametrize(
    ("messages", "sampled"),
    [
        ([RATE % (b"statement", b"0.5"), STATEMENT + b"a"], 2),
        ([RATE % (b"statement", b"0.5"), STATEMENT + b"a", RATE % (b"statement", b"1")], 2),
        ([RATE % (b"statement", b"0.5"), RATE % (b"statement", b"1"), STATEMENT + b"a"], 1),
        ([STATEMENT + b"a", RATE % (b"statement", b"0.5")], 1),
        ([RATE % (b"transaction", b"1e-05"), STATEMENT + b"a"], 100_000),
        ([RATE % (b"transaction", b"0.5"), RATE % (b"statement", b"1"), timed(b"bind a: b")], 2),
    ],
)
def test_a_rate_of_sampling_holds_for_what_was_logged_under_it(
    messages: list[bytes], sampled: int
) -> None:
    log = lines(*messages)
    assert read_log(log).sampled == sampled
    assert read_log(log, range(1, len(log)), stretch=1).sampled == sampled


@pytest.mark.parametrize("kind", [b"statement: ", b"execute a: ", b"statement: \n\t "])
def test_an_event_without_a_text_is_excluded(kind: bytes) -> None:
    batches = list(postgres.read([Portion("a.log", lines(timed(kind), timed(b"statement: b")))]))
    assert [text for batch in batches for text in batch.statements] == [b"b"]
    assert sum((Counter(batch.events_excluded) for batch in batches), Counter()) == {
        "empty statement": 1
    }
