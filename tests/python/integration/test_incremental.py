"""The macros of macros/incremental in a small project of their own, on real Delta tables."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from python_ingest.settings import PROJECT
from tests.python.lake import Lake

PROJECT_FILE = f"""
name: fitness
profile: fitness
macro-paths: ["{PROJECT}/macros"]
models:
  +materialized: incremental
  +incremental_strategy: merge
  +file_format: delta
  +tblproperties: {{delta.enableChangeDataFeed: "true"}}
on-run-start: ["{{{{ create_watermarks() }}}}"]
on-run-end: ["{{{{ record_watermarks() }}}}", "{{{{ release_kept() }}}}"]
"""


class SmallProject:
    """A dbt project with our macros and the models of a test, on the session's one Spark."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self.lake, self.folder = lake, folder
        (folder / "models").mkdir()
        (folder / "dbt_project.yml").write_text(PROJECT_FILE)

    def model(self, name: str, sql: str) -> None:
        """Write a model."""
        (self.folder / "models" / f"{name}.sql").write_text(dedent(sql))

    def build(self, *arguments: str) -> dict[str, str]:
        """Build and test; give what dbt says of each node, by name and kind of outcome."""
        from dbt.cli.main import dbtRunner

        self.lake.settings.export()
        folders = ["--project-dir", str(self.folder), "--profiles-dir", str(PROJECT)]
        result = dbtRunner().invoke(["--quiet", "build", *folders, *arguments])
        assert not result.exception, result.exception
        outcomes = {
            r.node.name: f"{r.status}: {r.adapter_response.get('_message', '')}"
            for r in getattr(result.result, "results", [])
        }
        models = [n for n, outcome in outcomes.items() if outcome.startswith("error")]
        assert not models, [r.message for r in getattr(result.result, "results", [])]
        return outcomes

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run SQL."""
        return [tuple(row) for row in self.lake.spark.sql(query).collect()]


@pytest.fixture
def project(lake: Lake, tmp_path: Path) -> SmallProject:
    return SmallProject(lake, tmp_path)


SALES = """
    {{ config(unique_key=['id']) }}
    select * from (values (1, 'a', 10), (2, 'a', 20), (3, 'b', 30)) as t (id, shop, amount)
"""
# Its rows say which build has made them, so a row made again without need shows.
SHOPS = """
    {{ config(unique_key=['shop']) }}
    {%- set touched = touched_slices(['shop'], [
        (ref('sales'), 'select shop from ' ~ changes(ref('sales'))),
    ]) %}
    select shop, sum(amount) as amount, '{{ invocation_id }}' as built_by
    from {{ ref('sales') }} where {{ in_slices(touched) }} group by shop
"""


def test_only_touched_slices_are_made_again(project: SmallProject) -> None:
    """Also where one query reads a table and its changes, which Spark is apt to mix up."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.build()
    before: dict[str, str] = dict(project.rows("select shop, built_by from silver.shops"))
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.build("--select", "shops")
    after = {shop: (amount, by) for shop, amount, by in project.rows("table silver.shops")}
    assert after["a"] == (30, before["a"])
    assert after["b"][0] == 35
    assert after["b"][1] != before["b"]
    project.rows("delete from silver.sales where shop = 'a'")
    project.build("--select", "shops")
    assert project.rows("select shop, built_by from silver.shops") == [("b", after["b"][1])]


def test_a_test_runs_until_it_has_passed_and_then_when_its_tables_change(
    project: SmallProject,
) -> None:
    project.model("sales", SALES)
    amounts = project.folder / "tests" / "amounts_are_known.sql"
    amounts.parent.mkdir()
    amounts.write_text("select * from {{ ref('sales') }} where amount is null")

    def outcome(*arguments: str) -> str:
        return project.build(*arguments)["amounts_are_known"]

    assert outcome() == "pass: OK"
    assert outcome() == "pass: nothing changed"
    assert outcome("--full-refresh") == "pass: OK"
    project.rows("insert into silver.sales values (5, 'c', null)")
    for _ in range(2):
        assert outcome().startswith("fail")
    project.rows("delete from silver.sales where id = 5")
    assert outcome() == "pass: OK"
    assert outcome() == "pass: nothing changed"
    amounts.write_text("select * from {{ ref('sales') }} where amount < 0")
    assert outcome() == "pass: OK"
    project.model("report", "{{ config(materialized='view') }} select * from {{ ref('sales') }}")
    amounts.write_text("select * from {{ ref('report') }} where amount < 0")
    for _ in range(2):
        assert outcome() == "pass: OK"
