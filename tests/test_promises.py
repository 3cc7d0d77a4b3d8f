"""What holds of any log, tried on logs that were damaged by dice; the fuzzer tries more."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests import promises
from tests.promises import MYSQL, POSTGRESQL, Kind

READERS = Path(__file__).parent / "readers"
LOGS = [
    *((log, MYSQL) for log in sorted(READERS.glob("gallery/*"))),
    *((log, POSTGRESQL) for log in sorted(READERS.glob("postgres_gallery/*"))),
]
PIECES = (b"'", b'"', b"\\", b"\n", b"\t", b"$$", b"/*", b"--", b";", b",", b"\0", b"\xff", b"7")


def damaged(log: bytes, random: Random) -> bytes:
    """Return a log that lost some parts and got others."""
    for _ in range(random.randrange(6)):
        at = random.randrange(len(log) + 1)
        end = at + random.choice((0, 0, 1, 3, 40))
        log = log[:at] + random.choice((*PIECES, log[end : end + 90])) + log[end:]
    return log


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        pytest.param(log, kind, id=f"{log.parent.name}/{log.name}")
        for log, kind in LOGS
        if log.suffix != ".txt"
    ],
)
def test_a_damaged_log_keeps_the_promises(log: Path, kind: Kind) -> None:
    whole = log.read_bytes()
    random = Random(log.name)  # noqa: S311 - dice, no secret
    for _ in range(3):
        promises.of_a_log(damaged(whole, random), kind)
