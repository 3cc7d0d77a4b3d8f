"""What keeps a log from being read, in the words of an operator."""

from __future__ import annotations

from typing import Final


class SourceError(Exception):
    """AWS would not let a log be read: what failed, why, and what to try."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why, hint)
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.why}; try: {self.hint}"


class InstanceUnavailable(SourceError):
    """The instance is stopped, starting or being changed, and shows no logs meanwhile."""

    state: Final = "not available: stopped, starting or being changed"
