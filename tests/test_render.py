"""What a person sees of a result: in chat, in a terminal, in a ticket."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from html import unescape
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from notifiers.message import Facts, Footnote, Message, Part, Preformatted
from notifiers.slack_blocks import posts, thread
from notifiers.visible import columns, visible
from slowquery import render, view
from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.model import (
    SECOND,
    Coverage,
    Digest,
    Failure,
    LockTimes,
    Loss,
    Portion,
    Query,
    Result,
    Rows,
    Status,
    Times,
    Totals,
    Window,
)
from slowquery.readers import mysql
from slowquery.settings import Settings
from slowquery.window import parse_time, to_micros
from tests.conftest import Golden
from tests.growth import exponent
from tests.sandbox.block_kit_page import page
from tests.sandbox.slack_stand_in import Post, as_text, complaint

HERE = Path(__file__).parent
GOLDENS = HERE / "render"
HOUR = datetime(2026, 11, 22, 13, tzinfo=UTC)
WINDOW = Window(to_micros(HOUR), to_micros(HOUR + timedelta(hours=1)))
DEFAULTS = Settings(instances=())


# A log, and what is made of it


@dataclass(frozen=True)
class Load:
    """``count`` events of one statement over the hour; ``times`` are seconds, in turn."""

    sql: str
    count: int
    times: tuple[float, ...]
    locked: float = 0
    rows: tuple[int, int] = (0, 0)
    who: str = "app[app] @  [10.0.3.11]"
    database: str = "shop"

    def events(self) -> Iterator[tuple[datetime, str]]:
        for number, time in enumerate(islice(cycle(self.times), self.count)):
            at = HOUR + timedelta(seconds=3599 * (number + 0.5) / self.count)
            sent, examined = self.rows
            yield (
                at,
                (
                    f"# Time: {at:%Y-%m-%dT%H:%M:%S.%f}Z\n"
                    f"# User@Host: {self.who}  Id: 41\n"
                    f"# Query_time: {time:.6f}  Lock_time: {time * self.locked:.6f} "
                    f"Rows_sent: {sent}  Rows_examined: {examined}\n"
                    f"use {self.database};\n{self.sql.replace('%d', str(number))};\n"
                ),
            )


SHOP = (
    Load(
        "SELECT o.id, o.placed_at, c.name FROM orders o JOIN customers c ON c.id = o.customer_id"
        " WHERE o.status = 'open' AND c.email = '%d@example.com' ORDER BY o.placed_at LIMIT 1",
        812,
        (1.2, 1.6, 2.4, 1.1, 1.4, 4.2, 1.3, 1.9, 2.1, 1.0, 1.8, 12.1),
        locked=0.001,
        rows=(1, 181_000),
    ),
    Load(
        "UPDATE inventory SET reserved = %d WHERE sku = 'A-1'",
        96,
        (3.1, 4.4, 7.7, 5.0, 9.3),
        locked=0.62,
        rows=(0, 4),
        who="stock-worker[stock-worker] @  [10.0.4.2]",
    ),
    Load("SELECT * FROM events WHERE kind IN (1, 2, %d)", 31, (3.0, 4.5), rows=(5_200, 2_600_000)),
    Load(
        "SELECT customer_id, SUM(total) FROM orders GROUP BY customer_id HAVING SUM(total) > %d",
        14,
        (2.0, 2.6),
        rows=(120_000, 900_000),
        who="reports[reports] @  [10.0.9.1]",
        database="warehouse",
    ),
    Load("DELETE FROM carts WHERE touched_at < %d", 9, (2.0, 7.1, 1.5), rows=(0, 80_000)),
    *(
        Load(f"SELECT name FROM {table} WHERE id = %d", count, (1.2, 1.0), rows=(1, 50))
        for count, table in enumerate(("tags", "coupons", "pages", "parcels"), 3)
    ),
)
BILLING = (
    Load("UPDATE invoices SET paid = 1 WHERE id = %d", 27, (4.0, 5.0), locked=0.1),
    Load("SELECT SLEEP(2)", 4, (2.0,), rows=(1, 0)),
)


def digested(  # noqa: PLR0913 - what the tests vary
    loads: tuple[Load, ...],
    instance: str | None = "shop-db",
    *,
    before: bytes = b"",
    files: int = 3,
    limit: int = 5,
    losses: tuple[Loss, ...] = (),
) -> Digest:
    """Return the digest of a log that holds ``loads``, the events in order of time."""
    events = sorted(event for load in loads for event in load.events())
    log = before + "".join(text for _, text in events).encode()
    window = WINDOW if instance else None
    table = Table(Selection(window))
    for batch in mysql.read([Portion("slowquery/mysql-slowquery.log", log)]):
        table.add(batch)
    return digest(
        table,
        engine="mysql",
        window=window,
        instance=instance,
        files=files,
        limit=limit,
        losses=losses,
    )


@cache
def shop() -> Digest:
    return digested(SHOP)


@cache
def billing() -> Digest:
    return digested(BILLING, "billing-db", files=1)


def result(
    *digests: Digest, failures: tuple[Failure, ...] = (), statuses: tuple[Status, ...] = ()
) -> Result:
    return Result(WINDOW, digests, failures, statuses)


def doubtful() -> Digest:
    """A digest with everything that can be wrong with what was read."""
    loads = (Load("DELETE FROM sessions WHERE id = %d", 2, (1.0, 3.0)),)
    losses = (
        Loss("slowquery/mysql-slowquery.log.13", "the time for reading ran out"),
        Loss(
            "slowquery/mysql-slowquery.log", "RDS cut a line that is longer than its limit", 4_100
        ),
    )
    found = digested(loads, "stage-db", before=b"-- a start\n" * 280, losses=losses)
    coverage = found.coverage._replace(
        sampled=10,
        events_truncated=2,
        events_unreadable=1,
        events_possibly_repeated=3,
        events_administrator=1_879,
        events_outside_window=17,
        excluded={"ignored by settings": 4, "throttled": 1},
    )
    return found._replace(coverage=coverage)


def folded() -> Digest:
    """A digest of a log that had more classes than are told apart."""
    found = digested(SHOP[:3], limit=2)
    totals = found.totals._replace(
        count=found.totals.count + 31,
        query_time_sum=found.totals.query_time_sum + 40 * SECOND,
    )
    return found._replace(totals=totals, events_folded=31)


DENIED = Failure(
    what="the log was not read",
    where="ledger-db",
    why="access denied for rds:DownloadDBLogFilePortion on arn:aws:rds:eu-central-1:123456789012"
    ":db:ledger-db",
    hint="add the instance to settings and deploy again, or see"
    " docs/troubleshooting.md#access-denied",
)
STOPPED = Status("dev-db", "not available: stopped, starting or being changed")


def quiet(name: str) -> Digest:
    return digested((), name)


RESULTS: dict[str, Callable[[], Result]] = {
    "one_instance": lambda: result(shop()),
    "one_of_several_instances": lambda: result(quiet("a-db"), billing(), statuses=(STOPPED,)),
    "several_instances": lambda: result(
        billing(),
        shop(),
        doubtful(),
        *(quiet(f"{name}-db") for name in "abcde"),
        failures=(DENIED,),
        statuses=(STOPPED,),
    ),
    "nothing_slow": lambda: result(quiet("shop-db")),
    "nothing_slow_in_what_could_be_read": lambda: result(
        quiet("a-db"),
        quiet("b-db"),
        failures=(DENIED,),
        statuses=(STOPPED, STOPPED._replace(instance="qa-db")),
    ),
    "nothing_read": lambda: result(failures=(DENIED,)),
    "stopped": lambda: result(statuses=(STOPPED,)),
    "everything_doubtful": lambda: result(doubtful()),
    "too_many_kinds": lambda: result(folded()),
    "a_file": lambda: Result(None, (digested(SHOP, None, files=1),)),
}


def posted(message: Message, way: Callable[[Message], list[Any]] = thread) -> list[Post]:
    """Return the posts of a message; in a thread, all but the first are replies."""
    return [
        Post(
            ts=str(number),
            channel="C0",
            thread_ts="0" if number and way is thread else None,
            text=payload["text"],
            blocks=tuple(payload["blocks"]),
            body=payload,
        )
        for number, payload in enumerate(way(message))
    ]


def in_chat(found: Result, way: Callable[[Message], list[Any]] = thread) -> str:
    """Return a message as it looks in Slack, its notification first."""
    message = render.message(found, DEFAULTS)
    return "\n\n".join([f"({message.summary})", *map(as_text, posted(message, way))]) + "\n"


def in_colour(found: Result) -> str:
    """Return text for a terminal with its colour codes shown."""
    return render.text(found, DEFAULTS, width=80, colour=True).replace("\x1b", "␛")


LOOKS: dict[str, Callable[[Result], str]] = {
    "chat.txt": in_chat,
    "webhook.txt": lambda found: in_chat(found, posts),
    "60.txt": lambda found: render.text(found, DEFAULTS, width=60),
    "100.txt": lambda found: render.text(found, DEFAULTS),
    "160.txt": lambda found: render.text(found, DEFAULTS, width=160),
    "colour.txt": in_colour,
    "md": lambda found: render.markdown(found, DEFAULTS),
}


@pytest.mark.parametrize("name", RESULTS)
def test_in_chat_a_result_looks_like_this(name: str, golden: Golden) -> None:
    golden.check(GOLDENS / f"{name}.chat.txt", in_chat(RESULTS[name]()))


@pytest.mark.parametrize("name", ["one_instance", "several_instances"])
@pytest.mark.parametrize("look", sorted(LOOKS.keys() - {"chat.txt"}))
def test_elsewhere_a_result_looks_like_this(name: str, look: str, golden: Golden) -> None:
    golden.check(GOLDENS / f"{name}.{look}", LOOKS[look](RESULTS[name]()))


def everything() -> str:
    """Return every look of every result."""
    return "".join(look(make()) for make in RESULTS.values() for look in LOOKS.values())


def test_the_words_depend_on_the_result_alone_and_on_no_machine() -> None:
    elsewhere = {
        **os.environ,
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
        "COLUMNS": "20",
        "NO_COLOR": "1",
    }
    script = "import sys, tests.test_render as t; sys.stdout.buffer.write(t.everything().encode())"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=HERE.parent,
        env=elsewhere,
        capture_output=True,
        check=True,
    )
    assert run.stdout.decode() == everything()


# What must be said


def table_of(message: Message) -> str:
    """Return the first table of a message."""
    return next(part.text for part in message.parts if isinstance(part, Preformatted))


def said(part: Part) -> str:
    if isinstance(part, Facts):
        return "\n".join(f"{name}: {value}" for name, value in part.pairs)
    return part.text


def whole(message: Message) -> str:
    sections = (message.parts, *message.replies)
    return "\n".join(said(part) for section in sections for part in section)


def test_the_first_line_and_the_notification_say_which_database_which_hour_and_how_bad() -> None:
    message = render.message(result(shop()), DEFAULTS)
    first = "shop-db · 22 Nov 13:00–14:00 UTC · 49 min of slow time"
    assert said(message.parts[0]) == f"🐢 {first}"
    assert message.summary == f"{first}, 74 % of it SELECT orders, customers"
    assert render.text(result(shop()), DEFAULTS).startswith(f"{first}\n")


def test_where_several_were_slow_the_slowest_comes_first_with_a_line_and_a_reply_each() -> None:
    message = render.message(result(quiet("a-db"), billing(), shop()), DEFAULTS)
    assert said(message.parts[0]).startswith("🐢 2 of 3 instances · 22 Nov 13:00–14:00 UTC · ")
    first, second = table_of(message).split("\n")
    assert "shop-db" in first
    assert "billing-db" in second
    assert [said(reply[0]).split(" · ")[0] for reply in message.replies] == [
        "shop-db",
        "billing-db",
    ]


def test_every_query_has_all_that_a_person_needs_to_act() -> None:
    message = render.message(result(shop()), DEFAULTS)
    for query, reply in zip(shop().queries, message.replies, strict=False):
        about = "\n".join(map(said, reply))
        assert query.query_id in about
        assert "".join(query.fingerprint.split()) in "".join(about.split())
        assert f"{query.kind} {', '.join(query.tables)}" in about
        assert f"Count: {query.count:,}×" in about
        assert all(word in about for word in ("mean", "max", "Rows examined", "Database", "User"))
    for reply in message.replies[:-1]:
        assert [type(part).__name__ for part in reply] == ["Paragraph", "Preformatted", "Facts"]


@pytest.mark.parametrize("count", [19, 20])
def test_a_95th_percentile_is_said_from_20_events_on(count: int) -> None:
    found = result(digested((Load("SELECT a FROM t", count, (1.0, 2.0)),)))
    assert ("p95" in whole(render.message(found, DEFAULTS))) == (count >= 20)
    (row,) = re.findall("^1 .*", render.text(found, DEFAULTS), re.MULTILINE)
    assert row.count(" s ") == (4 if count >= 20 else 3)


def test_what_is_not_listed_is_one_line_and_the_shares_make_a_hundred() -> None:
    seen = view.of(result(shop()), DEFAULTS)
    (found,) = seen.digests
    assert found.tail
    assert found.tail.label == "4 other kinds"
    assert sum(row.time for row in found.rows) == shop().totals.query_time_sum
    counts = [int(row.cells[2].rstrip("×").replace(",", "")) for row in found.rows]
    assert sum(counts) == shop().totals.count


def test_the_smallest_logged_time_is_shown_so_that_nobody_takes_it_for_all() -> None:
    for shown in (LOOKS["chat.txt"], LOOKS["100.txt"], LOOKS["md"]):
        assert "(logged from 1.0 s up)" in shown(result(shop()))


@pytest.mark.parametrize("look", [render.text, render.markdown])
def test_hosts_are_shown_only_if_the_settings_say_so(look: Callable[..., str]) -> None:
    shown = DEFAULTS._replace(show_hosts=True)
    assert "10.0.3.11" not in look(result(shop()), DEFAULTS)
    assert "10.0.3.11" in look(result(shop()), shown)
    assert "10.0.3.11" not in whole(render.message(result(shop()), DEFAULTS))
    assert "10.0.3.11 812×" in whole(render.message(result(shop()), shown))


def test_times_are_in_the_zone_of_the_settings() -> None:
    berlin = DEFAULTS._replace(timezone="Europe/Berlin")
    message = render.message(result(shop()), berlin)
    assert "22 Nov 14:00–15:00 CET" in said(message.parts[0])
    assert "First seen: 22 Nov 2026 14:00:02 CET" in whole(message)
    assert "UTC" not in whole(message)


def test_what_ranks_the_queries_is_said_unless_it_is_their_time() -> None:
    ranked = render.text(result(shop()), DEFAULTS._replace(sort="rows_examined"))
    assert "(logged from 1.0 s up), ranked by rows examined" in ranked
    assert "ranked" not in render.text(result(shop()), DEFAULTS)


def test_the_command_in_the_thread_asks_for_the_same_instance_and_window() -> None:
    (*_, last) = render.message(result(shop()), DEFAULTS).replies
    command = shlex.split(said(last[1]).replace("\\\n", " "))
    assert command[:2] == ["slowquery", "run"]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    since, until = (parse_time(options[name], 0) for name in ("--since", "--until"))
    assert Window(since, until) == WINDOW
    assert (options["--instance"], options["--limit"]) == ("shop-db", "0")


def test_a_digest_without_an_instance_has_no_command_that_would_show_it_again() -> None:
    message = render.message(Result(None, (digested(SHOP, None),)), DEFAULTS)
    assert len(message.replies) == 5
    assert "slowquery run" not in whole(message)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Read all 358 kB of 3 log files."),
        ({"events": 0}, "nothing in it but the server's banner. If that is a surprise: log_o"),
        ({"events": 0, "bytes_read": 0}, "There is no event in it. If that is a surprise: log_o"),
        ({"events": 0, "bytes_skipped": 9}, "There is no event in it. If that is a surprise:"),
        ({"files": 1}, "Read all 358 kB of 1 log file."),
        ({"files": 0}, "There was no log file to read."),
        ({"complete": False}, "Read 358 kB of 3 log files, to which more may come."),
        (
            {"complete": False, "losses": (Loss("f", "r"),)},
            "Read 358 kB of 3 log files, not all of it.",
        ),
        ({"sampled": 10}, "The log is a sample, one event of 10: the truth is larger."),
        ({"events_truncated": 1}, "1 statement was cut short or not closed."),
        ({"events_truncated": 2}, "2 statements were cut short or not closed."),
        ({"events_unreadable": 1_204}, "1,204 events could not be read."),
        ({"events_possibly_repeated": 3}, "3 events may be counted twice."),
        (
            {"events_administrator": 1_879, "events_outside_window": 5, "excluded": {"x y": 2}},
            "Not counted: 1,879 administrator commands, 2 x y, 5 outside the window.",
        ),
        (
            {"skipped": {"before the first event": 3_000, "after a loss": 12}},
            "Skipped: 3.0 kB before the first event, 12 B after a loss.",
        ),
    ],
)
def test_what_was_covered_and_what_was_not_is_said(changes: dict[str, Any], sentence: str) -> None:
    coverage = Coverage(
        bytes_read=358_000,
        bytes_parsed=358_000,
        bytes_skipped=0,
        events=1,
        events_administrator=0,
        events_excluded=0,
        events_outside_window=0,
        events_unreadable=0,
        events_truncated=0,
        events_possibly_repeated=0,
        complete=True,
        files=3,
    )
    found = result(shop()._replace(coverage=coverage._replace(**changes)))
    last = render.message(found, DEFAULTS).parts[-1]
    assert isinstance(last, Footnote)
    assert sentence in last.text
    assert (last.text == "Read all 358 kB of 3 log files.") == (not changes)


def test_no_event_in_a_log_of_postgresql_has_causes_of_its_own() -> None:
    coverage = shop().coverage._replace(events=0, bytes_skipped=0, losses=())
    text = render.text(result(shop()._replace(engine="postgresql", coverage=coverage)), DEFAULTS)
    said = "There is no event in it. If that is a surprise: log_min_duration_statement=-1"
    assert said in " ".join(text.split())


def test_events_that_are_in_no_class_are_said() -> None:
    text = render.text(result(folded()), DEFAULTS)
    assert "3 kinds and more" in text
    assert "1 other kind and more" in text
    assert "31 events stand in the totals alone: there are too many kinds." in text


def test_of_many_failures_and_losses_the_first_are_shown_and_the_others_counted() -> None:
    failures = tuple(DENIED._replace(where=f"db-{number}") for number in range(12))
    lossy = quiet("x")._replace(coverage=quiet("x").coverage._replace(losses=(Loss("f", "r"),) * 5))
    seen = view.of(result(lossy, failures=failures), DEFAULTS)
    assert len(seen.alerts) == view.ALERTS + 1
    assert seen.alerts[-1] == "The result names 3 more of these."
    (alert,) = view.of(result(lossy), DEFAULTS).alerts
    assert alert.split("\n")[-1] == "and 2 more losses"


def test_a_message_is_never_so_long_that_its_channel_has_no_time_for_it() -> None:
    kinds = tuple(
        Load(f"SELECT a FROM {'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}", 1, (1.0,))
        for n in range(60)
    )
    crowded = render.message(result(digested(kinds, limit=0)), DEFAULTS)
    assert len(crowded.replies) == render.CHAT_REPLIES + 1
    assert "35 other kinds" in table_of(crowded)
    many = (billing()._replace(instance=f"db-{number:02}") for number in range(30))
    fleet = render.message(result(*many), DEFAULTS)
    assert len(table_of(fleet).split("\n")) == 30
    assert len(fleet.replies) == render.CHAT_REPLIES + 1
    assert said(fleet.replies[-1][0]) == "slowquery run shows the queries of 5 more instances."


def test_a_statement_is_laid_out_where_that_makes_it_shorter_to_read() -> None:
    def shown(sql: str) -> str:
        message = render.message(result(digested((Load(sql, 1, (1.0,)),))), DEFAULTS)
        return said(message.replies[0][1])

    assert shown("SELECT a, b FROM t WHERE c = 1") == "select a, b\nfrom t\nwhere c = ?"
    deep = "SELECT a FROM t WHERE " + " AND ".join(f"c_{'x' * n} = 1" for n in range(40))
    assert "\n" not in shown(deep)
    nested = "SELECT " + "(" * 500 + "a" + ")" * 500  # more than sqlparse takes
    assert shown(nested).startswith("select (((((")
    long = "SELECT " + ", ".join("abc" for _ in range(1_000)) + " FROM t"
    assert shown(long).endswith(" … (5,012 characters)")
    assert len(shown(long)) < render.SHOWN + 30


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.integers(0, 20))
def test_a_bar_is_as_wide_as_asked_and_shows_what_there_is(
    part: int, rest: int, width: int
) -> None:
    bar = render._bar(part, part + rest, width)  # noqa: SLF001 - no look shows one bar alone
    assert len(bar) == width
    assert bool(bar.strip()) == bool(part and width)
    filled = sum(" ▏▎▍▌▋▊▉█".index(character) for character in bar)
    assert abs(filled - 8 * width * part / (part + rest)) <= 1


# Foreign text


FRAGMENTS = (
    *(
        "\x1b[31m",
        "\x1b]0;x\x07",
        "\x9b2J",
        "\r",
        "\n",
        "\r\n",
        "\t",
        "\x00",
        "\x85",
        "\u2028",
        "\ud800",
    ),
    *("\u202e", "\u2066", "\u200f", "\u061c", "e\u0301", "\u0301", "日本", "🐢", " ", "     "),
    *(
        "`",
        "```",
        "````",
        "|",
        "\\",
        "\\|",
        "\\`",
        "*",
        "**",
        "_",
        "~~",
        "$",
        "$$",
        "<",
        "&",
        "&amp;",
    ),
    *("# ", "- ", "1. ", "> ", "---", "===", "[x](http://e.example)", "![x](http://e.example)"),
    *(
        "<!channel>",
        "<@U1>",
        "@here",
        "@everyone",
        "<script>",
        "</code>",
        "<!--",
        "http://e.example",
    ),
)
texts = st.lists(
    st.one_of(st.text(st.characters(), max_size=6), st.sampled_from(FRAGMENTS)), max_size=6
).map("".join)
some_texts = st.lists(texts, min_size=1, max_size=12)


@dataclass
class Cast:
    """Names for everything that is named, each with one of ``texts`` at both of its ends.

    One statement is such a text and nothing else.
    """

    texts: list[str]
    given: int = 0

    def name(self) -> str:
        self.given += 1
        text = self.texts[self.given % len(self.texts)]
        return f"{text}{self.given}{text}"

    def query(self, tables: int) -> Query:
        time = Times(sum=90_000_000, min=1, max=5_000_000, mean=3e6, p50=2, p95=3, p99=4)
        return Query(
            query_id="8F3A" * 8,
            fingerprint=self.texts[0] if tables == 1 else self.name(),
            kind="SELECT",
            tables=tuple(self.name() for _ in range(tables)),
            count=30,
            share=0.3,
            query_time=time,
            lock_time=LockTimes(sum=30_000_000, max=1_000_000, p95=900_000),
            rows_sent=Rows(sum=30, max=1),
            rows_examined=Rows(sum=5_430_000, max=181_000),
            databases={self.name(): 27, self.name(): 2, self.name(): 1},
            users={self.name(): 30},
            hosts={self.name(): 20, self.name(): 10},
            tags={"controller": {self.name(): 20}},
            first_seen=WINDOW.start,
            last_seen=WINDOW.end - 1,
        )

    def digest(self, slow: int) -> Digest:
        count = 100 * slow
        coverage = shop().coverage._replace(losses=(Loss(self.name(), self.name(), 1),))
        return Digest(
            window=WINDOW,
            instance=self.name(),
            engine="mysql",
            coverage=coverage,
            totals=Totals(count, 300_000_000 * slow, 1, 5_000_000, None, None, None, 9),
            queries=tuple(self.query(tables) for tables in (0, 1, 3)) if slow else (),
            queries_omitted=6,
        )

    def result(self, slow: int) -> Result:
        return Result(
            WINDOW,
            tuple(self.digest(number) for number in range(slow + 1)),
            (Failure(self.name(), self.name(), self.name(), self.name()),),
            (Status(self.name(), self.name()),),
        )


SHOWING_HOSTS = DEFAULTS._replace(show_hosts=True)
OUR_CODES = re.compile(r"\x1b\[(?:1|2|36|1;31|0)m")
BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
slow_ones = st.sampled_from([1, 2])


def acting(text: str) -> set[str]:
    """Return the characters of ``text`` that would act rather than show, by their properties."""
    return {
        character
        for character in text
        if (unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} and character != "\n")
        or unicodedata.bidirectional(character) in BIDIRECTIONAL
        or character in "\u200e\u200f\u061c"
    }


@tried(max_examples=40)
@given(some_texts, slow_ones)
def test_in_a_terminal_no_foreign_text_acts_and_the_colours_are_ours(
    foreign: list[str], slow: int
) -> None:
    found = Cast(foreign).result(slow)
    plain = render.text(found, SHOWING_HOSTS)
    coloured = OUR_CODES.sub("", render.text(found, SHOWING_HOSTS, colour=True))
    assert acting(plain) == set()
    assert [line.rstrip() for line in coloured.split("\n")] == plain.split("\n")


@tried(max_examples=40)
@given(some_texts, slow_ones)
def test_in_chat_no_foreign_text_acts_and_every_limit_is_kept(
    foreign: list[str], slow: int
) -> None:
    message = render.message(Cast(foreign).result(slow), SHOWING_HOSTS)
    assert acting(whole(message) + message.summary) == set()
    assert "\n" not in message.summary
    for way in (thread, posts):
        payloads = way(message)
        assert [complaint(payload) for payload in payloads] == [""] * len(payloads)
        assert not any("<" in str(payload["text"]) for payload in payloads)


def skeleton(markdown: str) -> list[str]:
    """Return the lines of GitHub's Markdown without what code holds, read as CommonMark does.

    A fence closes at the first line of as many back-ticks or more. A span of one back-tick
    closes at the next; none may hold a bar, which ends a cell of a table even in code.
    """
    bones = []
    fence = 0
    for line in markdown.split("\n"):
        if fence:
            if re.fullmatch(f" {{0,3}}`{{{fence},}} *", line):
                fence = 0
        elif opening := re.fullmatch("(`{3,})([a-z]*)", line):
            fence = len(opening[1])
            bones.append(f"FENCE {opening[2]}")
        else:
            bones.append(re.sub(r"`[^`|\\]+`|<code>[^<`|\\]+</code>", "CODE", line))
    assert not fence
    return bones


@tried(max_examples=60)
@given(some_texts, slow_ones)
@example(["```"], 1)
@example(["````\n"], 2)
def test_in_a_ticket_all_foreign_text_is_code(foreign: list[str], slow: int) -> None:
    hostile, tame = (
        skeleton(render.markdown(Cast(text).result(slow), SHOWING_HOSTS))
        for text in (foreign, ["x"])
    )
    assert hostile == tame
    assert not any(
        "x" in line.replace("FENCE text", "").replace("max", "").replace("examined", "")
        for line in tame
    )


@given(texts)
def test_code_in_a_ticket_shows_the_text_it_was_made_of(text: str) -> None:
    shown = visible(text).replace("\n", " ").replace("\t", " ")
    code = render._code(shown)  # noqa: SLF001 - no look shows one name alone
    inner = code[1:-1] if code.startswith("`") else unescape(code[len("<code>") : -len("</code>")])
    assert inner == shown
    assert code != f"`{shown}`" or shown.strip()  # two back-ticks would open a span, not be one


@tried(max_examples=40)
@given(some_texts, slow_ones, st.integers(72, 200))
def test_no_line_is_wider_than_the_terminal(foreign: list[str], slow: int, width: int) -> None:
    shown = render.text(Cast(foreign).result(slow), SHOWING_HOSTS, width=width)
    assert [line for line in shown.split("\n") if columns(line) > width] == []


@pytest.mark.parametrize("width", [1, 20, 40, 60])
def test_in_a_narrow_terminal_only_figures_stand_out(width: int) -> None:
    shown = render.text(RESULTS["several_instances"](), DEFAULTS, width=width)
    wide = [line for line in shown.split("\n") if columns(line) > max(width, 12)]
    assert all(re.search("share  |[0-9] %  ", line) for line in wide)
    assert not wide or width < 60


def test_a_page_shows_every_word_of_a_message_and_takes_none_for_markup() -> None:
    message = render.message(Cast(["<script>&amp;"]).result(2), SHOWING_HOSTS)
    shown = page(posted(message))
    assert "<script>" not in shown
    words = unescape(re.sub("<[^>]*>", "", shown.partition("<main>")[2]))
    for line in whole(message).split("\n"):
        assert line.partition(": ")[2] in words


@pytest.mark.parametrize("piece", ["a", "a ", "(", "`", "|", "\x1b", "\u0301", "日", "; "])
def test_words_are_made_of_a_long_statement_in_linear_time(piece: str) -> None:
    def with_statement(size: int) -> Result:
        long = shop().queries[0]._replace(fingerprint=piece * size, tables=())
        return result(shop()._replace(queries=(long,)))

    def work(found: Result) -> None:
        (query,) = view.of(found, DEFAULTS).digests[0].queries
        render._laid_out(query.fingerprint)  # noqa: SLF001 - a template engine hides its time

    assert exponent(work, with_statement) < 1.5  # a busy machine makes 1.25 of 1; a square stays 2
