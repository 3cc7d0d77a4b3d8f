"""What all tests share: the update flag, and no silence in CI."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

IN_CI = os.environ.get("CI") == "true"

# A deadline in milliseconds would test how busy the machine is.
settings.register_profile("house", deadline=None, derandomize=IN_CI)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag behind ``tasks.py golden``."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the expected files anew instead of comparing with them",
    )


class Golden:
    """Compares text with an expected file, or writes the file when asked to."""

    def __init__(self, *, update: bool) -> None:
        self.update = update

    def check(self, file: Path, text: str) -> None:
        """Assert that ``file`` holds ``text``, or make it so under ``--update-golden``."""
        if self.update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), f"{file.name}: see tasks.py golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return the comparer with expected files."""
    return Golden(update=request.config.getoption("--update-golden"))


def _said(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def _fail_if_skipped_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and IN_CI:
        report.outcome = "failed"
        report.longrepr = f"in CI nothing may be skipped: {_said(report)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skipped test a failed one in CI: what it needs is to be installed there."""
    report = yield
    _fail_if_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a file that is skipped as a whole."""
    report = yield
    _fail_if_skipped_in_ci(report)
    return report
