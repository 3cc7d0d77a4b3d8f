"""What answers mean, where the line is drawn, and that nothing private is in a check."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowquery.health import judge, page
from slowquery.health.answers import BotAnswers, Database, Identity, InstanceAnswers, Runs
from slowquery.health.aws import read
from slowquery.health.check import Check, worst
from slowquery.model import SECOND, Engine
from slowquery.settings import Channel, Instance
from slowquery.sources.listing import LogFile
from slowquery.sources.refusal import SourceError, refusal
from slowquery.window import HOUR, parse_time

NOW = parse_time("2026-11-22T05:10Z", 0)
NAME = "slowquery/mysql-slowquery.log"
SURE = "error/mysql-error-running.log"
DENIED = refusal("AccessDenied", "", action="rds:DescribeDBInstances", instance="shop-db")


def of(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def instance(*files: LogFile, **more: Any) -> list[Check]:  # noqa: ANN401 - any field
    answers = InstanceAnswers(Instance("shop-db"), "eu-central-1", files)
    return judge.instance_checks(replace(answers, **more), NOW)


def log(hours_ago: float, size: int = 1_000, name: str = NAME) -> LogFile:
    return LogFile(name, NOW - int(hours_ago * HOUR), size)


@pytest.mark.parametrize(
    ("skew", "status", "seen"),
    [
        (0, "ok", "agrees with AWS's"),
        (60, "ok", "agrees with AWS's"),
        (61, "warn", "is 1 min ahead of AWS's"),
        (-600, "warn", "is 10 min behind AWS's"),
    ],
)
def test_a_clock_that_is_off_is_worth_a_word(skew: int, status: str, seen: str) -> None:
    identity = Identity("arn:aws:sts::1:x", NOW - skew * SECOND)
    check = of(judge.bot_checks(BotAnswers("x", "eu-central-1", identity), NOW), "clock")
    assert check.status == status
    assert seen in check.seen


def test_a_clock_that_aws_does_not_tell_is_unknown() -> None:
    identity = Identity("arn:aws:sts::1:x", None)
    check = of(judge.bot_checks(BotAnswers("x", "eu-central-1", identity), NOW), "clock")
    assert check.status == "unknown"


@pytest.mark.parametrize(("minutes", "status"), [(10, "ok"), (130, "ok"), (131, "fail")])
def test_two_hours_without_a_run_are_a_failure(minutes: int, status: str) -> None:
    runs = Runs(NOW - minutes * 60 * SECOND)
    answers = BotAnswers("x", "eu-central-1", Identity("arn", NOW), runs)
    assert of(judge.bot_checks(answers, NOW), "last run").status == status


def test_a_digest_for_another_channel_says_nothing_about_this_one() -> None:
    runs = Runs(NOW, {"other": (NOW, True)})
    assert judge.digest_check(Channel("team", "console"), runs, NOW).status == "unknown"


@pytest.mark.parametrize(("hours", "status"), [(1, "ok"), (26, "ok"), (27, "warn")])
def test_a_log_is_stale_after_a_day(hours: int, status: str) -> None:
    assert of(instance(log(hours)), "fresh").status == status


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ([log(3, 9_000_000), log(2, 9_000_000), log(1)], "ok"),
        ([log(49, 9_000_000), log(25, 9_000_000), log(1)], "warn"),
        ([log(49), log(25), log(1)], "ok"),
        ([log(1, 90_000_000)], "ok"),
        (
            [log(2, 9_000_000, f"error/postgresql.log.2026-11-2{day}") for day in (0, 1)],
            "warn",
        ),
        (
            [log(2, 9_000_000, f"error/postgresql.log.2026-11-21-0{hour}") for hour in (0, 1)],
            "ok",
        ),
    ],
)
def test_large_files_that_hold_hours_are_read_too_often(files: list[LogFile], status: str) -> None:
    assert of(instance(*files), "file length").status == status


def parameters(engine: str, values: dict[str, str], *, pending: bool = False) -> list[Check]:
    database = Database(engine, "available", "prod", pending)
    checks = instance(log(1), database=database, parameters=values)
    return [check for check in checks if check.name == "parameters"]


WELL = {"slow_query_log": "1", "log_output": "FILE", "long_query_time": "1"}


@pytest.mark.parametrize(
    ("engine", "values", "seen"),
    [
        ("mysql", WELL, "slow_query_log=1, log_output=FILE, long_query_time=1 (prod)"),
        ("mariadb", {**WELL, "slow_query_log": "ON"}, "slow_query_log=ON"),
        ("mysql", {**WELL, "log_output": "FILE,TABLE"}, "log_output=FILE,TABLE"),
        ("mysql", {**WELL, "log_output": "NONE"}, "log_output=NONE in prod: the log is no file"),
        ("mysql", {}, "slow_query_log=0 in prod"),
        ("mysql", {**WELL, "long_query_time": "10"}, "long_query_time=10 in prod"),
        ("mysql", {"slow_query_log": "1", "long_query_time": "1"}, "log_output is not set in prod"),
        (
            "aurora-mysql",
            {"slow_query_log": "1", "long_query_time": "1"},
            "long_query_time=1 (prod)",
        ),
        ("aurora-mysql", {}, "the cluster's parameter group may"),
        ("aurora-mysql", {"slow_query_log": "0"}, "slow_query_log=0 in prod"),
        ("postgres", {}, "log_min_duration_statement=-1 in prod"),
        ("aurora-postgresql", {"log_min_duration_statement": "500"}, "statement=500 (prod)"),
        ("aurora-postgresql", {}, "does not set log_min_duration_statement; the cluster's"),
        ("mysql", None, "nothing is known of what decides about mysql's log"),
        ("oracle-ee", {}, "nothing is known of what decides about oracle-ee's log"),
    ],
)
def test_parameters_that_decide_about_the_log_are_named(
    engine: str, values: dict[str, str] | None, seen: str
) -> None:
    files = () if engine == "oracle-ee" else (log(1),)
    database = Database(engine, "available", "prod")
    checks = instance(*files, database=database, parameters=values)
    assert seen in of(checks, "parameters").seen


@pytest.mark.parametrize(
    ("engine", "values", "hint"),
    [
        ("aurora-postgresql", {}, "of the cluster: log_min_duration_statement=1000"),
        ("aurora-mysql", {}, "of the cluster: slow_query_log=1, log_output=FILE"),
        ("mysql", {"slow_query_log": "1"}, "RDS for MySQL's default is TABLE"),
    ],
)
def test_what_a_group_does_not_set_is_unknown(
    engine: str, values: dict[str, str], hint: str
) -> None:
    found = next(check for check in parameters(engine, values) if check.status == "unknown")
    assert hint in found.hint


@pytest.mark.parametrize("names", list(permutations(("audit/server_audit.log", SURE))))
def test_the_surest_name_tells_the_engine_wherever_it_stands(names: tuple[str, ...]) -> None:
    checks = instance(*(log(1, name=name) for name in names))
    assert (of(checks, "engine").status, of(checks, "engine").seen) == ("ok", "MySQL or MariaDB")


def test_an_audit_log_alone_proves_no_engine() -> None:
    checks = instance(log(1, name="audit/server_audit.log"))
    assert of(checks, "engine").status == "unknown"
    assert "MySQL, MariaDB or Oracle" in of(checks, "engine").seen
    assert of(checks, "log files").status == "unknown"


def test_where_an_audit_log_proves_nothing_settings_decide() -> None:
    told = Instance("shop-db", engine="mysql")
    checks = instance(log(1, name="audit/server_audit.log"), instance=told)
    assert of(checks, "engine").status == "ok"
    assert "slow_query_log=0" in of(checks, "log files").hint


@pytest.mark.parametrize(
    ("name", "advice", "never"),
    [
        (NAME, "log_output=TABLE", "log_min_duration_statement"),
        ("error/postgresql.log", "log_min_duration_statement=-1", "log_output"),
    ],
)
def test_files_that_hold_next_to_nothing_get_the_advice_of_their_engine(
    name: str, advice: str, never: str
) -> None:
    for size in (0, 400):
        check = of(instance(log(1, size, name)), "events")
        assert check.status == "warn"
        assert advice in check.hint
        assert never not in check.hint


def test_a_short_log_of_postgresql_is_read_where_there_is_no_longer_one() -> None:
    short, longer = (log(1, size, "error/postgresql.log") for size in (40, 4_000))
    assert judge.worth_reading([short]) == (short, "postgresql")
    assert judge.worth_reading([longer, short]) == (longer, "postgresql")
    assert judge.worth_reading([log(1, 40)]) is None


def test_a_group_that_waits_for_a_reboot_is_said() -> None:
    (check,) = parameters("mysql", WELL, pending=True)
    assert (check.status, "reboot the instance" in check.hint) == ("warn", True)


def test_what_need_not_be_granted_is_unknown_and_may_be_left() -> None:
    check = of(instance(log(1), database=DENIED), "parameters")
    assert check.status == "unknown"
    assert "access denied for rds:DescribeDBInstances" in check.seen
    assert "or leave it" in check.hint


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", "fail"),
        ("DBInstanceNotFound", "fail"),
        ("ExpiredToken", "fail"),
        ("Throttling", "unknown"),
        ("503", "unknown"),
        ("DBInstanceNotReady", "warn"),
    ],
)
def test_what_may_pass_is_no_failure(code: str, status: str) -> None:
    error = refusal(code, "", action="rds:DescribeDBLogFiles", instance="shop-db")
    check = of(instance(files=error), "reachable")
    assert check.status == status
    assert check.hint


def test_the_worst_of_several_is_what_counts() -> None:
    order = ("ok", "unknown", "warn", "fail")
    checks = [Check("x", status, "") for status in order]  # type: ignore[arg-type]  # they are
    assert [worst(checks[:count]) for count in range(5)] == ["ok", *order]


MARK = "zqzq"
SQL = st.text(min_size=1, max_size=30).map(lambda text: f"select '{MARK}{text}' -- {MARK}")


@settings(max_examples=60)
@given(
    st.lists(st.tuples(SQL, st.booleans()), max_size=6), st.sampled_from(["mysql", "postgresql"])
)
def test_nothing_of_a_statement_is_in_a_check_however_the_log_is_cut(
    statements: list[tuple[str, bool]], engine: Engine
) -> None:
    name = NAME if engine == "mysql" else "error/postgresql.log.2026-11-22-04"
    lines = [_logged(sql, engine) if is_whole else f"{sql}\n" for sql, is_whole in statements]
    data = "".join(lines).encode(errors="replace")
    tail = read(name, data, engine)
    checks = instance(LogFile(name, NOW, len(data)), tail=tail)
    assert MARK not in repr(checks)
    assert MARK not in page.text(checks, NOW, width=80)
    assert MARK not in json.dumps(page.document(checks, NOW))
    assert MARK not in repr(page.message(checks, NOW))


def _logged(sql: str, engine: Engine) -> str:
    if engine == "postgresql":
        head = "2026-11-22 04:38:17 UTC:10.0.0.9(41234):app@shop:[7]:LOG:  duration: 12.5 ms"
        return f"{head}  statement: {sql}\n"
    return (
        "# Time: 2026-11-22T04:38:17.000000Z\n# User@Host: app[app] @  [10.0.0.9]  Id:     7\n"
        f"# Query_time: 1.5  Lock_time: 0 Rows_sent: 1  Rows_examined: 1\n{sql};\n"
    )


@given(st.text())
def test_nothing_that_aws_says_is_in_a_check(text: str) -> None:
    error = refusal(f"{MARK} {text}", f"{MARK} {text}", action="rds:X", instance="shop-db")
    assert isinstance(error, SourceError)
    assert MARK not in repr(instance(files=error, database=error))
