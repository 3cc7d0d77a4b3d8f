"""A check: what a question was about, how it stands, what was seen, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["ok", "warn", "fail", "unknown"]

FROM_THE_WORST: Final[tuple[Status, ...]] = ("fail", "warn", "unknown", "ok")


REACHABLE: Final = "reachable"
"""The name of the check that each instance's others stand on."""


class Subject(NamedTuple):
    """Whom a check is about: the bot itself, which has no name here, or one of its parts."""

    kind: Literal["bot", "instance", "channel"]
    name: str = ""


BOT: Final = Subject("bot")


@dataclass(frozen=True, slots=True)
class Check:
    """One question's outcome; ``hint`` says what to do and is empty where all is well."""

    name: str
    status: Status
    seen: str
    hint: str = ""
    where: Subject = BOT


def is_blind(checks: Iterable[Check]) -> bool:
    """Return whether nothing is known of any instance, so that all may be well or nothing."""
    return not any(
        check.where.kind == "instance" and check.name == REACHABLE and check.status != "unknown"
        for check in checks
    )


def worst(checks: Iterable[Check]) -> Status:
    """Return the worst status among ``checks``; that of none is ``ok``."""
    found = {check.status for check in checks}
    return next((status for status in FROM_THE_WORST if status in found), "ok")
