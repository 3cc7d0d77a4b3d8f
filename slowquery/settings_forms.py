"""What may be set, and what the text of each setting must look like.

``KEYS`` and ``USAGES`` are the one list of what may be set; ``docs/settings.md`` is held
against :func:`known_keys` by a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, get_args

from slowquery.model import Engine, Metric, Sort
from slowquery.settings import ConfigError, Instance, Problem, Settings


class Usage(NamedTuple):
    """One way to set up a channel: the options it needs and those it may have."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()

    def __str__(self) -> str:
        needs = " and ".join(self.needs)
        return f"{needs} (and {', '.join(self.may)} if wanted)" if self.may else needs


USAGES: Final[Mapping[str, tuple[Usage, ...]]] = {
    "apprise": (Usage(needs=("url",)),),
    "console": (Usage(needs=()),),
    "slack": (
        Usage(needs=("token", "channel"), may=("base_url",)),
        Usage(needs=("webhook_url",)),
    ),
    "webhook": (Usage(needs=("url",), may=("headers",)),),
}
"""The kinds of channel and the options of each; the options go to the notifier as they are."""


def options(kind: str) -> tuple[str, ...]:
    """Return what a channel of a kind may be set up with."""
    return tuple(option for usage in USAGES[kind] for option in (*usage.needs, *usage.may))


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
        *dict.fromkeys(option for kind in USAGES for option in options(kind)),
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


YAML_TAG: Final = "tag:yaml.org,2002:"
TEXT_TAGS: Final = frozenset({YAML_TAG + "str"})
NUMBER_TAGS: Final = frozenset({YAML_TAG + "int", YAML_TAG + "float"})


class Form(NamedTuple):
    """What the text of a setting must look like, in words, as a pattern, and what to try.

    ``tags`` are the readings by YAML that are taken, with the text as it was written.
    """

    noun: str
    pattern: re.Pattern[str]
    hint: str
    tags: frozenset[str] = TEXT_TAGS


def _one_of(noun: str, names: Iterable[str]) -> Form:
    names = tuple(names)
    return Form(noun, re.compile("|".join(names)), f"one of {', '.join(names)}")


