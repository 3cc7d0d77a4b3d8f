"""The questions to AWS: a call or a few each, and the answer as a value.

Each raises :class:`SourceError` and nothing else. Beyond the rights to read logs,
``RIGHTS`` are needed for what settings opt in to; ``sts:GetCallerIdentity`` needs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from slowquery.health.answers import Database, Durations, Identity, Neighbours, Runs, Tail
from slowquery.line import digest_of
from slowquery.metrics import CHANNEL, FUNCTION, NAMESPACE
from slowquery.model import SECOND, Engine, Portion
from slowquery.parameters import Parameters
from slowquery.settings import Instance, Secret, Settings
from slowquery.sources import rds
from slowquery.sources.listing import LogFile, in_order
from slowquery.sources.refusal import DENIED, Denied, Nobody, Passing, SourceError, refusal
from slowquery.window import to_datetime, to_micros

Answer: TypeAlias = Mapping[str, Any]

RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "parameters": ("rds:DescribeDBInstances", "rds:DescribeDBParameters"),
    "metrics": ("cloudwatch:GetMetricData",),
    "alarms": ("cloudwatch:DescribeAlarms",),
}
"""What each setting of ``health`` needs: the first pair on ``db:*`` and ``pg:*`` of the
region, the others, which no resource can be named for or which name none, on ``*``."""

ALIAS: Final = "live"
"""The alias of the digest's function that the schedule calls; the template makes it."""

ATTEMPTS: Final = 2
SECONDS: Final = 4
"""Without a byte of an answer: a call that needs longer is no healthy one."""

PAGES: Final = 20
LINES: Final = 500
"""The last lines of a file: enough for some events, little to download."""

WATCHED: Final = (
    *("slow_query_log", "log_output", "long_query_time"),
    *("log_min_duration_statement", "log_statement", "log_duration"),
)
"""The parameters that decide whether there is anything to read."""

FORTNIGHT: Final = 14 * 24 * 3600 * SECOND
_PERIOD: Final = 300
"""Seconds of a datapoint of CloudWatch's that is older than 15 days; younger ones do, too."""

_VALUE = re.compile(r"[\w.,+-]{0,40}", re.ASCII)
_DURATION = re.compile(
    rb"\bduration: \d+(?:\.\d+)? ms(  (?:(?:fastpath )?(?:statement|execute|parse|bind)|plan)\b)?"
)
_STATEMENT = re.compile(rb"\b(?:LOG:  |LOG,[^\"\n]{0,40}\"|\"message\":\")(?:\d{5}: )?statement: ")


