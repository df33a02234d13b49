"""A build reads the versions of all tables from their Delta logs, once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.python.scenarios import ALL, Scenario, Steps, scenario
from tests.python.small_project import CHANGE_LOG, SALES, SHOPS, SmallProject, local_time_zone


@pytest.mark.slow
def test_delta_logs_are_read_once_when_a_build_begins_and_after_each_write(
    project: SmallProject,
) -> None:
    """Of all tables before its first node, and of a table that was written by its model alone."""
    project.model("sales", SALES)
    for reader in range(3):
        project.model(f"shops_{reader}", SHOPS)
        project.test(
            f"is_known_{reader}.sql",
            f"select * from {{{{ ref('shops_{reader}') }}}} where shop is null",
        )
    project.build()
    # Of a table without watermarks, whose log may be long, the newest commit alone.
    assert not [text for text in project.statements if "_delta_log" in text]
    looks = [text for text in project.statements if "describe history" in text]
    assert len(looks) == 4
    assert all(look.rstrip().endswith(" limit 1") for look in looks)
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.build()
    [statement] = [text for text in project.statements if "_delta_log" in text]
    assert "silver/sales" in statement
    looks = [text for text in project.statements if "describe history" in text]
    assert len(looks) == 3  # the sums of three models


@pytest.mark.slow
def test_a_write_by_something_else_during_a_build_is_followed(project: SmallProject) -> None:
    """The model that reads the table looks at its log after it was written."""
    project.model("sales", SALES)
    meanwhile = """
        {% if has_changes(ref('sales')) %}
            {% do run_query("delete from silver.shops where shop = 'b'") %}
        {% endif %}
    """
    project.model("shops", SHOPS + meanwhile)
    reader = CHANGE_LOG.replace("sales", "shops").replace("-id", "'-' || shop")
    reader = reader.replace("id", "shop")
    project.model("log", reader)
    project.build()
    project.rows("insert into silver.sales values (4, 'a', 5)")
    project.build()
    expected = [("-b", "deleted"), ("a", "inserted"), ("b", "inserted")]
    assert project.rows("select * from silver.log order by shop") == expected
    assert project.build()["log"] == "success: nothing changed"


@pytest.mark.slow
@scenario
def test_a_table_outside_the_warehouse_is_followed_too(project: Scenario) -> Steps:
    project.model("sales", SALES)
    outside = f"unique_key=['shop'], location_root='{project.folder}/outside'"
    project.model("shops", SHOPS.replace("unique_key=['shop']", outside))
    project.model("read", SHOPS.replace("sales", "shops"))
    yield ALL
    project.rows("insert into silver.sales values (4, 'a', 5)")
    yield "shops"
    yield ALL
    assert project.rows("select amount from silver.read where shop = 'a'") == [(35,)]
    assert (yield ALL).outcomes["read"] == "success: nothing changed"
    assert (yield "read").outcomes["read"] == "success: nothing changed"


def test_the_log_gives_the_same_commits_as_describe_history(project: SmallProject) -> None:
    """Read as a file, it must agree with Delta about operations, times and metrics."""
    project.model("sales", SALES)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.rows("optimize silver.sales")
    project.macro(
        "compare_commits",
        """
        {% macro compare_commits() %}
            {% set sales = ref('sales') %}
            {% set ours = engine_read_logs({engine_name(sales): 0})[engine_name(sales)] %}
            {% set theirs = engine_history(sales, 0) %}
            {% do log('same ' ~ (ours == theirs) ~ ' ' ~ ours, info=true) %}
        {% endmacro %}
        """,
    )
    assert project.dbt("run-operation", "compare_commits").success
    assert project.messages[0].startswith("same True"), project.messages
    assert project.messages[0].count("'version'") == 3


@scenario
def test_a_seed_is_loaded_when_its_file_or_its_table_has_changed(project: Scenario) -> Steps:
    """Else it runs no statement, nor do its tests."""
    project.seed("towns", "shop,town\na,x\nb,y\n")
    project.model(
        "places",
        """
        {{ config(unique_key=['shop']) }}
        {%- set touched = touched_slices(['shop'], [ref('towns')]) %}
        select shop, town from {{ ref('towns') }} where {{ in_slices(touched) }}
        """,
    )
    project.test(
        "towns.yml",
        "{version: 2, seeds: [{name: towns, data_tests: [not_null: {name: named,"
        " arguments: {column_name: town}}]}]}",
    )
    assert (yield ALL).outcomes["named"] == "pass: OK"
    outcomes = (yield ALL).outcomes
    assert (outcomes["towns"], outcomes["named"]) == (
        "success: nothing changed",
        "pass: nothing changed",
    )
    project.rows("insert into silver.towns values ('c', 'z')")
    assert (yield ALL).outcomes["named"] == "pass: OK"
    assert project.rows("select count(*) from silver.towns") == [(2,)]
    project.seed("towns", "shop,town\na,x\nb,w\n")
    yield ALL
    assert project.rows("select * from silver.places order by shop") == [("a", "x"), ("b", "w")]
    assert (yield ALL).outcomes["places"] == "success: nothing changed"


def test_watermarks_are_in_utc_whatever_the_local_time_zone_and_stay_if_others_are_recorded(
    project: SmallProject,
) -> None:
    """Those of tables that are new in a run, and of known ones."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    with local_time_zone("Asia/Tokyo"):
        project.build()
        project.rows("insert into silver.sales values (4, 'b', 5)")
        project.build("--select", "shops")
    instants = project.rows("select committed_at from ops.watermarks where committed_at != ''")
    assert instants
    for (text,) in instants:
        age = datetime.now(UTC) - datetime.fromisoformat(text).replace(tzinfo=UTC)
        assert timedelta() <= age < timedelta(minutes=10)
    assert project.build()["shops"] == "success: nothing changed"
    assert project.messages == []
