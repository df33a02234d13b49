"""The macros of macros/incremental in a small project of their own, on real Delta tables."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.python.small_project import SALES, SHOPS, SmallProject


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """Let the machine's clock be in a time zone."""
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            yield
    finally:
        time.tzset()


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


def test_a_file_in_which_no_row_differs_stays_as_it_is(project: SmallProject) -> None:
    """Also where a slice of its own is made again and comes out the same."""
    project.model("sales", SALES)
    project.model("shops", SHOPS.replace(", '{{ invocation_id }}' as built_by", ""))
    project.build()
    project.rows("insert into silver.sales values (4, 'c', 5)")
    project.build("--select", "shops")
    file = "select distinct _metadata.file_path from silver.shops where shop in ('a', 'b')"
    before = project.rows(file)
    project.rows("update silver.sales set id = 5 where id = 1")
    project.rows("update silver.sales set amount = 6 where shop = 'c'")
    project.build("--select", "shops")
    assert project.rows("select * from silver.shops order by shop") == [
        ("a", 30),
        ("b", 30),
        ("c", 6),
    ]
    assert project.rows(file) == before


PAID = """
    {{ config(unique_key=['shop']) }}
    {%- set touched = touched_slices(['shop'], [
        (ref('sales'), 'select shop from ' ~ changes(ref('sales')) ~ ' where amount > 100'),
    ]) %}
    select shop, max(amount) as amount from {{ ref('sales') }}
    where amount > 100 and {{ in_slices(touched) }} group by shop
    {%- if has_deletes(ref('sales')) %}
    union all
    select shop || '!', amount from {{ as_it_was(this) }}
    {%- endif %}
"""


def test_a_model_without_touched_slices_asks_its_table_nothing(project: SmallProject) -> None:
    """Unless it takes rows of its own table beside them."""
    project.model("sales", SALES)
    project.model("paid", PAID)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 400), (5, 'c', 500)")
    project.build("--select", "paid")
    project.rows("insert into silver.sales values (6, 'a', 6)")
    assert project.build("--select", "paid")["paid"] == "success: nothing changed"
    assert not [text for text in project.statements if "paid__compared" in text]
    project.rows("delete from silver.sales where id = 6")
    project.build("--select", "paid")
    expected = [("b", 400), ("b!", 400), ("c", 500), ("c!", 500)]
    assert project.rows("select * from silver.paid order by shop") == expected


GONE = """
    {{ config(unique_key=['id']) }}
    {%- set sales = changes(ref('sales')) %}
    select id, 'came' as what from {{ sales }} where _change_type = 'insert'
    {%- if has_deletes(ref('sales')) %}
    union all
    select -id, 'went' from {{ sales }} where _change_type = 'delete'
    {%- endif %}
"""


def test_work_for_deletes_is_left_out_where_there_are_none(project: SmallProject) -> None:
    project.model("sales", SALES)
    project.model("log", GONE)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 40)")
    project.build("--select", "log")
    assert "'went'" not in " ".join(project.statements)
    project.rows("insert into silver.sales values (5, 'b', 40)")
    project.rows("delete from silver.sales where id = 2")
    project.build("--select", "log")
    expected = [(-2, "went"), (1, "came"), (2, "came"), (3, "came"), (4, "came"), (5, "came")]
    assert project.rows("select * from silver.log order by id") == expected


def test_a_test_of_an_ephemeral_model_runs_whenever_the_table_under_it_may_have_news(
    project: SmallProject,
) -> None:
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    large = "select * from {{ ref('sales') }} where amount > 40"
    project.model("large", "{{ config(materialized='ephemeral') }}" + large)
    text = "select * from {{ ref('large') }} where shop in (select shop from {{ ref('shops') }})"
    project.test("none_is_large.sql", text)
    assert project.build()["none_is_large"].startswith("pass")
    project.rows("insert into silver.sales values (4, 'b', 50)")
    assert project.build("--select", "none_is_large")["none_is_large"].startswith("fail")


