"""The same line from a terminal: ``slowquery digest``, ``run``, ``health`` and ``settings``.

Exit codes: 0, done (what was lost on the way stands in the digest); 1, a file, an instance,
a channel or a check of ``health`` failed, or the output could not be written; 2, the command
line or the settings cannot be used; 130, interrupted; 141, whoever read the output went away.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from stat import S_ISREG
from threading import Lock
from typing import Final, NoReturn, Self, get_args

from slowquery.errors import Unreadable, Unusable
from slowquery.line import digest_of
from slowquery.model import Batch, Engine, Failure, Result, Sort, Window
from slowquery.settings import FILE, VARIABLE, ConfigError, HealthRights, Settings
from slowquery.sources.files import STANDARD_INPUT, FileSource, shown
from slowquery.window import between, hour_before, parse_span, parse_time

DONE: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 128 + 2
UNHEARD: Final = 128 + 13
"""What a shell returns for a process that SIGINT or SIGPIPE ended (POSIX, 2.8.2)."""

PATIENCE: Final = 3600.0
"""Seconds that a run from a terminal may take: whoever waits can stop it."""

MOST_JOBS: Final = 64

COLLECTED_AFTER: Final = 100_000
"""Objects after which garbage is looked for: what a reader makes is never in a cycle."""

PROGRESS_EVERY: Final = 0.5
"""Seconds between two looks at how far reading is; what is done sooner shows none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if sys.stdout is None:  # it was closed before this process began
        _complain("standard output is closed, so nothing can be shown; try: > FILE")
        return FAILED
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            return _exit_code(arguments)
        finally:
            _print()  # at the interpreter's own exit it is too late for a word
    except BrokenPipeError:  # whoever read the output has seen enough
        _drop_output()
        return UNHEARD
    except _OutputError as error:
        _drop_output()
        _complain(f"the output cannot be written: {error}; try: another place for it")
        return FAILED


def _exit_code(arguments: Sequence[str] | None) -> int:
    options = parser().parse_args(arguments)
    now = time.time_ns() // 1000
    gc.freeze()  # what is loaded stays, and need not be looked at while a log is read
    gc.set_threshold(COLLECTED_AFTER)
    try:
        return int(options.command(options, now))
    except Unusable as error:
        _complain(error)
        return UNUSABLE
    except Unreadable as error:
        _complain(error)
        return FAILED
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        from notifiers.visible import visible  # noqa: PLC0415 - a run without an error does without

        super().error(visible(message))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = _Parser(
        prog="slowquery", description="Digest slow-query logs, of files or of RDS instances."
    )
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    common = _Parser(add_help=False)
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

    health = commands.add_parser(
        "health",
        help="say what is wrong, if anything",
        description="Ask everything that can keep a digest from arriving, and say what to do.",
    )
    health.add_argument("--settings", metavar="FILE", help="default: settings.yml")
    health.add_argument(
        "--instance", action="append", metavar="NAME", help="instead of all; may be repeated"
    )
    health.add_argument(
        "--channel", action="append", metavar="NAME", help="post to it, too; may be repeated"
    )
    health.add_argument("--format", choices=("text", "json"), default="text")
    health.set_defaults(command=_health)

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
    _refuse_repeated(options.files)
    settings = _adjusted(_settings(options, posts=False) or Settings(instances=()), options)
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
        from slowquery.document import digest_json  # noqa: PLC0415 - text does without

        _print(digest_json(digest))
    else:
        _show(Result(window, (digest,)), settings, options.format)
    for loss in source.unread:
        hint = "look at its name, its rights and its size"
        if loss.file == STANDARD_INPUT:
            hint = "a log on standard input, or the name of a file"
        _complain(f"{loss.file}: {loss.reason}\n  try: {hint}")
    return FAILED if source.unread else DONE


def _run(options: argparse.Namespace, now: int) -> int:
    from slowquery import app  # noqa: PLC0415 - AWS's library takes long, and files do without
    from slowquery.document import result_document  # noqa: PLC0415 - it comes with it
    from slowquery.invocation import Request  # noqa: PLC0415 - so does this

    found = _settings(options, posts=options.post)
    settings = _adjusted(_with_instances(found, options), options)
    if options.post:
        _can_post(settings, options.format)
    window = _window(options, now) if _names_window(options) else hour_before(now)
    request = Request(
        window,
        at=now,
        instances=tuple(map(str.lower, options.instance)) if options.instance else None,
        channels=tuple(channel.name for channel in settings.channels) if options.post else (),
    )
    deadline = time.monotonic() + PATIENCE

    def remaining() -> float:
        return deadline - time.monotonic()

    unfound: tuple[Failure, ...] = ()
    if not options.instance:  # who names instances knows where they are
        settings, unfound = app.find(settings, request)
    with _Progress(None) as progress:
        result = app.collect(settings, request, remaining, progress.watch)
    result = result._replace(failures=(*unfound, *result.failures))
    posts = app.messages(settings, request, result)
    undelivered = app.deliver(posts, app.secret_store(settings, {}), request, remaining)
    result = result._replace(failures=(*result.failures, *undelivered))
    if options.format == "json":
        _print([json.dumps(result_document(result), indent=2) + "\n"])
    else:
        _show(result, settings, options.format)
    return FAILED if result.failures else DONE


