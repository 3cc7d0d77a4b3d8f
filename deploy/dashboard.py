"""The dashboard: each emitted metric as its Maximum, so that a repeated hour changes nothing.

A body as CloudWatch takes it (CloudWatch API reference, "Dashboard body structure and
syntax"). Instances and channels are searched for and not listed: one that joins is shown,
and the body stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from slowquery.metrics import CHANNEL, CHECK, FUNCTION, INSTANCE, NAMESPACE

WIDTH: Final = 24
"""Columns of a dashboard."""
HEIGHT: Final = 6
HOUR: Final = 3600
"""Seconds of the period: a run is an hour's."""

TITLES: Final = {
    "SlowQueries": "Slow queries",
    "QueryTime": "Slow time (seconds)",
    "DistinctQueries": "Kinds of slow queries",
    "RowsExamined": "Rows examined by slow queries",
}


def body(metrics: Sequence[str], *, region: str, function: str) -> dict[str, Any]:
    """Return the body for the ``metrics`` of an instance that a stage's settings ask for.

    ``region`` is where the metrics lie and ``function`` the name of the function that runs:
    the caller may give references of CloudFormation.
    """
    graphs = [(TITLES[name], [_found(INSTANCE, name)]) for name in metrics]
    graphs += [
        ("Run: seconds", [_of_the_run("RunDuration", function)]),
        ("Run: failures", [_of_the_run("Failures", function)]),
        ("Digests delivered (1) or not (0)", [_found(CHANNEL, "DigestsDelivered")]),
        ("Healthy (1) or not (0)", [_found(f"{CHECK},{INSTANCE}", "Healthy")]),
    ]
    half = WIDTH // 2
    return {
        "start": "-P7D",
        "widgets": [
            {
                "type": "metric",
                "x": half * (number % 2),
                "y": HEIGHT * (number // 2),
                "width": half,
                "height": HEIGHT,
                "properties": {
                    "title": title,
                    "metrics": lines,
                    "region": region,
                    "view": "timeSeries",
                    "stat": "Maximum",
                    "period": HOUR,
                    "yAxis": {"left": {"min": 0}},
                },
            }
            for number, (title, lines) in enumerate(graphs)
        ],
    }


def _found(dimensions: str, metric: str) -> list[Any]:
    schema = f"{{{NAMESPACE},{dimensions}}}"
    search = f"SEARCH('{schema} MetricName=\"{metric}\"', 'Maximum', {HOUR})"
    return [{"expression": search, "label": ""}]


def _of_the_run(metric: str, function: str) -> list[Any]:
    return [NAMESPACE, metric, FUNCTION, function]
