"""What a run caches is right, and is released when the run ends."""

import re
from typing import Any

import pytest

from tests.python.scenarios import ALL, Scenario, Steps, scenario
from tests.python.small_project import SALES, SHOPS


@pytest.mark.slow
@scenario
def test_a_cached_comparison_stays_when_its_table_is_written(project: Scenario) -> Steps:
    """Spark would recompute a cached query that reads a table by the name that is written."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    yield ALL
    project.rows("insert into silver.sales values (4, 'c', 5)")
    built = yield ALL
    [query] = [text for text in built.statements if "shops__compared" in text and "cache" in text]
    [view] = re.findall(r"cache lazy table (\w+)", query)
    project.rows(query)
    expected = project.rows(f"select * from {view}")
    project.rows("insert into silver.shops values ('d', 1, 'another')")
    spark = project.lake.spark
    session: Any = spark._jsparkSession
    found = session.sharedState().cacheManager().lookupCachedData(spark.table(view)._jdf)
    assert found.get().cachedRepresentation().cacheBuilder().isCachedColumnBuffersLoaded()
    assert project.rows(f"select * from {view}") == expected
    project.rows(f"drop view {view}")


@scenario
def test_no_view_stays_when_a_run_ends(project: Scenario) -> Steps:
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    yield ALL
    project.rows("insert into silver.sales values (4, 'c', 5)")
    built = yield ALL
    assert [text for text in built.statements if "cache lazy table" in text]
    assert not [
        view for _, view, _ in project.rows("show views") if view.startswith(project.schema)
    ]


@pytest.mark.slow
@scenario
def test_cached_queries_do_not_mix_up_ctes_of_the_same_name(project: Scenario) -> Steps:
    """Spark numbers the common table expressions of each cached query from 0."""
    project.model("sales", SALES)
    project.model(
        "shops",
        """
        {{ config(unique_key=['shop'], meta={'static_inputs': ['sales']}) }}
        {%- set kept = [] %}
        {%- for columns, rows in (('shop', 'true'), ('shop, amount', 'amount > 10'))
            if engine_read().logic is defined %}
            {%- set query %}
                select shop from (
                    with given as (select {{ columns }} from {{ ref('sales') }})
                    select shop from given where {{ rows }}
                )
            {%- endset %}
            {%- do kept.append('select shop from ' ~ view_of_run('kept_' ~ loop.index, query)) %}
        {%- endfor %}
        {%- set found = run_query(kept | join(' union all ')).rows if kept else [] %}
        select shop, {{ found | length }} as n from {{ ref('sales') }} group by shop
        """,
    )
    yield ALL
    assert sorted(project.rows("select shop, n from silver.shops")) == [("a", 5), ("b", 5)]
