"""Questions side by side, each with a time limit: one that hangs keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Final, TypeVar

from slowquery.sources.refusal import SourceError

LIMIT: Final = 10.0
"""Seconds that a question may take."""

AT_ONCE: Final = 8
"""Questions that are put side by side: enough to hide the waiting, few enough to be polite."""

RESERVE: Final = 5.0
"""Seconds that are kept from the questions, for saying what came of them."""

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class NoAnswer(SourceError):
    """A question that nobody answered in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"no answer in {seconds:.2g} s",
            "ask again; a function in a VPC needs a way out: a NAT gateway or VPC endpoints",
        )


class NotUnderstood(SourceError):
    """A question that broke; ``kind`` is the name of the error, whose message may quote a log."""

    def __init__(self, kind: str = "its traceback stands in the log") -> None:
        super().__init__(
            f"the question broke ({kind})",
            "ask again; report it with the name of the check if it stays",
        )


_ODD: Final = (
    *(LookupError, TypeError, ValueError, AttributeError),  # a part is missing, or is another thing
    *(ArithmeticError, OSError, RuntimeError),  # a time out of range, a socket, a thread
)
"""What comes of an answer, or a world, that nobody thought of. One question of many may break
on it, and the others have their answers all the same."""


class Clockwork:
    """Puts questions while ``remaining()`` seconds last, ``limit`` seconds each at most."""

    def __init__(self, remaining: Callable[[], float], limit: float = LIMIT) -> None:
        self._remaining = remaining
        self._limit = limit

    def ask(self, question: Callable[[], Answer]) -> Answer | SourceError:
        """Return the answer, or the error that came instead of it."""
        seconds = max(0.0, min(self._limit, self._remaining() - RESERVE))
        came: list[Answer | SourceError] = []

        def put() -> None:
            try:
                came.append(question())
            except SourceError as error:
                came.append(error)
            except _ODD as error:
                came.append(NotUnderstood(type(error).__name__))

        # A daemon: the process may end while a question still hangs.
        asking = Thread(target=put, daemon=True)
        asking.start()
        asking.join(seconds)
        if asking.is_alive():
            return NoAnswer(seconds)
        return came[0] if came else NotUnderstood()


def side_by_side(look: Callable[[Question], Answer], questions: Iterable[Question]) -> list[Answer]:
    """Return ``look`` of each, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(look, questions))
