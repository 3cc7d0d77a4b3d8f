"""The settings file: one YAML text becomes one frozen value.

:func:`load` is pure. It takes the file's text and the environment as arguments, and
either returns :class:`Settings` or raises one :class:`ConfigError` that lists every
problem it found, each with its line and key. Keys are named in an error; values never
are, because any value may be a secret that was put in the wrong place.

The file is read as a graph of nodes, each with its line, and never constructed by YAML:
what a scalar means is decided here, by the setting it stands at. So ``no``, ``010`` and
``13:00`` cannot turn into something that nobody wrote. Anchors, aliases, merge keys and
tags are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, NoReturn, cast

import yaml

from slowquery import settings_forms as forms
from slowquery.model import SECOND, Engine, Metric, Sort, SqlMode
from slowquery.settings import (
    FILE,
    RDSADMIN,
    VARIABLE,
    ByCluster,
    ByTag,
    Channel,
    ConfigError,
    Finds,
    HealthRights,
    Ignore,
    Instance,
    Option,
    Problem,
    Secret,
    SecretRef,
    Settings,
    SsmParameter,
)

_MOST_TAGS: Final = 8
_LONGEST: Final = 100_000
"""Characters of a settings file; a thousand instances fit."""
_DEEPEST: Final = 20
"""Levels of nesting; the settings themselves have four."""
_MOST: Final = 20
"""Problems that one error lists: enough for a round of fixing."""

_NULL: Final = forms.YAML_TAG + "null"
_READ_AS: Final[Mapping[str, str]] = {
    forms.YAML_TAG + "bool": "true or false",
    forms.YAML_TAG + "int": "a number",
    forms.YAML_TAG + "float": "a number",
    forms.YAML_TAG + "timestamp": "a date",
}
"""What YAML 1.1 makes of plain text that was not meant so."""

_ENV: Final = "env/"
_SSM: Final = "ssm:"
_FLAG_HINT: Final = "write true or false, without quotes"
_UNSHOWN: Final = "…"
_COMPARED: Final = 64
"""Characters of a name up to which others are searched for a near one."""


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


class _At(NamedTuple):
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
        given = self.fields(at, forms.KEYS[""])
        self.require(at, given, "instances")
        default = Settings(instances=())
        region = self.text(given["region"], forms.REGION)
        channels = {
            name: self.channel(name, place) for name, place in self.named(given["channels"]).items()
        }
        members = self.groups(given["groups"], tuple(channels))
        top = self.text(given["top"], forms.TOP)
        ignore = self.ignore(given["ignore"], given["include_rdsadmin"])
        metrics = cast("list[Metric]", self.texts(given["metrics"], forms.METRIC))
        settings = Settings(
            instances=self.instances(given["instances"], members, tuple(channels), region),
            channels=tuple(channels.values()),
            region=region,
            top=default.top if top is None else int(top),
            sort=cast("Sort", self.text(given["sort"], forms.SORT) or default.sort),
            min_total_time=self.microseconds(given["min_total_time"], default.min_total_time),
            quiet=self.flag(given["quiet"], default=default.quiet),
            timezone=self.zone(given["timezone"]) or default.timezone,
            show_hosts=self.flag(given["show_hosts"], default=default.show_hosts),
            tags=self.tags(given["tags"]),
            ignore=ignore,
            sql_mode=self.sql_mode(given["sql_mode"], default.sql_mode),
            log_line_prefix=self.text(given["log_line_prefix"], forms.LOG_LINE_PREFIX),
            metrics=default.metrics
            if given["metrics"].node is None
            else tuple(dict.fromkeys(metrics)),
            health=self.health(given["health"]),
            finds=self.finds(given["instances"], given["groups"]),
            alarm_email=self.text(given["alarm_email"], forms.EMAIL),
            kms_key=self.text(given["kms_key"], forms.KEY_ARN),
        )
        if self.problems:
            self.stop()
        return settings

    def channel(self, called: str, at: _At) -> Channel:
        given = self.pairs(at, forms.SHOWABLE)
        if not isinstance(at.node, yaml.MappingNode):
            return Channel(called, kind="")
        missing = at.below("kind", at.line, None)
        self.require(at, {"kind": given.get("kind", missing)}, "kind")
        kind = self.text(given.pop("kind", missing), forms.KIND)
        if kind is None:
            return Channel(called, kind="")
        options = forms.options(kind)
        if self.known(given, ("kind", *options)) and not any(
            set(usage.needs) <= set(given) <= {*usage.needs, *usage.may}
            for usage in forms.USAGES[kind]
        ):
            what = f"these options do not make a channel of kind {kind}"
            self.wrong(at, what, f"give {', or '.join(map(str, forms.USAGES[kind]))}")
        values = {name: self.option(name, given[name]) for name in options if name in given}
        return Channel(
            called, kind, {key: value for key, value in values.items() if value is not None}
        )

    def option(self, option: str, at: _At) -> Option | None:
        if option in forms.TEXT_OPTIONS:
            return self.text(at, forms.TEXT_OPTIONS[option])
        if option == "headers":
            return self.headers(at)
        return self.secret(at)

    def headers(self, at: _At) -> Mapping[str, SecretRef]:
        found = {}
        for name, place in self.pairs(at, forms.HEADER).items():
            if not forms.HEADER.fullmatch(name):
                self.wrong(place, "this is not a header's name", "a name such as Authorization")
            value = self.secret(place)
            if value is not None:
                found[name] = value
        return found

    def groups(self, at: _At, channels: tuple[str, ...]) -> list[_Member]:
        members = []
        for place in self.named(at).values():
            given = self.fields(place, forms.KEYS["groups.NAME"])
            self.require(place, given, "instances", "channels")
            names = self.channel_names(given["channels"], channels)
            for item in self.items(given["instances"]):
                instance = self.text(item, forms.INSTANCE)
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
            name = (self.text(given["name"], forms.INSTANCE) or "").lower()
            engine = self.text(given["engine"], forms.ENGINE)
            own = self.channel_names(given["channels"], channels)
            if given["channels"].node is None:
                own = tuple(by_group.get(name, channels))
            instance = Instance(
                name=name,
                region=self.text(given["region"], forms.REGION) or region,
                engine=cast("Engine | None", engine),
                log_line_prefix=self.text(given["log_line_prefix"], forms.LOG_LINE_PREFIX),
                channels=own,
                required=self.flag(given["required"], default=False),
            )
            if name in found:
                self.wrong(given["name"], forms.TWICE, "keep one of the two")
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
        given = self.fields(at, forms.KEYS["instances"])
        if groups.node is not None:
            self.wrong(groups, "groups need instances by name", "list the instances")
        by_tag, by_cluster = (given[key].node is not None for key in ("tag", "cluster"))
        if by_tag == by_cluster:
            self.wrong(at, "instances are found in one way", "give tag, or cluster, or a list")
        if by_tag:
            tag = self.text(given["tag"], forms.TAGGED)
            if given["prefix"].node is not None:
                self.wrong(given["prefix"], "a tag has no prefix", "leave it out")
            return ByTag(*tag.split("=", 1)) if tag else None
        name = self.text(given["cluster"], forms.CLUSTER)
        prefix = self.text(given["prefix"], forms.PREFIX) or f"{name}-"
        return ByCluster(name.lower(), prefix.lower()) if name else None

    def instance_fields(self, item: _At) -> dict[str, _At]:
        keys = forms.KEYS["instances[]"]
        if isinstance(item.node, yaml.MappingNode):
            given = self.fields(item, keys)
            self.require(item, given, "name")
            return given
        return {**{key: item.below(key, item.line, None) for key in keys}, "name": item}

    def channel_names(self, at: _At, channels: tuple[str, ...]) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for item in self.items(at):
            name = self.text(item, forms.NAME)
            if name in channels:
                names[name] = None
            elif name is not None:
                what = f"there is no channel of this name{_near(name, channels)}"
                self.wrong(item, what, "write one of the names that stand under channels")
        return tuple(names)

    def ignore(self, at: _At, include_rdsadmin: _At) -> Ignore:
        given = self.fields(at, forms.KEYS["ignore"])
        users = set(self.texts(given["users"], forms.LOGIN))
        if not self.flag(include_rdsadmin, default=False):
            users.add(RDSADMIN)
        return Ignore(
            users=frozenset(users),
            databases=frozenset(self.texts(given["databases"], forms.LOGIN)),
            query_ids=frozenset(map(str.upper, self.texts(given["query_ids"], forms.QUERY_ID))),
        )

    def tags(self, at: _At) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(self.texts(at, forms.TAG_KEY)))
        if len(names) > _MOST_TAGS:
            self.wrong(at, f"these are more than {_MOST_TAGS}", "list those that you look at")
        return names

    def sql_mode(self, at: _At, default: SqlMode) -> SqlMode:
        given = self.fields(at, forms.KEYS["sql_mode"])
        return SqlMode(
            ansi_quotes=self.flag(given["ansi_quotes"], default=default.ansi_quotes),
            no_backslash_escapes=self.flag(
                given["no_backslash_escapes"], default=default.no_backslash_escapes
            ),
        )

    def health(self, at: _At) -> HealthRights:
        given = self.fields(at, forms.KEYS["health"])
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
            if not isinstance(key, yaml.ScalarNode) or key.tag not in forms.TEXT_TAGS:
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
        found = self.pairs(at, forms.SHOWABLE)
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
        found = self.pairs(at, forms.NAME.pattern)
        for name, place in found.items():
            if not forms.NAME.pattern.fullmatch(name):
                self.wrong(place, f"this is not {forms.NAME.noun}", forms.NAME.hint)
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

    def text(self, at: _At, form: forms.Form) -> str | None:
        """Return the text of a setting, from the file or the environment."""
        node = self.scalar(at, form.noun, form.hint)
        if node is None:
            return None
        value = str(node.value)
        if node.tag in forms.TEXT_TAGS and value.startswith(_ENV):
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
        elif node.tag in forms.TEXT_TAGS:
            self.wrong(at, f"this is text, and not {form.noun}", "leave the quotes out")
        else:
            read_as = _READ_AS.get(node.tag, "something else")
            self.wrong(at, f"YAML reads this as {read_as}, not as text", "write it in quotes")
        return None

    def variable(self, at: _At, value: str, hint: str) -> str | None:
        """Look up what ``env/NAME`` names; ``{}`` in ``hint`` becomes the name."""
        name = value.removeprefix(_ENV)
        if not forms.VARIABLE_NAME.fullmatch(name):
            what = "env/ is not followed by the name of a variable"
            self.wrong(at, what, "env/NAME: letters, digits and _, no digit first")
        elif name not in self.environ:
            self.wrong(at, f"the variable {name} is not set", hint.format(name))
        elif not self.environ[name]:
            self.wrong(at, f"the variable {name} is empty", hint.format(name))
        else:
            return self.environ[name]
        return None

    def texts(self, at: _At, form: forms.Form) -> list[str]:
        found = (self.text(item, form) for item in self.items(at))
        return [text for text in found if text is not None]

    def zone(self, at: _At) -> str | None:
        name = self.text(at, forms.ZONE)
        if name is not None and not _zone_exists(name):
            hint = f"{forms.ZONE.hint}; where no zone is found at all, install tzdata"
            self.wrong(at, "no such time zone is known here", hint)
        return name

    def microseconds(self, at: _At, default: int) -> int:
        text = self.text(at, forms.SECONDS)
        if text is None:
            return default
        seconds, _, fraction = text.partition(".")
        return int(seconds) * SECOND + int(fraction.ljust(6, "0"))

    def flag(self, at: _At, *, default: bool) -> bool:
        node = self.scalar(at, "true or false", _FLAG_HINT)
        if node is None:
            return default
        if node.tag != forms.YAML_TAG + "bool":
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
            try:
                return Secret(found)
            except ValueError:
                name = node.value[len(_ENV) :]
                what = f"the variable {name} does not hold one line of printable ASCII"
            self.wrong(at, what, "remove line ends and blanks around the secret")
        elif not node.value.startswith(_SSM):
            what = "a secret must come from env/… or ssm:/…, not stand here"
            hint = f"write env/NAME or {parameter}; renew the secret if others saw this file"
            self.wrong(at, what, hint)
        elif forms.PARAMETER.fullmatch(node.value, len(_SSM)):
            return SsmParameter(node.value[len(_SSM) :])
        else:
            what = "ssm: is not followed by the path of a parameter"
            self.wrong(at, what, f"letters, digits, ., _ and - after each /, as in {parameter}")
        return None


class _Member(NamedTuple):
    """An instance as a group names it."""

    at: _At
    instance: str
    channels: tuple[str, ...]


def _near(text: str, names: Iterable[str]) -> str:
    """Ask whether the nearest of ``names`` was meant, if one is near."""
    from difflib import get_close_matches  # noqa: PLC0415 - a file without a mistake does without

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
