"""Modules are short, and no package imports what is built on it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitness.settings import PROJECT

PACKAGES = ("python_ingest", "fitness", "dashboard")
MODULES = sorted(path for name in PACKAGES for path in (PROJECT / name).rglob("*.py"))
ABOVE = {
    "python_ingest": {"fitness", "dashboard", "dbt", "tests", "benchmarks"},
    "fitness": {"dashboard", "tests", "benchmarks"},
    "dashboard": {"pyspark", "dbt", "tests", "benchmarks"},
}
STARTS_DASHBOARD = PROJECT / "fitness" / "serving.py"


def imported(module: Path) -> Iterator[str]:
    """Return the modules that a module imports, also within its functions."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_module_is_short_and_imports_no_package_that_is_built_on_it(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 300
    above = ABOVE[module.relative_to(PROJECT).parts[0]]
    if module == STARTS_DASHBOARD:
        above = above - {"dashboard"}
    assert not {name.split(".")[0] for name in imported(module)} & above


def test_the_dashboard_is_imported_only_within_the_commands_that_start_it() -> None:
    tree = ast.parse(STARTS_DASHBOARD.read_text())
    tops = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("dashboard" in ast.unparse(node) for node in tops)


def test_the_ingest_is_small() -> None:
    modules = [path for path in MODULES if "python_ingest" in path.parts]
    assert sum(len(path.read_text().splitlines()) for path in modules) <= 2205
