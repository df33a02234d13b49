"""Where changes cannot be followed, models are compared whole and say so."""

import os
import shutil
import time
from datetime import UTC, datetime

import pytest

from tests.python.scenarios import ALL, NodeError, Scenario, Steps, scenario
from tests.python.small_project import SALES, SHOPS, SmallProject, change_sales, write_shops


def shops_with_news(project: Scenario) -> Steps:
    """Build sales and the sums of each shop, and then change sales."""
    write_shops(project)
    yield ALL
    change_sales(project)


EXPECTED = "select shop, sum(amount) from silver.sales group by shop order by shop"
FOUND = "select shop, amount from silver.shops order by shop"


def compared_whole(project: Scenario, reason: str) -> Steps:
    """Build: the sums are right, the reason is logged, and the next build follows changes again."""
    built = yield "shops"
    assert any(project.named(reason) in line for line in built.messages), built.messages
    assert project.rows(FOUND) == project.rows(EXPECTED)
    built = yield "shops"
    assert built.outcomes["shops"] == "success: nothing changed"
    assert built.messages == []


def followed(project: Scenario) -> Steps:
    """Build: the sums are right, and computed from the changes."""
    built = yield "shops"
    assert built.messages == []
    assert project.rows(FOUND) == project.rows(EXPECTED) == [("a", 31), ("b", 35)]


@scenario
def test_a_log_that_was_cut_off_is_noticed(project: Scenario) -> Steps:
    yield from shops_with_news(project)
    project.rows("alter table silver.sales set tblproperties ('delta.checkpointInterval' = '1')")
    project.rows("insert into silver.sales values (5, 'c', 1)")
    newest = project.lake.version(project.named("silver.sales"))
    log = project.table_folder("sales") / "_delta_log"
    for version in range(newest):
        (log / f"{version:020}.json").unlink()
        (log / f".{version:020}.json.crc").unlink(missing_ok=True)
    project.lake.forget_logs()
    yield from compared_whole(project, "the log of silver.sales no longer has version")


@scenario
def test_changes_that_were_vacuumed_before_they_were_read_are_noticed(project: Scenario) -> Steps:
    yield from shops_with_news(project)
    project.rows("set spark.databricks.delta.retentionDurationCheck.enabled = false")
    try:
        project.rows("vacuum silver.sales retain 0 hours")
    finally:
        project.rows("reset spark.databricks.delta.retentionDurationCheck.enabled")
    assert not list(project.table_folder("sales").glob("_change_data/*.parquet"))
    yield from compared_whole(project, "changes of silver.sales were vacuumed")


@pytest.mark.slow
@scenario
def test_a_vacuum_that_keeps_what_was_not_read_yet_changes_nothing(project: Scenario) -> Steps:
    yield from shops_with_news(project)
    project.rows("vacuum silver.sales")
    yield from followed(project)


@pytest.mark.slow
@scenario
def test_changes_of_weeks_ago_are_followed_as_long_as_they_are_there(project: Scenario) -> Steps:
    """By default Delta reads no version that is older than a week."""
    yield from shops_with_news(project)
    log = project.table_folder("sales") / "_delta_log"
    read = project.rows("select version from ops.watermarks where model = 'silver.shops'")[0][0]
    for commit in log.glob("*.json"):
        at = int(time.time()) - 20 * 86400 + int(commit.stem)
        os.utime(commit, (at, at))
        if int(commit.stem) == read:
            when = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}"
            project.rows(
                f"update ops.watermarks set committed_at = '{when}' where input = 'silver.sales'"
            )
    project.lake.forget_logs()
    yield from followed(project)


@scenario
def test_a_table_dropped_and_created_again_is_noticed(project: Scenario) -> Steps:
    yield from shops_with_news(project)
    project.rows("drop table silver.sales")
    project.lake.forget_logs()
    yield "sales"
    yield from compared_whole(project, "the log of silver.sales no longer has version")


def check(shops: SmallProject, reason: str) -> None:
    """Do as compared_whole(), for a project of its own."""
    shops.build("--select", "shops")
    assert any(reason in line for line in shops.messages), shops.messages
    assert shops.rows(FOUND) == shops.rows(EXPECTED)
    assert shops.build("--select", "shops")["shops"] == "success: nothing changed"
    assert shops.messages == []


def test_watermarks_that_were_lost_are_noticed(shops: SmallProject) -> None:
    shops.rows("drop table ops.watermarks")
    shutil.rmtree(shops.lake.settings.lakehouse / "ops" / "watermarks")
    shops.lake.forget_logs()
    check(shops, "silver.shops: compared whole, because it has no watermark on silver.sales")


