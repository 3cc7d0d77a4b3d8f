"""The whole examination: every question put, every answer judged, whatever the others say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import notifiers
from notifiers.inquiry import Inquirable
from notifiers.message import DeliveryError
from notifiers.options import OptionError
from slowquery import app, hook, metrics, words
from slowquery.health import judge
from slowquery.health.answers import BotAnswers, Deployed, InstanceAnswers, Runs
from slowquery.health.aws import Aws
from slowquery.health.check import Check, Subject, is_blind
from slowquery.health.limits import LIMIT, Clockwork, side_by_side
from slowquery.health.page import document, message
from slowquery.health.sentences import say
from slowquery.invocation import InvocationError, health_request
from slowquery.parameters import ParameterError, Parameters, references
from slowquery.settings import FILE, VARIABLE, Channel, ConfigError, Instance, Secret, Settings
from slowquery.settings_file import read_file
from slowquery.sources import finding
from slowquery.sources.refusal import NoInstance, SourceError
from slowquery.sources.regions import blamed

SIBLING: Final = "healthCheck"
"""The end of the function's name; what stands before it begins the names of our alarms."""


@dataclass(frozen=True, slots=True)
class World:
    """What an examination may know of the world around it.

    ``name`` is what runs, in words, ``function`` what Lambda calls it. ``now`` is in
    microseconds, ``remaining`` returns the seconds that are left, ``limit`` is how many a
    question may take. ``deployed`` is the digest's function, where that is known.
    """

    name: str
    now: int
    remaining: Callable[[], float]
    secrets: MutableMapping[str, Secret]
    function: str = ""
    limit: float = LIMIT
    deployed: Deployed | None = None


def invoke(event: object, world: app.World) -> dict[str, object]:
    """Do what a Lambda event asks for: examine, emit metrics, post where it says so.

    Returns the checks as a document. Raises :class:`InvocationError` before anything is
    done; what is wrong with anything else is a check.
    """
    asked = health_request(event)
    function = world.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    version = world.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    ours = World(
        f"{function}, version {version}",
        world.now(),
        world.remaining,
        world.secrets,
        function,
        deployed=deployed(world.environ.get(hook.NEW_VERSION, "")),
    )
    found = settings_or_error(world.environ, None)
    refuse_unknown(found, asked.channels)
    checks = examine(found, world.environ.get(VARIABLE, FILE), ours)
    checks += post(checks, found, asked.channels, ours)
    for emitted in metrics.healthy(
        known(checks), ours.now, function or None, is_blind=is_blind(checks)
    ):
        world.say(json.dumps(emitted))
    return document(checks, ours.now)


def deployed(arn: str) -> Deployed | None:
    """Return the function and the version that an ARN names, if it names both."""
    match arn.split(":"):
        case ["arn", _, "lambda", _, _, "function", function, version] if function and version:
            return Deployed(function, version)
    return None


def refuse_unknown(found: Settings | ConfigError, names: Iterable[str]) -> None:
    """Raise :class:`InvocationError` for a channel that the settings lack, if there are any."""
    if isinstance(found, ConfigError):
        return
    configured = [channel.name for channel in found.channels]
    if unknown := sorted(set(names).difference(configured)):
        msg = (
            f"the settings have no channels {', '.join(unknown)[:200]}; "
            f"try: {', '.join(configured) or 'adding them'}"
        )
        raise InvocationError(msg)


def settings_or_error(environ: Mapping[str, str], file: str | None) -> Settings | ConfigError:
    """Return the settings, or why there are none."""
    try:
        return read_file(environ, file)
    except ConfigError as error:
        return error


