"""The doors that AWS knocks on: Lambda's handlers, and what they see of the world."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from slowquery import hook

if TYPE_CHECKING:
    from typing import Protocol

    from slowquery.app import World
    from slowquery.settings import Secret

    class Context(Protocol):
        """What is used of Lambda's context object."""

        def get_remaining_time_in_millis(self) -> int:
            """Return how long the invocation may still take."""


_SECRETS: dict[str, Secret] = {}


def export_to_chat(event: object, context: Context) -> dict[str, object]:
    """Digest the hour before a scheduled event, or the window that an event names."""
    from slowquery import app  # noqa: PLC0415 - the hook has to answer where this cannot be imported

    return app.invoke(event, _world(context))


def _world(context: Context) -> World:
    from slowquery import app  # noqa: PLC0415 - as above

    return app.World(
        environ=os.environ,
        now=lambda: time.time_ns() // 1000,
        remaining=lambda: context.get_remaining_time_in_millis() / 1000,
        say=print,
        secrets=_SECRETS,
    )


def health_check(event: object, context: Context) -> dict[str, object]:
    """Answer the hook of a deployment; on any other event say how everything is."""
    if not isinstance(event, Mapping) or hook.EXECUTION not in event:
        from slowquery.health import examination  # noqa: PLC0415 - as above

        return examination.invoke(event, _world(context))
    verdict = hook.answer(
        event, os.environ, time.sleep, lambda: context.get_remaining_time_in_millis() / 1000
    )
    print(json.dumps(verdict, ensure_ascii=False))  # noqa: T201 - Lambda's log
    return verdict