def test_a_model_that_fails_is_all_that_a_run_tells_of(project: SmallProject) -> None:
    """Not also of what could not be kept for it."""
    project.model("sales", SALES)
    wrong = "{{ 'nowhere' if has_changes(ref('sales')) else 'shop' }}"
    project.model("shops", SHOPS.replace("select shop, sum", f"select {wrong} as shop, sum"))
    project.build()
    project.rows("insert into silver.sales values (4, 'c', 5)")
    result = project.dbt("build")
    assert result.exception is None
    told = {r.node.name: str(r.message) for r in result.result.results if r.status == "error"}  # type: ignore[union-attr]
    assert [*told] == ["shops"]
    assert "nowhere" in told["shops"]


GROWING = """
    {{ config(unique_key=['id']) }}
    {%- set touched = touched_slices(['id'], [
        (ref('sales'), 'select id from ' ~ changes(ref('sales'))),
    ]) %}
    select id, amount from {{ ref('sales') }} where {{ in_slices(touched) }}
    {%- if has_changes(ref('sales')) %}
    union all
    select -id, amount + 1 from {{ as_it_was(this) }} where id in (1, 2)
    {%- endif %}
"""


def test_a_model_reads_its_own_table_as_it_was_before_the_run(project: SmallProject) -> None:
    project.model("sales", SALES)
    project.model("grown", GROWING)
    project.build()
    project.rows("update silver.sales set amount = 11 where id = 1")
    project.build("--select", "grown")
    expected = [(-2, 21), (-1, 11), (1, 11), (2, 20), (3, 30)]
    assert project.rows("select * from silver.grown order by id") == expected
    [own] = [text for text in project.statements if "cache lazy table grown__compared" in text]
    assert own.count("/silver/grown` version as of 0") == 2
    assert "silver.grown" not in own


def test_what_is_kept_of_a_comparison_stays_when_its_table_is_written(
    project: SmallProject,
) -> None:
    """Spark plans and computes anew what it knows to read a table by the name that is written."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.build()
    project.rows("insert into silver.sales values (4, 'c', 5)")
    project.build()
    [kept] = [text for text in project.statements if "cache lazy table shops__compared" in text]
    [view] = re.findall("shops__compared_[0-9a-f]+", kept)
    project.rows(kept)
    expected = project.rows(f"select * from {view}")
    project.rows("insert into silver.shops values ('d', 1, 'another')")
    spark = project.lake.spark
    session: Any = spark._jsparkSession
    found = session.sharedState().cacheManager().lookupCachedData(spark.table(view)._jdf)
    assert found.get().cachedRepresentation().cacheBuilder().isCachedColumnBuffersLoaded()
    assert project.rows(f"select * from {view}") == expected
    project.rows(f"drop view {view}")


def test_a_test_runs_until_it_has_passed_and_then_when_its_tables_change(
    project: SmallProject,
) -> None:
    project.model("sales", SALES)
    amounts = "amounts_are_known.sql"
    project.test(amounts, "select * from {{ ref('sales') }} where amount is null")

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
    project.test(amounts, "select * from {{ ref('sales') }} where amount < 0")
    assert outcome() == "pass: OK"
    project.model("report", "{{ config(materialized='view') }} select * from {{ ref('sales') }}")
    project.test(amounts, "select * from {{ ref('report') }} where amount < 0")
    for _ in range(2):
        assert outcome() == "pass: OK"


def test_an_everyday_test_judges_the_touched_slices_and_a_whole_one_all(
    project: SmallProject,
) -> None:
    project.model("sales", SALES)
    project.build()
    # What is allowed changes without dbt's knowledge, so what a test has looked at shows.
    project.rows("create or replace table silver.allowed using delta as select 'a' as shop")
    project.rows("insert into silver.allowed values ('b')")
    project.test(
        "sales.yml",
        """
        version: 2
        models:
          - name: sales
            data_tests:
              - primary_key:
                  name: key
                  arguments: {columns: [id]}
              - satisfies:
                  name: allowed
                  arguments: {condition: "shop in (select shop from silver.allowed)"}
        """,
    )
    assert project.build()["allowed"] == "pass: OK"
    project.rows("delete from silver.allowed where shop = 'a'")
    project.rows("insert into silver.sales values (4, 'b', 5)")
    outcomes = project.build()
    assert (outcomes["key"], outcomes["allowed"]) == ("pass: OK", "pass: OK")
    assert project.build("--vars", "whole_tests: true")["allowed"].startswith("fail")
    project.rows("insert into silver.sales values (5, 'a', 5), (3, 'b', 5)")
    outcomes = project.build()
    assert outcomes["allowed"].startswith("fail")
    assert outcomes["key"].startswith("fail")  # One of the two rows was there before.
    project.rows("delete from silver.sales where id = 5 or (id = 3 and amount = 5)")
    outcomes = project.build()
    assert (outcomes["key"], outcomes["allowed"]) == ("pass: OK", "pass: OK")


def test_a_parent_that_is_gone_is_found_from_rows_that_are_as_they_were(
    project: SmallProject,
) -> None:
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.test(
        "sales.yml",
        """
        version: 2
        models:
          - name: sales
            data_tests:
              - relationships:
                  name: of_shops
                  arguments: {column_name: shop, to: ref('shops'), field: shop}
        """,
    )
    assert project.build()["of_shops"] == "pass: decided with its model"
    project.rows("insert into silver.shops values ('c', 0, 'hand')")
    assert project.build("--select", "of_shops")["of_shops"] == "pass: OK"
    project.rows("delete from silver.shops where shop = 'b'")
    assert project.build("--select", "of_shops")["of_shops"].startswith("fail")


ROW_TESTS = """
    version: 2
    models:
      - name: shops
        data_tests:
          - not_null:
              name: counted
              arguments: {column_name: amount}
          - accepted_values:
              name: lettered
              arguments: {column_name: shop, values: [a, b]}
          - in_range:
              name: ranged
              arguments: {column_name: amount, min_value: 1, max_value: "{{ var('most') }}"}
          - satisfies:
              name: small
              arguments: {condition: amount < 50}
          - satisfies:
              name: absent
              arguments: {condition: 'false'}
              config: {where: shop > 'b'}
          - relationships:
              name: sold
              arguments: {column_name: concat(shop), to: ref('towns'), field: lower(shop)}
          - primary_key:
              name: keyed
              arguments: {columns: [shop]}
