"""What every source promises, tried on each of them over real files and sockets."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slowquery.model import Loss, Piece, Portion, Window
from slowquery.sources import rds
from slowquery.sources.files import FileSource
from slowquery.sources.rds import RdsSource
from slowquery.window import parse_time
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE

WINDOW = Window(parse_time("2026-11-22T04:00Z", 0), parse_time("2026-11-22T05:00Z", 0))
LOGS = Path(__file__).parent.parent / "logs"
REAL = gzip.decompress((LOGS / "mysql-9.7.log.gz").read_bytes())

Logs: TypeAlias = dict[str, bytes]
Source: TypeAlias = Callable[[Logs], AbstractContextManager[list[Piece]]]
"""Takes the logs of one place, oldest first, and gives what a source makes of them."""


@contextmanager
def plain_files(logs: Logs, folder: Path) -> Iterator[list[Piece]]:
    names = []
    for name, data in logs.items():
        path = folder / name.replace("/", "_")
        path.write_bytes(data)
        names.append(str(path))
    yield list(FileSource(names).pieces())


@contextmanager
def gzipped_files(logs: Logs, folder: Path) -> Iterator[list[Piece]]:
    with plain_files({name: gzip.compress(data) for name, data in logs.items()}, folder) as pieces:
        yield pieces


@contextmanager
def an_instance(logs: Logs, folder: Path) -> Iterator[list[Piece]]:
    del folder
    with Sandbox() as aws:
        aws.add_instance("shop-db", logs=logs)
        with pytest.MonkeyPatch.context() as environment:
            for name, value in aws.environ.items():
                environment.setenv(name, value)
            client = rds.connect(None)
            yield list(RdsSource(client, lambda: 60.0).pieces("shop-db", WINDOW))


SOURCES = {"plain": plain_files, "gzip": gzipped_files, "rds": an_instance}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    opened = SOURCES[request.param]
    return lambda logs: opened(logs, tmp_path)


def bytes_of(pieces: list[Piece]) -> bytes:
    return b"".join(piece.data for piece in pieces if isinstance(piece, Portion))


def as_text(data: bytes) -> str:
    """What RDS makes of a log: XML, in which control is no character."""
    return re.sub("[\0-\x08\x0b\x0c\x0e-\x1f]", "?", data.decode(errors="replace"))


def losses(pieces: list[Piece]) -> list[Loss]:
    return [piece for piece in pieces if isinstance(piece, Loss)]


def test_every_byte_comes_once_and_in_order(source: Source) -> None:
    with source({LIVE: REAL}) as pieces:
        assert as_text(bytes_of(pieces)) == as_text(REAL)
        assert not losses(pieces)


def test_a_large_log_comes_in_portions_that_fit_into_memory(source: Source) -> None:
    with source({LIVE: REAL * 3}) as pieces:
        assert len(pieces) > 4
        # A byte that is no UTF-8 becomes three.
        assert max(len(piece.data) for piece in pieces if isinstance(piece, Portion)) < 3 * 2**20


def test_files_come_one_after_the_other_each_under_its_name(source: Source) -> None:
    with source({f"{LIVE}.2026-11-22.04": b"old;\n", f"{LIVE}.2026-11-22.05": b"new;\n"}) as pieces:
        assert bytes_of(pieces) == b"old;\nnew;\n"
        assert len({piece.file for piece in pieces}) == 2


def test_an_empty_log_is_no_loss(source: Source) -> None:
    with source({LIVE: b""}) as pieces:
        assert bytes_of(pieces) == b""
        assert not losses(pieces)


def test_the_last_line_needs_no_newline(source: Source) -> None:
    with source({LIVE: b"one\ntwo"}) as pieces:
        assert bytes_of(pieces) == b"one\ntwo"


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))))
def test_any_text_comes_as_it_is(source: Source, log: list[str]) -> None:
    data = "\n".join(log).encode()
    with source({LIVE: data}) as pieces:
        assert bytes_of(pieces) == data


# What only files can show


def packed(data: bytes) -> bytes:
    """Compress without the time, for the names of tests must be the same in every process."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (packed(REAL)[:-2000], "the gzip file ends early"),
        (packed(REAL)[:60_000] + b"\xff" * 90, "the gzip file is damaged"),
        (packed(b"") + b"\x1f", "what follows the gzip data is no gzip"),
        (packed(REAL) + b"\x1f\x8b", "the gzip file ends early"),
        (packed(REAL) + b"\x1f\x8b not gzip", "the gzip file is damaged"),
    ],
)
def test_a_broken_gzip_file_gives_all_that_is_good_and_says_so(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    pieces, source = read_file(tmp_path / "log.gz", content)
    assert REAL.startswith(bytes_of(pieces))
    assert bytes_of(pieces) == unpacked_byte_by_byte(content)
    (loss,) = losses(pieces)
    assert loss.reason == reason
    assert source.unread == [loss]


def read_file(file: Path, content: bytes) -> tuple[list[Piece], FileSource]:
    file.write_bytes(content)
    source = FileSource([str(file)])
    return list(source.pieces()), source


def unpacked_byte_by_byte(content: bytes) -> bytes:
    """Give a gzip member's bytes to zlib one at a time, until it has enough of them."""
    member = zlib.decompressobj(31)
    unpacked = b""
    with suppress(zlib.error):
        for at in range(len(content)):
            unpacked += member.decompress(content[at : at + 1])
    return unpacked


PACKED = packed(REAL[:100_000])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(10, len(PACKED) - 5), bits=st.integers(1, 255))
def test_whatever_byte_of_a_gzip_file_is_wrong_all_before_it_is_read(
    tmp_path: Path, at: int, bits: int
) -> None:
    content = PACKED[:at] + bytes([PACKED[at] ^ bits]) + PACKED[at + 1 :]
    pieces, source = read_file(tmp_path / "log.gz", content)
    assert bytes_of(pieces) == unpacked_byte_by_byte(content)
    assert [type(loss) for loss in losses(pieces)] == [Loss]
    assert len(source.unread) == 1


