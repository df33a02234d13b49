"""Snapshots follow the changes of their table."""

import pytest

from tests.python.scenarios import ALL, Scenario, Steps, scenario
from tests.python.small_project import SALES, SHOPS

SNAPSHOT = """
version: 2
snapshots:
  - name: sales_snapshot
    relation: ref('sales')
    config: {unique_key: id, strategy: check, check_cols: all, hard_deletes: invalidate}
"""
OPEN = "select id, shop, amount from silver.sales_snapshot where dbt_valid_to is null order by id"
CLOSED = "select id, amount from silver.sales_snapshot where dbt_valid_to is not null order by id"


@scenario
def test_inserted_changed_and_deleted_rows_are_recorded(project: Scenario) -> Steps:
    project.model("sales", SALES)
    project.snapshot("sales", SNAPSHOT)
    yield ALL
    project.rows("update silver.sales set amount = 11 where id = 1")
    project.rows("delete from silver.sales where id = 2")
    project.rows("insert into silver.sales values (4, 'b', 40)")
    yield "sales_snapshot"
    assert project.rows(OPEN) == [(1, "a", 11), (3, "b", 30), (4, "b", 40)]
    assert project.rows(CLOSED) == [(1, 10), (2, 20)]


@scenario
def test_a_snapshot_runs_only_if_its_table_has_changed(project: Scenario) -> Steps:
    project.model("sales", SALES)
    project.snapshot("sales", SNAPSHOT)
    yield ALL
    assert (yield ALL).outcomes["sales_snapshot"] == "success: nothing changed"
    project.rows("insert into silver.sales values (4, 'b', 40)")
    assert (yield ALL).outcomes["sales_snapshot"] != "success: nothing changed"


@pytest.mark.slow
@scenario
def test_a_snapshot_of_an_ephemeral_model_always_runs(project: Scenario) -> Steps:
    project.model("sales", SALES)
    large = "select * from {{ ref('sales') }} where amount > 10"
    project.model("large", "{{ config(materialized='ephemeral') }} " + large)
    project.snapshot("sales", SNAPSHOT.replace("ref('sales')", "ref('large')"))
    yield ALL
    project.rows("insert into silver.sales values (4, 'b', 40)")
    yield "sales_snapshot"
    assert [row[0] for row in project.rows(OPEN)] == [2, 3, 4]


@pytest.mark.slow
@scenario
def test_a_model_follows_a_snapshot_that_is_made_in_the_same_build(project: Scenario) -> Steps:
    yield from follows(project, "sales_snapshot")


@scenario
def test_a_model_follows_a_table_that_is_made_in_the_same_build(project: Scenario) -> Steps:
    yield from follows(project, "copy")


def follows(project: Scenario, source: str) -> Steps:
    """Build twice; the logs of all tables are read before the model's input is written."""
    project.model("sales", SALES)
    feed = "tblproperties: {delta.enableChangeDataFeed: 'true'}, unique_key"
    project.snapshot("sales", SNAPSHOT.replace("unique_key", feed))
    copy = "{{ config(materialized='table') }} select * from {{ ref('sales') }}"
    project.model("copy", copy)
    project.model("shops", SHOPS.replace("ref('sales')", f"ref('{source}')"))
    yield ALL
    project.rows("insert into silver.sales values (4, 'b', 40)")
    yield ALL
    summed = f"select shop, sum(amount) from silver.{source} group by shop order by shop"
    shops = "select shop, amount from silver.shops order by shop"
    assert project.rows(shops) == project.rows(summed)
