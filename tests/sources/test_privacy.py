"""Nothing that a process writes holds a literal of the log, whatever the service does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.manners import Burst, Manners

SECRET = "zqzq4111"
LOG = "".join(
    "# Time: 2026-11-22T04:30:00.000000Z\n"
    "# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n"
    "# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
    f"SET timestamp=1795321800;\nselect '{SECRET}\x01 \x1b]' from t;\n"
    for _ in range(40)
).encode()

# All that logs does so at DEBUG, botocore's parsers among it.
PROGRAM = """\
import logging, sys
logging.basicConfig(level=logging.DEBUG)
from slowquery.app import collect
from slowquery.invocation import Request
from slowquery.model import Window
from slowquery.settings_file import load
from slowquery.sources import rds
from slowquery.window import parse_time
rds.TRIES = 2
window = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
settings = load("instances: [shop-db]\\n", {}, file="settings.yml")
result = collect(settings, Request(window, window.end + 600_000_000), lambda: 600.0)
print(result)
raise SystemExit(f"events: {sum(found.totals.count for found in result.digests)}")
"""

HOSTILE = {
    "control characters": Manners(raw_control=True),
    "half answers": Manners(cut_short=Burst(99, after=2), portion_lines=50),
    "cuts and refusals": Manners(cut_midway=(0.4,), portion_bytes=2000, binary=(0.7,)),
    "circles": Manners(loop=(0.5, 0.2), markers="opaque", portion_lines=50),
}


@pytest.mark.parametrize("manners", HOSTILE.values(), ids=HOSTILE)
def test_no_literal_is_written_anywhere(manners: Manners) -> None:
    with Sandbox() as aws:
        aws.add_instance("shop-db", logs={LIVE: LOG}, manners=manners)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=Path(__file__).parent.parent.parent,
            env={**os.environ, **aws.environ},
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stdout + done.stderr
    assert "DEBUG:botocore" in said
    assert done.stderr.splitlines()[-1].startswith("events: ")
    assert done.stderr.splitlines()[-1] != "events: 0"
    assert SECRET not in said
