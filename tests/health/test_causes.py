"""Each thing that keeps a digest from arriving is planted, and the right sentence is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TypeAlias
from unittest.mock import patch

import pytest

from slowquery.health.check import Check
from slowquery.health.examination import World, examine
from slowquery.settings import ByTag, HealthRights, Instance, Settings
from tests.health.planted import AT, CLOSED, LOG, NOW, WELL, plant
from tests.sandbox.aws import Sandbox
from tests.sandbox.manners import Manners

Case: TypeAlias = tuple[str, str, str, str, str]
"""Whom a check is about, its name, its status, and parts of what it saw and what to do."""

EVERYTHING = HealthRights(parameters=True, metrics=True, alarms=True)


FEW = ("nothing-logged", "to-a-table", "not-yet", "stopped", "cluster", "elsewhere")
"""Those of which it makes a difference whether their parameters may be looked at."""


class Page:
    """The checks of one examination, by what they are about and their name."""

    def __init__(self, checks: list[Check]) -> None:
        self.checks = checks

    def of(self, where: str, name: str) -> list[tuple[str, str, str]]:
        """Return status, what was seen and what to do."""
        return [
            (check.status, check.seen, check.hint)
            for check in self.checks
            if (check.where.name, check.name) == (where, name)
        ]


def world(limit: float = 30.0) -> World:
    return World("the tests", NOW, lambda: 300.0, {}, limit=limit)


def settings(names: tuple[str, ...], rights: HealthRights) -> Settings:
    instances = tuple(
        Instance(
            name,
            required=name == "required",
            engine="postgresql" if name == "told-otherwise" else None,
        )
        for name in names
    )
    return Settings(instances, health=rights)


@pytest.fixture(scope="module")
def pages() -> Iterator[tuple[Page, Page]]:
    """Return what is said with every right, and with none beyond the logs."""
    with Sandbox() as aws, patch.dict(os.environ, aws.environ):
        names = plant(aws)
        yield (
            Page(examine(settings(names, EVERYTHING), "settings.yml", world())),
            Page(examine(settings(FEW, HealthRights()), "settings.yml", world())),
        )


TOLD_APART: list[Case] = [
    ("well", "reachable", "ok", "in eu-central-1, 2 log files", ""),
    ("well", "engine", "ok", "MySQL or MariaDB", ""),
    ("well", "log files", "ok", "2 slow-query logs", ""),
    ("well", "fresh", "ok", "written less than a minute ago", ""),
    ("well", "file length", "ok", "a file holds", ""),
    ("well", "events", "ok", "of slowquery/mysql-slowquery.log.2026-11-22.04, from ", ""),
    ("well", "event clock", "ok", "no event is later than its file", ""),
    ("well", "parameters", "ok", "slow_query_log=1, log_output=FILE, long_query_time=0.5", ""),
    ("nothing-logged", "log files", "unknown", "not known which", "see the engine"),
    ("nothing-logged", "parameters", "fail", "slow_query_log=0 in ", "set slow_query_log=1"),
    ("to-a-table", "events", "warn", "the server's banner and no event", "parameters say, below"),
    ("to-a-table", "parameters", "fail", "log_output=TABLE in ", "set log_output=FILE"),
    ("too-high", "events", "warn", "the server's banner and no event", "parameters say, below"),
    ("too-high", "parameters", "warn", "long_query_time=10 in ", "set long_query_time=1"),
    ("not-yet", "log files", "fail", "though the parameters ask for one", "nothing was slow yet"),
    ("no-log", "events", "fail", "are no slow-query log", "wrong engine"),
    ("half", "events", "warn", "there is no event in the last", "nothing was slow"),
    ("oracle", "engine", "fail", "are those of Oracle, which is not read", "leave the instance"),
    ("empty", "engine", "unknown", "there is no file to tell it from", "see the log files"),
    ("stale", "fresh", "warn", "written 72 h ago", "log_output was changed; long_query_time"),
    ("ahead", "event clock", "warn", "later than its file", "time zone is not UTC"),
    ("daily", "file length", "warn", "about 24 h and 5.5 MB: an hourly run reads it 24 times", ""),
    ("stopped", "reachable", "warn", "the instance is stopped", "start it"),
    ("required", "reachable", "fail", "the instance is starting, and", "start it"),
    ("throttled", "reachable", "unknown", "RDS throttles the calls", "at another minute"),
    ("told-otherwise", "engine", "fail", "settings say postgresql", "leave it out"),
    ("cluster", "reachable", "fail", "is a cluster and no instance", "cluster-1 and cluster-2"),
    ("clusterr-1", "reachable", "fail", "has no instance and no cluster", "it is cluster-1"),
    ("elsewhere", "reachable", "fail", "has no instance", "first: it is in another region"),
    ("cluster-1", "parameters", "unknown", "does not set slow_query_log", "of the cluster"),
    ("pg-silent", "events", "warn", "hold no duration", "log_min_duration_statement=-1"),
    ("pg-silent", "parameters", "fail", "log_min_duration_statement=-1 in ", "=1000"),
    ("pg-all", "events", "warn", "20 durations in the last", "log_statement=all"),
    ("pg-all", "parameters", "warn", "log_statement=all in ", "set log_statement=ddl"),
    ("pg-all", "parameters", "warn", "log_min_duration_statement=60000 in ", "=1000"),
    ("pg-well", "parameters", "ok", "log_min_duration_statement=1000", ""),
    ("", "identity", "ok", "arn:aws:sts::123456789012:user/moto, in eu-central-1", ""),
    ("", "last run", "warn", "no run has finished in the last two weeks", "not deployed"),
    ("", "alarms", "ok", "none of ours is on", ""),
    ("", "settings", "ok", "settings.yml: ", ""),
    ("", "version", "ok", "the tests", ""),
]


@pytest.mark.parametrize("case", TOLD_APART, ids=" ".join)
def test_with_every_right_the_cause_is_named(pages: tuple[Page, Page], case: Case) -> None:
    where, name, status, seen, hint = case
    found = pages[0].of(where, name)
    assert [
        checked
        for checked in found
        if status == checked[0] and seen in checked[1] and hint in checked[2]
    ], found


CANDIDATES: list[Case] = [
    ("nothing-logged", "engine", "unknown", "no file to tell it from", ""),
    ("to-a-table", "events", "warn", "and no event", "first: log_output=TABLE, set it to FILE; "),
    ("not-yet", "log files", "fail", "no slow-query logs", "first: slow_query_log=0, nothing is"),
    ("stopped", "reachable", "warn", "not available: stopped, starting or being changed", ""),
    ("cluster", "reachable", "fail", "no instance cluster in this region", "not of a cluster"),
    ("elsewhere", "reachable", "fail", "no instance elsewhere in this", "region in the settings"),
    ("", "parameters", "unknown", "settings do not ask", "health: {parameters: true}"),
    ("", "last run", "unknown", "settings do not ask", "health: {metrics: true}"),
    ("", "alarms", "unknown", "settings do not ask", "health: {alarms: true}"),
]


@pytest.mark.parametrize("case", CANDIDATES, ids=" ".join)
def test_without_the_right_the_candidates_are_listed(pages: tuple[Page, Page], case: Case) -> None:
    where, name, status, seen, hint = case
    (found,) = pages[1].of(where, name)
    assert found[0] == status
    assert seen in found[1]
    assert hint in found[2]


def test_an_instance_that_hangs_is_unknown_and_keeps_nobody_waiting() -> None:
    with Sandbox() as aws, patch.dict(os.environ, aws.environ):
        slow = Manners(seconds_per_call=8.0)
        aws.add_instance("hanging", logs={}, parameters=WELL, manners=slow)
        page = Page(examine(settings(("hanging",), EVERYTHING), "settings.yml", world(2.0)))
    ((status, seen, hint),) = page.of("hanging", "reachable")
    assert (status, seen) == ("unknown", "no answer in 2 s")
    assert "a function in a VPC" in hint
    assert page.of("", "version")


def test_instances_that_settings_have_found_are_looked_for_first() -> None:
    with Sandbox() as aws, patch.dict(os.environ, aws.environ):
        arn = aws.add_instance("tagged", logs={CLOSED: LOG}, parameters=WELL, last_written=AT)
        aws.client("rds").add_tags_to_resource(
            ResourceName=arn, Tags=[{"Key": "team", "Value": "shop"}]
        )
        found, lost = (
            Page(examine(Settings((), finds=ByTag("team", team)), "settings.yml", world()))
            for team in ("shop", "nobody")
        )
    assert found.of("", "instances") == [("ok", "found tagged", "")]
    assert found.of("tagged", "events")[0][0] == "ok"
    ((status, seen, hint),) = lost.of("", "instances")
    assert (status, seen) == ("fail", "there is no instance that settings ask for")
    assert "look at the tag" in hint


def test_every_question_has_its_check_whatever_the_others_answered(
    pages: tuple[Page, Page],
) -> None:
    asked = {"reachable", "engine", "log files", "fresh", "file length", "events", "event clock"}
    for page in pages:
        of_each: dict[str, set[str]] = {}
        for check in page.checks:
            if check.where.kind == "instance":
                of_each.setdefault(check.where.name, set()).add(check.name)
        assert len(of_each) >= len(FEW)
        for names in of_each.values():
            assert asked <= names


def test_whatever_is_not_well_says_what_to_do(pages: tuple[Page, Page]) -> None:
    for check in (check for page in pages for check in page.checks):
        assert check.seen
        assert bool(check.hint) == (check.status != "ok"), check


def test_no_sentence_holds_what_a_statement_held(pages: tuple[Page, Page]) -> None:
    assert "zqzq" not in repr([page.checks for page in pages])
