"""Modules are short, and the ingest does not import the command that starts it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitness.settings import PROJECT

MODULES = sorted(p for name in ("python_ingest", "fitness") for p in (PROJECT / name).rglob("*.py"))


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
    package = module.relative_to(PROJECT).parts[0]
    above = {"python_ingest": {"fitness", "dbt", "tests", "benchmarks"}}
    tops = {name.split(".")[0] for name in imported(module)}
    assert not tops & above.get(package, {"tests", "benchmarks"})


def test_the_ingest_is_small() -> None:
    modules = [path for path in MODULES if "python_ingest" in path.parts]
    assert sum(len(path.read_text().splitlines()) for path in modules) <= 1900
