"""How fast reading is and how much memory it takes, beside the peers: ``tasks.py bench``.

Machines are noisy, so nothing is a time alone: each round runs every tool once, in turn, on
the same log and the same core, among runs of ours, and a figure is the ratio of the two. What is
compared is the whole process, start-up included, by the operating system's own account.

Results are compared before speed is: a tool that gives another answer is faster at nothing.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import io
import json
import os
import pstats
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from slowquery import cli
from slowquery.model import SECOND

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "benchmarks.md"
MB: Final = 1_000_000
MIB: Final = 1024 * 1024

OURS: Final = (sys.executable, "-m", "slowquery", "digest", "--format", "json", "--limit", "0")
PT: Final = ("pt-query-digest", "--limit", "100%", "--output", "json", "--no-version-check")
DUMPSLOW: Final = ("mariadb-dumpslow",)
AROUND: Final = 2
"""Runs of ours before each run of a peer, and as many behind it."""

PGBADGER: Final = (
    *("pgbadger", "--quiet", "--jobs", "1", "--format", "stderr"),
    *("--prefix", "%t:%r:%u@%d:[%p]:", "--extension", "json", "--outfile", "-"),
)
READING: Final = (
    sys.executable,
    "-c",
    "import sys\nwith open(sys.argv[1], 'rb') as f:\n while f.read(1 << 20): pass",
)


class Run(NamedTuple):
    """One finished process: seconds of CPU, bytes of memory at its peak."""

    cpu: float
    peak: int


def run(command: Sequence[str | Path]) -> Run:
    """Run ``command`` on one core, its output thrown away."""
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),  # noqa: PLW1509 - no threads here
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        message = f"{command[0]} ended with {child.returncode}"
        raise SystemExit(message)
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(min(values), statistics.median(values), max(values))

    def __str__(self) -> str:
        return f"{self.least:.1f} / **{self.median:.1f}** / {self.most:.1f}"


# Logs


def corpus() -> Path:
    """Return the folder of the logs: of real servers if there is one, else the tests' own."""
    return Path(os.environ.get("SLOWQUERY_CORPUS") or ROOT / "tests" / "logs")


def log_named(name: str) -> bytes:
    """Return the log of this name, or else the first one of the same server."""
    server, _, _ = name.partition("-")
    logs = [*corpus().glob(f"{name}.log.gz"), *corpus().glob(f"{server}-*.log.gz")]
    return gzip.decompress(logs[0].read_bytes())


