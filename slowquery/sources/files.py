"""Log files on this machine, plain or gzipped, and standard input."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Final

from slowquery.model import Loss, Piece, Portion

STANDARD_INPUT: Final = "-"

PORTION: Final = 1024 * 1024
"""Bytes that are read at a time."""

_GZIP_MAGIC: Final = b"\x1f\x8b"  # RFC 1952, 2.3.1


class FileSource:
    """Reads files one after the other, ``-`` for standard input; gzip is told by its magic.

    A file that cannot be read, or only in part, is a loss, and stands in ``unread``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.unread: list[Loss] = []
        self._names = names

    def pieces(self) -> Iterator[Piece]:
        """Yield the bytes of every file, and a loss where one ends before its end."""
        for name in self._names:
            try:
                with _opened(name) as file:
                    yield from _portions(name, file)
            except OSError as error:  # gzip.BadGzipFile, a kind of it, has no strerror
                yield self._loss(name, error.strerror or "this is not a whole gzip file")
            except EOFError:
                yield self._loss(name, "the gzip file ends early")
            except zlib.error:
                yield self._loss(name, "the gzip file is damaged")

    def _loss(self, name: str, reason: str) -> Loss:
        loss = Loss(name, reason)
        self.unread.append(loss)
        return loss


def _opened(name: str) -> BufferedReader:
    if name == STANDARD_INPUT:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    return Path(name).open("rb")


def _portions(name: str, file: BufferedReader) -> Iterator[Portion]:
    opened = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(_GZIP_MAGIC) else file
    while data := opened.read(PORTION):
        yield Portion(name, data)
