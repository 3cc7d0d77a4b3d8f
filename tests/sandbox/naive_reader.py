"""The simplest reader that gets every byte from a service with its documented manners."""

from __future__ import annotations

from tests.sandbox.aws import Boto3
from tests.sandbox.portions import TRUNCATED

LINES = 10_000


def read(rds: Boto3, instance: str, file: str) -> str:
    """The whole of a log file, read with the boto3 client ``rds``.

    It starts at "0", asks again for half the lines where one was cut, and ends when nothing
    came and nothing is pending.
    """
    parts: list[str] = []
    marker, lines = "0", LINES
    while True:
        portion = rds.download_db_log_file_portion(
            DBInstanceIdentifier=instance,
            LogFileName=file,
            Marker=marker,
            NumberOfLines=lines,
        )
        data = portion["LogFileData"]
        if TRUNCATED.decode() in data and lines > 1:
            lines //= 2
            continue
        if not data and not portion["AdditionalDataPending"]:
            return "".join(parts)
        parts.append(data)
        marker, lines = portion["Marker"], LINES
