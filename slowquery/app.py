"""The one module that knows the whole line: it wires it, runs it and gathers what failed.

Every instance is read and every channel is tried, whatever happened to the others. What
did not work becomes a :class:`Failure`, in the result and in the messages; a scheduled run
with failures raises :class:`RunFailed` when everything else is done, so that the error
metric of the function tells the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import boto3

import notifiers
from notifiers.message import CredentialRefused, DeliveryError
from notifiers.options import OptionError
from slowquery import invocation, metrics, render
from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.document import fit, result_document
from slowquery.invocation import InvocationError, Request
from slowquery.model import (
    SECOND,
    Batch,
    Digest,
    Engine,
    Failure,
    Loss,
    Piece,
    Result,
    Status,
    Window,
)
from slowquery.parameters import ParameterError, Parameters
from slowquery.readers import mysql
from slowquery.settings import Channel, ConfigError, Instance, Problem, Secret, Settings, load
from slowquery.sources import rds
from slowquery.sources.rds import InstanceUnavailable, RdsSource, SourceError
from slowquery.window import iso

if TYPE_CHECKING:
    from notifiers.message import Message

Watch: TypeAlias = Callable[[Iterable[Batch]], Iterable[Batch]]

SETTINGS_VARIABLE: Final = "SLOWQUERY_SETTINGS"
SETTINGS_FILE: Final = "settings.yml"

SETTLED_AFTER: Final = 600 * SECOND
"""A log can still grow for so long: RDS MySQL holds back the first minutes of an hour."""

INSTANCES_AT_ONCE: Final = 4
"""Instances that are read side by side: enough to hide the waiting, few enough to be polite."""

DELIVERY_RESERVE: Final = 30.0
"""Seconds that are kept from reading, for the messages."""

READERS: Final[Mapping[Engine, Callable[[Iterable[Piece]], Iterator[Batch]]]] = {
    "mysql": mysql.read,
}


class RunFailed(Exception):
    """A scheduled run that did all it could, and what it could not do.

    Its text is what CloudWatch shows: for each failure what, where, why, what to try, and
    the event that repeats just that part.
    """

    def __init__(self, failures: tuple[Failure, ...]) -> None:
        super().__init__(failures)
        self.failures = failures

    def __str__(self) -> str:
        lines = [f"{len(self.failures)} of this run's parts failed"]
        for failure in self.failures:
            lines.append(f"- {failure}")
            if failure.event is not None:
                lines.append(f"  repeat it with: {json.dumps(failure.event)}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class World:
    """What a run may know of the world around it.

    ``now`` returns microseconds since the epoch, ``remaining`` the seconds that are left,
    ``say`` prints a line.
    """

    environ: Mapping[str, str]
    now: Callable[[], int]
    remaining: Callable[[], float]
    say: Callable[[str], None]
    secrets: MutableMapping[str, Secret]
    """Secrets that were read before and are kept for as long as the container lives."""


def invoke(event: object, world: World) -> dict[str, object]:
    """Do what a Lambda event asks for and return the result as a document.

    Raises :class:`InvocationError` or ``ConfigError`` before anything is done, and
    :class:`RunFailed` after everything else, for a scheduled run with failures.
    """
    started = world.now()
    settings = settings_file(world.environ)
    request = invocation.request(event, started)
    result = collect(settings, request, world.remaining)
    posts = messages(settings, request, result)
    undelivered = deliver(posts, secret_store(settings, world.secrets), request)
    result = replace(result, failures=(*result.failures, *undelivered))
    if request.scheduled:
        finished = world.now()
        failed = {failure.where for failure in undelivered}
        for document in metrics.emf(
            result,
            names=settings.metrics,
            now=finished,
            run_duration=finished - started,
            delivered={channel.name: channel.name not in failed for channel, _ in posts},
        ):
            world.say(json.dumps(document))
        if result.failures:
            raise RunFailed(result.failures)
    return fit(result_document(result))


def secret_store(settings: Settings, kept: MutableMapping[str, Secret]) -> Parameters:
    """Return where the channels' secrets are, in the settings' region."""
    return Parameters(lambda: boto3.client("ssm", settings.region), kept)


def settings_file(environ: Mapping[str, str], file: str | None = None) -> Settings:
    """Return the settings of ``file``, by default of the one that the environment names."""
    path = Path(file or environ.get(SETTINGS_VARIABLE) or SETTINGS_FILE)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = Problem(str(path), 1, "", f"cannot be read: {why}", "see docs/settings.md")
        raise ConfigError((problem,)) from None
    return load(text, environ, file=str(path))


def collect(
    settings: Settings, request: Request, remaining: Callable[[], float], watch: Watch | None = None
) -> Result:
    """Read every instance that the request asks for; what fails is in the result.

    ``watch`` sees each batch as it is read. Raises :class:`SourceError` if there can be no
    client of RDS.
    """
    instances = _chosen(settings, request)
    clients = {region: rds.connect(region) for region in {each.region for each in instances}}

    def read(instance: Instance) -> Digest | Status | Failure:
        source = RdsSource(
            clients[instance.region], remaining=lambda: remaining() - DELIVERY_RESERVE
        )
        try:
            return digest_of(
                source.pieces(instance.name, request.window),
                settings,
                engine=instance.engine,
                window=request.window,
                instance=instance.name,
                settled=request.window.end + SETTLED_AFTER <= request.at,
                watch=watch,
            )
        except InstanceUnavailable as error:
            if not instance.required:
                return Status(instance.name, error.state)
            return _unread(error, instance, request)
        except SourceError as error:
            return _unread(error, instance, request)

    with ThreadPoolExecutor(INSTANCES_AT_ONCE) as pool:
        outcomes = list(pool.map(read, instances))
    return Result(
        window=request.window,
        digests=tuple(found for found in outcomes if isinstance(found, Digest)),
        failures=tuple(found for found in outcomes if isinstance(found, Failure)),
        statuses=tuple(found for found in outcomes if isinstance(found, Status)),
    )


def digest_of(  # noqa: PLR0913 - what there is to say about a log
    pieces: Iterable[Piece],
    settings: Settings,
    *,
    engine: Engine | None,
    window: Window | None,
    instance: str | None,
    settled: bool = True,
    watch: Watch | None = None,
) -> Digest:
    """Return the digest of the pieces of one log; ``engine`` is what wrote it, if known.

    Raises :class:`SourceError` where there is no reader for the engine's logs.
    """
    engine = engine or "mysql"
    if engine not in READERS:
        why = f"this version does not read the logs of {engine}"
        raise SourceError(why, f"an instance of {' or '.join(READERS)}")
    files: set[str] = set()
    losses: list[Loss] = []

    def seen() -> Iterator[Piece]:
        for piece in pieces:
            files.add(piece.file)
            if isinstance(piece, Loss):
                losses.append(piece)
            yield piece

    ignore = settings.ignore
    table = Table(
        Selection(window, ignore.users, ignore.databases, ignore.query_ids), settings.sql_mode
    )
    batches: Iterable[Batch] = READERS[engine](seen())
    for batch in watch(batches) if watch else batches:
        table.add(batch)
    return digest(
        table,
        engine=engine,
        window=window,
        instance=instance,
        files=len(files),
        losses=tuple(losses),
        settled=settled,
        limit=settings.top,
        sort=settings.sort,
        min_total_time=settings.min_total_time,
    )


def messages(settings: Settings, request: Request, result: Result) -> list[tuple[Channel, Message]]:
    """Return what goes to which channel: one message for each that has something to hear."""
    posts = []
    for channel in settings.channels:
        if request.scheduled or channel.name in (request.channels or ()):
            names = {
                instance.name
                for instance in settings.instances
                if request.instances is not None or channel.name in instance.channels
            }
            part = replace(
                result,
                digests=tuple(found for found in result.digests if found.instance in names),
                failures=tuple(found for found in result.failures if found.where in names),
                statuses=tuple(found for found in result.statuses if found.instance in names),
            )
            if _is_news(part) or not settings.quiet or not request.scheduled:
                posts.append((channel, render.message(part, settings)))
    return posts


def deliver(
    posts: Iterable[tuple[Channel, Message]], parameters: Parameters, request: Request
) -> tuple[Failure, ...]:
    """Send every message and return what did not arrive."""
    failures = []
    for channel, message in posts:
        try:
            _send(channel, message, parameters)
        except (DeliveryError, ParameterError) as error:
            why, hint = error.what, error.hint
        except OptionError as error:
            why, hint = str(error), f"mend channels.{channel.name} in the settings"
        else:
            continue
        event = _repeat(request, request.instances, (channel.name,))
        failures.append(Failure("the digest was not delivered", channel.name, why, hint, event))
    return tuple(failures)


def _send(channel: Channel, message: Message, parameters: Parameters) -> None:
    try:
        notifiers.create(channel.kind, **parameters.open(channel.options)).send(message)
    except CredentialRefused:
        if not parameters.forget(channel.options):
            raise
        notifiers.create(channel.kind, **parameters.open(channel.options)).send(message)


def _chosen(settings: Settings, request: Request) -> list[Instance]:
    """Return the instances that the request asks for; refuse names that settings lack."""
    _known("channels", request.channels, [channel.name for channel in settings.channels])
    _known("instances", request.instances, [instance.name for instance in settings.instances])
    return [
        instance
        for instance in settings.instances
        if request.instances is None or instance.name in request.instances
    ]


def _known(what: str, named: Iterable[str] | None, configured: Iterable[str]) -> None:
    if unknown := sorted(set(named or ()).difference(configured)):
        msg = (
            f"the settings have no {what} {', '.join(unknown)[:200]}; "
            f"try: {', '.join(configured) or 'adding them'}"
        )
        raise InvocationError(msg)


def _is_news(result: Result) -> bool:
    """Whether a channel that wants quiet hears of it: slow queries, or trouble reading them."""
    return bool(result.failures) or any(
        found.totals.count or found.coverage.losses for found in result.digests
    )


def _unread(error: SourceError, instance: Instance, request: Request) -> Failure:
    return Failure(
        what="the log was not read",
        where=instance.name,
        why=error.why,
        hint=error.hint,
        event=_repeat(request, (instance.name,), instance.channels),
    )


def _repeat(
    request: Request, instances: tuple[str, ...] | None, channels: tuple[str, ...]
) -> dict[str, object]:
    """Return the event on demand that does a part of a run again."""
    window = {"start": iso(request.window.start), "end": iso(request.window.end)}
    named = {} if instances is None else {"instances": list(instances)}
    return {**window, **named, "channels": list(channels)}
