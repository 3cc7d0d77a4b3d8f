"""What the operator decides: one YAML file becomes one frozen value.

:func:`load` is pure. It takes the file's text and the environment as arguments, and
either returns :class:`Settings` or raises one :class:`ConfigError` that lists every
problem it found, each with its line and key. Keys are named in an error; values never
are, because any value may be a secret that was put in the wrong place.

The file is read as a graph of nodes, each with its line, and never constructed by YAML:
what a scalar means is decided here, by the setting it stands at. So ``no``, ``010`` and
``13:00`` cannot turn into something that nobody wrote. Anchors, aliases, merge keys and
tags are refused.

``KEYS`` and ``_USAGES`` are the one list of what may be set; ``docs/settings.md`` is held
against :func:`known_keys` by a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NoReturn, TypeAlias, cast, get_args

import yaml

from slowquery.model import SECOND, Engine, Metric, Sort, SqlMode

VARIABLE: Final = "SLOWQUERY_SETTINGS"
"""Names the settings file in the environment."""
FILE: Final = "settings.yml"
"""The settings file where nothing names another."""

RDSADMIN = "rdsadmin"
"""The login that RDS itself uses on every instance."""

_MOST_TAGS: Final = 8
_LONGEST: Final = 100_000
"""Characters of a settings file; a thousand instances fit."""
_DEEPEST: Final = 20
"""Levels of nesting; the settings themselves have four."""
_MOST: Final = 20
"""Problems that one error lists: enough for a round of fixing."""


@dataclass(frozen=True, slots=True)
class _Usage:
    """One way to set up a channel: the options it needs and those it may have."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()

    def __str__(self) -> str:
        needs = " and ".join(self.needs)
        return f"{needs} (and {', '.join(self.may)} if wanted)" if self.may else needs


_USAGES: Final[Mapping[str, tuple[_Usage, ...]]] = {
    "apprise": (_Usage(needs=("url",)),),
    "console": (_Usage(needs=()),),
    "slack": (
        _Usage(needs=("token", "channel"), may=("base_url",)),
        _Usage(needs=("webhook_url",)),
    ),
    "webhook": (_Usage(needs=("url",), may=("headers",)),),
}
"""The kinds of channel and the options of each; the options go to the notifier as they are."""


def _options(kind: str) -> tuple[str, ...]:
    return tuple(option for usage in _USAGES[kind] for option in (*usage.needs, *usage.may))


KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "": (
        "instances",
        "groups",
        "channels",
        "region",
        "top",
        "sort",
        "min_total_time",
        "quiet",
        "timezone",
        "show_hosts",
        "tags",
        "ignore",
        "include_rdsadmin",
        "sql_mode",
        "log_line_prefix",
        "metrics",
        "health",
        "alarm_email",
        "kms_key",
    ),
    "instances": ("tag", "cluster", "prefix"),
    "instances[]": ("name", "region", "engine", "log_line_prefix", "channels", "required"),
    "groups.NAME": ("instances", "channels"),
    "channels.NAME": (
        "kind",
        *dict.fromkeys(option for kind in _USAGES for option in _options(kind)),
    ),
    "ignore": ("users", "databases", "query_ids"),
    "sql_mode": ("ansi_quotes", "no_backslash_escapes"),
    "health": ("parameters", "metrics", "alarms"),
}
"""The keys that each mapping of the file may hold; the file itself is ``""``."""


def known_keys() -> tuple[str, ...]:
    """Return every setting by its path, such as ``channels.NAME.token``."""
    return tuple(
        f"{parent}.{key}" if parent else key for parent, keys in KEYS.items() for key in keys
    )


class Secret:
    """Text that never shows itself: not printed, not formatted, not pickled, not JSON.

    It is one line of printable ASCII without blanks around it: it will stand in an HTTP
    header or an address, and a library that refuses it there would quote it. Anything
    else is a ``ValueError`` that does not quote it. No dataclass, because
    ``dataclasses.asdict`` would open it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not _SECRET.fullmatch(text):
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


_SECRET: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class SsmParameter:
    """A secret that is read from SSM Parameter Store when it is needed."""

    name: str


SecretRef: TypeAlias = Secret | SsmParameter
"""A secret, or where to ask for it."""

Option: TypeAlias = str | SecretRef | Mapping[str, SecretRef]
"""What a channel is set up with."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A place where digests go; ``options`` are those of its kind of notifier."""

    name: str
    kind: str
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instance:
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


