"""The whole line as AWS runs it: an event comes in, messages and metrics go out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from moto.core import enable_iam_authentication

import handler
from slowquery import app, cli
from slowquery.app import RunFailed
from slowquery.document import LIMIT
from slowquery.invocation import InvocationError
from slowquery.line import digest_of
from slowquery.model import Portion
from slowquery.settings import ConfigError, Settings
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.slack_stand_in import SlackStandIn, as_text, ratelimited, refused, words
from tests.sandbox.test_rights import DOWNLOAD, LIST, assume

HOUR = {"scheduled_time": "2026-11-22T05:10:00Z"}
RULE = json.loads(
    (Path(__file__).parent / "events" / "scheduled_rule.json").read_text(encoding="utf-8")
)
ON_DEMAND = {"start": "2026-11-22T04:00Z", "end": "2026-11-22T05:00Z"}
MYSQL = gzip.decompress((Path(__file__).parent / "logs" / "mysql-9.7.log.gz").read_bytes())
MARIADB = gzip.decompress((Path(__file__).parent / "logs" / "mariadb-10.11.log.gz").read_bytes())

SETTINGS = """\
instances: [shop-db, billing-db]
channels:
  team: {kind: slack, token: env/SLACK_TOKEN, channel: "#slow-queries", base_url: "SLACK_API"}
"""


@dataclass
class Context:
    """Lambda's context, of a function that has so many seconds left, and always has."""

    seconds: float = 300.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Deployed:
    """The function in an account: its log files, its settings, its Slack."""

    aws: Sandbox
    slack: SlackStandIn
    folder: Path

    def settings(self, text: str) -> None:
        text = text.replace("SLACK_API", self.slack.url)
        (self.folder / "settings.yml").write_text(text, encoding="utf-8")

    def log(self, instance: str, *statements: str, at: str = "04:30:00", user: str = "app") -> None:
        """Serve a log with these statements, each of a second."""
        text = "".join(
            f"# Time: 2026-11-22T{at}.000000Z\n"
            f"# User@Host: {user}[{user}] @ web-1.internal [10.0.0.7]  Id: 7\n"
            "# Query_time: 1.000000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500\n"
            f"SET timestamp=1795321800;\n{statement};\n"
            for statement in statements
        )
        self.aws.add_instance(instance, logs={LIVE: text.encode()})

    def invoke(self, event: object = HOUR) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(json.dumps(handler.export_to_chat(event, Context())))
        return result

    @property
    def chat(self) -> str:
        return "\n".join(map(as_text, self.slack.posts))


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with Sandbox() as aws, SlackStandIn() as slack:
        for name, value in aws.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SLACK_TOKEN", slack.token)
        monkeypatch.setenv("SLOWQUERY_SETTINGS", str(tmp_path / "settings.yml"))
        found = Deployed(aws, slack, tmp_path)
        found.settings(SETTINGS)
        yield found


@pytest.fixture
def real(deployed: Deployed) -> Deployed:
    """Return a deployment whose two instances have an hour of real logs."""
    closed = f"{LIVE}.2026-11-22.05"
    written = datetime(2026, 11, 22, 5, tzinfo=UTC)
    for instance, log in (("shop-db", MYSQL), ("billing-db", MARIADB)):
        deployed.aws.add_instance(instance, logs={closed: log, LIVE: b""}, last_written=written)
    return deployed


# The hour


def test_an_hour_of_real_logs_becomes_one_message_with_its_details_in_the_thread(
    real: Deployed,
) -> None:
    result = real.invoke()
    first, *thread = real.slack.posts
    assert len(thread) == 2
    assert {reply.thread_ts for reply in thread} == {first.ts}
    assert "22 Nov 04:00–05:00 UTC" in first.text
    assert result["failures"] == []
    counts = {digest["instance"]: digest["totals"]["count"] for digest in result["digests"]}
    assert counts == {"shop-db": 1841, "billing-db": 1986}
    for digest in result["digests"]:
        assert digest["coverage"]["complete"]
        assert f"{digest['totals']['count']:,}×" in as_text(first)


