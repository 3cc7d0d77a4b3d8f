"""The dashboard's body is one that CloudWatch takes, and shows each metric that is emitted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import dashboard
from deploy.stage import fragment, read
from slowquery.metrics import UNITS
from slowquery.model import Metric

GRAMMAR = json.loads(Path(__file__).with_name("dashboard.schema.json").read_text("utf-8"))
SEARCH = re.compile(
    r"SEARCH\('\{\w+(?:,\w+)*\} MetricName=\"(?P<metric>\w+)\"', 'Maximum', (?P<period>\d+)\)"
)
PERIODS = {1, 5, 10, 30}
"""Seconds that a period may have besides whole minutes."""

metrics = st.lists(st.sampled_from(get_args(Metric)), unique=True)


def body(*names: str) -> dict[str, Any]:
    found = dashboard.body(names, region="eu-central-1", function="slowquery-dev-exportToChat")
    copied: dict[str, Any] = json.loads(json.dumps(found))
    return copied


def shown(widget: dict[str, Any]) -> set[str]:
    """Return the metrics that a widget shows."""
    names = set()
    for line in widget["properties"]["metrics"]:
        if isinstance(line[0], dict):
            found = SEARCH.fullmatch(line[0]["expression"])
            assert found, line
            assert int(found["period"]) in PERIODS or int(found["period"]) % 60 == 0
            names.add(found["metric"])
        else:
            names.add(line[1])
    return names


@given(metrics)
def test_the_body_follows_cloudwatchs_grammar(names: list[str]) -> None:
    jsonschema.validate(body(*names), GRAMMAR)


@pytest.mark.parametrize(
    "broken",
    [
        {"widgets": [{"type": "metric", "x": 24}]},
        {"widgets": [{"type": "chart"}]},
        {"widgets": [], "unknown": 1},
        {"widgets": [{"type": "metric", "properties": {"metrics": [["SlowQuery"]]}}]},
    ],
)
def test_the_grammar_refuses_what_cloudwatch_would(broken: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, GRAMMAR)


@given(metrics)
def test_no_widget_lies_on_another_or_beyond_the_edge(names: list[str]) -> None:
    taken = set()
    for widget in body(*names)["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        for x in range(widget["x"], widget["x"] + widget["width"]):
            for y in range(widget["y"], widget["y"] + widget["height"]):
                assert (x, y) not in taken
                taken.add((x, y))


def test_every_metric_that_is_emitted_is_shown_as_its_maximum() -> None:
    widgets = body(*get_args(Metric))["widgets"]
    assert set().union(*map(shown, widgets)) == set(UNITS)
    assert {widget["properties"]["stat"] for widget in widgets} == {"Maximum"}


@given(metrics)
def test_a_metric_that_settings_leave_out_has_no_graph(names: list[str]) -> None:
    found = set().union(*map(shown, body(*names)["widgets"]))
    assert found & set(get_args(Metric)) == set(names)


def test_the_template_holds_the_body_as_text() -> None:
    stage = read("dev", Path(__file__).with_name("settings.yml"), {}, complete=False)
    made = fragment(stage, archive=b"", made_from="")["resources"]["Resources"]["Dashboard"]
    jsonschema.validate(json.loads(made["Properties"]["DashboardBody"]), GRAMMAR)
