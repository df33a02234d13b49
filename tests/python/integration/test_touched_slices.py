"""A build recomputes the touched slices of a derived table, and nothing else."""

import pytest

from tests.python.scenarios import ALL, NodeError, Scenario, Steps, scenario
from tests.python.small_project import CHANGE_LOG, SALES, SHOPS, SmallProject, local_time_zone


@scenario
def test_only_touched_slices_are_recomputed(project: Scenario) -> Steps:
    """Also where one query reads a table and its changes, which Spark may confuse."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    yield ALL
    before: dict[str, str] = dict(project.rows("select shop, built_by from silver.shops"))
    # Spark puts a setting's value where a statement has its name in braces after a dollar sign.
    project.rows("insert into silver.sales values (4, 'b', 5), (5, '\\u0024{c}', 6)")
    yield "shops"
    after = {shop: (amount, by) for shop, amount, by in project.rows("table silver.shops")}
    assert after["${c}"][0] == 6
    assert after["a"] == (30, before["a"])
    assert after["b"][0] == 35
    assert after["b"][1] != before["b"]
    project.rows("delete from silver.sales where shop != 'b'")
    yield "shops"
    assert project.rows("select shop, built_by from silver.shops") == [("b", after["b"][1])]


@scenario
def test_a_file_in_which_no_row_differs_stays_as_it_is(project: Scenario) -> Steps:
    """Also where a slice in it is recomputed with the same result."""
    project.model("sales", SALES)
    project.model("shops", SHOPS.replace(", '{{ invocation_id }}' as built_by", ""))
    yield ALL
    project.rows("insert into silver.sales values (4, 'c', 5)")
    yield "shops"
    file = "select distinct _metadata.file_path from silver.shops where shop in ('a', 'b')"
    before = project.rows(file)
    project.rows("update silver.sales set id = 5 where id = 1")
    project.rows("update silver.sales set amount = 6 where shop = 'c'")
    yield "shops"
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
    select shop || '!', amount from {{ own_table() }}
    {%- endif %}
"""


@scenario
def test_a_model_without_touched_slices_does_not_read_its_table(project: Scenario) -> Steps:
    """Unless it also reads rows of its own table."""
    project.model("sales", SALES)
    project.model("paid", PAID)
    yield ALL
    project.rows("insert into silver.sales values (4, 'b', 400), (5, 'c', 500)")
    yield "paid"
    project.rows("insert into silver.sales values (6, 'a', 6)")
    built = yield "paid"
    assert built.outcomes["paid"] == "success: nothing changed"
    assert not [text for text in built.statements if "paid__compared" in text]
    project.rows("delete from silver.sales where id = 6")
    yield "paid"
    expected = [("b", 400), ("b!", 400), ("c", 500), ("c!", 500)]
    assert project.rows("select * from silver.paid order by shop") == expected


@scenario
def test_sql_for_deletes_is_left_out_if_there_are_none(project: Scenario) -> Steps:
    project.model("sales", SALES)
    project.model("log", CHANGE_LOG)
    yield ALL
    project.rows("insert into silver.sales values (4, 'b', 40)")
    built = yield "log"
    assert "'deleted'" not in " ".join(built.statements)
    project.rows("insert into silver.sales values (5, 'b', 40)")
    project.rows("delete from silver.sales where id = 2")
    yield "log"
    expected = [(-2, "deleted"), *((number, "inserted") for number in range(1, 6))]
    assert project.rows("select * from silver.log order by id") == expected


@pytest.mark.slow
@scenario
def test_a_run_reports_only_the_model_that_failed(project: Scenario) -> Steps:
    """And not also the query that could not be cached for it."""
    project.model("sales", SALES)
    wrong = "{{ 'nowhere' if has_changes(ref('sales')) else 'shop' }}"
    project.model("shops", SHOPS.replace("select shop, sum", f"select {wrong} as shop, sum"))
    yield ALL
    project.rows("insert into silver.sales values (4, 'c', 5)")
    with pytest.raises(NodeError, match="nowhere") as failed:
        yield ALL
    assert [*failed.value.errors] == ["shops"]


GROWING = """
    {{ config(unique_key=['id']) }}
    {%- set touched = touched_slices(['id'], [ref('sales')]) %}
    select id, amount from {{ ref('sales') }} where {{ in_slices(touched) }}
    {%- if has_changes(ref('sales')) %}
    union all
    select -id, amount + 1 from {{ own_table() }} where id in (1, 2)
    {%- endif %}
"""