def test_a_wrong_check_of_a_gzip_file_costs_none_of_its_bytes(tmp_path: Path) -> None:
    content = packed(REAL)
    for damaged in (content[:-1] + b"\xff", content[:-8] + b"\xff" + content[-7:], content[:-1]):
        pieces, _ = read_file(tmp_path / "log.gz", damaged)
        assert bytes_of(pieces) == REAL
        assert len(losses(pieces)) == 1


@pytest.mark.parametrize("zeros", [0, 1, 300_000])
def test_what_follows_a_gzip_file_is_a_loss_of_its_size_but_zeros_are_none(
    tmp_path: Path, zeros: int
) -> None:
    content = packed(REAL) + bytes(zeros)
    pieces, _ = read_file(tmp_path / "log.gz", content)
    assert (bytes_of(pieces), losses(pieces)) == (REAL, [])
    pieces, _ = read_file(tmp_path / "log.gz", content + b"not gzip" * 10_000)
    assert bytes_of(pieces) == REAL
    (loss,) = losses(pieces)
    assert (loss.reason, loss.size) == ("what follows the gzip data is no gzip", 80_000)


@pytest.mark.parametrize("zeros", [0, 1, 16 * 1024])
def test_gzip_files_may_be_joined(tmp_path: Path, zeros: int) -> None:
    cuts = [0, 1, 5, 70_000, len(REAL)]
    members = [packed(REAL[begin:end]) for begin, end in pairwise(cuts)]
    pieces, _ = read_file(tmp_path / "log.gz", bytes(zeros).join(members))
    assert (bytes_of(pieces), losses(pieces)) == (REAL, [])


@pytest.mark.parametrize("content", [b"", packed(b""), b"\x1f"])
def test_a_file_is_among_the_pieces_whatever_it_holds(tmp_path: Path, content: bytes) -> None:
    pieces, _ = read_file(tmp_path / "log", content)
    assert {piece.file for piece in pieces} == {str(tmp_path / "log")}
    assert not losses(pieces)


def test_a_name_that_is_no_utf_8_is_shown_as_text_and_opened_as_it_is(tmp_path: Path) -> None:
    names = [os.fsdecode(os.fsencode(tmp_path) + b"/caf" + byte) for byte in (b"\xe9", b"\xe8")]
    Path(names[0]).write_bytes(b"here;\n")
    source = FileSource(names)
    pieces = list(source.pieces())
    assert bytes_of(pieces) == b"here;\n"
    assert {piece.file for piece in pieces} == {
        f"{tmp_path}/caf\\xe9",
        f"{tmp_path}/caf\\xe8",
    }
    assert [loss.file for loss in source.unread] == [f"{tmp_path}/caf\\xe8"]


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"here;\n")
    names = [str(tmp_path / "missing"), str(tmp_path), str(tmp_path / "log")]
    source = FileSource(names)
    assert bytes_of(list(source.pieces())) == b"here;\n"
    assert [loss.reason for loss in source.unread] == [
        os.strerror(2),
        os.strerror(21),
    ]
