"""Answers that nobody has reported: what can be got is got, and the rest is said to be lost.

A server of a few lines stands for RDS; each test spoils what it answers in one way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slowquery.model import Loss, Piece, Portion, Window
from slowquery.sources.download import CALLS
from slowquery.sources.instance import InstanceLogs
from slowquery.sources.listing import LogFile
from slowquery.sources.rds import PAGES, RdsSource
from slowquery.sources.refusal import SourceError
from slowquery.window import parse_time
from tests.sandbox.portions import TRUNCATED

WINDOW = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
NAME = "slowquery/mysql-slowquery.log.2026-11-22.05"
LOG = b"".join(b"line %04d\n" % number for number in range(400))
LISTED = {"LogFileName": NAME, "LastWritten": WINDOW.end // 1000, "Size": len(LOG)}

WHY = ("why", "hint")

Answer = dict[str, Any]
Spoil = Callable[["Server", str, Answer], Answer]


def as_it_is(_: Server, __: str, answer: Answer) -> Answer:
    return answer


@dataclass
class Server:
    """Serves one log in portions of 50 lines; ``spoil`` gets the marker and the answer."""

    spoil: Spoil = as_it_is
    files: list[Answer] = field(default_factory=lambda: [LISTED])
    log: bytes = LOG
    tokens: dict[str, str] = field(default_factory=dict)
    downloads: int = 0
    lists: int = 0

    def describe_db_log_files(self, **_: object) -> Mapping[str, Any]:
        self.lists += 1
        return {"DescribeDBLogFiles": self.files}

    def download_db_log_file_portion(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto3 has it
        self.downloads += 1
        marker = self.tokens.get(asked["Marker"], asked["Marker"])
        found = re.fullmatch(r"(?:-?\d+:)?(\d+)", marker)
        if not found:
            raise ClientError({"Error": {"Code": "InvalidParameterValue"}}, "Download")
        begin = int(found[1])
        lines = self.log[begin:].splitlines(keepends=True)[: min(50, asked["NumberOfLines"])]
        end = begin + len(b"".join(lines))
        answer = {
            "LogFileData": b"".join(lines).decode(),
            "Marker": f"5:{end}",
            "AdditionalDataPending": end < len(self.log),
        }
        return self.spoil(self, asked["Marker"], answer)

    def token(self, answer: Answer) -> Answer:
        """Tell a marker that names no byte."""
        self.tokens[f"token {answer['Marker']}"] = answer["Marker"]
        return answer | {"Marker": f"token {answer['Marker']}"}


def read(server: Server) -> tuple[bytes, list[tuple[str, int | None]]]:
    pieces: list[Piece] = list(
        RdsSource(server, lambda: 60.0, pause=lambda _: None).pieces("shop-db", WINDOW)
    )
    text = b"".join(piece.data for piece in pieces if isinstance(piece, Portion))
    return text, [(piece.reason, piece.size) for piece in pieces if isinstance(piece, Loss)]


def at_the_end(change: Callable[[Server, Answer], Answer]) -> Spoil:
    """Spoil the last answer that has data."""
    return lambda server, _, answer: (
        answer if answer["AdditionalDataPending"] else change(server, answer)
    )


def of_other_form(form: str) -> Spoil:
    return lambda _, __, answer: answer | {"Marker": form + answer["Marker"].partition(":")[2]}


def once(number: int, **change: object) -> Spoil:
    return lambda server, _, answer: answer | change if server.downloads == number else answer


def every_second_call_empty(server: Server, marker: str, answer: Answer) -> Answer:
    empty = {"LogFileData": None, "Marker": marker, "AdditionalDataPending": True}
    return answer if server.downloads % 2 else empty


def as_a_token(server: Server, _: str, answer: Answer) -> Answer:
    return server.token(answer)


def without_marker(_: Server, answer: Answer) -> Answer:
    return {name: value for name, value in answer.items() if name != "Marker"}


def mark_behind_all(_: Server, __: str, answer: Answer) -> Answer:
    data = answer["LogFileData"]
    return answer | {"LogFileData": data + TRUNCATED.decode() + "\n" if data else ""}


ODD = {
    "no colon": of_other_form(""),
    "negative": of_other_form("-1:"),
    "a token": as_a_token,
    "once far too large": once(3, Marker="5:999999999999999"),
    "always far too large": lambda _, __, answer: answer | {"Marker": "5:999999999999999"},
    "once back to the beginning": once(4, Marker="0"),
    "once in a circle": once(4, Marker="5:500"),
    "never a marker": lambda _, __, answer: without_marker(_, answer),
    "no marker at the end": at_the_end(without_marker),
    "no marker at the end of tokens": lambda server, _, answer: (
        server.token(answer) if answer["AdditionalDataPending"] else without_marker(server, answer)
    ),
    "the beginning at the end of tokens": lambda server, _, answer: (
        server.token(answer) if answer["AdditionalDataPending"] else answer | {"Marker": "0"}
    ),
    "no data while more is pending": every_second_call_empty,
    "pending untold": lambda _, __, answer: answer | {"AdditionalDataPending": None},
    "a mark behind every portion": mark_behind_all,
}


@pytest.mark.parametrize("spoil", ODD.values(), ids=ODD)
def test_odd_answers_cost_calls_and_no_bytes(spoil: Spoil) -> None:
    server = Server(spoil)
    assert read(server) == (LOG, [])
    assert server.downloads < 30


def test_tokens_that_lead_in_a_circle_are_a_loss_of_the_rest() -> None:
    def round_and_round(server: Server, _: str, answer: Answer) -> Answer:
        return server.token(answer | ({"Marker": "5:500"} if answer["Marker"] == "5:2000" else {}))

    server = Server(round_and_round)
    assert read(server) == (LOG[:2000], [("its markers lead in a circle", 2000)])
    assert server.downloads < 10


@pytest.mark.parametrize("size", [0, -5, None])
@pytest.mark.parametrize("log", [LOG, LOG * 5000], ids=["small", "20 MB of equal portions"])
def test_a_size_that_tells_nothing_is_not_believed(size: int | None, log: bytes) -> None:
    def in_one_go(_: Server, marker: str, answer: Answer) -> Answer:
        begin = int(marker.partition(":")[2] or 0)
        end = min(begin + 200_000, len(log))
        pending = end < len(log)
        data = {"LogFileData": log[begin:end].decode(), "Marker": f"5:{end}"}
        return answer | data | {"AdditionalDataPending": pending}

    assert read(Server(in_one_go, [LISTED | {"Size": size}], log=b"")) == (log, [])
    listed = {name: value for name, value in LISTED.items() if name != "Size"}
    assert read(Server(in_one_go, [listed], log=b"")) == (log, [])


@pytest.mark.parametrize(("form", "size"), [("5:{}", 4000), ("token {}", 4000), ("token {}", 0)])
def test_the_same_data_for_ever_new_markers_ends_and_is_a_loss(form: str, size: int) -> None:
    first = LOG[:500].decode() * 100

    def endless(server: Server, _: str, answer: Answer) -> Answer:
        marker = form.format(server.downloads * len(first))
        server.tokens[marker] = "5:0"
        more = {"LogFileData": first, "Marker": marker, "AdditionalDataPending": True}
        return answer | more

    server = Server(endless, [LISTED | {"Size": size}])
    _, losses = read(server)
    assert len(losses) == 1
    assert server.downloads <= CALLS


@pytest.mark.parametrize("written", [None, 0, -1, WINDOW.end // 1_000_000, WINDOW.end], ids=str)
def test_a_file_is_not_passed_over_for_the_form_of_its_time(written: int | None) -> None:
    assert read(Server(files=[LISTED | {"LastWritten": written}])) == (LOG, [])


def test_a_file_without_a_time_is_read() -> None:
    assert read(Server(files=[{"LogFileName": NAME, "Size": len(LOG)}])) == (LOG, [])


def test_what_has_no_name_or_is_no_slow_log_is_left_alone() -> None:
    others: list[Answer] = [{"Size": 7}, LISTED | {"LogFileName": "error/mysql-error.log"}]
    assert read(Server(files=[*others, LISTED])) == (LOG, [])


def test_a_name_may_hold_any_character() -> None:
    odd = "slowquery/a\n\0<b>\u202e %s {x}.log.2026-11-22.05"
    assert read(Server(files=[LISTED | {"LogFileName": odd}])) == (LOG, [])


@dataclass
class Pages(Server):
    """A list in pages: which one follows which, and all the files on one of them."""

    following: Callable[[str], str] = str

    def describe_db_log_files(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto3 has it
        self.lists += 1
        marker = asked.get("Marker", "")
        files = self.files if marker == "A" else None
        return {"DescribeDBLogFiles": files, "Marker": self.following(marker)}


@pytest.mark.parametrize(
    ("following", "most"),
    [
        (lambda marker: "B" if marker == "A" else "A", 4),
        (lambda marker: marker + "A", PAGES),
    ],
    ids=["a circle", "endless"],
)
def test_a_list_that_does_not_end_is_a_loss_and_its_files_are_read(
    following: Callable[[str], str], most: int
) -> None:
    server = Pages(following=following)
    assert read(server) == (LOG, [("RDS's list of the files does not end", None)])
    assert server.lists <= most


def test_a_list_of_nothing_but_an_end_has_no_files_on_that_page() -> None:
    assert read(Pages(following={"": "A", "A": ""}.__getitem__)) == (LOG, [])


def failing(errors: Iterator[Exception]) -> Spoil:
    def spoil(_: Server, __: str, answer: Answer) -> Answer:
        for error in errors:
            raise error
        return answer

    return spoil


@pytest.mark.parametrize("error", [KeyError("Result"), ValueError("no int"), TypeError("a list")])
def test_xml_of_something_else_is_asked_for_again(error: Exception) -> None:
    """As botocore's parser takes it: a part that is missing, no number, or there twice."""
    server = Server(failing(iter([error, error])))
    assert read(server) == (LOG, [])