@scenario
def test_a_model_reads_its_own_table_at_its_version_before_the_run(project: Scenario) -> Steps:
    project.model("sales", SALES)
    project.model("grown", GROWING)
    yield ALL
    project.rows("update silver.sales set amount = 11 where id = 1")
    built = yield "grown"
    expected = [(-2, 21), (-1, 11), (1, 11), (2, 20), (3, 30)]
    assert project.rows("select * from silver.grown order by id") == expected
    [own] = [text for text in built.statements if "grown__compared" in text and "cache" in text]
    query = own.split("*/")[1]  # dbt puts a comment with the model's name before it.
    assert query.count("_grown` version as of 0") == 2
    assert project.named("silver.grown") not in query


NOT_FOLLOWED = """
    {{ config(unique_key=['shop']) }}
    {%- set touched = touched_slices(['shop'], [ref('sales')]) %}
    select shop, sum(amount) as amount, any_value(town) as town
    from {{ ref('sales') }} left join {{ ref('towns') }} using (shop)
    where {{ in_slices(touched) }} group by shop
"""


def test_a_model_that_does_not_follow_an_input_is_refused(project: SmallProject) -> None:
    """Also before the model is first built."""
    project.model("sales", SALES)
    project.model("towns", "{{ config(unique_key=['shop']) }} select 'a' as shop, 'x' as town")
    project.model("shops", NOT_FOLLOWED)
    result = project.dbt("build")
    assert not result.success
    errors = [str(r.message) for r in getattr(result.result, "results", [])]
    errors.append(str(result.exception))
    assert any("shops reads silver.towns but never asks for changes() of it" in e for e in errors)
    static = "unique_key=['shop'], meta={'static_inputs': ['towns']}"
    project.model("shops", NOT_FOLLOWED.replace("unique_key=['shop']", static))
    assert project.dbt("build").success


@scenario
def test_more_slices_than_a_statement_names_are_followed_too(project: Scenario) -> Steps:
    project.model(
        "sales", "{{ config(unique_key=['id']) }} select id, 'a' as shop, 1 as amount from range(2)"
    )
    project.model("shops", SHOPS)
    yield ALL
    project.rows("insert into silver.sales select id, id, 2 from range(10, 1510)")
    yield "shops"
    assert project.rows("select count(*), sum(amount) from silver.shops") == [(1501, 3002)]
    [(by,)] = project.rows("select built_by from silver.shops where shop = 'a'")
    assert project.rows("select count(*) from silver.shops where built_by = '" + by + "'") == [(1,)]
    project.rows("delete from silver.sales where id >= 10")
    yield "shops"
    assert project.rows("select shop, built_by from silver.shops") == [("a", by)]


