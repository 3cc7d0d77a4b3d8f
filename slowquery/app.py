"""A run: every instance is read, every channel is told, and what failed is gathered.

Every instance is read and every channel is tried, whatever happened to the others. What
did not work becomes a :class:`Failure`, in the result and in the messages; a scheduled run
with failures raises :class:`RunFailed` when everything else is done, so that the error
metric of the function tells the truth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import boto3

import notifiers
from notifiers.message import CredentialRefused, DeliveryError
from notifiers.options import OptionError
from slowquery import invocation, metrics, render
from slowquery.document import fit, result_document
from slowquery.invocation import InvocationError, Request
from slowquery.line import Watch, digest_of
from slowquery.model import SECOND, Cause, Digest, Failure, Result, Status
from slowquery.parameters import ParameterError, Parameters, references
from slowquery.rehearsal import rehearse
from slowquery.settings import Channel, Instance, Secret, Settings
from slowquery.settings_file import read_file
from slowquery.sources import finding, rds
from slowquery.sources.rds import RdsSource
from slowquery.sources.refusal import (
    Denied,
    InstanceUnavailable,
    Nobody,
    NoInstance,
    SourceError,
)
from slowquery.sources.regions import NoRegion, blamed
from slowquery.window import iso

if TYPE_CHECKING:
    from notifiers.message import Message

SETTLED_AFTER: Final = 600 * SECOND
"""A log can still grow for so long: RDS MySQL holds back the first minutes of an hour."""

INSTANCES_AT_ONCE: Final = 4
"""Instances that are read side by side: enough to hide the waiting, few enough to be polite."""

DELIVERY_RESERVE: Final = 60.0
"""Seconds that are kept from reading, for the messages."""

CHANNEL_RESERVE: Final = 12.0
"""Seconds that a channel leaves to each one behind it: one request that is not answered."""

FUNCTION: Final = "AWS_LAMBDA_FUNCTION_NAME"
"""The variable in which Lambda says which function it runs (Lambda developer guide)."""

CLOSING_RESERVE: Final = 5.0
"""Seconds that are kept from the messages, for metrics and for saying what failed."""


GONE: Final = "gone since it was found"
WHERE: Final = "RDS"
"""Where instances are that could not be found: a name that no channel and no instance has."""


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


class World(NamedTuple):
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
    settings = read_file(world.environ)
    request = invocation.request(event, started)
    settings, unfound = find(settings, request)
    result = collect(settings, request, world.remaining)
    result = result._replace(failures=(*unfound, *result.failures))
    posts = messages(settings, request, result)
    secrets = secret_store(settings, world.secrets)
    undelivered = deliver(posts, secrets, request, world.remaining)
    unready: tuple[Failure, ...] = ()
    if request.rehearsal:
        rehearse(settings)
        unready = unready_channels(settings, secrets)
    result = result._replace(failures=(*result.failures, *undelivered, *unready))
    if request.scheduled:
        finished = world.now()
        failed = {failure.where for failure in undelivered}
        for document in metrics.emf(
            result,
            names=settings.metrics,
            now=finished,
            run_duration=finished - started,
            delivered={channel.name: channel.name not in failed for channel, _ in posts},
            function=world.environ.get(FUNCTION),
        ):
            world.say(json.dumps(document))
        if result.failures:
            raise RunFailed(result.failures)
    return fit(result_document(result))


def unusable_channels(settings: Settings) -> Iterator[str]:
    """Yield what keeps a channel from being created, as far as secrets are at hand."""
    parameters = Parameters(lambda: boto3.client("ssm", settings.region), {})
    for channel in settings.channels:
        if not references(channel.options):
            try:
                notifiers.create(channel.kind, **parameters.open(channel.options))
            except OptionError as error:
                yield f"channels.{channel.name}: {error}"


def unready_channels(settings: Settings, parameters: Parameters) -> tuple[Failure, ...]:
    """Make every channel ready, secrets included, and return those that cannot be."""
    what = "the channel cannot be used"
    failures = []
    for channel in settings.channels:
        try:
            notifiers.create(channel.kind, **parameters.open(channel.options))
        except ParameterError as error:
            failures.append(Failure(what, channel.name, error.what, error.hint, cause=error.cause))
        except OptionError as error:
            hint = f"mend channels.{channel.name} in the settings"
            failures.append(Failure(what, channel.name, str(error), hint, cause="settings"))
    return tuple(failures)


def find(settings: Settings, request: Request) -> tuple[Settings, tuple[Failure, ...]]:
    """Return settings that list what they find, and why that failed, if it did.

    Every channel is told of an instance that was found.
    """
    if settings.finds is None:
        return settings, ()
    channels = tuple(channel.name for channel in settings.channels)
    try:
        found = finding.instances(settings.finds, settings.region)
    except SourceError as error:
        behind = blamed(error, settings.region)
        event = _repeat(request, request.instances, channels)
        what = "the instances were not found"
        failure = Failure(what, WHERE, behind.why, behind.hint, event, _cause(behind))
        return settings, (failure,)
    instances = tuple(each._replace(region=settings.region, channels=channels) for each in found)
    return settings._replace(instances=instances), ()


def secret_store(settings: Settings, kept: MutableMapping[str, Secret]) -> Parameters:
    """Return where the channels' secrets are, in the settings' region."""
    return Parameters(lambda: boto3.client("ssm", settings.region), kept)


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
                source.pieces(instance.name, request.window, instance.engine),
                settings,
                engine=instance.engine,
                window=request.window,
                instance=instance.name,
                log_line_prefix=instance.log_line_prefix,
                settled=request.window.end + SETTLED_AFTER <= request.at,
                watch=watch,
            )
        except InstanceUnavailable as error:
            if not instance.required:
                return Status(instance.name, error.state)
            return _unread(instance, request, error.why, error.hint)
        except SourceError as error:
            if instance.found and isinstance(error, NoInstance):
                return Status(instance.name, GONE)
            behind = blamed(error, instance.region)
            return _unread(instance, request, behind.why, behind.hint, _cause(behind))

    with ThreadPoolExecutor(INSTANCES_AT_ONCE) as pool:
        outcomes = list(pool.map(read, instances))
    return Result(
        window=request.window,
        digests=tuple(found for found in outcomes if isinstance(found, Digest)),
        failures=tuple(found for found in outcomes if isinstance(found, Failure)),
        statuses=tuple(found for found in outcomes if isinstance(found, Status)),
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
            part = result._replace(
                digests=tuple(found for found in result.digests if found.instance in names),
                failures=tuple(
                    found for found in result.failures if found.where in {*names, WHERE}
                ),
                statuses=tuple(found for found in result.statuses if found.instance in names),
            )
            if _is_news(part) or not settings.quiet or not request.scheduled:
                posts.append((channel, render.message(part, settings)))
    return posts


def deliver(
    posts: Sequence[tuple[Channel, Message]],
    parameters: Parameters,
    request: Request,
    remaining: Callable[[], float],
) -> tuple[Failure, ...]:
    """Send every message and return what did not arrive, while seconds remain."""
    failures = []
    for number, (channel, message) in enumerate(posts, 1):
        reserve = CLOSING_RESERVE + CHANNEL_RESERVE * (len(posts) - number)
        cause: Cause = "elsewhere"
        try:
            send(channel, message, parameters, _less(remaining, reserve))
        except DeliveryError as error:
            why, hint = error.what, error.hint
        except ParameterError as error:
            why, hint, cause = error.what, error.hint, error.cause
        except OptionError as error:
            why, hint = str(error), f"mend channels.{channel.name} in the settings"
            cause = "settings"
        else:
            continue
        event = _repeat(request, request.instances, (channel.name,))
        what = "the digest was not delivered"
        failures.append(Failure(what, channel.name, why, hint, event, cause))
    return tuple(failures)


def _less(remaining: Callable[[], float], reserve: float) -> Callable[[], float]:
    return lambda: remaining() - reserve


def send(
    channel: Channel, message: Message, parameters: Parameters, remaining: Callable[[], float]
) -> None:
    """Send a message to a channel; a secret that it refuses is read again, once.

    Raises ``DeliveryError``, ``ParameterError`` or ``OptionError``.
    """

    def once() -> None:
        options = parameters.open(channel.options)
        notifiers.create(channel.kind, **options).send(message, remaining)

    try:
        once()
    except CredentialRefused:
        if not parameters.forget(channel.options):
            raise
        once()


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
        found.totals.count or found.coverage.is_doubtful for found in result.digests
    )


def _unread(
    instance: Instance, request: Request, why: str, hint: str, cause: Cause = "elsewhere"
) -> Failure:
    event = _repeat(request, (instance.name,), instance.channels)
    return Failure("the log was not read", instance.name, why, hint, event, cause)


def _cause(error: SourceError) -> Cause:
    match error:
        case Denied() | Nobody():
            return "rights"
        case NoInstance() | NoRegion():
            return "settings"
        case _:
            return "elsewhere"


def _repeat(
    request: Request, instances: tuple[str, ...] | None, channels: tuple[str, ...]
) -> dict[str, object]:
    """Return the event on demand that does a part of a run again."""
    window = {"start": iso(request.window.start), "end": iso(request.window.end)}
    named = {} if instances is None else {"instances": list(instances)}
    return {**window, **named, "channels": list(channels)}
