"""Creating channels from what was configured."""

import subprocess
import sys
from pathlib import Path

import pytest

import notifiers
from notifiers.options import OptionError
from notifiers.webhook import Webhook

HUSH = "zq7-hush-hush-zq7"
WORKING: dict[str, dict[str, object]] = {
    "apprise": {"url": f"json://example.com/{HUSH}"},
    "console": {},
    "slack": {"token": HUSH, "channel": "#langsame-abfragen-ü"},
    "webhook": {"url": f"https://example.com/{HUSH}", "headers": {"X-Key": HUSH}},
}


def test_the_package_is_ours_and_not_the_distribution_of_that_name() -> None:
    assert Path(notifiers.__file__).parents[1] == Path(__file__).parents[2]


@pytest.mark.parametrize("kind", notifiers.CHANNELS)
def test_every_kind_can_be_created(kind: str) -> None:
    assert type(notifiers.create(kind, **WORKING[kind])).__name__.lower() == kind


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("pigeon", {}, "pigeon.*console, slack, webhook"),
        ("apprise", {"url": f"pigeon://{HUSH}"}, "url is no address of a service"),
        ("apprise", {"url": f"{HUSH} {HUSH}"}, "url holds a blank"),
        ("console", {"stream": 1}, "no option stream.*takes no options"),
        ("slack", {"tokn": HUSH}, "no option tokn.*token, channel, webhook_url"),
        ("slack", {"sleep": HUSH}, "no option sleep"),
        ("slack", {}, "token and channel, or webhook_url"),
        ("slack", {"token": HUSH}, "token and channel, or webhook_url"),
        ("slack", {"token": HUSH, "channel": ""}, "channel is empty"),
        ("slack", {"token": HUSH, "channel": "a\nb"}, "channel holds a line break"),
        ("slack", {"token": f"{HUSH}\n", "channel": "C1"}, "token holds"),
        ("slack", {"token": f"{HUSH}ü", "channel": "C1"}, "token holds"),
        ("slack", {"token": 7, "channel": "C1"}, "token is a int"),
        ("slack", {"token": HUSH, "channel": "C1", "base_url": "http://example.com"}, "base_url"),
        ("slack", {"webhook_url": f"http://hooks.example.com/{HUSH}"}, "webhook_url is not enc"),
        ("slack", {"webhook_url": "https://example.com", "channel": "C1"}, "or two"),
        ("webhook", {}, "lacks the option url"),
        ("webhook", {"url": f"http://example.com/{HUSH}"}, "url is not encrypted"),
        ("webhook", {"url": f"http://127.0.0.1.example.com/{HUSH}"}, "url is not encrypted"),
        ("webhook", {"url": f"http://localhost.example.com/{HUSH}"}, "url is not encrypted"),
        ("webhook", {"url": f"file:///{HUSH}"}, "url is no address"),
        ("webhook", {"url": f"ftp://localhost/{HUSH}"}, "url is not encrypted"),
        ("webhook", {"url": HUSH}, "url is no address"),
        ("webhook", {"url": f"https://[{HUSH}"}, "url is no address"),
        ("webhook", {"url": f"https://example.com:{HUSH}"}, "url is no address"),
        ("webhook", {"url": f"https://me:{HUSH}@example.com"}, "user name"),
        ("webhook", {"url": f"https://example.com/{HUSH} x"}, "url holds a blank"),
        ("webhook", {"url": f"https://example.com/{HUSH}\r\nX: y"}, "url holds a line break"),
        ("webhook", {"url": "https://example.com", "headers": HUSH}, "headers is no mapping"),
        ("webhook", {"url": "https://example.com", "headers": {f"{HUSH}:": "x"}}, "name that"),
        ("webhook", {"url": "https://example.com", "headers": {"X": f"{HUSH}\n"}}, "headers.X"),
        ("webhook", {"url": "https://example.com", "headers": {"X": 7}}, "headers.X is a int"),
    ],
)
def test_what_cannot_be_created_is_said_without_values(
    kind: str, options: dict[str, object], said: str
) -> None:
    with pytest.raises(OptionError, match=said) as raised:
        notifiers.create(kind, **options)
    assert "try: " in str(raised.value)
    assert HUSH not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize("host", ["127.0.0.1:9", "127.8.8.8:9", "[::1]:9", "localhost:9"])
def test_this_machine_itself_may_be_spoken_to_in_the_clear(host: str) -> None:
    assert isinstance(notifiers.create("webhook", url=f"http://{host}/"), Webhook)


def test_slack_is_imported_only_when_a_slack_channel_is_created() -> None:
    script = (
        "import sys, notifiers;"
        "notifiers.create('console'); notifiers.create('webhook', url='https://example.com');"
        "print('slack_sdk' in sys.modules);"
        "notifiers.create('slack', webhook_url='https://example.com');"
        "print('slack_sdk' in sys.modules)"
    )
    root = Path(notifiers.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
