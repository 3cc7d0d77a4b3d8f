"""Questions are put side by side, and one that hangs is unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Event

import pytest

from slowquery.health.limits import AT_ONCE, Clockwork, NoAnswer, NotUnderstood, side_by_side
from slowquery.sources.refusal import SourceError

_ERROR = ("why", "hint")


def clockwork(limit: float = 60.0, remaining: float = 300.0) -> Clockwork:
    return Clockwork(lambda: remaining, limit)


def test_an_answer_is_returned_and_so_is_an_error() -> None:
    def refuse() -> str:
        raise SourceError(*_ERROR)

    assert clockwork().ask(lambda: "yes") == "yes"
    assert str(clockwork().ask(refuse)) == "why; try: hint"


def test_a_question_that_hangs_is_given_up() -> None:
    never = Event()
    answer = clockwork(0.05).ask(never.wait)
    never.set()
    assert isinstance(answer, NoAnswer)
    assert answer.why == "no answer in 0.05 s"


def test_without_time_nothing_is_waited_for() -> None:
    never = Event()
    answer = clockwork(remaining=5.0).ask(never.wait)
    never.set()
    assert isinstance(answer, NoAnswer)


@pytest.mark.parametrize(
    "broken",
    [
        lambda: int("zqzq"),
        lambda: dict[str, int]()["zqzq"],
        lambda: list("zqzq")[4],
        lambda: len(None),  # type: ignore[arg-type]  # an odd answer
        lambda: None.zqzq,  # type: ignore[attr-defined]  # and another
        lambda: datetime.fromtimestamp(1e40, UTC),
        lambda: Path("zqzq/zqzq").read_text(encoding="utf-8"),
        lambda: next(iter(())),
    ],
    ids=range(8),
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_question_that_breaks_is_an_answer_that_quotes_nothing(
    broken: Callable[[], object],
) -> None:
    answer = clockwork().ask(broken)
    assert isinstance(answer, NotUnderstood)
    assert "the question broke" in answer.why
    assert "zqzq" not in str(answer)


def test_the_kind_of_what_broke_is_said() -> None:
    answer = clockwork().ask(lambda: int("one"))
    assert isinstance(answer, NotUnderstood)
    assert answer.why == "the question broke (ValueError)"


def test_questions_are_put_side_by_side_and_answers_come_in_order() -> None:
    together = Barrier(AT_ONCE, timeout=60)  # broken, unless all are there at the same time

    def look(number: int) -> int:
        together.wait()
        return number * number

    assert side_by_side(look, range(AT_ONCE)) == [number * number for number in range(AT_ONCE)]
