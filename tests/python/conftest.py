"""Tests run in two processes at once (`make test`), each with its own Spark, lakehouse and target.

The tests of a module share a process, and so do all scenarios. Groups that take long begin first.
"""

import os

import pytest

from python_ingest.settings import PROJECT

LONG = ("test_worlds", "scenarios", "test_memory", "test_recovery", "test_conservation")


def pytest_configure() -> None:
    """Give dbt folders of this process's own."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["DBT_TARGET_PATH"] = str(PROJECT / "target" / worker)
        os.environ["DBT_LOG_PATH"] = str(PROJECT / "logs" / worker)


def group_of(item: pytest.Item) -> str:
    """Return the name of the tests that a test shares a process with."""
    is_scenario = hasattr(getattr(item, "function", None), "play")
    return "scenarios" if is_scenario else item.path.stem


@pytest.hookimpl(tryfirst=True)  # The plugin that reads the groups has a hook too.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests, and begin with those that take long."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    ranks = {name: rank for rank, name in enumerate(LONG)}
    items.sort(key=lambda item: ranks.get(group_of(item), len(LONG)))
