"""Random logs behind random faults, and an account of every event: ``tasks.py chaos``.

A round draws a log, cuts it into files and serves them with a mixture of manners. The whole
line runs on it, and its digest is held against the digest of the plain files. They may
differ by what the service really kept back, as its ledger says, and each difference must be
reported: what is missing as a loss, what may have come twice as possibly repeated. The
number of calls has a bound, too.

A round depends on its seed alone, and every third is PostgreSQL's. Waiting is a thousand
times shorter than it would be.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import accumulate, pairwise
from pathlib import Path
from random import Random
from typing import Final
from unittest.mock import patch

from slowquery.app import SETTLED_AFTER, collect
from slowquery.invocation import Request
from slowquery.line import digest_of
from slowquery.model import Digest, Engine, Portion, Window
from slowquery.settings_file import load
from slowquery.sources.rds import RdsSource
from slowquery.sources.refusal import SourceError
from slowquery.window import parse_time
from tests import server_log
from tests.sandbox.aws import Sandbox
from tests.sandbox.direct import DirectClient
from tests.sandbox.ledger import Call, Span
from tests.sandbox.log_file import LIVE, POSTGRESQL
from tests.sandbox.manners import Manners, any_manners
from tests.sandbox.rds_logs import RdsLogs
from tests.sandbox.wire import as_text

WINDOW: Final = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
HOUR: Final = datetime(2026, 11, 22, 5, tzinfo=UTC)
INSTANCE: Final = "shop-db"
SETTINGS: Final = load(f"instances: [{INSTANCE}]\ntop: 0\n", {}, file="chaos")
FASTER: Final = 1000
LOGS: Final = Path(__file__).parent / "logs"
ONE_RUN: Final = Path(__file__).parent / "readers" / "postgres_gallery" / "one_run"
ENGINES: Final[Mapping[str, Engine]] = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "postgres": "postgresql",
}
"""The engines by RDS's names, and what reads their logs."""
CALLS_TO_SPARE: Final = 400
"""Calls that a round may make beyond six times what the plain files take."""

_EVENTS: Final[Mapping[str, re.Pattern[bytes]]] = {
    "mysql": re.compile(rb"(?:# Time: [^\n]*\n)?# User@Host: "),
    "postgresql": re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? UTC[:,]", re.MULTILINE),
}
"""Where an event begins and, in PostgreSQL's logs, what is a part of one."""

_FILES_OF_POSTGRESQL: Final = ("04", "0430", "0445")


# The log


def generated(random: Random) -> bytes:
    """Return a log whose events have a class each, but for some that are alike."""
    events = []
    for number in range(random.randint(1, 400)):
        second = number * 3000 // 400
        alike = random.random() < 0.1
        name = "alike" if alike else "".join("abcdefghij"[int(digit)] for digit in str(number))
        literal = random.choice(_MARKED if random.random() < 0.01 else _LITERALS) * random.choice(
            (1, 1, 1, 2, 20)
        )
        if alike:
            second, literal = 0, "x"
        elif random.random() < 0.02:
            literal = "long " * random.randint(100, 2000)
        events.append(
            f"# Time: 2026-11-22T04:{second // 60:02}:{second % 60:02}.000000Z\n"
            "# User@Host: app[app] @ web-1.internal [10.0.0.7]  Id: 7\n"
            "# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
            "SET timestamp=1795321800;\n"
            f"select a_{name} from t\nwhere b = '{literal}';\n"
            * (random.randint(2, 5) if alike else 1)
        )
    return "".join(events).encode()


_LITERALS: Final = [
    "x",
    "it''s\n",
    "fünf ☃",
    "?",
    "😀",
    "a\\\nb",
    "\x01\x1b",
    "line\r\n",
    "# Query_time: 9\n",
    "&#0; &amp; <tag>",
]
_MARKED: Final = [" [Your log message was truncated]\n", "s [Your log message was truncated] s"]


@cache
def real(name: str) -> bytes:
    """Return one of the tests' logs."""
    return gzip.decompress((LOGS / name).read_bytes())


def slice_of_real(random: Random) -> bytes:
    """Return some events of a real server's log."""
    log = real(random.choice(("mysql-9.7.log.gz", "mariadb-10.11.log.gz")))
    size = random.choice((2_000, 20_000, 100_000))
    begin = random.randint(0, len(log) - size)
    found = _EVENTS["mysql"].search(log, begin)
    return log[found.start() if found else begin : begin + size]


