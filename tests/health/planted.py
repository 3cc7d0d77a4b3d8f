"""Databases with what keeps a digest from arriving, one cause each, in one account."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from slowquery.window import to_micros
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE, Log
from tests.sandbox.manners import Burst, Manners

LOG = gzip.decompress((Path(__file__).parent.parent / "logs" / "mysql-9.7.log.gz").read_bytes())
BANNER = (
    b"/rdsdbbin/mysql/bin/mysqld, Version: 8.0.40 (Source distribution). started with:\n"
    b"Tcp port: 3306  Unix socket: /tmp/mysql.sock\n"
    b"Time                 Id Command    Argument\n"
)
CLOSED = f"{LIVE}.2026-11-22.04"
POSTGRESQL = "error/postgresql.log.2026-11-22-04"
PREFIX = b"2026-11-22 04:38:17 UTC:10.0.0.9(41234):app@shop:[7]:"
WELL = {"slow_query_log": "1", "log_output": "FILE", "long_query_time": "0.5"}

AT = datetime(2026, 11, 22, 5, 10, tzinfo=UTC)
"""When the examination takes place; the logs' events are half an hour older."""

NOW = to_micros(AT)


def plant(aws: Sandbox) -> tuple[str, ...]:
    """Add one instance for each cause; return their names, and those of some that are not."""
    mysql: dict[str, tuple[Mapping[str, Log], Mapping[str, str]]] = {
        "well": ({LIVE: b"", CLOSED: LOG}, WELL),
        "nothing-logged": ({}, {"log_output": "FILE"}),
        "to-a-table": ({LIVE: BANNER}, {"slow_query_log": "1", "log_output": "TABLE"}),
        "too-high": ({LIVE: BANNER * 4}, {"slow_query_log": "1", "long_query_time": "10"}),
        "not-yet": ({"error/mysql-error.log": b"ready"}, WELL),
        "no-log": ({LIVE: b"no header in here\n" * 100}, WELL),
        "half": ({LIVE: b"select 1;\n" * 300 + BANNER}, WELL),
        "oracle": ({"trace/alert_ORCL.log": b"x"}, {}),
        "empty": ({}, WELL),
    }
    for name, (logs, parameters) in mysql.items():
        aws.add_instance(name, logs=logs, parameters=parameters, last_written=AT)
    old = AT - timedelta(days=3)
    aws.add_instance("stale", logs={LIVE: LOG}, parameters=WELL, last_written=old)
    early = AT - timedelta(hours=2)
    aws.add_instance("ahead", logs={LIVE: LOG}, parameters=WELL, last_written=early)
    days = {f"{LIVE}.{day}": LOG * 3 for day in (1, 2, 3)}
    written = {name: AT - timedelta(days=int(name[-1])) for name in days}
    aws.add_instance("daily", logs=days, parameters=WELL, last_written=written)
    aws.add_instance("stopped", logs={}, status="stopped", parameters=WELL)
    aws.add_instance("required", logs={}, status="starting", parameters=WELL)
    throttled = Manners(throttled=Burst(1_000))
    aws.add_instance("throttled", logs={}, parameters=WELL, manners=throttled)
    aws.add_instance("told-otherwise", logs={LIVE: LOG}, parameters=WELL, last_written=AT)
    for name in ("cluster-1", "cluster-2"):
        aws.add_instance(name, logs={LIVE: LOG}, engine="aurora-mysql", cluster="cluster")
    _plant_postgresql(aws)
    return (*mysql, *_OTHERS)


_OTHERS = (
    *("stale", "ahead", "daily", "stopped", "required", "throttled", "told-otherwise"),
    *("cluster-1", "cluster", "clusterr-1", "elsewhere"),
    *("pg-silent", "pg-all", "pg-well"),
)


def _plant_postgresql(aws: Sandbox) -> None:
    logs = {
        "pg-silent": b"LOG:  checkpoint starting: time\n",
        "pg-all": b"LOG:  statement: select 'zqzq'\n" + PREFIX + b"LOG:  duration: 12.5 ms\n",
        "pg-well": b"LOG:  duration: 12.5 ms  statement: select 'zqzq'\n",
    }
    parameters = {
        "pg-silent": {"log_min_duration_statement": "-1"},
        "pg-all": {"log_min_duration_statement": "60000", "log_statement": "all"},
        "pg-well": {"log_min_duration_statement": "1000"},
    }
    for name, line in logs.items():
        log = (PREFIX + line) * 20
        aws.add_instance(
            name,
            logs={POSTGRESQL: log},
            engine="postgres",
            parameters=parameters[name],
            last_written=AT,
        )
