"""Times and windows: a zone or nothing, and what is refused says what to write instead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowquery.model import SECOND, Window
from slowquery.window import (
    HOUR,
    LONGEST,
    WindowError,
    between,
    hour_before,
    iso,
    parse_span,
    parse_time,
    to_datetime,
    to_micros,
)

DAY = 24 * HOUR
NOON = to_micros(datetime(2026, 11, 22, 12, tzinfo=UTC))

zones = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
) | st.just(UTC)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31), timezones=zones)  # noqa: DTZ001 - zones apart


# Points in time.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T13:00Z", NOON + HOUR),
        ("2026-11-22T13:00:00Z", NOON + HOUR),
        ("2026-11-22 13:00z", NOON + HOUR),
        ("  2026-11-22T13:00Z\n", NOON + HOUR),
        ("2026-11-22T14:00+01:00", NOON + HOUR),
        ("2026-11-22T14:00+0100", NOON + HOUR),
        ("2026-11-22T09:30-03:30", NOON + HOUR),
        ("2026-11-22T12:00:01.5Z", NOON + SECOND * 3 // 2),
        ("2026-11-22T12:00:00.000001Z", NOON + 1),
        ("2026-11-22T12:00:00.0000019Z", NOON + 1),
        ("2024-02-29T00:00Z", to_micros(datetime(2024, 2, 29, tzinfo=UTC))),
        ("1970-01-01T00:00Z", 0),
    ],
)
def test_a_time_with_a_zone_is_read(text: str, expected: int) -> None:
    assert parse_time(text) == parse_time(text, 0) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T13:00",  # whose 13:00?
        "13:00",
        "2026-11-22",
        "2026-11-22T13Z",
        "22.11.2026 13:00Z",
        "2026-11-22T13:00 CET",
        "2026-11-22T13:00+1",
        "2026-11-22T13:00:001Z",
        "2026-11-22T13:001Z",
        "2026-11-22T13:00.5Z",  # half a minute?
        "2026-11-22T13:00ZZ",
        "2026-11-22T13:00Z Z",
        "٢٠٢٦-11-22T13:00Z",
        "1795352400",
        "now",
        "<aws.scheduler.scheduled-time>",
        "",
    ],
)
def test_what_is_no_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(WindowError, match="is not a time with a zone; try: 2026-11-22T13:00Z"):
        parse_time(text, NOON)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T13:00Z",
        "2026-13-01T13:00Z",
        "0000-01-01T00:00Z",
        "2026-11-22T24:30Z",
        "2026-11-22T13:60Z",
        "2026-11-22T13:00:61Z",
        "2026-11-22T13:00+25:00",
        "9999-12-31T23:59-14:00",  # in UTC there are no such days
        "0001-01-01T00:00+14:00",
        "25:00Z",
        "13:00+99:99",
    ],
)
def test_what_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(WindowError, match=r"is not a time: .*; try: 2026-11-22T13:00Z"):
        parse_time(text, NOON)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00+01:00"]
)
def test_what_no_server_ever_logged_is_refused(text: str) -> None:
    with pytest.raises(WindowError, match="is before 1970"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("13:00Z", NOON, NOON + HOUR),
        ("13:00:30Z", NOON, NOON + HOUR + 30 * SECOND),
        ("13:00z", NOON + 11 * HOUR, NOON + HOUR),
        # At half past eleven at night in UTC it is tomorrow in Berlin, and still today in New York.
        ("00:15+01:00", NOON + 11 * HOUR + HOUR // 2, NOON + 11 * HOUR + HOUR // 4),
        ("18:00-05:00", NOON + 11 * HOUR + HOUR // 2, NOON + 11 * HOUR),
    ],
)
def test_a_time_without_a_day_is_of_the_day_that_it_is_in_its_zone(
    text: str, at: int, expected: int
) -> None:
    assert parse_time(text, at) == expected


def test_a_time_without_a_day_is_refused_where_there_is_none_to_go_by() -> None:
    with pytest.raises(WindowError, match="its day is missing; try: 2026-11-22T13:00Z"):
        parse_time("13:00Z")


@given(moments)
def test_a_time_is_read_as_it_is_written(moment: datetime) -> None:
    micros = to_micros(moment)
    assert parse_time(moment.isoformat()) == micros
    assert parse_time(iso(micros)) == micros
    assert to_datetime(micros) == moment


@given(moments, moments)
def test_a_time_without_a_day_is_on_the_clock_at_that_time_of_that_day(
    at: datetime, moment: datetime
) -> None:
    clock = moment.timetz()
    found = to_datetime(parse_time(clock.isoformat(), to_micros(at))).astimezone(moment.tzinfo)
    assert found.timetz() == clock
    assert found.date() == at.astimezone(moment.tzinfo).date()


@given(
    st.text()
    | st.text("0123456789-:T+Z. ", max_size=30)
    | st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d([+-]\d\d:\d\d|Z)\Z"),
    st.none() | moments.map(to_micros),
)
def test_any_text_is_a_time_or_is_refused(text: str, at: int | None) -> None:
    try:
        micros = parse_time(text, at)
    except WindowError as refused:
        said = str(refused)
    else:
        assert parse_time(iso(micros)) == micros
        return
    assert "; try: " in said
    assert len(said) < 300


def test_a_refusal_shows_no_more_than_the_beginning_of_what_was_given() -> None:
    with pytest.raises(WindowError) as refused:
        parse_time("x" * 10_000)
    assert "x" * 40 in str(refused.value)
    assert "x" * 41 not in str(refused.value)


def test_a_time_is_written_in_utc_with_a_fraction_only_where_there_is_one() -> None:
    assert iso(NOON) == "2026-11-22T12:00:00Z"
    assert iso(NOON + 1) == "2026-11-22T12:00:00.000001Z"


# Spans.


@pytest.mark.parametrize(
    ("text", "expected"), [("90m", 90 * 60 * SECOND), ("3h", 3 * HOUR), (" 2d ", 2 * DAY)]
)
def test_a_span_is_read(text: str, expected: int) -> None:
    assert parse_span(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "3", "h", "0h", "000m", "-3h", "3 h", "3H", "1.5h", "3h30m", "3s", "9999999h", "٣h"],
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(WindowError, match="is not a span of time; try: 90m, 3h or 2d"):
        parse_span(text)


# Windows.


@pytest.mark.parametrize(("start", "end"), [(0, 0), (NOON, NOON), (NOON + 1, NOON)])
def test_an_empty_window_is_refused(start: int, end: int) -> None:
    with pytest.raises(WindowError, match="so it is empty; try: an end after the start"):
        between(start, end)


def test_a_window_is_at_most_a_month_long() -> None:
    assert between(NOON, NOON + LONGEST) == Window(NOON, NOON + LONGEST)
    with pytest.raises(WindowError, match="longer than 31 days; try: a shorter one"):
        between(NOON, NOON + LONGEST + 1)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (NOON, NOON),
        (NOON + 1, NOON),
        (NOON + HOUR // 6, NOON),
        (NOON + HOUR - 1, NOON),
        (NOON - 1, NOON - HOUR),
    ],
)
def test_the_hour_before_is_the_last_full_one(moment: int, end: int) -> None:
    assert hour_before(moment) == Window(end - HOUR, end)


@given(st.integers(HOUR, 4 * 10**15))
def test_every_moment_comes_less_than_an_hour_after_a_full_clock_hour(moment: int) -> None:
    window = hour_before(moment)
    assert window.end - window.start == HOUR
    assert window.start % HOUR == 0
    assert 0 <= moment - window.end < HOUR
