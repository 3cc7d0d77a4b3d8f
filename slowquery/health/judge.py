"""What the answers mean: facts in, checks out, nothing else looked at.

Every question has its check in the result, whatever became of the others, so that a metric
of its own can follow each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from slowquery import words
from slowquery.health.answers import (
    BotAnswers,
    Database,
    Identity,
    InstanceAnswers,
    Neighbours,
    Parameters,
    Runs,
    Tail,
)
from slowquery.health.check import BOT, Check, Status, Subject
from slowquery.health.limits import NoAnswer, NotUnderstood
from slowquery.health.sentences import say
from slowquery.model import SECOND, Engine
from slowquery.settings import Channel, ConfigError, Instance, Settings
from slowquery.sources.listing import LogFile
from slowquery.sources.refusal import (
    Denied,
    InstanceUnavailable,
    NoInstance,
    Passing,
    SourceError,
)
from slowquery.window import HOUR

BANNER: Final = 400
"""Bytes of a server's banner, at most: a file that is no longer holds nothing else."""

SKEW: Final = 60 * SECOND
"""A clock that is off by more is worth a word."""

STALE: Final = 26 * HOUR
"""A log that nobody wrote to for so long: longer than any database sleeps at night."""

LATE: Final = 130 * 60 * SECOND
"""A run that did not finish for so long: two were due, and each has ten minutes."""

LONG: Final = 2 * HOUR
"""A file that holds more than this is read more often than it need be."""

LARGE: Final = 5_000_000
"""Bytes of a file that is worth a word when it is read over and over again."""

HIGH: Final = 10.0
"""Seconds from which on ``long_query_time`` hides most of what is slow: MySQL's default."""

_SLOW_LOG: Final[Mapping[str, Engine]] = {
    "slowquery/": "mysql",
    "error/postgresql": "postgresql",
}
"""How the names of logs begin that are read, and what wrote them."""

_ENGINES: Final[Mapping[str, str]] = {
    "error/mysql": "MySQL",
    "slowquery/": "MySQL",
    "general/": "MySQL",
    "error/postgresql": "PostgreSQL",
    "trace/": "Oracle",
    "listener/": "Oracle",
    "log/ERROR": "SQL Server",
    "log/SQLAGENT": "SQL Server",
    "diag.log": "Db2",
}
"""How the names of an engine's log files begin, the surest first (RDS user guide, "Database
log files")."""

_AUDIT: Final = "audit/"
"""How the names begin of what Oracle writes, and MySQL's and MariaDB's audit plugin as well."""

_NAMES: Final[Mapping[str, str]] = {"mysql": "MySQL or MariaDB", "postgresql": "PostgreSQL"}

ASKED_OF_LOGS: Final = ("engine", "log files", "fresh", "file length", "events", "event clock")
"""The checks that need the list of an instance's files."""

_DAILY = re.compile(r"\.\d{4}-\d\d-\d\d(?:\.csv|\.json)?(?:\.gz)?\Z", re.ASCII)
"""The end of a name that has a day and no hour."""


def settings_checks(found: Settings | ConfigError, file: str) -> list[Check]:
    """Say whether settings can be used, a check for each mistake."""
    if isinstance(found, ConfigError):
        return [
            say(
                "settings_unusable",
                problem=str(problem).partition("\n")[0],
                hint=problem.hint,
            )
            for problem in found.problems
        ]
    instances = words.number_of(len(found.instances), "instance", "instances")
    channels = words.number_of(len(found.channels), "channel", "channels")
    return [say("settings_usable", file=file, instances=instances, channels=channels)]


def found_check(instances: Sequence[Instance] | SourceError) -> Check:
    """Say whether there are instances where settings have them found."""
    if isinstance(instances, SourceError):
        return _error("instances", instances, BOT)
    names = words.some([instance.name for instance in instances], 5)
    return say("instances_found", names=names)


def bot_checks(answers: BotAnswers, now: int) -> list[Check]:
    """Say how the bot itself is, without its settings."""
    return [
        _version(answers),
        *_identity(answers, now),
        _last_run(answers, now),
        _alarms(answers.alarms),
        *([] if answers.parameters_asked else [say("parameters_not_asked")]),
    ]


def _identity(answers: BotAnswers, now: int) -> Iterator[Check]:
    identity = answers.identity
    if not isinstance(identity, Identity):
        yield _error("identity", identity, BOT)
        yield say("clock_unknown")
        return
    yield say("known", arn=identity.arn, region=answers.region)
    if identity.at is None:
        yield say("clock_unknown")
    elif abs(now - identity.at) <= SKEW:
        yield say("clock_right")
    else:
        direction = "ahead of" if now > identity.at else "behind"
        span = _span(abs(now - identity.at))
        yield say("clock_wrong", span=span, direction=direction)


