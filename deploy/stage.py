"""A stage: one settings file, and what the template takes from it.

``settings.<stage>.yml`` is packed as the function's settings, and :func:`fragment` makes of
the same file what ``serverless.yml`` reads as ``${self:custom.stage.…}``. So the function
cannot ask for an instance that its role does not name.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from deploy import dashboard, rights
from slowquery.hook import NEW_VERSION
from slowquery.settings import VARIABLE, ConfigError, Problem, Settings
from slowquery.settings_file import load

SERVICE: Final = "slowquery"
FUNCTION: Final = "exportToChat"
ALIAS: Final = "live"
"""The alias that the schedule calls; a deployment moves it when the new version has passed."""

DEFAULT_REGION: Final = "us-east-1"
"""Where neither settings nor the environment name a region, as with osls itself."""

# A stack's name takes letters, digits and hyphens, a function's 64 characters in all.
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?")

# CreateFunction's pattern for the names of variables.
_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
# Lambda's developer guide, "Defined runtime environment variables": those that it keeps for
# itself, and a bit more, as it adds to them.
_KEPT: Final = re.compile(
    r"AWS_(?:REGION|DEFAULT_REGION|EXECUTION_ENV|ACCESS_KEY|ACCESS_KEY_ID|SECRET_ACCESS_KEY"
    r"|SESSION_TOKEN|LAMBDA_.*)|LAMBDA_.*"
)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's settings, and the variables of the environment that they take.

    ``text`` is the file's, ``variables`` are names.
    """

    name: str
    text: str
    settings: Settings
    variables: tuple[str, ...]
    region: str

    @property
    def function(self) -> str:
        """Return the name of the function that runs, as Lambda knows it."""
        return f"{SERVICE}-{self.name}-{FUNCTION}"

    @property
    def stack(self) -> str:
        """Return the name of the stack, as osls gives it."""
        return f"{SERVICE}-{self.name}"


def read(name: str, file: Path, environ: Mapping[str, str], *, complete: bool) -> Stage:
    """Return the stage that ``file`` describes; raises ``ConfigError``.

    A name that no stack can have is refused, and a variable that no function can have: on a
    terminal settings may use that.

    To look at a package no secret is needed: unless ``complete``, a variable that is not set
    has a stand-in.
    """
    if not _NAME.fullmatch(name):
        what = "this is no name of a stage"
        hint = "letters, digits and hyphens, at most 40, no hyphen first or last"
        raise ConfigError((Problem("", 0, "stage", what, hint),))
    text = file.read_text(encoding="utf-8")
    asked = _Asked(environ, complete=complete)
    settings = load(text, asked, file=file.name)
    _refuse_kept(text, asked.names, file.name)
    region = (
        settings.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or DEFAULT_REGION
    )
    return Stage(name, text, settings, tuple(sorted(asked.names)), region)


def _refuse_kept(text: str, names: set[str], file: str) -> None:
    kept = {
        name
        for name in names
        if not _VARIABLE.fullmatch(name) or _KEPT.fullmatch(name) or name in {VARIABLE, NEW_VERSION}
    }
    problems = [
        Problem(
            file,
            text[: text.find(f"env/{name}")].count("\n") + 1,
            "",
            f"the variable {name} is none that a function can be given",
            "another name, or ssm:/… for a secret; Lambda keeps some names for itself",
        )
        for name in sorted(kept)
    ]
    if problems:
        raise ConfigError(tuple(problems))


class _Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, environ: Mapping[str, str], *, complete: bool) -> None:
        self._environ = environ
        self._complete = complete
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._environ[name] if self._complete else self._environ.get(name, "not-set")

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


def fragment(stage: Stage, *, archive: bytes, made_from: str) -> dict[str, Any]:
    """Return what ``serverless.yml`` takes from a stage, as JSON values.

    ``archive`` is the zip. ``made_from`` is all else that makes up the function, its
    template and the values of its variables among them: a version of Lambda is code *and*
    configuration, and there has to be a new one whenever either changes, or the alias would
    stay on what was. Lambda publishes none where neither changed, and a template may change
    in what is no part of the function: so ``version_id`` stands in its description.
    """
    settings = stage.settings
    code = sha256(archive)
    whole = sha256(json.dumps([stage.name, stage.text, code.hexdigest(), made_from]).encode())
    version_id = whole.hexdigest()[:16]
    version = f"ExportToChatVersion{version_id}"
    resources: dict[str, Any] = {
        version: {
            "Type": "AWS::Lambda::Version",
            # A version that is kept can be gone back to. One that a failed deployment made
            # goes with it, or Lambda would have nothing to publish at the next try.
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "FunctionName": {"Ref": "ExportToChatLambdaFunction"},
                "CodeSha256": b64encode(code.digest()).decode(),
            },
        },
        "Dashboard": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {
                "DashboardName": stage.stack,
                "DashboardBody": json.dumps(
                    dashboard.body(settings.metrics, region=stage.region, function=stage.function)
                ),
            },
        },
    }
    if settings.alarm_email:
        resources["AlarmEmail"] = {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "AlarmTopic"},
                "Protocol": "email",
                "Endpoint": settings.alarm_email,
            },
        }
    return {
        "region": stage.region,
        # Resolved by osls, so that no secret is written into this fragment.
        "environment": {name: f"${{env:{name}, ''}}" for name in stage.variables},
        "version": version,
        "version_id": version_id,
        "rights": rights.of_the_run(settings),
        "health_rights": rights.of_the_health_check(settings),
        "resources": {"Resources": resources},
    }


def main() -> int:
    """Write the fragment: ``python -m deploy.stage STAGE SETTINGS ZIP FRAGMENT``."""
    parser = argparse.ArgumentParser(prog="deploy.stage")
    parser.add_argument("name")
    for file in ("settings", "archive", "fragment"):
        parser.add_argument(file, type=Path)
    parser.add_argument("--made-from", type=Path, action="append", default=[])
    parser.add_argument("--complete", action="store_true")
    options = parser.parse_args()
    try:
        stage = read(options.name, options.settings, os.environ, complete=options.complete)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    values = [os.environ.get(name, "") for name in stage.variables]
    made_from = [*(file.read_text(encoding="utf-8") for file in options.made_from), *values]
    found = fragment(stage, archive=options.archive.read_bytes(), made_from=json.dumps(made_from))
    options.fragment.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
