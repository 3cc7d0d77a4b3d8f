"""Unmodified boto3 finds an AWS account on a loopback port, and log files in it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.sandbox.aws import ACCOUNT, Boto3, Sandbox
from tests.sandbox.log_file import LIVE, Log
from tests.sandbox.manners import Manners
from tests.sandbox.naive_reader import read
from tests.sandbox.portions import TRUNCATED

CLOSED = f"{LIVE}.2026-11-22.04"
LINE = "# Query_time: 1.5 & <fünf> ☃\n"


@pytest.fixture
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def rds(aws: Sandbox) -> Boto3:
    return aws.client("rds", config=Config(retries={"total_max_attempts": 1}))


def portion(rds: Boto3, file: str = LIVE, **asked: object) -> Boto3:
    return rds.download_db_log_file_portion(
        DBInstanceIdentifier="shop-db", LogFileName=file, **asked
    )


def names(page: Boto3) -> list[str]:
    return [file["LogFileName"] for file in page["DescribeDBLogFiles"]]


def test_a_log_is_read_byte_by_byte_and_nothing_is_withheld(aws: Sandbox, rds: Boto3) -> None:
    log = LINE * 300 + "no newline at the end"
    manners = Manners(portion_bytes=1000, portion_lines=50)
    aws.add_instance("shop-db", logs={LIVE: log.encode()}, manners=manners)
    assert read(rds, "shop-db", LIVE) == log
    assert aws.withheld == []
    assert aws.undelivered == []
    assert aws.repeated == []


def test_the_documented_limits_are_1_mb_and_10_000_lines(aws: Sandbox, rds: Boto3) -> None:
    aws.add_instance("shop-db", logs={"short": b"x\n" * 20_000, "long": b"y" * 299 * 9000})
    assert portion(rds, "short", Marker="0")["LogFileData"] == "x\n" * 10_000
    assert portion(rds, "short", Marker="0", NumberOfLines=20_000)["Marker"] == "5:20000"
    data = portion(rds, "long", Marker="0")["LogFileData"]
    assert data == "y" * 1024 * 1024 + TRUNCATED.decode() + "\n"


def test_a_line_that_the_limit_cuts_is_marked_and_its_rest_not_repeated(
    aws: Sandbox, rds: Boto3
) -> None:
    manners = Manners(portion_bytes=10)
    aws.add_instance("shop-db", logs={LIVE: b"aaaaaa\nbbbbbb\ncccccc\n"}, manners=manners)
    first = portion(rds, Marker="0")
    second = portion(rds, Marker=first["Marker"])
    assert first["LogFileData"] == "aaaaaa\nbbb [Your log message was truncated]\n"
    assert first["AdditionalDataPending"] is True
    assert second["LogFileData"] == "cccccc\n"
    assert second["AdditionalDataPending"] is False
    assert [span[1:] for span in aws.withheld] == [(LIVE, 10, 14, "limit")]


def test_a_marker_is_an_hour_and_an_offset_and_comes_back_at_the_end(
    aws: Sandbox, rds: Boto3
) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\ntwo\n"})
    assert portion(rds, Marker="0", NumberOfLines=1)["Marker"] == "5:4"
    end = portion(rds, Marker="5:4")["Marker"]
    past = portion(rds, Marker=end)
    assert (past["LogFileData"], past["Marker"]) == ("", end)
    assert past["AdditionalDataPending"] is False


def test_without_a_marker_come_the_latest_lines(aws: Sandbox, rds: Boto3) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\ntwo\nthree\n"})
    assert portion(rds, NumberOfLines=2)["LogFileData"] == "two\nthree\n"


def test_what_xml_cannot_carry_changes_and_nothing_else(aws: Sandbox, rds: Boto3) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"a\r\nb\xff\x00\x1b\tc & <d>]]>\n"})
    assert portion(rds)["LogFileData"] == "a\nb\ufffd??\tc & <d>]]>\n"


def test_a_gz_file_is_listed_with_its_size_and_served_decompressed(
    aws: Sandbox, rds: Boto3, tmp_path: Path
) -> None:
    packed = gzip.compress(b"line\n" * 1000)
    (tmp_path / "packed.log.gz").write_bytes(packed)
    logs: dict[str, Log] = {
        "error/pg.log.gz": packed,
        "plain.log": tmp_path / "packed.log.gz",
    }
    aws.add_instance("shop-db", logs=logs)
    listed = rds.describe_db_log_files(DBInstanceIdentifier="shop-db")["DescribeDBLogFiles"]
    assert [file["Size"] for file in listed] == [len(packed), 5000]
    assert read(rds, "shop-db", "error/pg.log.gz") == "line\n" * 1000
    assert read(rds, "shop-db", "plain.log") == "line\n" * 1000


def test_a_directory_is_an_instances_logs(aws: Sandbox, rds: Boto3, tmp_path: Path) -> None:
    (tmp_path / "slowquery").mkdir()
    (tmp_path / "error").mkdir()
    (tmp_path / CLOSED).write_bytes(b"query\n")
    (tmp_path / "error" / "mysql-error.log").touch()
    os.utime(tmp_path / CLOSED, (1000, 1000.5))
    aws.add_instance("shop-db", logs=tmp_path)
    listed = rds.describe_db_log_files(DBInstanceIdentifier="shop-db", FileSize=1)
    assert listed["DescribeDBLogFiles"] == [
        {"LogFileName": CLOSED, "LastWritten": 1_000_500, "Size": 6}
    ]
    assert read(rds, "shop-db", CLOSED) == "query\n"


def test_the_list_is_filtered(aws: Sandbox, rds: Boto3) -> None:
    early, late = datetime(2026, 11, 22, 4, tzinfo=UTC), datetime(2026, 11, 22, 5, tzinfo=UTC)
    logs = {LIVE: b"123", CLOSED: b"1234", "error/mysql-error.log": b"12345"}
    times = dict.fromkeys(logs, early) | {LIVE: late}
    aws.add_instance("shop-db", logs=logs, last_written=times)

    def listed(**filters: object) -> list[str]:
        return names(rds.describe_db_log_files(DBInstanceIdentifier="shop-db", **filters))

    milliseconds = int(late.timestamp() * 1000)
    assert listed() == ["error/mysql-error.log", LIVE, CLOSED]
    assert listed(FilenameContains="slow") == [LIVE, CLOSED]
    assert listed(FileLastWritten=milliseconds) == [LIVE]
    assert listed(FileLastWritten=milliseconds + 1) == []
    assert listed(FileSize=4) == ["error/mysql-error.log"]


def test_the_list_comes_in_pages(aws: Sandbox, rds: Boto3) -> None:
    logs = {f"{LIVE}.{hour}": b"" for hour in range(24)}
    aws.add_instance("shop-db", logs=logs, manners=Manners(page_size=10))
    first = rds.describe_db_log_files(DBInstanceIdentifier="shop-db")
    fewer = rds.describe_db_log_files(DBInstanceIdentifier="shop-db", MaxRecords=5)
    pages = rds.get_paginator("describe_db_log_files").paginate(DBInstanceIdentifier="shop-db")
    assert len(names(first)) == 10
    assert first["Marker"]
    assert len(names(fewer)) == 5
    assert [name for page in pages for name in names(page)] == sorted(logs)


@pytest.mark.parametrize(
    ("instance", "file", "status", "code"),
    [
        ("cluster-of-shop", LIVE, 404, "DBInstanceNotFound"),
        ("shop-db", CLOSED, 404, "DBLogFileNotFoundFault"),
        ("stage-db", LIVE, 400, "DBInstanceNotReady"),
    ],
)
def test_errors_have_their_wire_codes(
    aws: Sandbox, instance: str, file: str, status: int, code: str
) -> None:
    aws.add_instance("shop-db", logs={LIVE: b""})
    aws.add_instance("stage-db", logs={LIVE: b""}, status="stopped")
    with pytest.raises(ClientError) as error:
        aws.client("rds").download_db_log_file_portion(
            DBInstanceIdentifier=instance, LogFileName=file
        )
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert aws.calls[-1].outcome == code


def test_another_region_has_other_instances(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: b""})
    rds = aws.client("rds", region_name="us-west-2")
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.describe_db_log_files(DBInstanceIdentifier="shop-db")


def test_a_made_up_marker_is_refused(aws: Sandbox, rds: Boto3) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\n"})
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        portion(rds, Marker="five")


def test_every_call_is_listed_as_it_was_answered(aws: Sandbox, rds: Boto3) -> None:
    aws.add_instance("shop-db", logs={LIVE: b"one\ntwo\n"})
    rds.describe_db_instances()
    rds.describe_db_log_files(DBInstanceIdentifier="shop-db")
    portion(rds, Marker="0", NumberOfLines=1)
    found, listed, downloaded = aws.calls
    assert found.action == "DescribeDBInstances"
    assert listed.action == "DescribeDBLogFiles"
    assert downloaded.action == "DownloadDBLogFilePortion"
    assert (downloaded.marker, downloaded.lines, downloaded.next_marker) == ("0", 1, "5:4")
    assert (downloaded.delivered, downloaded.regions) == (4, ((0, 4),))
    assert [span[1:4] for span in aws.undelivered] == [(LIVE, 4, 8)]
    assert aws.withheld == []


def test_instances_are_described_with_engine_and_state(aws: Sandbox, rds: Boto3) -> None:
    arn = aws.add_instance("stage-db", logs={}, engine="mariadb", status="stopped")
    (described,) = rds.describe_db_instances(DBInstanceIdentifier="stage-db")["DBInstances"]
    assert arn == f"arn:aws:rds:eu-central-1:{ACCOUNT}:db:stage-db"
    assert described["DBInstanceArn"] == arn
    assert described["Engine"] == "mariadb"
    assert described["DBInstanceStatus"] == "stopped"


def test_the_rest_of_aws_is_there(aws: Sandbox) -> None:
    aws.client("ssm").put_parameter(Name="/bot/token", Value="v", Type="SecureString")
    read = aws.client("ssm").get_parameter(Name="/bot/token", WithDecryption=True)
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/bot")
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    assert read["Parameter"]["Value"] == "v"
    assert [group["logGroupName"] for group in groups] == ["/aws/lambda/bot"]
    assert aws.client("sts").get_caller_identity()["Account"] == ACCOUNT
    assert aws.client("sqs").create_queue(QueueName="letters")["QueueUrl"]
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("iam").list_roles()["Roles"] == []
    assert aws.client("cloudwatch").list_metrics()["Metrics"] == []
    assert aws.client("lambda").list_functions()["Functions"] == []


def test_another_process_needs_only_the_environment(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: b""})
    script = (
        "import boto3, json;"
        "rds = boto3.client('rds');"
        "print(json.dumps(rds.describe_db_log_files(DBInstanceIdentifier='shop-db')))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], **aws.environ},
        capture_output=True,
        check=True,
    )
    assert names(json.loads(ran.stdout)) == [LIVE]


def test_a_slow_answer_holds_nobody_else_up(aws: Sandbox) -> None:
    aws.add_instance("slow-db", logs={LIVE: b"one\n"}, manners=Manners(seconds_per_call=1.0))
    aws.add_instance("shop-db", logs={LIVE: b"two\n"})
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read, aws.client("rds"), "slow-db", LIVE)
        assert read(aws.client("rds"), "shop-db", LIVE) == "two\n"
        assert not slow.done()
        assert slow.result() == "one\n"
