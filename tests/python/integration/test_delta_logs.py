"""A build knows the versions of all tables by their logs, read once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.python.scenarios import ALL, Scenario, Steps, scenario
from tests.python.small_project import GONE, SALES, SHOPS, SmallProject, machine_in


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


@scenario
def test_a_table_that_lies_elsewhere_is_followed_too(project: Scenario) -> Steps:
    project.model("sales", SALES)
    elsewhere = f"unique_key=['shop'], location_root='{project.folder}/elsewhere'"
    project.model("shops", SHOPS.replace("unique_key=['shop']", elsewhere))
    project.model("read", SHOPS.replace("sales", "shops"))
    yield ALL
    project.rows("insert into silver.sales values (4, 'a', 5)")
    yield "shops"
    yield ALL
    assert project.rows("select amount from silver.read where shop = 'a'") == [(35,)]
    assert (yield ALL).outcomes["read"] == "success: nothing changed"
    assert (yield "read").outcomes["read"] == "success: nothing changed"


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
