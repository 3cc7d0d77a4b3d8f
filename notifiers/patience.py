"""How long a delivery keeps trying before it is a failure.

A delivery runs inside a function with a time-out of its own, so waiting is bounded twice:
so many attempts a request, so many seconds for all the requests of one delivery together.
A channel that asks for more has to be given up, in words, while there is still time for
the other channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf
from typing import NamedTuple, TypeAlias, TypeVar

RETRIES = 3
"""Attempts after the first for an answer that means "later" (429, 5xx)."""
RETRIES_WHEN_CUT = 1
"""Attempts after the first where no answer came: the request may have been taken, so a
repeat can deliver twice. Twice is a nuisance, never is a loss; but once more is enough."""
SECONDS_OF_WAITING = 60.0
"""All the waiting of one delivery."""
SECONDS_TO_ANSWER = 10
"""The time-out of each step of a request: connect, send, receive."""

Remaining: TypeAlias = Callable[[], float]
"""Returns how many seconds there still are for a delivery."""

T = TypeVar("T")


def unhurried() -> float:
    """Return that there is no hurry."""
    return inf


class Refusal(NamedTuple):
    """Why one request was not taken, in words that hold no secret and no message.

    ``retries`` is how many repeats it is worth, counted apart from those of another worth;
    ``retry_after`` is the header of that name.
    ``everywhere`` means that any other request of the delivery would be refused too.
    Without ``answered`` nobody refused anything: there was no answer.
    """

    why: str
    hint: str
    retries: int = 0
    retry_after: str | None = None
    credential: bool = False
    everywhere: bool = False
    answered: bool = True


OUT_OF_TIME = Refusal(
    "there was no time left", "a longer time-out for the run, or fewer messages", everywhere=True
)


class Patience:
    """What is left of one delivery's time; ``sleep`` takes seconds.

    A request is not begun unless there is time for its answer, so that whoever gave the
    time has some left to say what did not arrive.
    """

    def __init__(self, sleep: Callable[[float], None], remaining: Remaining = unhurried) -> None:
        self._sleep = sleep
        self._remaining = remaining
        self._left = SECONDS_OF_WAITING

    def insist(self, post: Callable[[], T | Refusal]) -> T | Refusal:
        """Call ``post`` until it returns no refusal, or repeats are not worth it any more."""
        spent: Counter[int] = Counter()
        while True:
            if self._remaining() < SECONDS_TO_ANSWER:
                return OUT_OF_TIME
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
        return self.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait, unless that is longer than there is time for; say whether it was done."""
        if seconds > min(self._left, self._remaining() - SECONDS_TO_ANSWER):
            return False
        self._left -= seconds
        self._sleep(seconds)
        return True