"""


def test_tests_of_rows_are_decided_while_their_model_is_written(project: SmallProject) -> None:
    """From its batch, and only as long as nothing else has written the table."""
    names = ("counted", "lettered", "ranged", "small", "absent", "sold", "keyed")

    def outcomes() -> list[str]:
        found = project.build("--vars", "most: 60")
        return [found[name] for name in names]

    def passed(how: str) -> list[str]:
        return [f"pass: {how}"] * len(names)

    project.model("sales", SALES)
    project.model("towns", SALES.replace("'a'", "'A'").replace("'b'", "'B'"))
    project.model("shops", SHOPS)
    project.test("shops.yml", ROW_TESTS)
    # A lookup in another table that is made anew, with the later of both.
    assert outcomes() == passed("decided with its model")
    project.rows("insert into silver.sales values (4, 'b', 5)")
    assert outcomes() == passed("decided with its model")
    assert outcomes() == passed("nothing changed")
    project.rows("insert into silver.sales values (5, 'c', null), (6, 'a', 31)")
    assert [o.split(":")[0] for o in outcomes()] == [*["fail"] * 6, "pass"]
    project.rows("delete from silver.sales where id > 4")
    assert outcomes() == [*passed("OK")[1:], "pass: decided with its model"]
    project.rows("insert into silver.shops values ('z', 99, 'hand'), ('z', 99, 'hand')")
    project.rows("insert into silver.sales values (7, 'b', 1)")
    assert [o.split(":")[0] for o in outcomes()] == ["pass", *["fail"] * 6]


def test_references_of_a_new_table_to_what_is_built_before_it_are_decided_with_it(
    project: SmallProject,
) -> None:
    """Also to a table that it reads through another only."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.model("towns", SHOPS.replace("ref('sales')", "ref('shops')"))
    sold = "{relationships: {name: sold, arguments: {to: ref('sales'), field: shop}}}"
    columns = f"columns: [{{name: shop, data_tests: [{sold}]}}]"
    project.test("towns.yml", f"{{version: 2, models: [{{name: towns, {columns}}}]}}")
    assert project.build()["sold"] == "pass: decided with its model"
    project.rows("insert into silver.towns values ('z', 1, 'hand')")
    assert project.build("--select", "sold")["sold"].startswith("fail")


