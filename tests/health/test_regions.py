"""A region that AWS does not have is the settings' doing, whatever it looks like."""

from __future__ import annotations

import os
from unittest.mock import patch

import pytest

from slowquery import app
from slowquery.invocation import request
from slowquery.settings import Settings
from slowquery.settings_forms import for_instances
from slowquery.sources.refusal import Denied, NoInstance, Passing, SourceError
from slowquery.sources.regions import NoRegion, blamed
from slowquery.window import parse_time
from tests.sandbox.aws import Sandbox

SILENCE = SourceError("no answer from RDS", "look at the network")


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "cn-north-1", "", None])
def test_where_the_region_may_be_right_the_error_stays(region: str | None) -> None:
    assert blamed(SILENCE, region) is SILENCE


@pytest.mark.parametrize("kind", [SourceError, Passing])
def test_a_region_that_nobody_knows_is_behind_silence(kind: type[SourceError]) -> None:
    error = blamed(kind("no answer", "ask again"), "eu-centrall-1")
    assert isinstance(error, NoRegion)
    assert "no region eu-centrall-1" in error.why
    assert "eu-central-1" in error.hint
    assert "eu-central-1" in blamed(SILENCE, "zq").hint


@pytest.mark.parametrize("kind", [Denied, NoInstance])
def test_what_aws_says_itself_in_a_region_too_new_for_us_stays(kind: type[SourceError]) -> None:
    error = kind("why", "hint")
    assert blamed(error, "eu-centrall-1") is error


@pytest.mark.parametrize(
    ("region", "cause"), [("eu-centrall-1", "settings"), ("eu-central-1", "elsewhere")]
)
def test_a_rehearsal_stops_for_a_region_that_does_not_exist(region: str, cause: str) -> None:
    at = parse_time("2026-11-22T05:10Z", 0)
    settings: Settings = for_instances(["shop-db"], region)
    with Sandbox() as aws, patch.dict(os.environ, aws.environ):
        os.environ["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
        asked = request({"last": "5m", "channels": [], "rehearse": True}, at)
        (failure,) = app.collect(settings, asked, lambda: 61.0).failures
    assert failure.cause == cause
    assert ("no region eu-centrall-1" in failure.why) == (cause == "settings")