def examine(found: Settings | ConfigError, file: str, world: World) -> list[Check]:
    """Return every check; ``found`` are the settings of ``file``, or why there are none."""
    settings = Settings(instances=()) if isinstance(found, ConfigError) else found
    checks = judge.settings_checks(found, file)
    if settings.finds is not None:
        clockwork = Clockwork(world.remaining, world.limit)
        instances = clockwork.ask(partial(finding.instances, settings.finds, settings.region))
        if isinstance(instances, SourceError):
            instances = blamed(instances, settings.region)
        checks.append(judge.found_check(instances))
        if not isinstance(instances, SourceError):
            settings = settings._replace(instances=instances)
    examination = _Examination(settings, world)
    looks: list[Callable[[], list[Check]]] = [
        examination.bot,
        *(partial(examination.instance, instance) for instance in settings.instances),
        *(partial(examination.channel, channel) for channel in settings.channels),
    ]
    for part in side_by_side(lambda look: look(), looks):
        checks += part
    return checks + examination.last_digests()


def known(checks: Iterable[Check]) -> dict[metrics.Asked, bool]:
    """Return of each check that is known whether it is well; what is worth a look still is."""
    dimensions = {"instance": metrics.INSTANCE, "channel": metrics.CHANNEL}
    well: dict[metrics.Asked, bool] = {}
    for check in checks:
        if check.status != "unknown":
            kind, name = check.where
            about = ((dimensions[kind], name),) if kind in dimensions else ()
            asked = check.name, about
            well[asked] = well.get(asked, True) and check.status != "fail"
    return well


def post(
    checks: Sequence[Check], found: Settings | ConfigError, names: Sequence[str], world: World
) -> list[Check]:
    """Post the checks to the channels of these names; say what became of it.

    :func:`refuse_unknown` has seen the names. Where nobody knows what they mean nothing is
    posted, and the checks say why all the same.
    """
    if not names:
        return []
    if isinstance(found, ConfigError):
        return [say("page_unposted", channels=words.some(list(names), 5))]
    page = message(checks, world.now)
    parameters = app.secret_store(found, world.secrets)
    became = []
    for channel in found.channels:
        if channel.name in names:
            where = Subject("channel", channel.name)
            try:
                app.send(channel, page, parameters, world.remaining)
            except (DeliveryError, ParameterError) as error:
                became.append(say("not_posted", where, why=error.what, hint=error.hint))
            except OptionError as error:
                became.append(say("channel_unusable", where, why=error, hint="mend its options"))
            else:
                became.append(say("posted", where))
    return became


