"""``slowquery health``: a page or JSON, and an exit code that a script can use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slowquery import cli
from tests.health.planted import CLOSED, LOG, WELL
from tests.sandbox.aws import Sandbox


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sandbox]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLOWQUERY_SETTINGS", raising=False)
    with Sandbox() as sandbox:
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        now = datetime.now(UTC)
        sandbox.add_instance("shop-db", logs={CLOSED: LOG}, parameters=WELL, last_written=now)
        yield sandbox


def test_what_is_well_worth_a_look_or_unknown_is_exit_code_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["health", "--instance", "Shop-DB"]) == 0
    page = capsys.readouterr().out
    assert "\nshop-db\n" in page
    assert "no settings file: 1 instance" in page
    assert "✗" not in page
    assert "\x1b" not in page


def test_a_failure_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["health", "--instance", "typo-bd", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["status"] == "fail"


def test_settings_that_cannot_be_used_are_one_failure_among_the_checks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("settings.yml").write_text("instances: [shop-db]\ntopp: 5\n")
    assert cli.main(["health"]) == 1
    page = capsys.readouterr().out
    assert "✗ settings" in page
    assert "✓ identity" in page


def test_it_posts_to_a_channel_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("settings.yml").write_text(
        "instances: [shop-db, other-db]\nchannels: {here: {kind: console}}\n"
    )
    assert cli.main(["health", "--instance", "shop-db", "--channel", "here"]) == 0
    out = capsys.readouterr().out
    assert out.index("slow-query digest: ") < out.index("slowquery health · ")
    assert "✓ this page" in out
    assert "other-db" not in out
    assert cli.main(["health", "--channel", "there"]) == 2
    printed = capsys.readouterr()
    assert "no channels there" in printed.err
    assert not printed.out


def test_where_settings_cannot_be_read_the_page_is_shown_and_not_posted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("settings.yml").write_text("instances: [shop-db]\ntopp: 5\n")
    assert cli.main(["health", "--channel", "here"]) == 1
    page = capsys.readouterr().out
    assert "✓ identity" in page
    assert "not posted to here: the settings cannot be read" in page


def test_to_know_nothing_of_any_instance_is_said_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    cli.main(["health", "--instance", "shop-db"])
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("nothing is known of any instance")
