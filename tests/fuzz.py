"""Coverage-guided fuzzing of all that eats foreign text: ``tasks.py fuzz --minutes N``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import atheris

from slowquery.model import Portion

with atheris.instrument_imports(include=["slowquery"]):
    from tests import promises

READERS: Final = Path(__file__).parent / "readers"
GALLERIES: Final = {
    promises.MYSQL: READERS / "gallery",
    promises.POSTGRESQL: READERS / "postgres_gallery",
}
"""The smallest logs that show one thing each: what to begin with."""

LONGEST: Final = 4_096
"""Bytes of an input: what goes wrong, goes wrong in few."""


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "log": promises.of_a_log,
    "statement": promises.of_a_statement,
    "postgresql-log": partial(promises.of_a_log, kind=promises.POSTGRESQL),
    "postgresql-statement": partial(promises.of_a_statement, kind=promises.POSTGRESQL),
}


def seeds(target: str) -> Iterator[bytes]:
    """Yield what to begin with."""
    kind = promises.POSTGRESQL if target.startswith("postgresql") else promises.MYSQL
    for log in sorted(GALLERIES[kind].iterdir()):
        if log.suffix == ".txt":  # what is expected of a log
            continue
        if target.endswith("log"):
            yield log.read_bytes()
        else:
            for batch in kind.read([Portion(log.name, log.read_bytes())]):
                yield from batch.statements


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target; an input that breaks a promise is left behind as a file."""
    with TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(target)):
            Path(folder, str(number)).write_bytes(seed)
        options = (f"-max_len={LONGEST}", f"-max_total_time={seconds}", "-print_final_stats=1")
        atheris.Setup([sys.argv[0], *options, folder], TARGETS[target])
        atheris.Fuzz()


def main() -> int:
    """Fuzz all targets side by side, for so many minutes."""
    parser = argparse.ArgumentParser(prog="tasks.py fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--target", choices=TARGETS)
    options = parser.parse_args()
    if options.target:
        fuzz(options.target, int(options.minutes * 60))
    command = [sys.executable, "-m", "tests.fuzz", "--minutes", str(options.minutes)]
    return max(
        child.wait()
        for child in [subprocess.Popen([*command, "--target", target]) for target in TARGETS]
    )


if __name__ == "__main__":
    raise SystemExit(main())
