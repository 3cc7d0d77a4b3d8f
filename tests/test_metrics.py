"""The metrics of a run: valid EMF, in the hour that they tell of, and nothing else in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from slowquery import metrics
from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.model import SECOND, Batch, Client, Digest, Failure, Metric, Result, Window
from slowquery.window import parse_time

SCHEMA = json.loads(Path(__file__).with_name("emf.schema.json").read_text(encoding="utf-8"))
START = parse_time("2026-11-22T13:00Z", 0)
HOUR = Window(START, START + 3600 * SECOND)
NOW = START + 4210 * SECOND
EVERY: tuple[Metric, ...] = get_args(Metric)


def a_digest(instance: str) -> Digest:
    table = Table(Selection())
    table.add(
        Batch(
            statements=[b"select 'secret';", b"select 2;", b"update t set a = 3;"],
            ended_at=[START + 1] * 3,
            query_time=[2 * SECOND, SECOND, SECOND // 2],
            lock_time=[0] * 3,
            rows_sent=[1] * 3,
            rows_examined=[10, 20, 30],
            clients=[Client("app", "host")] * 3,
            databases=["shop"] * 3,
        )
    )
    return digest(table, engine="mysql", window=HOUR, instance=instance)


def documents(
    result: Result, names: tuple[Metric, ...] = EVERY, **delivered: bool
) -> list[dict[str, Any]]:
    found = [
        json.loads(json.dumps(document))
        for document in metrics.emf(
            result, names=names, now=NOW, run_duration=1_500_000, delivered=delivered
        )
    ]
    for document in found:
        jsonschema.validate(document, SCHEMA)
    return found


def test_an_instance_has_its_figures_stamped_with_the_start_of_the_window() -> None:
    first, *_ = documents(Result(HOUR, (a_digest("shop-db"),)))
    assert first["_aws"]["Timestamp"] == START // 1000
    assert first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "SlowQuery"
    assert first["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["DBInstanceIdentifier"]]
    del first["_aws"]
    assert first == {
        "DBInstanceIdentifier": "shop-db",
        "SlowQueries": 3,
        "QueryTime": 3.5,
        "DistinctQueries": 2,
        "RowsExamined": 60,
    }


def test_the_run_has_its_figures_stamped_now() -> None:
    failure = Failure("the log was not read", "b", "why", "hint")
    *_, run = documents(Result(HOUR, (), (failure,)))
    assert run["_aws"]["Timestamp"] == NOW // 1000
    assert run["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]
    assert (run["RunDuration"], run["Failures"]) == (1.5, 1)


def test_each_channel_says_whether_its_digest_arrived() -> None:
    _, *channels = documents(Result(HOUR, ()), team=True, incidents=False)
    assert [(each["Channel"], each["DigestsDelivered"]) for each in channels] == [
        ("team", 1),
        ("incidents", 0),
    ]


def test_a_document_names_every_metric_and_dimension_that_it_holds_and_no_other() -> None:
    result = Result(HOUR, (a_digest("a"), a_digest("b")))
    for document in documents(result, team=True):
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        named = {metric["Name"] for metric in directive["Metrics"]}
        assert {*document} == {"_aws", *named, *directive["Dimensions"][0]}
        assert all(
            metric["Unit"] == metrics.UNITS[metric["Name"]] for metric in directive["Metrics"]
        )


@pytest.mark.parametrize("name", EVERY)
def test_only_the_metrics_that_settings_list_are_emitted(name: Metric) -> None:
    first, *_ = documents(Result(HOUR, (a_digest("shop-db"),)), (name,))
    assert {*first} == {"_aws", "DBInstanceIdentifier", name}


def test_without_listed_metrics_an_instance_emits_nothing() -> None:
    (run,) = documents(Result(HOUR, (a_digest("shop-db"),)), ())
    assert "RunDuration" in run


def test_what_the_engine_does_not_log_is_no_metric() -> None:
    found = a_digest("shop-db")
    found = found._replace(totals=found.totals._replace(rows_examined_sum=None))
    first, *_ = documents(Result(HOUR, (found,)))
    assert "RowsExamined" not in json.dumps(first)
    assert first["SlowQueries"] == 3


def test_a_quiet_hour_is_a_zero_and_not_a_gap() -> None:
    quiet = digest(Table(Selection()), engine="mysql", window=HOUR, instance="shop-db")
    first, *_ = documents(Result(HOUR, (quiet,)))
    assert (first["SlowQueries"], first["QueryTime"]) == (0, 0)


def test_the_run_has_its_figures_by_function_and_without_where_there_is_one() -> None:
    def emitted(function: str | None) -> dict[str, Any]:
        (document,) = metrics.emf(
            Result(HOUR, ()), names=(), now=NOW, run_duration=1, delivered={}, function=function
        )
        jsonschema.validate(document, SCHEMA)
        return document

    with_one, without = emitted("slowquery-dev-exportToChat"), emitted(None)
    dimensions = with_one["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert dimensions == [["FunctionName"], []]
    assert with_one["FunctionName"] == "slowquery-dev-exportToChat"
    assert without["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]
