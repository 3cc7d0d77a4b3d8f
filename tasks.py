"""The one door for people and CI: ``python3 tasks.py TASK``; alone, it lists the tasks.

Run as a script, this file needs a Python and nothing else: it makes ``.venv`` from the
hash-locked requirements, unless it stands already, and lets Invoke go on in there.
Imported by Invoke, it holds the tasks.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "tasks.py: this is Python {}.{}, and slowquery needs 3.11 or newer\n"
        "  try: python3.11 tasks.py, or install a newer Python".format(*sys.version_info[:2])
    )

import fcntl
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.txt"
LAMBDA_LOCK = ROOT / "requirements-lambda.txt"
APPRISE_LOCK = ROOT / "requirements-lambda-apprise.txt"
PIP: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet"]
FUZZ_LOCK = ROOT / "requirements-fuzz.txt"
NPM_LOCK = ROOT / "package-lock.json"


def stop(what: str, why: str, hint: str) -> SystemExit:
    """Return what to raise when a task cannot go on."""
    return SystemExit(f"tasks.py: {what}: {why}\n  try: {hint}")


def quietly(what: str, command: list[str | Path], hint: str) -> None:
    """Run ``command`` in the project; only if it fails show what it had to say."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise stop(what, f"the command ended with {done.returncode}\n{said}", hint)


@contextmanager
def alone() -> Iterator[None]:
    """Let two terminals that set up the same checkout do it one after the other."""
    checkout = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(checkout, fcntl.LOCK_EX)
        yield
    finally:
        os.close(checkout)


def digest_of(*parts: object) -> str:
    """Return a short name for what something was made from."""
    return sha256(json.dumps(parts, default=str).encode()).hexdigest()


class Stamp:
    """The file that says what a folder was made from, written when it was whole.

    A folder whose making was interrupted has none, and is made again.
    """

    def __init__(self, folder: Path, made_from: str) -> None:
        self.folder = folder
        self.file = folder / ".made-from"
        self.made_from = made_from

    def is_current(self) -> bool:
        """Tell whether the folder is whole and made from the same things."""
        return self.file.is_file() and self.file.read_text() == self.made_from

    def clear(self) -> None:
        """Take the folder away, whatever is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self) -> None:
        """Call the folder whole."""
        self.file.write_text(self.made_from)


def venv_stamp() -> Stamp:
    """Return the stamp of ``.venv``: this Python, this place, the lock, how we are built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    built_from = [project["project"], project["build-system"], project["tool"]["setuptools"]]
    return Stamp(VENV, digest_of(sys.version_info[:2], VENV, LOCK.read_text(), built_from))


def set_up() -> None:
    """Make ``.venv`` what the locks say, unless it is."""
    stamp = venv_stamp()
    if stamp.is_current() and PYTHON.exists():
        return
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise stop(
            "cannot make .venv",
            f"this Python comes without {' and '.join(missing)}",
            "apt-get install python3-venv, or a Python from another place",
        )
    print("Setting up .venv, about a minute; only when the locks changed.", file=sys.stderr)
    again = "the same command again: a half-made .venv is made anew"
    quietly("cannot make .venv", [sys.executable, "-m", "venv", "--clear", VENV], again)
    quietly(
        "cannot install the requirements",
        [*PIP, "--require-hashes", "--only-binary=:all:", "--requirement", LOCK],
        "look at your connection to the package index, then " + again,
    )
    quietly(
        "cannot install slowquery itself",
        [*PIP, "--no-deps", "--no-build-isolation", "--editable", ROOT],
        again,
    )
    stamp.write()


def enter(arguments: list[str]) -> None:
    """Go on inside ``.venv``: this process becomes Invoke, with ``arguments``."""
    with alone():
        set_up()
    if "--" in arguments:
        # Invoke joins what follows with spaces: quoted, it can be told apart again.
        cut = arguments.index("--") + 1
        arguments = [*arguments[:cut], shlex.join(arguments[cut:])]
    invoke = [str(PYTHON), "-m", "invoke", "--search-root", str(ROOT)]
    os.execv(PYTHON, [*invoke, *(arguments or ["--list"])])


