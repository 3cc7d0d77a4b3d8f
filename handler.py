"""The doors that AWS knocks on: Lambda's handlers, and what they see of the world."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from slowquery import app

if TYPE_CHECKING:
    from typing import Protocol

    from slowquery.settings import Secret

    class Context(Protocol):
        """What is used of Lambda's context object."""

        def get_remaining_time_in_millis(self) -> int:
            """Return how long the invocation may still take."""


_SECRETS: dict[str, Secret] = {}


def export_to_chat(event: object, context: Context) -> dict[str, object]:
    """Digest the hour before a scheduled event, or the window that an event names."""
    return app.invoke(
        event,
        app.World(
            environ=os.environ,
            now=lambda: time.time_ns() // 1000,
            remaining=lambda: context.get_remaining_time_in_millis() / 1000,
            say=print,
            secrets=_SECRETS,
        ),
    )
