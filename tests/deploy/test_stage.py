"""A stage: one settings file, and what the template takes from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import rights
from deploy.stage import Stage, fragment, read
from slowquery.health.aws import RIGHTS
from slowquery.settings import ConfigError
from slowquery.settings_file import load

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = Path(__file__).with_name("settings.yml")
ENVIRON = {"INCIDENTS_URL": "https://example.com/zqzq", "AWS_REGION": "us-west-2"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"


def stage(tmp_path: Path, text: str, *, complete: bool = True) -> Stage:
    file = tmp_path / "settings.test.yml"
    file.write_text(text, encoding="utf-8")
    return read("test", file, ENVIRON, complete=complete)


def made(found: Stage, archive: bytes = b"zip", made_from: str = "") -> dict[str, Any]:
    return fragment(found, archive=archive, made_from=made_from)


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in statement["Action"]}


def resources(statements: list[dict[str, Any]], action: str) -> list[Any]:
    (found,) = (one["Resource"] for one in statements if action in one["Action"])
    return [one["Fn::Sub"] if isinstance(one, dict) else one for one in found]


def of_the_run(text: str) -> list[dict[str, Any]]:
    return rights.of_the_run(load(text, {}, file="settings.yml", posts=False))


# The rights.


def test_listed_instances_are_named_one_by_one_each_in_its_region() -> None:
    found = of_the_run("instances: [a, {name: b, region: us-west-1}]")
    assert actions(found) == {"rds:DescribeDBLogFiles", "rds:DownloadDBLogFilePortion"}
    assert resources(found, "rds:DescribeDBLogFiles") == [
        "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}:db:a",
        "arn:${AWS::Partition}:rds:us-west-1:${AWS::AccountId}:db:b",
    ]


def test_each_parameter_that_is_referred_to_is_named_once() -> None:
    found = of_the_run(
        "instances: [a]\nregion: eu-central-1\nchannels:\n"
        "  one: {kind: webhook, url: ssm:/b/url, headers: {X-A: ssm:/a/key}}\n"
        "  two: {kind: webhook, url: ssm:/b/url}\n"
    )
    arn = "arn:${AWS::Partition}:ssm:eu-central-1:${AWS::AccountId}:parameter"
    assert resources(found, "ssm:GetParameter") == [f"{arn}/a/key", f"{arn}/b/url"]
    assert "kms:Decrypt" not in actions(found)


def test_a_customer_key_may_be_used_if_settings_name_it() -> None:
    channel = "channels: {one: {kind: webhook, url: ssm:/url}}"
    found = of_the_run(f"instances: [a]\nkms_key: {KEY}\n{channel}\n")
    assert resources(found, "kms:Decrypt") == [KEY]
    (decrypt,) = (one for one in found if "kms:Decrypt" in one["Action"])
    (get,) = (one for one in found if "ssm:GetParameter" in one["Action"])
    assert decrypt["Condition"] == {
        "StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": get["Resource"]}
    }


def test_a_key_without_a_parameter_is_used_for_nothing() -> None:
    assert "kms:Decrypt" not in actions(of_the_run(f"instances: [a]\nkms_key: {KEY}\n"))


def test_finding_by_tag_adds_one_action_and_narrows_the_others_to_the_tag() -> None:
    read_logs, describe = of_the_run("instances: {tag: digest=yes}\nregion: eu-central-1\n")
    every = "arn:${AWS::Partition}:rds:eu-central-1:${AWS::AccountId}:db:*"
    assert read_logs["Action"] == rights.READ
    assert read_logs["Resource"] == describe["Resource"] == [{"Fn::Sub": every}]
    assert read_logs["Condition"] == {"StringEquals": {"aws:ResourceTag/digest": "yes"}}
    assert describe["Action"] == ["rds:DescribeDBInstances"]


@pytest.mark.parametrize(("more", "prefix"), [("", "shop-"), (", prefix: Web-", "web-")])
def test_finding_in_a_cluster_adds_one_action_and_narrows_the_others_to_a_prefix(
    more: str, prefix: str
) -> None:
    found = of_the_run(f"instances: {{cluster: Shop{more}}}")
    arn = "arn:${AWS::Partition}:rds:${AWS::Region}:${AWS::AccountId}"
    assert resources(found, "rds:DescribeDBLogFiles") == [f"{arn}:db:{prefix}*"]
    assert resources(found, "rds:DescribeDBClusters") == [f"{arn}:cluster:shop"]


@given(st.sets(st.sampled_from(sorted(RIGHTS))))
def test_the_health_check_may_what_settings_ask_for_and_what_the_run_may(asked: set[str]) -> None:
    lines = "".join(f"  {name}: true\n" for name in asked)
    text = "instances: [a]\n" + (f"health:\n{lines}" if lines else "")
    found = load(text, {}, file="settings.yml")
    expected = actions(rights.of_the_run(found)) | {one for name in asked for one in RIGHTS[name]}
    assert actions(rights.of_the_health_check(found)) == expected


# The rest of it.


def test_the_stages_own_region_comes_before_the_environments(tmp_path: Path) -> None:
    assert stage(tmp_path, "instances: [a]\nregion: eu-central-1\n").region == "eu-central-1"
    assert stage(tmp_path, "instances: [a]\n").region == "us-west-2"


def test_the_function_gets_the_variables_that_its_settings_name(tmp_path: Path) -> None:
    found = made(stage(tmp_path, SETTINGS.read_text(encoding="utf-8")))
    assert found["environment"] == {"INCIDENTS_URL": "${env:INCIDENTS_URL, ''}"}
    assert "zqzq" not in json.dumps(found)


def test_a_stage_without_its_secrets_can_be_looked_at_but_not_deployed(tmp_path: Path) -> None:
    text = "instances: [a]\nchannels: {one: {kind: webhook, url: env/NOT_THERE}}\n"
    assert stage(tmp_path, text, complete=False).variables == ("NOT_THERE",)
    with pytest.raises(ConfigError, match="the variable NOT_THERE is not set"):
        stage(tmp_path, text)


def test_whoever_is_to_hear_of_alarms_is_subscribed(tmp_path: Path) -> None:
    text = "instances: [a]\n"
    silent = made(stage(tmp_path, text))["resources"]["Resources"]
    heard = made(stage(tmp_path, f"{text}alarm_email: me@example.com\n"))["resources"]["Resources"]
    assert "AlarmEmail" not in silent
    assert heard["AlarmEmail"]["Properties"]["Endpoint"] == "me@example.com"


def test_the_same_gives_the_same_version_and_any_change_another(tmp_path: Path) -> None:
    same, other = stage(tmp_path, "instances: [a]\n"), stage(tmp_path, "instances: [b]\n")
    assert made(same) == made(same)
    versions = {
        found["version"]
        for found in (
            made(same),
            made(other),
            made(same, archive=b"another zip"),
            made(same, made_from="another template, or another secret"),
        )
    }
    assert len(versions) == 4


def test_a_new_version_is_of_a_changed_function(tmp_path: Path) -> None:
    """Lambda publishes none where neither code nor configuration changed: its own words."""
    found = stage(tmp_path, "instances: [a]\n")
    before, after = made(found), made(found, made_from="another template")
    assert before["version"] != after["version"]
    assert before["version_id"] != after["version_id"]
    assert before["version"].endswith(before["version_id"])


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_LOG_GROUP_NAME", "LAMBDA_TASK_ROOT", "_HANDLER", "_MINE", "X"),
        *("SLOWQUERY_SETTINGS", "SLOWQUERY_NEW_VERSION"),
    ],
)
def test_a_variable_that_a_function_cannot_have_is_refused(tmp_path: Path, name: str) -> None:
    text = f"instances: [a]\nchannels:\n  one: {{kind: webhook, url: env/{name}}}\n"
    with pytest.raises(ConfigError) as refused:
        stage(tmp_path, text, complete=False)
    (problem,) = refused.value.problems
    assert str(problem).startswith(f"settings.test.yml:3: the variable {name} ")


def test_a_variable_that_a_function_can_have_is_taken(tmp_path: Path) -> None:
    text = "instances: [a]\nchannels: {one: {kind: webhook, url: env/AWSOME_URL}}\n"
    assert stage(tmp_path, text, complete=False).variables == ("AWSOME_URL",)


@pytest.mark.parametrize("name", ["", "my_stage", "a.b", "../x", "-x", "x-", "x" * 41])
def test_a_name_that_no_stack_can_have_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "settings.yml"
    file.write_text("instances: [a]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="letters, digits and hyphens"):
        read(name, file, {}, complete=True)


def test_a_version_is_of_exactly_the_zip_and_outlives_the_next(tmp_path: Path) -> None:
    found = made(stage(tmp_path, "instances: [a]\n"))
    version = found["resources"]["Resources"][found["version"]]
    # printf zip | sha256sum | xxd -r -p | base64
    assert version["Properties"]["CodeSha256"] == "SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I="
    # A deployment that fails takes its version back, or the next try would find it there.
    assert version["DeletionPolicy"] == "RetainExceptOnCreate"
    assert version["UpdateReplacePolicy"] == "Retain"


def test_settings_that_cannot_be_used_are_said_and_nothing_is_written(tmp_path: Path) -> None:
    settings = tmp_path / "settings.test.yml"
    settings.write_text("instances: [no_instance]\n", encoding="utf-8")
    name: list[str | Path] = [sys.executable, "-m", "deploy.stage", "test"]
    command = [*name, settings, settings]
    done = subprocess.run(
        [*command, tmp_path / "stage.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("settings.test.yml:1: instances[0]: this is not an RDS")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stage.json").exists()
