"""The door: what ``python3 tasks.py`` does before there is anything to run it with."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tasks

ROOT = Path(__file__).resolve().parent.parent
LAMBDA_LOCKS = ["requirements-lambda.txt", "requirements-lambda-apprise.txt"]
LOCKS = ["requirements.txt", *LAMBDA_LOCKS, "requirements-fuzz.txt"]


def door(where: Path, *arguments: str, before: str = "", **environ: str) -> tuple[int, str]:
    """Run ``tasks.py`` as a script after the statements ``before``; return code and output."""
    script = f"import runpy, sys; {before}\nrunpy.run_path('tasks.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=where,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout with a door, a lock and nothing set up."""
    for name in ("tasks.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements.txt").write_text(f"nowhere-to-be-had==1 --hash=sha256:{'0' * 64}\n")
    return tmp_path


def set_up_in_name_only(checkout: Path) -> None:
    """Give ``checkout`` a ``.venv`` that is called whole and whose Python only echoes."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    python.chmod(0o755)
    call_it_whole = [sys.executable, "-c", "import tasks; tasks.venv_stamp().write()"]
    subprocess.run(call_it_whole, cwd=checkout, check=True)


def test_an_old_python_is_told_so() -> None:
    code, output = door(ROOT, before="sys.version_info = (3, 9, 18)")
    assert code == 1
    assert "this is Python 3.9, and slowquery needs 3.11 or newer" in output
    assert "try:" in output


def test_an_old_python_can_read_as_far_as_being_told() -> None:
    ast.parse((ROOT / "tasks.py").read_text(), feature_version=(3, 7))


def test_a_python_without_ensurepip_is_told_what_to_install(checkout: Path) -> None:
    code, output = door(checkout, before="sys.modules['ensurepip'] = None")
    assert code == 1
    assert "cannot make .venv: this Python comes without ensurepip" in output
    assert "try: apt-get install python3-venv" in output
    assert not (checkout / ".venv").exists()


def test_a_failed_setup_says_so_and_is_not_taken_for_a_whole_one(checkout: Path) -> None:
    code, output = door(checkout, "test", PIP_NO_INDEX="1")
    assert code == 1
    assert "cannot install the requirements" in output
    assert "nowhere-to-be-had" in output
    assert "try:" in output
    assert "Traceback" not in output
    assert not (checkout / ".venv" / ".made-from").exists()


def test_what_is_set_up_is_entered_with_the_arguments_as_they_were(checkout: Path) -> None:
    set_up_in_name_only(checkout)
    code, output = door(checkout, "test", "--", "-k", "slack or console")
    assert code == 0
    assert output == (f"<-m><invoke><--search-root><{checkout}><test><--><-k 'slack or console'>")


@pytest.mark.parametrize("changed", ["requirements.txt", "pyproject.toml"])
def test_what_was_set_up_from_something_else_is_not_entered(checkout: Path, changed: str) -> None:
    set_up_in_name_only(checkout)
    file = checkout / changed
    file.write_text(file.read_text().replace("0", "1"))
    code, output = door(checkout, before="sys.modules['ensurepip'] = None")
    assert code == 1
    assert "cannot make .venv" in output


def test_alone_it_lists_the_tasks() -> None:
    code, output = door(ROOT)
    assert code == 0
    listed = {line.split()[0] for line in output.splitlines() if re.match(r"  \w", line)}
    assert {"setup", "demo", "test", "check", "fmt", "golden", "package"} <= listed


def test_setup_leaves_the_command_behind() -> None:
    code, _ = door(ROOT, "setup")
    assert code == 0
    assert os.access(ROOT / ".venv" / "bin" / "slowquery", os.X_OK)


def pins(lock: str) -> dict[str, Requirement]:
    """Return what a lock pins, by name; each entry must have hashes and nothing else."""
    entries = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    found = {}
    for entry in entries:
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        pinned, *hashes = re.split(r"\s+--hash=", entry)
        assert hashes, entry
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in hashes), entry
        requirement = Requirement(pinned)
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), entry
        found[requirement.name] = requirement
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    assert pins(lock)
    assert not re.search(r"://|@|index|find-links|file:", (ROOT / lock).read_text())


def test_the_lock_is_in_step_with_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["apprise"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    locked = pins("requirements.txt")
    for requirement in map(Requirement, asked):
        (pin,) = locked[requirement.name.lower()].specifier
        assert requirement.specifier.contains(pin.version), requirement


@pytest.mark.parametrize("lock", LAMBDA_LOCKS)
def test_lambda_gets_the_versions_that_the_tests_run_with(lock: str) -> None:
    locked = pins("requirements.txt")
    packed = pins(lock)
    assert {name: pin.specifier for name, pin in packed.items()} == {
        name: locked[name].specifier for name in packed
    }
    # pip judges a marker by the Python it runs in, not by the one it installs for.
    assert not [name for name, pin in packed.items() if pin.marker]


def test_the_npm_lock_has_hashes_and_no_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    asked = packages.pop("")
    assert asked["devDependencies"] == {"osls": packages["node_modules/osls"]["version"]}
    assert not [name for name, package in packages.items() if "integrity" not in package]
    assert not [name for name, package in packages.items() if "resolved" in package]


def test_the_notifiers_we_import_are_ours() -> None:
    """A distribution of that name exists, and anything may bring it in."""
    import notifiers  # noqa: PLC0415

    assert Path(notifiers.__file__).parent == ROOT / "notifiers"
    with pytest.raises(PackageNotFoundError):
        distribution("notifiers")


@pytest.mark.parametrize(
    "test_file",
    [
        "import pytest\n@pytest.mark.skip(reason='no server here')\ndef test_it(): pass\n",
        "import pytest\npytest.skip('no server here', allow_module_level=True)\n",
    ],
)
def test_a_skip_in_ci_is_a_failure(tmp_path: Path, test_file: str) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(test_file)
    outcome = {}
    for ci in ("true", ""):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_it.py"],
            cwd=tmp_path,
            env=os.environ | {"CI": ci},
            capture_output=True,
            text=True,
            check=False,
        )
        outcome[ci] = done.stdout
    assert "in CI nothing may be skipped: Skipped: no server here" in outcome["true"]
    assert "1 skipped" in outcome[""]


def test_a_stage_needs_a_settings_file_of_its_own() -> None:
    with pytest.raises(SystemExit) as stopped:
        tasks.stage_file("nowhere")
    assert "there is no stage nowhere: settings.nowhere.yml is not there" in str(stopped.value)
    assert "try: cp settings.example.yml settings.nowhere.yml" in str(stopped.value)


def test_a_folder_that_holds_something_of_others_is_not_packed_into(tmp_path: Path) -> None:
    """For osls clears it."""
    (tmp_path / "novel.txt").write_text("Chapter one")
    with pytest.raises(SystemExit, match=r"would be cleared, and it holds novel\.txt\n  try: "):
        tasks.refuse_others_folder(tmp_path)
    with pytest.raises(SystemExit, match="is no folder"):
        tasks.refuse_others_folder(tmp_path / "novel.txt")


def test_a_package_is_packed_over_and_a_new_folder_made(tmp_path: Path) -> None:
    for name in tasks.PACKED:
        (tmp_path / name).touch()
    tasks.refuse_others_folder(tmp_path)
    tasks.refuse_others_folder(tmp_path / "new")


def test_what_is_asked_for_a_stage_is_told_to_osls() -> None:
    plain = tasks.Packing("prod")
    assert plain.options() == ("--stage", "prod", "--param", "log_days=30")
    more = tasks.Packing("prod", reserved_concurrency=1, log_days=90)
    assert "reserved_concurrency=1" in more.options()
    assert "log_days=90" in more.options()
