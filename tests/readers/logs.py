"""Logs made up for tests: like those of servers, unlike them, and cut anywhere."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

USER = b"# User@Host: app[app] @ web-1 [10.0.0.1]  Id:     8\n"
FIGURES = b"# Query_time: 2.000000  Lock_time: 0.000100 Rows_sent: 1  Rows_examined: 10\n"
EXTRA = FIGURES[:-1] + b" Thread_id: 8 Errno: 0 Start: 2026-11-22T13:00:03.250000Z"
EXTRA += b" End: 2026-11-22T13:00:05.250000Z\n"
SCHEMA = b"# Thread_id: 125  Schema: shop  QC_hit: No\n"
TIMESTAMP = b"SET timestamp=1795352405;\n"
BANNER = (
    b"/rdsdbbin/mysql/bin/mysqld, Version: 8.0.35 (Source distribution). started with:\n"
    b"Tcp port: 3306  Unix socket: /tmp/mysql.sock\n"
    b"Time                 Id Command    Argument\n"
)
MARIADB = BANNER.replace(b"8.0.35", b"10.11.19-MariaDB-log")

TIMES = (
    *(b"# Time: 2026-11-22T13:00:05.250000Z\n", b"# Time: 2026-11-22T15:00:05.250000+02:00\n"),
    *(b"# Time: 261122 15:00:05\n", b"# Time: 261122 15:00:06\n", b"# Time: 261122  9:30:05\n"),
    *(
        b"# Time: 2026-11-22T13:00:05x250000Z\n",
        b"# Time: 2026-11-22T13:00:05.250Z\n",
        b"# Time: \n",
    ),
)
STATEMENTS = (
    *(b"SELECT 1;\n", b"SELECT 'open\n", b"SELECT\n2\n;\n", b"commit;\n", b";\n", b"\n", b""),
    *(b"# administrator command: Quit;\n", b"SELECT '\n# Query_time: 9  Lock_time: 9\n';\n"),
    b"throttle:  3 'index not used' warning(s) suppressed.;\n",
)


def event(
    time: bytes = TIMES[0],
    header: bytes = USER + FIGURES,
    before: bytes = TIMESTAMP,
    statement: bytes = b"SELECT 1;\n",
) -> bytes:
    """Return an event as a server writes it."""
    return time + header + before + statement


events = st.builds(
    event,
    time=st.sampled_from([b"", *TIMES]),
    header=st.sampled_from(
        [
            *(USER + FIGURES, USER + EXTRA, b"# User@Host: x\n" + FIGURES),
            USER + SCHEMA + FIGURES + b"# explain: 1\n#\n",
            USER + FIGURES + b"# Log_slow_rate_type: query  Log_slow_rate_limit: 10\n",
            USER + FIGURES.replace(b" 10", b" 18446744073709551615"),
        ]
    ),
    before=st.sampled_from(
        [
            *(b"", TIMESTAMP, b"use shop;\n" + TIMESTAMP, b"use `stock`;\n"),
            *(TIMESTAMP.replace(b"405;", b"999;"), TIMESTAMP.replace(b"17953", b"99999999999953")),
        ]
    ),
    statement=st.sampled_from(STATEMENTS),
)

PLAIN = (
    event(time=TIMES[2], before=b"use shop;\n" + TIMESTAMP),
    event(header=USER + SCHEMA + FIGURES + b"# Rows_affected: 0\n#\n# explain: 1\n#\n"),
    event(before=b"SET last_insert_id=7,insert_id=8,timestamp=1795352405;\n"),
    event(time=b"", header=USER + EXTRA),
)
"""Events of which no header's line is unusual."""

LINES = (
    *(USER, FIGURES, EXTRA, SCHEMA, TIMESTAMP),
    *(b"# Schema: stock\n", b"use shop;\n", b"#\n"),
)

_SCRAPS = st.sampled_from(
    [
        *(*TIMES, *STATEMENTS, *BANNER.splitlines(keepends=True), *FIGURES.split(b" ")),
        *(USER, FIGURES, EXTRA, SCHEMA, TIMESTAMP, b"# User@Host: \n", b"# Time: x\n"),
        *(b"# Query_time: 9\n", b"#\n", b"# more\n" * 150, b"x" * 9000),
        *(b"\r\n", b"\r", b"\n", b"#", b" ", b";", b"\0", b"\xff"),
    ]
)

GALLERY = [log.read_bytes() for log in sorted((Path(__file__).parent / "gallery").glob("*.log"))]

_EDITS = st.tuples(
    st.floats(0, 1),
    st.integers(0, 300),
    st.just(b"") | _SCRAPS | st.sampled_from([BANNER, MARIADB]),
)


def _damaged(log: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for place, size, scrap in edits:
        at = int(place * len(log))
        log = log[:at] + scrap + log[at + size :]
    return log


_HEAPS = st.lists(
    events | st.sampled_from([BANNER, MARIADB]) | _SCRAPS | st.binary(max_size=3), max_size=14
)

plain_logs = st.builds(
    _damaged,
    st.lists(st.sampled_from(PLAIN), max_size=5).map(b"".join),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=2)), max_size=2),
)
"""Plain events, the most of them without damage."""

logs = st.one_of(
    _HEAPS.map(b"".join),
    st.lists(events, min_size=9, max_size=40).map(b"".join),
    st.builds(
        _damaged,
        st.lists(st.sampled_from(GALLERY), max_size=3).map(b"".join),
        st.lists(_EDITS, max_size=5),
    ),
)
"""Events and scraps of events in any order, and damaged logs; a few kilobytes at most."""


def cuts(log: bytes) -> st.SearchStrategy[list[int]]:
    """Return where a log may be cut into portions: anywhere, several times in one place."""
    return st.lists(st.integers(0, len(log)), max_size=9)
