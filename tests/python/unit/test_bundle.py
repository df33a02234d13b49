"""The Databricks bundle: what can be told of it without a workspace."""

from typing import Any

import pytest
import yaml
from databricks.bundles.jobs import Job
from databricks.bundles.schemas import Schema
from databricks.bundles.sql_warehouses import SqlWarehouse
from databricks.bundles.volumes import Volume

from python_ingest.settings import PROJECT

BUNDLE: dict[str, Any] = yaml.safe_load((PROJECT / "databricks.yml").read_text())
KINDS: dict[str, Any] = {
    "jobs": Job,
    "schemas": Schema,
    "sql_warehouses": SqlWarehouse,
    "volumes": Volume,
}
RESOURCES = [(kind, name) for kind, found in BUNDLE["resources"].items() for name in found]
DBT_TASKS = [
    task["dbt_task"]
    for job in BUNDLE["resources"]["jobs"].values()
    for task in job["tasks"]
    if "dbt_task" in task
]


@pytest.mark.parametrize(("kind", "name"), RESOURCES)
def test_each_resource_is_as_databricks_describes_it(kind: str, name: str) -> None:
    """Raises ValueError on a field that there is not, or of another type."""
    KINDS[kind].from_dict(BUNDLE["resources"][kind][name])


def test_what_is_called_is_there() -> None:
    (ingest,) = (
        task["spark_python_task"]
        for task in BUNDLE["resources"]["jobs"]["fitness"]["tasks"]
        if "spark_python_task" in task
    )
    assert (PROJECT / ingest["python_file"]).is_file()
    for task in DBT_TASKS:
        assert (PROJECT / task["profiles_directory"] / "profiles.yml").is_file()
        assert (PROJECT / task["project_directory"] / "dbt_project.yml").is_file()
        assert all("--target databricks" in command for command in task["commands"])


def test_the_versions_are_those_of_the_lock() -> None:
    pinned = (PROJECT / "pyproject.toml").read_text()
    libraries = [
        library["pypi"]["package"]
        for job in BUNDLE["resources"]["jobs"].values()
        for task in job["tasks"]
        for library in task["libraries"]
    ]
    assert libraries
    for library in libraries:
        assert f'"{library}"' in pinned.replace("[session]", ""), library
