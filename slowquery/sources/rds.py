"""The logs of an RDS instance, by ``DescribeDBLogFiles`` and ``DownloadDBLogFilePortion``.

Both calls need the rights of their names on the instance and nothing else. botocore's
paginator is not used, because it trusts ``AdditionalDataPending``, which goes false early,
and gives up on a repeated marker. Nothing that AWS answers is quoted in an error, and
botocore never gets to see what it would quote.

What was learnt of the service, from AWS's documentation and from those who were burnt by
it, stands beside the line that deals with it.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError

from slowquery.model import Engine, Loss, Piece, Window
from slowquery.sources.ahead import read_ahead
from slowquery.sources.instance import NO_LOGS, InstanceLogs
from slowquery.sources.listing import MARGIN, LogFile, in_one_format
from slowquery.sources.refusal import InstanceUnavailable, Passing, SourceError, refusal

LOGS: Final[Mapping[Engine, str]] = {
    "mysql": "slowquery/",
    "postgresql": "error/postgresql.log",
}
"""What the names of the logs to read hold, and those of no other log."""

NO_POSTGRESQL_LOGS: Final = (
    "there are no PostgreSQL logs",
    "look at the engine in the settings: RDS for PostgreSQL logs to files by itself",
)

ATTEMPTS: Final = 8
"""Times that a call is tried in all, with botocore's adaptive waiting between."""

TRIES: Final = 6
"""Times that this is done for what botocore does not try again, or not for long."""

READY_TRIES: Final = 3
"""Times that an instance may say that it is not ready: starting takes minutes."""

PAGES: Final = 1_000
"""Pages of a list, at most. Two weeks of hours are four."""

_UNREADABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"  # XML 1.0, 2.2: what is no character
    "|&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
_CONTROL: Final = bytes({*range(0x20)} - {*b"\t\n\r"})
_OTHERS: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"&#")
_DATA: Final = (b"<LogFileData>", b"</LogFileData>")


class RdsClient(Protocol):
    """What is used of boto3's client, whose class is made at run time."""

    def describe_db_log_files(self, **parameters: str | int) -> Mapping[str, Any]:
        """List an instance's log files, a page at a time."""
        ...

    def download_db_log_file_portion(self, **parameters: str | int) -> Mapping[str, Any]:
        """Return some lines of a file and the marker of what follows."""
        ...


def connect(region: str | None, *, attempts: int = ATTEMPTS, seconds: float = 60) -> RdsClient:
    """Return a client of RDS that survives what stands in a log.

    Raises :class:`SourceError` where no client can be made. Calls wait by themselves while
    the service is busy or throttles; ``seconds`` are those without a byte of an answer.
    """
    # At DEBUG botocore's parsers log each response as it came: raw SQL.
    logging.getLogger("botocore.parsers").setLevel(logging.INFO)
    # Adaptive: waits as the service asks, and slows the calls down before it has to.
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts},
        connect_timeout=min(10, seconds),
        read_timeout=seconds,
    )
    try:
        client: Any = boto3.Session(region_name=region).client("rds", config=config)
    except BotoCoreError as error:
        why = f"AWS's client cannot be made ({type(error).__name__})"
        hint = "set region in the settings, or AWS_DEFAULT_REGION; look at AWS_PROFILE"
        raise SourceError(why, hint) from None
    client.meta.events.register("before-parse.rds.DownloadDBLogFilePortion", _make_readable)
    found: RdsClient = client
    return found


def _make_readable(response_dict: dict[str, Any], **_: object) -> None:
    """Replace what no XML document may hold by ``?``, before botocore's parser sees it.

    The parser would raise an error that quotes the response: raw SQL in the function's log.
    It would turn CR into LF, too, unless it is written as a reference. Raises
    :class:`Passing` for an answer that is not there to its end.
    """
    body = response_dict["body"]
    if response_dict["status_code"] == 200 and not body.rstrip().endswith(b"Response>"):  # noqa: PLR2004 - HTTP's OK
        raise Passing(*_NO_XML)
    if not _is_readable(body):
        body = _UNREADABLE.sub("?", body.decode(errors="replace")).encode()
    if b"\r" in body:
        begin, end = body.find(_DATA[0]), body.rfind(_DATA[1])
        body = body[:begin] + body[begin:end].replace(b"\r", b"&#13;") + body[end:]
    response_dict["body"] = body


def _is_readable(body: bytes) -> bool:
    """Tell quickly whether there is nothing to replace, as there nearly never is."""
    if len(body.translate(None, _CONTROL)) < len(body) or any(one in body for one in _OTHERS):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


