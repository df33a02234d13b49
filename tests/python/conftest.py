"""Tests run in two processes at once (`make test`), each with its own Spark, lakehouse and target.

The tests of a file share a process, and so do all files with scenarios and all of one built world.
"""

import os
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from fitness.settings import PROJECT


def pytest_configure() -> None:
    """Give each process its own dbt folders; post to nobody's webhook."""
    os.environ.pop("FITNESS_WEBHOOK", None)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["DBT_TARGET_PATH"] = str(PROJECT / "target" / worker)
        os.environ["DBT_LOG_PATH"] = str(PROJECT / "logs" / worker)


@cache
def group_of(file: str) -> str:
    """Return the name of a file's group: the tests of a group share a process."""
    text = (PROJECT / file).read_text()
    if "\n@scenario\n" in text:
        return "scenarios"
    return "built" if "built: Lake" in text or "saved_lakehouse: " in text else Path(file).stem


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process one group of tests after another."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.split("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    """Distribute the tests by groups."""
    return GroupScheduling(config, log)
