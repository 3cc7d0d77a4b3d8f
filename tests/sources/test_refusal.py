"""What AWS refuses is told in the operator's words, and nothing of what it sent is quoted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowquery.sources.refusal import (
    Binary,
    Gone,
    InstanceUnavailable,
    Passing,
    SourceError,
    refusal,
)

ACTION = "rds:DescribeDBLogFiles"
ARN = "arn:aws:rds:eu-central-1:123456789012:db:shop-db"
WORDS = [
    ("DBInstanceNotFound", "there is no instance shop-db in this region", "not of a cluster"),
    ("DBInstanceNotReady", "the instance is stopped, starting", "once it is available"),
    ("Throttling", "RDS throttles the calls", "fewer instances at once"),
    ("RequestLimitExceeded", "RDS throttles the calls", "fewer instances at once"),
    ("503", "RDS is not available", "AWS Health Dashboard"),
    ("ExpiredToken", "AWS does not accept the credentials", "sign in again"),
    ("OptInRequired", "AWS does not accept the credentials", "a region must be enabled"),
    (
        "InvalidParameterValue",
        "RDS does not accept what it is asked for shop-db",
        "letters, digits",
    ),
]


def refused(code: str, message: str = "a secret") -> SourceError:
    return refusal(code, message, action=ACTION, instance="shop-db")


@pytest.mark.parametrize(("code", "why", "hint"), WORDS)
def test_a_code_says_why_and_what_to_try(code: str, why: str, hint: str) -> None:
    error = refused(code)
    assert why in error.why
    assert hint in error.hint


def test_access_denied_names_the_action_and_the_resource() -> None:
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/bot/run is not authorized to perform: "
        f"rds:DownloadDBLogFilePortion on resource: {ARN} because no identity-based policy …"
    )
    error = refused("AccessDenied", message)
    assert error.why == f"access denied for rds:DownloadDBLogFilePortion on {ARN}"
    assert "allow rds:DownloadDBLogFilePortion" in error.hint


def test_access_denied_without_a_message_names_what_was_called() -> None:
    assert refused("AccessDenied").why == f"access denied for {ACTION} on the instance shop-db"


def test_what_may_pass_is_told_from_what_will_not() -> None:
    assert isinstance(refused("Throttling"), Passing)
    assert isinstance(refused("InternalFailure"), Passing)
    assert isinstance(refused("DBInstanceNotReady"), InstanceUnavailable)
    assert isinstance(refused("DBLogFileNotFoundFault"), Gone)
    assert isinstance(refused("InvalidParameterValue", "This file contains binary data"), Binary)
    assert not isinstance(refused("AccessDenied"), Passing)


@given(st.text(), st.sampled_from(["zqzq", "AccessDenied", "Strange", "InvalidParameterValue"]))
def test_no_message_and_no_odd_code_is_quoted(text: str, code: str) -> None:
    error = refused(code if code != "zqzq" else f"zqzq {text}", f"select 'zqzq{text}'")
    assert "zqzq" not in str(error) + repr(error)
