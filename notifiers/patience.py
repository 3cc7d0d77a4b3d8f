"""How long a delivery keeps trying before it is a failure.

A delivery runs inside a function with a time-out of its own, so waiting is bounded twice:
so many attempts a request, so many seconds for all the requests of one delivery together.
A channel that asks for more has to be given up, in words, while there is still time for
the other channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

RETRIES = 3
"""Attempts after the first for an answer that means "later" (429, 5xx)."""
RETRIES_WHEN_CUT = 1
"""Attempts after the first where no answer came: the request may have been taken, so a
repeat can deliver twice. Twice is a nuisance, never is a loss; but once more is enough."""
SECONDS_OF_WAITING = 60.0
"""All the waiting of one delivery."""
SECONDS_TO_ANSWER = 10
"""The time-out of each step of a request: connect, send, receive."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one request was not taken, in words that hold no secret and no message.

    ``retries`` is how many repeats it is worth, counted apart from those of another worth;
    ``retry_after`` is the header of that name.
    ``everywhere`` means that any other request of the delivery would be refused too.
    """

    why: str
    hint: str
    retries: int = 0
    retry_after: str | None = None
    credential: bool = False
    everywhere: bool = False


class Patience:
    """What is left of one delivery's waiting time; ``sleep`` takes seconds."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self._left = SECONDS_OF_WAITING

    def insist(self, post: Callable[[], T | Refusal]) -> T | Refusal:
        """Call ``post`` until it returns no refusal, or repeats are not worth it any more."""
        spent: Counter[int] = Counter()
        while True:
            answer = post()
            if not isinstance(answer, Refusal) or spent[answer.retries] >= answer.retries:
                return answer
            if not self._wait(spent.total(), answer.retry_after or ""):
                return answer
            spent[answer.retries] += 1

    def _wait(self, attempt: int, retry_after: str) -> bool:
        # A Retry-After that is a date (RFC 9110, 10.2.3) is waited for like none at all.
        asked = retry_after.isascii() and retry_after.isdigit()
        seconds = float(retry_after) if asked else 2.0**attempt
        if seconds > self._left:
            return False
        self._left -= seconds
        self._sleep(seconds)
        return True
