"""The views of gold_private in Spark: without identifiers, and equal to what the pages read."""

import pandas as pd
import pytest

from dashboard.lakehouse import Lake as PagesLake
from tests.python.lake import Lake
from tests.python.private_views import PERSONAL, VIEWS, identifiers, not_whole_hours, texts


def sorted_rows(view: pd.DataFrame) -> list[list[str]]:
    """Return the rows as texts, with numbers rounded, since sums of doubles depend on the order."""
    known = view.round(9).astype(object).where(view.notna(), None)
    return sorted(known.map(str).to_numpy().tolist())


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_no_identifier_and_the_rows_that_the_pages_read(built: Lake, name: str) -> None:
    spark = built.spark.table(f"gold_private.{name}").toArrow().to_pandas(date_as_object=False)
    assert len(spark)
    assert not PERSONAL & {*spark.columns}
    assert not texts(spark) & identifiers(built.contents().values())
    assert not_whole_hours(spark) == []
    duckdb = PagesLake(built.settings).query(f"select * from gold_private.{name}")
    assert [*spark.columns] == [*duckdb.columns]
    assert sorted_rows(spark) == sorted_rows(duckdb)


def test_the_key_is_made_once(built: Lake) -> None:
    [key] = built.rows("ops.pseudonym_key")
    version = built.version("ops.pseudonym_key")
    for arguments in ((), ("--full-refresh",)):
        built.build("--select", "pseudonym_key", *arguments)
        assert built.rows("ops.pseudonym_key") == [key]
        assert built.version("ops.pseudonym_key") == version
    built.spark.sql("drop table ops.pseudonym_key")
    built.build("--select", "pseudonym_key+")
    assert built.rows("ops.pseudonym_key") != [key]


def test_a_view_is_replaced_only_if_its_sql_has_changed(built: Lake) -> None:
    def replaced() -> int:
        statements = built.statements_of("--select", "gold_private")
        return sum("create or replace view" in statement for statement in statements)

    assert replaced() == 0
    built.spark.sql("create or replace view gold_private.members as select 1 as member")
    assert replaced() == 1
