"""A small dbt project for a test, with our macros, on real Delta tables."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from fitness.build import results_of
from fitness.settings import PROJECT, export
from tests.python.lake import Lake

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg

ROOT_PROJECT = f"""
name: fitness
profile: fitness
flags: {{send_anonymous_usage_stats: false}}
macro-paths: [macros, "{PROJECT}/macros", "{PROJECT}/incremental/macros", "{PROJECT}/tests/generic"]
vars: {{one_build_at_a_time: [local]}}
on-run-start: "{{{{ engine_start() }}}}"
on-run-end: "{{{{ engine_end() }}}}"
"""
# How nodes are made, all in one schema.
NODES = """
models:
  +schema: {schema}
  +materialized: incremental
  +incremental_strategy: merge
  +file_format: delta
  +on_schema_change: append_new_columns
  +meta: {{follow_changes: true}}
  +tblproperties: {{delta.enableChangeDataFeed: "true"}}
seeds:
  +schema: {schema}
  +file_format: delta
snapshots:
  +schema: {schema}
  +file_format: delta
data_tests:
  +schema: {schema}
"""


class ProjectFolder:
    """The folder of a dbt project or package, and the Spark that its tables are in."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake, self.folder = lake, folder

    def model(self, name: str, sql: str) -> None:
        """Write a model."""
        self.write(f"models/{name}.sql", sql)

    def snapshot(self, name: str, text: str) -> None:
        """Write a .yml with snapshots."""
        self.write(f"snapshots/{name}.yml", text)

    def test(self, name: str, text: str) -> None:
        """Write a test, or a .yml with tests."""
        self.write(f"{'models' if name.endswith('.yml') else 'tests'}/{name}", text)

    def seed(self, name: str, rows: str) -> None:
        """Write a seed."""
        self.write(f"seeds/{name}.csv", rows)

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))

    def run(
        self, on_event: Callable[["EventMsg"], None], command: str, *arguments: str
    ) -> "dbtRunnerResult":
        """Run a dbt command; its result says whether it failed."""
        from dbt.cli.main import dbtRunner

        from fitness.dbt_overhead import without_overhead

        export(self.lake.settings)
        folders = ["--project-dir", str(self.folder), "--profiles-dir", str(PROJECT)]
        folders += ["--target-path", str(self.folder / "target")]
        with without_overhead():
            runner = dbtRunner(callbacks=[on_event])
            return runner.invoke(["--quiet", command, *folders, *arguments])

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run SQL."""
        return [tuple(row) for row in self.lake.spark.sql(query).collect()]


class SmallProject(ProjectFolder):
    """A dbt project with our macros and the models of a test, on the session's one Spark.

    Only dbt's target folder stays from earlier tests, so that our macros are not parsed again.
    """

    def __init__(self, lake: Lake, folder: Path) -> None:
        super().__init__(lake, folder)
        for earlier in {path for path in folder.iterdir() if path.is_dir()} - {folder / "target"}:
            shutil.rmtree(earlier)
        self.messages: list[str] = []
        self.statements: list[str] = []
        self.write("dbt_project.yml", ROOT_PROJECT + NODES.format(schema="silver"))

    def macro(self, name: str, text: str) -> None:
        """Write a macro."""
        self.write(f"macros/{name}.sql", text)

    def dbt(self, command: str, *arguments: str) -> "dbtRunnerResult":
        """Run a dbt command; its result says whether it failed."""
        self.messages.clear()
        self.statements.clear()
        return self.run(self.on_event, command, *arguments)

    def on_event(self, event: "EventMsg") -> None:
        """Collect what models log, and the statements of all nodes."""
        if event.info.name == "JinjaLogInfo":
            self.messages.append(event.data.msg)
        elif event.info.name == "SQLQuery":
            self.statements.append(event.data.sql)

    def build(self, *arguments: str) -> dict[str, str]:
        """Build and test; return the outcome of each node, by name."""
        result = self.dbt("build", *arguments)
        assert not result.exception, result.exception
        results = results_of(result)
        failed = [str(r.message) for r in results if r.status == "error"]
        assert not failed, "\n".join(failed)
        return {r.node.name: outcome_of(r) for r in results}


def outcome_of(result: Any) -> str:
    """Return dbt's status and message of a node."""
    return f"{result.status}: {result.adapter_response.get('_message', '')}"


SALES = """
    {{ config(unique_key=['id']) }}
    select * from (values (1, 'a', 10), (2, 'a', 20), (3, 'b', 30)) as t (id, shop, amount)
"""
# Its rows have the build that wrote them, which shows a row that was rewritten without need.
SHOPS = """
    {{ config(unique_key=['shop']) }}
    {%- set touched = touched_slices(['shop'], [ref('sales')]) %}
    select shop, sum(amount) as amount, '{{ invocation_id }}' as built_by
    from {{ ref('sales') }} where {{ in_slices(touched) }} group by shop
"""
# The rows that were inserted into a table and deleted from it.
CHANGE_LOG = """
    {{ config(unique_key=['id']) }}
    {%- set sales = changes(ref('sales')) %}
    select id, 'inserted' as what from {{ sales }} where _change_type = 'insert'
    {%- if has_deletes(ref('sales')) %}
    union all
    select -id, 'deleted' from {{ sales }} where _change_type = 'delete'
    {%- endif %}
"""


def write_shops(project: ProjectFolder) -> None:
    """Write the models of sales and of the sums of each shop."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)


def restored_shops(lake: Lake, folder: Path, copy: Path) -> SmallProject:
    """Write these models, and restore a copy of their tables into an empty lakehouse."""
    project = SmallProject(lake, folder)
    write_shops(project)
    lake.restore(copy)
    lake.register()
    return project


def change_sales(project: ProjectFolder) -> None:
    """Add a sale and change another."""
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.rows("update silver.sales set amount = 11 where id = 1")


@contextmanager
def local_time_zone(zone: str) -> Iterator[None]:
    """Set the local time zone of this process."""
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            yield
    finally:
        time.tzset()
