"""The log of builds: which layers each has built, and where the rows that fail a test are."""

import pytest

from fitness import build_log
from fitness.build_log import BuildFigures
from fitness.errors import BuildError
from tests.python.lake import Lake


def newest(lake: Lake) -> BuildFigures:
    """Return the newest entry."""
    return build_log.newest(lake.settings.lakehouse, 1)[0]


def test_the_build_log_has_the_layers_that_were_built_whole(built: Lake) -> None:
    built.build("--select", "users")
    assert newest(built).layers == []
    built.build("--select", "silver", "gyms")
    assert newest(built).layers == ["silver"]
    built.build("--select", "gold")
    assert newest(built).layers == ["gold"]


@pytest.mark.slow
def test_the_rows_that_fail_a_test_are_kept_where_the_log_says(built: Lake) -> None:
    built.spark.sql("insert into silver.users select * from silver.users limit 1")
    with pytest.raises(BuildError, match="primary_key_users"):
        built.build_and_test("--select", "users", "--indirect-selection", "cautious")
    figures = newest(built)
    assert figures.rows
    for name, table in figures.rows.items():
        assert name in figures.failures
        assert built.rows(table)