def _version(answers: BotAnswers) -> Check:
    """Say which version the schedule calls; what a terminal runs it knows itself."""
    live, deployed = answers.live, answers.deployed
    if not answers.in_lambda:
        return say("version", name=answers.name)
    if isinstance(live, SourceError):
        return _not_granted("version", live, BOT)
    if live is None or deployed is None:
        return say("version_unknown", name=answers.name)
    meaning = "version_live" if live == deployed.version else "version_not_live"
    return say(meaning, live=live, function=deployed.function, newest=deployed.version)


def _last_run(answers: BotAnswers, now: int) -> Check:
    runs = answers.runs
    if runs is None:
        return say("runs_not_asked")
    if isinstance(runs, SourceError):
        return _not_granted("last run", runs, BOT)
    if runs.finished is None:
        return say("no_run")
    meaning = "no_run_lately" if now - runs.finished > LATE else "run_finished"
    whose = "" if answers.deployed else "; it may be another stage's"
    return say(meaning, ago=_ago(runs.finished, now), whose=whose)


def _alarms(alarms: tuple[str, ...] | SourceError | None) -> Check:
    if alarms is None:
        return say("alarms_not_asked")
    if isinstance(alarms, SourceError):
        return _not_granted("alarms", alarms, BOT)
    if alarms:
        return say("alarms_on", alarms=words.some([words.name(name) for name in alarms], 3))
    return say("alarms_off")


# A channel


def digest_check(channel: Channel, runs: Runs | SourceError, now: int) -> Check:
    """Say what became of the last digest for a channel."""
    where = Subject("channel", channel.name)
    if isinstance(runs, SourceError):
        return _not_granted("last digest", runs, where)
    if channel.name not in runs.delivered:
        return say("no_digest", where)
    at, arrived = runs.delivered[channel.name]
    return say("digest_arrived" if arrived else "digest_lost", where, ago=_ago(at, now))


# An instance


def instance_checks(answers: InstanceAnswers, now: int) -> list[Check]:
    """Say all about an instance."""
    where = Subject("instance", answers.instance.name)
    if isinstance(answers.files, SourceError):
        checks = [_reachable(answers, answers.files, where)]
        checks += [say("not_reached", where, check=name) for name in ASKED_OF_LOGS]
        return [*checks, *_parameters(answers, None, where)]
    listed = words.number_of(len(answers.files), "log file", "log files")
    engine = engine_of(answers.files)
    if engine is None and answers.instance.engine == "mysql" and not _named(answers.files):
        engine = "mysql"  # nothing speaks against it
    slow = slow_logs(answers.files)
    parameters = _parameters(answers, engine, where)
    return [
        say("reachable", where, region=answers.region, files=listed),
        _engine(answers, engine, where),
        *_log_files(slow, engine, parameters, where),
        *_fresh(slow, now, where),
        *_length(slow, where),
        *_events(answers.tail, slow, engine, parameters, where),
        _event_clock(answers.tail, slow, where),
        *parameters,
    ]


def slow_logs(files: Sequence[LogFile]) -> list[LogFile]:
    """Return those of the files that are read, in their order."""
    return [file for file in files if file.name.startswith(tuple(_SLOW_LOG))]


def engine_of(files: Sequence[LogFile]) -> Engine | None:
    """Return what wrote the logs that are read; of a MySQL without a slow log too."""
    for beginning, engine in _SLOW_LOG.items():
        if any(file.name.startswith(beginning) for file in files):
            return engine
    return "mysql" if _named(files) == "MySQL" else None


def worth_reading(files: Sequence[LogFile]) -> tuple[LogFile, Engine] | None:
    """Return the newest log that is more than a banner, and what wrote it, if there is one.

    PostgreSQL writes no banner: of its logs a short one is better than none.
    """
    engine = engine_of(files)
    least = 0 if engine == "postgresql" else BANNER
    slow = slow_logs(files)
    found = [file for file in slow if file.size > BANNER] or [
        file for file in slow if file.size > least
    ]
    return (found[-1], engine) if found and engine else None


def _named(files: Sequence[LogFile]) -> str:
    """Return the name of the engine that its log files show, empty where they do not."""
    return next(
        (
            name
            for beginning, name in _ENGINES.items()
            if any(file.name.startswith(beginning) for file in files)
        ),
        "",
    )


