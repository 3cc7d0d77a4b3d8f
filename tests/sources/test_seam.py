"""Markers decide what comes twice and what never came; contents decide nothing."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slowquery.sources.seam import Seam, Stretch, longest_repeat, made_up, offset, sizes, stands_for

# Few characters, so that everything repeats itself.
TEXTS = st.text("ab\n", min_size=1, max_size=60).map(str.encode)
EVENT = b"# Time: 1\nselect 1;\n"


def joined(portions: list[tuple[bytes, int | None, int | None]]) -> list[Stretch]:
    seam, stretches = Seam(), []
    for data, at, to in portions:
        stretch, seam = seam.join(data, at, to)
        stretches.append(stretch)
    return stretches


def text(stretches: list[Stretch]) -> bytes:
    return b"".join(stretch.data for stretch in stretches)


@given(TEXTS, st.sets(st.integers(1, 60)))
def test_what_markers_say_is_consecutive_is_kept_whatever_it_holds(
    log: bytes, cuts: set[int]
) -> None:
    places = [0, *sorted(cut for cut in cuts if cut < len(log)), len(log)]
    stretches = joined([(log[a:b], a, b) for a, b in pairwise(places)])
    assert text(stretches) == log
    assert not any(stretch.doubtful or stretch.missing for stretch in stretches)


@given(TEXTS, st.integers(0, 70), st.integers(0, 70))
def test_nothing_repeats_nothing(log: bytes, at: int, span: int) -> None:
    _, stretch = joined([(log, 0, len(log)), (b"", at, at + span)])
    assert (stretch.data, stretch.doubtful, stretch.missing) == (b"", 0, span)


LINES = st.lists(st.integers(0, 999), min_size=4, max_size=30, unique=True).map(
    lambda numbers: [b"line %03d of this log\n" % number for number in numbers]
)


@given(LINES, st.integers(1, 8), st.integers(1, 20))
def test_markers_before_the_end_cut_the_repeat_off(
    lines: list[bytes], each: int, overlap: int
) -> None:
    log, portions, begin = b"".join(lines), [], 0
    ends = [sum(map(len, lines[:n])) for n in range(each, len(lines), each)] + [len(log)]
    for end in ends:
        to = end if end == len(log) else end - overlap
        portions.append((log[begin:end], begin, to))
        begin = to
    stretches = joined(list(portions))
    assert text(stretches) == log
    assert not any(stretch.doubtful or stretch.missing for stretch in stretches)


@given(LINES, st.integers(1, 8), st.integers(1, 20))
def test_portions_that_begin_before_their_marker_lose_the_repeat(
    lines: list[bytes], each: int, early: int
) -> None:
    log = b"".join(lines)
    ends = [0] + [sum(map(len, lines[:n])) for n in range(each, len(lines), each)] + [len(log)]
    portions = [(log[max(0, a - early) : b], a, b) for a, b in pairwise(ends)]
    stretches = joined(list(portions))
    assert text(stretches) == log
    assert not any(stretch.doubtful or stretch.missing for stretch in stretches)


@given(LINES, st.integers(2, 8), st.integers(1, 10), st.integers(1, 10))
def test_portions_that_begin_before_a_marker_that_is_too_low_lose_the_repeat(
    lines: list[bytes], each: int, overlap: int, early: int
) -> None:
    log, portions, begin = b"".join(lines), [], 0
    ends = [sum(map(len, lines[:n])) for n in range(each, len(lines), each)] + [len(log)]
    for end in ends:
        to = end if end == len(log) else end - overlap
        portions.append((log[max(0, begin - early) : end], begin, to))
        begin = to
    stretches = joined(list(portions))
    assert text(stretches) == log
    assert not any(stretch.doubtful or stretch.missing for stretch in stretches)


def test_a_repeat_that_one_portion_leaves_open_is_told_by_the_next() -> None:
    # U+FFFD stands for one to three bytes, so where the first ends is not sure.
    first = "select '\ufffd\ufffd';\n# Time: 1\n".encode()
    size = len(first) - 4
    second = b"# Time: 1\n# User@Host: app\n"
    stretches = joined([(first, 0, size), (second, size, size + len(second) - 10)])
    assert text(stretches) == first + second[10:]
    assert stretches[1].doubtful == 0


def test_two_equal_events_at_a_seam_are_two_events() -> None:
    size = len(EVENT)
    stretches = joined([(EVENT, 0, size), (EVENT, size, 2 * size)])
    assert text(stretches) == EVENT * 2
    assert stretches[1].doubtful == 0
    assert stretches[1].refuted == size


def test_without_offsets_what_could_be_a_repeat_is_kept_and_doubtful() -> None:
    stretches = joined([(EVENT, None, None), (EVENT + b"x", None, None), (b"y", None, None)])
    assert [(len(s.data), s.doubtful) for s in stretches] == [(20, 0), (21, 20), (1, 0)]


def test_what_a_marker_leads_over_is_missing_and_its_size_is_known() -> None:
    assert joined([(b"abc", 0, 10)])[0].missing == 7


@given(st.text(max_size=50))
def test_a_range_of_sizes_holds_the_bytes_that_a_text_came_from(log: str) -> None:
    raw = log.encode()
    assert stands_for(raw, len(raw))
    if "?" not in log:
        shown = "".join(c if c.isascii() else "?" for c in log).encode()
        least, most = sizes(shown)
        assert least <= len(raw) <= most


@given(st.binary(max_size=50))
def test_bytes_that_are_no_text_stand_for_one_to_three(raw: bytes) -> None:
    least, most = sizes(raw.decode(errors="replace").encode())
    assert least <= len(raw) <= most


def test_a_repeat_that_begins_inside_a_character_is_one() -> None:
    first = "select 'fünf ☃".encode()
    cut = len(first) - 2  # in the middle of the snowman
    second = first[cut:].decode(errors="replace").encode() + b"';\n"
    stretches = joined([(first, 0, cut), (second, cut, cut + 5)])
    assert text(stretches) == first + b"';\n"


def test_a_range_that_leaves_a_repeat_open_keeps_it_and_says_so() -> None:
    before = b"??? select '??'; select 1"
    again = b"ct 1;\n"
    stretches = joined([(before, 0, len(before)), (again, len(before), len(before) + 6)])
    assert text(stretches) == before + again
    open_range = joined([(before, 0, len(before) + 3), (again, len(before) + 3, 999)])
    assert open_range[1].data == again


def test_crs_that_are_lost_from_every_line_are_no_hole() -> None:
    assert joined([(b"a\nb\nc\n", 0, 9)])[0].missing == 0
    assert joined([(b"a\nb\nc\n", 0, 8)])[0].missing == 2


@given(TEXTS, TEXTS)
def test_the_longest_repeat_is_the_end_of_the_one_and_the_beginning_of_the_other(
    before: bytes, data: bytes
) -> None:
    size = longest_repeat(before, data)
    assert before.endswith(data[:size])
    longer = range(size + 1, min(len(before), len(data)) + 1)
    assert not any(before.endswith(data[:n]) for n in longer)


def test_an_offset_is_read_from_a_marker_of_that_form_only() -> None:
    assert [offset(marker) for marker in ("0", "12:210510255", "abc", "1:2:3", "-1:5")] == [
        *(0, 210510255, None, None, None)
    ]
    assert made_up("12:5", 9) == "12:9"
    assert made_up("0", 9) == "0:9"