@dataclass(frozen=True, slots=True)
class ByTag:
    """Every instance of a region that bears a tag."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class ByCluster:
    """The instances of an Aurora cluster whose names begin with ``prefix``.

    The prefix is what rights can be scoped by: who joins a cluster is not known beforehand.
    """

    name: str
    prefix: str


Finds: TypeAlias = ByTag | ByCluster


@dataclass(frozen=True, slots=True)
class Ignore:
    """Events and classes to leave out, compared as they are written.

    ``query_ids`` are upper case, of 32 hex digits or just the last 16.
    """

    users: frozenset[str] = frozenset({RDSADMIN})
    databases: frozenset[str] = frozenset()
    query_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HealthRights:
    """What the health check may look at beyond the logs; each takes rights of its own.

    ``parameters`` are those of the databases, ``metrics`` and ``alarms`` are CloudWatch's.
    """

    parameters: bool = False
    metrics: bool = False
    alarms: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
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
    sql_mode: SqlMode = field(default_factory=SqlMode)
    log_line_prefix: str | None = None
    metrics: tuple[Metric, ...] = get_args(Metric)
    health: HealthRights = HealthRights()
    finds: Finds | None = None
    alarm_email: str | None = None
    kms_key: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
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


class ConfigError(Exception):
    """The settings cannot be used; ``problems`` says why, in the order of the file.

    Its text has two lines for each problem. At most twenty are listed.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def load(text: str, environ: Mapping[str, str], *, file: str, posts: bool = True) -> Settings:
    """Return the settings written in ``text``; ``env/NAME`` is looked up in ``environ``.

    Who does not post needs no secret: without ``posts`` none is looked up, and channels are
    not fit for use.

    ``file`` is the name that errors bear. Beyond its arguments this looks at nothing but
    the time zone database. Raises :class:`ConfigError` and nothing else.
    """
    return _Reading(environ, file, posts=posts).settings(_compose(text, file))


