"""The same line from a terminal: ``slowquery digest``, ``slowquery run``, ``slowquery settings``.

Exit codes: 0, done (what was lost on the way stands in the digest); 1, a file, an instance
or a channel failed; 2, the command line or the settings cannot be used.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Final, Self, TextIO, get_args

from slowquery import words
from slowquery.document import digest_json, result_document
from slowquery.invocation import InvocationError, Request
from slowquery.line import UnreadableEngine, digest_of
from slowquery.model import Batch, Engine, Result, Sort, Window
from slowquery.settings import FILE, VARIABLE, ConfigError, Settings, for_instances, read_file
from slowquery.sources.files import STANDARD_INPUT, FileSource
from slowquery.sources.refusal import SourceError
from slowquery.window import WindowError, between, hour_before, parse_span, parse_time

DONE: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 128 + 2
"""What a shell returns for a process that SIGINT ended (POSIX, 2.8.2)."""

PATIENCE: Final = 3600.0
"""Seconds that a run from a terminal may take: whoever waits can stop it."""

MOST_JOBS: Final = 64

PROGRESS_EVERY: Final = 0.5
"""Seconds between two looks at how far reading is; what is done sooner shows none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = parser().parse_args(arguments)
    now = time.time_ns() // 1000
    gc.freeze()  # what is loaded stays, and need not be looked at while a log is read
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        return int(options.command(options, now))
    except (ConfigError, InvocationError, UnreadableEngine, WindowError) as error:
        _complain(error)
        return UNUSABLE
    except SourceError as error:
        _complain(error)
        return FAILED
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep the interpreter from saying so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="slowquery", description="Digest slow-query logs, of files or of RDS instances."
    )
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--settings", metavar="FILE", help="settings file (default: settings.yml, if it is there)"
    )
    common.add_argument("--since", metavar="TIME", help="start, as 2026-11-22T13:00Z or 13:00Z")
    common.add_argument("--until", metavar="TIME", help="end, not included (default: now)")
    common.add_argument("--last", metavar="SPAN", help="the time up to now: 90m, 3h, 2d")
    common.add_argument(
        "--engine", choices=get_args(Engine), help="what wrote the log (default: seen from it)"
    )
    common.add_argument("--limit", type=_count, metavar="N", help="queries listed, 0 for all")
    common.add_argument("--sort", choices=get_args(Sort), help="what ranks the queries")
    common.add_argument("--format", choices=("text", "json", "markdown"), default="text")

    digest = commands.add_parser(
        "digest", parents=[common], help="digest log files", description="Digest log files."
    )
    digest.add_argument("files", nargs="+", metavar="FILE", help="plain or gzipped; - for stdin")
    digest.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="processes that share the work"
    )
    digest.set_defaults(command=_digest)

    run = commands.add_parser(
        "run",
        parents=[common],
        help="digest RDS instances",
        description="Digest the logs of RDS instances, by default of the last full hour.",
    )
    run.add_argument(
        "--instance", action="append", metavar="NAME", help="instead of all; may be repeated"
    )
    run.add_argument("--post", action="store_true", help="post to the channels of the settings")
    run.set_defaults(command=_run)

    settings = commands.add_parser("settings", help="look at the settings")
    actions = settings.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say whether the settings can be used")
    check.add_argument("--settings", metavar="FILE", help="default: settings.yml")
    check.set_defaults(command=_check)
    return found


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError("is no number from 0 up")  # noqa: EM101, TRY003 - argparse's own way
    return int(text)


def _jobs(text: str) -> int:
    jobs = _count(text)
    if not 1 <= jobs <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"is not from 1 to {MOST_JOBS}")  # noqa: EM102, TRY003 - argparse's own way
    return jobs


def _digest(options: argparse.Namespace, now: int) -> int:
    twice = [name for name in options.files if options.files.count(name) > 1]
    if twice:
        msg = f"{twice[0]} is named twice, and its events would be counted twice; try: once"
        raise InvocationError(msg)
    settings = _adjusted(_settings(options) or Settings(instances=()), options)
    window = _window(options, now) if _names_window(options) else None
    source = FileSource(options.files)
    with _Progress(_size(options.files)) as progress:
        digest = digest_of(
            source.pieces(),
            settings,
            engine=options.engine,
            window=window,
            instance=None,
            watch=progress.watch,
            jobs=options.jobs,
        )
    if options.format == "json":
        sys.stdout.writelines(digest_json(digest))
        sys.stdout.flush()
    else:
        _show(Result(window, (digest,)), settings, options.format)
    for loss in source.unread:
        _complain(f"{loss.file}: {loss.reason}\n  try: look at its name, its rights and its size")
    return FAILED if source.unread else DONE


