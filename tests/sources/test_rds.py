"""RDS from the outside: what is asked of it, and what becomes of its answers."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from moto.core import enable_iam_authentication

from slowquery.model import Piece, Portion, Window
from slowquery.sources import rds
from slowquery.sources.rds import RdsSource
from slowquery.sources.refusal import InstanceUnavailable, SourceError
from slowquery.window import parse_time
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.manners import Burst, Manners
from tests.sandbox.test_rights import ARN, DOWNLOAD, LIST, assume

WINDOW = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
START = datetime(2026, 11, 22, 4, tzinfo=UTC)
LOG = b"".join(b"line %04d\n" % number for number in range(400))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield sandbox


def read() -> list[Piece]:
    source = RdsSource(rds.connect(None), lambda: 60.0, pause=lambda _: None)
    return list(source.pieces("shop-db", WINDOW))


def text(pieces: list[Piece]) -> bytes:
    return b"".join(piece.data for piece in pieces if isinstance(piece, Portion))


def refusal() -> SourceError:
    with pytest.raises(SourceError) as error:
        read()
    return error.value


def actions(aws: Sandbox) -> set[str]:
    return {call.action for call in aws.calls}


# What is read


def test_two_calls_are_all_that_is_asked(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG}, manners=Manners(portion_lines=90))
    assert text(read()) == LOG
    assert actions(aws) == {"DescribeDBLogFiles", "DownloadDBLogFilePortion"}


def test_reading_begins_at_the_beginning_whatever_the_size(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG}, manners=Manners(portion_lines=7, done_from=0.2))
    assert text(read()) == LOG
    first = next(call for call in aws.calls if call.action == "DownloadDBLogFilePortion")
    assert first.marker == "0"
    assert not aws.undelivered
    assert not aws.repeated


def test_files_written_long_before_the_window_are_left_alone(aws: Sandbox) -> None:
    hours = {f"{LIVE}.2026-11-22.{hour:02}": hour for hour in range(1, 6)}
    aws.add_instance(
        "shop-db",
        logs={name: b"%d;\n" % hour for name, hour in hours.items()},
        last_written={name: START + timedelta(hours=hour - 4) for name, hour in hours.items()},
    )
    assert text(read()) == b"4;\n5;\n"


def test_every_page_of_the_list_is_read(aws: Sandbox) -> None:
    logs = {f"{LIVE}.{number}": b"%d;\n" % number for number in range(24)}
    aws.add_instance("shop-db", logs=logs, manners=Manners(page_size=5))
    assert sorted(text(read()).split()) == sorted(b"".join(logs.values()).split())


def test_logs_of_another_kind_are_left_alone(aws: Sandbox) -> None:
    logs = {
        LIVE: b"slow;\n",
        "error/mysql-error.log": b"no\n",
        "general/mysql-general.log": b"no\n",
    }
    aws.add_instance("shop-db", logs=logs)
    assert text(read()) == b"slow;\n"


# What stands in a log


@pytest.mark.parametrize("character", ["\0", "\x1b", "\uffff", "&#0;", "&#x1B;", "&#8;"])
def test_what_is_no_xml_becomes_a_question_mark_and_no_traceback(
    aws: Sandbox, character: str
) -> None:
    log = f"select 'secret{character}secret';\n".encode()
    aws.add_instance("shop-db", logs={LIVE: log}, manners=Manners(raw_control=True))
    shown = log if character.startswith("&") else b"select 'secret?secret';\n"
    assert text(read()) == shown


def test_crs_come_as_they_are(aws: Sandbox) -> None:
    log = b"select 'a\rb';\r\n" * 200
    aws.add_instance("shop-db", logs={LIVE: log}, manners=Manners(portion_lines=90))
    assert text(read()) == log


# Calls that fail


def test_what_the_network_and_the_service_do_at_times_is_waited_for(aws: Sandbox) -> None:
    once = Burst(1, after=1)
    manners = Manners(
        throttled=once, unavailable=once, dropped=once, cut_short=once, not_ready=once
    )
    aws.add_instance("shop-db", logs={LIVE: LOG}, manners=replace(manners, portion_lines=200))
    assert text(read()) == LOG
    assert {call.outcome for call in aws.calls} == {
        *("ok", "Throttling", "ServiceUnavailable", "dropped", "cut short", "DBInstanceNotReady")
    }


def test_half_an_answer_is_an_error_that_quotes_nothing(aws: Sandbox) -> None:
    manners = Manners(cut_short=Burst(99, after=1))
    aws.add_instance("shop-db", logs={LIVE: b"select 'secret';\n"}, manners=manners)
    error = refusal()
    assert error.why == "RDS answered with something that is no XML"
    assert "secret" not in "".join(traceback.format_exception(error))


def test_an_instance_that_is_not_there(aws: Sandbox) -> None:
    assert actions(aws) == set()
    error = refusal()
    assert error.why == "there is no instance shop-db in this region"
    assert "not of a cluster" in error.hint


def test_an_instance_that_is_stopped_is_unavailable(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG}, status="stopped")
    assert isinstance(refusal(), InstanceUnavailable)


def test_no_slow_logs_at_all_names_the_parameters_that_are_missing(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={"error/mysql-error.log": b"x\n"})
    error = refusal()
    assert error.why == "there are no slow-query logs"
    assert "log_output=FILE" in error.hint


def test_logs_that_are_only_older_than_the_window_are_a_quiet_hour(aws: Sandbox) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG}, last_written=START - timedelta(days=1))
    assert read() == []


def test_the_id_of_a_cluster_is_no_instance(aws: Sandbox) -> None:
    aws.add_instance("shop-db-1", logs={LIVE: LOG}, engine="aurora-mysql")
    assert "not of a cluster, whose instances each have one" in refusal().hint


def test_in_another_region_there_is_no_such_instance(
    aws: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG})
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    error = refusal()
    assert error.why == "there is no instance shop-db in this region"
    assert "the region in the settings" in error.hint


@pytest.mark.parametrize(("granted", "missing"), [(DOWNLOAD, LIST), (LIST, DOWNLOAD)])
def test_a_missing_right_is_named_with_the_resource(
    aws: Sandbox, monkeypatch: pytest.MonkeyPatch, granted: str, missing: str
) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG})
    for name, value in assume(aws, granted).items():
        monkeypatch.setenv(name.upper(), value)
    with enable_iam_authentication():
        error = refusal()
    assert error.why == f"access denied for {missing} on {ARN}"
    assert f"allow {missing}" in error.hint


def test_without_credentials_there_is_a_way_to_get_some(
    aws: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.add_instance("shop-db", logs={LIVE: LOG})
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = refusal()
    assert error.why == "there are no AWS credentials"
    assert "AWS_PROFILE" in error.hint


def test_without_a_region_there_is_no_client(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not aws.calls
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SourceError, match=r"NoRegionError.*set region"):
        rds.connect(None)