def _health(options: argparse.Namespace, now: int) -> int:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - takes a while

    from slowquery.health import examination, page  # noqa: PLC0415 - as above

    try:
        name = f"slowquery {version('slowquery-digest')}, in a terminal"
    except PackageNotFoundError:  # run from a folder
        name = "slowquery, in a terminal"
    deadline = time.monotonic() + PATIENCE
    world = examination.World(name, now, lambda: deadline - time.monotonic(), {})
    file = options.settings or os.environ.get(VARIABLE) or FILE
    found = _asked(options, file)
    if options.instance and not _exists(file):
        file = "no settings file"
    examination.refuse_unknown(found, options.channel or ())
    checks = examination.examine(found, file, world)
    checks += examination.post(checks, found, options.channel or (), world)
    if options.format == "json":
        _print([json.dumps(page.document(checks, now), indent=2, ensure_ascii=False) + "\n"])
    else:
        width, colour = _terminal()
        _print([page.text(checks, now, width=width, colour=colour)])
    return FAILED if any(check.status == "fail" for check in checks) else DONE


def _asked(options: argparse.Namespace, file: str) -> Settings | ConfigError:
    """Return the settings to examine, or why there are none.

    From a terminal everything is asked: the rights are the caller's own, and what they do
    not cover is unknown.
    """
    from slowquery.settings_file import read_file  # noqa: PLC0415 - as below
    from slowquery.settings_forms import for_instances  # noqa: PLC0415 - as below

    try:
        if options.instance and not _exists(file):
            found = for_instances(options.instance, None)
        else:
            found = read_file(os.environ, file)
            if options.instance:
                chosen = {name.lower() for name in options.instance}
                known = [each for each in found.instances if each.name in chosen]
                others = sorted(chosen.difference(each.name for each in known))
                unknown = for_instances(others, found.region).instances
                found = found._replace(instances=(*known, *unknown))
    except ConfigError as error:
        return error
    return found._replace(health=HealthRights(parameters=True, metrics=True, alarms=True))


def _can_post(settings: Settings, form: str) -> None:
    if not settings.channels:
        msg = "--post has no channel to post to; try: add one to the settings"
        raise Unusable(msg)
    if form == "json" and any(channel.kind == "console" for channel in settings.channels):
        msg = "a console channel would write into the JSON; try: --format text, or no --post"
        raise Unusable(msg)


def _check(options: argparse.Namespace, now: int) -> int:
    from slowquery import app, words  # noqa: PLC0415 - as above
    from slowquery.settings_file import read_file  # noqa: PLC0415 - as below

    del now
    settings = read_file(os.environ, options.settings)
    unusable = list(app.unusable_channels(settings))
    if unusable:
        _complain("\n".join(unusable))
        return UNUSABLE
    instances = words.number_of(len(settings.instances), "instance", "instances")
    channels = words.number_of(len(settings.channels), "channel", "channels")
    _print([f"The settings can be used: {instances}, {channels}.\n"])
    return DONE


# Settings and window


def _settings(options: argparse.Namespace, *, posts: bool) -> Settings | None:
    """Return the settings; ``None`` where no file is named and none is there by default."""
    named = options.settings or os.environ.get(VARIABLE)
    if not named and not _exists(FILE):
        return None
    from slowquery.settings_file import read_file  # noqa: PLC0415 - YAML takes long

    return read_file(os.environ, options.settings, posts=posts)


def _exists(file: str) -> bool:
    return os.path.exists(file)  # noqa: PTH110 - pathlib takes longer to come than a small log


def _with_instances(settings: Settings | None, options: argparse.Namespace) -> Settings:
    """Return settings that hold the instances that are asked for."""
    from slowquery.settings_file import read_file  # noqa: PLC0415 - as above
    from slowquery.settings_forms import for_instances  # noqa: PLC0415 - as above

    if settings is None:
        settings = for_instances(options.instance, None) if options.instance else None
    settings = settings or read_file(os.environ)
    known = {instance.name for instance in settings.instances}
    unknown = [name for name in options.instance or () if name.lower() not in known]
    instances = (*settings.instances, *for_instances(unknown, settings.region).instances)
    if options.engine:
        instances = tuple(instance._replace(engine=options.engine) for instance in instances)
    return settings._replace(instances=instances)


