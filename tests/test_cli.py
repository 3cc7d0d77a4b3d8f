"""The line from a terminal: what it prints, where, and with which exit code."""

from __future__ import annotations

import errno
import gzip
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slowquery import cli, workers
from tests.sandbox.aws import Sandbox
from tests.sandbox.log_file import LIVE

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "tests" / "logs" / "mysql-9.7.log.gz"
COMMAND = [sys.executable, "-m", "slowquery"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLOWQUERY_SETTINGS", raising=False)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        for name, value in sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield sandbox


class Said:
    """What one call printed, and how it ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> None:
        try:
            self.code = cli.main(arguments)
        except SystemExit as stopped:
            self.code = int(str(stopped.code))
        self.out, self.err = capsys.readouterr()

    @property
    def document(self) -> Any:  # noqa: ANN401 - what JSON holds
        return json.loads(self.out)


def test_a_file_becomes_a_digest(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "digest", str(LOG))
    assert (said.code, said.err) == (0, "")
    assert "1,841 slow queries" in said.out
    assert "Read all 1.8 MB of 1 log file." in said.out


def test_plain_gzipped_and_standard_input_are_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plain = tmp_path / "plain.log"
    plain.write_bytes(gzip.decompress(LOG.read_bytes()))
    expected = Said(capsys, "digest", str(LOG), "--format", "json").out
    assert Said(capsys, "digest", str(plain), "--format", "json").out == expected
    for log in (plain, LOG):
        with log.open("rb") as file:
            done = subprocess.run(
                [*COMMAND, "digest", "-", "--format", "json"],
                cwd=ROOT,
                stdin=file,
                capture_output=True,
                text=True,
                check=True,
            )
        assert done.stdout == expected
        assert done.stderr == ""


def test_a_digest_is_one_document_without_window_and_instance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = Said(capsys, "digest", str(LOG), "--format", "json", "--limit", "0").document
    assert document["window"] is None
    assert document["instance"] is None
    assert document["queries_omitted"] == 0
    assert len(document["queries"]) == document["totals"]["distinct"]


def test_limit_sort_and_window_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    window = ["--since", "2026-11-22T04:38:17Z", "--until", "2026-11-22T04:38:18Z"]
    options = [*window, "--limit", "3", "--sort", "count", "--engine", "mysql"]
    document = Said(capsys, "digest", str(LOG), *options, "--format", "json").document
    counts = [query["count"] for query in document["queries"]]
    assert len(counts) == 3
    assert counts == sorted(counts, reverse=True)
    assert document["coverage"]["events_outside_window"] > 100
    assert document["window"] == {"start": "2026-11-22T04:38:17Z", "end": "2026-11-22T04:38:18Z"}


def test_markdown_is_for_a_ticket(capsys: pytest.CaptureFixture[str]) -> None:
    assert "| # | query |" in Said(capsys, "digest", str(LOG), "--format", "markdown").out


def test_a_file_that_cannot_be_read_is_said_and_the_others_are_digested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Said(capsys, "digest", "missing.log", str(LOG))
    assert said.code == 1
    assert said.err.startswith("slowquery: missing.log: No such file or directory\n  try: ")
    assert "1,841 slow queries" in said.out
    assert "missing.log" in said.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["digest", "a.log", "a.log"], "a.log is named twice"),
        (
            ["digest", str(LOG), str(LOG.parent / "." / ".." / "logs" / LOG.name)],
            "the same file as",
        ),
        (["digest", "a.log", "--since", "13:00"], "not a time with a zone"),
        (["digest", "a.log", "--until", "13:00Z"], "--until alone names no window"),
        (["digest", "a.log", "--last", "3h", "--since", "13:00Z"], "--last reaches up to now"),
        (["digest", "a.log", "--last", "soon"], "not a span of time"),
        (["digest", "a.log", "--limit", "-1"], "is no number from 0 up"),
        (["digest", "a.log", "--format", "yaml"], "invalid choice"),
        (["digest", "a.log", "--settings", "none.yml"], "none.yml:1: cannot be read"),
        (["run"], "settings.yml:1: cannot be read"),
        (["run", "--instance", "shop_db"], "not an RDS instance identifier"),
        (["settings", "check"], "settings.yml:1: cannot be read"),
        ([], "the following arguments are required"),
    ],
)
def test_what_cannot_be_used_is_said_without_a_traceback(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    said = Said(capsys, *arguments)
    assert said.code == 2
    assert says in said.err
    assert said.out == ""


def test_the_log_of_another_engine_is_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, "digest", str(LOG), "--engine", "postgresql")
    assert said.code == 0
    assert "no line there begins as a PostgreSQL log does" in " ".join(said.out.split())


def test_settings_check_counts_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    Path("settings.yml").write_text("instances: [a, b]\nchannels: {here: {kind: console}}\n")
    said = Said(capsys, "settings", "check")
    assert (said.code, said.out) == (0, "The settings can be used: 2 instances, 1 channel.\n")


def test_settings_check_names_every_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    Path("settings.yml").write_text("instances: [a]\ntopp: 5\nquiet: maybe\n")
    said = Said(capsys, "settings", "check")
    assert said.code == 2
    assert "settings.yml:2: topp: there is no such key; did you mean top?" in said.err
    assert "settings.yml:3: quiet:" in said.err
    assert "maybe" not in said.err


@pytest.mark.parametrize("jobs", ["0", "65", "two"])
def test_a_number_of_jobs_that_is_none_is_said(
    capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    said = Said(capsys, "digest", str(LOG), "--jobs", jobs)
    assert said.code == 2
    assert "argument --jobs" in said.err


OF_SETTINGS_AND_AWS = {"boto3", "botocore", "yaml", "slowquery.app", "slowquery.settings_file"}
OF_WORDS = {"jinja2", "notifiers", "slowquery.words", "slowquery.view", "slowquery.render"}
OF_MYSQL = {"slowquery.readers.mysql"}
OF_POSTGRESQL = {"slowquery.readers.postgres", "slowquery.postgres_sql"}
DEAR = {"dataclasses", "difflib", "pathlib", "importlib.resources"}
"""Modules of Python's own that take longer to come than a small log."""


@pytest.mark.parametrize(
    ("log", "form", "unneeded"),
    [
        ("mysql-9.7.log.gz", "json", {*OF_POSTGRESQL, *OF_WORDS, "inspect", "urllib.parse"}),
        ("mariadb-10.11.log.gz", "text", OF_POSTGRESQL),
        ("postgres-15.log.gz", "json", {*OF_MYSQL, *OF_WORDS, "inspect", "urllib.parse"}),
        ("postgres-15.log.gz", "markdown", OF_MYSQL),
    ],
)
def test_digesting_a_file_pays_for_nothing_that_it_does_not_need(
    tmp_path: Path, log: str, form: str, unneeded: set[str]
) -> None:
    script = (
        "import sys; before = {*sys.modules}; from slowquery import cli;"
        "cli.main(sys.argv[1:]); print(*sys.modules.keys() - before, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "digest", str(LOG.with_name(log)), "--format", form],
        cwd=tmp_path,  # where no settings are
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stderr.split())
    assert "slowquery.digest" in imported
    assert imported & (unneeded | OF_SETTINGS_AND_AWS | DEAR) == set()


def test_a_file_is_not_counted_twice_under_another_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    (tmp_path / "link.log").symlink_to(log)
    os.link(log, tmp_path / "hard.log")
    for other in ("./a.log", "link.log", "hard.log", str(log)):
        said = Said(capsys, "digest", "a.log", other)
        assert said.code == 2
        assert f"{other} is the same file as a.log" in said.err
        assert "try: leave one of them out" in said.err


def test_a_file_is_not_counted_again_from_standard_input() -> None:
    with LOG.open("rb") as file:
        done = subprocess.run(
            [*COMMAND, "digest", "-", str(LOG)],
            cwd=ROOT,
            stdin=file,
            capture_output=True,
            check=False,
        )
    assert done.returncode == 2
    assert b"is the same file as -" in done.stderr


def test_two_files_that_hold_the_same_are_two(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.log.gz"
    copy.write_bytes(LOG.read_bytes())
    assert "3,682 slow queries" in Said(capsys, "digest", str(LOG), str(copy)).out


def test_an_empty_file_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.log").write_bytes(b"")
    said = Said(capsys, "digest", "empty.log")
    assert said.code == 0
    assert "of 1 log file." in said.out
    assert "There was no log file" not in said.out


def test_an_empty_file_between_two_halves_of_a_log_changes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = gzip.decompress(LOG.read_bytes())
    for cut in (100_000, log.index(b"\n", 200_000) + 1):
        Path("a.log").write_bytes(log[:cut])
        Path("b.log").write_bytes(b"")
        Path("c.log").write_bytes(log[cut:])
        two = Said(capsys, "digest", "a.log", "c.log", "--format", "json").document
        three = Said(capsys, "digest", "a.log", "b.log", "c.log", "--format", "json").document
        assert (two["coverage"].pop("files"), three["coverage"].pop("files")) == (2, 3)
        assert three == two


def test_a_name_acts_on_no_terminal_and_breaks_no_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ["no\x1b[31mred", os.fsdecode(b"caf\xe9.log")]
    for more in ([], names, [f"--{names[0]}"]):
        said = Said(capsys, "digest", *names, *more)
        assert said.code != 0
        assert "no␛[31mred" in said.err
        assert "\x1b" not in said.err + said.out
    said = Said(capsys, "digest", *names, "--format", "json")
    lost = [loss["file"] for loss in said.document["coverage"]["losses"]]
    assert lost == [names[0], "caf\\xe9.log"]
    assert "caf\\xe9.log: No such file" in said.err


def test_a_folder_that_may_not_be_entered_is_a_file_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "n" * 300  # too long for a name: as good as a right that is missing, also for root
    said = Said(capsys, "digest", name)
    assert said.code == 1
    assert os.strerror(errno.ENAMETOOLONG) in said.err


def test_a_lost_worker_is_said_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_table", _die)
    said = Said(capsys, "digest", str(LOG), "--jobs", "2")
    assert said.code == 1
    assert said.err.startswith("slowquery: a process that shared the work was ended")
    assert said.out == ""


def _die(*_: object) -> None:
    os._exit(1)


# On RDS


def serve(aws: Sandbox, *instances: str) -> None:
    for instance in instances:
        aws.add_instance(instance, logs={f"{LIVE}.2026-11-22.05": LOG.read_bytes()})


WINDOW = ("--since", "2026-11-22T04:00Z", "--until", "2026-11-22T05:00Z")


def test_run_needs_no_settings_if_instances_are_named(
    aws: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(aws, "shop-db", "billing-db")
    named = ("--instance", "Shop-DB", "--instance", "billing-db")
    said = Said(capsys, "run", *named, *WINDOW, "--format", "json")
    assert said.code == 0
    found = [digest["instance"] for digest in said.document["digests"]]
    assert found == ["shop-db", "billing-db"]
    assert said.document["schema"] == 1


def test_run_takes_instances_that_settings_do_not_list(
    aws: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("settings.yml").write_text("instances: [shop-db]\ntop: 2\n")
    serve(aws, "shop-db", "billing-db")
    said = Said(capsys, "run", "--instance", "billing-db", *WINDOW, "--format", "json")
    (digest,) = said.document["digests"]
    assert digest["instance"] == "billing-db"
    assert len(digest["queries"]) == 2


def test_run_posts_only_if_it_is_told_to(aws: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    Path("settings.yml").write_text("instances: [shop-db]\nchannels: {here: {kind: console}}\n")
    serve(aws, "shop-db")
    quiet = Said(capsys, "run", *WINDOW, "--format", "json")
    assert quiet.out.startswith("{")
    shown = Said(capsys, "run", *WINDOW).out
    posted = Said(capsys, "run", "--post", *WINDOW).out
    assert posted.endswith(shown)
    assert "🐢 shop-db" in posted.removesuffix(shown)


def test_run_prints_no_metrics(aws: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    serve(aws, "shop-db")
    said = Said(capsys, "run", "--instance", "shop-db", *WINDOW)
    assert "_aws" not in said.out + said.err


def test_the_window_of_a_run_is_the_last_full_hour_unless_it_is_named(
    aws: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(aws, "shop-db")
    said = Said(capsys, "run", "--instance", "shop-db", "--format", "json")
    window = said.document["window"]
    assert window["start"].endswith(":00:00Z")
    assert window["end"].endswith(":00:00Z")
    assert said.document["digests"][0]["totals"]["count"] == 0


def test_a_run_with_a_failure_shows_it_and_what_could_be_read(
    aws: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(aws, "shop-db")
    said = Said(capsys, "run", "--instance", "shop-db", "--instance", "missing-db", *WINDOW)
    assert said.code == 1
    assert "1,841 slow queries" in said.out
    assert "missing-db" in said.out


def test_without_a_region_run_says_what_to_set(
    aws: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not aws.calls
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    said = Said(capsys, "run", "--instance", "shop-db")
    assert said.code == 1
    assert "set region in the settings, or AWS_DEFAULT_REGION" in said.err


@pytest.mark.parametrize(
    ("channels", "says"),
    [("{}", "--post has no channel"), ("{here: {kind: console}}", "would write into the JSON")],
)
def test_what_cannot_be_posted_is_said_before_anything_is_read(
    aws: Sandbox, capsys: pytest.CaptureFixture[str], channels: str, says: str
) -> None:
    Path("settings.yml").write_text(f"instances: [shop-db]\nchannels: {channels}\n")
    said = Said(capsys, "run", "--post", "--format", "json")
    assert said.code == 2
    assert says in said.err
    assert aws.calls == []


def test_who_does_not_post_needs_no_secret(
    aws: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_TOKEN", raising=False)
    text = (ROOT / "settings.example.yml").read_text(encoding="utf-8")
    token = "token: env/SLACK_TOKEN"
    settings = text.replace("token: ssm:/slowquery/slack-token", token)
    assert token in settings
    Path("settings.yml").write_text(settings, encoding="utf-8")
    serve(aws, "shop-db", "billing-db")
    assert Said(capsys, "digest", str(LOG)).code == 0
    assert Said(capsys, "run", "--last", "1h").code == 0
    for needing in (("run", "--post"), ("settings", "check")):
        said = Said(capsys, *needing)
        assert said.code == 2
        assert "the variable SLACK_TOKEN is not set" in said.err


@pytest.mark.parametrize("address", ["ftp://nope", "http://example.com/x", "https://u:p@h/"])
def test_settings_check_finds_an_address_that_no_channel_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HOOK", address)
    Path("settings.yml").write_text(
        "instances: [a]\nchannels: {hook: {kind: webhook, url: env/HOOK}}\n"
    )
    said = Said(capsys, "settings", "check")
    assert said.code == 2
    assert "channels.hook: webhook: url" in said.err
    assert address not in said.err


def test_run_takes_the_engine_for_every_instance(
    aws: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(aws, "shop-db")
    said = Said(capsys, "run", "--instance", "shop-db", "--engine", "postgresql", *WINDOW)
    assert said.code == 1
    assert "there are no PostgreSQL logs" in said.out


# The terminal


def at_a_terminal(*arguments: str, **environ: str) -> str:
    """Return what the command shows on a terminal."""
    screen, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    child = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment | {"TERM": "xterm", "COLUMNS": "90"} | environ,
    )
    os.close(terminal)
    shown = b""
    while chunk := _read(screen):
        shown += chunk
    os.close(screen)
    assert child.wait() == 0
    return shown.decode()


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def test_colour_is_for_a_terminal_that_has_it() -> None:
    assert "\x1b[" in at_a_terminal("digest", str(LOG))
    assert "\x1b[" not in at_a_terminal("digest", str(LOG), NO_COLOR="1")
    assert "\x1b[" not in at_a_terminal("digest", str(LOG), TERM="dumb")


def test_an_empty_no_color_forbids_nothing() -> None:
    assert "\x1b[" in at_a_terminal("digest", str(LOG), NO_COLOR="")


@pytest.mark.parametrize(
    "arguments",
    [
        ["digest", str(LOG)],
        ["digest", str(LOG), "--format", "json", "--limit", "0"],
        ["digest", "--help"],
    ],
)
def test_output_that_cannot_be_written_is_said_without_a_traceback(arguments: list[str]) -> None:
    # With a buffer, as is usual, most of it fails only when that is flushed.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    why = os.strerror(errno.ENOSPC)
    expected = f"slowquery: the output cannot be written: {why}; try: another place for it\n"
    assert done.stderr.decode() == expected


CLOSED = 'n=$1; shift; eval "exec \\"\\$@\\" $n>&-"'  # runs a command with one stream closed


@pytest.mark.parametrize(
    ("stream", "file", "code", "says"),
    [
        (0, "-", 1, "slowquery: -: standard input is closed\n  try: a log on standard input"),
        (0, str(LOG), 0, ""),
        (1, str(LOG), 1, "slowquery: standard output is closed, so nothing can be shown; try: "),
        (2, str(LOG), 0, ""),
        (2, "missing.log", 1, ""),
    ],
)
def test_a_closed_stream_is_no_traceback(stream: int, file: str, code: int, says: str) -> None:
    command = [*COMMAND, "digest", file, "--format", "json", "--jobs", "2"]
    done = subprocess.run(
        ["/bin/sh", "-c", CLOSED, "sh", str(stream), *command],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code
    assert done.stderr.decode().startswith(says)
    assert b"Traceback" not in done.stderr + done.stdout
    assert bool(done.stderr) == bool(says)
    if stream != 1:
        assert json.loads(done.stdout)["coverage"]["files"] == 1


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    child = subprocess.Popen(
        [*COMMAND, "digest", str(LOG), "--limit", "0", "--format", "json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    with child.stderr as errors:
        assert errors.read() == b""
    assert child.wait() == 141


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_is_a_word_and_no_traceback(jobs: str) -> None:
    child = subprocess.Popen(
        [*COMMAND, "digest", "-", "--jobs", jobs],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin is not None
    # More than a share and a pipe hold: once it is written, the workers are there.
    child.stdin.write(gzip.decompress(LOG.read_bytes()) * 10)
    child.stdin.flush()
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does
    child.stdin.close()
    assert child.stderr is not None
    with child.stderr as errors:
        assert errors.read() == b"slowquery: interrupted\n"
    assert child.wait() == 130


def test_progress_is_shown_on_a_terminal_while_it_reads_and_wiped_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "PROGRESS_EVERY", 0.0)

    class Terminal:
        shown = ""

        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            self.shown += text
            return len(text)

        def flush(self) -> None:
            """Be asked."""

    terminal = Terminal()
    log = tmp_path / "plain.log"
    log.write_bytes(gzip.decompress(LOG.read_bytes()))
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli.main(["digest", str(log), "--format", "json"]) == 0
    assert "1.8 MB of 1.8 MB · " in terminal.shown
    assert "1,841 events" in terminal.shown
    assert terminal.shown.endswith("\r\x1b[K")