def _run(options: argparse.Namespace, now: int) -> int:
    from slowquery import app  # noqa: PLC0415 - AWS's library takes long, and files do without

    settings = _adjusted(_with_instances(_settings(options), options), options)
    window = _window(options, now) if _names_window(options) else hour_before(now)
    request = Request(
        window,
        at=now,
        instances=tuple(map(str.lower, options.instance)) if options.instance else None,
        channels=tuple(channel.name for channel in settings.channels) if options.post else (),
    )
    deadline = time.monotonic() + PATIENCE
    with _Progress(None) as progress:
        result = app.collect(settings, request, lambda: deadline - time.monotonic(), progress.watch)
    posts = app.messages(settings, request, result)
    undelivered = app.deliver(posts, app.secret_store(settings, {}), request)
    result = replace(result, failures=(*result.failures, *undelivered))
    if options.format == "json":
        sys.stdout.write(json.dumps(result_document(result), indent=2) + "\n")
        sys.stdout.flush()
    else:
        _show(result, settings, options.format)
    return FAILED if result.failures else DONE


def _check(options: argparse.Namespace, now: int) -> int:
    del now
    settings = read_file(os.environ, options.settings)
    instances = words.number_of(len(settings.instances), "instance", "instances")
    channels = words.number_of(len(settings.channels), "channel", "channels")
    sys.stdout.write(f"The settings can be used: {instances}, {channels}.\n")
    return DONE


# Settings and window


def _settings(options: argparse.Namespace) -> Settings | None:
    """Return the settings; ``None`` where no file is named and none is there by default."""
    named = options.settings or os.environ.get(VARIABLE)
    if not named and not Path(FILE).exists():
        return None
    return read_file(os.environ, options.settings)


def _with_instances(settings: Settings | None, options: argparse.Namespace) -> Settings:
    """Return settings that hold the instances that are asked for."""
    if not options.instance:
        return settings or read_file(os.environ)
    if settings is None:
        return for_instances(options.instance, None)
    known = {instance.name for instance in settings.instances}
    unknown = [name for name in options.instance if name.lower() not in known]
    more = for_instances(unknown, settings.region).instances
    return replace(settings, instances=(*settings.instances, *more))


def _adjusted(settings: Settings, options: argparse.Namespace) -> Settings:
    limit = settings.top if options.limit is None else options.limit
    return replace(settings, top=limit, sort=options.sort or settings.sort)


def _names_window(options: argparse.Namespace) -> bool:
    return bool(options.since or options.until or options.last)


def _window(options: argparse.Namespace, now: int) -> Window:
    if options.last:
        if options.since or options.until:
            msg = "--last reaches up to now; try: --since and --until instead of it"
            raise WindowError(msg)
        return between(now - parse_span(options.last), now)
    if not options.since:
        msg = "--until alone names no window; try: --since too, or --last 3h"
        raise WindowError(msg)
    until = parse_time(options.until, now) if options.until else now
    return between(parse_time(options.since, now), until)


# The terminal


def _complain(what: object) -> None:
    sys.stderr.write(f"slowquery: {what}\n")


def _show(result: Result, settings: Settings, form: str) -> None:
    from slowquery import render  # noqa: PLC0415 - JSON does without

    if form == "markdown":
        shown = render.markdown(result, settings)
    elif sys.stdout.isatty():
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        width = shutil.get_terminal_size((render.WIDTH, 0)).columns
        shown = render.text(result, settings, width=width, colour=not plain)
    else:
        shown = render.text(result, settings)
    sys.stdout.write(shown)
    sys.stdout.flush()


def _size(names: Iterable[str]) -> int | None:
    """Return how many bytes there are to read, ``None`` where that cannot be known."""
    paths = [Path(name) for name in names]
    if any(path.name == STANDARD_INPUT or path.suffix == ".gz" for path in paths):
        return None
    return sum(path.stat().st_size for path in paths if path.is_file())


class _Progress:
    """A line on stderr that says how far reading is, if stderr is a terminal.

    ``total`` is in bytes. Batches may come from several threads.
    """

    def __init__(self, total: int | None, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._shows = self._stream.isatty()
        self._of = "" if total is None else f" of {words.size(total)}"
        self._lock = Lock()
        self._started = self._shown = time.monotonic()
        self._bytes = self._events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown > self._started:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def watch(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Pass batches on and count what they hold."""
        for batch in batches:
            if self._shows:
                self._count(batch)
            yield batch

    def _count(self, batch: Batch) -> None:
        with self._lock:
            self._bytes += batch.bytes_read
            self._events += len(batch.statements)
            now = time.monotonic()
            if now - self._shown < PROGRESS_EVERY:
                return
            self._shown = now
            speed = words.size(int(self._bytes / (now - self._started)))
            events = words.number_of(self._events, "event", "events")
            line = f"{words.size(self._bytes)}{self._of} · {speed}/s · {events}"
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
