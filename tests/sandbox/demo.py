"""The whole product on this machine: ``python3 tasks.py demo``.

A local AWS serves an hour of real logs, a local Slack takes what is posted, and between
them runs what runs in Lambda, on the event that the schedule sends. Nothing leaves the
machine.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import handler
from slowquery.health import page
from slowquery.health.check import Check
from slowquery.health.examination import World, examine
from slowquery.settings import HealthRights
from slowquery.settings_file import read_file
from slowquery.window import parse_time, to_datetime
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE, POSTGRESQL
from tests.sandbox.slack_stand_in import Post, SlackStandIn, as_text

LOGS = Path(__file__).parent.parent / "logs"
SHOP = {f"{LIVE}.2026-11-22.05": (LOGS / "mysql-9.7.log.gz").read_bytes(), LIVE: b""}
CRM = {f"{POSTGRESQL}2026-11-22-04": (LOGS / "postgres-15.log.gz").read_bytes()}
WRITTEN = datetime(2026, 11, 22, 5, tzinfo=UTC)
EVENT = {"scheduled_time": "2026-11-22T05:10:00Z"}
HEALTH_AT = parse_time("2026-11-22T05:14Z")
SETTINGS = """\
instances:
  - {{name: shop-db, channels: [team]}}
  - {{name: stage-db, channels: [team]}}
  - {{name: crm-db, channels: [crm]}}
channels:
  team: {{kind: slack, token: env/SLACK_TOKEN, channel: "#slow-queries", base_url: "{slack}"}}
  crm: {{kind: slack, token: env/SLACK_TOKEN, channel: "#slow-crm", base_url: "{slack}"}}
"""
CHANNELS = {"C0SLOWQUERY": "slow-queries", "C0SLOWCRM": "slow-crm"}
NEXT = """\
Next
  .venv/bin/slowquery digest tests/logs/mysql-9.7.log.gz
      the same from a terminal, on any log you have; --help lists what it can do
  cp settings.example.yml settings.yml
      then name your instances, and `.venv/bin/slowquery settings check`
  .venv/bin/slowquery run --instance YOUR-DB --last 1h
      on RDS, with your own AWS credentials; posts nothing without --post
  README.md
      how to deploy it
"""


class Context:
    """Lambda's, with time enough."""

    def get_remaining_time_in_millis(self) -> int:
        """Return five minutes, the function's time-out."""
        return 300_000


def run() -> tuple[list[Post], str]:
    """Return what was posted, and what the function wrote into its log."""
    with Sandbox() as aws, SlackStandIn(channels=CHANNELS) as slack, TemporaryDirectory() as folder:
        settings = Path(folder, "settings.yml")
        settings.write_text(SETTINGS.format(slack=slack.url), encoding="utf-8")
        aws.add_instance("shop-db", logs=SHOP, last_written=WRITTEN)
        aws.add_instance("crm-db", logs=CRM, last_written=WRITTEN, engine="postgres")
        aws.add_instance("stage-db", logs={}, status="stopped")
        ours = {"SLACK_TOKEN": slack.token, "SLOWQUERY_SETTINGS": str(settings)}
        with patch.dict(os.environ, aws.environ | ours), redirect_stdout(StringIO()) as said:
            handler.export_to_chat(EVENT, Context())
        return slack.posts, said.getvalue()


def health() -> list[Check]:
    """Return what the health check says of the same databases, an hour's digest later."""
    at = to_datetime(HEALTH_AT)
    run_at = datetime(2026, 11, 22, 5, 10, tzinfo=UTC)
    mysql = {"slow_query_log": "1", "log_output": "FILE", "long_query_time": "0.01"}
    postgres = {"log_min_duration_statement": "0"}
    scopes = ("chat:write", "channels:read")
    with (
        Sandbox(at=at) as aws,
        SlackStandIn(channels=CHANNELS, scopes=scopes) as slack,
        TemporaryDirectory() as folder,
    ):
        settings = Path(folder, "settings.yml")
        by_id = SETTINGS
        for channel, its_name in CHANNELS.items():
            by_id = by_id.replace(f"#{its_name}", channel)
        settings.write_text(by_id.format(slack=slack.url), encoding="utf-8")
        aws.add_instance("shop-db", logs=SHOP, last_written=WRITTEN, parameters=mysql)
        aws.add_instance(
            "crm-db", logs=CRM, last_written=WRITTEN, engine="postgres", parameters=postgres
        )
        aws.add_instance("stage-db", logs={}, status="stopped", parameters=mysql)
        cloudwatch = aws.client("cloudwatch")
        for metric, dimensions in (
            ("RunDuration", []),
            ("DigestsDelivered", ["team"]),
            ("DigestsDelivered", ["crm"]),
        ):
            named = [{"Name": "Channel", "Value": each} for each in dimensions]
            datum = {"MetricName": metric, "Dimensions": named, "Timestamp": run_at, "Value": 1.0}
            cloudwatch.put_metric_data(Namespace="SlowQuery", MetricData=[datum])
        with patch.dict(os.environ, aws.environ | {"SLACK_TOKEN": slack.token}):
            every = HealthRights(parameters=True, metrics=True, alarms=True)
            found = read_file(os.environ, str(settings))._replace(health=every)
            world = World("slowquery, in a terminal", HEALTH_AT, lambda: 300.0, {})
            return examine(found, settings.name, world)


def main() -> None:
    """Run the hour and show what came of it."""
    posts, log = run()
    sections = [(f"handler.export_to_chat({json.dumps(EVENT)})", "")]
    for channel, name in CHANNELS.items():
        first, *thread = [as_text(post) for post in posts if post.channel == channel]
        sections += [
            (f"#{name}", first),
            (f"its thread, {len(thread)} replies", "\n\n".join(thread)),
        ]
    sections += [
        ("CloudWatch metrics (EMF, on the function's log)", log.rstrip()),
        ("slowquery health", page.text(health(), HEALTH_AT, width=80).rstrip()),
    ]
    for title, text in sections:
        sys.stdout.write(f"── {title} {'─' * max(4, 72 - len(title))}\n\n")
        sys.stdout.write(f"{text}\n\n" if text else "")
    sys.stdout.write(NEXT)


if __name__ == "__main__":
    main()
