"""What reading costs on top of downloading: ``.venv/bin/python -m tests.overlap``.

A local AWS serves a log with 100 ms before each answer. In turn, a process downloads it and
does nothing with it, and a process makes the digest; each may be held to a share of a core,
as Lambda holds a function of little memory. The figure is how much longer the digest takes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.manners import Manners

MB: Final = 1_000_000
LAMBDA_CORE: Final = 1769
"""MB of memory at which Lambda gives a function one core (developer guide, "Memory")."""

SLICE: Final = 0.005

DOWNLOAD: Final = "for piece in pieces: pass"
DIGEST: Final = (
    "digest_of(pieces, load('instances: [shop-db]', {}, file=''), engine='mysql', "
    "window=window, instance='shop-db')"
)
PROGRAM: Final = """\
import time
from slowquery.line import digest_of
from slowquery.model import Window
from slowquery.settings_file import load
from slowquery.sources import rds
from slowquery.window import parse_time
window = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
client = rds.connect(None)
began = time.perf_counter()
pieces = rds.RdsSource(client, lambda: 3600.0).pieces("shop-db", window)
{work}
print(time.perf_counter() - began)
"""


def seconds(work: str, share: float, environ: dict[str, str]) -> float:
    """Return how long a process takes for ``work`` that gets a share of a core."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        env={**os.environ, **environ},
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    if share < 1:
        hold(child, share)
    out, _ = child.communicate()
    return float(out)


def hold(child: subprocess.Popen[str], share: float) -> None:
    """Stop and continue a process so that it uses no more than its share, until it ends."""
    allowed = 0.0
    before, used_before = time.perf_counter(), 0.0
    while child.poll() is None:
        now, used = time.perf_counter(), cpu(child.pid)
        # As the kernel does: what was not used in a while is not saved up.
        allowed = min(allowed + (now - before) * share, 0.02) - (used - used_before)
        before, used_before = now, used
        child.send_signal(signal.SIGCONT if allowed > 0 else signal.SIGSTOP)
        time.sleep(SLICE)


def cpu(pid: int) -> float:
    """Return the seconds that a process has used of a core, over all its threads."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1e9


def log_of(size: int) -> bytes:
    """Return a real log over and over, of so many bytes at least."""
    folder = Path(os.environ.get("SLOWQUERY_CORPUS") or Path(__file__).parent / "logs")
    file = next(folder.glob("mariadb-10.11*.log.gz"))
    log = gzip.decompress(file.read_bytes())
    return log * -(-size // len(log))


def main() -> None:
    """Measure, and print a line for each share."""
    parser = argparse.ArgumentParser(prog="python -m tests.overlap")
    parser.add_argument("--size", type=int, default=40, help="MB of the log")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="*", default=[1769, 1024, 512])
    parser.add_argument("--live", action="store_true", help="read it as the live file")
    options = parser.parse_args()
    name = LIVE if options.live else f"{LIVE}.2026-11-22.05"
    log = log_of(options.size * MB)
    with Sandbox(manners=Manners(seconds_per_call=0.1)) as aws:
        aws.add_instance("shop-db", logs={name: log})
        for memory in options.memory:
            share = min(1.0, memory / LAMBDA_CORE)
            ratios, alone = [], []
            for _ in range(options.rounds):
                alone.append(seconds(DOWNLOAD, share, aws.environ))
                ratios.append(seconds(DIGEST, share, aws.environ) / alone[-1])
            rates = len(log) / MB / statistics.median(alone)
            sys.stdout.write(
                f"{memory} MB, {share:.2f} of a core: a digest takes "
                f"{min(ratios):.2f} / {statistics.median(ratios):.2f} / {max(ratios):.2f} times "
                f"the download ({rates:.1f} MB/s)\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
