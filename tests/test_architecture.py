"""The arrows of the house, read from the syntax trees: one line, no way back.

Each rule is a function of a module's name and source that yields what it breaks, so the
same rule that holds for the product can be shown a line that it must refuse.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parent.parent
Rule: TypeAlias = Callable[[str, ast.Module], Iterator[str]]

MAY_IMPORT: dict[str, set[str]] = {
    "handler": {"slowquery.app", "slowquery.health", "slowquery.hook", "slowquery.settings"},
    "slowquery": set(),
    "slowquery.__main__": {"slowquery.cli"},
    "slowquery.cli": {
        "slowquery.health",
        *("slowquery.app", "slowquery.document", "slowquery.errors", "slowquery.invocation"),
        *("slowquery.line", "slowquery.model"),
        *("slowquery.render", "slowquery.settings", "slowquery.settings_file"),
        *("slowquery.settings_forms", "slowquery.sources", "slowquery.window", "slowquery.words"),
        *("slowquery.workers", "notifiers.visible"),
    },
    "slowquery.app": {
        *("slowquery.document", "slowquery.invocation", "slowquery.line", "slowquery.metrics"),
        *("slowquery.model", "slowquery.parameters", "slowquery.rehearsal", "slowquery.render"),
        *("slowquery.settings", "slowquery.settings_file", "slowquery.sources"),
        *("slowquery.window", "notifiers"),
    },
    "slowquery.rehearsal": {
        *("slowquery.line", "slowquery.model", "slowquery.render", "slowquery.settings"),
    },
    "slowquery.line": {
        *("slowquery.aggregate", "slowquery.digest", "slowquery.model", "slowquery.readers"),
        *("slowquery.settings", "slowquery.workers"),
    },
    "slowquery.errors": set(),
    "slowquery.settings": {"slowquery.errors", "slowquery.model"},
    "slowquery.settings_forms": {"slowquery.model", "slowquery.settings"},
    "slowquery.settings_file": {
        *("slowquery.model", "slowquery.settings", "slowquery.settings_forms"),
    },
    "slowquery.hook": set(),
    "slowquery.parameters": {"slowquery.model", "slowquery.settings"},
    "slowquery.model": set(),
    "slowquery.window": {"slowquery.errors", "slowquery.model"},
    "slowquery.invocation": {"slowquery.errors", "slowquery.model", "slowquery.window"},
    "slowquery.sources": {"slowquery.errors", "slowquery.model", "slowquery.sources"},
    "slowquery.sources.finding": {"slowquery.settings", "slowquery.sources"},
    "slowquery.readers": {"slowquery.fingerprint", "slowquery.model", "slowquery.readers"},
    "slowquery.fingerprint": {"slowquery.model"},
    "slowquery.postgres_sql": {"slowquery.fingerprint"},
    "slowquery.health": {
        "slowquery.hook",
        *("slowquery.app", "slowquery.health", "slowquery.invocation", "slowquery.line"),
        *("slowquery.metrics", "slowquery.model", "slowquery.parameters", "slowquery.settings"),
        *("slowquery.settings_file", "slowquery.sources", "slowquery.window", "slowquery.words"),
        "notifiers",
    },
    "slowquery.sketch": set(),
    "slowquery.statement": set(),
    "slowquery.aggregate": {"slowquery.fingerprint", "slowquery.model", "slowquery.sketch"},
    "slowquery.digest": {
        *("slowquery.aggregate", "slowquery.model", "slowquery.sketch", "slowquery.statement"),
    },
    "slowquery.workers": {
        *("slowquery.aggregate", "slowquery.errors", "slowquery.fingerprint", "slowquery.model"),
        "slowquery.postgres_sql",
    },
    "slowquery.document": {"slowquery.model", "slowquery.window"},
    "slowquery.view": {
        *("slowquery.model", "slowquery.settings", "slowquery.window", "slowquery.words"),
    },
    "slowquery.render": {
        *("slowquery.document", "slowquery.model", "slowquery.settings", "slowquery.view"),
        *("slowquery.words", "notifiers.message", "notifiers.visible"),
    },
    "slowquery.words": {"slowquery.model", "slowquery.window", "notifiers.visible"},
    "slowquery.metrics": {"slowquery.model"},
    "notifiers": {"notifiers"},
}
"""What a module may know of the product; a row of a package, slowquery itself aside, is of
each module in it."""

NAMES_AWS = {
    "boto3": {"slowquery.app", "slowquery.health.aws", "slowquery.hook", "slowquery.sources.rds"},
    "botocore": {
        *("slowquery.hook", "slowquery.parameters", "slowquery.sources.finding"),
        *("slowquery.health.aws", "slowquery.sources.rds", "slowquery.sources.regions"),
    },
}
"""AWS's library makes clients in the first; the others know its errors."""

