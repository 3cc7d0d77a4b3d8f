"""The smallest PostgreSQL logs that show one thing each: what is read from every one of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from slowquery.model import SECOND
from slowquery.window import iso
from tests.conftest import Golden
from tests.readers.postgres_logs import FILES, GALLERY, Found, read_log

ONE_RUN = [GALLERY / f"one_run.{ending}" for ending in ("log", "csv", "json")]


def seconds(micros: int) -> str:
    return f"{micros // SECOND}.{micros % SECOND:06d}"


def shown(found: Found) -> str:
    """Write what was read for a reader: a paragraph an execution, then the account."""
    lines = []
    for one in found.executions:
        lines += [
            f"ended     {'nobody knows' if one.ended_at is None else iso(one.ended_at)}",
            f"took      {seconds(one.query_time)} s",
            *([f"parse     {seconds(one.parse_time)} s"] if one.parse_time else []),
            *([f"bind      {seconds(one.bind_time)} s"] if one.bind_time else []),
            f"client    {one.client.user!r} at {one.client.host!r}",
            f"database  {one.database!r}",
            f"statement {one.statement!r}",
            "",
        ]
    lines.append(f"{found.bytes_read} bytes read")
    lines += [f"{size} skipped: {reason}" for reason, size in sorted(found.bytes_skipped.items())]
    also = Counter(one.what for one in found.also)
    lines += [f"also {what}: {count}" for what, count in sorted(also.items())]
    if found.sampled > 1:
        lines.append(f"one in {found.sampled} was logged")
    return "\n".join(lines) + "\n"


def text_of(log: Path) -> Path:
    """Return the text that a log has: the formats of one run share theirs."""
    return log.with_suffix(".txt")


@pytest.mark.parametrize("log", FILES, ids=lambda log: log.name)
def test_the_gallery_is_read_as_it_says(log: Path, golden: Golden) -> None:
    read = read_log(log.read_bytes())
    if log in ONE_RUN:
        read = read._replace(bytes_read=0)
    golden.check(text_of(log), shown(read))


@pytest.mark.parametrize("log", FILES, ids=lambda log: log.name)
def test_the_gallery_reads_the_same_wherever_it_is_cut(log: Path) -> None:
    text = log.read_bytes()
    whole = read_log(text)
    step = 1 if log not in ONE_RUN else 1999
    assert read_log(text, range(1, len(text), step), stretch=1) == whole
    for cut in range(1, len(text), 7 * step):  # every place would take much longer
        assert read_log(text, [cut], stretch=cut) == whole


def test_the_three_formats_of_one_run_give_one_result() -> None:
    stderr, csv, json = (read_log(log.read_bytes()) for log in ONE_RUN)
    assert stderr.executions == csv.executions == json.executions
    assert stderr.also == csv.also == json.also
    assert stderr.sampled == csv.sampled == json.sampled == 4
    assert len(stderr.executions) == 62


def test_no_text_stands_in_the_gallery_without_its_log() -> None:
    assert {text.stem for text in GALLERY.glob("*.txt")} == {log.stem for log in FILES}
