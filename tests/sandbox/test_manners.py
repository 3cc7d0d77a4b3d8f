"""Each switch makes the service misbehave on the wire, in its one way and in no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from tests.sandbox.aws import Boto3, Sandbox
from tests.sandbox.log_file import LIVE, POSTGRESQL
from tests.sandbox.manners import FAULTS, Burst, Manners, any_manners
from tests.sandbox.markers import Kind
from tests.sandbox.naive_reader import read

LOG = b"".join(b"line %02d\n" % number for number in range(10))
LINE = 8


@pytest.fixture
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class Reader:
    """One call after another to one instance, without a retry."""

    def __init__(self, aws: Sandbox) -> None:
        self.rds = aws.client("rds", config=Config(retries={"total_max_attempts": 1}))

    def ask(self, marker: str = "0", *, lines: int = 3, file: str = LIVE) -> Boto3:
        return self.rds.download_db_log_file_portion(
            DBInstanceIdentifier="shop-db", LogFileName=file, Marker=marker, NumberOfLines=lines
        )

    def data(self, marker: str = "0", *, lines: int = 3, file: str = LIVE) -> str:
        return str(self.ask(marker, lines=lines, file=file)["LogFileData"])

    def refusal(self, marker: str = "0", *, lines: int = 3, file: str = LIVE) -> str:
        with pytest.raises(ClientError) as error:
            self.ask(marker, lines=lines, file=file)
        return str(error.value.response["Error"]["Code"])

    def names(self) -> list[str]:
        listed = self.rds.describe_db_log_files(DBInstanceIdentifier="shop-db")
        return [file["LogFileName"] for file in listed["DescribeDBLogFiles"]]


def serve(aws: Sandbox, manners: Manners, log: bytes = LOG) -> Reader:
    aws.add_instance("shop-db", logs={LIVE: log}, manners=manners, next_live=b"new\n")
    return Reader(aws)


def lost(aws: Sandbox) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.reason) for span in aws.withheld]


# Where bytes get lost or come twice


def test_cut_midway(aws: Sandbox) -> None:
    reader = serve(aws, Manners(cut_midway=(LINE + 2,)))
    assert reader.data() == "line 00\nline [Your log message was truncated]\nline 02\n"
    assert lost(aws) == [(12, 16, "cut_midway")]
    assert reader.data(lines=1) == "line 00\n"
    assert reader.data("5:8", lines=1) == "line 01\n"
    assert lost(aws) == []


def test_rest_follows_cut(aws: Sandbox) -> None:
    reader = serve(aws, Manners(portion_bytes=12, rest_follows_cut=True))
    assert reader.data() == "line 00\nline [Your log message was truncated]\n"
    assert reader.data("5:12", lines=1) == " 01\n"
    assert lost(aws) == []


def test_mark_on_own_line(aws: Sandbox) -> None:
    reader = serve(aws, Manners(portion_bytes=12, mark_on_own_line=True))
    assert reader.data() == "line 00\nline\n [Your log message was truncated]\n"


def test_overlap(aws: Sandbox) -> None:
    reader = serve(aws, Manners(overlap=3))
    first = reader.ask()
    assert first["Marker"] == "5:21"
    assert reader.data("5:21").startswith("02\nline 03\n")
    assert [(span.start, span.end) for span in aws.repeated] == [(21, 24)]


def test_begins_early(aws: Sandbox) -> None:
    reader = serve(aws, Manners(begins_early=3))
    assert reader.ask()["Marker"] == "5:24"
    assert reader.data("5:24").startswith("02\nline 03\n")
    assert [(span.start, span.end) for span in aws.repeated] == [(21, 24)]
    assert reader.data("5:24", lines=1) == "02\n"


def test_repeats_do_not_lead_back_over_a_gap(aws: Sandbox) -> None:
    reader = serve(aws, Manners(overlap=9, begins_early=9, gaps=(12,), gap_bytes=4))
    marker, calls = "0", 0
    while marker != f"5:{len(LOG)}" and calls < 9:
        marker, calls = str(reader.ask(marker)["Marker"]), calls + 1
    assert [(span.start, span.end) for span in aws.undelivered] == [(12, 16)]


def test_gaps_that_the_marker_reveals(aws: Sandbox) -> None:
    reader = serve(aws, Manners(gaps=(10,), gap_bytes=20))
    first = reader.ask()
    assert (first["LogFileData"], first["Marker"]) == ("line 00\nli", "5:30")
    assert reader.data("5:30", lines=1) == LOG[30:32].decode()
    assert lost(aws) == [(10, 30, "gaps")]


def test_gaps_that_the_marker_hides(aws: Sandbox) -> None:
    reader = serve(aws, Manners(gaps=(10,), gap_bytes=20, markers="counts"))
    assert reader.ask()["Marker"] == "5:10"
    assert reader.data("5:10", lines=1) == LOG[30:32].decode()
    assert lost(aws) == [(10, 30, "gaps")]


def test_binary_is_cornered_by_halving_and_stepped_over_by_a_made_up_marker(aws: Sandbox) -> None:
    reader = serve(aws, Manners(binary=(LINE * 2 + 3,)))
    assert reader.refusal(lines=4) == "InvalidParameterValue"
    assert reader.data(lines=2) == "line 00\nline 01\n"
    assert reader.refusal("5:16", lines=1) == "InvalidParameterValue"
    assert lost(aws) == [(16, 32, "binary")]
    assert reader.data("5:20", lines=9).startswith(" 02\nline 03\n")
    assert lost(aws) == [(16, 20, "binary")]


def test_the_binary_refusal_has_the_words_that_users_report(aws: Sandbox) -> None:
    with pytest.raises(ClientError, match="contains binary data and should be downloaded"):
        serve(aws, Manners(binary=(0,))).ask()


def test_live_begins_at(aws: Sandbox) -> None:
    logs = {LIVE: LOG, f"{LIVE}.2026-11-22.04": LOG}
    aws.add_instance("shop-db", logs=logs, manners=Manners(live_begins_at=LINE * 2 + 3))
    reader = Reader(aws)
    assert reader.data(lines=1) == "line 02\n"
    assert reader.data("5:8", lines=1) == "line 03\n"
    assert lost(aws) == [(0, 16, "live_begins_at")]
    assert reader.data(lines=1, file=f"{LIVE}.2026-11-22.04") == "line 00\n"


def test_non_ascii(aws: Sandbox) -> None:
    assert serve(aws, Manners(non_ascii="?"), "fünf ☃\n".encode()).data() == "f?nf ?\n"


def test_raw_control(aws: Sandbox) -> None:
    with pytest.raises(ResponseParserError, match=r"secret \\x01 text"):
        serve(aws, Manners(raw_control=True), b"secret \x01 text\n").ask()


# What markers and flags say


def test_opaque_markers(aws: Sandbox) -> None:
    reader = serve(aws, Manners(markers="opaque"))
    marker = reader.ask()["Marker"]
    assert ":" not in marker
    assert reader.data(marker, lines=1) == "line 03\n"
    assert reader.refusal("5:24") == "InvalidParameterValue"


def test_done_from(aws: Sandbox) -> None:
    reader = serve(aws, Manners(done_from=0.5))
    assert reader.ask(lines=4)["AdditionalDataPending"] is True
    done = reader.ask(lines=5)
    assert done["AdditionalDataPending"] is False
    assert reader.data(done["Marker"]).startswith("line 05\n")


def test_never_done(aws: Sandbox) -> None:
    reader = serve(aws, Manners(never_done=True))
    last = reader.ask(lines=10)
    again = reader.ask(last["Marker"])
    assert last["AdditionalDataPending"] is again["AdditionalDataPending"] is True
    assert (again["LogFileData"], again["Marker"]) == ("", last["Marker"])


def test_omit_empty(aws: Sandbox) -> None:
    reader = serve(aws, Manners(omit_empty=True))
    last = reader.ask(lines=10)
    assert "AdditionalDataPending" not in last
    assert "LogFileData" not in reader.ask(last["Marker"])


def test_strict_markers(aws: Sandbox) -> None:
    reader = serve(aws, Manners(strict_markers=True))
    assert reader.data(reader.ask()["Marker"], lines=1) == "line 03\n"
    assert reader.refusal("5:16") == "InvalidParameterValue"


def test_echo(aws: Sandbox) -> None:
    reader = serve(aws, Manners(echo=Burst(1, after=1)))
    assert reader.ask()["Marker"] == "5:24"
    assert reader.ask("5:24")["Marker"] == "5:24"
    assert reader.ask("5:24")["Marker"] == "5:48"


def test_size_off(aws: Sandbox) -> None:
    reader = serve(aws, Manners(size_off=-5))
    (listed,) = reader.rds.describe_db_log_files(DBInstanceIdentifier="shop-db")[
        "DescribeDBLogFiles"
    ]
    assert listed["Size"] == len(LOG) - 5


def test_loop(aws: Sandbox) -> None:
    reader = serve(aws, Manners(loop=(0.5, 0.2)))
    assert reader.ask(lines=3)["Marker"] == "5:24"
    assert reader.ask("5:24")["Marker"] == "5:16"
    assert reader.ask("5:16", lines=9)["Marker"] == "5:16"
    assert lost(aws) == []
    assert [(span.start, span.end) for span in aws.repeated] == [(16, 48)]


def test_loop_withholds_what_comes_behind_it(aws: Sandbox) -> None:
    reader = serve(aws, Manners(loop=(0, 0)))
    assert reader.ask()["Marker"] == reader.ask("5:0")["Marker"] == "5:0"
    assert lost(aws) == [(24, 80, "loop")]


def test_stalled(aws: Sandbox) -> None:
    reader = serve(aws, Manners(stalled=Burst(2, after=1)))
    assert reader.ask()["LogFileData"]
    for _ in range(2):
        nothing = reader.ask("5:24")
        assert (nothing["LogFileData"], nothing["Marker"]) == ("", "5:24")
        assert nothing["AdditionalDataPending"] is True
    assert reader.data("5:24", lines=1) == "line 03\n"


@pytest.mark.parametrize("markers", ["offsets", "counts", "opaque"])
def test_empty(aws: Sandbox, markers: Kind) -> None:
    reader = serve(aws, Manners(empty=Burst(1, after=1), markers=markers))
    marker = reader.ask()["Marker"]
    nothing = reader.ask(marker)
    assert nothing["LogFileData"] == ""
    assert nothing["Marker"] != marker
    assert nothing["AdditionalDataPending"] is True
    assert reader.data(nothing["Marker"], lines=1) == "line 03\n"


# Files that move


def test_rotate_after(aws: Sandbox) -> None:
    reader = serve(aws, Manners(rotate_after=1))
    assert reader.data() == "line 00\nline 01\nline 02\n"
    assert reader.names() == [LIVE]
    past = reader.ask("5:24")
    assert (past["LogFileData"], past["Marker"]) == ("", "5:24")
    assert past["AdditionalDataPending"] is False
    assert reader.names() == [LIVE, f"{LIVE}.2026-11-22.05"]
    assert reader.data("5:24", lines=1, file=f"{LIVE}.2026-11-22.05") == "line 03\n"
    new = reader.ask()
    assert (new["LogFileData"], new["Marker"]) == ("new\n", "6:4")


def test_rotate_after_on_mariadb_shifts_the_numbers(aws: Sandbox) -> None:
    logs = {LIVE: b"now\n", f"{LIVE}.1": b"before\n", f"{LIVE}.2": b"long ago\n"}
    aws.add_instance("shop-db", engine="mariadb", logs=logs, manners=Manners(rotate_after=0))
    reader = Reader(aws)
    assert reader.data() == ""
    assert [reader.data(file=name) for name in reader.names()] == [
        "",
        "now\n",
        "before\n",
        "long ago\n",
    ]


def test_rotate_after_on_postgresql_begins_a_file_and_renames_none(aws: Sandbox) -> None:
    first, live, new = (f"{POSTGRESQL}2026-11-22-{begun}" for begun in ("04", "0430", "0500"))
    logs = {first: b"before\n", live: LOG, f"{live}.csv": b"csv\n"}
    manners = Manners(rotate_after=1, live_missing_for=1)
    aws.add_instance("shop-db", engine="postgres", logs=logs, manners=manners, next_live=b"new\n")
    reader = Reader(aws)
    assert reader.data(file=f"{live}.csv") == "csv\n"
    assert reader.names() == [first, live, f"{live}.csv"]
    assert reader.data("5:4", file=f"{live}.csv") == ""
    assert reader.names() == [first, live, f"{live}.csv", f"{new}.csv"]
    assert reader.data(file=f"{new}.csv") == "new\n"
    assert reader.data(file=live, lines=1) == "line 00\n"


def test_live_missing_for(aws: Sandbox) -> None:
    reader = serve(aws, Manners(rotate_after=0, live_missing_for=2))
    assert reader.refusal() == "DBLogFileNotFoundFault"
    assert reader.names() == [f"{LIVE}.2026-11-22.05"]
    assert reader.data() == "new\n"


def test_vanish_after(aws: Sandbox) -> None:
    reader = serve(aws, Manners(vanish_after=2))
    assert reader.data()
    assert reader.data("5:24")
    assert reader.refusal("5:48") == "DBLogFileNotFoundFault"
    assert reader.names() == []
    assert lost(aws) == [(48, 80, "vanish_after")]


# Calls that fail

TWICE = Burst(2, after=1, every=2)


@pytest.mark.parametrize(
    ("manners", "code"),
    [
        (Manners(throttled=TWICE), "Throttling"),
        (Manners(unavailable=TWICE), "ServiceUnavailable"),
        (Manners(not_ready=TWICE), "DBInstanceNotReady"),
    ],
)
def test_bursts_of_refusals(aws: Sandbox, manners: Manners, code: str) -> None:
    reader = serve(aws, manners)
    assert reader.data()
    assert [reader.refusal(), reader.refusal()] == [code, code]
    assert reader.data()
    assert reader.names() == [LIVE]
    assert reader.refusal() == code
    assert {call.outcome for call in aws.calls} == {"ok", code}


def test_dropped(aws: Sandbox) -> None:
    reader = serve(aws, Manners(dropped=Burst(1)))
    with pytest.raises(HTTPClientError):
        reader.ask()
    assert reader.data(lines=1) == "line 00\n"
    assert aws.calls[0].outcome == "dropped"


def test_cut_short(aws: Sandbox) -> None:
    """Half an answer is broken XML to botocore, which does not compare the length."""
    reader = serve(aws, Manners(cut_short=Burst(1)))
    with pytest.raises(ResponseParserError, match="Further retries may succeed"):
        reader.ask()
    assert aws.calls[0].outcome == "cut short"
    assert [(span.start, span.end) for span in aws.undelivered] == [(0, 80)]
    assert reader.data(lines=1) == "line 00\n"


def test_boto3_gets_over_what_it_retries(aws: Sandbox) -> None:
    once = Burst(1)
    manners = Manners(throttled=once, dropped=once)
    aws.add_instance("shop-db", logs={LIVE: LOG}, manners=manners)
    assert read(aws.client("rds"), "shop-db", LIVE) == LOG.decode()
    assert [call.outcome for call in aws.calls] == ["dropped", "Throttling", "ok", "ok"]


# All of them


def test_each_fault_is_in_the_dice_and_a_seed_gives_the_same_manners() -> None:
    assert any_manners(7) == any_manners(7)
    thrown = [any_manners(seed, faults=len(FAULTS)) for seed in range(200)]
    silent = Manners()
    assert {
        name
        for manners in thrown
        for name in FAULTS
        if getattr(manners, name) != getattr(silent, name)
    } == FAULTS
