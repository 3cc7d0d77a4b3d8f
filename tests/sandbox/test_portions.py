"""A portion holds what its limits allow, and accounts for every byte it leaves out."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.ledger import without
from tests.sandbox.manners import Manners, any_manners
from tests.sandbox.portions import TRUNCATED, Region, cut, tail

LOGS = st.lists(st.binary(max_size=60), max_size=40).map(b"\n".join)


@given(LOGS, st.integers(1, 50), st.integers(1, 300))
def test_asked_again_with_half_the_lines_a_log_comes_whole_line_by_line(
    log: bytes, lines: int, limit: int
) -> None:
    manners = Manners(portion_bytes=limit)
    read = b""
    position, wanted = 0, lines
    while position < len(log):
        got = cut(log, position, wanted, manners)
        if got.denials and wanted > 1:
            wanted //= 2
            continue
        read += got.data
        position, wanted = got.next, lines
        if got.denials:
            lost = got.denials[0]
            assert got.data.endswith(TRUNCATED + b"\n")
            read = read.removesuffix(TRUNCATED + b"\n") + log[lost.start : lost.end]
    assert read == log


@given(LOGS, st.integers(1, 50), st.integers(0))
def test_each_byte_of_a_log_is_delivered_or_denied(log: bytes, lines: int, seed: int) -> None:
    manners = any_manners(seed, faults=20)
    accounted: list[Region] = []
    position = 0
    while position < len(log):
        got = cut(log, position, lines, manners)
        accounted += got.regions
        accounted += [Region(denial.start, denial.end) for denial in got.denials]
        assert got.next > position
        position = got.next
    assert not without([Region(0, len(log))], accounted)


@given(LOGS, st.integers(1, 50))
def test_the_tail_is_the_last_lines(log: bytes, lines: int) -> None:
    found = [*re.finditer(rb"[^\n]*\n|[^\n]+$", log)][-lines:]
    assert tail(log, lines) == (found[0].start() if found else 0)


class Watched(bytes):
    """A log that counts the bytes copied out of it."""

    copied = 0

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as bytes has it
        part = super().__getitem__(key)
        if isinstance(part, bytes):
            self.copied += len(part)
        return part


def test_a_long_log_is_looked_at_portion_by_portion_and_never_as_a_whole() -> None:
    log = Watched(b"0123456789abcde\n" * 64_000)
    manners = Manners(portion_bytes=1000)
    position = 0
    while position < len(log):
        position = cut(log, position, 10_000, manners).next
    assert log.copied < 3 * len(log)
