"""The smallest logs that show one thing each: what is read from every one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from slowquery.model import SECOND, Batch
from slowquery.window import iso
from tests.conftest import Golden
from tests.readers.joined import read_log

LOGS = sorted((Path(__file__).parent / "gallery").glob("*.log"))


def seconds(micros: int) -> str:
    return f"{micros // SECOND}.{micros % SECOND:06d}"


def shown(batch: Batch) -> str:
    """Write a batch for a reader: a paragraph an event, then the account."""
    rows = zip(
        batch.statements,
        batch.ended_at,
        batch.query_time,
        batch.lock_time or (),
        batch.rows_sent or (),
        batch.rows_examined or (),
        batch.clients,
        batch.databases,
        strict=True,
    )
    lines = []
    for statement, ended_at, query_time, lock_time, sent, examined, client, database in rows:
        lines += [
            f"ended     {'nobody knows' if ended_at is None else iso(ended_at)}",
            f"took      {seconds(query_time)} s, {seconds(lock_time)} s of it for locks",
            f"rows      {sent} sent, {examined} examined",
            f"client    {client.user!r} at {client.host!r}",
            f"database  {database!r}",
            f"statement {statement!r}",
            "",
        ]
    lines.append(f"{batch.bytes_read} bytes read")
    lines += [f"{size} skipped: {reason}" for reason, size in sorted(batch.bytes_skipped.items())]
    kinds = {
        "administrator": batch.events_administrator,
        **batch.events_excluded,
        "unreadable": batch.events_unreadable,
    }
    lines += [f"{count} not counted: {kind}" for kind, count in kinds.items() if count]
    if batch.sampled > 1:
        lines.append(f"one in {batch.sampled} was logged")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_the_gallery_is_read_as_it_says(log: Path, golden: Golden) -> None:
    golden.check(log.with_suffix(".txt"), shown(read_log(log.read_bytes())))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_the_gallery_reads_the_same_wherever_it_is_cut(log: Path) -> None:
    text = log.read_bytes()
    whole = read_log(text)
    assert read_log(text, range(1, len(text)), stretch=1) == whole
    for cut in range(1, len(text), 5):  # every place would take five times as long
        assert read_log(text, [cut], stretch=cut) == whole


def test_no_text_stands_in_the_gallery_without_its_log() -> None:
    texts = (Path(__file__).parent / "gallery").glob("*.txt")
    assert {text.stem for text in texts} == {log.stem for log in LOGS}
