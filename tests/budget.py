"""What a run costs in Lambda, against what it may: ``tasks.py budget``.

The package is unpacked and run as Lambda runs it, with boto3 beside it and nothing compiled
beforehand, because Lambda's task folder cannot be written to. CPU time is the operating
system's account of whole processes. Machines are noisy and only ever add to it, so what
counts is the least of the rounds; and where boto3 alone takes longer than on the machine
that the limits are for, they are stretched by as much, and that is said. What 512 MB of
Lambda grant is 0.29 of a core, so 1.7 seconds of CPU are six on the clock.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.packed import Package
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.slack_stand_in import SlackStandIn

LOGS: Final = Path(__file__).parent / "logs"
MB: Final = 1_000_000
LARGEST: Final = 10 * MB
REFERENCE: Final = 0.47
"""Seconds of CPU that boto3 and its client take on the machine that the limits are for."""
SETTINGS: Final = """\
instances: [shop-db]
channels:
  team: {{kind: slack, token: env/SLACK_TOKEN, channel: "#slow-queries", base_url: "{url}"}}
"""
PATH: Final = "import sys; sys.path += sys.argv[1:]"
BOTO3: Final = f"{PATH}; import boto3; boto3.client('rds')"
IMPORTS: Final = f"{BOTO3}; import handler; from slowquery import app"
UNNEEDED: Final = ("slack", "jinja2", "sqlparse", "slowquery.readers.", "slowquery.postgres_sql")
"""Modules that a run imports where it needs them, and many a run does not."""
BARE: Final = f"{IMPORTS}; assert not any(name.startswith({UNNEEDED}) for name in sys.modules)"
RUN: Final = f"""{PATH}
import handler
class Context:
    def get_remaining_time_in_millis(self): return 300_000
handler.export_to_chat({{"scheduled_time": "2026-11-22T05:10:00Z"}}, Context())
"""


@dataclass(frozen=True)
class Budget:
    """A figure of each round, and the most that the least of them may be."""

    what: str
    figures: tuple[float, ...]
    most: float
    unit: str

    @property
    def is_kept(self) -> bool:
        return min(self.figures) <= self.most

    def __str__(self) -> str:
        least, middle = min(self.figures), statistics.median(self.figures)
        verdict = "kept" if self.is_kept else "BROKEN"
        return (
            f"{self.what:<44} {least:>7.2f} {self.unit:<2} of {self.most:>4.2f}"
            f"   median {middle:.2f}   {verdict}"
        )


def cpu(script: str, path: tuple[Path, Path], environ: Mapping[str, str]) -> float:
    """Return the seconds of CPU that a fresh interpreter takes for ``script``."""
    command: list[str | Path] = [sys.executable, "-I", "-S", "-B", "-c", script, *path]
    process = subprocess.Popen(command, env=dict(environ), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = f"the run ended with {process.returncode}"
        raise SystemExit(message)
    return usage.ru_utime + usage.ru_stime


def budgets(package: Package, folder: Path, rounds: int) -> Iterator[Budget]:
    """Yield every budget of the package, measured in ``folder``."""
    path = package.unpack(folder)
    size = package.archive.stat().st_size / MB
    yield Budget("package, zipped, without boto3", (size,), 2.5, "MB")
    with Sandbox() as aws, SlackStandIn() as slack:
        settings = folder / "settings.yml"
        settings.write_text(SETTINGS.format(url=slack.url), encoding="utf-8")
        ours = {"SLACK_TOKEN": slack.token, "SLOWQUERY_SETTINGS": str(settings)}
        environ = {**aws.environ, **ours}
        hour = gzip.decompress((LOGS / "mysql-9.7.log.gz").read_bytes())
        log = (hour * (LARGEST // len(hour) + 1))[:LARGEST]
        written = datetime(2026, 11, 22, 5, tzinfo=UTC)
        logs = {f"{LIVE}.2026-11-22.05": log, LIVE: b""}
        aws.add_instance("shop-db", logs=logs, last_written=written)
        base, handlers, whole = [], [], []
        for _ in range(rounds):
            base.append(cpu(BOTO3, path, environ))
            handlers.append(cpu(BARE, path, environ))
            whole.append(cpu(RUN, path, environ))
    slowness = max(1.0, min(base) / REFERENCE)
    sys.stdout.write(
        f"boto3 and its client alone: {min(base):.2f} s; limits of time are stretched by "
        f"{slowness:.2f}\n"
    )
    imports = tuple(each - min(base) for each in handlers)
    yield Budget("imports above boto3 and its client", imports, 0.25 * slowness, "s")
    yield Budget("a run over an hour of 10 MB, to Slack", tuple(whole), 1.7 * slowness, "s")


def main() -> int:
    """Measure, print, and tell by the exit code whether every budget is kept."""
    parser = argparse.ArgumentParser(prog="tests.budget")
    parser.add_argument("package", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = list(budgets(Package(options.package), Path(folder), options.rounds))
    for budget in found:
        sys.stdout.write(f"{budget}\n")
    return int(not all(budget.is_kept for budget in found))


if __name__ == "__main__":
    sys.exit(main())