def repeated(log: bytes, size: int, folder: Path) -> Path:
    """Write ``log`` over and over, until there are ``size`` bytes."""
    path = folder / f"{size // MB}MB.log"
    with path.open("wb") as file:
        for _ in range(-(-size // len(log))):
            file.write(log)
    return path


def distinct(number: int, folder: Path) -> Path:
    """Write a log of so many statements of which no two are alike."""
    path = folder / "distinct.log"
    with path.open("w") as file:
        file.writelines(
            f"# Time: 2026-11-22T04:{n // 60_000 % 60:02}:{n // 1000 % 60:02}.000000Z\n"
            "# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n"
            "# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
            f"SET timestamp=1795321800;\nselect {_letters(n)} from t where a = {n};\n"
            for n in range(number)
        )
    return path


def _letters(number: int) -> str:
    return "".join("abcdefghij"[int(digit)] for digit in str(number)) + "_c"


def one_statement(size: int, folder: Path) -> Path:
    """Write a log with a statement of so many bytes between two small ones."""
    path = folder / "statement.log"
    header = (
        "# Time: 2026-11-22T04:00:00.000000Z\n"
        "# User@Host: app[app] @ web [10.0.0.7]  Id: 7\n"
        "# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
        "SET timestamp=1795321800;\n"
    )
    rows = ",\n".join(f"({n}, 'abcdefghijklmnopqrstuvwxyz')" for n in range(1000))
    with path.open("w") as file:
        file.write(f"{header}select 1;\n{header}insert into t values {rows}")
        for _ in range(size // len(rows)):
            file.write(f",\n{rows}")
        file.write(f";\n{header}select 2;\n")
    return path


# What comes out


class Answer(NamedTuple):
    """What a tool makes of a log: events, microseconds, and the events of each id."""

    events: int
    query_time: int
    classes: dict[str, int]


def our_answer(log: Path) -> Answer:
    """Return ours; administrator commands are counted apart and have no class."""
    document = json.loads(subprocess.check_output([*OURS, log], cwd=ROOT))
    totals = document["totals"]
    return Answer(
        totals["count"],
        round(totals["query_time_sum"] * SECOND),
        {query["query_id"][16:]: query["count"] for query in document["queries"]},
    )


def pt_answer(log: Path) -> Answer:
    """Return pt-query-digest's, without its classes of administrator commands."""
    out = subprocess.check_output([*PT, log], stderr=subprocess.DEVNULL)
    classes = [
        one
        for one in json.loads(out)["classes"]
        if not one["fingerprint"].startswith("administrator command")
    ]
    return Answer(
        sum(one["query_count"] for one in classes),
        sum(round(float(one["metrics"]["Query_time"]["sum"]) * SECOND) for one in classes),
        {one["checksum"][-16:]: one["query_count"] for one in classes},
    )


def pgbadger_events(log: Path) -> int:
    """Return how many executions pgBadger finds in a log."""
    overall = json.loads(subprocess.check_output([*PGBADGER, log], stderr=subprocess.DEVNULL))
    return int(overall["overall_stat"]["postgres"]["queries_number"])


def compared_with_pgbadger(log: Path) -> str:
    """Say how many executions pgBadger and we find in a log."""
    document = json.loads(subprocess.check_output([*OURS, log], cwd=ROOT))
    return (
        f"{document['totals']['count']:,} executions of ours and {pgbadger_events(log):,} of"
        " pgbadger's"
    )


def compared(log: Path) -> str:
    """Say how our answer to a log is related to pt-query-digest's."""
    ours, theirs = our_answer(log), pt_answer(log)
    same = sum(min(count, theirs.classes.get(one, 0)) for one, count in ours.classes.items())
    return (
        f"{ours.events:,} events of ours and {theirs.events:,} of pt-query-digest's; "
        f"{same / ours.events:.1%} of ours have its id "
        "([the rest](fingerprints.md) is where it is wrong)"
    )


# The page


def peers(log: Path, rounds: int, tools: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the table of one log: ratios of the tools to us, and peak memory.

    A peer takes many times as long as we do, so each of its runs stands among several of ours:
    a moment in which the machine is slow meets both.
    """
    commands: dict[str, tuple[str | Path, ...]] = {
        "plain reading in Python": (*READING, log),
        **{tool[0]: (*tool, log) for tool in tools if shutil.which(tool[0])},
    }
    ours: list[Run] = []
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    ratios: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            around = [run((*OURS, log)) for _ in range(AROUND)]
            their = run(command)
            around += [run((*OURS, log)) for _ in range(AROUND)]
            ratios[name].append(their.cpu / statistics.mean(one.cpu for one in around))
            runs[name].append(their)
            ours += around
    size = log.stat().st_size / MB
    yield "| tool | MB/s | slowquery is so many times as fast | peak MiB |"
    yield "|---|--:|--:|--:|"
    for name, done in {"slowquery": ours, **runs}.items():
        speed = Spread.of([size / one.cpu for one in done])
        peak = max(one.peak for one in done) / MIB
        shown = Spread.of(ratios[name]) if name in ratios else ""
        yield f"| {name} | {speed} | {shown} | {peak:.0f} |"


def memory(folder: Path, log: bytes) -> Iterator[str]:
    """Yield the table of peak memory above the interpreter with its imports."""
    base = run((*OURS, os.devnull)).peak
    made: dict[str, Callable[[], Path]] = {
        "10 MB": lambda: repeated(log, 10 * MB, folder),
        "100 MB": lambda: repeated(log, 100 * MB, folder),
        "1 GB": lambda: repeated(log, 1000 * MB, folder),
        "a million distinct queries": lambda: distinct(1_000_000, folder),
        "one statement of 50 MB": lambda: one_statement(50 * MB, folder),
    }
    yield "| log | MB/s | MiB above the interpreter |"
    yield "|---|--:|--:|"
    for name, make in made.items():
        path = make()
        done = run((*OURS, path))
        speed = path.stat().st_size / MB / done.cpu
        path.unlink()
        yield f"| {name} | {speed:.1f} | {max(0, done.peak - base) / MIB:.0f} |"


def profile(log: Path) -> Iterator[str]:
    """Yield where the time goes, by the functions that take most of it themselves."""
    profiler = cProfile.Profile()
    with redirect_stdout(io.StringIO()):
        profiler.runcall(cli.main, ["digest", str(log), "--format", "json"])
    out = io.StringIO()
    stats = pstats.Stats(profiler, stream=out)
    stats.strip_dirs().sort_stats("tottime").print_stats(12)
    yield "| share | function |"
    yield "|--:|---|"
    whole: float = vars(stats)["total_tt"]
    for own, name in re.findall(
        r"^\s*\S+\s+([\d.]+)\s.*?\s(\S+\(.*\)|\{.*\})$", out.getvalue(), re.MULTILINE
    ):
        yield f"| {float(own) / whole:.0%} | `{name}` |"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="tasks.py bench")
    parser.add_argument("--size", type=int, default=107, help="MB of each log")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    lines = [
        "# Benchmarks",
        "",
        "Written by `python3 tasks.py bench`: whole processes on one core, start-up included,",
        "CPU time by the operating system's account. A row has the least, the **median** and the",
        f"most of {options.rounds} rounds, in each of which every tool ran once, in turn. Beside",
        f"each run of a peer there were {2 * AROUND} of ours, to whose mean it is held.",
        f"Python {sys.version.split()[0]}.",
    ]
    with TemporaryDirectory() as name:
        folder = Path(name)
        for prefix, answers, tools in (
            ("mariadb-10.11-full", compared, (PT, DUMPSLOW)),
            ("mysql-9.7-plain", compared, (PT, DUMPSLOW)),
            ("postgres-15-rds", compared_with_pgbadger, (PGBADGER,)),
        ):
            log = log_named(prefix)
            lines += ["", f"## {prefix}, {options.size} MB", ""]
            if shutil.which(tools[0][0]):
                once = folder / "once.log"
                once.write_bytes(log)
                lines += [f"The log once: {answers(once)}.", ""]
            path = repeated(log, options.size * MB, folder)
            lines += peers(path, options.rounds, tools)
            path.unlink()
        log = log_named("mariadb-10.11-full")
        lines += ["", "## Memory", "", *memory(folder, log)]
        path = repeated(log, 20 * MB, folder)
        lines += ["", "## Where the time goes", "", *profile(path), ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
