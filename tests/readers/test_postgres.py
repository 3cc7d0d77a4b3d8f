"""The PostgreSQL reader: what it promises of any log."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slowquery.fingerprint import CUT_MARK, STATEMENT_LIMIT
from slowquery.model import SECOND, TEXT_NOT_LOGGED, Loss, Portion
from slowquery.readers import postgres, postgres_formats
from tests.readers import postgres_logs
from tests.readers.postgres_logs import (
    FIRST,
    GALLERY,
    Execution,
    Found,
    portions,
    read,
    read_log,
)

MEBIBYTE = 1024 * 1024
STATEMENT = b"LOG:  duration: 1.000 ms  statement: "


def one(log: bytes, prefix: str | None = None) -> Execution:
    (execution,) = read(Portion("a.log", log), prefix=prefix).executions
    return execution


@settings(max_examples=300)
@given(st.data())
def test_how_a_log_is_cut_never_matters(data: st.DataObject) -> None:
    log = data.draw(postgres_logs.logs)
    cuts = data.draw(postgres_logs.cuts(log))
    # A stretch as long as the first portion ends just where that portion does.
    stretch = data.draw(st.integers(1, 3000) | st.just(max(1, min(cuts, default=1))))
    assert read_log(log, cuts, stretch) == read_log(log)


@settings(max_examples=200)
@given(postgres_logs.alike)
def test_what_one_prefix_throughout_tells_is_told_behind_a_line_of_another_form(log: bytes) -> None:
    odd, usual = read_log(b"x\n" + log), read_log(log)
    assert odd.executions == usual.executions
    assert odd.also == usual.also
    assert odd.sampled == usual.sampled
    # A line break belongs to the message behind it, where that is one.
    assert odd.bytes_skipped.total() - usual.bytes_skipped.total() in {len(b"x"), len(b"x\n")}


@pytest.mark.parametrize("lines", postgres_logs.ALIKE)
def test_messages_of_a_usual_prefix_begin_plainly_in_one_way(lines: tuple[bytes, ...]) -> None:
    for line in lines:
        text = b"\n" + line + STATEMENT + b"SELECT 1"
        assert [one.begins(text) for one in postgres_formats.STDERR.plain].count(True) == 1


@given(postgres_logs.logs)
def test_every_byte_is_accounted_for(log: bytes) -> None:
    found = read_log(log)
    assert found.bytes_read == len(log)
    assert 0 <= found.bytes_skipped.total() <= len(log)


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes_at_all_are_read(one: bytes, other: bytes) -> None:
    found = read(Portion("a", one), Loss("a", "gone"), Portion("a", other), Portion("b", one))
    assert found.bytes_read == 2 * len(one) + len(other)


@given(postgres_logs.logs, postgres_logs.logs, st.data())
def test_a_log_in_several_files_is_read_as_its_files_are_cut(
    one: bytes, other: bytes, data: st.DataObject
) -> None:
    cuts = data.draw(postgres_logs.cuts(one))
    whole = read(Portion("a", one), Portion("b", other))
    assert read(*portions(one, cuts, "a"), Portion("b", other), stretch=100) == whole


@settings(max_examples=10)
@given(st.lists(st.sampled_from([GALLERY / f"one_run.{one}" for one in ("log", "csv", "json")])))
def test_files_of_different_formats_are_told_apart(files: list[object]) -> None:
    logs = [Portion(str(number), file.read_bytes()) for number, file in enumerate(files)]  # type: ignore[attr-defined]  # a path
    alone = [read(log) for log in logs]
    together = read(*logs)
    assert sum(e.query_time for e in together.executions) == sum(
        e.query_time for found in alone for e in found.executions
    )
    assert len(together.executions) == sum(len(found.executions) for found in alone)


@example(b"2026-11-22 13:00:05 UTC of another form", b"")
@given(postgres_logs.logs, postgres_logs.logs)
def test_bytes_are_accounted_for_on_both_sides_of_a_loss(one: bytes, other: bytes) -> None:
    found = read(Portion("a", one), Loss("a", "gone"), Portion("a", other))
    assert found.bytes_read == len(one) + len(other)
    assert 0 <= found.bytes_skipped.total() <= found.bytes_read


def test_what_a_detail_says_is_never_kept() -> None:
    for log in postgres_logs.FILES:
        found = read_log(log.read_bytes())
        assert all(b"parameters: $1" not in one.statement for one in found.executions)


@pytest.mark.parametrize("lost", ["mid_line", "between_lines"])
def test_what_is_before_a_loss_and_behind_it_is_not_glued_together(lost: str) -> None:
    end = b"" if lost == "mid_line" else b"\n"
    found = read(
        Portion("a.log", FIRST + STATEMENT + b"SELECT 'abc" + end),
        Loss("a.log", "gone"),
        Portion("a.log", b"def'\n" + FIRST + STATEMENT + b"SELECT 2\n"),
    )
    mark = b" " + CUT_MARK if lost == "mid_line" else b""
    assert [one.statement for one in found.executions] == [b"SELECT 'abc" + mark, b"SELECT 2"]
    assert found.bytes_skipped == {"after a loss": 4}


def test_a_step_and_its_execution_may_stand_in_two_files() -> None:
    found = read(
        Portion("a.log", FIRST + b"LOG:  duration: 1.000 ms  bind <unnamed>: SELECT $1\n"),
        Portion("b.log", FIRST + b"LOG:  duration: 2.000 ms  execute <unnamed>: SELECT $1\n"),
    )
    assert [(one.query_time, one.bind_time) for one in found.executions] == [(2000, 1000)]


def test_a_statement_over_the_limit_is_cut_and_marked() -> None:
    for end in (b"", b"\n\t"):
        long = b"SELECT '" + (b"x" * 99 + end) * (2 * STATEMENT_LIMIT // 100) + b"'\n"
        log = FIRST + STATEMENT + long + FIRST + STATEMENT + b"SELECT 2\n"
        whole = read_log(log)
        first, second = whole.executions
        assert first.statement.endswith(CUT_MARK)
        assert len(first.statement) < STATEMENT_LIMIT + 100
        assert second.statement == b"SELECT 2"
        assert read_log(log, range(1, len(log), 100_000), stretch=50_000) == whole


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_statement_over_the_limit_is_cut_in_every_format(ending: str) -> None:
    log = (GALLERY / f"{ending}_statements.{ending}").read_bytes()
    log = log.replace(b"WHERE", b"x" * STATEMENT_LIMIT) + log
    whole = read_log(log)
    cut = [one for one in whole.executions if one.statement.endswith(CUT_MARK)]
    assert len(cut) == 1
    assert len(cut[0].statement) < STATEMENT_LIMIT + 100
    assert read_log(log, range(1, len(log), 100_000), stretch=50_000) == whole


@pytest.mark.parametrize(
    ("prefix", "line", "user", "database", "host"),
    [
        ("%m [%p] %u@%d ", b"2026-11-22 13:00:05.000 UTC [7] app@shop ", "app", "shop", ""),
        (
            "<%p> %t %-10u|%d|%h: ",
            b"<7> 2026-11-22 13:00:05 UTC app       |shop|web-1: ",
            *["app", "shop", "web-1"],
        ),
        ("%n %c %l %u/%d ", b"1795352405.000 6a1b.7 9 app/shop ", "app", "shop", ""),
        (
            "%s %m %p %q%r %a %u %d ",
            b"2026-11-22 12:00:00 UTC 2026-11-22 13:00:05.000 UTC 7 10.0.0.1(80) psql app shop ",
            *["app", "shop", "10.0.0.1"],
        ),
        ("%%%t%e%p", b"%2026-11-22 13:00:05 UTC000007", "", "", ""),
    ],
    ids=["debian", "time_behind_and_padded", "epoch", "two_times", "percent"],
)
def test_any_prefix_that_settings_name_is_read(
    prefix: str, line: bytes, user: str, database: str, host: str
) -> None:
    found = one(line + STATEMENT + b"SELECT 1\n", prefix)
    assert (found.client.user, found.database, found.client.host) == (user, database, host)
    assert found.ended_at == 1_795_352_405 * SECOND


@pytest.mark.parametrize("prefix", postgres_formats.KNOWN_PREFIXES)
def test_a_prefix_that_is_known_by_its_look_is_read_as_if_settings_named_it(prefix: str) -> None:
    values = {
        "t": "2026-11-22 13:00:05 UTC",
        "m": "2026-11-22 13:00:05.000 UTC",
        "r": "10.0.0.1(80)",
        "h": "10.0.0.1",
        "u": "app",
        "d": "shop",
        "p": "7",
        "l": "1",
        "a": "psql",
        "q": "",
    }
    line = re.sub("%([a-z])", lambda found: values[found[1]], prefix).encode()
    log = line + STATEMENT + b"SELECT 1\n"
    assert one(log) == one(log, prefix)


def test_without_a_session_in_its_prefix_the_rest_of_it_tells_sessions_apart() -> None:
    prefix = b"2026-11-22 13:00:05 UTC %b LOG:  "
    lines = [b"statement: SELECT 1", b"statement: SELECT 2", b"duration: 1.000 ms"]
    who = [b"app", b"report", b"app"]
    log = b"".join(prefix % name + line + b"\n" for name, line in zip(who, lines, strict=True))
    assert one(log).statement == b"SELECT 1"


@example(["duration"] * 3)
@given(st.lists(st.sampled_from(["statement", "duration", "timed", "error"]), max_size=12))
def test_each_duration_is_one_event_and_has_the_text_before_it(lines: list[str]) -> None:
    text = {
        "statement": b"LOG:  statement: SELECT %d\n",
        "duration": b"LOG:  duration: %d.000 ms\n",
        "timed": b"LOG:  duration: %d.000 ms  statement: SELECT 1000\n",
        "error": b"ERROR:  no %d\n",
    }
    log = b"".join(FIRST + text[line] % number for number, line in enumerate(lines))
    expected, said = [], None
    for number, line in enumerate(lines):
        if line == "statement":
            said = b"SELECT %d" % number
        elif line == "error":
            said = None
        elif line == "timed":
            expected.append((b"SELECT 1000", number * 1000))
        else:
            expected.append((said or TEXT_NOT_LOGGED.encode(), number * 1000))
            said = None
    found = read_log(log)
    assert [(one.statement, one.query_time) for one in found.executions] == expected
    unnamed = [one for one in found.also if one.what == "durations_without_text"]
    assert len(unnamed) == sum(one[0] == TEXT_NOT_LOGGED.encode() for one in expected)


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from("ab")), min_size=1, max_size=30))
def test_executions_of_sessions_that_interleave_have_their_own_steps(
    order: list[tuple[int, str]],
) -> None:
    """Each session goes through parse, bind and execute again and again, each at its pace."""
    steps = ("parse", "bind", "execute")
    passed = dict.fromkeys(range(1, 5), 0)
    log = b""
    for session, text in order:
        for _ in steps:
            step = steps[passed[session] % 3]
            passed[session] += 1
            took = session * 1000 + len(step)
            line = f"LOG:  duration: {took}.000 ms  {step} <unnamed>: SELECT {text}\n"
            log += FIRST.replace(b"21002", b"%d" % session) + line.encode()
    found = read_log(log)
    assert len(found.executions) == len(order)
    for execution in found.executions:
        session = execution.query_time // 1_000_000
        assert execution.query_time == session * 1_000_000 + 7000
        assert execution.parse_time == session * 1_000_000 + 5000
        assert execution.bind_time == session * 1_000_000 + 4000


def test_what_may_have_come_before_is_counted() -> None:
    line = FIRST + STATEMENT + b"SELECT 1\n"
    assert read(Portion("a.log", line)).possibly_repeated == 0
    log = Portion("a.log", line * 3, doubtful=2 * len(line))
    assert read(log).possibly_repeated == 2
    assert read(Portion("a.log", line, doubtful=3)).possibly_repeated == 1


@pytest.mark.parametrize(
    "kinds", [[""], ["  bind a: x"], ["  parse a: x", "  bind a: x", "  execute a: x"]]
)
def test_of_what_may_have_come_before_each_execution_counts_once(kinds: list[str]) -> None:
    lines = b"".join(FIRST + f"LOG:  duration: 1.000 ms{kind}\n".encode() for kind in kinds)
    once = read(Portion("a.log", lines * 3))
    again = read(Portion("a.log", lines * 3), Portion("a.log", lines * 3, doubtful=3 * len(lines)))
    assert len(again.executions) - len(once.executions) == again.possibly_repeated == 3


def lines_of_many_sessions(size: int) -> Iterator[Portion]:
    """Yield about so many bytes of a log in which no session ever ends, and nothing is executed."""
    for number in range(size // 1_000_000):
        text = b"x" * 8000
        yield Portion(
            "a.log",
            b"".join(
                FIRST.replace(b"21002", b"%d" % session)
                + b"LOG:  duration: 1.000 ms  bind <unnamed>: SELECT "
                + text
                + b"\n"
                for session in range(number * 125, number * 125 + 125)
            ),
        )


def test_what_is_remembered_of_sessions_is_bounded() -> None:
    def peak(size: int) -> int:
        tracemalloc.start()
        try:
            for _ in postgres.read(lines_of_many_sessions(size)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(24_000_000) < 1.2 * peak(12_000_000)


def test_sessions_beyond_the_limit_are_given_up_as_if_they_had_ended() -> None:
    pieces = [*lines_of_many_sessions(20_000_000)]
    events = sum(len(batch.statements) for batch in postgres.read(pieces))
    assert events == 2500


@pytest.mark.parametrize(
    "filling", [b"x", b"x" * 99 + b"\n\t", b"\n"], ids=["line", "tabs", "lines"]
)
def test_memory_does_not_grow_with_a_statement(filling: bytes) -> None:
    def peak(size: int) -> int:
        tracemalloc.start()
        try:
            pieces = [Portion("a.log", FIRST + STATEMENT)]
            data = filling * (MEBIBYTE // len(filling))
            for _ in postgres.read(
                piece for group in (pieces, [Portion("a.log", data)] * size) for piece in group
            ):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(12) < 1.2 * peak(6)


def test_the_events_of_a_batch_stand_in_the_order_of_their_lines() -> None:
    kinds = [b"statement: SELECT 1", b"execute S_1: SELECT $1"]
    log = b"".join(
        FIRST + b"LOG:  duration: %d.000 ms  " % number + kinds[number % 2] + b"\n"
        for number in range(20)
    )
    times = [one.query_time for one in read_log(log).executions]
    plain = times[::2]
    assert all(before < after for before, after in pairwise(plain))


def found_of(name: str) -> Found:
    return read_log((GALLERY / name).read_bytes())


def test_sampling_is_said() -> None:
    assert found_of("sampling_is_told_when_it_changes.log").sampled == 4
