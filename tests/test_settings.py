"""Settings: what is read, what is refused, and that no value is ever shown."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from notifiers import CHANNELS, create
from slowquery.digest import SORTS
from slowquery.model import SqlMode
from slowquery.settings import (
    ByCluster,
    ByTag,
    Channel,
    ConfigError,
    HealthRights,
    Ignore,
    Instance,
    Option,
    Secret,
    SecretRef,
    Settings,
    SsmParameter,
)
from slowquery.settings_file import load
from slowquery.settings_forms import for_instances, known_keys
from tests.conftest import Golden

ROOT = Path(__file__).parent.parent
GALLERY = Path(__file__).parent / "settings_gallery"
BROKEN = sorted((GALLERY / "broken").glob("*.yml"))
EVERY = (GALLERY / "valid" / "every_setting.yml").read_text(encoding="utf-8")

HUSH = "4711-hush"
"""Stands for a secret that somebody put into the file; no error may show it."""

NO_NAME = f"§{HUSH}§"
"""The same where it may come to stand as a key: names that the operator chose are shown."""

VEIL = "~veil~"
"""Stands for a secret in the environment; neither errors nor settings may show it."""

ENVIRON = {
    "SLACK_TOKEN": f"xoxb-{VEIL}",
    "HOOK_URL": f"https://hooks.example.com/{VEIL}",
    "HOOK_AUTHORIZATION": f"Bearer {VEIL}",
    "TWO_LINES": f"{VEIL}\n",
    "EMPTY": "",
    "INSTANCE": "shop-db",
    "CHANNEL": "C0123456789",
    "TOP": "7",
    "SECONDS": "0.25",
    "SORT": "max",
}


def read(name: str) -> Settings:
    file = GALLERY / "valid" / f"{name}.yml"
    return load(file.read_text(encoding="utf-8"), ENVIRON, file=file.name)


def error(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(text, ENVIRON, file="settings.yml")
    return caught.value


def everything_shown(problem: BaseException) -> str:
    """All that a traceback could print of an error, its causes included."""
    shown = ""
    seen: BaseException | None = problem
    while seen is not None:
        shown += f"{seen} {seen!r} {seen.args!r}"
        seen = seen.__cause__ or seen.__context__
    return shown


def assert_hidden(shown: str) -> None:
    assert HUSH not in shown
    assert VEIL not in shown


# The gallery.


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_file_gives_the_error_beside_it(file: Path, golden: Golden) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file.read_text(encoding="utf-8"), ENVIRON, file=file.name)
    golden.check(file.with_suffix(".txt"), f"{caught.value}\n")
    assert_hidden(everything_shown(caught.value))


def test_every_error_of_the_gallery_belongs_to_a_file() -> None:
    texts = {file.stem for file in (GALLERY / "broken").glob("*.txt")}
    assert texts == {file.stem for file in BROKEN}


def test_one_instance_is_enough() -> None:
    assert read("one_instance") == Settings(instances=(Instance("shop-db"),))


def test_every_setting_arrives() -> None:
    token, url, authorization = (
        Secret(ENVIRON[name]) for name in ("SLACK_TOKEN", "HOOK_URL", "HOOK_AUTHORIZATION")
    )
    bot: dict[str, Option] = {
        "token": token,
        "channel": "#slow-queries",
        "base_url": "http://127.0.0.1:8080/api/",
    }
    incoming: dict[str, Option] = {"webhook_url": SsmParameter("/slowquery/webhook")}
    headers: dict[str, SecretRef] = {
        "Authorization": authorization,
        "X-Team": SsmParameter("/slowquery/team"),
    }
    assert read("every_setting") == Settings(
        instances=(
            Instance("shop-db", region="eu-central-1", channels=("bot", "incoming")),
            Instance(
                "billing-db",
                "us-gov-west-1",
                "mysql",
                ("hook",),
                required=True,
                log_line_prefix="%t [%p] ",
            ),
        ),
        channels=(
            Channel("bot", "slack", bot),
            Channel("incoming", "slack", incoming),
            Channel("hook", "webhook", {"url": url, "headers": headers}),
            Channel("terminal", "console"),
            Channel("mail", "apprise", {"url": SsmParameter("/slowquery/mail")}),
        ),
        region="eu-central-1",
        top=10,
        sort="p95",
        min_total_time=2_500_000,
        quiet=False,
        timezone="Europe/Berlin",
        show_hosts=True,
        tags=("controller", "action"),
        ignore=Ignore(
            users=frozenset({"backup"}),
            databases=frozenset({"scratch"}),
            query_ids=frozenset({"8F3A0C55D2E94B17", "0123456789012345"}),
        ),
        sql_mode=SqlMode(ansi_quotes=True, no_backslash_escapes=True),
        log_line_prefix="%m [%p] %u@%d ",
        metrics=("QueryTime", "SlowQueries"),
        health=HealthRights(parameters=True, metrics=True, alarms=True),
        alarm_email="on-call@example.com",
        kms_key="arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    )


def test_instances_are_found_by_a_tag_or_in_a_cluster() -> None:
    assert read("found_by_tag").finds == ByTag("slow-query-digest", "yes")
    assert read("found_in_a_cluster").finds == ByCluster("shop", "web-")


def test_every_known_key_stands_in_the_file_that_has_every_setting() -> None:
    found = [file.read_text(encoding="utf-8") for file in (GALLERY / "valid").glob("found_*.yml")]
    written = set(re.findall(r"([a-z_]+):", "".join([EVERY, *found])))
    assert {key.rpartition(".")[2] for key in known_keys()} <= written


def test_own_channels_go_before_groups_and_groups_before_all() -> None:
    settings = read("channels_by_group")
    names = {instance.name: list(instance.channels) for instance in settings.instances}
    assert names == {
        "everywhere": ["a", "b", "c"],
        "grouped": ["a"],
        "twice-grouped": ["a", "b"],
        "own": ["c"],
        "nowhere": [],
    }


def test_texts_numbers_and_secrets_come_from_the_environment() -> None:
    token = Secret(ENVIRON["SLACK_TOKEN"])
    assert read("from_the_environment") == Settings(
        instances=(Instance("shop-db", channels=("team",)),),
        channels=(Channel("team", "slack", {"token": token, "channel": "C0123456789"}),),
        top=7,
        min_total_time=250_000,
        sort="max",
    )


def test_quotes_keep_yaml_from_reading_text_as_something_else() -> None:
    settings = read("quoted_against_yaml_1_1")
    assert settings.instances == (Instance("no"),)
    users = {"on", "007", "13:00", "2026-03-22", "null", "~"}
    assert settings.ignore.users == users | {"rdsadmin"}


@pytest.mark.parametrize(
    ("written", "users"),
    [
        ("", {"rdsadmin"}),
        ("ignore: {users: [etl]}", {"rdsadmin", "etl"}),
        ("include_rdsadmin: true", set()),
        ("include_rdsadmin: true, ignore: {users: [rdsadmin]}", {"rdsadmin"}),
    ],
)
def test_rdsadmin_is_left_out_unless_asked_for(written: str, users: set[str]) -> None:
    settings = load(f"{{instances: [a], {written}}}", {}, file="settings.yml")
    assert settings.ignore.users == users


@pytest.mark.parametrize(
    "name", ["a", "A1", "a" * 63, "-".join("a" * 32), "a-1", "no-db", "env-db"]
)
def test_names_that_rds_takes_are_taken(name: str) -> None:
    assert for_instances([name], None).instances[0].name == name.lower()


# Without a file.


def test_instances_without_a_file_have_the_defaults() -> None:
    expected = load("{instances: [a, b], region: eu-west-1}", {}, file="settings.yml")
    assert for_instances(["a", "B"], "eu-west-1") == expected


def test_instances_without_a_file_are_checked_all_the_same() -> None:
    with pytest.raises(ConfigError) as caught:
        for_instances(["a", "4711_hush", "A"], "Frankfurt")
    keys = [problem.key for problem in caught.value.problems]
    assert keys == ["instances[1]", "instances[2]", "region"]
    assert str(caught.value).startswith("instances[1]: this is not an RDS instance identifier\n")
    assert "hush" not in everything_shown(caught.value)


# Hostile files.


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# long\n" * 20_000, id="long"),
        pytest.param("[" * 90_000, id="brackets"),
        pytest.param("? " * 45_000, id="complex-keys"),
        pytest.param("- " * 45_000, id="dashes"),
        pytest.param("%YAML 1." + "9" * 5_000 + "\n---\ninstances: [a]", id="digits"),
        pytest.param("instances: [a]\ntop: " + "9" * 5_000, id="number"),
        pytest.param("instances: [a]\nx: \ud800", id="surrogate"),
        pytest.param("", id="nothing"),
        pytest.param("\0", id="nul"),
    ],
)
def test_a_hostile_file_is_refused(text: str) -> None:
    assert 1 <= len(error(text).problems) <= 2


def test_no_more_than_twenty_problems_are_listed() -> None:
    many = "".join(f"key_{letter * 2}: 1\n" for letter in "abcdefghijklmnopqrstuvwxyz")
    assert len(error(many).problems) == 20


def test_problems_stand_in_the_order_of_the_file() -> None:
    lines = [problem.line for problem in error("top: x\nquiet: 1\nregion: 2\nfoo: 3").problems]
    assert lines == [1, 1, 2, 3, 4]


# Nothing but ConfigError, and never a value.

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.sampled_from([HUSH, f"env/{HUSH}", f"ssm:{HUSH}", "env/SLACK_TOKEN", "shop-db", "slack"]),
    st.text(max_size=8),
)
WORDS = st.sampled_from(sorted({key.rpartition(".")[2] for key in known_keys()}))
TREES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(WORDS | st.text(max_size=3), below, max_size=4),
    ),
    max_leaves=12,
)
SNIPPETS = st.sampled_from(
    [*"\n\t :#-?,[]{}&*!|>'\"%@`~<=.0", "  ", ": ", "- ", "---\n", "env/", "ssm:/"]
)


def check(text: str) -> None:
    """Load ``text``; whatever comes of it, no secret is shown."""
    try:
        settings = load(text, ENVIRON, file="settings.yml")
    except ConfigError as refused:
        shown = everything_shown(refused)
    else:
        shown = repr(settings.channels).replace(HUSH, "")
    assert_hidden(shown)


@given(st.text())
@example('"\\UFFFFFFFF"')
@example("%YAML 1.1\n%YAML 1.1\n---")
def test_any_text_loads_or_is_refused(text: str) -> None:
    check(text)


@given(st.lists(WORDS | SNIPPETS | st.just(NO_NAME), max_size=40).map("".join))
def test_any_text_of_yaml_s_own_marks_loads_or_is_refused(text: str) -> None:
    check(text)


@given(st.dictionaries(WORDS, TREES))
def test_any_tree_loads_or_is_refused(tree: dict[str, object]) -> None:
    check(yaml.safe_dump(tree))


@given(st.integers(0, len(EVERY)), st.integers(0, 12), SNIPPETS | st.just(NO_NAME))
def test_a_good_file_damaged_anywhere_loads_or_is_refused(at: int, cut: int, put: str) -> None:
    check(EVERY[:at] + put + EVERY[at + cut :])


@pytest.mark.parametrize(
    "line", [number for number, line in enumerate(EVERY.splitlines()) if line.strip()]
)
def test_a_secret_put_at_any_setting_is_not_shown(line: int) -> None:
    lines = EVERY.splitlines()
    lines[line] = re.sub(r"([:-] |:$).*|$", rf"\1 {HUSH}", lines[line], count=1)
    check("\n".join(lines))


# A secret is a type.


def test_a_secret_shows_itself_to_nobody_but_who_asks() -> None:
    secret = Secret(HUSH)
    assert secret.reveal() == HUSH
    channel = Channel("c", "webhook", {"url": secret})
    settings = for_instances(["a"], None)._replace(channels=(channel,))
    texts = [f"{it}{it!r}{it!s}{[it]}" for it in (secret, settings, settings.channels)]
    texts.append(json.dumps({"secret": secret}, default=str))
    assert HUSH not in "".join(texts)


@pytest.mark.parametrize(
    "leave",
    [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, "{:>20}".format],
    ids=["pickle", "copy", "deepcopy", "json", "format"],
)
def test_a_secret_does_not_leave_by_other_doors(leave: object) -> None:
    assert callable(leave)
    with pytest.raises(TypeError) as caught:
        leave(Secret(HUSH))
    assert HUSH not in everything_shown(caught.value)


@pytest.mark.parametrize(
    "leave", [pickle.dumps, copy.deepcopy, json.dumps], ids=["pickle", "deepcopy", "json"]
)
def test_a_secret_does_not_leave_with_its_channel(leave: object) -> None:
    assert callable(leave)
    with pytest.raises(TypeError) as caught:
        leave(Channel("c", "webhook", {"url": Secret(HUSH)}))
    assert HUSH not in everything_shown(caught.value)


@pytest.mark.parametrize("text", ["", " a", "a ", "a\n", "a\nb", "a\x7f", "é", "\ud800"])
def test_a_secret_that_would_break_a_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a secret is one line") as caught:
        Secret(f"{text}{HUSH}{text}" if text else text)
    assert HUSH not in everything_shown(caught.value)


def test_secrets_are_compared_by_their_text() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_an_error_survives_pickling() -> None:
    refused = error("top: x")
    assert str(pickle.loads(pickle.dumps(refused))) == str(refused)  # noqa: S301 - our own bytes


# The documentation.

DOCS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = {
    path: (default, sample)
    for path, default, sample in re.findall(
        r"^\| `([a-zA-Z_.\[\]]+)` \| [^|]+ \| ([^|]+) \| `([^|]+)` \| [^|]+ \|$", DOCS, re.MULTILINE
    )
}


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert sorted(ROWS) == sorted(known_keys())


def test_the_documented_defaults_are_the_defaults() -> None:
    defaults = "".join(
        f"{path}: {default.strip('`')}\n"
        for path, (default, _) in ROWS.items()
        if "." not in path and default.startswith("`")
    )
    settings = load(f"instances: [a]\n{defaults}", {}, file="settings.md")
    assert settings == for_instances(["a"], None)


@pytest.mark.parametrize("path", [path for path in ROWS if not path.startswith("channels.NAME")])
def test_a_documented_example_loads(path: str) -> None:
    tree: dict[str, object] = {"instances": ["shop-db"], "channels": {"team": {"kind": "console"}}}
    parent, _, key = path.rpartition(".")
    sample = {key: yaml.safe_load(ROWS[path][1])}
    if parent == "instances[]":
        tree["instances"] = [{"name": "shop-db", **sample}]
    elif parent == "instances":
        tree["instances"] = {"cluster": "shop", **sample} if key == "prefix" else sample
    elif parent == "groups.NAME":
        tree["groups"] = {"shops": {"instances": ["shop-db"], "channels": ["team"], **sample}}
    else:
        tree |= {parent: sample} if parent else sample
    found = load(yaml.safe_dump(tree), ENVIRON, file="settings.md")
    assert found.instances or found.finds


def opened(option: Option) -> object:
    if isinstance(option, Mapping):
        return {name: opened(value) for name, value in option.items()}
    if isinstance(option, SsmParameter):
        return "https://hooks.example.com/"
    return option.reveal() if isinstance(option, Secret) else option


def test_the_kinds_and_orders_are_those_that_exist() -> None:
    for form, names in ("kind", CHANNELS), ("sort", SORTS):
        text = f"{{instances: [a], channels: {{c: {{kind: {HUSH}}}}}, sort: {HUSH}}}"
        (hint,) = (it.hint for it in error(text).problems if it.key.endswith(form))
        assert sorted(hint.removeprefix("one of ").split(", ")) == sorted(names)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("console", ""),
        ("slack", "token channel"),
        ("slack", "token channel base_url"),
        ("slack", "webhook_url"),
        ("webhook", "url"),
        ("webhook", "url headers"),
    ],
)
def test_a_documented_channel_loads(kind: str, options: str) -> None:
    samples = {name: yaml.safe_load(ROWS[f"channels.NAME.{name}"][1]) for name in options.split()}
    tree = {"instances": ["shop-db"], "channels": {"team": {"kind": kind, **samples}}}
    (channel,) = load(yaml.safe_dump(tree), ENVIRON, file="settings.md").channels
    assert (channel.kind, sorted(channel.options)) == (kind, sorted(samples))
    options_as_sent = {name: opened(value) for name, value in channel.options.items()}
    assert callable(create(kind, **options_as_sent).send)


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL))
def test_a_documented_file_loads(block: str) -> None:
    assert load(block, ENVIRON, file="settings.md").channels


def test_the_example_loads_as_it_is_and_with_its_comments_taken_away() -> None:
    text = (ROOT / "settings.example.yml").read_text(encoding="utf-8")
    settings = load(text, {"SLACK_TOKEN": "not-a-token"}, file="settings.example.yml")
    assert [instance.name for instance in settings.instances] == ["shop-db", "billing-db"]
    assert settings.ignore == Ignore()
    whole = re.sub(r"^( *)# (?= *[a-z_]+:(?: |$))", r"\1", text, flags=re.MULTILINE)
    full = load(whole, {"SLACK_TOKEN": "not-a-token"}, file="settings.example.yml")
    assert [channel.name for channel in full.channels] == ["team", "incidents"]
    assert full.alarm_email == "on-call@example.com"
    rest = full._replace(instances=(), channels=(), alarm_email=None)
    assert rest == settings._replace(instances=(), channels=())


def test_the_documented_error_is_the_error() -> None:
    (shown,) = re.findall(r"```\n(settings.yml:7: .*?)\n```", DOCS, re.DOTALL)
    channel = "{kind: slack, channel: c,\n  token: env/SLACK_TOKEN}"
    text = f"\n\n\ninstances: [a]\nchannels:\n team: {channel}"
    with pytest.raises(ConfigError, match=re.escape(shown)):
        load(text, {}, file="settings.yml")


def test_who_does_not_post_needs_no_secret() -> None:
    text = EVERY.replace("env/SLACK_TOKEN", "env/NOT_SET")
    with pytest.raises(ConfigError, match="the variable NOT_SET is not set"):
        load(text, ENVIRON, file="settings.yml")
    found = load(text, {}, file="settings.yml", posts=False)
    assert found.top == 10
    assert [channel.name for channel in found.channels] == [
        "bot",
        "incoming",
        "hook",
        "terminal",
        "mail",
    ]


def test_a_secret_in_the_clear_is_refused_all_the_same() -> None:
    text = EVERY.replace("env/SLACK_TOKEN", "xoxb-in-the-clear")
    with pytest.raises(ConfigError, match="a secret must come from"):
        load(text, {}, file="settings.yml", posts=False)
