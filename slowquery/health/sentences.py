"""Every sentence that the health check says of its own, in one table.

A sentence is told by what it means. ``seen`` and ``hint`` hold fields in braces; what fills
them is a name, a count or a span of time, never a statement. ``section`` is the heading of
``docs/troubleshooting.md`` under which the sentence stands; what is well needs none.
Candidates are listed in the order of likelihood.

What AWS and channels refuse has words of its own: ``slowquery.sources.refusal`` and the
notifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from slowquery import words
from slowquery.health.check import BOT, Check, Status, Subject


class Sentence(NamedTuple):
    """What one check says in one case."""

    check: str
    status: Status
    seen: str
    hint: str = ""
    section: str = ""


_DENIED: Final = "Access denied"
_NO_INSTANCE: Final = "No such instance"
_NO_LOGS: Final = "No slow-query logs"
_NOTHING: Final = "Nothing is ever slow"
_POSTGRESQL: Final = "PostgreSQL"
_SILENT: Final = "It posts nothing"
_STOPPED: Final = "Stopped"
_CLOCKS: Final = "Clocks"
_SLOW: Final = "It reads too much"
_UNKNOWN: Final = "Unknown"

_DAILY: Final = "log_rotation_age=60 and a log_filename with the hour, for PostgreSQL"
_MYSQL: Final = (
    "likeliest first: slow_query_log=0, nothing is logged; log_output=TABLE, RDS for MySQL's "
    "default, set it to FILE; the instance is new and has not been slow yet"
)

_WAIT: Final = (
    "start it, or wait: it shows no logs meanwhile, and slowquery run --since reads them later"
)

SENTENCES: Final[Mapping[str, Sentence]] = {
    # The bot itself.
    "settings_usable": Sentence("settings", "ok", "{file}: {instances}, {channels}"),
    "settings_unusable": Sentence("settings", "fail", "{problem}", "{hint}", "Settings"),
    "instances_found": Sentence("instances", "ok", "found {names}"),
    "known": Sentence("identity", "ok", "{arn}, in {region}"),
    "version": Sentence("version", "ok", "{name}"),
    "version_live": Sentence("version", "ok", "live is version {live} of {function}"),
    "version_not_live": Sentence(
        "version",
        "warn",
        "live is version {live} of {function}, and version {newest} was deployed",
        "likeliest first: the deployment is not over yet; it was stopped or rolled back, see "
        "CodeDeploy",
        _SILENT,
    ),
    "version_unknown": Sentence(
        "version",
        "unknown",
        "{name}; which version of the digest is live is not known",
        "SLOWQUERY_NEW_VERSION in the function's environment names it: deploy again",
        _UNKNOWN,
    ),
    "clock_right": Sentence("clock", "ok", "agrees with AWS's to the minute"),
    "clock_wrong": Sentence(
        "clock",
        "warn",
        "this machine's clock is {span} {direction} AWS's",
        "set it by NTP; AWS refuses what is signed more than five minutes off",
        _CLOCKS,
    ),
    "clock_unknown": Sentence(
        "clock", "unknown", "AWS did not say what time it is", "see the identity", _UNKNOWN
    ),
    "parameters_not_asked": Sentence(
        "parameters",
        "unknown",
        "not looked at: settings do not ask for it",
        "health: {{parameters: true}} in the settings, and deploy again",
        _UNKNOWN,
    ),
    "run_finished": Sentence("last run", "ok", "finished {ago} ago{whose}"),
    "no_run_lately": Sentence(
        "last run",
        "fail",
        "no run has finished since {ago} ago",
        "likeliest first: the schedule is disabled or gone; the function times out or fails "
        "before its end, see its log; its role may not write its log",
        _SILENT,
    ),
    "no_run": Sentence(
        "last run",
        "warn",
        "no run has finished in the last two weeks",
        "likeliest first: it is not deployed, or was just now; it runs in another region; the "
        "schedule is disabled",
        _SILENT,
    ),
    "runs_not_asked": Sentence(
        "last run",
        "unknown",
        "not looked at: settings do not ask for it",
        "health: {{metrics: true}} in the settings, and deploy again",
        _UNKNOWN,
    ),
    "alarms_off": Sentence("alarms", "ok", "none of ours is on"),
    "alarms_on": Sentence(
        "alarms",
        "warn",
        "on: {alarms}",
        "look at the alarm in CloudWatch, then at the function's log of that time",
        _SILENT,
    ),
    "alarms_not_asked": Sentence(
        "alarms",
        "unknown",
        "not looked at: settings do not ask for it",
        "health: {{alarms: true}} in the settings, and deploy again",
        _UNKNOWN,
    ),
    # An instance.
    "reachable": Sentence("reachable", "ok", "in {region}, {files}"),
    "is_cluster": Sentence(
        "reachable",
        "fail",
        "{instance} is a cluster and no instance",
        "list its instances in the settings: {members}",
        _NO_INSTANCE,
    ),
    "no_instance_near": Sentence(
        "reachable",
        "fail",
        "{region} has no instance and no cluster {instance}",
        "likeliest first: it is {near}; it is in another region, set instances[].region",
        _NO_INSTANCE,
    ),
    "no_instance_here": Sentence(
        "reachable",
        "fail",
        "{region} has no instance and no cluster {instance}",
        "likeliest first: it is in another region, set instances[].region; it was deleted or "
        "renamed",
        _NO_INSTANCE,
    ),
    "not_available": Sentence(
        "reachable",
        "warn",
        "the instance is {state}",
        _WAIT,
        _STOPPED,
    ),
    "required_not_available": Sentence(
        "reachable",
        "fail",
        "the instance is {state}, and settings say required",
        _WAIT,
        _STOPPED,
    ),
    "logs_there": Sentence("log files", "ok", "{files}, {size}"),
    "no_mysql_logs": Sentence(
        "log files", "fail", "there are no slow-query logs", _MYSQL, _NO_LOGS
    ),
    "no_logs_cause_known": Sentence(
        "log files",
        "fail",
        "there are no slow-query logs",
        "see what the parameters say, below",
        _NO_LOGS,
    ),
    "no_logs_parameters_well": Sentence(
        "log files",
        "fail",
        "there are no slow-query logs, though the parameters ask for one",
        "likeliest first: nothing was slow yet; reboot, if the parameter group is new to the "
        "instance; the storage is full, and RDS deleted them",
        _NO_LOGS,
    ),
    "fresh": Sentence("fresh", "ok", "written {ago} ago"),
    "stale": Sentence(
        "fresh",
        "warn",
        "the newest log file was written {ago} ago",
        "likeliest first: slow_query_log or log_output was changed; long_query_time is too "
        "high; nobody uses the database",
        _NOTHING,
    ),
    "engine_read": Sentence("engine", "ok", "{engine}"),
    "engine_not_read": Sentence(
        "engine",
        "fail",
        "its log files are those of {engine}, which is not read",
        "leave the instance out; MySQL, MariaDB, Aurora MySQL and PostgreSQL have slow-query logs",
        "Another engine",
    ),
    "engine_unsure": Sentence(
        "engine",
        "unknown",
        "its log files are those of MySQL, MariaDB or Oracle: each of them writes an audit log",
        "set instances[].engine to mysql if it is MySQL or MariaDB; leave the instance out if it "
        "is Oracle",
        "Another engine",
    ),
    "engine_differs": Sentence(
        "engine",
        "fail",
        "settings say {told}, and its log files are those of {engine}",
        "mend instances[].engine, or leave it out: it is seen from the log",
        "Another engine",
    ),
    "not_reached": Sentence("", "unknown", "not looked at", "see the first check", _UNKNOWN),
    "no_file": Sentence(
        "",
        "unknown",
        "there is no file to tell it from",
        "see the log files",
        _UNKNOWN,
    ),
    "no_slow_log_known": Sentence(
        "log files",
        "unknown",
        "it is not known which of the files they are",
        "see the engine",
        _UNKNOWN,
    ),
    "events_read": Sentence("events", "ok", "{events} in the last {size} of {file}{from_}"),
    "banner_only": Sentence(
        "events",
        "warn",
        "the log files hold the server's banner and no event",
        "likeliest first: log_output=TABLE, set it to FILE; slow_query_log=0; long_query_time "
        "is too high: its default is 10 seconds; nothing was slow",
        _NOTHING,
    ),
    "empty_logs": Sentence(
        "events",
        "warn",
        "the log files are empty",
        "likeliest first: log_min_duration_statement=-1, its default, set it to 1000 "
        "(milliseconds); the instance is new and has not been slow yet",
        _POSTGRESQL,
    ),
    "banner_only_cause_known": Sentence(
        "events",
        "warn",
        "the log files hold the server's banner and no event",
        "see what the parameters say, below",
        _NOTHING,
    ),
    "no_event": Sentence(
        "events",
        "warn",
        "there is no event in the last {size} of {file}",
        "likeliest first: nothing was slow; one statement is longer than what was looked at; "
        "long_query_time is too high",
        _NOTHING,
    ),
    "no_slow_log": Sentence(
        "events",
        "fail",
        "the last {size} of {file} are no slow-query log",
        "likeliest first: the wrong engine in the settings; a statement is longer than what "
        "was looked at; report it with the engine and its version",
        "Another engine",
    ),
    "no_prefix": Sentence(
        "events",
        "fail",
        "no line in the last {size} of {file} begins as a PostgreSQL log does",
        "set log_line_prefix in the settings to what SHOW log_line_prefix says; report it if "
        "they are the same",
        _POSTGRESQL,
    ),
    "no_durations": Sentence(
        "events",
        "warn",
        "the last {size} of {file} hold no duration of a statement",
        "likeliest first: log_min_duration_statement=-1, its default, set it to 1000 "
        "(milliseconds); nothing was slow",
        _POSTGRESQL,
    ),
    "text_apart": Sentence(
        "events",
        "warn",
        "{durations} in the last {size} of {file} stand without their statement: statement "
        "text not logged",
        "likeliest first: log_statement=all logs the text on a line of its own, set it to "
        "ddl or none; log_duration=on, set it to off",
        _POSTGRESQL,
    ),
    "short_files": Sentence("file length", "ok", "a file holds {span} or less"),
    "one_file": Sentence("file length", "ok", "there is one file, of {size}"),
    "long_files": Sentence(
        "file length",
        "warn",
        "a file holds about {span} and {size}: an hourly run reads it {times} times",
        f"rotate every hour: {_DAILY}; by itself for MySQL",
        _SLOW,
    ),
    "events_in_time": Sentence("event clock", "ok", "no event is later than its file"),
    "events_ahead": Sentence(
        "event clock",
        "warn",
        "the newest event is {span} later than its file was written",
        "likeliest first: the server's time zone is not UTC, set time_zone or log_timezone; "
        "a session sets its own timestamp",
        _CLOCKS,
    ),
    "no_event_time": Sentence(
        "event clock",
        "unknown",
        "no event that has a time",
        "see the checks above",
        _UNKNOWN,
    ),
    "parameters_well": Sentence("parameters", "ok", "{values} ({group})"),
    "slow_query_log_off": Sentence(
        "parameters",
        "fail",
        "slow_query_log=0 in {group}: nothing is logged",
        "set slow_query_log=1; it needs no reboot",
        _NO_LOGS,
    ),
    "log_output_table": Sentence(
        "parameters",
        "fail",
        "log_output={value} in {group}: the log is no file",
        "set log_output=FILE; it needs no reboot",
        _NO_LOGS,
    ),
    "log_output_not_set": Sentence(
        "parameters",
        "unknown",
        "log_output is not set in {group}: the log may be no file",
        "set log_output=FILE; RDS for MySQL's default is TABLE; it needs no reboot",
        _UNKNOWN,
    ),
    "long_query_time_high": Sentence(
        "parameters",
        "warn",
        "long_query_time={value} in {group}: what is faster is not logged",
        "set long_query_time=1, and lower it step by step",
        _NOTHING,
    ),
    "durations_off": Sentence(
        "parameters",
        "fail",
        "log_min_duration_statement=-1 in {group}: no slow statement is logged",
        "set log_min_duration_statement=1000 (milliseconds); it needs no reboot",
        _POSTGRESQL,
    ),
    "durations_high": Sentence(
        "parameters",
        "warn",
        "log_min_duration_statement={value} in {group}: what is faster is not logged",
        "set log_min_duration_statement=1000 (milliseconds), and lower it step by step",
        _POSTGRESQL,
    ),
    "statements_all": Sentence(
        "parameters",
        "warn",
        "log_statement=all in {group}: texts are logged apart from their durations",
        "set log_statement=ddl or none; log_min_duration_statement logs the text of what is slow",
        _POSTGRESQL,
    ),
    "pending_reboot": Sentence(
        "parameters",
        "warn",
        "{group} waits for a reboot to be applied",
        "reboot the instance; until then it logs as before",
        _NO_LOGS,
    ),
    "cluster_decides": Sentence(
        "parameters",
        "unknown",
        "{group} does not set slow_query_log; the cluster's parameter group may",
        "look at the parameter group of the cluster: slow_query_log=1, log_output=FILE",
        _UNKNOWN,
    ),
    "cluster_decides_durations": Sentence(
        "parameters",
        "unknown",
        "{group} does not set log_min_duration_statement; the cluster's parameter group may",
        "look at the parameter group of the cluster: log_min_duration_statement=1000 "
        "(milliseconds)",
        _UNKNOWN,
    ),
    "no_parameters_known": Sentence(
        "parameters",
        "unknown",
        "nothing is known of what decides about {engine}'s log",
        "see the engine, above",
        _UNKNOWN,
    ),
    # A channel.
    "secrets_read": Sentence("secrets", "ok", "{how}"),
    "channel_unusable": Sentence("secrets", "fail", "{why}", "{hint}", "Settings"),
    "channel_tells_nothing": Sentence(
        "may write",
        "unknown",
        "a {kind} channel tells nothing before something is posted to it",
        "slowquery health --channel {channel} posts this page to it",
        _UNKNOWN,
    ),
    "digest_arrived": Sentence("last digest", "ok", "arrived {ago} ago"),
    "digest_lost": Sentence(
        "last digest",
        "fail",
        "the last digest, {ago} ago, did not arrive",
        "see the checks above; the function's log of that time says why",
        _SILENT,
    ),
    "no_digest": Sentence(
        "last digest",
        "unknown",
        "no digest was posted in the last two weeks",
        "an hour without slow queries posts nothing unless settings say quiet: false",
        _SILENT,
    ),
    "posted": Sentence("this page", "ok", "posted"),
    "page_unposted": Sentence(
        "this page",
        "fail",
        "not posted to {channels}: the settings cannot be read",
        "mend the settings, see above",
        _SILENT,
    ),
    "not_posted": Sentence("this page", "fail", "{why}", "{hint}", _SILENT),
}


def say(meaning: str, where: Subject = BOT, *, check: str = "", **fields: object) -> Check:
    """Return the check that says this of ``where``; foreign text is made harmless.

    ``check`` names the check where several say the same.
    """
    sentence = SENTENCES[meaning]
    shown = {name: words.one_line(str(value)) for name, value in fields.items()}
    return Check(
        check or sentence.check,
        sentence.status,
        sentence.seen.format(**shown),
        sentence.hint.format(**shown),
        where,
    )
