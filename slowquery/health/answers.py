"""What questions bring back: facts, with no room for a statement or a secret.

A field that may hold a ``SourceError`` says why the fact is not known; ``None`` stands
where nothing was asked. Times are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from slowquery.model import Digest
from slowquery.settings import Instance
from slowquery.sources.listing import LogFile
from slowquery.sources.refusal import SourceError

Parameters: TypeAlias = Mapping[str, str]
"""What a parameter group sets, of the few parameters that decide about the log."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as AWS knows it, and what AWS's clock said, ``None`` if it did not."""

    arn: str
    at: int | None


@dataclass(frozen=True, slots=True)
class Durations:
    """How many statements of a piece of a PostgreSQL log have a duration, and how.

    ``alone`` are durations without a text, ``undated`` texts without a duration.
    """

    with_text: int
    alone: int
    undated: int


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines of a log file: ``size`` bytes, and what the reader made of them.

    ``durations`` are a PostgreSQL log's.
    """

    file: str
    size: int
    digest: Digest
    durations: Durations | None = None


@dataclass(frozen=True, slots=True)
class Database:
    """An instance as ``DescribeDBInstances`` shows it.

    ``group`` is its parameter group, ``pending`` whether that waits for a reboot.
    """

    engine: str
    state: str
    group: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is there in place of an instance that is not: a cluster's members, like names."""

    members: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceAnswers:
    """All that is known of an instance; ``region`` is where it was asked for."""

    instance: Instance
    region: str
    files: tuple[LogFile, ...] | SourceError
    tail: Tail | SourceError | None = None
    database: Database | SourceError | None = None
    parameters: Parameters | SourceError | None = None
    neighbours: Neighbours | SourceError | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """What CloudWatch knows of the last two weeks.

    ``finished`` is when the last run finished; ``delivered`` says of a channel when its last
    digest was posted and whether it arrived.
    """

    finished: int | None
    delivered: Mapping[str, tuple[int, bool]] = field(default_factory=dict)


class Deployed(NamedTuple):
    """A function's name and the version of it that was deployed last."""

    function: str
    version: str


@dataclass(frozen=True, slots=True)
class BotAnswers:
    """What is known of the bot itself; ``name`` is what runs, in words.

    ``deployed`` is the digest's function and its newest version, ``live`` the version that
    the schedule calls; neither is asked for in a terminal.
    """

    name: str
    region: str
    identity: Identity | SourceError
    runs: Runs | SourceError | None = None
    alarms: tuple[str, ...] | SourceError | None = None
    parameters_asked: bool = False
    deployed: Deployed | None = None
    live: str | SourceError | None = None
    in_lambda: bool = False
