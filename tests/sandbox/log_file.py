"""A log file as the service keeps it: its bytes, when it was written, what it gave so far."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TypeAlias

from tests.sandbox.ledger import FileKey
from tests.sandbox.manners import Manners
from tests.sandbox.markers import Markers
from tests.sandbox.portions import Content, line_start, offset

Log: TypeAlias = bytes | Path
"""What a log is made from: its bytes or a path, either of them gzipped or not."""

LIVE = "slowquery/mysql-slowquery.log"
"""The slow log that a MySQL or MariaDB instance is writing to."""

POSTGRESQL = "error/postgresql.log."
"""What the names of PostgreSQL's logs begin with; the time at which each was begun follows."""

LAST_WRITTEN = datetime(2026, 11, 22, 5, tzinfo=UTC)
"""When a log was last written of which nobody said so and no file shows it."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(slots=True)
class LogFile:
    """One file, whatever it is called at the moment.

    ``size`` is what the list shows, ``portions`` counts those given, ``struck`` the faults
    in a row before the next.
    """

    key: FileKey
    content: Content
    size: int
    last_written: datetime
    markers: Markers
    portions: int = 0
    struck: Counter[str] = field(default_factory=Counter)

    def base(self, name: str, manners: Manners) -> int:
        """Where the file begins under this name: the live one may lack its first minutes."""
        if name != LIVE:
            return 0
        return line_start(self.content, offset(self.content, manners.live_begins_at))


def live_of(last_written: Mapping[str, datetime]) -> str:
    """The name of the file that is being written to: of PostgreSQL's, the newest."""
    ours = [name for name in last_written if name.startswith(POSTGRESQL)]
    if LIVE in last_written or not ours:
        return LIVE
    return max(ours, key=lambda name: (last_written[name], name))


def load(key: FileKey, log: Log, last_written: datetime | None, manners: Manners) -> LogFile:
    """A log file of the service.

    Gzipped content is served decompressed, as the service does with names in ``.gz``; only
    under such a name is the listed size that of the gzipped bytes. A path that is not
    gzipped is mapped, not read.
    """
    content: Content
    if isinstance(log, Path):
        last_written = last_written or datetime.fromtimestamp(log.stat().st_mtime, UTC)
        content = _mapped(log) if log.stat().st_size else b""
    else:
        content = log
    size = len(content)
    if content[:2] == _GZIP_MAGIC:
        content = gzip.decompress(content[:])
    if not key.file.endswith(".gz"):
        size = len(content)
    last_written = last_written or LAST_WRITTEN
    markers = Markers(
        manners.markers,
        last_written.hour,
        f"{key.instance}/{key.file}",
        strict=manners.strict_markers,
    )
    return LogFile(key, content, size, last_written, markers)


def _mapped(path: Path) -> mmap:
    with path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ)
