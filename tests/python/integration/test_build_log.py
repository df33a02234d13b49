"""What is noted of builds: how far each layer is, and the rows that fail a test."""

import pytest

from fitness import build_log
from fitness.build_log import BuildFigures
from fitness.errors import BuildError
from tests.python.lake import Lake, land


def newest(lake: Lake) -> BuildFigures:
    """Return the newest entry."""
    return build_log.newest(lake.settings.lakehouse, 1)[0]


def test_a_build_notes_the_layers_that_it_built_whole(lake: Lake) -> None:
    land(lake, 1)
    lake.ingest()
    lake.build("--select", "users")
    assert newest(lake).layers == []
    lake.build("--select", "silver", "gyms")
    assert newest(lake).layers == ["silver"]
    lake.build("--select", "gold")
    assert newest(lake).layers == ["gold"]


def test_the_rows_that_fail_a_test_are_kept_where_the_log_says(lake: Lake) -> None:
    land(lake, 1)
    lake.ingest()
    lake.build("--select", "+users")
    lake.spark.sql("insert into silver.users select * from silver.users limit 1")
    with pytest.raises(BuildError, match="primary_key_users"):
        lake.build_and_test("--select", "users", "--indirect-selection", "cautious")
    figures = newest(lake)
    assert figures.rows
    for name, table in figures.rows.items():
        assert name in figures.failures
        assert lake.rows(table)
