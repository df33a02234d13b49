"""Plain tests of a model run in the statement that compares its batch with its table."""

from collections.abc import Generator

import pytest

from tests.python.scenarios import ALL, BuildResult, Scenario, Steps, scenario
from tests.python.small_project import SALES, SHOPS

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


@pytest.mark.slow
@scenario
def test_tests_of_rows_are_decided_while_their_model_is_written(project: Scenario) -> Steps:
    """From its batch, and only as long as nothing else has written the table."""
    names = ("counted", "lettered", "ranged", "small", "absent", "sold", "keyed")

    def outcomes() -> Generator[str, BuildResult, list[str]]:
        built = yield ALL
        return [built.outcomes[name] for name in names]

    def passed(how: str) -> list[str]:
        return [f"pass: {how}"] * len(names)

    project.vars("{most: 60}")
    project.model("sales", SALES)
    project.model("towns", SALES.replace("'a'", "'A'").replace("'b'", "'B'"))
    project.model("shops", SHOPS)
    project.test("shops.yml", ROW_TESTS)
    # The test `sold` reads another new table: it is decided with the later of the two.
    assert (yield from outcomes()) == passed("tested with its model")
    project.rows("insert into silver.sales values (4, 'b', 5)")
    assert (yield from outcomes()) == passed("tested with its model")
    assert (yield from outcomes()) == passed("nothing changed")
    project.rows("insert into silver.sales values (5, 'c', null), (6, 'a', 31)")
    assert [o.split(":")[0] for o in (yield from outcomes())] == [*["fail"] * 6, "pass"]
    project.rows("delete from silver.sales where id > 4")
    assert (yield from outcomes()) == [*passed("OK")[1:], "pass: tested with its model"]
    project.rows("insert into silver.shops values ('z', 99, 'hand'), ('z', 99, 'hand')")
    project.rows("insert into silver.sales values (7, 'b', 1)")
    assert [o.split(":")[0] for o in (yield from outcomes())] == ["pass", *["fail"] * 6]


@pytest.mark.slow
@scenario
def test_references_of_a_new_table_to_what_is_built_before_it_are_decided_with_it(
    project: Scenario,
) -> Steps:
    """Also to a table that it reads only through another one."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.model("towns", SHOPS.replace("ref('sales')", "ref('shops')"))
    sold = "{relationships: {name: sold, arguments: {to: ref('sales'), field: shop}}}"
    columns = f"columns: [{{name: shop, data_tests: [{sold}]}}]"
    project.test("towns.yml", f"{{version: 2, models: [{{name: towns, {columns}}}]}}")
    assert (yield ALL).outcomes["sold"] == "pass: tested with its model"
    project.rows("insert into silver.towns values ('z', 1, 'hand')")
    assert (yield "sold").outcomes["sold"].startswith("fail")


@scenario
def test_a_failing_test_fails_again_if_its_model_has_news_and_writes_nothing(
    project: Scenario,
) -> Steps:
    project.model("sales", SALES)
    project.model("shops", SHOPS.replace(", '{{ invocation_id }}' as built_by", ""))
    counted = "{not_null: {name: counted, arguments: {column_name: amount}}}"
    project.test("shops.yml", f"{{version: 2, models: [{{name: shops, data_tests: [{counted}]}}]}}")
    assert (yield ALL).outcomes["counted"] == "pass: tested with its model"
    project.rows("insert into silver.shops values ('z', null)")
    project.rows("update silver.sales set id = 4 where id = 1")
    built = yield ALL
    assert not [text for text in built.statements if "merge into" in text]
    assert built.outcomes["counted"].startswith("fail")


TOWNS = """
    {{ config(unique_key=['id']) }}
    {%- set touched = touched_slices(['id'], [ref('sales')]) %}
    select id, shop as town from {{ ref('sales') }} where {{ in_slices(touched) }}
