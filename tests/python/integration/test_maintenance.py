"""Maintenance: few files, none that somebody needs removed, and no harm to what builds follow."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from delta import DeltaTable

from python_ingest.lock import only_one
from python_ingest.maintenance import (
    LEAST_KEPT,
    LONGEST_UNREAD,
    MAINTENANCE,
    MARGIN,
    maintain,
    retention,
)
from tests.python.lake import Lake, land

DAY = 86400.0
READINGS = "bronze.heart_rate_bz"


def files(lake: Lake, table: str) -> int:
    """Count the files of `layer.table`."""
    path = lake.settings.lakehouse.joinpath(*table.split("."))
    return len(lake.spark.read.format("delta").load(str(path)).inputFiles())


def build_batches(lake: Lake, *seeds: int) -> list[str]:
    """Land, ingest and build several small batches; give what the builds have to say."""
    said = []
    for seed in seeds:
        land(lake, seed)
        lake.ingest()
        said += lake.build()
    return said


def test_maintenance_leaves_few_files_and_nothing_to_do_for_builds(lake: Lake) -> None:
    build_batches(lake, 1, 2)
    readings = lake.settings.lakehouse / "bronze" / "heart_rate_bz"
    for name, days in (("old", 8), ("young", 6)):
        given_up = readings / f"{name}.parquet"
        given_up.write_bytes(b"")
        at = time.time() - days * DAY
        os.utime(given_up, (at, at))
    assert files(lake, READINGS) > 1
    assert {READINGS, "silver.users", "ops.watermarks"} <= {*maintain(lake.spark, lake.settings)}
    assert files(lake, READINGS) == 1
    assert not (readings / "old.parquet").exists()
    assert (readings / "young.parquet").exists()
    versions = {table: lake.version(f"silver.{table}") for table in ("users", "heart_rate")}
    assert lake.build() == []  # Not that anything is compared whole.
    assert versions == {table: lake.version(f"silver.{table}") for table in versions}
    assert build_batches(lake, 3) == []
    assert not lake.differences()


def test_files_are_kept_until_their_changes_have_been_read(lake: Lake) -> None:
    build_batches(lake, 1)
    for table, days in (("users", 10), ("workouts", 100)):
        lake.spark.sql(
            f"update ops.watermarks set committed_at = cast(now() - interval {days} days as string)"
            f" where input = 'silver.{table}'"
        )
    kept = retention(lake.spark, lake.settings)
    assert timedelta() <= kept("silver.users") - timedelta(days=10) - MARGIN < timedelta(minutes=5)
    assert kept("silver.workouts") == LONGEST_UNREAD
    assert kept("silver.heart_rate") == LEAST_KEPT
    maintain(lake.spark, lake.settings)
    users = DeltaTable.forPath(lake.spark, str(lake.settings.lakehouse / "silver" / "users"))
    vacuum = users.history().where("operation = 'VACUUM START'").first()
    assert vacuum is not None
    milliseconds = int(vacuum["operationParameters"]["specifiedRetentionMillis"])
    assert milliseconds >= 10 * DAY * 1000


def test_a_build_waits_for_a_table_that_is_maintained(lake: Lake) -> None:
    land(lake, 1)
    lake.ingest()
    with ThreadPoolExecutor(1) as pool:
        with (
            only_one(lake.settings.lakehouse, MAINTENANCE),
            only_one(lake.settings.lakehouse, "build"),
        ):
            build = pool.submit(lake.build, "--select", "date_lookup")
            time.sleep(1)
            assert not build.done()
        build.result()


def test_bronze_is_left_to_an_ingest_that_is_running(lake: Lake) -> None:
    build_batches(lake, 1)
    said: list[str] = []
    with only_one(lake.settings.lakehouse, "ingest"):
        done = maintain(lake.spark, lake.settings, tell=said.append)
    assert "silver.users" in done
    assert READINGS not in done
    assert f"{READINGS}: left to the ingest that is running." in said