def read_file(
    environ: Mapping[str, str], file: str | None = None, *, posts: bool = True
) -> Settings:
    """Return the settings of ``file``, by default of the one that the environment names.

    Raises :class:`ConfigError` and nothing else.
    """
    path = Path(file or environ.get(VARIABLE) or FILE)
    try:
        with path.open(encoding="utf-8") as file_:
            text = file_.read(_LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        problem = Problem(str(path), 1, "", f"cannot be read: {why}", "see docs/settings.md")
        raise ConfigError((problem,)) from None
    return load(text, environ, file=str(path), posts=posts)


def for_instances(names: Iterable[str], region: str | None) -> Settings:
    """Return settings without a file: these instances, no channel, all else by default.

    Raises :class:`ConfigError` on a name or region that RDS cannot have, or a repeated name.
    """
    problems = []
    instances: dict[str, Instance] = {}
    for position, name in enumerate(names):
        key = f"instances[{position}]"
        if not _INSTANCE.pattern.fullmatch(name):
            problems.append(Problem("", 0, key, f"this is not {_INSTANCE.noun}", _INSTANCE.hint))
        elif name.lower() in instances:
            problems.append(Problem("", 0, key, _TWICE, "name each instance once"))
        else:
            instances[name.lower()] = Instance(name.lower(), region)
    if region is not None and not _REGION.pattern.fullmatch(region):
        problems.append(Problem("", 0, "region", f"this is not {_REGION.noun}", _REGION.hint))
    if problems:
        raise ConfigError(tuple(problems))
    return Settings(instances=tuple(instances.values()), region=region)


_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset({_TAG + "str"})
_NUMBER_TAGS: Final = frozenset({_TAG + "int", _TAG + "float"})
_NULL: Final = _TAG + "null"
_READ_AS: Final[Mapping[str, str]] = {
    _TAG + "bool": "true or false",
    _TAG + "int": "a number",
    _TAG + "float": "a number",
    _TAG + "timestamp": "a date",
}
"""What YAML 1.1 makes of plain text that was not meant so."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What the text of a setting must look like, in words, as a pattern, and what to try.

    ``tags`` are the readings by YAML that are taken, with the text as it was written.
    """

    noun: str
    pattern: re.Pattern[str]
    hint: str
    tags: frozenset[str] = _TEXT_TAGS


def _one_of(noun: str, names: Iterable[str]) -> _Form:
    names = tuple(names)
    return _Form(noun, re.compile("|".join(names)), f"one of {', '.join(names)}")


# 1 to 63 letters, digits and hyphens, the first a letter, no hyphen last or twice running:
# the rule of CreateDBInstance's DBInstanceIdentifier.
_INSTANCE: Final = _Form(
    "an RDS instance identifier",
    re.compile(r"(?=.{1,63}\Z)[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*"),
    "letters, digits and single hyphens, a letter first, at most 63: the instance's own"
    " name, not a cluster's and not an address",
)
_REGION: Final = _Form(
    "an AWS region",
    re.compile(r"[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}"),
    "a region's code, such as eu-central-1",
)
_CLUSTER: Final = _Form("a cluster's identifier", _INSTANCE.pattern, "the cluster's own name")
_PREFIX: Final = _Form(
    "the beginning of instance identifiers",
    re.compile(r"[A-Za-z][A-Za-z0-9-]{0,61}"),
    "what the names of the cluster's instances begin with, such as shop-",
)
# TagResource's rule for keys and values, less what a policy or YAML would take for its own.
_TAGGED: Final = _Form(
    "a tag of instances",
    re.compile(r"(?!aws:)[A-Za-z0-9_.:/@-]{1,128}=[A-Za-z0-9_.:/@+ -]{1,256}"),
    "key=value, such as slow-query-digest=yes",
)
_EMAIL: Final = _Form(
    "an e-mail address",
    re.compile(r"[A-Za-z0-9.!#%&'+/=?^_~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"),
    "one address, such as on-call@example.com",
)
_KEY_ARN: Final = _Form(
    "the ARN of a KMS key",
    re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}"),
    "arn:aws:kms:REGION:ACCOUNT:key/ID; a policy takes no alias",
)
_LOG_LINE_PREFIX: Final = _Form(
    "a log_line_prefix that can be read",
    re.compile(r"(?=.*%-?[0-9]{0,3}[tmn])(?=.*%-?[0-9]{0,3}[pc])[ -~]{1,200}"),
    "what SHOW log_line_prefix says, in quotes; it needs a time (%t, %m or %n) and"
    " a session (%p or %c)",
)
_ENGINE: Final = _one_of("an engine", get_args(Engine))
_SORT: Final = _one_of("an order", get_args(Sort))
_METRIC: Final = _one_of("a metric", get_args(Metric))
_KIND: Final = _one_of("a kind of channel", _USAGES)
_NAME: Final = _Form(
    "a name",
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"),
    "letters, digits, - and _, at most 63, beginning with a letter or digit",
)
_SLACK_CHANNEL: Final = _Form(
    "a Slack channel",
    re.compile(r"#?[A-Za-z0-9_-]{1,80}"),
    'a name such as "#slow-queries", in quotes because of the #, or an id such as C0123456789',
)
_BASE_URL: Final = _Form(
    "an address of Slack's API",
    re.compile(
        r"(?:https://[A-Za-z0-9.-]+|http://(?:localhost|127\.0\.0\.1|\[::1\]))"
        r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]*)?"
    ),
    "https://…, without user, query or fragment; plain http on the loopback interface only",
)
_LOGIN: Final = _Form(
    "a name of a user or database",
    re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}"),
    "the name as the log shows it, on one line",
)
_QUERY_ID: Final = _Form(
    "a query id",
    re.compile(r"[0-9A-Fa-f]{16}(?:[0-9A-Fa-f]{16})?"),
    "the 32 hex digits that a digest shows, or the last 16 of them",
    _TEXT_TAGS | _NUMBER_TAGS,
)
_TAG_KEY: Final = _Form(
    "a key of a tag",
    re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"),
    "letters, digits, ., - and _, at most 64, as in /*controller=users*/",
)
_ZONE: Final = _Form(
    "a time zone",
    re.compile(r"[A-Z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}"),
    "UTC, or a name such as Europe/Berlin",
)
_TOP: Final = _Form(
    "a whole number from 0 to 100",
    re.compile(r"0|[1-9][0-9]?|100"),
    "plain digits, such as 5; 0 is every query",
    _NUMBER_TAGS,
)
_SECONDS: Final = _Form(
    "a number of seconds, 0 or more",
    re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?"),
    "plain digits, such as 2 or 0.5",
    _NUMBER_TAGS,
)

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110, 5.6.2: token
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Letters, digits and ._- in levels set apart by /: PutParameter's rule for Name.
_PARAMETER: Final = re.compile(r"(?:/[A-Za-z0-9_.-]{1,200}){1,15}")
# A key that could be a misplaced secret is not named: real keys have no digits.
_SHOWABLE: Final = re.compile(r"[A-Za-z_-]{1,32}")