@cache
def one_run(ending: str) -> bytes:
    """Return what a real PostgreSQL wrote, as if it had been in the window."""
    log = ONE_RUN.with_suffix(ending).read_bytes()
    for hour, begun in ((b"16:58", b"04:18"), (b"17:0", b"04:2")):
        log = log.replace(b"2026-11-25 " + hour, b"2026-11-22 " + begun)
    return log


def in_files(random: Random, log: bytes, engine: str) -> dict[str, bytes]:
    """Cut a log into files, oldest first, the live one last; events may straddle a cut."""
    starts = [found.start() for found in _EVENTS[ENGINES[engine]].finditer(log)] or [0]
    places = [
        random.choice(starts) if random.random() < 0.7 else random.randint(0, len(log))
        for _ in range(random.choice((0, 0, 1, 2)))
    ]
    parts = [log[a:b] for a, b in pairwise([0, *sorted(places), len(log)])]
    return dict(zip(names(engine, len(parts)), parts, strict=True))


def names(engine: str, files: int) -> list[str]:
    """Return the names of so many files of an engine, the live one last."""
    if engine == "postgres":
        return [f"{POSTGRESQL}2026-11-22-{begun}" for begun in _FILES_OF_POSTGRESQL[:files]]
    closed = [
        f"{LIVE}.{number}" if engine == "mariadb" else f"{LIVE}.2026-11-22.{5 - number:02}"
        for number in range(files - 1, 0, -1)
    ]
    return [*closed, LIVE]


