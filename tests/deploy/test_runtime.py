"""The handlers as Lambda runs them: its runtime client, the package, boto3, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slowquery import hook
from tests.packed import STAGE, package_of
from tests.sandbox.aws import ACCOUNT, Sandbox
from tests.sandbox.log_file import LIVE
from tests.sandbox.runtime_api import Lambda, Raised
from tests.sandbox.web import Answer, Request, Server

SETTINGS = Path(__file__).with_name("settings.yml")
SCHEDULED = {"scheduled_time": "2026-11-22T05:10:00Z"}
ON_DEMAND = {"start": "2026-11-22T04:00Z", "end": "2026-11-22T05:00Z"}
NEW_VERSION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:slowquery-{STAGE}-exportToChat:7"
HOOK = {"DeploymentId": "d-ABC", hook.EXECUTION: "an-execution"}
LOG = b"""\
# Time: 2026-11-22T04:30:00.000000Z
# User@Host: app[app] @ web-1 [10.0.0.7]  Id: 7
# Query_time: 1.500000  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 500
SET timestamp=1795321800;
select * from orders where name = 'zqzq';
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folders of the path: the task, and what Lambda's image brings."""
    package = package_of(SETTINGS, tmp_path_factory)
    return package.unpack(tmp_path_factory.mktemp("unpacked"))


class Account:
    """An account with two instances and a receiver of what is posted."""

    def __init__(self, aws: Sandbox, receiver: str) -> None:
        self.aws = aws
        self.environ = {
            **aws.environ,
            "SLOWQUERY_SETTINGS": "settings.yml",
            "INCIDENTS_URL": f"{receiver}/incidents",
        }


@pytest.fixture
def account() -> Iterator[Account]:
    def take(_: Request) -> Answer:
        return Answer()

    with Sandbox() as aws, Server(take) as receiver:
        aws.add_instance("shop-db", logs={LIVE: LOG})
        parameter = {"Name": "/slowquery/team-url", "Type": "SecureString"}
        aws.client("ssm").put_parameter(**parameter, Value=f"{receiver.url}/team")
        yield Account(aws, receiver.url)


def test_a_cold_start_and_a_second_invocation_in_the_same_process(
    account: Account, unpacked: tuple[Path, Path]
) -> None:
    account.aws.add_instance("billing-db", logs={LIVE: b""})
    with Lambda("handler.export_to_chat", *unpacked, account.environ) as function:
        first = function.invoke(SCHEDULED)
        second = function.invoke(ON_DEMAND)
        log = function.log
    assert first["digests"] == second["digests"]
    assert first["digests"][0]["totals"]["query_time_sum"] == 1.5
    emitted = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    of_the_run = [one for one in emitted if "RunDuration" in one]
    assert [one["FunctionName"] for one in of_the_run] == ["slowquery-test-exportToChat"]
    assert "zqzq" not in log + json.dumps([first, second])


def test_cloudwatch_shows_what_failed_why_and_what_to_send_again(
    account: Account, unpacked: tuple[Path, Path]
) -> None:
    with Lambda("handler.export_to_chat", *unpacked, account.environ) as function:
        with pytest.raises(Raised, match="the log was not read") as raised:
            function.invoke(SCHEDULED)
        log = function.log
    assert raised.value.kind == "RunFailed"
    # The log turns line ends within one event into carriage returns, as CloudWatch gets it.
    shown = log.replace("\r", "\n")
    assert "[ERROR] RunFailed: 1 of this run's parts failed" in shown
    assert "(billing-db): there is no instance billing-db in this region; try: " in shown
    assert 'repeat it with: {"start": "2026-11-22T04:00:00Z"' in shown
    assert "zqzq" not in log


def test_settings_that_cannot_be_used_are_told_with_line_and_key(
    account: Account, unpacked: tuple[Path, Path]
) -> None:
    del account.environ["INCIDENTS_URL"]
    with (
        Lambda("handler.export_to_chat", *unpacked, account.environ) as function,
        pytest.raises(Raised, match=r"settings.yml:6: channels.incidents.url: the variable"),
    ):
        function.invoke(SCHEDULED)


def test_the_server_ends_what_takes_too_long_whatever_the_handler_catches(
    unpacked: tuple[Path, Path], tmp_path: Path
) -> None:
    stuck = "import time\ndef handler(*_):\n  while True:\n    try: time.sleep(60)\n"
    (tmp_path / "stuck.py").write_text(f"{stuck}    except BaseException: pass\n")
    with Lambda("stuck.handler", tmp_path, unpacked[1], {}, timeout=1.0) as function:
        with pytest.raises(Raised, match=r"Task timed out after 1.00 seconds"):
            function.invoke({})
        assert function.processes == 0
        assert "Task timed out after 1.00 seconds" in function.log


def test_a_run_says_what_it_left_out_before_its_time_is_up(
    account: Account, unpacked: tuple[Path, Path]
) -> None:
    account.aws.add_instance("billing-db", logs={LIVE: LOG})
    with Lambda("handler.export_to_chat", *unpacked, account.environ, timeout=30) as function:
        with pytest.raises(Raised, match="the time for reading ran out") as raised:
            function.invoke(SCHEDULED)
        assert function.processes == 1
    assert raised.value.kind == "RunFailed"


# The hook of a deployment, from process to process.

Try = Callable[[Path], tuple[dict[str, object], dict[str, str]]]


@pytest.fixture
def deploy(account: Account, unpacked: tuple[Path, Path]) -> Try:
    """Return what deploys a task: the hook runs from it as well as the function."""
    _, image = unpacked

    def deployed(task: Path) -> tuple[dict[str, object], dict[str, str]]:
        deployments = account.aws.deployments
        environ = {**account.environ, hook.NEW_VERSION: NEW_VERSION}
        with (
            Lambda("handler.export_to_chat", task, image, environ) as function,
            Lambda("handler.health_check", task, image, environ) as check,
        ):
            deployments.functions[NEW_VERSION] = function.invoke
            verdict = check.invoke(HOOK)
        return verdict, deployments.verdicts

    return deployed


def test_a_version_that_can_do_its_work_passes_though_a_database_is_down(
    account: Account, unpacked: tuple[Path, Path], deploy: Try
) -> None:
    account.aws.add_instance("billing-db", logs={}, status="stopped")
    verdict, verdicts = deploy(unpacked[0])
    why = "not available: stopped, starting or being changed"
    assert verdict == {
        "status": "Succeeded",
        "problems": [],
        "let_pass": [f"billing-db was not read: {why}"],
    }
    assert verdicts == {"an-execution": "Succeeded"}


def test_a_package_that_lacks_a_library_does_not_pass(
    unpacked: tuple[Path, Path], deploy: Try, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(unpacked[0], broken)
    shutil.rmtree(broken / "sqlparse")
    verdict, verdicts = deploy(broken)
    assert verdict["problems"] == ["ModuleNotFoundError: No module named 'sqlparse'"]
    assert verdicts == {"an-execution": "Failed"}
