"""The tests of a build check what has changed, and find what the whole tests find."""

import pytest

from tests.python.scenarios import ALL, Scenario, Steps, scenario
from tests.python.small_project import SALES, SHOPS, SmallProject


@pytest.mark.slow
@scenario
def test_a_test_of_an_ephemeral_model_runs_whenever_the_table_under_it_may_have_changed(
    project: Scenario,
) -> Steps:
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    large = "select * from {{ ref('sales') }} where amount > 40"
    project.model("large", "{{ config(materialized='ephemeral') }}" + large)
    text = "select * from {{ ref('large') }} where shop in (select shop from {{ ref('shops') }})"
    project.test("none_is_large.sql", text)
    assert (yield ALL).outcomes["none_is_large"].startswith("pass")
    project.rows("insert into silver.sales values (4, 'b', 50)")
    assert (yield "none_is_large").outcomes["none_is_large"].startswith("fail")


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


@scenario
def test_an_everyday_test_checks_the_touched_slices_and_a_whole_test_all_rows(
    project: Scenario,
) -> Steps:
    project.model("sales", SALES)
    yield ALL
    # dbt does not know this table, so a change of it shows which rows a test has checked.
    project.rows("create table silver.allowed using delta as select 'a' as shop")
    project.rows("insert into silver.allowed values ('b')")
    allowed = project.named("shop in (select shop from silver.allowed)")
    project.test(
        "sales.yml",
        f"""
        version: 2
        models:
          - name: sales
            data_tests:
              - primary_key:
                  name: key
                  arguments: {{columns: [id]}}
              - satisfies:
                  name: allowed
                  arguments: {{condition: "{allowed}"}}
              - satisfies:
                  name: few
                  arguments: {{condition: amount > 20}}
                  config: {{error_if: "> 3", warn_if: "> 3"}}
        """,
    )
    assert (yield ALL).outcomes["allowed"] == "pass: OK"
    project.rows("delete from silver.allowed where shop = 'a'")
    project.rows("insert into silver.sales values (4, 'b', 5)")
    outcomes = (yield ALL).outcomes
    assert (outcomes["key"], outcomes["allowed"]) == ("pass: OK", "pass: OK")
    project.rows("insert into silver.sales values (5, 'a', 5), (3, 'b', 5)")
    outcomes = (yield ALL).outcomes
    assert outcomes["allowed"].startswith("fail")
    assert outcomes["key"].startswith("fail")  # One of the two rows was there before.
    assert outcomes["few"].startswith("fail")  # So were three of the five.
    project.rows("delete from silver.sales where id = 5 or (id = 3 and amount = 5)")
    outcomes = (yield ALL).outcomes
    assert (outcomes["key"], outcomes["allowed"]) == ("pass: OK", "pass: OK")
    project.vars("{whole_tests: true}")
    assert (yield ALL).outcomes["allowed"].startswith("fail")


@scenario
def test_a_deleted_parent_is_found_from_rows_that_have_not_changed(project: Scenario) -> Steps:
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
    assert (yield ALL).outcomes["of_shops"] == "pass: OK"
    # A key that is NULL must not hide that another one is gone.
    project.rows("insert into silver.shops values ('c', 0, 'hand'), (null, 0, 'hand')")
    assert (yield "of_shops").outcomes["of_shops"] == "pass: OK"
    project.rows("delete from silver.shops where shop = 'b'")
    assert (yield "of_shops").outcomes["of_shops"].startswith("fail")


@scenario
def test_a_reference_between_new_tables_to_a_missing_row_fails(project: Scenario) -> Steps:
    """Whichever is built first, since neither reads the other."""
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
    found = (yield ALL).outcomes
    assert found["there"].startswith("fail")
    assert found["here"].startswith("pass")


@scenario
def test_a_key_that_a_batch_repeats_fails_its_test(project: Scenario) -> Steps:
    """Also where the rows are appended, so that Delta does not compare their keys."""
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
    assert (yield ALL).outcomes["keyed"] == "pass: tested with its model"
    project.rows("insert into silver.sales values (4, 'b', 40)")
    assert (yield ALL).outcomes["keyed"] == "pass: tested with its model"
    project.rows("insert into silver.sales values (5, 'b', 50), (6, 'b', 50)")
    assert (yield ALL).outcomes["keyed"].startswith("fail")
    project.rows("delete from silver.places where amount = 50")
    project.rows("insert into silver.sales values (7, null, 70)")
    assert (yield ALL).outcomes["keyed"].startswith("fail")


@pytest.mark.slow
@scenario
def test_what_a_hook_adds_to_a_seed_is_tested(project: Scenario) -> Steps:
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
    assert (yield ALL).outcomes["named"].startswith("fail")