def _reachable(answers: InstanceAnswers, error: SourceError, where: Subject) -> Check:
    name, neighbours = answers.instance.name, answers.neighbours
    if isinstance(error, NoInstance) and isinstance(neighbours, Neighbours):
        if neighbours.members:
            members = words.some(neighbours.members, 5)
            return say("is_cluster", where, instance=name, members=members)
        if neighbours.near:
            near = words.some(neighbours.near, 3).replace(" and ", " or ")
            return say("no_instance_near", where, instance=name, region=answers.region, near=near)
        return say("no_instance_here", where, instance=name, region=answers.region)
    if isinstance(error, InstanceUnavailable):
        known = isinstance(answers.database, Database) and answers.database.state
        state = known or InstanceUnavailable.state
        required = answers.instance.required
        meaning = "required_not_available" if required else "not_available"
        return say(meaning, where, state=words.one_line(state))
    return _error("reachable", error, where)


def _engine(answers: InstanceAnswers, engine: Engine | None, where: Subject) -> Check:
    files = () if isinstance(answers.files, SourceError) else answers.files
    if not files:
        return say("no_file", where, check="engine")
    if engine is None:
        named = _named(files)
        if not named and any(file.name.startswith(_AUDIT) for file in files):
            return say("engine_unsure", where)
        return say("engine_not_read", where, engine=named or "an engine that is not known here")
    told = answers.instance.engine
    if told and told != engine:
        return say("engine_differs", where, told=told, engine=_NAMES[engine])
    return say("engine_read", where, engine=_NAMES[engine])


def _log_files(
    slow: Sequence[LogFile], engine: Engine | None, parameters: Sequence[Check], where: Subject
) -> Iterator[Check]:
    if slow:
        files = words.number_of(len(slow), "slow-query log", "slow-query logs")
        yield say("logs_there", where, files=files, size=words.size(sum(f.size for f in slow)))
    elif engine is None:
        yield say("no_slow_log_known", where)
    else:
        statuses = {check.status for check in parameters}
        if "fail" in statuses:
            yield say("no_logs_cause_known", where)
        elif statuses in ({"ok"}, {"warn"}):
            yield say("no_logs_parameters_well", where)
        else:
            yield say("no_mysql_logs", where)


def _fresh(slow: Sequence[LogFile], now: int, where: Subject) -> Iterator[Check]:
    if not slow:
        yield say("no_file", where, check="fresh")
        return
    newest = max(file.last_written for file in slow)
    yield say("stale" if now - newest > STALE else "fresh", where, ago=_ago(newest, now))