def test_a_reference_between_new_tables_that_leads_nowhere_fails(project: SmallProject) -> None:
    """Whichever of both is made first: neither reads the other."""
    project.model("sales", SALES)
    project.model("towns", SALES.replace("'b'", "'x'"))
    project.test(
        "sales.yml",
        """
        version: 2
        models:
          - name: sales
            data_tests:
              - relationships:
                  name: there
                  arguments: {column_name: shop, to: ref('towns'), field: shop}
              - relationships:
                  name: here
                  arguments: {column_name: id, to: ref('towns'), field: id}
        """,
    )
    found = project.build()
    assert found["there"].startswith("fail")
    assert found["here"] == "pass: decided with its model"


def test_a_key_that_a_batch_repeats_fails_its_test(project: SmallProject) -> None:
    """Also where the rows are appended, which Delta does without a look at their keys."""
    project.model("sales", SALES)
    project.model(
        "places",
        """
        {{ config(unique_key=['shop', 'amount']) }}
        select shop, amount from {{ changes(ref('sales')) }}
        """,
    )
    key = "{name: keyed, arguments: {columns: [shop, amount]}}"
    tests = f"data_tests: [primary_key: {key}]"
    project.test("places.yml", f"{{version: 2, models: [{{name: places, {tests}}}]}}")
    assert project.build()["keyed"] == "pass: decided with its model"
    project.rows("insert into silver.sales values (4, 'b', 40)")
    assert project.build()["keyed"] == "pass: decided with its model"
    project.rows("insert into silver.sales values (5, 'b', 50), (6, 'b', 50)")
    assert project.build()["keyed"].startswith("fail")
    project.rows("delete from silver.places where amount = 50")
    project.rows("insert into silver.sales values (7, null, 70)")
    assert project.build()["keyed"].startswith("fail")


PRICES = """
    {{ config(unique_key=['shop', 'valid_from']) }}
    {%- set touched = touched_slices(['shop'], [
        (ref('sales'), 'select shop from ' ~ changes(ref('sales')) ~ " where shop = 'a'"),
    ]) %}
    select shop, id as valid_from, amount as valid_to
    from {{ ref('sales') }} where {{ in_slices(touched) }} and shop = 'a'
"""
VALIDITY = """
    version: 2
    models:
      - name: prices
        data_tests:
          - valid_one_at_a_time:
              name: one
              arguments: {columns: [shop]}
          - valid_one_at_a_time:
              name: always_one
              arguments: {columns: [shop], since: 1}
          - valid_one_at_a_time:
              name: always_one_but
              arguments: {columns: [shop], since: 1}
              config: {where: valid_from != 3}
          - valid_one_at_a_time:
              name: of_no_slice
              arguments: {columns: [shop, valid_from]}
      - name: prices_that_came
        data_tests:
          - valid_one_at_a_time:
              name: one_that_came
              arguments: {columns: [shop]}
"""
# Of shop b its batches have the new rows alone.
CAME = """
    union all
    select shop, id, amount from {{ changes(ref('sales')) }}
    where shop = 'b' and _change_type = 'insert'
"""


def test_validity_is_decided_by_a_batch_that_has_whole_slices(project: SmallProject) -> None:
    """And else by the slices of the table that have changed."""
    names = ("one", "always_one", "always_one_but", "of_no_slice", "one_that_came")
    decided, read, failed = "pass: decided with its model", "pass: OK", "fail"

    def outcomes() -> list[str]:
        found = project.build()
        return ["fail" if found[name].startswith("fail") else found[name] for name in names]

    rows = "(1, 'a', 10), (2, 'a', 20), (3, 'b', 30)"
    project.model("sales", SALES.replace(rows, "(1, 'a', 2), (2, 'a', null), (5, 'b', null)"))
    project.model("prices", PRICES)
    project.model("prices_that_came", PRICES + CAME)
    project.test("prices.yml", VALIDITY)
    assert outcomes() == [decided, decided, read, decided, decided]
    project.rows("update silver.sales set amount = 3 where id = 2")
    project.rows("insert into silver.sales values (3, 'a', null)")
    assert outcomes() == [decided, decided, failed, read, decided]
    # A row that the batch deletes fills no gap.
    project.rows("delete from silver.sales where id = 2")
    project.rows("insert into silver.sales values (6, 'b', null)")
    assert outcomes() == [decided, failed, failed, read, failed]
    project.rows("insert into silver.sales values (2, 'a', 4)")
    assert outcomes() == [failed, failed, failed, read, failed]
    project.rows("update silver.sales set amount = 3 where id = 2")
    assert outcomes() == [read, read, failed, read, failed]
    project.rows("insert into silver.prices values ('b', 1, null), ('b', 2, null)")
    assert outcomes() == [failed, failed, failed, read, failed]