class _Examination:
    """The questions of one examination; what concerns one subject is asked in a row."""

    def __init__(self, settings: Settings, world: World) -> None:
        self._settings = settings
        self._world = world
        self._clockwork = Clockwork(world.remaining, world.limit)
        self._runs: Runs | SourceError | None = None
        self._aws: Aws | SourceError
        self._parameters = app.secret_store(settings, world.secrets)
        try:
            self._aws = Aws(settings.region, [each.region for each in settings.instances])
            if any(references(channel.options) for channel in settings.channels):
                self._parameters = self._aws.secret_store(world.secrets)
        except SourceError as error:
            self._aws = error

    def bot(self) -> list[Check]:
        """Ask about the bot itself."""
        aws, settings, world = self._aws, self._settings, self._world
        if isinstance(aws, SourceError):
            nothing = BotAnswers(
                world.name,
                "",
                aws,
                aws if settings.health.metrics else None,
                aws if settings.health.alarms else None,
                parameters_asked=settings.health.parameters,
                deployed=world.deployed,
                live=aws if world.deployed else None,
                in_lambda=bool(world.function),
            )
            return judge.bot_checks(nothing, world.now)
        ask, names = self._clockwork.ask, [channel.name for channel in settings.channels]
        if settings.health.metrics:
            function = world.deployed.function if world.deployed else ""
            self._runs = ask(partial(aws.runs, names, world.now, function))
        prefix = world.function.removesuffix(SIBLING) if SIBLING in world.function else ""
        identity = ask(aws.identity)
        if isinstance(identity, SourceError):
            identity = blamed(identity, aws.region)
        answers = BotAnswers(
            world.name,
            aws.region,
            identity,
            self._runs,
            ask(partial(aws.alarms, prefix)) if settings.health.alarms else None,
            parameters_asked=settings.health.parameters,
            deployed=world.deployed,
            live=ask(partial(aws.live, world.deployed.function)) if world.deployed else None,
            in_lambda=bool(world.function),
        )
        return judge.bot_checks(answers, world.now)

    def instance(self, instance: Instance) -> list[Check]:
        """Ask all about an instance: what is asked depends on what was said before."""
        aws = self._aws
        if isinstance(aws, SourceError):
            answers = InstanceAnswers(instance, "", aws)
        else:
            answers = self._logs(instance, aws)
            if self._settings.health.parameters:
                answers = self._behind_the_logs(answers, aws)
        return judge.instance_checks(answers, self._world.now)

    def channel(self, channel: Channel) -> list[Check]:
        """Ask all about a channel."""
        found = self._clockwork.ask(lambda: _channel_checks(channel, self._parameters))
        if isinstance(found, SourceError):
            where = Subject("channel", channel.name)
            return [Check("authentication", "unknown", found.why, found.hint, where)]
        return found

    def last_digests(self) -> list[Check]:
        """Say what became of each channel's last digest, as far as that was asked."""
        runs = self._runs
        if runs is None:
            return []
        return [
            judge.digest_check(channel, runs, self._world.now)
            for channel in self._settings.channels
        ]

    def _logs(self, instance: Instance, aws: Aws) -> InstanceAnswers:
        place = instance.region, instance.name
        files = self._clockwork.ask(partial(aws.files, *place))
        region = aws.region_of(instance.region)
        if isinstance(files, SourceError):
            files = blamed(files, region)
        answers = InstanceAnswers(instance, region, files)
        newest = None if isinstance(files, SourceError) else judge.worth_reading(files)
        if newest is None:
            return answers
        prefix = instance.log_line_prefix or self._settings.log_line_prefix
        tail = self._clockwork.ask(partial(aws.tail, instance, *newest, prefix))
        return replace(answers, tail=tail)

    def _behind_the_logs(self, answers: InstanceAnswers, aws: Aws) -> InstanceAnswers:
        ask = self._clockwork.ask
        place = answers.instance.region, answers.instance.name
        if isinstance(answers.files, NoInstance):
            return replace(answers, neighbours=ask(partial(aws.neighbours, *place)))
        database = ask(partial(aws.database, *place))
        answers = replace(answers, database=database)
        if isinstance(database, SourceError) or not database.group:
            return answers
        return replace(answers, parameters=ask(partial(aws.parameters, *place, database.group)))


def _channel_checks(channel: Channel, parameters: Parameters) -> list[Check]:
    where = Subject("channel", channel.name)
    try:
        options = parameters.open(channel.options)
        notifier = notifiers.create(channel.kind, **options)
    except ParameterError as error:
        return [say("channel_unusable", where, why=error.what, hint=error.hint)]
    except OptionError as error:
        hint = f"mend channels.{channel.name} in the settings"
        return [say("channel_unusable", where, why=error, hint=hint)]
    checks = [say("secrets_read", where, how=_how(channel.options))]
    if not isinstance(notifier, Inquirable):
        silent = say("channel_tells_nothing", where, kind=channel.kind, channel=channel.name)
        return [*checks, silent]
    return checks + [
        Check(found.question, found.state, found.seen, found.hint, where)
        for found in notifier.inquire()
    ]


def _how(options: Mapping[str, object]) -> str:
    """Say where a channel's secrets came from, never what they are."""
    named = references(options)  # type: ignore[arg-type]  # a channel's options are Options
    if named:
        return f"read from SSM: {', '.join(named)}"
    has_secret = any(isinstance(option, Secret) for option in options.values())
    return "from the environment" if has_secret else "none are needed"
