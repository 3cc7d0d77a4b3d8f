"""The page that a person reads: what it looks like, and what never stands on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.console import text as on_a_console
from notifiers.visible import columns
from slowquery.health import page
from slowquery.health.check import Check, Status, Subject
from slowquery.health.sentences import SENTENCES, say
from slowquery.window import parse_time
from tests.conftest import Golden

GOLDEN = Path(__file__).with_name("golden")
NOW = parse_time("2026-11-22T05:10Z", 0)
SHOP, BILLING, TEAM = (
    Subject("instance", "shop-db"),
    Subject("instance", "billing-db"),
    Subject("channel", "team"),
)
CHECKS = [
    say("settings_usable", file="settings.yml", instances="2 instances", channels="1 channel"),
    say("version", name="slowquery-prod-healthCheck, version 12"),
    say(
        "known",
        arn="arn:aws:sts::123456789012:assumed-role/slowquery-prod-HealthCheckRole/health",
        region="eu-central-1",
    ),
    say("clock_right"),
    say("run_finished", ago="58 min", whose=""),
    say("alarms_not_asked"),
    say("reachable", SHOP, region="eu-central-1", files="24 log files"),
    say("engine_read", SHOP, engine="MySQL or MariaDB"),
    say("logs_there", SHOP, files="23 slow-query logs", size="41 MB"),
    say("fresh", SHOP, ago="4.2 min"),
    say("banner_only_cause_known", SHOP),
    say("log_output_table", SHOP, value="TABLE", group="prod-mysql8"),
    say("is_cluster", BILLING, instance="billing-db", members="billing-1 and billing-2"),
    *(say("not_reached", BILLING, check=name) for name in ("engine", "log files", "fresh")),
    say("secrets_read", TEAM, how="read from SSM: /slowquery/team-token"),
    Check("authentication", "ok", "digest in the workspace shop", "", TEAM),
    say("digest_arrived", TEAM, ago="58 min"),
]


@pytest.mark.parametrize("width", [80, 120])
def test_the_page_of_a_terminal(golden: Golden, width: int) -> None:
    golden.check(GOLDEN / f"page.{width}.txt", page.text(CHECKS, NOW, width=width))


def test_the_page_in_colour(golden: Golden) -> None:
    shown = page.text(CHECKS, NOW, width=100, colour=True)
    golden.check(GOLDEN / "page.colour.txt", shown.replace("\x1b", "␛"))


def test_the_message_to_a_channel(golden: Golden) -> None:
    golden.check(GOLDEN / "page.chat.txt", on_a_console(page.message(CHECKS, NOW)))


def test_the_document_holds_every_check(golden: Golden) -> None:
    document = page.document(CHECKS, NOW)
    golden.check(GOLDEN / "page.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    assert len(document["checks"]) == len(CHECKS)
    assert page.message(CHECKS, NOW).document == document


def fleet(size: int, status: Status = "ok") -> list[Check]:
    return [
        Check("reachable", status, "seen", "" if status == "ok" else "hint", where)
        for where in (Subject("instance", f"db-{number}") for number in range(size))
    ]


def test_of_many_instances_those_that_are_well_share_a_line() -> None:
    bad = Check("reachable", "fail", "gone", "find it", Subject("instance", "db-x"))
    shown = page.text([*fleet(60), bad], NOW, width=100)
    assert len(shown.splitlines()) < 20
    assert "✓ all is well with db-0, db-1" in shown
    assert "\ndb-x\n  ✗ reachable  gone\n" in shown


def test_of_many_failures_a_message_tells_the_first_and_counts_the_rest() -> None:
    shown = on_a_console(page.message(fleet(60, "fail"), NOW))
    assert shown.count("Try: hint") == 20
    assert "And 40 more: slowquery health shows all." in shown


@pytest.mark.parametrize("width", [40, 80, 120])
def test_to_know_nothing_of_any_instance_comes_first_and_is_a_warning(width: int) -> None:
    checks = fleet(3, "unknown")
    shown = page.text(checks, NOW, width=width)
    assert shown.startswith("nothing is known of any instance ·")
    assert max(map(columns, shown.splitlines())) <= width
    title = page.message(checks, NOW).summary
    assert title == "⚠ slow-query digest: nothing is known of any instance · 3 unknown"
    assert "nothing is known" not in page.text([*checks, *fleet(1)], NOW, width=width)


def test_a_message_about_nothing_bad_is_short() -> None:
    message = page.message(fleet(3), NOW)
    assert message.summary == "✓ slow-query digest: 3 well"
    assert len(message.parts) == 1


FIELDS: dict[str, Any] = dict.fromkeys(
    (
        *("file", "instances", "channels", "problem", "hint", "arn", "region", "name", "span"),
        *("direction", "ago", "alarms", "files", "instance", "members", "near", "state", "size"),
        *("engine", "told", "events", "from_", "durations", "times", "values", "group", "value"),
        *("how", "why", "kind", "channel", "names", "whose", "live", "newest", "function"),
    ),
    "X",
)


@pytest.mark.parametrize("meaning", SENTENCES)
def test_every_sentence_says_what_to_do_unless_all_is_well(meaning: str) -> None:
    check = say(meaning, check="something", **FIELDS)
    assert check.seen
    assert bool(check.hint) == (check.status != "ok")
    assert bool(SENTENCES[meaning].section) == (check.status != "ok")
    assert "{X}" not in check.seen + check.hint


@given(st.text(max_size=80), st.sampled_from(sorted(SENTENCES)), st.integers(1, 200))
def test_foreign_text_stays_on_its_line_and_the_page_in_its_width(
    text: str, meaning: str, width: int
) -> None:
    where = Subject("instance", "shop-db")
    check = say(meaning, where, check="x", **dict.fromkeys(FIELDS, text))
    assert "\n" not in check.seen + check.hint
    shown = page.text([check], NOW, width=width)
    assert "\x1b" not in shown
    for line in shown.splitlines()[2:]:
        assert columns(line) <= max(width, page.LEAST) or " " not in line.strip()