# 1 to 63 letters, digits and hyphens, the first a letter, no hyphen last or twice running:
# the rule of CreateDBInstance's DBInstanceIdentifier.
INSTANCE: Final = Form(
    "an RDS instance identifier",
    re.compile(r"(?=.{1,63}\Z)[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*"),
    "letters, digits and single hyphens, a letter first, at most 63: the instance's own"
    " name, not a cluster's and not an address",
)
REGION: Final = Form(
    "an AWS region",
    re.compile(r"[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}"),
    "a region's code, such as eu-central-1",
)
CLUSTER: Final = Form("a cluster's identifier", INSTANCE.pattern, "the cluster's own name")
PREFIX: Final = Form(
    "the beginning of instance identifiers",
    re.compile(r"[A-Za-z][A-Za-z0-9-]{0,61}"),
    "what the names of the cluster's instances begin with, such as shop-",
)
# TagResource's rule for keys and values, less what a policy or YAML would take for its own.
TAGGED: Final = Form(
    "a tag of instances",
    re.compile(r"(?!aws:)[A-Za-z0-9_.:/@-]{1,128}=[A-Za-z0-9_.:/@+ -]{1,256}"),
    "key=value, such as slow-query-digest=yes",
)
EMAIL: Final = Form(
    "an e-mail address",
    re.compile(r"[A-Za-z0-9.!#%&'+/=?^_~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"),
    "one address, such as on-call@example.com",
)
KEY_ARN: Final = Form(
    "the ARN of a KMS key",
    re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}"),
    "arn:aws:kms:REGION:ACCOUNT:key/ID; a policy takes no alias",
)
LOG_LINE_PREFIX: Final = Form(
    "a log_line_prefix that can be read",
    re.compile(r"(?=.*%-?[0-9]{0,3}[tmn])(?=.*%-?[0-9]{0,3}[pc])[ -~]{1,200}"),
    "what SHOW log_line_prefix says, in quotes; it needs a time (%t, %m or %n) and"
    " a session (%p or %c)",
)
ENGINE: Final = _one_of("an engine", get_args(Engine))
SORT: Final = _one_of("an order", get_args(Sort))
METRIC: Final = _one_of("a metric", get_args(Metric))
KIND: Final = _one_of("a kind of channel", USAGES)
NAME: Final = Form(
    "a name",
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}"),
    "letters, digits, - and _, at most 63, beginning with a letter or digit",
)
SLACK_CHANNEL: Final = Form(
    "a Slack channel",
    re.compile(r"#?[A-Za-z0-9_-]{1,80}"),
    'a name such as "#slow-queries", in quotes because of the #, or an id such as C0123456789',
)
BASE_URL: Final = Form(
    "an address of Slack's API",
    re.compile(
        r"(?:https://[A-Za-z0-9.-]+|http://(?:localhost|127\.0\.0\.1|\[::1\]))"
        r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]*)?"
    ),
    "https://…, without user, query or fragment; plain http on the loopback interface only",
)
LOGIN: Final = Form(
    "a name of a user or database",
    re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}"),
    "the name as the log shows it, on one line",
)
QUERY_ID: Final = Form(
    "a query id",
    re.compile(r"[0-9A-Fa-f]{16}(?:[0-9A-Fa-f]{16})?"),
    "the 32 hex digits that a digest shows, or the last 16 of them",
    TEXT_TAGS | NUMBER_TAGS,
)
TAG_KEY: Final = Form(
    "a key of a tag",
    re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"),
    "letters, digits, ., - and _, at most 64, as in /*controller=users*/",
)
ZONE: Final = Form(
    "a time zone",
    re.compile(r"[A-Z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}"),
    "UTC, or a name such as Europe/Berlin",
)
TOP: Final = Form(
    "a whole number from 0 to 100",
    re.compile(r"0|[1-9][0-9]?|100"),
    "plain digits, such as 5; 0 is every query",
    NUMBER_TAGS,
)
SECONDS: Final = Form(
    "a number of seconds, 0 or more",
    re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?"),
    "plain digits, such as 2 or 0.5",
    NUMBER_TAGS,
)

HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110, 5.6.2: token
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# Letters, digits and ._- in levels set apart by /: PutParameter's rule for Name.
PARAMETER: Final = re.compile(r"(?:/[A-Za-z0-9_.-]{1,200}){1,15}")
# A key that could be a misplaced secret is not named: real keys have no digits.
SHOWABLE: Final = re.compile(r"[A-Za-z_-]{1,32}")

TEXT_OPTIONS: Final[Mapping[str, Form]] = {
    "channel": SLACK_CHANNEL,
    "base_url": BASE_URL,
}
"""The options of channels that are no secrets; headers are a mapping of secrets."""

TWICE: Final = "this instance is listed a second time"


def for_instances(names: Iterable[str], region: str | None) -> Settings:
    """Return settings without a file: these instances, no channel, all else by default.

    Raises :class:`ConfigError` on a name or region that RDS cannot have, or a repeated name.
    """
    problems = []
    instances: dict[str, Instance] = {}
    for position, name in enumerate(names):
        key = f"instances[{position}]"
        if not INSTANCE.pattern.fullmatch(name):
            problems.append(Problem("", 0, key, f"this is not {INSTANCE.noun}", INSTANCE.hint))
        elif name.lower() in instances:
            problems.append(Problem("", 0, key, TWICE, "name each instance once"))
        else:
            instances[name.lower()] = Instance(name.lower(), region)
    if region is not None and not REGION.pattern.fullmatch(region):
        problems.append(Problem("", 0, "region", f"this is not {REGION.noun}", REGION.hint))
    if problems:
        raise ConfigError(tuple(problems))
    return Settings(instances=tuple(instances.values()), region=region)
