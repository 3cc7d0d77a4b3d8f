"""PostgreSQL logs made up for tests, and what the reader makes of one in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st

from slowquery.model import Batch, Client, Occurrence, Piece, Portion
from slowquery.readers import postgres

GALLERY = Path(__file__).parent / "postgres_gallery"
FILES = sorted(file for file in GALLERY.iterdir() if file.suffix in {".log", ".csv", ".json"})


class Execution(NamedTuple):
    """An event as a row; times are microseconds."""

    statement: bytes
    ended_at: int | None
    query_time: int
    parse_time: int
    bind_time: int
    client: Client
    database: str


class Found(NamedTuple):
    """All that was read of a log, however many batches it came in."""

    executions: list[Execution]
    also: list[Occurrence]
    bytes_read: int
    bytes_skipped: Counter[str]
    sampled: int
    possibly_repeated: int


def found(batches: Iterable[Batch]) -> Found:
    """Return what stands in all of them."""
    every = list(batches)
    skipped: Counter[str] = Counter()
    for batch in every:
        skipped.update(batch.bytes_skipped)
    return Found(
        [
            Execution(*row)
            for batch in every
            for row in zip(
                batch.statements,
                batch.ended_at,
                batch.query_time,
                batch.parse_time or (),
                batch.bind_time or (),
                batch.clients,
                batch.databases,
                strict=True,
            )
        ],
        [one for batch in every for one in batch.also],
        sum(batch.bytes_read for batch in every),
        skipped,
        max((batch.sampled for batch in every), default=1),
        sum(batch.events_possibly_repeated for batch in every),
    )


def read(*pieces: Piece, stretch: int = postgres.STRETCH, prefix: str | None = None) -> Found:
    """Read pieces of a log."""
    return found(postgres.read(pieces, stretch=stretch, log_line_prefix=prefix))


def read_log(log: bytes, cuts: Sequence[int] = (), stretch: int = postgres.STRETCH) -> Found:
    """Read one file, cut into portions at ``cuts``."""
    return read(*portions(log, cuts), stretch=stretch)


def portions(log: bytes, cuts: Sequence[int] = (), file: str = "a.log") -> Iterator[Portion]:
    """Cut a file into portions."""
    for begin, end in pairwise([0, *sorted(cuts), len(log)]):
        yield Portion(file, log[begin:end])


FIRST = b"2026-11-22 13:00:05 UTC:10.0.0.1(34926):app@shop:[21002]:"
SECOND = b"2026-11-22 13:00:06 UTC:[local]:rdsadmin@rdsadmin:[21004]:"
PREFIXES = (
    *(FIRST, SECOND, b"2026-11-22 13:00:07 CET::@:[7]:", b"2026-11-22 13:00:05.710 UTC [7] a@b "),
    *(b"2026-11-22 13:00:05.710 +02 [8] ", b"1795352405.123 | [9] ", b"2026-11-22 13:00:05 UTC"),
)
MESSAGES = (
    *(b"LOG:  duration: 1.285 ms  statement: SELECT 1\n", b"LOG:  duration: 2.000 ms\n"),
    b"LOG:  00000: duration: 1.285 ms  statement: SELECT '\n\t\xff'\n",
    *(b"LOG:  duration: 0.100 ms  parse S_1: SELECT $1\n",),
    *(b"LOG:  duration: 0.200 ms  bind S_1/C_2: SELECT $1\n",),
    *(b"LOG:  duration: 0.300 ms  execute S_1/C_2: SELECT $1\n",),
    *(b"LOG:  duration: 0.400 ms  execute fetch from S_1/C_2: SELECT $1\n",),
    *(b"LOG:  statement: SELECT 2\n", b"LOG:  execute S_1: SELECT $1\n"),
    *(b"DETAIL:  parameters: $1 = 'x\n\ty'\n", b"STATEMENT:  SELECT 3\n", b"ERROR:  no\n"),
    *(b"LOG:  duration: 9.000 ms  plan:\n\tQuery Text: SELECT 1\n", b"LOG:  disconnection: x\n"),
    *(b'LOG:  temporary file: path "x", size 1\n', b"LOG:  process 7 still waiting for x\n"),
    b'LOG:  parameter "log_statement_sample_rate" changed to "0.5"\n',
    b"[Your log message was truncated]\n",
)
_CSV = [file.read_bytes() for file in FILES if file.suffix == ".csv" and file.stem != "one_run"]
_JSON = [file.read_bytes() for file in FILES if file.suffix == ".json" and file.stem != "one_run"]
_STDERR = [file.read_bytes() for file in FILES if file.suffix == ".log" and file.stem != "one_run"]
_SCRAPS = st.sampled_from(
    [
        *(*PREFIXES, *MESSAGES, b"\n", b"\t", b"\n\t", b'"', b'""', b",", b"\\", b"\0", b"\xff"),
        *(b"2026-11-22 ", b"LOG:  ", b"duration: ", b"x" * 3000, b"\r\n", b'{"timestamp":"'),
    ]
)
_messages = st.builds(
    lambda prefix, message: prefix + message, st.sampled_from(PREFIXES), st.sampled_from(MESSAGES)
)
ALIKE = (
    (FIRST, SECOND, b"2026-11-22 13:00:07 UTC::@:[7]:", b"2026-11-22 13:00:07 +02:::1(5):a@b:[8]:"),
    (b"2026-11-22 13:00:05.710 UTC [7] a@b ", b"2026-11-22 13:00:06.003 -0330 [8] c@d "),
    (
        b"2026-11-22 13:00:05 UTC [7]: [3-1] user=a,db=b,app=psql: x,client=10.0.0.1 ",
        b"2026-11-22 13:00:06 UTC [8]: [1-1] user=,db=,app=,client= ",
    ),
)
_ODD_MESSAGES = (
    b"LOG:  duration: 1.0 ms  statement: SELECT 4\n",
    b"LOG:  duration: 0.500 ms  execute S:1: SELECT '\n\t: '\n",
    b"LOG:  duration: 0.500 ms  execute S: SELECT 5: 6\n",
    b"LOG:  statement: SELECT ' 1.000 ms  statement: SELECT 7'\n",
    b"LOG:  duration: 0.600 ms  fastpath function call: 8\n",
    b"LOG:  duration: 0.700 ms  :  SELECT 9\n",
    b"ERROR:  duration: 0.800 ms  statement: SELECT 10\n",
    b"\n",
    b"x\n",
)
alike = st.sampled_from(ALIKE).flatmap(
    lambda prefixes: st.lists(
        st.builds(
            lambda prefix, message: prefix + message,
            st.sampled_from(prefixes),
            st.sampled_from(4 * MESSAGES + _ODD_MESSAGES),
        ),
        min_size=1,
        max_size=20,
    ).map(b"".join)
)
"""Logs of one prefix throughout."""
_records = st.sampled_from(
    [line for text in (*_CSV, *_JSON) for line in text.splitlines(keepends=True)]
)


def _damaged(log: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for place, size, scrap in edits:
        at = int(place * len(log))
        log = log[:at] + scrap + log[at + size :]
    return log


logs = st.one_of(
    alike,
    st.lists(_messages, max_size=30).map(b"".join),
    st.lists(_messages | _SCRAPS | st.binary(max_size=3), max_size=14).map(b"".join),
    st.lists(_records | _SCRAPS, max_size=8).map(b"".join),
    st.builds(
        _damaged,
        st.sampled_from([_STDERR, _CSV, _JSON]).flatmap(
            lambda texts: st.lists(st.sampled_from(texts), max_size=3).map(b"".join)
        ),
        st.lists(st.tuples(st.floats(0, 1), st.integers(0, 300), _SCRAPS), max_size=5),
    ),
)
"""Messages and scraps of messages in any order and format, and damaged logs; some kilobytes."""


def cuts(log: bytes) -> st.SearchStrategy[list[int]]:
    """Return where a log may be cut into portions: anywhere, several times in one place."""
    return st.lists(st.integers(0, len(log)), max_size=9)