class Aws:
    """AWS as the bot sees it from its own region, and RDS in the region of each instance.

    Clients are made at once, in one thread. Raises :class:`SourceError` where one cannot be.
    """

    def __init__(self, region: str | None, regions: Sequence[str | None]) -> None:
        self._rds: dict[str | None, Any] = {
            each: rds.connect(each, attempts=ATTEMPTS, seconds=SECONDS) for each in set(regions)
        }
        self._config = config = Config(
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=SECONDS,
            read_timeout=SECONDS,
        )
        try:
            self._session = boto3.Session(region_name=region)
            self._sts = self._session.client("sts", config=config)
            self._cloudwatch = self._session.client("cloudwatch", config=config)
            self._lambda = self._session.client("lambda", config=config)
        except BotoCoreError as error:
            raise SourceError(*_no_client(error)) from None
        self.region = str(self._sts.meta.region_name)

    def region_of(self, region: str | None) -> str:
        """Return the region that is meant, AWS's own where none is named."""
        return str(self._rds[region].meta.region_name)

    def secret_store(self, kept: MutableMapping[str, Secret]) -> Parameters:
        """Return where secrets are; it may be used by several threads."""
        ssm = self._session.client("ssm", config=self._config)
        return Parameters(lambda: ssm, kept)

    def identity(self) -> Identity:
        """Ask who is asking, and what time it is."""
        answer = _asked(self._sts.get_caller_identity, "sts:GetCallerIdentity")
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        return Identity(str(answer["Arn"]), _moment(date))

    def files(self, region: str | None, instance: str) -> tuple[LogFile, ...]:
        """List all log files of an instance, the oldest first."""
        pages = self._pages(
            self._rds[region].describe_db_log_files,
            "rds:DescribeDBLogFiles",
            instance,
            DBInstanceIdentifier=instance,
        )
        return tuple(
            in_order(
                LogFile(
                    str(entry["LogFileName"]),
                    int(entry.get("LastWritten", 0)) * 1000,
                    int(entry.get("Size", 0)),
                )
                for page in pages
                for entry in page.get("DescribeDBLogFiles", ())
            )
        )

    def tail(self, instance: Instance, file: LogFile, engine: Engine, prefix: str | None) -> Tail:
        """Read the last lines of a file, as far as they are in one portion.

        ``prefix`` is PostgreSQL's ``log_line_prefix``, if it is known.
        """
        answer = _asked(
            self._rds[instance.region].download_db_log_file_portion,
            "rds:DownloadDBLogFilePortion",
            instance.name,
            DBInstanceIdentifier=instance.name,
            LogFileName=file.name,
            NumberOfLines=LINES,
        )
        data = str(answer.get("LogFileData") or "").encode()
        return read(file.name, data, engine, prefix)

    def database(self, region: str | None, instance: str) -> Database:
        """Look at an instance itself."""
        answer = _asked(
            self._rds[region].describe_db_instances,
            "rds:DescribeDBInstances",
            instance,
            DBInstanceIdentifier=instance,
        )
        (found,) = answer["DBInstances"]
        groups = found.get("DBParameterGroups") or [{}]
        return Database(
            str(found.get("Engine", "")),
            str(found.get("DBInstanceStatus", "")),
            str(groups[0].get("DBParameterGroupName", "")),
            groups[0].get("ParameterApplyStatus") == "pending-reboot",
        )

    def neighbours(self, region: str | None, name: str) -> Neighbours:
        """Look for a cluster of this name, and for instances that are called nearly so."""
        pages = self._pages(
            self._rds[region].describe_db_instances, "rds:DescribeDBInstances", name
        )
        found = [each for page in pages for each in page.get("DBInstances", ())]
        names = [str(each["DBInstanceIdentifier"]) for each in found]
        members = (
            called
            for called, each in zip(names, found, strict=True)
            if each.get("DBClusterIdentifier") == name
        )
        return Neighbours(tuple(members), tuple(get_close_matches(name, names)))

    def parameters(self, region: str | None, instance: str, group: str) -> dict[str, str]:
        """Return what a parameter group sets, of the parameters that matter here."""
        pages = self._pages(
            self._rds[region].describe_db_parameters,
            "rds:DescribeDBParameters",
            instance,
            DBParameterGroupName=group,
        )
        values = (
            (str(each.get("ParameterName")), str(each.get("ParameterValue", "")))
            for page in pages
            for each in page.get("Parameters", ())
        )
        return {
            name: value
            for name, value in values
            if name in WATCHED and value and _VALUE.fullmatch(value)
        }

    def live(self, function: str) -> str:
        """Return the version of the digest's function that its alias ``live`` points to."""
        answer = _asked(
            self._lambda.get_alias, "lambda:GetAlias", FunctionName=function, Name=ALIAS
        )
        return str(answer["FunctionVersion"])

    def runs(self, channels: Sequence[str], now: int, function: str = "") -> Runs:
        """Ask CloudWatch when a run last finished and what became of the last digests.

        ``function`` is the one whose runs count; without it those of every stage do.
        """
        of = {FUNCTION: function} if function else {}
        queries = [_query("run", "RunDuration", of)]
        queries += [
            _query(f"channel{number}", "DigestsDelivered", {CHANNEL: name})
            for number, name in enumerate(channels)
        ]
        answer = _asked(
            self._cloudwatch.get_metric_data,
            "cloudwatch:GetMetricData",
            MetricDataQueries=queries,
            StartTime=to_datetime(now - FORTNIGHT),
            EndTime=to_datetime(now + _PERIOD * SECOND),
            ScanBy="TimestampDescending",
        )
        newest = {
            result["Id"]: (to_micros(result["Timestamps"][0]), float(result["Values"][0]))
            for result in answer["MetricDataResults"]
            if result["Timestamps"]
        }
        delivered = {
            name: (newest[key][0], newest[key][1] > 0)
            for number, name in enumerate(channels)
            if (key := f"channel{number}") in newest
        }
        return Runs(newest["run"][0] if "run" in newest else None, delivered)

    def alarms(self, prefix: str) -> tuple[str, ...]:
        """Return the alarms that are on: those over our metrics, and those named like us."""
        pages = self._pages(
            self._cloudwatch.describe_alarms,
            "cloudwatch:DescribeAlarms",
            key="NextToken",
            StateValue="ALARM",
        )
        return tuple(
            str(alarm["AlarmName"])
            for page in pages
            for alarm in page.get("MetricAlarms", ())
            if alarm.get("Namespace") == NAMESPACE
            or (prefix and str(alarm["AlarmName"]).startswith(prefix))
        )

    def _pages(
        self,
        call: Callable[..., Answer],
        action: str,
        instance: str = "",
        *,
        key: str = "Marker",
        **asked: object,
    ) -> Iterator[Answer]:
        more: dict[str, str] = {}
        for _ in range(PAGES):
            page = _asked(call, action, instance, **asked, **more)
            yield page
            if not page.get(key) or more == {key: page[key]}:
                return
            more = {key: page[key]}


