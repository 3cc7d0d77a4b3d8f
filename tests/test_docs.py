"""The documentation is true: what it names is there, and what is there it names."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from invoke.tasks import Task

import tasks
from slowquery import cli, invocation, metrics
from slowquery.health import page as health_page
from slowquery.settings_file import load
from slowquery.settings_forms import known_keys
from slowquery.window import parse_time
from tests.conftest import Golden
from tests.sandbox import demo
from tests.sandbox.slack_stand_in import as_text

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
}
README = PAGES["README.md"]
NOW = parse_time("2026-11-22T14:30Z", 0)


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its commands."""
    yield parser
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            for command in action.choices.values():
                yield from parsers(command)


COMMANDS = {parser.prog: parser for parser in parsers(cli.parser())}


def test_readme_shows_the_message_that_the_demo_posts(golden: Golden) -> None:
    posts, _ = demo.run()
    picture = "<!-- the picture: the message that `python3 tasks.py demo` posts -->\n```\n{}```\n"
    pattern = re.escape(picture).replace(r"\{\}", "(?:.*?\n)??")
    shown = picture.format(as_text(posts[0]) + "\n")
    page, count = re.subn(pattern, lambda _: shown, README, flags=re.DOTALL)
    assert count == 1
    golden.check(ROOT / "README.md", page)


def test_readme_shows_the_page_that_the_health_check_makes_of_the_demo(golden: Golden) -> None:
    begin = "<!-- the page: what `slowquery health` says of the demo's databases -->\n```\n"
    before, _, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(begin)
    _, end, after = rest.partition("```\n")
    shown = health_page.text(demo.health(), demo.HEALTH_AT, width=80)
    golden.check(ROOT / "README.md", f"{before}{begin}{shown}{end}{after}")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", PAGES[page]):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), target


def test_every_page_that_an_error_names_is_there() -> None:
    code = [*(ROOT / "slowquery").rglob("*.py"), *(ROOT / "notifiers").rglob("*.py")]
    named = {
        target
        for file in code
        for target in re.findall(r"docs/[\w./-]+(?:#[\w-]+)?", file.read_text(encoding="utf-8"))
    }
    assert named
    for target in named:
        path, _, anchor = target.rstrip(".").partition("#")
        assert (ROOT / path).exists(), target
        assert not anchor or anchor in anchors((ROOT / path).read_text(encoding="utf-8")), target


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_names_every_command_and_option(command: str) -> None:
    assert command in README
    for action in COMMANDS[command]._actions:  # noqa: SLF001 - argparse has no other way to ask
        for option in action.option_strings:
            assert option in {"-h", "--help"} or re.search(rf"`{option}[ `]", README), option


def test_the_pages_name_every_task() -> None:
    written = "".join(PAGES.values())
    names = {name for name, value in vars(tasks).items() if isinstance(value, Task)}
    assert {"demo", "test", "package"} <= names
    for name in names:
        assert f"tasks.py {name}" in written, name


def test_the_pages_name_no_task_that_is_not_there() -> None:
    named = set(re.findall(r"tasks\.py ([a-z]+)", "".join(PAGES.values())))
    assert named <= set(vars(tasks))


@pytest.mark.parametrize("key", known_keys())
def test_every_setting_has_a_row(key: str) -> None:
    assert f"\n| `{key}` |" in PAGES["docs/settings.md"]


@pytest.mark.parametrize("metric", metrics.UNITS)
def test_every_metric_is_named(metric: str) -> None:
    assert f"`{metric}`" in README
    assert f"`{metric}`" in PAGES["docs/settings.md"]


@pytest.mark.parametrize("page", ["README.md", "docs/settings.md"])
def test_settings_that_a_page_shows_can_be_used(page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGES[page], re.DOTALL)
    assert blocks
    for block in blocks:
        instances = "" if "instances:" in block else "instances: [shop-db]\n"
        load(instances + block, {"SLACK_TOKEN": "x"}, file=page)


def test_the_example_settings_can_be_used_with_all_that_is_commented_out() -> None:
    text = (ROOT / "settings.example.yml").read_text(encoding="utf-8")
    load(text, {"SLACK_TOKEN": "x"}, file="settings.example.yml")
    everything = re.sub(r"^(\s*)# (?=[a-z_]+:|  )", r"\1", text, flags=re.MULTILINE)
    assert len(yaml.safe_load(everything)) > len(yaml.safe_load(text))
    load(everything, {"SLACK_TOKEN": "x"}, file="settings.example.yml")


def test_the_events_that_readme_shows_mean_something() -> None:
    events = re.findall(r"(?<=`)\{\"[^`]+\}(?=`)", README)
    assert len(events) >= 4
    for event in events:
        found = invocation.request(json.loads(event), NOW)
        assert found.window.start < found.window.end


def test_the_schema_of_the_digest_is_a_schema() -> None:
    schema = json.loads((ROOT / "docs" / "digest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