_TEXT_OPTIONS: Final[Mapping[str, _Form]] = {
    "channel": _SLACK_CHANNEL,
    "base_url": _BASE_URL,
}
"""The options of channels that are no secrets; headers are a mapping of secrets."""

_ENV: Final = "env/"
_SSM: Final = "ssm:"
_FLAG_HINT: Final = "write true or false, without quotes"
_TWICE: Final = "this instance is listed a second time"
_UNSHOWN: Final = "…"
_COMPARED: Final = 64
"""Characters of a name up to which others are searched for a near one."""


class _Refused(yaml.MarkedYAMLError):
    """YAML that is valid and not wanted; ``note`` is what to try."""


class _Loader(yaml.SafeLoader):
    """Composes plain trees: no anchor, alias or tag, and not too deep."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            what = "anchors and aliases (& and *) are not taken"
            raise _Refused(None, None, what, mark, "write the value out, or put it in quotes")
        if event.tag is not None:
            what = "tags (!) are not taken"
            raise _Refused(None, None, what, mark, "leave the tag out, or put the text in quotes")
        if self.depth == _DEEPEST:
            what = "this is nested too deeply"
            raise _Refused(None, None, what, mark, "close the brackets before it")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str, file: str) -> yaml.Node:
    """Return the tree of nodes of a YAML text with one document."""
    line, hint = 1, "begin with settings.example.yml"
    if len(text) > _LONGEST:
        what = f"the file is longer than {_LONGEST:,} characters"
        raise ConfigError((Problem(file, line, "", what, hint),))
    # The errors of YAML quote the file: they are left behind before ours is raised.
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        what = "the file is empty"
    except _Refused as error:
        root, line = None, _line(error)
        what, hint = str(error.problem), str(error.note)
    except yaml.composer.ComposerError as error:
        root, line = None, _line(error)
        what, hint = "a second YAML document begins here", "keep one document in the file"
    except yaml.MarkedYAMLError as error:
        root, line = None, _line(error)
        what = "this is not valid YAML"
        hint = (
            "look at this line and the one before: indent with spaces, never tabs; put text"
            " in quotes that holds : or # or begins with one of [ ] { } , & * ! | > ' % @ `"
        )
    except yaml.reader.ReaderError as error:
        root, line = None, text.count("\n", 0, error.position) + 1
        what, hint = "a control character stands here", "delete it and save the file as UTF-8"
    except (ValueError, OverflowError):
        # PyYAML passes these on from "\UFFFFFFFF" and from a version of 5,000 digits.
        root, line = None, loader.line + 1 if loader else 1
        what = "an escape or directive in this file is not valid YAML"
        hint = "write the character itself in place of an escape such as \\U…"
    if root is None or root.tag == _NULL:
        raise ConfigError((Problem(file, line, "", what, hint),))
    return root


def _line(error: yaml.MarkedYAMLError) -> int:
    return error.problem_mark.line + 1 if error.problem_mark else 1


@dataclass(frozen=True, slots=True)
class _At:
    """A place in the file: key path, line, and the node that stands there, if one does."""

    path: str
    line: int
    node: yaml.Node | None

    def below(self, key: str, line: int, node: yaml.Node | None) -> _At:
        return _At(f"{self.path}.{key}" if self.path else key, line, node)


class _Reading:
    """One pass over one file: returns what it can read and gathers what is wrong."""

    def __init__(self, environ: Mapping[str, str], file: str, *, posts: bool) -> None:
        self.environ = environ
        self.posts = posts
        self.file = file
        self.problems: list[Problem] = []

    def wrong(self, at: _At, what: str, hint: str) -> None:
        self.problems.append(Problem(self.file, at.line, at.path, what, hint))
        if len(self.problems) == _MOST:
            self.stop()

    def stop(self) -> NoReturn:
        raise ConfigError(tuple(sorted(self.problems, key=lambda problem: problem.line)))

    # The file, from the top down.

    def settings(self, root: yaml.Node) -> Settings:
        at = _At("", root.start_mark.line + 1, root)
        given = self.fields(at, KEYS[""])
        self.require(at, given, "instances")
        default = Settings(instances=())
        region = self.text(given["region"], _REGION)
        channels = {
            name: self.channel(name, place) for name, place in self.named(given["channels"]).items()
        }
        members = self.groups(given["groups"], tuple(channels))
        top = self.text(given["top"], _TOP)
        ignore = self.ignore(given["ignore"], given["include_rdsadmin"])
        metrics = cast("list[Metric]", self.texts(given["metrics"], _METRIC))
        settings = Settings(
            instances=self.instances(given["instances"], members, tuple(channels), region),
            channels=tuple(channels.values()),
            region=region,
            top=default.top if top is None else int(top),
            sort=cast("Sort", self.text(given["sort"], _SORT) or default.sort),
            min_total_time=self.microseconds(given["min_total_time"], default.min_total_time),
            quiet=self.flag(given["quiet"], default=default.quiet),
            timezone=self.zone(given["timezone"]) or default.timezone,
            show_hosts=self.flag(given["show_hosts"], default=default.show_hosts),
            tags=self.tags(given["tags"]),
            ignore=ignore,
            sql_mode=self.sql_mode(given["sql_mode"], default.sql_mode),
            log_line_prefix=self.text(given["log_line_prefix"], _LOG_LINE_PREFIX),
            metrics=default.metrics
            if given["metrics"].node is None
            else tuple(dict.fromkeys(metrics)),
            health=self.health(given["health"]),
            finds=self.finds(given["instances"], given["groups"]),
            alarm_email=self.text(given["alarm_email"], _EMAIL),
            kms_key=self.text(given["kms_key"], _KEY_ARN),
        )
        if self.problems:
            self.stop()
        return settings

    def channel(self, called: str, at: _At) -> Channel:
        given = self.pairs(at, _SHOWABLE)
        if not isinstance(at.node, yaml.MappingNode):
            return Channel(called, kind="")
        missing = at.below("kind", at.line, None)
        self.require(at, {"kind": given.get("kind", missing)}, "kind")
        kind = self.text(given.pop("kind", missing), _KIND)
        if kind is None:
            return Channel(called, kind="")
        options = _options(kind)
        if self.known(given, ("kind", *options)) and not any(
            set(usage.needs) <= set(given) <= {*usage.needs, *usage.may} for usage in _USAGES[kind]
        ):
            what = f"these options do not make a channel of kind {kind}"
            self.wrong(at, what, f"give {', or '.join(map(str, _USAGES[kind]))}")
        values = {name: self.option(name, given[name]) for name in options if name in given}
        return Channel(
            called, kind, {key: value for key, value in values.items() if value is not None}
        )

    def option(self, option: str, at: _At) -> Option | None:
        if option in _TEXT_OPTIONS:
            return self.text(at, _TEXT_OPTIONS[option])
        if option == "headers":
            return self.headers(at)
        return self.secret(at)

    def headers(self, at: _At) -> Mapping[str, SecretRef]:
        found = {}
        for name, place in self.pairs(at, _HEADER).items():
            if not _HEADER.fullmatch(name):
                self.wrong(place, "this is not a header's name", "a name such as Authorization")
            value = self.secret(place)
            if value is not None:
                found[name] = value
        return found

    def groups(self, at: _At, channels: tuple[str, ...]) -> list[_Member]:
        members = []
        for place in self.named(at).values():
            given = self.fields(place, KEYS["groups.NAME"])
            self.require(place, given, "instances", "channels")
            names = self.channel_names(given["channels"], channels)
            for item in self.items(given["instances"]):
                instance = self.text(item, _INSTANCE)
                if instance is not None:
                    members.append(_Member(item, instance.lower(), names))
        return members

    def instances(
        self,
        at: _At,
        members: Iterable[_Member],
        channels: tuple[str, ...],
        region: str | None,
    ) -> tuple[Instance, ...]:
        if isinstance(at.node, yaml.MappingNode):
            return ()  # they are found, and not listed
        by_group: dict[str, dict[str, None]] = {}
        for member in members:
            by_group.setdefault(member.instance, {}).update(dict.fromkeys(member.channels))
        found: dict[str, Instance] = {}
        items = self.items(at)
        if isinstance(at.node, yaml.SequenceNode) and not items:
            self.wrong(at, "no instance is listed", "list at least one, as - NAME")
        for item in items:
            given = self.instance_fields(item)
            name = (self.text(given["name"], _INSTANCE) or "").lower()
            engine = self.text(given["engine"], _ENGINE)
            own = self.channel_names(given["channels"], channels)
            if given["channels"].node is None:
                own = tuple(by_group.get(name, channels))
            instance = Instance(
                name=name,
                region=self.text(given["region"], _REGION) or region,
                engine=cast("Engine | None", engine),
                log_line_prefix=self.text(given["log_line_prefix"], _LOG_LINE_PREFIX),
                channels=own,
                required=self.flag(given["required"], default=False),
            )
            if name in found:
                self.wrong(given["name"], _TWICE, "keep one of the two")
            elif name:
                found[name] = instance
        for member in members:
            if member.instance not in found:
                what = f"no instance of this name is listed{_near(member.instance, found)}"
                self.wrong(member.at, what, "list it under instances as well")
        return tuple(found.values())

    def finds(self, at: _At, groups: _At) -> Finds | None:
        if not isinstance(at.node, yaml.MappingNode):
            return None
        given = self.fields(at, KEYS["instances"])
        if groups.node is not None:
            self.wrong(groups, "groups need instances by name", "list the instances")
        by_tag, by_cluster = (given[key].node is not None for key in ("tag", "cluster"))
        if by_tag == by_cluster:
            self.wrong(at, "instances are found in one way", "give tag, or cluster, or a list")
        if by_tag:
            tag = self.text(given["tag"], _TAGGED)
            if given["prefix"].node is not None:
                self.wrong(given["prefix"], "a tag has no prefix", "leave it out")
            return ByTag(*tag.split("=", 1)) if tag else None
        name = self.text(given["cluster"], _CLUSTER)
        prefix = self.text(given["prefix"], _PREFIX) or f"{name}-"
        return ByCluster(name.lower(), prefix.lower()) if name else None

    def instance_fields(self, item: _At) -> dict[str, _At]:
        keys = KEYS["instances[]"]
        if isinstance(item.node, yaml.MappingNode):
            given = self.fields(item, keys)
            self.require(item, given, "name")
            return given
        return {**{key: item.below(key, item.line, None) for key in keys}, "name": item}

    def channel_names(self, at: _At, channels: tuple[str, ...]) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for item in self.items(at):
            name = self.text(item, _NAME)
            if name in channels:
                names[name] = None
            elif name is not None:
                what = f"there is no channel of this name{_near(name, channels)}"
                self.wrong(item, what, "write one of the names that stand under channels")
        return tuple(names)

    def ignore(self, at: _At, include_rdsadmin: _At) -> Ignore:
        given = self.fields(at, KEYS["ignore"])
        users = set(self.texts(given["users"], _LOGIN))
        if not self.flag(include_rdsadmin, default=False):
            users.add(RDSADMIN)
        return Ignore(
            users=frozenset(users),
            databases=frozenset(self.texts(given["databases"], _LOGIN)),
            query_ids=frozenset(map(str.upper, self.texts(given["query_ids"], _QUERY_ID))),
        )

    def tags(self, at: _At) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(self.texts(at, _TAG_KEY)))
        if len(names) > _MOST_TAGS:
            self.wrong(at, f"these are more than {_MOST_TAGS}", "list those that you look at")
        return names

    def sql_mode(self, at: _At, default: SqlMode) -> SqlMode:
        given = self.fields(at, KEYS["sql_mode"])
        return SqlMode(
            ansi_quotes=self.flag(given["ansi_quotes"], default=default.ansi_quotes),
            no_backslash_escapes=self.flag(
                given["no_backslash_escapes"], default=default.no_backslash_escapes
            ),
        )

    def health(self, at: _At) -> HealthRights:
        given = self.fields(at, KEYS["health"])
        return HealthRights(
            parameters=self.flag(given["parameters"], default=False),
            metrics=self.flag(given["metrics"], default=False),
            alarms=self.flag(given["alarms"], default=False),
        )

    # Mappings and lists.

    def pairs(self, at: _At, shown: re.Pattern[str]) -> dict[str, _At]:
        """Return a mapping's values by key; a key that ``shown`` does not match is not named."""
        found: dict[str, _At] = {}
        if at.node is None or self.empty(at):
            return found
        if not isinstance(at.node, yaml.MappingNode):
            self.wrong(at, "a mapping is wanted", "write one `name: value` a line")
            return found
        for key, value in at.node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag not in _TEXT_TAGS:
                what = "this key is not plain text (a merge key, <<, is not taken)"
                hint = "write a name, in quotes where YAML reads it as something else"
                self.wrong(at.below(_UNSHOWN, line, None), what, hint)
                continue
            name = key.value if shown.fullmatch(key.value) else _UNSHOWN
            if key.value in found:
                hint = f"keep one of the two; the first is on line {found[key.value].line}"
                self.wrong(at.below(name, line, None), "this key stands here twice", hint)
            else:
                found[key.value] = at.below(name, line, value)
        return found

    def fields(self, at: _At, names: tuple[str, ...]) -> dict[str, _At]:
        """Return a place for each of ``names``; for a key that is not there, one without a node."""
        found = self.pairs(at, _SHOWABLE)
        self.known(found, names)
        return {name: found.get(name, at.below(name, at.line, None)) for name in names}

    def known(self, found: Mapping[str, _At], names: tuple[str, ...]) -> bool:
        unknown = [key for key in found if key not in names]
        for key in unknown:
            what = f"there is no such key{_near(key, names)}"
            self.wrong(found[key], what, f"known here: {', '.join(names)}")
        return not unknown

    def named(self, at: _At) -> dict[str, _At]:
        """Return a mapping's values by key, where the keys are names that the operator chose."""
        found = self.pairs(at, _NAME.pattern)
        for name, place in found.items():
            if not _NAME.pattern.fullmatch(name):
                self.wrong(place, f"this is not {_NAME.noun}", _NAME.hint)
        return found

    def require(self, at: _At, given: Mapping[str, _At], *names: str) -> None:
        for name in names:
            if isinstance(at.node, yaml.MappingNode) and given[name].node is None:
                self.wrong(given[name], "this is missing", f"add {name}; see docs/settings.md")

    def items(self, at: _At) -> list[_At]:
        if at.node is None or self.empty(at):
            return []
        if not isinstance(at.node, yaml.SequenceNode):
            self.wrong(at, "a list is wanted", "write one `- name` a line, or [name, name]")
            return []
        return [
            _At(f"{at.path}[{position}]", node.start_mark.line + 1, node)
            for position, node in enumerate(at.node.value)
        ]

    # Single values.

    def empty(self, at: _At) -> bool:
        empty = isinstance(at.node, yaml.ScalarNode) and at.node.tag == _NULL
        if empty:
            hint = "give a value (in quotes if it begins with #), or leave the key out"
            self.wrong(at, "nothing stands here", hint)
        return empty

    def scalar(self, at: _At, noun: str, hint: str) -> yaml.ScalarNode | None:
        if at.node is None or self.empty(at):
            return None
        if not isinstance(at.node, yaml.ScalarNode):
            self.wrong(at, f"{noun} is wanted, not a list or a mapping", hint)
            return None
        return at.node

    def text(self, at: _At, form: _Form) -> str | None:
        """Return the text of a setting, from the file or the environment."""
        node = self.scalar(at, form.noun, form.hint)
        if node is None:
            return None
        value = str(node.value)
        if node.tag in _TEXT_TAGS and value.startswith(_ENV):
            found = self.variable(at, value, "export {}=…")
            if found is None or form.pattern.fullmatch(found):
                return found
            self.wrong(
                at, f"the variable {value[len(_ENV) :]} does not hold {form.noun}", form.hint
            )
            return None
        if not form.pattern.fullmatch(value):
            self.wrong(at, f"this is not {form.noun}", form.hint)
        elif node.tag in form.tags:
            return value
        elif node.tag in _TEXT_TAGS:
            self.wrong(at, f"this is text, and not {form.noun}", "leave the quotes out")
        else:
            read_as = _READ_AS.get(node.tag, "something else")
            self.wrong(at, f"YAML reads this as {read_as}, not as text", "write it in quotes")
        return None

    def variable(self, at: _At, value: str, hint: str) -> str | None:
        """Look up what ``env/NAME`` names; ``{}`` in ``hint`` becomes the name."""
        name = value.removeprefix(_ENV)
        if not _VARIABLE.fullmatch(name):
            what = "env/ is not followed by the name of a variable"
            self.wrong(at, what, "env/NAME: letters, digits and _, no digit first")
        elif name not in self.environ:
            self.wrong(at, f"the variable {name} is not set", hint.format(name))
        elif not self.environ[name]:
            self.wrong(at, f"the variable {name} is empty", hint.format(name))
        else:
            return self.environ[name]
        return None

    def texts(self, at: _At, form: _Form) -> list[str]:
        found = (self.text(item, form) for item in self.items(at))
        return [text for text in found if text is not None]

    def zone(self, at: _At) -> str | None:
        name = self.text(at, _ZONE)
        if name is not None and not _zone_exists(name):
            hint = f"{_ZONE.hint}; where no zone is found at all, install tzdata"
            self.wrong(at, "no such time zone is known here", hint)
        return name

    def microseconds(self, at: _At, default: int) -> int:
        text = self.text(at, _SECONDS)
        if text is None:
            return default
        seconds, _, fraction = text.partition(".")
        return int(seconds) * SECOND + int(fraction.ljust(6, "0"))

    def flag(self, at: _At, *, default: bool) -> bool:
        node = self.scalar(at, "true or false", _FLAG_HINT)
        if node is None:
            return default
        if node.tag != _TAG + "bool":
            self.wrong(at, "this is neither true nor false", _FLAG_HINT)
            return default
        return yaml.SafeLoader.bool_values[node.value.lower()]

    def secret(self, at: _At) -> SecretRef | None:
        place = re.sub(r"[^A-Za-z0-9]+", "-", at.path.partition(".")[2]).strip("-")
        parameter = f"ssm:/slowquery/{place}"
        node = self.scalar(at, "a secret", f"write env/NAME or {parameter}")
        if node is None:
            return None
        if node.value.startswith(_ENV):
            if not self.posts:
                return None
            found = self.variable(at, node.value, f"export {{}}=…, or write {parameter}")
            if found is None:
                return None
            if _SECRET.fullmatch(found):
                return Secret(found)
            what = (
                f"the variable {node.value[len(_ENV) :]} does not hold one line of printable ASCII"
            )
            self.wrong(at, what, "remove line ends and blanks around the secret")
        elif not node.value.startswith(_SSM):
            what = "a secret must come from env/… or ssm:/…, not stand here"
            hint = f"write env/NAME or {parameter}; renew the secret if others saw this file"
            self.wrong(at, what, hint)
        elif _PARAMETER.fullmatch(node.value, len(_SSM)):
            return SsmParameter(node.value[len(_SSM) :])
        else:
            what = "ssm: is not followed by the path of a parameter"
            self.wrong(at, what, f"letters, digits, ., _ and - after each /, as in {parameter}")
        return None


@dataclass(frozen=True, slots=True)
class _Member:
    """An instance as a group names it."""

    at: _At
    instance: str
    channels: tuple[str, ...]


def _near(text: str, names: Iterable[str]) -> str:
    """Ask whether the nearest of ``names`` was meant, if one is near."""
    near = get_close_matches(text, names, n=1) if len(text) <= _COMPARED else []
    return f"; did you mean {near[0]}?" if near else ""


def _zone_exists(name: str) -> bool:
    if name == "UTC":
        return True
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - most runs show UTC and do not pay for it

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such file; not a zone; a folder of zones
        return False
    return True
