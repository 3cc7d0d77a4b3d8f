"""The words for figures, times and names, and lines that line up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.visible import columns, visible
from slowquery import words
from slowquery.model import SECOND, Window
from slowquery.window import to_micros
from tests.growth import exponent

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

FRAGMENTS = (
    "\x1b[31m",
    "\x9b2J",
    "\r\n",
    "\t",
    "\u202e",
    "\u2028",
    "\ud800",
    "日本",
    "e\u0301",
    " ",
)
texts = st.lists(st.one_of(st.text(st.characters(), max_size=8), st.sampled_from(FRAGMENTS))).map(
    "".join
)
lines = texts.map(words.one_line)
widths = st.integers(2, 40)


@pytest.mark.parametrize(
    ("micros", "said"),
    [
        (0, "0 s"),
        (1, "1 µs"),
        (999, "999 µs"),
        (1_000, "1.0 ms"),
        (9_949, "9.9 ms"),
        (9_950, "10 ms"),
        (999_499, "999 ms"),
        (999_500, "1.0 s"),
        (12_100_000, "12.1 s"),
        (59_949_999, "59.9 s"),
        (59_950_000, "1.0 min"),
        (9 * MINUTE + 56 * SECOND, "9.9 min"),
        (9 * MINUTE + 57 * SECOND, "10 min"),
        (38 * MINUTE, "38 min"),
        (59 * MINUTE + 29 * SECOND, "59 min"),
        (59 * MINUTE + 30 * SECOND, "1.0 h"),
        (52 * HOUR, "52 h"),
        (12_345 * HOUR, "12,345 h"),
    ],
)
def test_a_duration_has_two_or_three_figures_and_the_unit_that_fits(micros: int, said: str) -> None:
    assert words.duration(micros) == said


UNITS = {"µs": 1, "ms": 1_000, "s": SECOND, "min": MINUTE, "h": HOUR}


@given(st.integers(1, 10**14))
def test_a_duration_is_within_five_per_cent_of_the_truth(micros: int) -> None:
    figure, unit = words.duration(micros).replace(",", "").split(" ")
    assert abs(float(figure) * UNITS[unit] - micros) <= 0.05 * micros


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 1, "0 %"),
        (0, 0, "0 %"),
        (1, 1_000, "<1 %"),
        (1, 200, "1 %"),
        (62, 100, "62 %"),
        (994, 1_000, "99 %"),
        (995, 1_000, ">99 %"),
        (1, 1, "100 %"),
    ],
)
def test_a_percentage_says_nothing_and_all_only_where_that_is_true(
    part: int, whole: int, said: str
) -> None:
    assert words.percent(part, whole) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 3, "0"),
        (1, 1_000, "<0.1"),
        (1, 20, "0.1"),
        (4, 3, "1.3"),
        (8, 2, "4.0"),
        (9_949, 1_000, "9.9"),
        (9_950, 1_000, "10"),
        (250, 1, "250"),
        (181_234, 1, "181,000"),
        (999_600, 1, "1,000,000"),
    ],
)
def test_a_ratio_has_at_most_three_figures_that_count(part: int, whole: int, said: str) -> None:
    assert words.ratio(part, whole) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (4_149, "4.1 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (41_000_000, "41 MB"),
        (2_500_000_000, "2.5 GB"),
        (12_345_000_000_000, "12,345 GB"),
    ],
)
def test_a_size_is_in_the_unit_that_fits(count: int, said: str) -> None:
    assert words.size(count) == said


@given(st.integers(0, 10**14), st.integers(0, 10**14))
def test_more_is_never_shown_as_less(one: int, other: int) -> None:
    scales = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, **UNITS}

    def value(shown: str) -> float:
        figure, unit = shown.replace(",", "").split(" ")
        return float(figure) * scales[unit]

    less, more = sorted((one, other))
    assert value(words.size(less)) <= value(words.size(more))
    assert value(words.duration(less)) <= value(words.duration(more)) * 1.000001


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["shop"], "shop"),
        (["shop", "batch"], "shop and batch"),
        (["shop", "batch", "x"], "shop, batch and 1 other"),
        (["shop", "batch", *"abc"], "shop, batch and 3 others"),
        (["shop", "batch", *"a" * 1_200], "shop, batch and 1,200 others"),
    ],
)
def test_the_first_names_are_said_and_the_others_counted(names: list[str], said: str) -> None:
    assert words.some(names, 2) == said


def test_one_is_one_and_more_are_many() -> None:
    assert words.number_of(1, "query", "queries") == "1 query"
    assert words.number_of(0, "query", "queries") == "0 queries"
    assert words.number_of(1_204, "query", "queries") == "1,204 queries"


def window(start: str, end: str) -> Window:
    first, last = (to_micros(datetime.fromisoformat(text)) for text in (start, end))
    return Window(first, last)


@pytest.mark.parametrize(
    ("start", "end", "zone", "said"),
    [
        ("2026-11-22T13:00Z", "2026-11-22T14:00Z", UTC, "22 Nov 13:00–14:00 UTC"),
        ("2026-11-22T13:00Z", "2026-11-22T14:00Z", BERLIN, "22 Nov 14:00–15:00 CET"),
        ("2026-11-22T23:00Z", "2026-11-23T00:00Z", UTC, "22 Nov 23:00–24:00 UTC"),
        ("2026-11-22T00:00Z", "2026-11-23T00:00Z", UTC, "22 Nov 00:00–24:00 UTC"),
        ("2026-12-31T23:00Z", "2027-01-01T00:00Z", UTC, "31 Dec 23:00–24:00 UTC"),
        ("2026-11-22T23:00Z", "2026-11-23T01:00Z", UTC, "22 Nov 23:00 – 23 Nov 01:00 UTC"),
        ("2026-11-22T00:00Z", "2026-11-24T00:00Z", UTC, "22 Nov 00:00 – 24 Nov 00:00 UTC"),
        ("2026-11-22T13:00:30Z", "2026-11-22T14:00Z", UTC, "22 Nov 13:00:30–14:00:00 UTC"),
        # The hour that summer time skips, and the two that have the same name.
        ("2026-03-29T00:00Z", "2026-03-29T01:00Z", BERLIN, "29 Mar 01:00 CET–03:00 CEST"),
        ("2026-10-25T00:00Z", "2026-10-25T01:00Z", BERLIN, "25 Oct 02:00 CEST–02:00 CET"),
        ("2026-10-25T01:00Z", "2026-10-25T02:00Z", BERLIN, "25 Oct 02:00–03:00 CET"),
        # Zones without letters of their own.
        (
            "2026-11-22T13:00Z",
            "2026-11-22T14:00Z",
            ZoneInfo("America/Sao_Paulo"),
            "22 Nov 10:00–11:00 UTC-03",
        ),
        (
            "2026-11-22T13:00Z",
            "2026-11-22T14:00Z",
            ZoneInfo("Asia/Kathmandu"),
            "22 Nov 18:45–19:45 UTC+0545",
        ),
    ],
)
def test_a_span_names_its_day_and_zone_and_a_day_ends_at_24(
    start: str, end: str, zone: tzinfo, said: str
) -> None:
    assert words.span(window(start, end), zone) == said


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - the zone comes next
    st.integers(1, 72),
    st.sampled_from([UTC, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/St_Johns")]),
)
def test_two_windows_one_after_the_other_never_look_the_same(
    start: datetime, hours: int, zone: tzinfo
) -> None:
    first = to_micros(start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC))
    here, there = (
        words.span(Window(first + n * hours * HOUR, first + (n + 1) * hours * HOUR), zone)
        for n in (0, 1)
    )
    assert here != there


def test_a_moment_names_its_year_and_zone() -> None:
    moment = to_micros(datetime(2026, 11, 22, 13, 2, 11, 999_999, UTC))
    assert words.moment(moment, UTC) == "22 Nov 2026 13:02:11 UTC"
    assert words.moment(moment, BERLIN) == "22 Nov 2026 14:02:11 CET"
    assert words.moment(moment, timezone(timedelta(hours=-3), "-03")) == (
        "22 Nov 2026 10:02:11 UTC-03"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve 日本 🐢", "naïve 日本 🐢"),
        ("a\nb", "a␊b"),
        ("a\r\nb\rc\td", "a␊b␍c␉d"),
        ("\x00\x1b[31m\x7f", "␀␛[31m␡"),
        ("\x85\x9b", "��"),
        ("a\u2028b\u2029c", "a␊b␊c"),
        ("\u202eLQS\u2066\u200f\u061c", "�LQS���"),
        ("\ud800", "�"),
    ],
)
def test_foreign_text_shows_what_would_act(text: str, shown: str) -> None:
    assert words.one_line(text) == shown


@given(texts)
def test_foreign_text_is_one_line_of_utf_8_that_is_shown_the_same_everywhere(text: str) -> None:
    shown = words.one_line(text)
    assert len(shown.encode().decode().splitlines()) <= 1
    assert words.one_line(shown) == visible(shown) == shown


def test_a_name_is_cut_to_what_fits_into_a_line() -> None:
    assert words.name("x" * 48) == "x" * 48
    assert words.name("x" * 49) == "x" * 47 + "…"
    assert words.name("a\nb") == "a␊b"


@pytest.mark.parametrize(
    ("text", "width", "said"),
    [
        ("orders", 6, "orders"),
        ("orders", 5, "orde…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("🐢🐢", 3, "🐢…"),
    ],
)
def test_what_is_cut_ends_in_an_ellipsis_within_the_width(text: str, width: int, said: str) -> None:
    assert words.cut(text, width) == said


@given(lines, widths)
def test_a_cut_text_keeps_its_beginning_and_the_width(text: str, width: int) -> None:
    said = words.cut(text, width)
    assert columns(said) <= width
    assert said == text or (said[-1] == "…" and text.startswith(said[:-1]))


def test_marks_without_a_width_cannot_make_a_line_endless() -> None:
    assert len(words.cut("a" + "\u0301" * 1_000_000, 20)) <= 100


@given(st.lists(st.tuples(lines, lines, lines), min_size=1), st.sets(st.integers(0, 2)))
def test_the_cells_of_a_column_are_equally_wide_and_hold_what_they_held(
    rows: list[tuple[str, str, str]], left: set[int]
) -> None:
    padded = words.padded(rows, left)
    for number, cells in enumerate(zip(*padded, strict=True)):
        assert len(set(map(columns, cells))) == 1
        for row, cell in zip(rows, cells, strict=True):
            blanks = " " * (columns(cell) - columns(row[number]))
            assert cell == (row[number] + blanks if number in left else blanks + row[number])


def test_no_rows_are_no_rows() -> None:
    assert words.padded([]) == []


@pytest.mark.parametrize(
    ("text", "width", "said"),
    [
        ("select a from b", 8, ["select a", "from b"]),
        ("select a from b", 15, ["select a from b"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a bcdefgh i", 3, ["a", "bcd", "efg", "h i"]),
        ("日本語 日", 4, ["日本", "語", "日"]),
        ("日", 1, ["日"]),
        ("", 5, [""]),
    ],
)
def test_a_text_is_wrapped_at_blanks_and_elsewhere_only_where_it_must(
    text: str, width: int, said: list[str]
) -> None:
    assert words.wrapped(text, width) == said


@given(lines, widths)
def test_wrapped_lines_keep_the_width_and_lose_only_blanks(text: str, width: int) -> None:
    wrapped = words.wrapped(text, width)
    assert all(columns(line) <= width for line in wrapped)
    assert "".join(wrapped).replace(" ", "") == text.replace(" ", "")


def test_items_are_kept_whole_where_they_fit() -> None:
    items = ["4.0 rows examined each time", "database shop", "user app"]
    assert words.joined(items, 80) == ["4.0 rows examined each time · database shop · user app"]
    assert words.joined(items, 30) == ["4.0 rows examined each time", "database shop · user app"]
    assert words.joined(items, 20) == [
        "4.0 rows examined ea",
        "ch time",
        "database shop",
        "user app",
    ]
    assert words.joined([], 20) == []


PIECES = ("a", "a ", " ", "\n", "\x1b", "\u0301", "日", "日 ", " · ", "\ud800")


@pytest.mark.parametrize("piece", PIECES)
def test_foreign_text_is_made_harmless_and_broken_into_lines_in_linear_time(piece: str) -> None:
    def work(text: str) -> None:
        words.wrapped(words.one_line(text), 80)
        words.joined(text.split(" "), 80)
        words.cut(text, 1_000_000)

    assert (
        exponent(work, lambda size: piece * size) < 1.5
    )  # a busy machine makes 1.25 of 1; a square stays 2