@dataclass(frozen=True)
class Round:
    """What a seed makes of it: files in order, what follows a rotation, and the manners.

    ``beside`` are files that hold the same events in another format, and are not to be read.
    """

    seed: int
    engine: str
    files: Mapping[str, bytes]
    next_live: bytes
    manners: Manners
    beside: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, seed: int) -> Round:
        random = Random(seed)  # noqa: S311 - a test's dice, no secret
        if seed % 3 == 0:
            return cls._of_postgresql(seed, random)
        engine = random.choice(("mysql", "mariadb"))
        log = generated(random) if random.random() < 0.6 else slice_of_real(random)
        manners = _manners(random, log)
        files = in_files(random, log, engine)
        split = random.randint(0, len(files[LIVE])) if manners.rotate_after is not None else 0
        split = random.choice((split, len(files[LIVE])))
        next_live = files[LIVE][split:]
        if manners.rotate_after is not None:
            files[LIVE] = files[LIVE][:split]
        return cls(seed, engine, files, next_live, manners)

    @classmethod
    def _of_postgresql(cls, seed: int, random: Random) -> Round:
        has_csv = random.random() < 0.3
        write = server_log.as_csv if has_csv else server_log.as_stderr
        twin = b""
        if random.random() < 0.8:
            messages = server_log.messages(random, 400, first=4 * 3600, last=4 * 3600 + 3000)
            log, twin = write(messages), server_log.as_stderr(messages)
        else:
            log, twin = one_run(".csv" if has_csv else ".log"), one_run(".log")
        # What is in a file that was not there when the window ended is later than that.
        later = server_log.messages(random, 20, first=5 * 3600 + 600, last=5 * 3600 + 900)
        # It is MySQL's live file that lacks its first minutes.
        manners = replace(_manners(random, log), live_begins_at=0)
        files = in_files(random, log, "postgres")
        beside: dict[str, bytes] = {}
        if has_csv:
            # About as much in each as in its csv: the same messages.
            ends = [len(twin) * end // len(log) for end in accumulate(map(len, files.values()))]
            beside = {
                name: twin[begin:end]
                for name, begin, end in zip(files, [0, *ends], ends, strict=False)
            }
            files = {f"{name}.csv": data for name, data in files.items()}
        return cls(seed, "postgres", files, write(later), manners, beside)

    @property
    def live(self) -> str:
        """The name of the file that is being written to."""
        return [*self.files][-1]

    @property
    def served(self) -> dict[str, bytes]:
        """All files of the instance."""
        return {**self.files, **self.beside}

    @property
    def last_written(self) -> dict[str, datetime]:
        """When the files were last written: the live one at the full hour."""
        written = {
            name: HOUR - timedelta(minutes=10 * age)
            for age, name in enumerate(reversed([*self.files]))
        }
        return written | {name: written[f"{name}.csv"] for name in self.beside}

    @property
    def at(self) -> int:
        """When the run was due: too early, if the live file still lacks its first minutes."""
        return WINDOW.end + (SETTLED_AFTER if not self.manners.live_begins_at else 0)


def _manners(random: Random, log: bytes) -> Manners:
    manners = any_manners(random.getrandbits(30), faults=random.choice((1, 2, 3, 4, 6)))
    if len(log) > 100_000 and manners.portion_lines < 100:
        manners = replace(manners, portion_lines=100)
    # A hole of fewer bytes than "?" may stand for cannot be told from those.
    return replace(manners, gap_bytes=manners.gap_bytes + 200)


# The run


@dataclass(frozen=True)
class Outcome:
    """What came of a round, and what really happened; ``asked`` are the files asked for."""

    digest: Digest | None
    said: str
    rotated: bool
    withheld: list[Span]
    undelivered: list[Span]
    calls: int
    asked: frozenset[str]


def run(the_round: Round) -> Outcome:
    """Run the line on it, as the function does, over HTTP."""
    with Sandbox() as aws:
        aws.add_instance(
            INSTANCE,
            logs=the_round.served,
            engine=the_round.engine,
            last_written=the_round.last_written,
            manners=the_round.manners,
            next_live=the_round.next_live,
        )
        with patch.dict(os.environ, aws.environ):
            result = collect(SETTINGS, Request(WINDOW, the_round.at), lambda: 3600.0)
        return Outcome(
            digest=result.digests[0] if result.digests else None,
            said="; ".join(map(str, [*result.failures, *result.statuses])),
            rotated=INSTANCE in aws.rotated,
            withheld=aws.withheld,
            undelivered=aws.undelivered,
            calls=len(aws.calls),
            asked=_asked(aws.calls),
        )


def run_directly(the_round: Round) -> Outcome:
    """Run the line on it without a network and what belongs to one, ten times as fast."""
    logs = RdsLogs()
    logs.add(
        INSTANCE,
        the_round.served,
        engine=the_round.engine,
        status="available",
        last_written=the_round.last_written,
        manners=the_round.manners,
        next_live=the_round.next_live,
    )
    source = RdsSource(DirectClient(logs), lambda: 3600.0, pause=lambda _: None)
    digest, said = None, ""
    try:
        digest = digest_of(
            source.pieces(INSTANCE, WINDOW),
            SETTINGS,
            engine=None,
            window=WINDOW,
            instance=INSTANCE,
            settled=the_round.at >= WINDOW.end + SETTLED_AFTER,
        )
    except SourceError as error:
        said = str(error)
    return Outcome(
        digest=digest,
        said=said,
        rotated=INSTANCE in logs.rotated(),
        withheld=logs.ledger.withheld(),
        undelivered=logs.ledger.undelivered(logs.sizes()),
        calls=len(logs.ledger.calls),
        asked=_asked(logs.ledger.calls),
    )


def _asked(calls: list[Call]) -> frozenset[str]:
    return frozenset(call.source.file for call in calls if call.source)


# The account


def plain(the_round: Round, outcome: Outcome) -> dict[str, bytes]:
    """Return the files that were to be read, by the names that the ledger has for them.

    Where a new file does not take the live one's name nobody need look for it: what it holds
    is later than the window.
    """
    files = dict(the_round.files)
    following = f"{the_round.live} after rotation"
    if outcome.rotated if the_round.live == LIVE else following in outcome.asked:
        files[following] = the_round.next_live
    return files


def digest_of_plain(files: Mapping[str, bytes], manners: Manners, engine: Engine) -> Digest:
    """Return the digest of the files themselves, in the characters that RDS shows them in."""
    return digest_of(
        (Portion(name, as_text(data, manners).encode()) for name, data in files.items()),
        SETTINGS,
        engine=engine,
        window=WINDOW,
        instance=INSTANCE,
    )


def counts(digest: Digest) -> Counter[str]:
    """Return the events of each class, and of what has no class."""
    found = Counter({query.query_id: query.count for query in digest.queries})
    coverage = digest.coverage
    found["administrator"] = coverage.events_administrator
    found["other"] = coverage.events - found.total()
    for what in ("errors", "lock_waits", "temporary_files", "plans"):
        found[what] = coverage.also.get(what, 0)
    return +found


def damaged(files: Mapping[str, bytes], spans: list[Span], engine: Engine) -> int:
    """Return how many events may be missing or changed: those in ``spans``, and next to them."""
    hurt = 0
    log, offsets = b"", {}
    for name, data in files.items():
        offsets[name] = len(log)
        log += data
    starts = [found.start() for found in _EVENTS[engine].finditer(log)]
    edges = [0, *starts, len(log)]
    holes = [
        (offsets[s.file] + s.start, offsets[s.file] + s.end)
        for s in spans
        if s.end > s.start and s.file in offsets
    ]
    for index, (begin, end) in enumerate(pairwise(edges)):
        reach = edges[min(index + 2, len(edges) - 1)]
        before = edges[max(index - 1, 0)]
        hurt += any(
            before < hole_end and hole_begin < max(reach, end) for hole_begin, hole_end in holes
        )
        del begin
    return hurt


def hopeless(manners: Manners) -> bool:
    """Whether a client can know how to go on where the service does not let it."""
    is_dumb = manners.markers == "opaque" or manners.strict_markers
    return is_dumb and bool(manners.binary or manners.loop or manners.echo)


def breaches(the_round: Round, outcome: Outcome) -> Iterator[str]:
    """Yield what a round has broken."""
    files, engine = plain(the_round, outcome), ENGINES[the_round.engine]
    manners, found = the_round.manners, outcome.digest
    portions = sum(
        data.count(b"\n") / manners.portion_lines + len(data) / manners.portion_bytes + 2
        for data in files.values()
    )
    if outcome.calls > 6 * portions + CALLS_TO_SPARE:
        yield f"{outcome.calls} calls for {portions:.0f} portions"
    if twins := outcome.asked.intersection(the_round.beside):
        yield f"read in two formats: {', '.join(sorted(twins))}"
    if found is None:
        if not outcome.withheld and not outcome.undelivered:
            yield f"nothing was read: {outcome.said}"
        return
    coverage, expected = found.coverage, digest_of_plain(files, manners, engine)
    if counts(found) == counts(expected) and found.totals == expected.totals:
        return
    missing = (counts(expected) - counts(found)).total()
    surplus = (counts(found) - counts(expected)).total()
    spans = outcome.undelivered if hopeless(manners) else outcome.withheld
    hurt = damaged(files, spans, engine)
    # Each ends the event before it and tears the next, if there was a loss or not.
    hurt += 2 * len(coverage.losses)
    twice = coverage.events_possibly_repeated
    difference = f"{missing} missing, {surplus} too many, {hurt} withheld, {twice} repeated"
    if coverage.complete and not twice:
        yield f"not reported: {difference}"
    # A file can vanish before what came of it cut has come whole.
    vanished = any("rotated away" in loss.reason for loss in coverage.losses)
    # A header that is torn takes two events with it.
    if missing > hurt + 2 * twice and not vanished:
        yield f"lost although it was given: {difference}"
    if surplus > hurt + 2 * twice and not _goes_round_unseen(manners):
        yield f"counted twice: {difference}"


def _goes_round_unseen(manners: Manners) -> bool:
    """Whether a circle shows in its length only: then a loss says that there was one."""
    return manners.markers == "counts" and manners.loop is not None


# Many rounds


@dataclass(frozen=True)
class Verdict:
    """What a round came to."""

    seed: int
    breaches: tuple[str, ...]
    calls: int
    withheld: int
    peak: int


def judge(seed: int, *, direct: bool = False) -> Verdict:
    """Run a round and judge it."""
    the_round = Round.of(seed)
    outcome = run_directly(the_round) if direct else run(the_round)
    return Verdict(
        seed,
        tuple(breaches(the_round, outcome)),
        outcome.calls,
        sum(span.end - span.start for span in outcome.withheld),
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def hurry() -> None:
    """Wait a thousand times shorter in this process."""
    time.sleep = partial(_nap, time.sleep)


def _nap(sleep: object, seconds: float) -> None:
    assert callable(sleep)
    sleep(seconds / FASTER)


def main() -> int:
    """Run the rounds; the last line sums them up."""
    parser = argparse.ArgumentParser(prog="tasks.py chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--direct", action="store_true", help="without a network, faster")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.rounds)
    failed = calls = withheld = 0
    peaks = []
    with ProcessPoolExecutor(options.jobs, initializer=hurry) as pool:
        for verdict in pool.map(partial(judge, direct=options.direct), seeds, chunksize=4):
            for breach in verdict.breaches:
                sys.stdout.write(f"seed {verdict.seed}: {breach}\n")
            sys.stdout.flush()
            failed += bool(verdict.breaches)
            calls += verdict.calls
            withheld += verdict.withheld
            peaks.append(verdict.peak)
    half, whole = max(peaks[: len(peaks) // 2 + 1]) >> 20, max(peaks) >> 20
    sys.stdout.write(
        f"chaos: {options.rounds} rounds from seed {options.seed}, {failed} with a breach; "
        f"{calls:,} calls, {withheld:,} bytes withheld; "
        f"peak memory {half} MiB after half of them, {whole} MiB in the end\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
