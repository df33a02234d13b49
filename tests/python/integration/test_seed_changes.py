"""Gyms and heart-rate maxima are seeds; a change of one repairs the rows that it touches."""

from datetime import date, datetime
from typing import cast

from tests.python.lake import Lake, differences
from tests.python.reference import tables


def test_a_moved_gym_and_a_maximum_from_a_date_on_repair_their_rows(built: Lake) -> None:
    """The tables are replaced as dbt does it, not the files: seeds are left out of the build."""
    user = max(cast(int, row["user_id"]) for row in built.rows("gold.workout_zones"))
    starts = [r["start_time"] for r in built.rows("gold.workout_zones") if r["user_id"] == user]
    first = min(cast(datetime, start).date() for start in starts)
    replace(built, "gyms", "select gym, name, 'Asia/Kolkata' as time_zone, capacity from gold.gyms")
    replace(
        built,
        "heart_rate_maxima",
        "select * from gold.heart_rate_maxima union all select * from values "
        f"({user}, date'{first}', 150), ({user}, date'1990-01-01', 210)",
    )
    built.build("--exclude", "resource_type:seed")
    zones = dict.fromkeys(range(1, 11), "Asia/Kolkata")
    maxima = [(user, date(1990, 1, 1), 210.0), (user, first, 150.0)]
    expected = tables(built.settings.landing, gym_time_zones=zones, heart_rate_maxima=maxima)
    found = {row["hr_max"] for row in expected["workout_zones"] if row["user_id"] == user}
    assert 150.0 in found
    assert not differences(expected, built.contents())


def replace(lake: Lake, seed: str, query: str) -> None:
    """Replace the table of a seed by the rows of a query."""
    rows = lake.spark.sql(query).collect()
    schema = lake.spark.table(f"gold.{seed}").schema
    changed = lake.spark.createDataFrame(rows, schema)
    changed.write.format("delta").mode("overwrite").saveAsTable(f"gold.{seed}")