def _length(slow: Sequence[LogFile], where: Subject) -> Iterator[Check]:
    """Say how long a time a file holds: one that holds a day is read every hour."""
    if len(slow) <= 1:
        if slow:
            yield say("one_file", where, size=words.size(slow[0].size))
        else:
            yield say("no_file", where, check="file length")
        return
    times = [file.last_written for file in slow]
    apart = [later - earlier for earlier, later in pairwise(times)]
    span = int(median(apart))
    largest = max(file.size for file in slow)
    if all(_DAILY.search(file.name) for file in slow):
        span = max(span, 24 * HOUR)
    if span > LONG and largest >= LARGE:
        yield say(
            "long_files",
            where,
            span=_span(span),
            size=words.size(largest),
            times=-(-span // HOUR),
        )
    else:
        yield say("short_files", where, span=_span(max(span, HOUR)))


def _events(
    tail: Tail | SourceError | None,
    slow: Sequence[LogFile],
    engine: Engine | None,
    parameters: Sequence[Check],
    where: Subject,
) -> Iterator[Check]:
    """Say whether there are events in the last lines, and if not, which cause is likeliest."""
    if isinstance(tail, SourceError):
        yield _error("events", tail, where)
        return
    if tail is None and not slow:
        yield say("no_file", where, check="events")
    elif tail is None and engine == "postgresql":
        yield say("empty_logs", where)
    elif tail is None or _is_banner(tail):
        is_known = any(check.status in {"fail", "warn"} for check in parameters)
        yield say("banner_only_cause_known" if is_known else "banner_only", where)
    else:
        yield _seen(tail, where)


def _is_banner(tail: Tail) -> bool:
    """Whether nothing but a MySQL server's banner was read."""
    if tail.durations is not None:
        return False
    return not tail.digest.coverage.events and not tail.digest.coverage.bytes_skipped


def _seen(tail: Tail, where: Subject) -> Check:
    told = {"size": words.size(tail.size), "file": words.name(tail.file)}
    durations, coverage = tail.durations, tail.digest.coverage
    if coverage.bytes_read and coverage.bytes_skipped == coverage.bytes_read:
        return say("no_slow_log" if durations is None else "no_prefix", where, **told)
    if durations is not None and not durations.with_text:
        alone = words.number_of(durations.alone, "duration", "durations")
        meaning = "text_apart" if durations.alone else "no_durations"
        return say(meaning, where, **told, durations=alone)
    if coverage.events:
        events = words.number_of(coverage.events, "event", "events")
        least = tail.digest.totals.query_time_min
        logged = "" if least is None else f", from {words.duration(least)} up"
        return say("events_read", where, **told, events=events, from_=logged)
    return say("no_event", where, **told)


def _event_clock(tail: Tail | SourceError | None, slow: Sequence[LogFile], where: Subject) -> Check:
    """Compare the newest event with the file's own time, which is AWS's."""
    if not isinstance(tail, Tail):
        return say("no_event_time", where)
    seen = [query.last_seen for query in tail.digest.queries if query.last_seen is not None]
    written = next((file.last_written for file in slow if file.name == tail.file), None)
    if not seen or written is None:
        return say("no_event_time", where)
    ahead = max(seen) - written
    if ahead > SKEW:
        return say("events_ahead", where, span=_span(ahead))
    return say("events_in_time", where)


# Parameters


def _parameters(answers: InstanceAnswers, engine: Engine | None, where: Subject) -> list[Check]:
    """Say what the parameter group means for the log; nothing where nobody asked."""
    database, values = answers.database, answers.parameters
    if database is None:
        return []
    if isinstance(database, SourceError):
        return [_not_granted("parameters", database, where)]
    if isinstance(values, SourceError):
        return [_not_granted("parameters", values, where)]
    is_aurora = database.engine.startswith("aurora")
    if values is None:
        found = [("no_parameters_known", "")]
    elif "postgres" in database.engine:
        found = _postgresql(values, is_aurora=is_aurora)
    elif database.engine.endswith(("mysql", "mariadb")) or engine == "mysql":
        found = _mysql(values, is_aurora=is_aurora)
    else:
        found = [("no_parameters_known", "")]
    checks = [
        say(meaning, where, group=database.group, value=value, engine=database.engine)
        for meaning, value in found
    ]
    if database.pending:
        checks.append(say("pending_reboot", where, group=database.group))
    if not checks:
        shown = ", ".join(f"{name}={value}" for name, value in (values or {}).items())
        checks.append(
            say("parameters_well", where, values=shown or "the defaults", group=database.group)
        )
    return checks


def _mysql(values: Parameters, *, is_aurora: bool) -> list[tuple[str, str]]:
    """Return what is wrong or not known.

    What a group does not set has MySQL's own default. ``log_output`` has RDS's, and that is
    another for Aurora, whose log is a file.
    """
    found = []
    if is_aurora and "slow_query_log" not in values:
        return [("cluster_decides", "")]
    if values.get("slow_query_log", "0").upper() in {"0", "OFF"}:
        found.append(("slow_query_log_off", ""))
    output = values.get("log_output", "FILE" if is_aurora else "").upper()
    if output and "FILE" not in output.split(","):
        found.append(("log_output_table", output))
    if found:
        return found
    if not output:
        found.append(("log_output_not_set", ""))
    least = values.get("long_query_time", "10")
    if (_number(least) or 0.0) >= HIGH:
        found.append(("long_query_time_high", least))
    return found


def _postgresql(values: Parameters, *, is_aurora: bool) -> list[tuple[str, str]]:
    """Return what is wrong or not known; what a group does not set has PostgreSQL's default."""
    found = []
    least = values.get("log_min_duration_statement", "-1")
    milliseconds = _number(least)
    if is_aurora and "log_min_duration_statement" not in values:
        found.append(("cluster_decides_durations", ""))
    elif milliseconds is not None and milliseconds < 0:
        found.append(("durations_off", least))
    elif milliseconds is not None and milliseconds >= HIGH * 1000:
        found.append(("durations_high", least))
    if values.get("log_statement", "none") == "all":
        found.append(("statements_all", ""))
    return found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# Errors


def _error(name: str, error: SourceError, where: Subject) -> Check:
    """Return what an error means where the bot cannot do without the answer."""
    status: Status = "unknown" if isinstance(error, Passing | NoAnswer | NotUnderstood) else "fail"
    return Check(name, status, error.why, error.hint, where)


def _not_granted(name: str, error: SourceError, where: Subject) -> Check:
    """Return what an error means where the right is one that need not be granted."""
    hint = error.hint
    if isinstance(error, Denied):
        hint += ", or leave it: without it this stays unknown"
    return Check(name, "unknown", error.why, hint, where)


def _ago(then: int, now: int) -> str:
    span = now - then
    return _span(span) if span >= 60 * SECOND else "less than a minute"


def _span(micros: int) -> str:
    """Return ``5 min`` or ``4.2 min``: here a whole number is as exact as another."""
    return words.duration(micros).replace(".0 ", " ")
