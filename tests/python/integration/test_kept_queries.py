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
def test_a_kept_table_is_cached_for_one_run_only(project: Scenario) -> Steps:
    """The next run sees rows that were inserted since."""
    project.model("sales", SALES)
    project.model(
        "shops", SHOPS.replace("unique_key=['shop']", "unique_key=['shop'], meta={'kept': true}")
    )
    for reader in range(2):
        project.model(
            f"reader_{reader}",
            """
            {{ config(unique_key=['shop']) }}
            {%- set touched = touched_slices(['shop'], [
                (ref('shops'), 'select shop from ' ~ changes(ref('shops'))),
            ]) %}
            select shop, amount from {{ ref('shops') }} where {{ in_slices(touched) }}
            """,
        )
    for amount, total in ((5, 35), (6, 41)):
        yield ALL
        project.rows(f"insert into silver.sales values ({amount}, 'b', {amount})")
        built = yield ALL
        keep = project.named("cache lazy table silver.shops")
        kept = [text for text in built.statements if keep in text]
        assert len(kept) in (1, 2), kept
        for reader in range(2):
            found = project.rows(f"select amount from silver.reader_{reader} where shop = 'b'")
            assert found == [(total,)]
    assert not project.lake.spark.catalog.isCached(project.named("silver.shops"))
    views = [view for _, view, _ in project.rows("show views")]
    assert not [view for view in views if view.startswith(project.schema)]
    built = yield ALL
    assert not [text for text in built.statements if "cache" in text]
    # A run relies on this: Spark uses the cached rows of a Delta table wherever it is read.
    project.rows("cache lazy table silver.shops")
    [[plan]] = project.rows("explain select amount from silver.shops")
    project.rows("uncache table silver.shops")
    assert project.named("In-memory table silver.shops") in plan


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
            if is_building() %}
            {%- set query %}
                select shop from (
                    with given as (select {{ columns }} from {{ ref('sales') }})
                    select shop from given where {{ rows }}
                )
            {%- endset %}
            {%- do kept.append('select shop from ' ~ keep_for_run('kept_' ~ loop.index, query)) %}
        {%- endfor %}
        {%- set found = run_query(kept | join(' union all ')).rows if kept else [] %}
        select shop, {{ found | length }} as n from {{ ref('sales') }} group by shop
        """,
    )
    yield ALL
    assert sorted(project.rows("select shop, n from silver.shops")) == [("a", 5), ("b", 5)]