AT_THE_DOOR = {"handler", "slowquery.cli", "slowquery.__main__"}
AMBIENT = {
    *("os.environ", "os.environb", "os.getenv", "sys.argv"),
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns"),
    *("time.perf_counter", "time.perf_counter_ns", "time.gmtime", "time.localtime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
}
"""The environment and the clocks: arguments everywhere but at the door."""

NAMES_OF_NOTHING = {"base", "common", "helpers", "misc", "shared", "tools", "utils"}


def source_files() -> dict[str, Path]:
    """Return the product's files by module name; a package goes by its own name."""
    found = {"handler": ROOT / "handler.py"}
    for package in ("slowquery", "notifiers"):
        for file in sorted((ROOT / package).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


FILES = source_files()
PACKAGES = {name for name, file in FILES.items() if file.name == "__init__.py"}


def imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield each module or ``module.name`` that is imported, wherever in the file it stands."""
    package = module if module in PACKAGES else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def module_of(imported: str) -> str:
    """Return the product's module that holds ``imported``: itself, or what it is a name in."""
    return imported if imported in FILES else imported.rpartition(".")[0]


def within(module: str, names: set[str]) -> bool:
    """Tell whether ``module`` is one of ``names`` or lies in a package of them."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def follows_the_arrows(module: str, tree: ast.Module) -> Iterator[str]:
    """Refuse what the table does not allow."""
    package = module.rpartition(".")[0]
    row = module if module in MAY_IMPORT else package
    if row not in MAY_IMPORT or (row == "slowquery" != module):
        yield f"{module} has no row in MAY_IMPORT"
        return
    for imported in imports(module, tree):
        ours = imported.split(".")[0] in {"handler", "slowquery", "notifiers"}
        if ours and not within(module_of(imported), MAY_IMPORT[row]):
            yield f"{module} imports {imported}"


def stays_in_the_product(module: str, tree: ast.Module) -> Iterator[str]:
    """Refuse the tests, the tasks, the deployment: they know the product, it not them."""
    for imported in imports(module, tree):
        if imported.split(".")[0] in {"deploy", "tests", "tasks"}:
            yield f"{module} imports {imported}"


def leaves_its_own_package_alone(module: str, tree: ast.Module) -> Iterator[str]:
    """Refuse a module that imports from the ``__init__`` of a package it lies in."""
    for imported in imports(module, tree):
        held_by = module_of(imported)
        if held_by in PACKAGES and module.startswith(f"{held_by}."):
            yield f"{module} imports {imported} from its own package"


def names_boto3_where_agreed(module: str, tree: ast.Module) -> Iterator[str]:
    """Refuse AWS's library outside the modules that talk to AWS."""
    for imported in imports(module, tree):
        library = imported.split(".")[0]
        if library in NAMES_AWS and module not in NAMES_AWS[library]:
            yield f"{module} imports {imported}"


def reads_the_world_at_the_door(module: str, tree: ast.Module) -> Iterator[str]:
    """Refuse the environment, the arguments and the clocks anywhere but at the door."""
    if module in AT_THE_DOOR:
        return
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            root, _, rest = ast.unparse(node).partition(".")
            named = ".".join(filter(None, (aliases.get(root), rest)))
            if root in aliases and named in AMBIENT:
                yield f"{module} reads {named}"


def catches_what_it_can_name(module: str, tree: ast.Module) -> Iterator[str]:
    """Refuse to catch everything: it would swallow what nobody thought of."""
    everything = {"Exception", "BaseException"}
    for node in ast.walk(tree):
        caught: list[ast.expr | None] = []
        if isinstance(node, ast.ExceptHandler):
            caught = [*node.type.elts] if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = [*node.args]
        for kind in caught:
            if kind is None or ast.unparse(kind) in everything:
                yield f"{module} catches {ast.unparse(kind) if kind else 'everything'}"


def has_a_name_that_says_something(module: str, _: ast.Module) -> Iterator[str]:
    """Refuse the names under which things are put that have no place."""
    for part in module.split("."):
        if part.strip("_") in NAMES_OF_NOTHING:
            yield f"{module} is named {part}"


RULES: list[Rule] = [
    follows_the_arrows,
    stays_in_the_product,
    leaves_its_own_package_alone,
    names_boto3_where_agreed,
    reads_the_world_at_the_door,
    catches_what_it_can_name,
    has_a_name_that_says_something,
]


@pytest.mark.parametrize("rule", RULES)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    broken = [
        problem
        for module, file in FILES.items()
        for problem in rule(module, ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert broken == []


def test_every_row_of_the_table_is_of_a_module_that_is_there() -> None:
    rows = (MAY_IMPORT, *MAY_IMPORT.values(), *NAMES_AWS.values(), AT_THE_DOOR)
    named = {name for row in rows for name in row}
    assert named - set(FILES) == set()


REFUSED: list[tuple[Rule, str, str]] = [
    (follows_the_arrows, "slowquery.fingerprint", "from slowquery.aggregate import Aggregate"),
    (follows_the_arrows, "slowquery.readers.mysql", "def f():\n    import slowquery.digest"),
    (follows_the_arrows, "slowquery.readers.mysql", "from ..sources import rds"),
    (follows_the_arrows, "slowquery.digest", "from notifiers import message"),
    (follows_the_arrows, "slowquery.app", "from handler import export_to_chat"),
    (follows_the_arrows, "notifiers.slack", "from slowquery import model"),
    (
        follows_the_arrows,
        "notifiers.slack",
        "if TYPE_CHECKING:\n    from slowquery.model import Digest",
    ),
    (follows_the_arrows, "slowquery.new_room", ""),
    (stays_in_the_product, "handler", "from tests.sandbox import demo"),
    (stays_in_the_product, "slowquery.cli", "import tasks"),
    (stays_in_the_product, "slowquery.app", "from deploy import rights"),
    (leaves_its_own_package_alone, "slowquery.app", "from slowquery import __version__"),
    (leaves_its_own_package_alone, "slowquery.readers.mysql", "from slowquery.readers import read"),
    (leaves_its_own_package_alone, "notifiers.slack", "import notifiers"),
    (leaves_its_own_package_alone, "notifiers.slack", "from . import create"),
    (names_boto3_where_agreed, "slowquery.digest", "import boto3"),
    (names_boto3_where_agreed, "slowquery.parameters", "import boto3"),
    (names_boto3_where_agreed, "handler", "from botocore.exceptions import ClientError"),
    (reads_the_world_at_the_door, "slowquery.app", "import os\nos.environ['A']"),
    (reads_the_world_at_the_door, "slowquery.app", "from os import environ as e\ne.get('A')"),
    (reads_the_world_at_the_door, "slowquery.app", "import time\nnow = time.time"),
    (reads_the_world_at_the_door, "slowquery.app", "import datetime as d\nd.datetime.now(d.UTC)"),
    (reads_the_world_at_the_door, "slowquery.app", "from datetime import datetime\ndatetime.now()"),
    (reads_the_world_at_the_door, "slowquery.app", "import sys\nmain(sys.argv[1:])"),
    (catches_what_it_can_name, "slowquery.app", "try: f()\nexcept: pass"),
    (catches_what_it_can_name, "slowquery.app", "try: f()\nexcept Exception: pass"),
    (catches_what_it_can_name, "slowquery.app", "try: f()\nexcept (OSError, BaseException): pass"),
    (catches_what_it_can_name, "slowquery.app", "with contextlib.suppress(Exception): f()"),
    (has_a_name_that_says_something, "slowquery.readers._utils", ""),
]


@pytest.mark.parametrize(("rule", "module", "source"), REFUSED)
def test_the_rule_refuses(rule: Rule, module: str, source: str) -> None:
    assert list(rule(module, ast.parse(source)))


def test_every_rule_has_something_that_it_refuses() -> None:
    assert {rule for rule, _, _ in REFUSED} == set(RULES)


ALLOWED: list[tuple[str, str]] = [
    ("slowquery.app", "from slowquery import model\nfrom notifiers import create\nimport boto3"),
    ("slowquery.aggregate", "from slowquery.fingerprint import Fingerprint"),
    ("slowquery.readers.mysql", "from datetime import UTC, datetime\ndatetime(2026, 1, 1)"),
    ("slowquery.cli", "import os, time\nos.environ, time.time()"),
    ("notifiers.slack", "import time\nfrom notifiers.message import Message\ntime.sleep"),
    ("slowquery.app", "try: f()\nexcept (OSError, ValueError): pass"),
]


@pytest.mark.parametrize(("module", "source"), ALLOWED)
def test_no_rule_refuses(module: str, source: str) -> None:
    tree = ast.parse(source)
    assert [problem for rule in RULES for problem in rule(module, tree)] == []