def test_the_logs_of_tables_are_looked_at_when_a_build_begins_and_when_it_ends(
    project: SmallProject,
) -> None:
    """Before its first node for all tables, and then for those written."""
    project.model("sales", SALES)
    for reader in range(3):
        project.model(f"shops_{reader}", SHOPS)
        project.test(f"is_known_{reader}.sql", "select * from {{ ref('sales') }} where id is null")
    for _ in range(2):
        project.build()
        found = [t for t in project.statements if "describe history" in t or "_delta_log" in t]
        assert len(found) == 2
        project.rows("insert into silver.sales values (4, 'b', 5)")
    project.build("--select", "sales")
    [look] = [text for text in project.statements if "_delta_log" in text]
    assert "*/*/_delta_log" in look


def test_what_the_model_wrote_is_told_from_what_something_else_wrote_before(
    project: SmallProject,
) -> None:
    """Versions are taken for granted while a build runs, and asked for at its end."""
    project.model("sales", SALES)
    meanwhile = """
        {% if has_changes(ref('sales')) %}
            {% do run_query("delete from silver.shops where shop = 'b'") %}
        {% endif %}
    """
    project.model("shops", SHOPS + meanwhile)
    reader = GONE.replace("sales", "shops").replace("-id", "'-' || shop").replace("id", "shop")
    project.model("log", reader)
    project.build()
    project.rows("insert into silver.sales values (4, 'a', 5)")
    project.build()
    assert [said for said in project.said if "wrote silver.shops during this build" in said]
    project.build()
    assert project.said == []
    expected = [("-b", "went"), ("a", "came"), ("b", "came")]
    assert project.rows("select * from silver.log order by shop") == expected
    assert project.build()["log"] == "success: nothing changed"


def test_a_table_that_lies_elsewhere_is_followed_too(project: SmallProject) -> None:
    project.model("sales", SALES)
    elsewhere = f"unique_key=['shop'], location_root='{project.folder}/elsewhere'"
    project.model("shops", SHOPS.replace("unique_key=['shop']", elsewhere))
    project.model("read", SHOPS.replace("sales", "shops"))
    project.build()
    project.rows("insert into silver.sales values (4, 'a', 5)")
    project.build("--select", "shops")
    project.build()
    assert project.rows("select amount from silver.read where shop = 'a'") == [(35,)]
    assert project.build()["read"] == "success: nothing changed"
    assert project.build("--select", "read")["read"] == "success: nothing changed"


@pytest.mark.parametrize("operation", ["insert into {0} values (4, 'b', 5)", "optimize {0}"])
def test_the_log_tells_of_a_commit_what_describe_history_does(
    project: SmallProject, operation: str
) -> None:
    """Read as it lies, it must agree with what Delta makes of it, names and times and figures."""
    project.model("sales", SALES)
    project.build()
    project.rows(operation.format("silver.sales"))
    project.macro(
        "told",
        """
        {% macro told() %}
            {% set sales = ref('sales') %}
            {% set ours = spark__read_commits(sales, {})[input_name(sales)] %}
            {% set theirs = default__read_commits(sales, {})[input_name(sales)] %}
            {% do log('same ' ~ (ours == theirs) ~ ' ' ~ ours, info=true) %}
        {% endmacro %}
        """,
    )
    assert project.dbt("run-operation", "told").success
    assert project.said[0].startswith("same True"), project.said


def test_a_table_that_is_kept_is_read_once_a_run_as_it_is_then(project: SmallProject) -> None:
    """Made before its readers, and not kept any longer: the next run sees what has come since."""
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
        project.build()
        project.rows(f"insert into silver.sales values ({amount}, 'b', {amount})")
        project.build()
        kept = [text for text in project.statements if "cache lazy table silver.shops" in text]
        assert len(kept) in (1, 2), kept
        for reader in range(2):
            found = project.rows(f"select amount from silver.reader_{reader} where shop = 'b'")
            assert found == [(total,)]
    assert not project.lake.spark.catalog.isCached("silver.shops")
    assert not [view for _, view, _ in project.rows("show views") if "__compared" in view]
    project.build()
    assert not [text for text in project.statements if "cache" in text]
    # What a run relies on: Spark takes what is kept of a Delta table wherever it is read.
    project.rows("cache lazy table silver.shops")
    [[plan]] = project.rows("explain select amount from silver.shops")
    project.rows("uncache table silver.shops")
    assert "In-memory table silver.shops" in plan


