"""The logs of an RDS instance, by ``DescribeDBLogFiles`` and ``DownloadDBLogFilePortion``.

Both calls need the rights of their names on the instance and nothing else. A file is read
from marker ``"0"`` to its end; botocore's paginator is not used, because it trusts
``AdditionalDataPending``, which goes false early, and gives up on a repeated marker.

What was learnt of the service, from AWS's documentation and from those who were burnt by
it, stands beside the line that deals with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from slowquery.model import SECOND, Loss, Piece, Portion, Window
from slowquery.sources.refusal import InstanceUnavailable, SourceError

LINES: Final = 10_000
"""Lines of a portion: the most that the service gives (API reference,
DownloadDBLogFilePortion)."""

MARGIN: Final = 900 * SECOND
"""Files that were last written so long before the window are looked at too:
``LastWritten`` is a hint (seen on closed files)."""

CALLS: Final = 10_000
"""Calls for one file, at most. A file of 5 GB takes about 5,000."""

MYSQL_LOGS: Final = "slowquery/"
"""What the names of MySQL's and MariaDB's slow logs hold, and those of no other log."""

TRUNCATED: Final = "[Your log message was truncated]"
"""What the service writes where it leaves out the rest of a line; it is not repeated in
the next portion."""

ATTEMPTS: Final = 8
"""Times that a call is tried in all, with botocore's adaptive waiting between."""