def test_the_same_event_over_the_same_logs_gives_the_same_digests(real: Deployed) -> None:
    first, second = real.invoke(), real.invoke(RULE)
    assert json.dumps(first) == json.dumps(second)
    assert len(real.slack.posts) == 6
    assert as_text(real.slack.posts[0]) == as_text(real.slack.posts[3])


def test_the_handler_and_the_command_give_the_same_digest_byte_for_byte(
    real: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    result = real.invoke()
    capsys.readouterr()
    window = ["--since", "2026-11-22T04:00Z", "--until", "2026-11-22T05:00Z"]
    assert cli.main(["run", *window, "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert json.dumps(shown) == json.dumps(result)
    assert len(real.slack.posts) == 3


def test_events_outside_the_hour_are_counted_apart(real: Deployed) -> None:
    result = real.invoke({"scheduled_time": "2026-11-22T06:10:00Z"})
    for digest in result["digests"]:
        assert digest["totals"]["count"] == 0
        coverage = digest["coverage"]
        assert coverage["events_outside_window"] > 1000


def test_metrics_are_printed_for_each_instance_the_run_and_the_channel(
    real: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    real.invoke()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("DBInstanceIdentifier") for line in lines] == [
        *("shop-db", "billing-db"),
        *(None, None),
    ]
    start = int(datetime(2026, 11, 22, 4, tzinfo=UTC).timestamp() * 1000)
    assert [line["_aws"]["Timestamp"] for line in lines[:2]] == [start, start]
    assert lines[2]["Failures"] == 0
    assert (lines[3]["Channel"], lines[3]["DigestsDelivered"]) == ("team", 1)


def test_a_quiet_hour_posts_nothing_and_still_counts(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.log("shop-db")
    deployed.log("billing-db")
    deployed.invoke()
    assert deployed.slack.posts == []
    assert '"SlowQueries": 0' in capsys.readouterr().out


def test_a_quiet_hour_is_posted_if_settings_ask_for_it(deployed: Deployed) -> None:
    deployed.settings(SETTINGS + "quiet: false\n")
    deployed.log("shop-db")
    deployed.log("billing-db")
    deployed.invoke()
    assert "nothing slow" in deployed.chat


# On demand


def test_on_demand_returns_the_result_and_posts_and_emits_nothing(
    real: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    result = real.invoke(ON_DEMAND)
    assert result["schema"] == 1
    assert [digest["instance"] for digest in result["digests"]] == ["shop-db", "billing-db"]
    assert real.slack.posts == []
    assert capsys.readouterr().out == ""


def test_on_demand_posts_to_the_channels_that_the_event_names(real: Deployed) -> None:
    real.invoke({**ON_DEMAND, "instances": ["shop-db"], "channels": ["team"]})
    assert "shop-db" in real.chat
    assert "billing-db" not in real.chat


@pytest.mark.parametrize("named", [{"channels": ["#random"]}, {"instances": ["other-db"]}])
def test_an_event_names_what_is_configured_or_is_refused(
    real: Deployed, named: dict[str, list[str]]
) -> None:
    with pytest.raises(InvocationError, match="the settings have no"):
        real.invoke({**ON_DEMAND, **named})
    assert real.aws.calls == []


def test_the_result_stays_below_what_lambda_takes(deployed: Deployed) -> None:
    deployed.settings(SETTINGS + "top: 0\n")
    columns = [f"{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]}_" * 30 for n in range(100)]
    deployed.log("shop-db", *(f"select {a} from t{b}" for a in columns for b in columns[:12]))
    deployed.log("billing-db")
    result = deployed.invoke(ON_DEMAND)
    shop = result["digests"][0]
    assert len(json.dumps(result)) < LIMIT
    assert len(shop["queries"]) > 50
    assert len(shop["queries"]) + shop["queries_omitted"] == shop["totals"]["distinct"]


# What fails


def test_one_instance_that_fails_keeps_no_other_from_being_told(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.log("shop-db", "select 'secret' from orders")
    deployed.log("billing-db", "select 1")
    for name, value in assume(deployed.aws, LIST, DOWNLOAD).items():
        monkeypatch.setenv(name.upper(), value)
    with enable_iam_authentication(), pytest.raises(RunFailed) as error:
        deployed.invoke()
    assert "SELECT orders" in deployed.chat
    text = str(error.value)
    assert "the log was not read (billing-db): access denied for rds:DescribeDBLogFiles" in text
    assert "try: allow rds:DescribeDBLogFiles" in text
    assert "access denied for rds:DescribeDBLogFiles" in deployed.chat


def test_a_failure_names_the_event_that_repeats_just_that_part(deployed: Deployed) -> None:
    deployed.log("shop-db", "select 1")
    with pytest.raises(RunFailed) as error:
        deployed.invoke()
    (repeat,) = [line for line in str(error.value).splitlines() if "repeat it with: " in line]
    event = json.loads(repeat.partition(": ")[2])
    deployed.log("billing-db", "select 2")
    posted = len(deployed.slack.posts)
    result = deployed.invoke(event)
    assert [digest["instance"] for digest in result["digests"]] == ["billing-db"]
    assert "billing-db" in as_text(deployed.slack.posts[posted])


def test_on_demand_a_failure_is_returned(deployed: Deployed) -> None:
    deployed.log("shop-db", "select 1")
    result = deployed.invoke(ON_DEMAND)
    assert [failure["where"] for failure in result["failures"]] == ["billing-db"]
    assert {*result["failures"][0]} == {"what", "where", "why", "try", "cause", "event"}
    assert result["failures"][0]["cause"] == "settings"
    assert [digest["instance"] for digest in result["digests"]] == ["shop-db"]


def test_a_channel_that_fails_keeps_no_other_from_hearing(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.settings(SETTINGS + "  here: {kind: console}\n")
    deployed.log("shop-db", "select 1")
    deployed.log("billing-db", "select 2")
    deployed.slack.script(refused("channel_not_found"))
    with pytest.raises(RunFailed) as error:
        deployed.invoke()
    out = capsys.readouterr().out
    assert "shop-db" in out
    assert '"Channel": "team", "DigestsDelivered": 0' in out
    assert '"Channel": "here", "DigestsDelivered": 1' in out
    assert "the digest was not delivered (team)" in str(error.value)
    assert '"channels": ["team"]' in str(error.value)


def test_a_stopped_instance_is_a_line_and_no_failure(deployed: Deployed) -> None:
    deployed.log("shop-db", "select 1")
    deployed.aws.add_instance("billing-db", logs={}, status="stopped")
    result = deployed.invoke()
    assert [status["instance"] for status in result["statuses"]] == ["billing-db"]
    assert "billing-db is not available" in deployed.chat


def test_a_stopped_instance_that_is_required_is_a_failure(deployed: Deployed) -> None:
    deployed.settings(SETTINGS.replace("billing-db", "{name: billing-db, required: true}"))
    deployed.log("shop-db", "select 1")
    deployed.aws.add_instance("billing-db", logs={}, status="stopped")
    with pytest.raises(RunFailed, match="billing-db"):
        deployed.invoke()


def test_settings_that_cannot_be_used_stop_the_run_before_anything_is_asked(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_TOKEN")
    with pytest.raises(ConfigError, match=r"settings.yml:3: channels.team.token: the variable"):
        deployed.invoke()
    assert deployed.aws.calls == []


def test_a_secret_in_parameter_store_is_read_once_and_again_when_it_is_wrong(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "_SECRETS", {})
    deployed.settings(SETTINGS.replace("env/SLACK_TOKEN", "ssm:/slowquery/token"))
    deployed.log("shop-db", "select 1")
    deployed.log("billing-db")
    ssm = deployed.aws.client("ssm")
    parameter = {"Name": "/slowquery/token", "Type": "SecureString"}
    ssm.put_parameter(**parameter, Value=deployed.slack.token)
    deployed.invoke()
    deployed.slack.token = "xoxb-renewed"
    ssm.put_parameter(**parameter, Value="xoxb-renewed", Overwrite=True)
    deployed.invoke()
    assert len([post for post in deployed.slack.posts if post.thread_ts is None]) == 2


def test_a_parameter_that_is_not_there_is_named(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "_SECRETS", {})
    deployed.settings(SETTINGS.replace("env/SLACK_TOKEN", "ssm:/slowquery/token"))
    deployed.log("shop-db", "select 1")
    deployed.log("billing-db")
    with pytest.raises(RunFailed, match="ssm:/slowquery/token: it does not exist"):
        deployed.invoke()


def test_a_channel_that_asks_for_patience_leaves_time_for_the_others(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.settings(SETTINGS + "  here: {kind: console}\n")
    deployed.log("shop-db", "select 1")
    deployed.log("billing-db")
    # Patient enough for that, were there time.
    deployed.slack.script(ratelimited(55))
    hurried = Context(seconds=app.DELIVERY_RESERVE + 3)
    with pytest.raises(RunFailed, match=r"Slack limits the rate, to wait 55 s"):
        handler.export_to_chat(HOUR, hurried)
    out = capsys.readouterr().out
    assert "shop-db" in out
    assert '"DigestsDelivered": 1' in out
    assert len(deployed.slack.requests) == 1


def test_a_log_that_is_none_is_news_and_no_quiet_hour(deployed: Deployed) -> None:
    deployed.log("shop-db")
    deployed.aws.add_instance("billing-db", logs={LIVE: b"what is this\n" * 9000})
    result = deployed.invoke()
    (loss,) = result["digests"][1]["coverage"]["losses"]
    assert loss["reason"] == "nothing there is a slow log"
    assert "nothing there is a slow log" in deployed.chat
    assert "nothing slow in what could be read" in deployed.chat


def test_events_that_cannot_be_placed_are_news(deployed: Deployed) -> None:
    header = "# User@Host: app[app] @ web [10.0.0.7]\n"
    figures = "# Query_time: 9000.0  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 5\n"
    log = (header + figures + "select 1;\n") * 50
    deployed.aws.add_instance("shop-db", logs={LIVE: log.encode()})
    deployed.log("billing-db")
    deployed.invoke()
    assert "50 events could not be read" in deployed.chat


LINE = b"2026-11-22 04:30:00 UTC:[local]:app@shop:[77]:LOG:  duration: 9.900 ms  statement: "
HEADER = (
    b"# User@Host: app[app] @ web [10.0.0.7]\n"
    b"# Query_time: 1.0  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 5\n"
)


@pytest.mark.parametrize(
    ("portions", "engine", "count"),
    [
        (
            [LINE + b"select 'it started with:\n\tx'\n", LINE + b"select 1\n"],
            "postgresql",
            2,
        ),
        ([LINE + b"select 'a\n\t# Time: 9'\n"], "postgresql", 1),
        ([b"\t" + b"x" * 70_000 + b"'\n", LINE + b"select 1\n"], "postgresql", 1),
        ([b"\tfrom t where a = 'x'\n", LINE + b"select 1\n"], "postgresql", 1),
        ([LINE[:12], LINE[12:] + b"select 1\n"], "postgresql", 1),
        ([LINE[:30], LINE[30:] + b"select 1\n"], "postgresql", 1),
        ([HEADER + b"select '\n" + LINE + b"';\n"], "mysql", 1),
        ([b"from t;\n", HEADER + b"select 1;\n"], "mysql", 1),
    ],
)
def test_which_engine_wrote_a_log_is_seen_from_what_comes_first(
    portions: list[bytes], engine: str, count: int
) -> None:
    pieces = [Portion("a", data) for data in portions]
    found = digest_of(pieces, Settings(instances=()), engine=None, window=None, instance=None)
    assert (found.engine, found.totals.count) == (engine, count)


def test_which_engine_wrote_a_log_is_seen_whatever_its_file_is_called(deployed: Deployed) -> None:
    log = "2026-11-22 04:30:00 UTC:[local]:app@shop:[77]:LOG:  duration: 9.900 ms  statement: x\n"
    deployed.log("shop-db", "select 1")
    deployed.aws.add_instance("billing-db", logs={LIVE: log.encode() * 99})
    digests = {digest["instance"]: digest for digest in deployed.invoke()["digests"]}
    assert digests["billing-db"]["engine"] == "postgresql"
    assert digests["billing-db"]["totals"]["count"] == 99


def test_names_of_instances_are_taken_in_any_case(deployed: Deployed) -> None:
    deployed.log("shop-db", "select 1")
    result = deployed.invoke({**ON_DEMAND, "instances": ["Shop-DB"]})
    assert [digest["instance"] for digest in result["digests"]] == ["shop-db"]


# What is left out


def test_what_rds_itself_does_is_left_out(deployed: Deployed) -> None:
    deployed.log("shop-db", "select 1 from heartbeat", user="rdsadmin")
    deployed.log("billing-db", "select 1 from invoices")
    result = deployed.invoke()
    assert "heartbeat" not in json.dumps(result) + deployed.chat
    assert result["digests"][0]["coverage"]["events_excluded"] == 1


@pytest.mark.parametrize(("shown", "more"), [(False, ""), (True, "show_hosts: true\n")])
def test_hosts_stay_out_of_chat_unless_settings_say_so(
    deployed: Deployed, more: str, *, shown: bool
) -> None:
    deployed.settings(SETTINGS + more)
    deployed.log("shop-db", "select 1")
    deployed.log("billing-db")
    deployed.invoke()
    assert ("web-1.internal" in deployed.chat) == shown


def test_tags_are_shown_only_if_settings_ask_for_them(deployed: Deployed) -> None:
    deployed.log("shop-db", "select a from t /*controller='users',traceparent='00-1'*/")
    deployed.log("billing-db")
    assert deployed.invoke(ON_DEMAND)["digests"][0]["queries"][0]["tags"] == {}
    deployed.settings(SETTINGS + "tags: [controller]\n")
    result = deployed.invoke()
    assert result["digests"][0]["queries"][0]["tags"] == {"controller": {"users": 1}}
    assert "controller users" in deployed.chat
    assert "traceparent" not in deployed.chat + json.dumps(result)


MARK = "zqzq"
LITERALS = [
    f"'{MARK}'",
    f'"{MARK}"',
    f"'it''s {MARK}'",
    f"'it\\'s {MARK}'",
    f"N'{MARK}'",
    f"_utf8mb4'{MARK}'",
    f"'{MARK}\n# Query_time: 9  Lock_time: 9\n{MARK}'",
    f"'<!channel> `{MARK}` @here'",
    f"'{MARK}",
]


def test_no_literal_leaves_by_any_door(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.settings(SETTINGS + "  here: {kind: console}\n")
    comments = [f"select 1 /* {MARK} */ from t", f"select 2 -- {MARK}\n from u"]
    statements = [f"select a from t{n} where b = {one}" for n, one in enumerate(LITERALS)]
    deployed.log("shop-db", *comments, *statements)
    with pytest.raises(RunFailed) as error:
        deployed.invoke()
    result = deployed.invoke(ON_DEMAND)
    said = capsys.readouterr()
    assert result["digests"][0]["totals"]["count"] == len(comments) + len(statements)
    out = [json.dumps(result), said.out, said.err, str(error.value), repr(error.value)]
    out += [json.dumps(post.body, ensure_ascii=False) for post in deployed.slack.posts]
    assert words(deployed.slack.posts[0].blocks)
    for written in out:
        assert MARK not in written


# PostgreSQL

POSTGRESQL = "error/postgresql.log.2026-11-22-04"
STDERR = (
    "2026-11-22 04:30:00 UTC:10.0.0.7(80):app@shop:[77]:LOG:  duration: 900.000 ms  statement: "
    "select * from orders where id = 4711\n"
    "2026-11-22 04:30:01 UTC:10.0.0.7(80):app@shop:[77]:ERROR:  division by zero\n"
    "2026-11-22 04:30:01 UTC:10.0.0.7(80):app@shop:[77]:STATEMENT:  select 4711 / 0\n"
)
CSV = (
    '2026-11-22 04:30:00.250 UTC,"app","shop",77,"10.0.0.7:80",1.2,1,"SELECT",'
    '2026-11-22 04:00:00 UTC,3/2,0,LOG,00000,"duration: 900.000 ms  statement: '
    'select * from orders where id = 4711",,,,,,,,,"psql","client backend",,0\n'
)


def postgresql(deployed: Deployed, **logs: str) -> dict[str, Any]:
    """Read an instance that has these logs, by the ends of their names, and no other instance."""
    deployed.settings(SETTINGS.replace("[shop-db, billing-db]", "[shop-db]"))
    files = {POSTGRESQL + end.replace("_", "."): text.encode() for end, text in logs.items()}
    others = {"error/postgres.log": b"2026-11-22 04:30:00 UTC:::[1]:LOG:  no\n"}
    deployed.aws.add_instance("shop-db", logs=files | others)
    (digest,) = deployed.invoke()["digests"]
    found: dict[str, Any] = digest
    return found


def test_which_engine_an_instance_has_is_seen_from_its_files(deployed: Deployed) -> None:
    digest = postgresql(deployed, **{"": STDERR})
    assert (digest["engine"], digest["coverage"]["files"]) == ("postgresql", 1)
    assert digest["totals"]["count"] == 1
    assert digest["coverage"]["also"] == {"errors": 1}
    assert "The log also tells of 1 error." in deployed.chat


def test_of_two_formats_of_the_same_hour_one_is_read(deployed: Deployed) -> None:
    digest = postgresql(deployed, **{"": STDERR, "_csv": CSV})
    assert (digest["totals"]["count"], digest["coverage"]["files"]) == (1, 1)
    assert digest["queries"][0]["last_seen"] == "2026-11-22T04:30:00.250000Z"


def test_what_postgresql_does_not_log_is_null_and_absent(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = postgresql(deployed, **{"": STDERR})
    (query,) = digest["queries"]
    absent = {name for name, value in {**digest["totals"], **query}.items() if value is None}
    assert absent == {
        *("lock_time_sum", "rows_sent_sum", "rows_examined_sum"),
        *("lock_time", "rows_sent", "rows_examined"),
    }
    assert "rows examined" not in deployed.chat
    assert "lock" not in deployed.chat
    emitted = capsys.readouterr().out
    assert "SlowQueries" in emitted
    assert "RowsExamined" not in emitted


def test_the_prefix_of_an_instance_is_that_of_its_settings(deployed: Deployed) -> None:
    log = "2026-11-22 04:30:00 UTC/app/shop/77/LOG:  duration: 900.000 ms  statement: select 1\n"
    named = '[{name: shop-db, engine: postgresql, log_line_prefix: "%t/%u/%d/%p/"}]'
    deployed.settings(SETTINGS.replace("[shop-db, billing-db]", named))
    deployed.aws.add_instance("shop-db", logs={POSTGRESQL: log.encode()})
    (digest,) = deployed.invoke()["digests"]
    assert (digest["queries"][0]["users"], digest["queries"][0]["databases"]) == (
        *({"app": 1}, {"shop": 1}),
    )


def test_durations_without_a_text_are_counted_and_what_to_set_is_said(deployed: Deployed) -> None:
    line = "2026-11-22 04:30:00 UTC:10.0.0.7(80):app@shop:[77]:LOG:  duration: 900.000 ms\n"
    digest = postgresql(deployed, **{"": line * 3})
    assert [query["fingerprint"] for query in digest["queries"]] == ["statement text not logged"]
    assert digest["totals"]["count"] == 3
    assert "set log_min_duration_statement" in deployed.chat


def test_times_of_a_zone_that_nobody_can_tell_are_said(deployed: Deployed) -> None:
    digest = postgresql(deployed, **{"": STDERR.replace("UTC", "CET")})
    assert digest["coverage"]["events_unreadable"] == 1
    assert "set log_timezone=UTC" in deployed.chat