def test_a_seed_made_anew_is_known_as_it_is_then(project: SmallProject) -> None:
    """Dropped and loaded, its table's versions begin again at nought."""
    project.seed("towns", "shop,town\na,x\nb,y\n")
    project.test(
        "towns.yml",
        "{version: 2, seeds: [{name: towns, data_tests: [not_null: {name: named,"
        " arguments: {column_name: town}}]}]}",
    )
    assert project.build()["named"] == "pass: decided with its model"
    project.rows("insert into silver.towns values ('c', 'z')")
    assert project.build()["named"] == "pass: decided with its model"
    assert project.rows("select count(*) from silver.towns") == [(2,)]
    assert project.build("--full-refresh")["named"] == "pass: decided with its model"
    assert project.build()["named"] == "pass: nothing changed"
    asked = [
        text for text in project.statements if "silver.towns" in text and "_delta_log" not in text
    ]
    assert not asked, asked


def test_what_a_hook_adds_to_a_seed_is_tested(project: SmallProject) -> None:
    project.seed("towns", "shop,town\na,x\n")
    project.test(
        "towns.yml",
        """
        version: 2
        seeds:
          - name: towns
            config: {post_hook: "insert into {{ this }} values ('b', null)"}
            data_tests:
              - not_null: {name: named, arguments: {column_name: town}}
        """,
    )
    assert project.build()["named"].startswith("fail")


def test_tables_made_anew_once_more_are_known_by_their_versions(project: SmallProject) -> None:
    """Taken for granted when they are made, and found as they were taken to be."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.build()
    project.build("--full-refresh")
    assert not [said for said in project.said if "Something else wrote" in said]
    assert not [text for text in project.statements if "describe history" in text]
    assert project.build()["shops"] == "success: nothing changed"


FORGETFUL = """
    {{ config(unique_key=['shop']) }}
    {%- set touched = touched_slices(['shop'], [
        (ref('sales'), 'select shop from ' ~ changes(ref('sales'))),
    ]) %}
    select shop, sum(amount) as amount, any_value(town) as town
    from {{ ref('sales') }} left join {{ ref('towns') }} using (shop)
    where {{ in_slices(touched) }} group by shop
