"""Events of Lambda: what each asks for, and what is refused without being shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowquery.invocation import FORMS, SCHEDULER_KEY, InvocationError, Request, request
from slowquery.model import Window
from slowquery.window import HOUR, iso, parse_time

EVENTS = sorted((Path(__file__).parent / "events").glob("*.json"))
NOW = parse_time("2026-11-22T14:30:00Z")
FOUR = parse_time("2026-11-22T04:00:00Z")
TEN_PAST_FIVE = parse_time("2026-11-22T05:10:00Z")
HOUR_FROM_FOUR = Window(FOUR, FOUR + HOUR)

EXPECTED = {
    "scheduler": Request(HOUR_FROM_FOUR, TEN_PAST_FIVE, scheduled=True),
    "scheduled_rule": Request(HOUR_FROM_FOUR, TEN_PAST_FIVE, scheduled=True),
    "scheduled_rule_replayed": Request(HOUR_FROM_FOUR, TEN_PAST_FIVE, scheduled=True),
    "start_and_end": Request(HOUR_FROM_FOUR, NOW, channels=()),
    "last_hours": Request(
        Window(TEN_PAST_FIVE - 3 * HOUR, TEN_PAST_FIVE),
        TEN_PAST_FIVE,
        instances=("shop-db",),
        channels=("team",),
    ),
}


def load(file: Path) -> Any:  # noqa: ANN401 - whatever a file holds
    return json.loads(file.read_text(encoding="utf-8"))


def refusal(event: object) -> str:
    with pytest.raises(InvocationError) as refused:
        request(event, NOW)
    return str(refused.value)


# What is asked for.


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_an_event_asks_for(file: Path) -> None:
    assert request(load(file), NOW) == EXPECTED[file.stem]


def test_every_kind_of_event_has_its_file() -> None:
    assert {file.stem for file in EVENTS} == set(EXPECTED)


@given(
    st.sampled_from([file for file in EVENTS if file.stem != "start_and_end"]),
    st.integers(0, 4 * 10**15),
)
def test_an_event_that_names_its_moment_is_the_same_request_at_any_time(
    file: Path, now: int
) -> None:
    assert request(load(file), now) == EXPECTED[file.stem]


@given(st.integers(0, 4 * 10**15))
def test_a_window_does_not_depend_on_the_clock_that_judges_whether_it_is_settled(now: int) -> None:
    event = {"start": "2026-11-22T04:00Z", "end": "2026-11-22T05:00Z"}
    assert request(event, now) == EXPECTED["start_and_end"]._replace(at=now)


def test_the_moment_in_an_event_goes_before_the_clock() -> None:
    event = {"start": "04:00Z", "end": "05:00Z", "at": "2026-11-21T09:00Z"}
    at = parse_time("2026-11-21T09:00Z")
    assert request(event, NOW) == Request(
        Window(FOUR - 24 * HOUR, FOUR - 23 * HOUR), at, channels=()
    )


def test_without_a_moment_the_last_hours_and_times_without_a_day_go_by_the_clock() -> None:
    assert request({"last": "90m"}, NOW).window == Window(NOW - 3 * HOUR // 2, NOW)
    assert request({"start": "04:00Z", "end": "05:00Z"}, NOW).window == HOUR_FROM_FOUR


@pytest.mark.parametrize("moment", ["05:00:00Z", "05:10:00Z", "05:59:59.999999Z", "06:30+01:00"])
def test_a_scheduled_event_gets_the_full_clock_hour_before_it(moment: str) -> None:
    event = {SCHEDULER_KEY: f"2026-11-22T{moment}"}
    assert request(event, NOW).window == HOUR_FROM_FOUR


def test_a_scheduled_event_goes_to_all_instances_and_channels() -> None:
    found = request({SCHEDULER_KEY: "2026-11-22T05:10:00Z"}, NOW)
    assert (found.scheduled, found.instances, found.channels) == (True, None, None)


def test_an_event_on_demand_goes_to_all_instances_and_no_channel() -> None:
    found = request({"last": "1h"}, NOW)
    assert (found.scheduled, found.instances, found.channels) == (False, None, ())


def test_names_are_kept_in_their_order_each_once() -> None:
    event = {"last": "1h", "instances": ["b", "a", "b"], "channels": []}
    found = request(event, NOW)
    assert (found.instances, found.channels) == (("b", "a"), ())


# What is refused.


@pytest.mark.parametrize("event", [None, [], "last", 3, True, [{"last": "3h"}]])
def test_what_is_no_object_is_refused(event: object) -> None:
    assert refusal(event) == f"the event is no JSON object; try: {FORMS}"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"at": "2026-11-22T05:10Z"},
        {"start": "2026-11-22T04:00Z"},
        {"end": "2026-11-22T04:00Z"},
        {"last": "3h", "end": "2026-11-22T04:00Z"},
        {"last": "3h", "start": "2026-11-22T04:00Z", "end": "2026-11-22T05:00Z"},
        {"instances": ["shop-db"]},
    ],
)
def test_an_event_needs_one_window(event: object) -> None:
    assert refusal(event) == f"the event names no window; try: {FORMS}"


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"last": "3h", "instance": ["shop-db"]}, "instance"),
        ({"last": "3h", "Channels": ["team"]}, "Channels"),
        ({"last": "3h", "webhook_url": "https://hooks.example.com/4711"}, "webhook_url"),
        # A schedule speaks for all; whoever means a part of it means another event.
        ({SCHEDULER_KEY: "2026-11-22T05:10:00Z", "channels": ["team"]}, "channels"),
        ({SCHEDULER_KEY: "2026-11-22T05:10:00Z", "time": "2026-11-22T05:10:00Z"}, "time"),
        ({"time": "2026-11-22T05:10:00Z", "instances": ["shop-db"]}, "instances"),
    ],
)
def test_a_key_that_means_nothing_is_named(event: object, key: str) -> None:
    said = refusal(event)
    assert said.startswith(f"the event has a key that means nothing here: {key!r}; try: ")
    assert "4711" not in said


def test_of_many_unknown_keys_some_are_named() -> None:
    said = refusal({f"{number:04}{'x' * 1000}": number for number in range(1000)})
    assert said.count("x" * 30) == 5
    assert len(said) < 600


@pytest.mark.parametrize("key", [SCHEDULER_KEY, "time", "at", "last", "start", "end"])
@pytest.mark.parametrize("value", [None, 1795352400, ["2026-11-22T05:10:00Z"], {"a": 4711}, True])
def test_a_time_that_is_no_text_is_refused_and_not_shown(key: str, value: object) -> None:
    event: dict[str, object] = {key: value}
    if key in {"start", "end"}:
        event = {"start": "2026-11-22T04:00Z", "end": "2026-11-22T05:00Z"} | event
    if key == "at":
        event["last"] = "3h"
    assert refusal(event) == f"{key!r} in the event is no text; try: {FORMS}"


@pytest.mark.parametrize(
    "event",
    [
        {SCHEDULER_KEY: "2026-11-22T05:10:00"},
        {SCHEDULER_KEY: "<aws.scheduler.scheduled-time>"},
        {SCHEDULER_KEY: "05:10Z"},  # a schedule never goes by the machine's clock
        {"time": "05:10Z"},
        {"last": "3 hours"},
        {"last": "3h", "at": "13:00"},
        {"last": "9999d"},
        {"start": "2026-11-22T05:00Z", "end": "2026-11-22T04:00Z"},
        {"start": "2026-11-22 04:00", "end": "2026-11-22T04:00Z"},
    ],
)
def test_a_time_that_cannot_be_used_is_refused_with_what_to_write(event: object) -> None:
    said = refusal(event)
    assert said.startswith("the event's times: ")
    assert "; try: " in said


@pytest.mark.parametrize("key", ["instances", "channels"])
@pytest.mark.parametrize("value", [None, "hush-4711", {"hush-4711": 1}, [1], ["a", None], 4711])
def test_names_that_are_no_list_of_names_are_refused_and_not_shown(key: str, value: object) -> None:
    said = refusal({"last": "3h", key: value})
    assert said == f'{key!r} in the event is no list of names; try: ["shop-db"]'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("2026-11-22T05:10Z"),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["start", "end", "last", "at", "instances", "channels", "time", SCHEDULER_KEY]
)


@given(JSON | st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=4))
def test_any_json_is_a_request_or_is_refused_in_few_words(event: object) -> None:
    try:
        found = request(event, NOW)
    except InvocationError as refused:
        said = str(refused)
    else:
        assert found.window.start < found.window.end
        return
    assert "; try: " in said
    assert len(said) < 700


def test_a_refusal_shows_no_more_than_the_beginning_of_a_value() -> None:
    said = refusal({"last": "hush" * 1000})
    assert said.count("hush") == 10
    assert iso(NOW) not in said