"""
REFERENCES = """
    version: 2
    models:
      - name: visits
        columns:
          - name: town
            data_tests:
              - relationships:
                  name: visited
                  arguments: {to: ref('towns'), field: town}
              - relationships:
                  name: placed
                  arguments: {to: "source('raw', 'places')", field: town}
"""
VISITS = "{{ config(unique_key=['town']) }} select * from values ('a'), ('b') as visit (town)"


@scenario
def test_references_fail_when_the_column_of_a_model_or_a_row_of_a_source_changes(
    project: Scenario,
) -> Steps:
    """The column is no key of the model, so an update may change it."""
    project.source("places", "select * from values ('a'), ('b') as place (town)")
    for name, sql in (("sales", SALES), ("towns", TOWNS), ("visits", VISITS)):
        project.model(name, sql)
    project.test("visits.yml", REFERENCES)
    built = yield ALL
    assert [built.outcomes[name].split(":")[0] for name in ("visited", "placed")] == ["pass"] * 2
    project.rows("update silver.sales set shop = 'c' where id = 3")
    project.rows("delete from silver.places where town = 'b'")
    built = yield ALL
    assert [built.outcomes[name].split(":")[0] for name in ("visited", "placed")] == ["fail"] * 2


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
          - no_overlapping_validity:
              name: one
              arguments: {columns: [shop]}
          - no_overlapping_validity:
              name: always_one
              arguments: {columns: [shop], since: 1}
          - no_overlapping_validity:
              name: always_one_but
              arguments: {columns: [shop], since: 1}
              config: {where: valid_from != 3}
          - no_overlapping_validity:
              name: of_no_slice
              arguments: {columns: [shop, valid_from]}
      - name: appended_prices
        data_tests:
          - no_overlapping_validity:
              name: one_appended
              arguments: {columns: [shop]}
"""


# For shop b its batches have only the new rows.
APPENDED = """
    union all
    select shop, id, amount from {{ changes(ref('sales')) }}
    where shop = 'b' and _change_type = 'insert'
"""


@scenario
def test_validity_is_decided_by_a_batch_that_has_whole_slices(project: Scenario) -> Steps:
    """Otherwise by the slices of the table that have changed."""
    names = ("one", "always_one", "always_one_but", "of_no_slice", "one_appended")
    decided, read, failed = "pass: tested with its model", "pass: OK", "fail"

    def outcomes() -> Generator[str, BuildResult, list[str]]:
        found = (yield ALL).outcomes
        return ["fail" if found[name].startswith("fail") else found[name] for name in names]

    rows = "(1, 'a', 10), (2, 'a', 20), (3, 'b', 30)"
    project.model("sales", SALES.replace(rows, "(1, 'a', 2), (2, 'a', null), (5, 'b', null)"))
    project.model("prices", PRICES)
    project.model("appended_prices", PRICES + APPENDED)
    project.test("prices.yml", VALIDITY)
    assert (yield from outcomes()) == [decided, decided, read, decided, decided]
    project.rows("update silver.sales set amount = 3 where id = 2")
    project.rows("insert into silver.sales values (3, 'a', null)")
    assert (yield from outcomes()) == [read, read, failed, read, read]
    # A row that the batch deletes fills no gap.
    project.rows("delete from silver.sales where id = 2")
    project.rows("insert into silver.sales values (6, 'b', null)")
    assert (yield from outcomes()) == [read, failed, failed, read, failed]
    project.rows("insert into silver.sales values (2, 'a', 4)")
    assert (yield from outcomes()) == [failed, failed, failed, read, failed]
    project.rows("update silver.sales set amount = 3 where id = 2")
    assert (yield from outcomes()) == [read, read, failed, read, failed]
    # Nor does one that is deleted because the code has changed.
    project.model("prices", f"{PRICES} and id != 3")
    assert (yield from outcomes()) == [read, failed, failed, read, failed]
    project.rows("insert into silver.prices values ('b', 1, null), ('b', 2, null)")
    assert (yield from outcomes()) == [failed, failed, failed, read, failed]
