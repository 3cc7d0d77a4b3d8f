"""What a log says over and over is understood once: a memory for the columns of a reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

LIMIT: Final = 5_000
"""Values that are remembered; with one more all are forgotten."""

_T = TypeVar("_T")


class Memo(dict[bytes, _T]):
    """Remembers what a function made of a value, up to ``LIMIT`` of them."""

    def __init__(self, function: Callable[[bytes], _T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: bytes) -> _T:
        """Ask the function, and remember what it says."""
        if len(self) >= LIMIT:
            self.clear()
        value = self[key] = self._function(key)
        return value
