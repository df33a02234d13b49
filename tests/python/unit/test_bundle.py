"""The Databricks bundle: what can be checked without a workspace."""

import subprocess
import sys
from typing import Any

import pytest
import yaml
from databricks.bundles.jobs import Job
from databricks.bundles.schemas import Schema
from databricks.bundles.sql_warehouses import SqlWarehouse
from databricks.bundles.volumes import Volume

from fitness.settings import PROJECT

BUNDLE: dict[str, Any] = yaml.safe_load((PROJECT / "databricks.yml").read_text())
KINDS: dict[str, Any] = {
    "jobs": Job,
    "schemas": Schema,
    "sql_warehouses": SqlWarehouse,
    "volumes": Volume,
}
PREINSTALLED = ("python_ingest", "delta", "numpy", "pandas", "py4j", "pyarrow", "pyspark")
MODULES = {"pyyaml": "yaml"}
# Imports the ingest; fails if it imports a package that is not among the arguments.
IMPORTS = """
import sys
from importlib.metadata import packages_distributions

missing = set(packages_distributions()) - set(sys.argv[1:])

class Missing:
    def find_spec(self, name, path=None, target=None):
        caller = sys._getframe(1)
        while "importlib" in caller.f_code.co_filename:
            caller = caller.f_back
        if name in missing and "python_ingest" in caller.f_code.co_filename:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import python_ingest.__main__
"""
RESOURCES = [(kind, name) for kind, found in BUNDLE["resources"].items() for name in found]
DBT_TASKS = [
    task["dbt_task"]
    for job in BUNDLE["resources"]["jobs"].values()
    for task in job["tasks"]
    if "dbt_task" in task
]


@pytest.mark.parametrize(("kind", "name"), RESOURCES)
def test_each_resource_is_as_databricks_describes_it(kind: str, name: str) -> None:
    """`from_dict` raises ValueError for an unknown field, or a value of another type."""
    KINDS[kind].from_dict(BUNDLE["resources"][kind][name])


def test_the_files_that_the_tasks_name_are_there() -> None:
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


def test_the_ingest_has_the_packages_that_it_imports() -> None:
    """In a process that can import only them and those that Databricks preinstalls."""
    job = BUNDLE["resources"]["jobs"]["fitness"]
    (ingest,) = (task for task in job["tasks"] if "spark_python_task" in task)
    given = {library["pypi"]["package"].split(">")[0] for library in ingest["libraries"]}
    modules = {*PREINSTALLED, *(MODULES.get(package, package) for package in given)}
    listed = [sys.executable, "-c", IMPORTS, *modules]
    subprocess.run(listed, cwd=PROJECT, check=True)  # noqa: S603


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
