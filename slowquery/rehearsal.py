"""The line without a database and without a chat: a made-up event goes through every room.

A version that is to be deployed is tried with it. Most rooms are entered, and most libraries
imported, only where there is something slow, and the minutes in which somebody deploys may
be quiet.
"""

from __future__ import annotations

from typing import Final

from slowquery import render
from slowquery.line import digest_of
from slowquery.model import Digest, Portion, Result
from slowquery.settings import Settings

LOG: Final = b"""\
# Time: 2026-11-22T04:30:00.000000Z
# User@Host: rehearsal[rehearsal] @ localhost []  Id: 1
# Query_time: 9999.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500
SET timestamp=1795321800;
select name from rehearsals where id = 1;
"""


def rehearse(settings: Settings) -> Digest:
    """Digest and render the event; return the digest. Raises whatever is wrong with a room."""
    found = digest_of(
        [Portion("rehearsal", LOG)], settings, engine="mysql", window=None, instance="rehearsal"
    )
    render.message(Result(None, (found,)), settings)
    return found