_OFFSET = re.compile(r"\d+:(\d+)")
_UNREADABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"  # XML 1.0, 2.2: what is no character
    "|&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]));"
)
_DENIED = re.compile(r"perform: (?P<action>[\w:]+)(?: on resource: (?P<arn>arn:[\w:/.*-]+))?")


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
    """
    text = response_dict["body"].decode(errors="replace")
    response_dict["body"] = _UNREADABLE.sub("?", text).encode()


@dataclass(frozen=True, slots=True)
class _LogFile:
    """A file as the list shows it: microseconds since the epoch, bytes."""

    name: str
    last_written: int
    size: int


class RdsSource:
    """Reads the slow logs of instances, as long as ``remaining()`` seconds are left."""

    def __init__(self, client: RdsClient, remaining: Callable[[], float]) -> None:
        self._client = client
        self._remaining = remaining

    def pieces(self, instance: str, window: Window) -> Iterator[Piece]:
        """Yield the pieces of every file that can hold events of ``window``, oldest first.

        Raises :class:`SourceError` if the files cannot be listed, or none of them read;
        what fails later is a loss.
        """
        since = (window.start - MARGIN) // 1000
        files = self._files(instance, since)
        if not files and not self._files(instance, 0):
            why = "there are no slow-query logs"
            hint = (
                "set log_output=FILE and slow_query_log=1 in its parameter group; "
                "RDS for MySQL logs to a table by default"
            )
            raise SourceError(why, hint)
        begun = False
        for file in files:
            try:
                for piece in self._file(instance, file.name):
                    begun = True
                    yield piece
            except SourceError as error:
                if not begun:
                    raise
                yield Loss(file.name, str(error))

    def _files(self, instance: str, since: int) -> list[_LogFile]:
        """List the logs that were written since then, in milliseconds, oldest first."""
        found: dict[str, _LogFile] = {}
        more: dict[str, str] = {}
        while True:
            page = self._ask(
                self._client.describe_db_log_files,
                DBInstanceIdentifier=instance,
                FilenameContains=MYSQL_LOGS,
                FileLastWritten=since,
                **more,
            )
            for entry in page.get("DescribeDBLogFiles", ()):
                name = entry["LogFileName"]
                found[name] = _LogFile(name, entry["LastWritten"] * 1000, entry["Size"])
            marker = page.get("Marker")
            if not marker or more == {"Marker": marker}:
                return sorted(found.values(), key=lambda file: (file.last_written, file.name))
            more = {"Marker": marker}

    def _file(self, instance: str, name: str) -> Iterator[Piece]:
        """Yield the portions of one file, and a loss where the service left something out."""
        marker, lines = "0", LINES
        for _ in range(CALLS):
            if self._remaining() <= 0:
                yield Loss(name, "the time for reading ran out")
                return
            try:
                answer = self._ask(
                    self._client.download_db_log_file_portion,
                    DBInstanceIdentifier=instance,
                    LogFileName=name,
                    Marker=marker,
                    NumberOfLines=lines,
                )
            except _Binary:
                if lines == 1:
                    yield Loss(name, "RDS refuses a line for its binary data, and what follows")
                    return
                lines = max(1, lines // 2)
                continue
            except _Gone:
                yield Loss(name, "the file was rotated away while it was read")
                return
            data = answer.get("LogFileData") or ""
            following = answer.get("Marker") or marker
            if TRUNCATED in data and lines > 1:
                # The rest of a cut line comes in no other portion: a shorter portion may
                # hold the line whole.
                lines = max(1, lines // 2)
                continue
            if data:
                yield Portion(name, data.encode())
            if TRUNCATED in data:
                yield Loss(name, "RDS cut a line that is longer than its limit")
            # The flag alone says nothing: it is false on small files and early on large ones.
            if not data and (following == marker or not answer.get("AdditionalDataPending")):
                return
            marker, lines = following, LINES
        yield Loss(name, f"it did not end within {CALLS:,} calls")

    def _ask(
        self, call: Callable[..., Mapping[str, Any]], **parameters: str | int
    ) -> Mapping[str, Any]:
        """Call RDS; raise what it says as an error of ours, which quotes no log."""
        try:
            return call(**parameters)
        except ClientError as error:
            raise _refusal(error, str(parameters["DBInstanceIdentifier"])) from None
        except ResponseParserError:
            why = "RDS answered with something that is no XML"
            raise SourceError(why, "run it again; report it if it stays") from None
        except NoCredentialsError:
            why = "there are no AWS credentials"
            raise SourceError(why, "aws sso login, or AWS_PROFILE=…") from None
        except BotoCoreError as error:
            why = f"no answer from RDS ({type(error).__name__})"
            raise SourceError(why, "look at region, network and credentials") from None


class _Binary(SourceError):
    """A portion is refused because something in it is no text."""


class _Gone(SourceError):
    """The file is not there any more."""


_NO_INSTANCE: Final = (
    SourceError,
    (
        "there is no such instance in this region",
        "the name of an instance and not of a cluster, and the region in the settings",
    ),
)
_BUSY: Final = (
    SourceError,
    (
        "RDS throttles the calls",
        "run it again, or fewer instances at once",
    ),
)
_NOBODY: Final = (
    SourceError,
    (
        "AWS does not accept the credentials",
        "sign in again, or AWS_PROFILE=…",
    ),
)
_REFUSALS: Final[Mapping[str, tuple[type[SourceError], tuple[str, str]]]] = {
    "DBInstanceNotFound": _NO_INSTANCE,
    "DBInstanceNotFoundFault": _NO_INSTANCE,
    "DBInstanceNotReady": (
        InstanceUnavailable,
        ("the instance is not available", "run it again once it is"),
    ),
    "DBLogFileNotFoundFault": (_Gone, ("the file is not there any more", "run it again")),
    "ExpiredToken": _NOBODY,
    "InvalidClientTokenId": _NOBODY,
    "SignatureDoesNotMatch": _NOBODY,
    "RequestLimitExceeded": _BUSY,
    "Throttling": _BUSY,
}
"""What a code on the wire means to an operator."""


def _refusal(error: ClientError, instance: str) -> SourceError:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    if code == "AccessDenied":
        return _denied(message, f"rds:{error.operation_name}", instance)
    if code == "InvalidParameterValue" and "binary data" in message:
        return _Binary("RDS refuses the file for its binary data", "download it by hand")
    if code in _REFUSALS:
        kind, words = _REFUSALS[code]
        return kind(*words)
    # A code of AWS's is a word; anything else may be a piece of the response.
    named = code if re.fullmatch(r"[A-Za-z.]{1,60}", code) else "an unknown error"
    return SourceError(f"RDS refused the call ({named})", "look the code up in the RDS API guide")


def _denied(message: str, action: str, instance: str) -> SourceError:
    """Name what is missing as AWS's message does, which need not name the resource."""
    found = _DENIED.search(message)
    action = found["action"] if found else action
    arn = (found and found["arn"]) or f"the instance {instance}"
    hint = f"allow {action} on it; see docs/troubleshooting.md#access-denied"
    return SourceError(f"access denied for {action} on {arn}", hint)
