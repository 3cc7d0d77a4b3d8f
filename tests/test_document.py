"""Documents fit their schema, give the microseconds back, and stay small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slowquery.aggregate import Selection, Table
from slowquery.digest import digest
from slowquery.document import (
    FINGERPRINT,
    LIMIT,
    Document,
    digest_document,
    digest_json,
    fit,
    result_document,
)
from slowquery.model import (
    Coverage,
    Digest,
    Failure,
    Loss,
    Query,
    Result,
    Status,
    Times,
    Totals,
    Window,
)
from slowquery.window import parse_time
from tests.batches import HOUR, Event, batch, logs
from tests.growth import LIMIT as LINEAR
from tests.growth import exponent

SCHEMA = json.loads(
    (Path(__file__).parent.parent / "docs" / "digest.schema.json").read_text(encoding="utf-8")
)
RESULT = jsonschema.Draft202012Validator(SCHEMA)
DIGEST = jsonschema.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/digest"})

few = settings(max_examples=50)

START = parse_time("2026-11-22T13:00Z")
WINDOW = Window(START, START + HOUR)


def of(*events: Event, **options: Any) -> Digest:  # noqa: ANN401 - whatever a digest takes
    table = Table(Selection())
    table.add(batch(*events))
    return digest(table, engine="mysql", **options)


SOME = of(Event(ended_at=START), Event(b"update u set v = 1;", ended_at=START + 1))
EMPTY = of()
FULL = of(
    Event(ended_at=START), window=WINDOW, instance="shop-db", files=2, settled=False
)._replace(
    coverage=Coverage(
        bytes_read=100,
        bytes_parsed=60,
        bytes_skipped=40,
        events=15,
        events_administrator=2,
        events_excluded=3,
        events_outside_window=4,
        events_unreadable=5,
        events_truncated=1,
        events_possibly_repeated=1,
        complete=False,
        files=2,
        losses=(Loss("a.log", "cut", 7), Loss("b.log", "gone")),
        skipped={"after a loss": 40},
        excluded={"throttled": 3},
        sampled=10,
    ),
)
POSTGRESQL = SOME._replace(
    engine="postgresql",
    totals=SOME.totals._replace(lock_time_sum=None, rows_sent_sum=None, rows_examined_sum=None),
    queries=tuple(
        query._replace(
            lock_time=None,
            rows_sent=None,
            rows_examined=None,
            databases={},
            users={},
            hosts={},
            tags={},
            first_seen=None,
            last_seen=None,
        )
        for query in SOME.queries
    ),
)
EVENT = {"start": "2026-11-22T13:00:00Z", "end": "2026-11-22T14:00:00Z", "channels": []}
FAILURE = Failure("the log could not be read", "shop-db", "access denied", "deploy", EVENT)
WHOLE = Result(
    WINDOW,
    (SOME, EMPTY, FULL, POSTGRESQL),
    (FAILURE, FAILURE._replace(event=None)),
    (Status("stage-db", "stopped"),),
)


# The schema.


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "found", [SOME, EMPTY, FULL, POSTGRESQL], ids=["some", "empty", "full", "postgresql"]
)
def test_a_digest_fits_the_schema(found: Digest) -> None:
    DIGEST.validate(digest_document(found))


@pytest.mark.parametrize(
    "result",
    [
        WHOLE,
        Result(None, ()),
        Result(WINDOW, (), (FAILURE,)),
        Result(WINDOW, (), (), (Status("stage-db", "stopped"),)),
    ],
    ids=["whole", "nothing", "failure", "status"],
)
def test_a_result_fits_the_schema(result: Result) -> None:
    RESULT.validate(result_document(result))


@few
@given(logs, st.integers(0, 3), st.integers(1, 5))
def test_whatever_a_log_holds_its_digest_fits_the_schema(
    log: list[Event], limit: int, class_limit: int
) -> None:
    table = Table(Selection(), class_limit=class_limit)
    table.add(batch(*log))
    DIGEST.validate(digest_document(digest(table, engine="mysql", limit=limit)))


def objects(schema: Any, path: str = "#") -> list[tuple[str, Document]]:  # noqa: ANN401 - JSON
    """Every schema of an object with names of its own."""
    found = []
    if isinstance(schema, dict):
        if "properties" in schema:
            found.append((path, schema))
        for name, below in schema.items():
            found += objects(below, f"{path}/{name}")
    return found


@pytest.mark.parametrize(
    ("path", "schema"), objects(SCHEMA), ids=[path for path, _ in objects(SCHEMA)]
)
def test_an_object_has_the_names_that_the_schema_gives_it_and_no_others(
    path: str, schema: Document
) -> None:
    assert schema["additionalProperties"] is False
    optional = set(schema["properties"]) - set(schema["required"])
    assert optional == ({"fingerprint_omitted"} if path.endswith("/query") else set())


def names(schema: Any) -> set[str]:  # noqa: ANN401 - JSON
    return {name for _, each in objects(schema) for name in each["properties"]}


def described(schema: Any) -> bool:  # noqa: ANN401 - JSON
    return all(
        "description" in each or "$ref" in each
        for _, owner in objects(schema)
        for each in owner["properties"].values()
    )


def test_everything_in_the_schema_is_described() -> None:
    assert described(SCHEMA)


def test_the_names_of_the_digest_are_fixed() -> None:
    """Others may be added; one that goes or changes raises the version."""
    fixed = """
        window start end instance engine coverage bytes_read bytes_parsed bytes_skipped events
        events_administrator events_excluded events_outside_window events_unreadable
        events_truncated complete totals count query_time_sum lock_time_sum rows_sent_sum
        rows_examined_sum distinct queries query_id fingerprint kind tables share query_time
        sum min max mean p50 p95 p99 lock_time rows_sent rows_examined databases users hosts
        first_seen last_seen queries_omitted schema digests failures
    """
    assert set(fixed.split()) <= names(SCHEMA)
    assert SCHEMA["$defs"]["result"]["properties"]["schema"] == {
        "description": "The version of this document.",
        "const": 1,
    }


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Digest, "digest"),
        (Coverage, "coverage"),
        (Totals, "totals"),
        (Query, "query"),
        (Times, "query_time"),
        (Window, "window"),
        (Status, "status"),
    ],
)
def test_nothing_that_is_known_is_kept_from_the_document(model: Any, name: str) -> None:  # noqa: ANN401 - a dataclass
    assert set(model._fields) <= set(SCHEMA["$defs"][name]["properties"])


def test_a_document_that_is_not_one_does_not_fit() -> None:
    document = digest_document(SOME)
    for broken in (
        {**document, "more": 1},
        {**document, "engine": "oracle"},
        {**document, "queries": [{**document["queries"][0], "query_id": "8f3a"}]},
        {name: value for name, value in document.items() if name != "totals"},
    ):
        assert not DIGEST.is_valid(broken)


# Figures.


@given(st.integers(0, 2**51))
@example(1)
@example(2**51)
def test_seconds_give_their_microseconds_back(micros: int) -> None:
    found = of(Event(query_time=micros, lock_time=micros))
    document = json.loads(json.dumps(digest_document(found)))
    (query,) = document["queries"]
    for seconds in (
        document["totals"]["query_time_sum"],
        document["totals"]["lock_time_sum"],
        *query["query_time"].values(),
        *query["lock_time"].values(),
    ):
        assert round(seconds * 1_000_000) == micros


@pytest.mark.parametrize(
    ("micros", "seconds"), [(0, "0.0"), (1, "1e-06"), (1_234_567, "1.234567"), (60_000_000, "60.0")]
)
def test_seconds_are_written_with_no_more_digits_than_they_have(micros: int, seconds: str) -> None:
    document = digest_document(of(Event(query_time=micros)))
    assert json.dumps(document["totals"]["query_time_sum"]) == seconds


def test_times_are_utc() -> None:
    found = of(Event(ended_at=START), Event(ended_at=START + 1_500_000), window=WINDOW)
    document = digest_document(found)
    assert document["window"] == {"start": "2026-11-22T13:00:00Z", "end": "2026-11-22T14:00:00Z"}
    (query,) = document["queries"]
    assert query["first_seen"] == "2026-11-22T13:00:00Z"
    assert query["last_seen"] == "2026-11-22T13:00:01.500000Z"


def test_a_loss_says_its_size_or_that_nobody_knows_it() -> None:
    losses = digest_document(FULL)["coverage"]["losses"]
    assert [loss["bytes"] for loss in losses] == [7, "unknown size"]


# A result stays small.


def size(document: Document) -> int:
    return len(json.dumps(document))


def many(count: int, text: str = "x" * 300) -> Digest:
    """A digest of so many queries, the first of them the slowest."""
    (query,) = of(Event()).queries
    return EMPTY._replace(
        instance="shop-db",
        queries=tuple(
            query._replace(fingerprint=f"{text}{number}", count=number + 1)
            for number in range(count)
        ),
    )


texts = st.text(max_size=40) | st.integers(0, 3 * FINGERPRINT).map("é".__mul__)
digests = st.builds(many, st.integers(0, 12), texts)
failures = st.builds(Failure, texts, texts, texts, texts, st.none() | st.just(EVENT))
losses = st.builds(Loss, texts, texts, st.none() | st.integers(0))


@st.composite
def results(draw: st.DrawFn) -> Result:
    found = draw(st.lists(digests, max_size=4))
    return Result(
        WINDOW,
        tuple(
            each._replace(
                coverage=each.coverage._replace(losses=tuple(draw(st.lists(losses, max_size=3)))),
            )
            for each in found
        ),
        tuple(draw(st.lists(failures, max_size=3))),
    )


def counts_what_it_lacks(short: Document, whole: Document, name: str) -> bool:
    omitted: int = short[f"{name}_omitted"] - whole[f"{name}_omitted"]
    return len(short[name]) + omitted == len(whole[name])


@few
@given(results(), st.integers(2_000, 60_000))
def test_a_result_that_is_too_large_loses_queries_from_the_end_and_counts_them(
    result: Result, limit: int
) -> None:
    whole = result_document(result)
    before = json.dumps(whole)
    short = fit(whole, limit)
    assert json.dumps(whole) == before
    assert size(short) < limit
    RESULT.validate(short)
    if size(whole) < limit:
        assert short == whole
    assert counts_what_it_lacks(short, whole, "digests")
    assert counts_what_it_lacks(short, whole, "failures")
    assert short["failures"] == whole["failures"][: len(short["failures"])]
    for ours, theirs in zip(short["digests"], whole["digests"], strict=False):
        assert counts_what_it_lacks(ours, theirs, "queries")
        assert counts_what_it_lacks(ours["coverage"], theirs["coverage"], "losses")
        assert ours["totals"] == theirs["totals"]
        for kept, query in zip(ours["queries"], theirs["queries"], strict=False):
            cut = kept.get("fingerprint_omitted", 0)
            assert kept["fingerprint"] == query["fingerprint"][: len(query["fingerprint"]) - cut]
            assert {**kept, "fingerprint": ""} == {
                **query,
                "fingerprint": "",
                **({"fingerprint_omitted": cut} if cut else {}),
            }


def test_room_is_not_wasted() -> None:
    whole = result_document(Result(WINDOW, (many(2_000),)))
    short = fit(whole)
    assert size(whole) > LIMIT > size(short) > LIMIT - 2_000


def test_digests_lose_their_last_queries_first() -> None:
    found = fit(result_document(Result(WINDOW, (many(500), many(3), many(500)))))
    first, small, last = (len(each["queries"]) for each in found["digests"])
    assert small == 3
    assert abs(first - last) <= 1
    assert 100 < first < 500


def test_the_room_of_queries_is_not_taken_by_losses() -> None:
    lossy = many(500)
    lost = tuple(Loss(f"{number}.log", "gone" * 20) for number in range(10_000))
    lossy = lossy._replace(coverage=lossy.coverage._replace(losses=lost))
    (short,) = fit(result_document(Result(WINDOW, (lossy,))))["digests"]
    assert len(short["queries"]) > 200
    assert len(short["coverage"]["losses"]) > 200


def test_a_fingerprint_longer_than_the_whole_result_does_not_hide_the_others() -> None:
    giant, *others = many(20).queries
    giant = giant._replace(fingerprint="x" * 2 * LIMIT)
    whole = result_document(Result(WINDOW, (many(0)._replace(queries=(giant, *others)),)))
    (short,) = fit(whole)["digests"]
    assert short["queries_omitted"] == 0
    first, second, *_ = short["queries"]
    assert len(first["fingerprint"]) == FINGERPRINT
    assert first["fingerprint_omitted"] == 2 * LIMIT - FINGERPRINT
    assert "fingerprint_omitted" not in second


def test_what_is_already_left_out_stays_counted() -> None:
    found = many(2_000)._replace(queries_omitted=7)
    (short,) = fit(result_document(Result(WINDOW, (found,))))["digests"]
    assert len(short["queries"]) + short["queries_omitted"] == 2_007


def test_digests_go_only_where_they_alone_are_too_large() -> None:
    found = fit(result_document(Result(WINDOW, (many(1),) * 2_000, (FAILURE,) * 3)))
    assert len(found["failures"]) == 3
    assert len(found["digests"]) > 100
    assert len(found["digests"]) + found["digests_omitted"] == 2_000


def test_statuses_are_kept_whatever_comes() -> None:
    statuses = tuple(Status("x" * 63, "incompatible-parameters") for _ in range(1_000))
    whole = result_document(Result(WINDOW, (many(2_000),), (), statuses))
    short = fit(whole)
    assert size(short) < LIMIT
    assert short["statuses"] == whole["statuses"]


def test_the_cost_of_shortening_is_linear() -> None:
    def make(count: int) -> Document:
        return result_document(Result(WINDOW, (many(count), many(count // 2))))

    assert exponent(lambda document: fit(document, 2_000), make) < LINEAR


@pytest.mark.parametrize("found", [of(), SOME, many(30, 'it is "queries": [] here')])
def test_a_digest_is_written_as_its_document_a_query_at_a_time(found: Digest) -> None:
    document = digest_document(found)
    assert "".join(digest_json(found)) == json.dumps(document, indent=2) + "\n"