def _adjusted(settings: Settings, options: argparse.Namespace) -> Settings:
    limit = settings.top if options.limit is None else options.limit
    return settings._replace(top=limit, sort=options.sort or settings.sort)


def _names_window(options: argparse.Namespace) -> bool:
    return bool(options.since or options.until or options.last)


def _window(options: argparse.Namespace, now: int) -> Window:
    if options.last:
        if options.since or options.until:
            msg = "--last reaches up to now; try: --since and --until instead of it"
            raise Unusable(msg)
        return between(now - parse_span(options.last), now)
    if not options.since:
        msg = "--until alone names no window; try: --since too, or --last 3h"
        raise Unusable(msg)
    until = parse_time(options.until, now) if options.until else now
    return between(parse_time(options.since, now), until)


# The terminal


class _OutputError(Exception):
    """Standard output takes no more, and why; but not for want of a reader."""


def _complain(what: object) -> None:
    if sys.stderr is not None:
        with suppress(OSError):  # there is nowhere left to say it
            from notifiers.visible import visible  # noqa: PLC0415 - as above

            sys.stderr.write(f"slowquery: {visible(str(what))}\n")


def _print(chunks: Iterable[str] = ()) -> None:
    """Write to standard output, at once; raise :class:`_OutputError` or BrokenPipeError."""
    try:
        sys.stdout.writelines(chunks)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error.strerror) from error


def _drop_output() -> None:
    """Let what could not be written go, or the interpreter tries again as it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show(result: Result, settings: Settings, form: str) -> None:
    from slowquery import render  # noqa: PLC0415 - JSON does without

    if form == "markdown":
        text = render.markdown(result, settings)
    else:
        width, colour = _terminal()
        text = render.text(result, settings, width=width, colour=colour)
    _print([text])


def _terminal() -> tuple[int, bool]:
    """Return how many columns there are to write in, and whether colours are seen."""
    import shutil  # noqa: PLC0415 - JSON does without

    from slowquery import words  # noqa: PLC0415 - JSON does without

    if not sys.stdout.isatty():
        return words.WIDTH, False
    # To be empty is the same as not to be set (no-color.org).
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return shutil.get_terminal_size((words.WIDTH, 0)).columns, not plain


def _size(names: Iterable[str]) -> int | None:
    """Return how many bytes there are to read, ``None`` where that cannot be known."""
    total = 0
    for name in names:
        found = _status(name)
        if name == STANDARD_INPUT or name.endswith(".gz"):
            return None
        if found and not S_ISREG(found.st_mode):
            return None
        total += found.st_size if found else 0
    return total


def _status(name: str) -> os.stat_result | None:
    """Return what the system knows of a file or of standard input, ``None`` if nothing."""
    if name == STANDARD_INPUT and sys.stdin is None:
        return None
    try:
        return os.stat(sys.stdin.fileno() if name == STANDARD_INPUT else name)  # noqa: PTH116 - as below
    except OSError:  # whoever opens it says so
        return None


def _refuse_repeated(names: Iterable[str]) -> None:
    """Raise :class:`Unusable` if two of the names are of one file."""
    known: dict[tuple[int, int] | str, str] = {}
    for name in names:
        found = _status(name)
        file = (found.st_dev, found.st_ino) if found else name
        if file in known:
            same = (
                "named twice" if known[file] == name else f"the same file as {shown(known[file])}"
            )
            msg = f"{shown(name)} is {same}, and would be counted twice; try: leave one of them out"
            raise Unusable(msg)
        known[file] = name


class _Progress:
    """A line on stderr that says how far reading is, if stderr is a terminal.

    ``total`` is in bytes. Batches may come from several threads.
    """

    def __init__(self, total: int | None) -> None:
        self._stream = sys.stderr
        self._shows = self._stream is not None and self._stream.isatty()
        self._total = total
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
            from slowquery import words  # noqa: PLC0415 - JSON that nobody waits for does without

            of = "" if self._total is None else f" of {words.size(self._total)}"
            speed = words.size(int(self._bytes / (now - self._started)))
            events = words.number_of(self._events, "event", "events")
            line = f"{words.size(self._bytes)}{of} · {speed}/s · {events}"
            self._stream.write(f"\r\x1b[K{line}")
            self._stream.flush()