def test_watermarks_of_a_node_that_is_gone_are_removed(shops: SmallProject) -> None:
    """For them logs and change files would be kept that nobody reads."""
    shops.rows("insert into ops.watermarks values ('silver.gone', 'silver.sales', 0, '', '')")
    shops.build("--select", "shops")
    models = shops.rows("select distinct model from ops.watermarks order by model")
    assert models == [("silver.sales",), ("silver.shops",)]


@scenario
def test_a_model_with_another_logic_or_column_or_var_is_compared_whole(project: Scenario) -> Steps:
    write_shops(project)
    yield ALL
    counted = SHOPS.replace("sum(amount) as amount,", "sum(amount) as amount, count(*) as sales,")
    project.model("shops", counted)
    yield from compared_whole(project, "its code or a var has changed")
    query = "select shop, sales from silver.shops order by shop"
    assert project.rows(query) == [("a", 2), ("b", 1)]
    project.model("shops", counted.replace("count(*)", "count(*) + {{ var('more', 0) }}"))
    project.vars("{more: 1}")
    yield "shops"
    assert project.rows(query) == [("a", 3), ("b", 2)]
    project.vars("{more: 2}")
    yield "shops"
    assert project.rows(query) == [("a", 4), ("b", 3)]
    # A column less, and one of another type.
    project.model("shops", SHOPS.replace("sum(amount)", "sum(amount) / 4"))
    yield "shops"
    found = project.rows("select * except (built_by) from silver.shops order by shop")
    assert found == [("a", 7.5), ("b", 7.5)]
    assert (yield "shops").outcomes["shops"] == "success: nothing changed"


RULE = """
    {% macro rule() %}
        {% for each in graph.get('sources', {}).values() %}{{ each.meta.bad_value[0] }}{% endfor %}
    {% endmacro %}
"""


@pytest.mark.slow
def test_a_model_that_uses_a_changed_contract_is_compared_whole(project: SmallProject) -> None:
    project.rows("create schema bronze")
    project.rows("create table bronze.events using delta as select 1 as id, 5 as amount")
    query = (
        "select id, amount, {{ rule() }} as is_bad from {{ changes(source('bronze', 'events')) }}"
    )
    project.model("events", "{{ config(unique_key=['id']) }} " + query)
    project.macro("rule", RULE)

    def declare(rule: str) -> None:
        table = f"tables: [{{name: events, config: {{meta: {{bad_value: [{rule}]}}}}}}]"
        project.write("models/bronze.yml", f"sources: [{{name: bronze, {table}}}]")

    declare("amount < 0")
    project.build()
    project.build()
    assert not project.messages
    declare("amount < 10")
    project.build()
    reason = "its code or a var has changed"
    assert project.messages == [f"silver.events: compared whole, because {reason}"]
    assert project.rows("select is_bad from silver.events") == [(True,)]


@scenario
def test_a_changed_macro_or_ephemeral_model_is_noticed(project: Scenario) -> Steps:
    ephemeral = "{{ config(materialized='ephemeral') }}"
    project.model("all_sold", ephemeral + " select * from {{ ref('sales') }}")
    project.model("sold", ephemeral + " select * from {{ ref('all_sold') }}")
    project.write("macros/total.sql", "{% macro total() %}sum(amount){% endmacro %}")
    project.model("sales", SALES)
    shops = SHOPS.replace("from {{ ref('sales') }} where", "from {{ ref('sold') }} where")
    project.model("shops", shops.replace("sum(amount)", "{{ total() }}"))
    yield ALL
    built = yield "shops"
    assert built.messages == []
    project.write("macros/total.sql", "{% macro total() %}-sum(amount){% endmacro %}")
    built = yield "shops"
    assert any("its code or a var has changed" in line for line in built.messages)
    assert project.rows(FOUND) == [("a", -30), ("b", -30)]
    project.model("all_sold", ephemeral + " select * from {{ ref('sales') }} where id > 1")
    built = yield "shops"
    assert any("its code or a var has changed" in line for line in built.messages)
    assert project.rows(FOUND) == [("a", -20), ("b", -30)]


@scenario
def test_a_model_that_asks_twice_for_touched_slices_is_refused(project: Scenario) -> Steps:
    project.model("sales", SALES)
    slices = "{%- set more = touched_slices(['shop'], []) %}"
    project.model("shops", SHOPS.replace("select shop, sum", slices + " select shop, sum"))
    with pytest.raises(NodeError, match=r"shops calls touched_slices\(\) twice"):
        yield ALL