if __name__ == "__main__":
    try:
        enter(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("tasks.py: interrupted; the next call takes it up again")

# From here on we are in .venv.
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task


def run(*command: str | Path) -> int:
    """Run ``command`` in the project, before the caller's eyes; return its exit code."""
    try:
        return subprocess.run(command, cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        raise Exit(code=130) from None


def must_pass(*command: str | Path) -> None:
    """Run ``command``; if it fails, end here with its exit code."""
    code = run(*command)
    if code:
        raise Exit(code=code)


def tool(name: str, *arguments: str | Path) -> tuple[str | Path, ...]:
    """Return the command that runs a Python tool of ``.venv``."""
    return (PYTHON, "-m", name, *arguments)


@task
def setup(_: Context) -> None:
    """Make .venv from the locks; afterwards .venv/bin/slowquery is there."""
    print("Ready: .venv/bin/slowquery --help")


@task
def demo(_: Context) -> None:
    """Digest an hour of real logs from a local AWS, and show what the chat gets."""
    must_pass(*tool("tests.sandbox.demo"))


@task
def test(context: Context) -> None:
    """Run the tests, on every core; what follows -- goes to pytest: test -- -k slack."""
    side_by_side = ("--numprocesses", "auto", "--dist", "worksteal")
    must_pass(*tool("pytest", *side_by_side, *shlex.split(context.remainder)))


@task
def bench(context: Context) -> None:
    """Measure speed and memory beside the peers that are installed; writes docs/benchmarks.md."""
    must_pass(*tool("tests.bench", *shlex.split(context.remainder)))


@task
def budget(_: Context) -> None:
    """Measure what a run costs in Lambda: the zip, the imports, an hour of 10 MB."""
    with TemporaryDirectory() as folder:
        packed = make_package(Packing(settings=EXAMPLE, into=Path(folder)))
        must_pass(*tool("tests.budget", packed))


@task(help={"seed": "of the first round", "rounds": "how many"})
def chaos(_: Context, seed: int = 1, rounds: int = 100) -> None:
    """Download from an RDS with random faults; every byte must come or be reported."""
    must_pass(*tool("tests.chaos", "--seed", str(seed), "--rounds", str(rounds)))


@task
def newest(_: Context) -> None:
    """Read from RDS with the newest boto3 in place of the locked one, and look for leaks."""
    with TemporaryDirectory() as folder:
        quietly(
            "cannot fetch the newest boto3",
            [*PIP, "--only-binary=:all:", "--target", folder, "boto3", "botocore"],
            "look at your connection to the package index, then the same command again",
        )
        newer = ("env", f"PYTHONPATH={folder}")
        must_pass(*newer, PYTHON, "-c", "import botocore; print('botocore', botocore.__version__)")
        reading = ("tests/sources/test_privacy.py", "tests/sources/test_rds.py")
        must_pass(*newer, *tool("pytest", "-p", "no:cacheprovider", *reading))


@task(help={"minutes": "how long, for all targets side by side"})
def fuzz(_: Context, minutes: float = 10.0) -> None:
    """Look for a log or statement that breaks what must hold of any."""
    quietly(
        "cannot install the fuzzer",
        [*PIP, "--require-hashes", "--only-binary=:all:", "--requirement", FUZZ_LOCK],
        "Python 3.11 on Linux, for which atheris has a wheel",
    )
    must_pass(*tool("tests.fuzz", "--minutes", str(minutes)))


@task
def golden(context: Context) -> None:
    """Write the tests' expected files anew from what comes out; then read the diff."""
    must_pass(*tool("pytest", "--update-golden", *shlex.split(context.remainder)))


@task
def fmt(_: Context) -> None:
    """Lay out the code and sort its imports."""
    must_pass(*tool("ruff", "check", "--select", "I", "--fix"))
    must_pass(*tool("ruff", "format"))


@task
def check(_: Context) -> None:
    """Check layout, lint, types, docs and the package; not the tests."""
    checks = {
        "layout": tool("ruff", "format", "--check"),
        "lint": tool("ruff", "check"),
        "types": tool("mypy", "--strict"),
        "docs": tool("pytest", "tests/test_docs.py"),
    }
    failed = [name for name, command in checks.items() if run(*command)]
    with TemporaryDirectory() as folder:
        # The example's, whatever stages there are here.
        packed = make_package(Packing(settings=EXAMPLE, into=Path(folder)))
        # W3005: osls writes a dependency out that CloudFormation would see for itself.
        if run(VENV / "bin" / "cfn-lint", "--ignore-checks", "W3005", "--", packed / TEMPLATE):
            failed.append("template")
    if failed:
        raise Exit(f"check: failed: {', '.join(failed)}", code=1)


STAGE_HELP = {"stage": "whose settings.STAGE.yml it is"}
PACK_HELP = {
    **STAGE_HELP,
    "reserved-concurrency": "executions reserved for the function; none by default",
    "log-days": "for how long the functions' logs are kept",
}


@task(help={**PACK_HELP, "settings": "another file", "into": "another folder"})
def package(
    _: Context,
    stage: str = "dev",
    settings: str = "",
    into: str = "",
    reserved_concurrency: int = 0,
    log_days: int = 30,
) -> None:
    """Pack the Lambda and its CloudFormation template into .serverless/."""
    file = Path(settings).resolve() if settings else None
    packing = Packing(stage, file, reserved_concurrency, log_days)
    make_package(replace(packing, into=Path(into).resolve()) if into else packing)


@task(help=PACK_HELP)
def deploy(_: Context, stage: str, reserved_concurrency: int = 0, log_days: int = 30) -> None:
    """Deploy a stage; the new version takes over once it has been tried."""
    packing = Packing(stage, stage_file(stage), reserved_concurrency, log_days, complete=True)
    packed = make_package(packing)
    must_pass(install_osls(), "deploy", *packing.options(), "--package", packed)
    # At the first deployment there is nobody yet who would try it.
    must_pass(*remote("rehearse", stage))
    run(*remote("health", stage))


@task(help={**STAGE_HELP, "last": "the time up to now: 90m, 3h, 2d"})
def invoke(_: Context, stage: str, last: str = "1h") -> None:
    """Digest a window by the deployed function, and print the digest; posts nothing."""
    must_pass(*remote("invoke", stage, "--last", last))


@task(help={**STAGE_HELP, "last": "the time up to now: 90m, 3h, 2d"})
def logs(_: Context, stage: str, last: str = "3h") -> None:
    """Print what the deployed functions wrote into their logs."""
    must_pass(*remote("logs", stage, "--last", last))


@task(help={**STAGE_HELP, "to": "an earlier deployment; the one before by default"})
def rollback(_: Context, stage: str, to: str = "") -> None:
    """Go back to the deployment before the live one; it is tried like a new one."""
    goal = said(*remote("before", stage, "--to", to))
    make_package(Packing(stage, stage_file(stage)))
    must_pass(
        *(install_osls(), "rollback", "--stage", stage),
        *("--timestamp", goal),
    )
    must_pass(*remote("moved", stage, "--to", goal))
    must_pass(*remote("rehearse", stage))
    run(*remote("health", stage))


@task(help=STAGE_HELP)
def remove(_: Context, stage: str) -> None:
    """Take a stage away: functions, schedule, roles, logs. The databases stay as they are."""
    make_package(Packing(stage, stage_file(stage)))
    must_pass(install_osls(), "remove", "--stage", stage)


def stage_file(stage: str) -> Path:
    """Return the settings of a stage that is deployed; there has to be a file of its own."""
    file = ROOT / f"settings.{stage}.yml"
    if not file.is_file():
        raise stop(
            f"there is no stage {stage}",
            f"{file.name} is not there",
            f"cp settings.example.yml {file.name}, and name your instances in it",
        )
    return file


def remote(command: str, stage: str, *arguments: str) -> tuple[str | Path, ...]:
    """Return the command that asks a deployed stage for something."""
    return tool("deploy.remote", command, "--settings", stage_file(stage), stage, *arguments)


def said(*command: str | Path) -> str:
    """Run ``command`` and return what it printed; if it fails, end here."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Exit(code=done.returncode)
    return done.stdout.strip()


@task
def lock(_: Context) -> None:
    """Lock the requirements of pyproject.toml anew, to the newest that fit."""
    if shutil.which("uv") is None:
        raise stop("cannot lock", "uv is not installed", "pip install uv")
    compiled = (
        *("uv", "pip", "compile", "pyproject.toml", "--quiet", "--upgrade"),
        *("--generate-hashes", "--no-header", "--no-emit-index-url"),
    )
    must_pass(
        *(*compiled, "--group", "dev", "--output-file", LOCK),
        *("--universal", "--python-version", "3.11"),
    )
    for lock_file, extra in (LAMBDA_LOCK, ()), (APPRISE_LOCK, ("--extra", "apprise")):
        must_pass(
            *(*compiled, *extra, "--constraints", LOCK, "--output-file", lock_file),
            *("--python-platform", "aarch64-manylinux_2_28", "--python-version", "3.13"),
            *(part for name in IN_LAMBDA_ALREADY for part in ("--no-emit-package", name)),
        )


# The package. The zip is made here and not by osls, so that it holds the wheels of the
# machine it will run on, whatever machine this is, and is the same from the same sources.

IN_LAMBDA_ALREADY = [
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
]
"""boto3 and all that it needs: Lambda's Python images bring them."""

BUILD = ROOT / "build"
ZIP = BUILD / "slowquery.zip"
TEMPLATE = "cloudformation-template-update-stack.json"
PACKED = {
    *("cloudformation-template-create-stack.json", TEMPLATE, "serverless-state.json"),
    ZIP.name,
}
"""What a package is made of."""
EXAMPLE = ROOT / "settings.example.yml"


@dataclass(frozen=True)
class Packing:
    """What is packed: a stage, its settings, where to, and whether it is to be deployed.

    Without ``settings`` they are the stage's own, or the example's for a look.
    """

    stage: str = "dev"
    settings: Path | None = None
    reserved_concurrency: int = 0
    log_days: int = 30
    into: Path = ROOT / ".serverless"
    complete: bool = False

    def options(self) -> tuple[str, ...]:
        """Return what osls has to be told."""
        found = ("--stage", self.stage, "--param", f"log_days={self.log_days}")
        if self.reserved_concurrency:
            return (*found, "--param", f"reserved_concurrency={self.reserved_concurrency}")
        return found


def make_package(packing: Packing) -> Path:
    """Make the zip, then let osls make the template around it; return the folder of both."""
    settings = packing.settings or ROOT / f"settings.{packing.stage}.yml"
    if not settings.is_file():
        print(
            f"No {settings.name} here: packed with the example's, for a look, not to deploy.",
            flush=True,
        )
        settings = EXAMPLE
    refuse_others_folder(packing.into)
    with alone():
        write_zip(lambda_libraries(lock_for(settings)), settings)
        osls = install_osls()
        must_pass(
            *tool("deploy.stage", packing.stage, settings, ZIP, BUILD / "stage.json"),
            *("--made-from", ROOT / "serverless.yml", "--made-from", NPM_LOCK),
            *(["--complete"] if packing.complete else []),
        )
        command: list[str | Path] = [osls, "package", *packing.options(), "--package", packing.into]
        quietly("cannot package", command, "look where osls points, in serverless.yml")
        shutil.copy(ZIP, packing.into)
    size = ZIP.stat().st_size / 1e6
    print(f"Packed: {packing.into.name}/{ZIP.name} ({size:.1f} MB) and its template", flush=True)
    return packing.into


def lock_for(settings: Path) -> Path:
    """Return the lock of what a stage needs in Lambda: Apprise only where settings name it."""
    from deploy import stage as stages  # noqa: PLC0415 - of the project; most tasks do without
    from slowquery.settings import ConfigError  # noqa: PLC0415 - as above

    try:
        found = stages.read("any", settings, os.environ, complete=False).settings
    except ConfigError as error:
        raise Exit(str(error), code=2) from None
    uses_apprise = any(channel.kind == "apprise" for channel in found.channels)
    return APPRISE_LOCK if uses_apprise else LAMBDA_LOCK


def refuse_others_folder(folder: Path) -> None:
    """Stop where osls would take away what it has not made: it clears the folder it packs into."""
    if not folder.exists() or folder == ROOT / ".serverless":
        return
    if not folder.is_dir():
        raise stop("cannot package", f"{folder} is no folder", "another --into")
    others = sorted({file.name for file in folder.iterdir()} - PACKED)
    if others:
        held = ", ".join(others[:3]) + (", …" if others[3:] else "")
        why = f"{folder} would be cleared, and it holds {held}"
        raise stop("cannot package", why, "another --into: a new folder, or an empty one")


def lambda_libraries(lock: Path) -> Path:
    """Return the folder of a lock's libraries as Lambda's arm64 Python 3.13 takes them."""
    folder = BUILD / lock.stem.replace("requirements", "libraries")
    stamp = Stamp(folder, digest_of(lock.read_text()))
    if not stamp.is_current():
        stamp.clear()
        target = [
            *("--implementation", "cp", "--python-version", "3.13"),
            *("--platform", "manylinux2014_aarch64", "--platform", "manylinux_2_28_aarch64"),
        ]
        quietly(
            "cannot fetch the libraries for Lambda",
            [
                *(*PIP, "--no-deps", "--no-compile"),
                *("--require-hashes", "--only-binary=:all:", *target),
                *("--requirement", lock, "--target", stamp.folder),
            ],
            "look at your connection to the package index, then the same command again",
        )
        stamp.write()
    return stamp.folder


def packed_files(libraries: Path, settings: Path) -> Iterator[tuple[str, Path]]:
    """Yield what goes into the zip: its name there, and the file."""
    yield "handler.py", ROOT / "handler.py"
    yield "settings.yml", settings
    for base, folder in ((ROOT, "slowquery"), (ROOT, "notifiers"), (libraries, ".")):
        for file in sorted((base / folder).rglob("*")):
            name = file.relative_to(base)
            unneeded = ("__pycache__", "bin", ".made-from")
            if file.is_file() and not any(
                part in unneeded or part.endswith(".dist-info") for part in name.parts
            ):
                yield str(name), file


def write_zip(libraries: Path, settings: Path) -> None:
    """Write the zip, the same to the byte from the same files."""
    with zipfile.ZipFile(ZIP, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in packed_files(libraries, settings):
            entry = zipfile.ZipInfo(name)  # dated 1980, whenever it was written
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # Lambda runs as another user than the owner
            archive.writestr(entry, file.read_bytes(), compresslevel=9)


def install_osls() -> Path:
    """Return the command osls as package-lock.json has it."""
    if shutil.which("npm") is None:
        raise stop(
            "cannot package",
            "Node.js and its npm are not installed",
            "install Node.js 20.19, 22.13, 24 or newer; all else works without it",
        )
    stamp = Stamp(ROOT / "node_modules", digest_of(NPM_LOCK.read_text()))
    if not stamp.is_current():
        quietly(
            "cannot install osls",
            ["npm", "ci"],
            "look at your connection to the npm registry, then the same command again",
        )
        stamp.write()
    return ROOT / "node_modules" / ".bin" / "osls"
