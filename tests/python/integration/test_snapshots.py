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
MANY = 1_500  # keys, more than a statement names
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
    project.rows(f"insert into silver.sales select id, 'c', 1 from range(10, {10 + MANY})")
    yield "sales_snapshot"
    assert project.rows(OPEN) == project.rows("select * from silver.sales order by id")
    assert len(project.rows(CLOSED)) == 2


@scenario
def test_rows_whose_keys_have_not_changed_are_not_compared(project: Scenario) -> Steps:
    """A row of the snapshot is altered: a comparison of that row would find the difference."""
    project.model("sales", SALES)
    project.snapshot("sales", SNAPSHOT)
    yield ALL
    project.rows("update silver.sales_snapshot set amount = 99 where id = 3")
    project.rows("insert into silver.sales values (4, 'b', 40)")
    yield "sales_snapshot"
    assert project.rows(OPEN) == [(1, "a", 10), (2, "a", 20), (3, "b", 99), (4, "b", 40)]


@pytest.mark.slow
@scenario
def test_a_snapshot_of_an_ephemeral_model_compares_all_rows(project: Scenario) -> Steps:
    yield from compares_all_rows(project, "ref('large')", "invalidate")


@pytest.mark.slow
@scenario
def test_a_snapshot_that_records_deletes_as_rows_compares_all_rows(project: Scenario) -> Steps:
    yield from compares_all_rows(project, "ref('sales')", "new_record")


def compares_all_rows(project: Scenario, relation: str, hard_deletes: str) -> Steps:
    project.model("sales", SALES)
    large = (
        "{{ config(materialized='ephemeral') }} select * from {{ ref('sales') }} where amount > 10"
    )
    project.model("large", large)
    text = SNAPSHOT.replace("ref('sales')", relation)
    project.snapshot("sales", text.replace("invalidate", hard_deletes))
    yield ALL
    project.rows("update silver.sales_snapshot set amount = 99 where id = 3")
    project.rows("delete from silver.sales where id = 2")
    yield "sales_snapshot"
    there = "select id from silver.sales_snapshot where dbt_valid_to is null and amount = 30"
    assert project.rows(there) == [(3,)]


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
