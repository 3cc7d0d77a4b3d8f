"""What the operator decides, as one frozen value, and what is wrong with it as another.

``settings_file`` makes it from a YAML file; whoever only uses it need not know of YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn, TypeAlias, get_args

from slowquery.errors import Unusable
from slowquery.model import Engine, Metric, Sort, SqlMode

VARIABLE: Final = "SLOWQUERY_SETTINGS"
"""Names the settings file in the environment."""
FILE: Final = "settings.yml"
"""The settings file where nothing names another."""

RDSADMIN = "rdsadmin"
"""The login that RDS itself uses on every instance."""


class Secret:
    """Text that never shows itself: not printed, not formatted, not pickled, not JSON.

    It is one line of printable ASCII without blanks around it: it will stand in an HTTP
    header or an address, and a library that refuses it there would quote it. Anything
    else is a ``ValueError`` that does not quote it. No tuple and no dataclass, because
    ``json`` or ``asdict`` would open it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not (text and text.isascii() and text.isprintable() and text == text.strip()):
            message = "a secret is one line of printable ASCII without blanks around it"
            raise ValueError(message)
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one who sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        message = "a secret is neither copied nor pickled"
        raise TypeError(message)


class SsmParameter(NamedTuple):
    """A secret that is read from SSM Parameter Store when it is needed."""

    name: str


SecretRef: TypeAlias = Secret | SsmParameter
"""A secret, or where to ask for it."""

Option: TypeAlias = str | SecretRef | Mapping[str, SecretRef]
"""What a channel is set up with."""


class Channel(NamedTuple):
    """A place where digests go; ``options`` are those of its kind of notifier."""

    name: str
    kind: str
    options: Mapping[str, Option] = {}


class Instance(NamedTuple):
    """An RDS instance to read. ``name`` is in lower case, as RDS stores it.

    ``region`` is ``None`` where AWS's own default applies, ``engine`` where the log tells.
    ``channels`` are names, with groups and defaults already applied. Without ``required``
    an instance that is stopped or starting is a status and no failure.

    ``log_line_prefix`` is that of a PostgreSQL server, ``None`` for one of the usual ones.

    One that was ``found``, and not listed, may be gone by the time it is read. ``cluster``
    and ``role`` are what finding it told: ``writer``, ``reader`` or ``replica``.
    """

    name: str
    region: str | None = None
    engine: Engine | None = None
    channels: tuple[str, ...] = ()
    required: bool = False
    found: bool = False
    cluster: str | None = None
    role: str | None = None
    log_line_prefix: str | None = None


class ByTag(NamedTuple):
    """Every instance of a region that bears a tag."""

    key: str
    value: str


class ByCluster(NamedTuple):
    """The instances of an Aurora cluster whose names begin with ``prefix``.

    The prefix is what rights can be scoped by: who joins a cluster is not known beforehand.
    """

    name: str
    prefix: str


Finds: TypeAlias = ByTag | ByCluster


class Ignore(NamedTuple):
    """Events and classes to leave out, compared as they are written.

    ``query_ids`` are upper case, of 32 hex digits or just the last 16.
    """

    users: frozenset[str] = frozenset({RDSADMIN})
    databases: frozenset[str] = frozenset()
    query_ids: frozenset[str] = frozenset()


class HealthRights(NamedTuple):
    """What the health check may look at beyond the logs; each takes rights of its own.

    ``parameters`` are those of the databases, ``metrics`` and ``alarms`` are CloudWatch's.
    """

    parameters: bool = False
    metrics: bool = False
    alarms: bool = False


class Settings(NamedTuple):
    """All that an operator decides. ``min_total_time`` is in microseconds.

    ``top`` is the number of queries in a digest, 0 for all. ``ignore.users`` holds
    ``rdsadmin`` unless the operator asked to see it. ``metrics`` are those of an instance.

    With ``finds`` no instance is listed: each run asks RDS for them. ``alarm_email`` and
    ``kms_key``, the customer key of secrets, are read by the deployment alone.
    """

    instances: tuple[Instance, ...]
    channels: tuple[Channel, ...] = ()
    region: str | None = None
    top: int = 5
    sort: Sort = "query_time"
    min_total_time: int = 0
    quiet: bool = True
    timezone: str = "UTC"
    show_hosts: bool = False
    tags: tuple[str, ...] = ()
    ignore: Ignore = Ignore()
    sql_mode: SqlMode = SqlMode()
    log_line_prefix: str | None = None
    metrics: tuple[Metric, ...] = get_args(Metric)
    health: HealthRights = HealthRights()
    finds: Finds | None = None
    alarm_email: str | None = None
    kms_key: str | None = None


class Problem(NamedTuple):
    """One mistake: where it stands, what is wrong, and what to try. Never a value."""

    file: str
    line: int
    key: str
    what: str
    hint: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file else ""
        key = f"{self.key}: " if self.key else ""
        return f"{place}{key}{self.what}\n  try: {self.hint}"


class ConfigError(Unusable):
    """The settings cannot be used; ``problems`` says why, in the order of the file.

    Its text has two lines for each problem. At most twenty are listed.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))
