"""The log service without a network: what boto3's client does, by plain calls.

For tests that need many answers and not how they travel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError
from botocore.parsers import ResponseParserError

from tests.sandbox.rds_logs import Dropped, FileList, Portion, RdsLogs, Refusal
from tests.sandbox.wire import as_text

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_T = TypeVar("_T", FileList, Portion)


class DirectClient:
    """Answers as a client does that ``slowquery.sources.rds`` connects."""

    def __init__(self, logs: RdsLogs) -> None:
        self._logs = logs

    def describe_db_log_files(self, **parameters: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto3 has it
        page = _answer(
            "DescribeDBLogFiles",
            lambda: self._logs.describe(
                parameters["DBInstanceIdentifier"],
                contains=parameters["FilenameContains"],
                written_since=parameters["FileLastWritten"],
                marker=parameters.get("Marker"),
            ),
        )
        files = [
            {"LogFileName": file.name, "LastWritten": file.last_written, "Size": file.size}
            for file in page.files
        ]
        return {"DescribeDBLogFiles": files} | ({"Marker": page.marker} if page.marker else {})

    def download_db_log_file_portion(self, **parameters: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto3 has it
        portion = _answer(
            "DownloadDBLogFilePortion",
            lambda: self._logs.download(
                parameters["DBInstanceIdentifier"],
                parameters["LogFileName"],
                parameters["Marker"],
                parameters["NumberOfLines"],
            ),
        )
        return {
            "LogFileData": _NOT_XML.sub("?", as_text(portion.data, portion.manners)),
            "Marker": portion.marker,
            "AdditionalDataPending": portion.pending,
        }


def _answer(operation: str, ask: Callable[[], _T]) -> _T:
    try:
        answer = ask()
    except Refusal as refused:
        told = {"Error": {"Code": refused.code, "Message": refused.message}}
        raise ClientError(told, operation) from None
    except Dropped:
        raise ConnectionClosedError(endpoint_url="http://127.0.0.1") from None
    if answer.cut_short:
        raise ResponseParserError
    return answer
