"""Log files on this machine, plain or gzipped, and standard input."""

from __future__ import annotations

import errno
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from typing import Final

from slowquery.model import Loss, Piece, Portion

STANDARD_INPUT: Final = "-"

PORTION: Final = 1024 * 1024
"""Bytes of a plain file that are read at a time."""

PACKED: Final = 8 * 1024
"""Bytes of a gzip file that are read at a time: no more than 9 MB come out of them."""

_GZIP_MAGIC: Final = b"\x1f\x8b"  # RFC 1952, 2.3.1
_GZIP_WBITS: Final = 16 + zlib.MAX_WBITS  # zlib's manual, inflateInit2: gzip's header and check


class FileSource:
    """Reads files one after the other, ``-`` for standard input; gzip is told by its magic.

    A file that cannot be read, or only in part, is a loss, and stands in ``unread``. Pieces
    bear the names as :func:`shown` gives them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.unread: list[Loss] = []
        self._names = names

    def pieces(self) -> Iterator[Piece]:
        """Yield the bytes of every file, and a loss where one ends before its end."""
        for name in self._names:
            file = shown(name)
            try:
                with _opened(name) as opened:
                    yield Portion(file, b"")  # a file that holds nothing is read, too
                    for data in _contents(opened):
                        yield Portion(file, data)
            except OSError as error:
                yield self._loss(Loss(file, error.strerror or str(error)))
            except _DamagedError as error:
                yield self._loss(Loss(file, error.reason, error.size))

    def _loss(self, loss: Loss) -> Loss:
        self.unread.append(loss)
        return loss


def shown(name: str) -> str:
    r"""Return a file's name as text: a byte of it that is no UTF-8 as ``\xe9``.

    Names that differ stay different, for the reader tells files apart by them.
    """
    return os.fsencode(name).decode(errors="backslashreplace")


class _DamagedError(Exception):
    """A gzip file that is not whole; ``size`` bytes of it, if known, could not be used."""

    def __init__(self, reason: str, size: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.size = size


def _opened(name: str) -> BufferedReader:
    if name != STANDARD_INPUT:
        return open(name, "rb")  # noqa: PTH123 - pathlib is a twentieth of a start, for one name
    if sys.stdin is None:  # it was closed before this process began
        raise OSError(errno.EBADF, "standard input is closed")
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _contents(file: BufferedReader) -> Iterator[bytes]:
    if file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
        yield from _unpacked(file)
    else:
        while data := file.read(PORTION):
            yield data


def _unpacked(file: BufferedReader) -> Iterator[bytes]:
    """Yield what the members of a gzip file hold, zeros after them aside, as ``gzip`` does.

    What is good comes out before :class:`_DamagedError` is raised, which ``gzip`` does not
    promise.
    """
    member = zlib.decompressobj(_GZIP_WBITS)
    packed = file.read(PACKED)
    while packed:
        before = member.copy()
        try:
            data = member.decompress(packed)
        except zlib.error:
            yield from _up_to_the_damage(before, packed)
            raise _DamagedError("the gzip file is damaged") from None  # noqa: EM101, TRY003 - a reason
        yield data
        if not member.eof:
            packed = file.read(PACKED)
            continue
        packed = member.unused_data.lstrip(b"\0")
        while len(packed) < len(_GZIP_MAGIC) and (more := file.read(PACKED)):
            packed = (packed + more).lstrip(b"\0")
        if not packed:
            return
        if not packed.startswith(_GZIP_MAGIC):
            size = len(packed)
            while more := file.read(PORTION):
                size += len(more)
            raise _DamagedError("what follows the gzip data is no gzip", size)  # noqa: EM101, TRY003 - a reason
        member = zlib.decompressobj(_GZIP_WBITS)
    raise _DamagedError("the gzip file ends early")  # noqa: EM101, TRY003 - a reason


def _up_to_the_damage(member: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
    """Yield what ``packed`` holds up to the byte that ``member`` fails at.

    An error of zlib takes along what the same call has made, so the bytes are halved until
    the bad one is alone.
    """
    while len(packed) > 1:
        half = len(packed) // 2
        ahead = member.copy()
        try:
            data = ahead.decompress(packed[:half])
        except zlib.error:
            packed = packed[:half]
        else:
            yield data
            member, packed = ahead, packed[half:]