class RdsSource:
    """Reads the slow logs of instances, as long as ``remaining()`` seconds are left.

    ``pause`` waits so many seconds before something is tried again.
    """

    def __init__(
        self,
        client: RdsClient,
        remaining: Callable[[], float],
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self._client = client
        self._remaining = remaining
        self._pause = pause or time.sleep

    def pieces(
        self, instance: str, window: Window, engine: Engine | None = None
    ) -> Iterator[Piece]:
        """Yield the pieces of every file that can hold events of ``window``, oldest first.

        Where nobody says the ``engine``, which logs there are does.
        The next ones are downloaded while those before are read. Raises
        :class:`SourceError` if the files cannot be listed, or none of them read; what fails
        later is a loss.
        """
        engines = [*LOGS] if engine is None else [engine]
        unlisted: set[Loss] = set()
        formats: dict[str, int] = {}

        def files(since: int) -> list[LogFile]:
            for one in engines:
                if found := self._files(instance, since, LOGS[one], unlisted):
                    engines[:] = [one]
                    return in_one_format(found, formats)
            return []

        logs = InstanceLogs(
            files,
            lambda name, marker, lines: self._portion(instance, name, marker, lines),
            self._remaining,
            self._pause,
            NO_POSTGRESQL_LOGS if engine == "postgresql" else NO_LOGS,
        )
        pieces = chain(logs.pieces(window.start), unlisted)
        return read_ahead(pieces, self._remaining, lambda: [*logs.outstanding(), *unlisted])

    def _files(self, instance: str, since: int, names: str, unlisted: set[Loss]) -> list[LogFile]:
        """List the logs so named that were written since then, but for a margin.

        A file is not passed over for what the list does not tell of it. Where the list leads
        in a circle, that there may be more files is added to ``unlisted``.
        """
        found: dict[str, LogFile] = {}
        more: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            page = self._ask(
                self._client.describe_db_log_files,
                DBInstanceIdentifier=instance,
                FilenameContains=names,
                FileLastWritten=max(0, since - MARGIN) // 1000,
                **more,
            )
            for entry in page.get("DescribeDBLogFiles") or ():
                name, written = entry.get("LogFileName"), entry.get("LastWritten") or 0
                if name and names in name:
                    when = _micros(written) if written > 0 else since
                    found[name] = LogFile(name, when, entry.get("Size") or 0)
            marker = page.get("Marker")
            if not marker:
                break
            if marker in seen or len(seen) == PAGES - 1:
                unlisted.add(Loss(names, "RDS's list of the files does not end"))
                break
            seen.add(marker)
            more = {"Marker": marker}
        return [*found.values()]

    def _portion(self, instance: str, name: str, marker: str, lines: int) -> Mapping[str, Any]:
        return self._ask(
            self._client.download_db_log_file_portion,
            DBInstanceIdentifier=instance,
            LogFileName=name,
            Marker=marker,
            NumberOfLines=lines,
        )

    def _ask(
        self, call: Callable[..., Mapping[str, Any]], **parameters: str | int
    ) -> Mapping[str, Any]:
        """Call RDS, several times if need be; raises an error of ours, which quotes no log."""
        wait, tries = 0.5, Counter[type[SourceError]]()
        while True:
            try:
                return _asked(call, parameters)
            except Passing as error:
                tries[type(error)] += 1
                is_starting = isinstance(error, InstanceUnavailable)
                most = READY_TRIES if is_starting else TRIES
                if tries[type(error)] >= most or self._remaining() <= wait:
                    raise
                self._pause(wait)
                wait *= 2


def _micros(written: int) -> int:
    """Return microseconds of what is documented as milliseconds, and may be seconds."""
    return written * (1_000 if written >= _MILLISECONDS_FROM else 1_000_000)


_MILLISECONDS_FROM: Final = 100_000_000_000  # 1973, or as seconds the year 5138

_ODD_XML: Final = (LookupError, TypeError, ValueError)
"""What botocore's parser raises at XML in which something is missing, double or no number."""

_NO_XML: Final = (
    "RDS answered with something that is no XML",
    "run it again; report it if it stays",
)


def _asked(
    call: Callable[..., Mapping[str, Any]], parameters: Mapping[str, str | int]
) -> Mapping[str, Any]:
    instance = str(parameters["DBInstanceIdentifier"])
    try:
        return call(**parameters)
    except ClientError as error:
        told = error.response.get("Error", {})
        raise refusal(
            str(told.get("Code", "")),
            str(told.get("Message", "")),
            action=f"rds:{error.operation_name}",
            instance=instance,
        ) from None
    except (ResponseParserError, *_ODD_XML):
        raise Passing(*_NO_XML) from None
    except NoCredentialsError:
        why = "there are no AWS credentials"
        raise SourceError(why, "aws sso login, or AWS_PROFILE=…") from None
    except (HTTPClientError, IncompleteReadError) as error:
        raise Passing(*_no_answer(error)) from None
    except BotoCoreError as error:
        raise SourceError(*_no_answer(error)) from None


def _no_answer(error: Exception) -> tuple[str, str]:
    return f"no answer from RDS ({type(error).__name__})", "look at region, network and credentials"
