"""What the function makes of logs: served by a local AWS, read as in Lambda."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias
from unittest.mock import patch

import handler
from tests.sandbox.aws import Sandbox

Document: TypeAlias = Any
"""A part of the JSON document that a run returns."""


class Context:
    """Lambda's, with time enough."""

    def get_remaining_time_in_millis(self) -> int:
        """Return five minutes, the function's time-out."""
        return 300_000


def digest(logs: Mapping[str, bytes], *, engine: str) -> Document:
    """Return the digest of logs that were written by now, of all that is in them."""
    now = datetime.now(UTC)
    event = {
        "start": (now - timedelta(hours=2)).isoformat(timespec="seconds"),
        "end": (now + timedelta(hours=1)).isoformat(timespec="seconds"),
    }
    with Sandbox() as aws, TemporaryDirectory() as folder:
        settings = Path(folder, "settings.yml")
        settings.write_text("instances: [shop-db]\ntop: 0\nchannels: {}\n", encoding="utf-8")
        aws.add_instance("shop-db", logs=logs, engine=engine, last_written=now)
        with patch.dict(os.environ, aws.environ | {"SLOWQUERY_SETTINGS": str(settings)}):
            result: Document = json.loads(json.dumps(handler.export_to_chat(event, Context())))
    assert result["failures"] == []
    (found,) = result["digests"]
    return found


@dataclass(frozen=True)
class Run:
    """How often a statement was run, and the seconds that it must have taken each time."""

    count: int
    seconds: float = 0.0


def differences(found: Document, runs: Mapping[str, Run]) -> list[str]:
    """Return in what a digest differs from what was run: a class, its count, its time."""
    queries = {query["fingerprint"]: query for query in found["queries"]}
    said = [f"not run: {text}" for text in sorted(queries.keys() - runs.keys())]
    for text, run in runs.items():
        if text not in queries:
            said.append(f"not found: {text}")
        elif queries[text]["count"] != run.count:
            said.append(f"run {run.count} times, found {queries[text]['count']}: {text}")
        elif queries[text]["query_time"]["min"] < run.seconds:
            said.append(f"faster than {run.seconds} s: {text}")
    return said
