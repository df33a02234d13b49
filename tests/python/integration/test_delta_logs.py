"""A build reads the versions of all tables from their Delta logs, once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.python.scenarios import ALL, Scenario, Steps, scenario
from tests.python.small_project import CHANGE_LOG, SALES, SHOPS, SmallProject, local_time_zone


@pytest.mark.slow
def test_delta_logs_are_read_once_when_a_build_begins_and_once_when_it_ends(
    project: SmallProject,
) -> None:
    """For all tables before its first node, and at its end for those that it wrote."""
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
    [statement] = [text for text in project.statements if "_delta_log" in text]
    assert "*/*/_delta_log" in statement


@pytest.mark.slow
def test_a_write_by_something_else_during_a_build_is_noticed(
    project: SmallProject,
) -> None:
    """A build predicts the versions that it writes, and checks them at its end."""
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
    assert [text for text in project.messages if "wrote silver.shops during this build" in text]
    project.build()
    assert project.messages == []
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


@pytest.mark.parametrize("operation", ["insert into {0} values (4, 'b', 5)", "optimize {0}"])
def test_the_log_gives_the_same_commits_as_describe_history(
    project: SmallProject, operation: str
) -> None:
    """Read as a file, it must agree with Delta about operations, times and metrics."""
    project.model("sales", SALES)
    project.build()
    project.rows(operation.format("silver.sales"))
    project.macro(
        "compare_commits",
        """
        {% macro compare_commits() %}
            {% set sales = ref('sales') %}
            {% set ours = spark__read_commits(sales, {})[input_name(sales)] %}
            {% set theirs = default__read_commits(sales, {})[input_name(sales)] %}
            {% do log('same ' ~ (ours == theirs) ~ ' ' ~ ours, info=true) %}
        {% endmacro %}
        """,
    )
    assert project.dbt("run-operation", "compare_commits").success
    assert project.messages[0].startswith("same True"), project.messages


@pytest.mark.slow
def test_the_versions_of_a_seed_that_is_loaded_again_are_known(project: SmallProject) -> None:
    """The table is dropped and created, so that its versions begin again at 0."""
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
    queries = [
        text for text in project.statements if "silver.towns" in text and "_delta_log" not in text
    ]
    assert not queries, queries


@pytest.mark.slow
def test_the_versions_of_tables_after_a_full_refresh_are_predicted(project: SmallProject) -> None:
    """The predictions are right, and no table's history is queried."""
    project.model("sales", SALES)
    project.model("shops", SHOPS)
    project.build()
    project.rows("insert into silver.sales values (4, 'b', 5)")
    project.build()
    project.build("--full-refresh")
    assert not [text for text in project.messages if "Something else wrote" in text]
    assert not [text for text in project.statements if "describe history" in text]
    assert project.build()["shops"] == "success: nothing changed"


def test_watermarks_are_in_utc_whatever_the_local_time_zone(project: SmallProject) -> None:
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
    assert project.build("--select", "shops")["shops"] == "success: nothing changed"