"""


@pytest.mark.parametrize("command", ["build", "compile"])
def test_a_model_that_forgets_to_follow_an_input_is_refused(
    project: SmallProject, command: str
) -> None:
    """Also by a compilation, which needs no data, and before the model is first made."""
    project.model("sales", SALES)
    project.model("towns", "{{ config(unique_key=['shop']) }} select 'a' as shop, 'x' as town")
    project.model("shops", FORGETFUL)
    project.test(
        "shops.yml",
        """
        version: 2
        models:
          - {name: shops, data_tests: [primary_key: {arguments: {columns: [shop]}}]}
        """,
    )
    result = project.dbt(command)
    assert not result.success
    told = [str(r.message) for r in getattr(result.result, "results", [])] + [str(result.exception)]
    assert any("shops reads silver.towns but never asks for changes() of it" in t for t in told)
    static = "unique_key=['shop'], meta={'static_inputs': ['towns']}"
    project.model("shops", FORGETFUL.replace("unique_key=['shop']", static))
    assert project.dbt(command).success


def test_more_slices_than_a_statement_names_are_followed_too(project: SmallProject) -> None:
    project.model(
        "sales", "{{ config(unique_key=['id']) }} select id, 'a' as shop, 1 as amount from range(2)"
    )
    project.model("shops", SHOPS)
    project.build()
    project.rows("insert into silver.sales select id, id, 2 from range(10, 1510)")
    project.build("--select", "shops")
    assert project.rows("select count(*), sum(amount) from silver.shops") == [(1501, 3002)]
    [(by,)] = project.rows("select built_by from silver.shops where shop = 'a'")
    assert project.rows("select count(*) from silver.shops where built_by = '" + by + "'") == [(1,)]
    project.rows("delete from silver.sales where id >= 10")
    project.build("--select", "shops")
    assert project.rows("select shop, built_by from silver.shops") == [("a", by)]


def test_queries_that_are_kept_do_not_mix_what_they_call_by_one_name(project: SmallProject) -> None:
    """Spark numbers the common table expressions of each kept query from 0."""
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
    project.build()
    assert sorted(project.rows("select shop, n from silver.shops")) == [("a", 5), ("b", 5)]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_slices_of_instants_are_named_to_the_microsecond_wherever_the_machine_is(
    project: SmallProject, zone: str
) -> None:
    """Also those of the hour that a clock in Berlin shows twice, and of midnight."""
    instants = [
        "2026-01-05 00:00:00",
        "2026-10-25 00:30:00.000001",
        "2026-10-25 01:30:00.000001",
        "2026-10-25 01:30:00.000002",
    ]
    values = ", ".join(f"(timestamp'{at} UTC')" for at in instants)
    project.model(
        "visits",
        "{{ config(unique_key=['login']) }}"
        f" select login, 1 as minutes from values {values} as t (login)",
    )
    project.model(
        "summary",
        """
        {{ config(unique_key=['login']) }}
        {%- set touched = touched_slices(['login'], [
            (ref('visits'), 'select login from ' ~ changes(ref('visits'))),
        ]) %}
        select login, minutes from {{ ref('visits') }} where {{ in_slices(touched) }}
        """,
    )
    with machine_in(zone):
        project.build()
        for minutes, at in enumerate(instants, start=2):
            changed = f"where login = timestamp'{at} UTC'"
            project.rows(f"update silver.visits set minutes = {minutes} {changed}")
            project.build("--select", "summary")
            assert not [text for text in project.statements if "summary__touched" in text]
            assert project.rows(f"select minutes from silver.summary {changed}") == [(minutes,)]
        project.rows("delete from silver.visits where minutes > 3")
        project.build("--select", "summary")
        assert project.rows("select minutes from silver.summary order by login") == [(2,), (3,)]


READINGS = """
    {{ config(
        unique_key=['id'], partition_by=['day'], meta={'newest_by': ['sent'], 'prune_by': 'day'}
    ) }}
    select id, day, sent, value, '{{ invocation_id }}' as built_by
    from {{ changes(ref('arrived')) }}
"""
ARRIVED = """
    {{ config(unique_key=['id', 'sent']) }}
    select * from values (1, date'2026-01-01', 5, 'a'), (2, date'2026-01-02', 5, 'b')
    as t (id, day, sent, value)
"""


def test_of_arriving_rows_the_newest_wins_in_whatever_order_and_other_dates_stay(
    project: SmallProject,
) -> None:
    project.model("arrived", ARRIVED)
    project.model("readings", READINGS)
    project.build()
    [(first,)] = project.rows("select distinct built_by from silver.readings")
    project.rows("insert into silver.arrived values (1, date'2026-01-01', 4, 'older')")
    project.build("--select", "readings")
    query = "select id, value, built_by = '" + first + "' from silver.readings order by id"
    assert project.rows(query) == [(1, "a", True), (2, "b", True)]
    day_two = project.rows("select distinct _metadata.file_path from silver.readings where id = 2")
    project.rows("insert into silver.arrived values (1, date'2026-01-01', 6, 'newer')")
    project.rows("insert into silver.arrived values (3, date'2026-01-01', null, 'new')")
    project.build("--select", "readings")
    assert project.rows(query) == [(1, "newer", False), (2, "b", True), (3, "new", False)]
    kept = project.rows("select distinct _metadata.file_path from silver.readings where id = 2")
    assert kept == day_two


def test_watermarks_are_in_utc_wherever_the_machine_is(project: SmallProject) -> None:
    """Of tables that are new in a run, and of those that are known."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    with machine_in("Asia/Tokyo"):
        project.build()
        project.rows("insert into silver.sales values (4, 'b', 5)")
        project.build("--select", "shops")
    instants = project.rows("select committed_at from ops.watermarks where committed_at != ''")
    assert instants
    for (text,) in instants:
        age = datetime.now(UTC) - datetime.fromisoformat(text).replace(tzinfo=UTC)
        assert timedelta() <= age < timedelta(minutes=10)
    assert project.build("--select", "shops")["shops"] == "success: nothing changed"