@pytest.mark.parametrize("zone", ["Europe/Berlin", pytest.param("UTC", marks=pytest.mark.slow)])
def test_slices_of_instants_are_named_to_the_microsecond_in_any_local_time_zone(
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
        {%- set touched = touched_slices(['login'], [ref('visits')]) %}
        select login, minutes from {{ ref('visits') }} where {{ in_slices(touched) }}
        """,
    )
    with local_time_zone(zone):
        project.build()
        ordered = "select minutes from silver.summary order by login"
        for minutes, at in enumerate(instants, start=2):
            changed = f"where login = timestamp'{at} UTC'"
            project.rows(f"update silver.visits set minutes = {minutes} {changed}")
        project.build("--select", "summary")
        assert not [text for text in project.statements if "summary__touched" in text]
        assert project.rows(ordered) == [(2,), (3,), (4,), (5,)]
        project.rows("delete from silver.visits where minutes > 3")
        project.build("--select", "summary")
        assert project.rows(ordered) == [(2,), (3,)]


READINGS = """
    {{ config(
        unique_key=['id', 'day'], partition_by=['day'],
        meta={'newest_by': ['sent'], 'prune_by': {'day': 'day'}}
    ) }}
    select id, day, sent, value, '{{ invocation_id }}' as built_by
    from {{ changes(ref('arrived')) }}
"""


ARRIVED = """
    {{ config(unique_key=['id', 'sent']) }}
    select * from values (1, date'2026-01-01', 5, 'a'), (2, date'2026-01-02', 5, 'b')
    as t (id, day, sent, value)
"""


@scenario
def test_the_newest_row_wins_in_any_order_of_arrival_and_other_dates_stay(
    project: Scenario,
) -> Steps:
    project.model("arrived", ARRIVED)
    project.model("readings", READINGS)
    yield ALL
    [(first,)] = project.rows("select distinct built_by from silver.readings")
    project.rows("insert into silver.arrived values (1, date'2026-01-01', 4, 'older')")
    yield "readings"
    query = "select id, value, built_by = '" + first + "' from silver.readings order by id"
    assert project.rows(query) == [(1, "a", True), (2, "b", True)]
    day_two = project.rows("select distinct _metadata.file_path from silver.readings where id = 2")
    project.rows("insert into silver.arrived values (1, date'2026-01-01', 6, 'newer')")
    project.rows("insert into silver.arrived values (3, date'2026-01-01', null, 'new')")
    yield "readings"
    assert project.rows(query) == [(1, "newer", False), (2, "b", True), (3, "new", False)]
    kept = project.rows("select distinct _metadata.file_path from silver.readings where id = 2")
    assert kept == day_two


@scenario
def test_a_date_to_prune_by_that_does_not_follow_from_the_key_is_refused(
    project: Scenario,
) -> Steps:
    """A row whose date changed would be written a second time."""
    project.model("arrived", ARRIVED)
    first = date_of("cast(timestamp_seconds(id * 86400) as date)")
    project.model(
        "readings", READINGS.replace("['id', 'day']", "['id']").replace("'day': 'day'", first)
    )
    yield ALL
    project.rows("insert into silver.arrived values (3, date'1970-01-04', 5, 'right')")
    yield "readings"
    project.rows("insert into silver.arrived values (4, date'2026-01-01', 5, 'wrong')")
    with pytest.raises(NodeError, match="prune_by says day = cast") as failed:
        yield "readings"
    assert [*failed.value.errors] == ["readings"]


@scenario
def test_rows_without_a_date_to_prune_by_are_not_written_twice(project: Scenario) -> Steps:
    project.model("arrived", ARRIVED)
    project.model("readings", READINGS)
    yield ALL
    for value in ("first", "second"):
        project.rows(f"insert into silver.arrived values (9, null, {len(value)}, '{value}')")
        yield "readings"
    assert project.rows("select value from silver.readings where id = 9") == [("second",)]


def test_where_builds_may_overlap_all_writes_are_merges_and_nothing_is_cached(
    project: SmallProject,
) -> None:
    """In Delta two appends of the same rows do not conflict, but two MERGEs do.

    Watermarks that another run records meanwhile stay.
    """
    project.model("sales", SALES)
    record = "insert into ops.watermarks values ('silver.other', 'silver.sales', 7, '', '')"
    meanwhile = "{% if has_changes(ref('sales')) %}{% do run_query(\"" + record + '") %}{% endif %}'
    project.model("shops", SHOPS + meanwhile)
    for number in (4, 5):
        project.build("--vars", "one_build_at_a_time: []")
        project.rows(f"insert into silver.sales values ({number}, 'x{number}', 5)")
    project.build("--vars", "one_build_at_a_time: []")
    assert [text for text in project.statements if "merge into silver.shops" in text]
    own = [text for text in project.statements if record not in text]
    assert not [text for text in own if "cache" in text or "insert into" in text]
    summed = "select shop, sum(amount) from silver.sales group by shop order by shop"
    assert project.rows("select shop, amount from silver.shops order by shop") == project.rows(
        summed
    )
    marks = "select model, version from ops.watermarks where input = 'silver.sales' order by 1, 2"
    assert project.rows(marks) == [("silver.other", 7), ("silver.other", 7), ("silver.shops", 2)]


STOCK = """
    {{ config(unique_key=['id'], meta={'follow_changes': false}) }}
    select id, shop, amount from {{ ref('sales') }}
    {%- if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}
"""


@scenario
def test_a_model_that_does_not_opt_in_is_built_by_dbt_and_can_be_followed(
    project: Scenario,
) -> Steps:
    """Its MERGE deletes nothing, and writes the rows that it selects."""
    project.model("sales", SALES)
    project.model("copy", STOCK)
    project.model("shops", SHOPS.replace("'sales'", "'copy'"))
    yield ALL
    project.rows("delete from silver.sales where id = 1")
    project.rows("insert into silver.sales values (4, 'b', 5)")
    built = yield ALL
    assert built.messages == []
    assert project.rows("select id from silver.copy order by id") == [(1,), (2,), (3,), (4,)]
    assert project.rows("select shop, amount from silver.shops order by shop") == [
        ("a", 30),
        ("b", 35),
    ]


def date_of(expression: str) -> str:
    """Return an entry of prune_by."""
    return f"'day': '{expression}'"