def read(file: str, data: bytes, engine: Engine, prefix: str | None = None) -> Tail:
    """Return what the reader makes of a piece of a log; ``prefix`` is PostgreSQL's, if known."""
    durations = None
    if engine == "postgresql":
        found = [match[1] is not None for match in _DURATION.finditer(data)]
        texts = len(_STATEMENT.findall(data))
        durations = Durations(found.count(True), found.count(False), texts)
    digest = digest_of(
        [Portion(file, data)],
        Settings(instances=(), top=0),
        engine=engine,
        window=None,
        instance=None,
        log_line_prefix=prefix,
    )
    return Tail(file, len(data), digest, durations)


def _query(called: str, metric: str, dimensions: Mapping[str, str]) -> Answer:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    of = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": named}
    return {"Id": called, "MetricStat": {"Metric": of, "Period": _PERIOD, "Stat": "Maximum"}}


def _moment(date: str) -> int | None:
    """Return the time of an HTTP header (RFC 9110, 5.6.7)."""
    try:
        return to_micros(parsedate_to_datetime(date).astimezone(UTC))
    except ValueError:
        return None


def _asked(call: Callable[..., Answer], action: str, instance: str = "", **asked: object) -> Answer:
    """Return the answer to a call; raise an error of ours, which quotes nothing of it."""
    try:
        return call(**asked)
    except ClientError as error:
        told = error.response.get("Error", {})
        code, message = str(told.get("Code", "")), str(told.get("Message", ""))
        raise _refused(code, message, action, instance) from None
    except NoCredentialsError:
        why = "there are no AWS credentials"
        raise Nobody(why, "aws sso login, or AWS_PROFILE=…") from None
    except (BotoCoreError, ResponseParserError) as error:
        service = _service(action)
        why = f"no answer from {service} ({type(error).__name__})"
        raise Passing(why, "ask again; look at region and network") from None


def _refused(code: str, message: str, action: str, instance: str) -> SourceError:
    error = refusal(code, message, action=action, instance=instance)
    if instance or isinstance(error, Nobody):
        return error
    if code in DENIED:
        hint = f"allow {action}; see docs/troubleshooting.md#access-denied"
        return Denied(f"access denied for {action}", hint)
    why = f"{_service(action)} refused the call"
    return Passing(why, "ask again; look at the AWS Health Dashboard")


def _service(action: str) -> str:
    service = action.partition(":")[0]
    return {"cloudwatch": "CloudWatch", "lambda": "Lambda"}.get(service, service.upper())


def _no_client(error: Exception) -> tuple[str, str]:
    why = f"AWS's client cannot be made ({type(error).__name__})"
    return why, "set region in the settings, or AWS_DEFAULT_REGION; look at AWS_PROFILE"