# What fails for one file or one list, and not for all


def test_a_file_that_is_refused_is_a_loss_and_the_next_one_is_read() -> None:
    @dataclass
    class Refusing(Server):
        refused: frozenset[str] = frozenset({"slowquery/first"})

        def download_db_log_file_portion(self, **asked: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as boto3 has it
            if asked["LogFileName"] in self.refused:
                raise ClientError({"Error": {"Code": "Strange"}}, "Download")
            return super().download_db_log_file_portion(**asked)

    first = LISTED | {"LogFileName": "slowquery/first", "LastWritten": WINDOW.start // 1000}
    text, ((reason, size),) = read(Refusing(files=[first, LISTED]))
    assert (text, size) == (LOG, len(LOG))
    assert "Strange" in reason
    with pytest.raises(SourceError, match="Strange"):
        read(Refusing(files=[first, LISTED], refused=frozenset({"slowquery/first", NAME})))


LIVE = LogFile("slowquery/mysql-slowquery.log", WINDOW.end, len(LOG))


def portions(_: str, marker: str, __: int) -> Mapping[str, Any]:
    begin = int(marker.partition(":")[2] or 0)
    end = min(begin + 500, len(LOG))
    return {"LogFileData": LOG[begin:end].decode(), "Marker": f"5:{end}"}


def test_a_list_that_fails_after_a_rotation_is_a_loss_and_what_came_is_kept() -> None:
    closed = LogFile(f"{LIVE.name}.2026-11-22.05", LIVE.last_written, LIVE.size)
    lists = iter([[LIVE], [closed], [closed]])

    def list_files(_: int) -> list[LogFile]:
        for files in lists:
            return files
        raise SourceError(*WHY)

    pieces = list(InstanceLogs(list_files, portions, lambda: 60.0, lambda _: None).pieces(0))
    assert b"".join(piece.data for piece in pieces if isinstance(piece, Portion)) == LOG
    assert [piece for piece in pieces if isinstance(piece, Loss)] == [
        Loss(LIVE.name, "it was rotated, and no new one was found")
    ]


def test_what_is_held_back_when_time_runs_out_is_missing_too() -> None:
    left = iter([60.0] * 4)

    def asked(name: str, marker: str, lines: int) -> Mapping[str, Any]:
        told.append(logs.outstanding())
        return portions(name, marker, lines)

    told: list[list[Loss]] = []
    logs = InstanceLogs(lambda _: [LIVE], asked, lambda: next(left, 0.0), lambda _: None)
    list(logs.pieces(0))
    assert [missing[0].size for missing in told] == [len(LOG)] * len(told)
    assert len(told) > 1
