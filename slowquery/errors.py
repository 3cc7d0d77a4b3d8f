"""What a run can end by, wherever it comes from: the two kinds that a command line tells apart."""

from __future__ import annotations


class Unusable(Exception):
    """What was asked for means nothing here: what is wrong, and what to try."""


class Unreadable(Exception):
    """What was asked for could not be done: what failed, why, and what to try."""
