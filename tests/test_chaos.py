"""Some rounds of chaos, and a look at whether the account would notice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from slowquery.model import Coverage
from tests.chaos import INSTANCE, Outcome, Round, breaches, judge, run_directly
from tests.sandbox.ledger import Span
from tests.sandbox.log_file import LIVE, POSTGRESQL
from tests.sandbox.manners import Manners

EVENT = (
    "# Time: 2026-11-22T04:00:00.000000Z\n"
    "# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n"
    "# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
    "SET timestamp=1795321800;\nselect {} from t;\n"
)
LOG = "".join(EVENT.format(name) for name in "abcdefghij").encode()
QUIET = Round(0, "mysql", {LIVE: LOG}, b"", Manners())


@pytest.mark.parametrize("first", [1, 1001, 2001])
def test_rounds_without_a_network_break_nothing(first: int) -> None:
    verdicts = [judge(seed, direct=True) for seed in range(first, first + 15)]
    assert [(verdict.seed, verdict.breaches) for verdict in verdicts if verdict.breaches] == []
    assert sum(verdict.withheld for verdict in verdicts) > 0


@pytest.mark.parametrize("seed", [4, 6])
def test_rounds_over_http_break_nothing(seed: int) -> None:
    assert judge(seed).breaches == ()


def outcome(log: bytes, **coverage: object) -> Outcome:
    """What a line would come to that read ``log`` where ``LOG`` was."""
    found = run_directly(replace(QUIET, files={LIVE: log}))
    assert found.digest is not None
    changed: Coverage = found.digest.coverage._replace(**coverage)  # type: ignore[arg-type]  # by name
    return replace(found, digest=found.digest._replace(coverage=changed))


LAST = LOG[: -len(LOG) // 10]
WITHHELD = [Span(INSTANCE, LIVE, len(LAST) + 1, len(LOG), "gaps")]


def test_the_account_notices_an_event_that_is_lost_and_not_reported() -> None:
    assert any("not reported" in breach for breach in breaches(QUIET, outcome(LAST)))


def test_the_account_notices_an_event_that_was_given_and_is_lost() -> None:
    found = outcome(LAST, complete=False)
    assert any("lost although" in breach for breach in breaches(QUIET, found))
    assert not list(breaches(QUIET, replace(found, withheld=WITHHELD)))


def test_the_account_notices_an_event_that_is_counted_twice() -> None:
    twice = LOG + LOG[-len(LOG) // 10 :]
    assert any("twice" in breach for breach in breaches(QUIET, outcome(twice)))
    assert not list(breaches(QUIET, outcome(twice, events_possibly_repeated=1)))


def test_the_account_notices_messages_that_are_read_in_two_formats() -> None:
    the_round = replace(QUIET, beside={"b": LOG})
    assert not list(breaches(the_round, outcome(LOG)))
    found = replace(outcome(LOG), asked=frozenset({LIVE, "b"}))
    assert any("two formats: b" in breach for breach in breaches(the_round, found))


def test_the_account_notices_an_error_that_is_lost() -> None:
    error = b"2026-11-22 04:00:00 UTC:10.0.0.1(1):app@shop:[7]:ERROR:  division by zero\n"
    name = f"{POSTGRESQL}2026-11-22-04"
    found = run_directly(Round(0, "postgres", {name: error}, b"", Manners()))
    twice = Round(0, "postgres", {name: error * 2}, b"", Manners())
    assert any("not reported: 1 missing" in breach for breach in breaches(twice, found))


def test_a_third_of_the_rounds_is_of_postgresql_and_some_have_two_formats() -> None:
    rounds = [Round.of(seed) for seed in range(30)]
    ours = [one for one in rounds if one.engine == "postgres"]
    assert len(ours) == 10
    assert {bool(one.beside) for one in ours} == {True, False}
    assert all(len(one.served) == len(one.files) + len(one.beside) for one in ours)


def test_the_account_notices_too_many_calls() -> None:
    assert any("calls" in breach for breach in breaches(QUIET, replace(outcome(LOG), calls=999)))


def test_a_seed_gives_the_same_round() -> None:
    assert Round.of(7) == Round.of(7) != Round.of(8)
