"""What a channel can tell about itself before anything is posted to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

State: TypeAlias = Literal["ok", "warn", "fail", "unknown"]


class Finding(NamedTuple):
    """What one question found: ``seen`` holds no secret, ``hint`` says what to do.

    ``unknown`` is what the channel does not tell; its hint says what would let it.
    """

    question: str
    state: State
    seen: str
    hint: str = ""


@runtime_checkable
class Inquirable(Protocol):
    """A channel that can be asked how it is, without posting."""

    def inquire(self) -> Sequence[Finding]:
        """Ask, once each, and return what was found; never raise, post nothing."""
        ...
