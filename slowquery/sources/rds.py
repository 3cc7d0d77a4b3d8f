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

from slowquery.model import Piece, Window
from slowquery.sources.ahead import read_ahead
from slowquery.sources.instance import InstanceLogs
from slowquery.sources.listing import MARGIN, LogFile
from slowquery.sources.refusal import InstanceUnavailable, Passing, SourceError, refusal

MYSQL_LOGS: Final = "slowquery/"
"""What the names of MySQL's and MariaDB's slow logs hold, and those of no other log."""

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


def connect(region: str | None) -> RdsClient:
    """Return a client of RDS that survives what stands in a log.

    Raises :class:`SourceError` where no client can be made. Calls wait by themselves while
    the service is busy or throttles.
    """
    # At DEBUG botocore's parsers log each response as it came: raw SQL.
    logging.getLogger("botocore.parsers").setLevel(logging.INFO)
    # Adaptive: waits as the service asks, and slows the calls down before it has to.
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
        connect_timeout=10,
        read_timeout=60,
    )
    try:
        client: Any = boto3.Session(region_name=region).client("rds", config=config)
    except BotoCoreError as error:
        why = f"AWS's client cannot be made ({type(error).__name__})"
        hint = "set region in the settings, or AWS_REGION; look at AWS_PROFILE"
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

    def pieces(self, instance: str, window: Window) -> Iterator[Piece]:
        """Yield the pieces of every file that can hold events of ``window``, oldest first.

        The next ones are downloaded while those before are read. Raises
        :class:`SourceError` if the files cannot be listed, or none of them read; what fails
        later is a loss.
        """
        logs = InstanceLogs(
            lambda since: self._files(instance, since),
            lambda name, marker, lines: self._portion(instance, name, marker, lines),
            self._remaining,
            self._pause,
        )
        return read_ahead(logs.pieces(window.start), self._remaining, logs.outstanding)

    def _files(self, instance: str, since: int) -> list[LogFile]:
        """List the slow logs that were written since then, but for a margin."""
        found: dict[str, LogFile] = {}
        more: dict[str, str] = {}
        for _ in range(PAGES):
            page = self._ask(
                self._client.describe_db_log_files,
                DBInstanceIdentifier=instance,
                FilenameContains=MYSQL_LOGS,
                FileLastWritten=max(0, since - MARGIN) // 1000,
                **more,
            )
            for entry in page.get("DescribeDBLogFiles", ()):
                name = entry["LogFileName"]
                written, size = entry.get("LastWritten", 0), entry.get("Size", 0)
                found[name] = LogFile(name, written * 1000, size)
            marker = page.get("Marker")
            if not marker or more == {"Marker": marker}:
                break
            more = {"Marker": marker}
        return list(found.values())

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
    except (ResponseParserError, KeyError):  # KeyError: XML, but of something else
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
